//! A key in a file that somebody else rotates: read again, compared by content, never watched.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::{KEY_FILE, RenewError};
use super::mint::{Mint, Minted, Minting, Naming, News, Secret, of_static};
use super::sts::Sts;
use crate::config::identity::{KeyFile, KeyFormat};
use crate::time::Timestamp;

/// The source `key-file`.
pub(super) struct FromFile {
    pub table: KeyFile,
    pub sts: Sts,
    /// Of the key that was read last; the inner `None` when none could be.
    pub print: Mutex<Option<Option<[u8; 32]>>>,
}

impl FromFile {
    async fn get(&self) -> Result<Minted, RenewError> {
        let key = read(&self.table).await;
        *self.print.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.as_ref().ok().map(Key::print));
        let key = key.map_err(|problem| {
            let path = self.table.path.display();
            let remedy = "put a key there, and let the daemon's user read it";
            RenewError::new(KEY_FILE, format!("the key file {path} {problem}; {remedy}"))
        })?;
        let token = key.token.as_ref().map(|token| token.as_str());
        let mut minted = of_static(&key.id, &key.secret, token, self.sts.clock().now());
        minted.facts.expires_at = key.ends_at;
        Ok(minted)
    }
}

impl Mint for FromFile {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.get())
    }

    fn poll(&self) -> Option<Duration> {
        Some(self.table.poll)
    }

    /// A file that cannot be read any more is news too, once.
    fn has_news(&self) -> News<'_> {
        Box::pin(async {
            let print = read(&self.table).await.ok().map(|key| key.print());
            Some(print) != *self.print.lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    fn tells_changes(&self) -> bool {
        true
    }

    fn can_be_named(&self) -> bool {
        self.sts.knows_static_keys()
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a> {
        Box::pin(self.sts.name_static(minted))
    }
}

struct Key {
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
    ends_at: Option<Timestamp>,
}

impl Key {
    fn print(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let ends_at = self.ends_at.map(|at| at.to_string()).unwrap_or_default();
        let token = self.token.as_ref().map_or("", |token| token.as_str());
        for part in [&self.id, self.secret.as_str(), token, &ends_at] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

async fn read(table: &KeyFile) -> Result<Key, String> {
    let directory = match table.format {
        KeyFormat::Directory => true,
        KeyFormat::Auto => tokio::fs::metadata(&table.path).await.is_ok_and(|about| about.is_dir()),
        _ => false,
    };
    if directory {
        let part =
            async |name: &str| text(&table.path.join(name)).await.map_err(|problem| format!("({name}) {problem}"));
        let (id, secret) = (part("aws_access_key_id").await?, part("aws_secret_access_key").await?);
        let has_token = tokio::fs::try_exists(table.path.join("aws_session_token")).await.unwrap_or(true);
        let token = if has_token { Some(part("aws_session_token").await?) } else { None };
        return key(id.trim(), secret.trim(), token.as_ref().map(|token| token.trim()), None);
    }
    let text = text(&table.path).await?;
    let json = text.trim_start().starts_with('{');
    match table.format {
        KeyFormat::Json => from_json(&text),
        KeyFormat::Auto if json => from_json(&text),
        _ => from_ini(&text, &table.section),
    }
}

async fn text(path: &Path) -> Result<Zeroizing<String>, String> {
    let bytes = read_bounded(path, MAX_FILE_BYTES).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not text".to_owned())?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Reads a file that may hold a secret; never its words in an error.
pub(super) async fn read_bounded(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let path = path.to_owned();
    // Not by tokio's file, which leaves a copy of what it read in a buffer of its own.
    let reading = tokio::task::spawn_blocking(move || read_at_once(&path, most));
    reading.await.unwrap_or_else(|_| Err("cannot be read now".to_owned()))
}

fn read_at_once(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "is not there".to_owned(),
        ErrorKind::PermissionDenied => "may not be read by the daemon's user".to_owned(),
        kind => format!("cannot be opened ({kind})"),
    })?;
    // Room for all of it at once: growing would leave copies behind.
    let length = file.metadata().map_or(0, |about| about.len()).min(most);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 4096));
    let read = file.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be read ({})", error.kind()))?;
    if bytes.len() as u64 > most { Err(format!("is longer than {most} bytes")) } else { Ok(bytes) }
}

fn key(id: &str, secret: &str, token: Option<&str>, ends_at: Option<&str>) -> Result<Key, String> {
    let plain = |text: &str| (16..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain(id) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("holds no access key id (AKIA…)".to_owned());
    }
    if !plain(secret) {
        let lack = match secret.len() {
            0 => "holds no secret access key",
            1..16 => "holds a secret access key that is too short to be one",
            16..=256 => "holds a secret access key with spaces or other strange characters",
            _ => "holds a secret access key that is too long to be one",
        };
        return Err(lack.to_owned());
    }
    let token = token.filter(|token| !token.is_empty());
    if token.is_none() && id.starts_with("ASIA") {
        return Err("holds a temporary key (ASIA…) without its session token".to_owned());
    }
    if token.is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err("holds a session token with spaces or other strange characters".to_owned());
    }
    let end = |text: &str| Timestamp::parse_rfc3339(text).map_err(|_| "has an Expiration that is no time".to_owned());
    Ok(Key {
        id: id.to_owned(),
        secret: Zeroizing::new(secret.to_owned()),
        token: token.map(|token| Zeroizing::new(token.to_owned())),
        ends_at: ends_at.filter(|text| !text.is_empty()).map(end).transpose()?,
    })
}

/// As the AWS CLI prints a key: alone, or below `AccessKey` or `Credentials`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Json {
    access_key_id: Option<Secret>,
    secret_access_key: Option<Secret>,
    session_token: Option<Secret>,
    expiration: Option<String>,
    access_key: Option<Box<Json>>,
    credentials: Option<Box<Json>>,
}

fn from_json(text: &str) -> Result<Key, String> {
    // The parser's own words could quote the file.
    let mut json: Json = serde_json::from_str(text).map_err(|_| "is not the JSON of a key".to_owned())?;
    if let Some(inner) = json.access_key.take().or(json.credentials.take()) {
        json = *inner;
    }
    match (json.access_key_id, json.secret_access_key) {
        (Some(id), Some(secret)) => key(&id, &secret, json.session_token.as_deref(), json.expiration.as_deref()),
        _ => Err("has no AccessKeyId and SecretAccessKey".to_owned()),
    }
}

/// Both forms of a key file: the key's id and whether it has a token, or what is wrong.
#[cfg(any(test, fuzzing))]
pub(super) fn texts(text: &str) -> [Result<(String, bool), String>; 2] {
    [from_json(text), from_ini(text, "default")].map(|key| key.map(|key| (key.id, key.token.is_some())))
}

fn from_ini(text: &str, wanted: &str) -> Result<Key, String> {
    let (mut here, mut found) = (false, false);
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            let section = section.trim();
            here = section.strip_prefix("profile ").unwrap_or(section).trim() == wanted;
            found |= here;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| here) {
            match name.trim().to_ascii_lowercase().as_str() {
                "aws_access_key_id" => id = Some(value.trim()),
                "aws_secret_access_key" => secret = Some(value.trim()),
                "aws_session_token" => token = Some(value.trim()),
                _ => {}
            }
        }
    }
    match (id, secret) {
        (Some(id), Some(secret)) => key(id, secret, token, None),
        _ if found => Err(format!("has no aws_access_key_id and aws_secret_access_key in [{wanted}]")),
        _ => Err(format!("has no section [{wanted}]")),
    }
}

const MAX_FILE_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn is_key(read: Result<Key, String>) -> bool {
        read.is_ok_and(|key| key.id == ID && *key.secret == SECRET)
    }

    #[test]
    fn a_section_of_an_ini_file_is_read_and_others_are_not() {
        let ini = format!(
            "[other]\naws_access_key_id = AKIAOTHEROTHEROTHER0\n# [default]\n[default]\nAWS_ACCESS_KEY_ID={ID}\n\
             aws_secret_access_key = {SECRET}\n"
        );
        assert!(is_key(from_ini(&ini, "default")));
        assert!(from_ini(&ini, "other").is_err_and(|problem| problem.contains("in [other]")));
        assert!(from_ini(&ini, "none").is_err_and(|problem| problem.contains("no section [none]")));
    }

    #[test]
    fn json_is_read_alone_and_as_the_cli_prints_it() {
        let flat = format!(r#"{{"AccessKeyId": "{ID}", "SecretAccessKey": "{SECRET}"}}"#);
        assert!(is_key(from_json(&flat)));
        assert!(is_key(from_json(&format!(r#"{{"AccessKey": {flat}}}"#))));
        assert!(from_json("{}").is_err() && from_json("{").is_err());
    }

    #[test]
    fn a_session_token_is_read_with_its_end_where_the_form_has_one() {
        let ini =
            format!("[default]\naws_access_key_id={ID}\naws_secret_access_key={SECRET}\naws_session_token = a/b==\n");
        let key = from_ini(&ini, "default").unwrap();
        assert_eq!((key.token.as_ref().map(|token| token.as_str()), key.ends_at), (Some("a/b=="), None));
        let json = format!(
            r#"{{"AccessKeyId": "{ID}", "SecretAccessKey": "{SECRET}", "SessionToken": "t", "Expiration": "1970-01-01T01:00:00+00:00"}}"#
        );
        let key = from_json(&json).unwrap();
        assert_eq!((key.token.is_some(), key.ends_at), (true, Some(Timestamp::from_unix(3600))));
    }

    #[tokio::test]
    async fn a_file_is_news_when_another_key_is_there_and_once_when_none_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let table = KeyFile {
            path: path.clone(),
            format: KeyFormat::Auto,
            section: "default".to_owned(),
            poll: Duration::from_secs(10),
        };
        let clock = crate::clock::Clock::system();
        let aws = crate::aws::Aws::new(clock.clone(), crate::aws::Environment::default()).unwrap();
        let budget = std::sync::Arc::new(crate::identity::pace::Budget::new(clock, 60));
        let metrics = std::sync::Arc::new(crate::telemetry::Metrics::new().unwrap());
        let sts = Sts::new(aws, Default::default(), &Default::default(), None, budget, metrics);
        let source = FromFile { table, sts, print: Mutex::default() };
        assert!(source.has_news().await, "nothing has been looked for yet");
        assert_eq!(source.mint().await.map(drop).unwrap_err().reason(), "KEY_FILE");
        assert!(!source.has_news().await, "it is still missing, which is known");
        std::fs::write(&path, format!(r#"{{"AccessKeyId": "{ID}", "SecretAccessKey": "{SECRET}"}}"#)).unwrap();
        assert!(source.has_news().await);
        source.mint().await.map(drop).unwrap();
        assert!(!source.has_news().await);
        std::fs::remove_file(&path).unwrap();
        assert!(source.has_news().await);
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_of_the_one_that_is_there() {
        for (secret, told) in [
            ("", "holds no secret"),
            ("xy", "too short"),
            (&SECRET[..15], "too short"),
            (&SECRET.repeat(7), "too long"),
            (&SECRET.replace('/', " "), "strange characters"),
        ] {
            let problem = key(ID, secret, None, None).map(drop).unwrap_err();
            assert!(problem.contains(told) && (secret.is_empty() || !problem.contains(secret)), "{problem}");
        }
        assert!(is_key(key(ID, SECRET, None, None)));
    }

    #[test]
    fn a_file_with_something_else_is_refused_without_quoting_it() {
        let problems = [
            key(ID, "", None, None).map(drop),
            key("", SECRET, None, None).map(drop),
            key("ASIAIOSFODNN7EXAMPLE", SECRET, None, None).map(drop),
            key("ASIAIOSFODNN7EXAMPLE", SECRET, Some("a token"), None).map(drop),
            key(ID, SECRET, Some(SECRET), Some("soon")).map(drop),
            from_json(&format!("{{{SECRET}}}")).map(drop),
        ];
        for problem in problems {
            assert!(problem.is_err_and(|problem| !problem.contains(SECRET)));
        }
    }
}
