//! A `credential_process`: runs it, bounded in time and in what it may say, and reads its answer.
//!
//! Our own, because the SDK's leaves a process that hangs behind, one more with each attempt.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::identity::error::{PROFILE, RenewError, TIMEOUT};
use crate::identity::mint::{Minted, Secret, of_static};
use crate::time::Timestamp;

/// Runs `command` in a shell, with the daemon's environment, as AWS's tools do.
pub(super) async fn run(command: &str, now: Timestamp) -> Result<Minted, RenewError> {
    let failed = |problem: &str| RenewError::new(PROFILE, format!("the credential_process {problem}"));
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = shell.process_group(0).kill_on_drop(true).spawn();
    let mut child = started.map_err(|error| failed(&format!("could not be started ({})", error.kind())))?;
    let family = Family(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let all = async { tokio::join!(read(out, MAX_ANSWER), read(err, MAX_COMPLAINT), child.wait()) };
    let Ok((answer, complaint, status)) = timeout(TIME, all).await else {
        let message =
            format!("the credential_process did not answer within {TIME:?}; see that it does not wait for a person");
        return Err(RenewError::new(TIMEOUT, message));
    };
    family.leave();
    match status {
        Ok(status) if status.success() => parse(&answer, now).map_err(|problem| failed(&problem)),
        Ok(status) => {
            Err(failed(&format!("failed ({status}): {}; run it as the daemon's user", last_words(&complaint))))
        }
        Err(error) => Err(failed(&format!("could not be waited for ({})", error.kind()))),
    }
}

/// The shell and what it started. Dropped before they are done, they are killed.
struct Family(Option<Pid>);

impl Family {
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // Gone already is as good.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// At most `most` bytes are kept; the rest is read and forgotten, so that the process is not held up.
async fn read(from: Option<impl AsyncRead + Unpin>, most: usize) -> Zeroizing<Vec<u8>> {
    let (mut kept, mut part) = (Zeroizing::new(Vec::with_capacity(most)), Zeroizing::new(vec![0; 4096]));
    let Some(mut from) = from else { return kept };
    while let Ok(length @ 1..) = from.read(&mut part).await {
        let room = most - kept.len();
        kept.extend_from_slice(&part[..length.min(room)]);
    }
    kept
}

/// Version 1, the only one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    version: u64,
    access_key_id: Secret,
    secret_access_key: Secret,
    session_token: Option<Secret>,
    expiration: Option<String>,
}

pub(in crate::identity) fn parse(answer: &[u8], now: Timestamp) -> Result<Minted, String> {
    // The parser's own words could quote the answer.
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|_| "did not print JSON with Version, AccessKeyId and SecretAccessKey".to_owned())?;
    if answer.version != 1 {
        return Err(format!("printed Version {}; presignd knows 1", answer.version));
    }
    let token = answer.session_token.as_deref().filter(|token| !token.is_empty());
    let mut minted = of_static(&answer.access_key_id, &answer.secret_access_key, token, now);
    // A key without a token may have an end too: somebody deletes it then.
    minted.facts.expires_at = match answer.expiration.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => {
            Some(Timestamp::parse_rfc3339(text).map_err(|_| "printed an Expiration that is no time".to_owned())?)
        }
        None => None,
    };
    Ok(minted)
}

/// The last line of what was complained of. Words as long as a secret are left out: scripts print strange things.
pub(in crate::identity) fn last_words(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let Some(line) = text.lines().map(str::trim).rfind(|line| !line.is_empty()) else {
        return "it said nothing".to_owned();
    };
    let plain: String = line.chars().take(MAX_WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    masked(&plain).trim_end().to_owned()
}

/// The same without words that are as long as a secret.
pub(super) fn masked(text: &str) -> String {
    let part_of_a_word = |c: char| c.is_ascii_alphanumeric() || "/+=_-".contains(c);
    let mut words = String::new();
    for piece in text.split_inclusive(|c| !part_of_a_word(c)) {
        let word = piece.trim_end_matches(|c| !part_of_a_word(c));
        if word.len() < LONGEST_WORD {
            words.push_str(piece);
        } else {
            words.push('…');
            words.push_str(&piece[word.len()..]);
        }
    }
    words
}

/// The longest that a process may take: it may ask a server of its own.
const TIME: Duration = Duration::from_secs(60);
const MAX_ANSWER: usize = 64 * 1024;
const MAX_COMPLAINT: usize = 16 * 1024;
/// Characters of a complaint that are told.
const MAX_WORDS: usize = 300;
/// A secret access key has forty characters, a token hundreds.
const LONGEST_WORD: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    async fn reason(command: &str) -> (&'static str, String) {
        let refused = run(command, NOW).await.map(drop).unwrap_err();
        (refused.reason(), refused.to_string())
    }

    #[tokio::test]
    async fn an_answer_is_read_with_its_end() {
        let answer = r#"{"Version": 1, "AccessKeyId": "ASIAX", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "1970-01-01T01:00:00+00:00"}"#;
        let minted = run(&format!("echo '{answer}'"), NOW).await.unwrap();
        assert_eq!(minted.facts.expires_at, Some(Timestamp::from_unix(3600)));
        let endless = answer.replace(r#", "Expiration": "1970-01-01T01:00:00+00:00""#, "");
        assert!(run(&format!("echo '{endless}'"), NOW).await.unwrap().facts.expires_at.is_none());
    }

    #[tokio::test]
    async fn what_is_no_answer_is_refused_without_quoting_it() {
        for answer in [
            "hello wJalrXUtnFEMI",
            r#"{"Version": 2, "AccessKeyId": "ASIAX", "SecretAccessKey": "wJalrXUtnFEMI"}"#,
            r#"{"Version": 1, "AccessKeyId": "ASIAX"}"#,
            r#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "wJalrXUtnFEMI", "Expiration": "soon"}"#,
        ] {
            let (reason, message) = reason(&format!("echo '{answer}'")).await;
            assert!(reason == "PROFILE" && !message.contains("wJalr"), "{message}");
        }
    }

    #[tokio::test]
    async fn a_failure_is_told_in_the_process_own_last_words_but_for_what_may_be_a_secret() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let (reason, message) =
            reason(&format!("echo first >&2; echo 'no ticket for key={secret}, sir' >&2; exit 3")).await;
        assert!(reason == "PROFILE" && message.contains("exit status: 3"), "{message}");
        assert!(message.contains("no ticket for …, sir") && !message.contains("first"), "{message}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_hangs_is_given_up() {
        let (reason, message) = reason("sleep 600").await;
        assert!(reason == "TIMEOUT" && message.contains("within 60s"), "{message}");
    }

    #[tokio::test]
    async fn a_process_that_says_too_much_is_not_held_up() {
        let (_, message) = reason("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; exit 1").await;
        assert!(message.contains("exit status: 1"), "{message}");
    }
}
