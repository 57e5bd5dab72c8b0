//! The credentials endpoint of ECS and EKS Pod Identity, read raw: its `Expiration` is the true one.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::{ENVIRONMENT, METADATA, RenewError};
use super::mint::{Mint, Minted, Minting, Naming, Secret, bare, credentials};
use super::sts::Sts;
use crate::aws::{Aws, get};
use crate::session::CredentialKind;
use crate::time::Timestamp;

/// The source `container`.
pub(super) struct Container {
    pub aws: Aws,
    pub sts: Sts,
}

impl Container {
    pub(super) fn is_there(&self) -> bool {
        [RELATIVE, FULL].iter().any(|name| self.aws.environment.get(name).is_some())
    }

    fn url(&self) -> Result<(String, CredentialKind), RenewError> {
        let environment = &self.aws.environment;
        if let Some(path) = environment.get(RELATIVE) {
            // Anything else in front would become a part of the host.
            if !path.starts_with('/') {
                return Err(RenewError::new(ENVIRONMENT, format!("{RELATIVE} must begin with a slash")));
            }
            return Ok((format!("http://169.254.170.2{path}"), CredentialKind::EcsTask));
        }
        let Some(url) = environment.get(FULL) else {
            let message =
                format!("neither {RELATIVE} nor {FULL} is set; this is no ECS task and no pod with an identity");
            return Err(RenewError::new(ENVIRONMENT, message));
        };
        let host = host(url);
        // As in AWS's tools: a secret comes over TLS or from beside us.
        if !url.starts_with("https://") && !is_beside(&host) {
            let message = format!("{FULL} names {host:?}, which is neither https nor a metadata or loopback address");
            return Err(RenewError::new(ENVIRONMENT, message));
        }
        let pod = matches!(host.as_str(), "169.254.170.23" | "[fd00:ec2::23]");
        Ok((url.to_owned(), if pod { CredentialKind::PodIdentity } else { CredentialKind::EcsTask }))
    }

    async fn authorization(&self) -> Result<Option<Zeroizing<String>>, RenewError> {
        let environment = &self.aws.environment;
        if let Some(file) = environment.get(TOKEN_FILE) {
            let read = super::keyfile::read_bounded(Path::new(file), MAX_BYTES as u64).await;
            let text = read.and_then(|bytes| match std::str::from_utf8(&bytes) {
                Ok(text) => Ok(Zeroizing::new(text.trim().to_owned())),
                Err(_) => Err("is not text".to_owned()),
            });
            let failed = |problem| {
                let remedy = "let the daemon's user read it";
                RenewError::new(super::error::TOKEN_FILE, format!("{TOKEN_FILE}: the file {file} {problem}; {remedy}"))
            };
            return text.map(Some).map_err(failed);
        }
        Ok(environment.get(TOKEN).map(|token| Zeroizing::new(token.to_owned())))
    }

    async fn get(&self) -> Result<Minted, RenewError> {
        let (url, kind) = self.url()?;
        let headers: Vec<_> = self.authorization().await?.map(|token| ("authorization", token)).into_iter().collect();
        let failed = |problem: String| {
            RenewError::new(METADATA, format!("the container's credentials endpoint gave none: {problem}"))
        };
        let answer = get(&self.aws.beside, &url, &headers, (TIME, MAX_BYTES))
            .await
            .map_err(|error| failed(error.to_string()))?;
        if answer.status != 200 {
            return Err(failed(format!("it answered {}; see that the task or pod has a role", answer.status)));
        }
        read(&answer.body, kind, self.aws.clock.now()).map_err(failed)
    }
}

impl Mint for Container {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.get())
    }

    fn poll(&self) -> Option<Duration> {
        Some(LOOK_AGAIN)
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a> {
        Box::pin(self.sts.name_principal(minted))
    }
}

/// The host of a URL, without port; empty when it names a user, for then the host is not where it seems.
fn host(url: &str) -> String {
    let authority = url.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let authority = authority.filter(|authority| !authority.contains(['@', '\\'])).unwrap_or_default();
    let end = if authority.starts_with('[') { authority.find(']').map(|at| at + 1) } else { authority.find(':') };
    authority[..end.unwrap_or(authority.len())].to_ascii_lowercase()
}

fn is_beside(host: &str) -> bool {
    BESIDE.contains(&host) || host.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback())
}

/// What metadata endpoints answer: ECS, Pod Identity and IMDS alike.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    code: Option<String>,
    access_key_id: Option<Secret>,
    secret_access_key: Option<Secret>,
    token: Option<Secret>,
    expiration: Option<String>,
}

/// Reads a document. Its end is taken as it is written; one that has passed is told as such.
pub(super) fn read(body: &[u8], kind: CredentialKind, now: Timestamp) -> Result<Minted, String> {
    // The parser's own words could quote the document.
    let document: Document =
        serde_json::from_slice(body).map_err(|_| "the answer is no JSON of credentials".to_owned())?;
    if let Some(code) = document.code.filter(|code| code != "Success") {
        return Err(format!("it answered code {:?}", code.chars().take(64).collect::<String>()));
    }
    let (Some(id), Some(secret), Some(token)) = (document.access_key_id, document.secret_access_key, document.token)
    else {
        return Err("the answer lacks AccessKeyId, SecretAccessKey or Token".to_owned());
    };
    let ends_at = document.expiration.as_deref().map(Timestamp::parse_rfc3339);
    let Some(Ok(ends_at)) = ends_at else {
        return Err("the answer lacks an Expiration that can be read".to_owned());
    };
    if ends_at <= now {
        return Err(format!("it serves credentials that ended at {ends_at}; they are not renewed at their source"));
    }
    let mut facts = bare(&id, kind, now);
    facts.expires_at = Some(ends_at);
    Ok(Minted { credentials: credentials(&id, &secret, Some(&token)), facts })
}

const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const BESIDE: &[&str] = &["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost", "[::1]"];
/// How often metadata is looked at: a longer session may be there hours before ours ends (SEMANTICS.md 2.3).
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(300);
const TIME: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn document(expiration: &str) -> String {
        format!(r#"{{"AccessKeyId":"ASIAX","SecretAccessKey":"s","Token":"t","Expiration":"{expiration}"}}"#)
    }

    fn end(body: &str) -> Result<i64, String> {
        let minted = read(body.as_bytes(), CredentialKind::EcsTask, Timestamp::EPOCH)?;
        Ok(minted.facts.expires_at.unwrap().unix())
    }

    #[test]
    fn the_end_is_taken_as_it_is_written() {
        assert_eq!(end(&document("1970-01-01T06:00:00Z")), Ok(21_600));
        assert_eq!(end(&document("1970-01-01T06:00:00.999Z")), Ok(21_600));
    }

    #[test]
    fn credentials_that_have_ended_are_refused_rather_than_stretched() {
        assert!(end(&document("1970-01-01T00:00:00Z")).is_err_and(|problem| problem.contains("ended at")));
    }

    #[test]
    fn an_answer_without_an_end_or_key_is_refused() {
        assert!(end(&document("soon")).is_err());
        assert!(
            end(r#"{"Code":"AssumeRoleUnauthorizedAccess"}"#).is_err_and(|problem| problem.contains("Unauthorized"))
        );
        assert!(end("{}").is_err() && end("<html>").is_err());
        let endless = document("").replace(",\"Expiration\":\"\"", "");
        assert!(end(&endless).is_err_and(|problem| problem.contains("lacks an Expiration")), "{endless}");
    }

    #[test]
    fn only_what_is_beside_us_is_asked_without_tls() {
        for url in ["http://127.0.0.1:80/v1", "http://localhost/", "http://169.254.170.23/v1", "http://[::1]:8080/x"] {
            assert!(is_beside(&host(url)), "{url}");
        }
        let others = [
            "http://127.example.com/",
            "http://10.0.0.1/",
            "http://127.0.0.1.example.com/",
            "http://localhost:x@example.com/",
            "http://example.com?localhost",
            "http://example.com\\@localhost/",
            "127.0.0.1",
        ];
        for url in others {
            assert!(!is_beside(&host(url)), "{url}");
        }
    }
}
