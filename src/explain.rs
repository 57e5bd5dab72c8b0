//! Takes any presigned URL apart: what signed it, when it ends by its own text, what is wrong with it.
//!
//! Asks nobody and never panics, whatever it is given. Never repeats a signature or a session token.

mod embedded;
mod findings;
mod place;
mod text;
mod unfold;

use crate::issued::{Fingerprint, IssuedUrl};
use crate::s3::Refused;
use crate::s3::form::Signable;
use crate::time::{Timestamp, Ttl};

pub use findings::{Finding, Severity};
use text::{Parts, within_bound};
pub use unfold::lines;

/// What can be read from a presigned URL alone. What the text does not show is empty or `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// `AWS4-HMAC-SHA256`, `AWS4-ECDSA-P256-SHA256`, or `AWS` for SigV2.
    pub algorithm: String,
    /// The key that signed.
    pub access_key_id: String,
    /// What the key id's prefix and the token say of it.
    pub credential: &'static str,
    /// Whether a session token is there.
    pub has_session_token: bool,
    /// From the credential scope.
    pub region: String,
    /// From the credential scope.
    pub service: String,
    /// In lower case, with its port where it has one.
    pub host: String,
    /// Read from host or path; empty where neither tells.
    pub bucket: String,
    /// Decoded; empty for a bucket's URL.
    pub key: String,
    /// `X-Amz-Date`.
    pub signed_at: Option<Timestamp>,
    /// `X-Amz-Expires`, in seconds, as written.
    pub expires_in: Option<u64>,
    /// The end that the URL shows. Its session may end before.
    pub ends_at: Option<Timestamp>,
    /// By the URL's own text.
    pub state: State,
    /// Names that the bearer must send as signed.
    pub signed_headers: Vec<String>,
    /// Decoded parameters that are no part of the signature.
    pub query: Vec<(String, String)>,
    /// What the reader should know.
    pub findings: Vec<Finding>,
}

/// Whether the URL's own clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// The text does not say.
    #[default]
    Unknown,
    /// `X-Amz-Date` lies ahead.
    NotYetValid,
    /// By its text. Its session, a policy or its object may have ended it all the same.
    Usable,
    /// Over.
    Ended,
}

impl State {
    /// As it is written in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotYetValid => "not yet valid",
            Self::Usable => "usable",
            Self::Ended => "ended",
        }
    }
}

/// Explains a URL at `now`.
///
/// # Errors
/// Names `url` when there is no URL with a query in the text, or more than one, or it is over [`MAX_TEXT`] bytes.
pub fn explain(text: &str, now: Timestamp) -> Result<Explanation, Refused> {
    let text = unfold::unfolded(within_bound(text, "url")?);
    let text = &embedded::only(&text)?;
    let parts = Parts::of_url(text)?;
    let host = parts.host.to_ascii_lowercase();
    let (bucket, key) = place::bucket_and_key(&host, &parts.path);
    let mut explanation = Explanation {
        host,
        bucket,
        key,
        has_session_token: parts.value("X-Amz-Security-Token").is_some(),
        query: parts.shown().collect(),
        ..Explanation::default()
    };
    if let Some(algorithm) = parts.value("X-Amz-Algorithm") {
        explanation.algorithm = algorithm.to_owned();
        read_v4(&mut explanation, &parts);
    } else if let Some(id) = parts.value("AWSAccessKeyId") {
        explanation.algorithm = "AWS".to_owned();
        explanation.access_key_id = id.to_owned();
        explanation.has_session_token = parts.value("x-amz-security-token").is_some();
        let ends_at = parts.value("Expires").and_then(|text| text.parse().ok()).map(Timestamp::from_unix);
        explanation.ends_at = ends_at;
    }
    explanation.credential = credential(&explanation.access_key_id, explanation.has_session_token);
    explanation.state = state(&explanation, now);
    explanation.findings = findings::of(&explanation, &parts);
    Ok(explanation)
}

fn read_v4(explanation: &mut Explanation, parts: &Parts<'_>) {
    let scope: Vec<&str> = parts.value("X-Amz-Credential").unwrap_or_default().split('/').collect();
    // SigV4a has no region in its scope.
    match scope[..] {
        [id, _, region, service, _] => {
            explanation.access_key_id = id.to_owned();
            explanation.region = region.to_owned();
            explanation.service = service.to_owned();
        }
        [id, _, service, _] => {
            explanation.access_key_id = id.to_owned();
            explanation.service = service.to_owned();
        }
        _ => {}
    }
    explanation.signed_at = parts.value("X-Amz-Date").and_then(|text| Timestamp::parse_amz_date(text).ok());
    explanation.expires_in = parts.value("X-Amz-Expires").and_then(|text| text.parse().ok());
    let ttl = explanation.expires_in.and_then(|seconds| Ttl::new(seconds).ok());
    explanation.ends_at = explanation.signed_at.zip(ttl).map(|(at, ttl)| at + ttl);
    let names = parts.value("X-Amz-SignedHeaders").unwrap_or_default();
    explanation.signed_headers = names.split(';').filter(|name| is_header(name)).map(str::to_owned).collect();
}

/// Whether it can be the name of a header. Where an `&` was lost on the way, what follows is none, but may be a secret.
fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The prefixes are AWS's documented ones (IAM identifiers, SEMANTICS.md R33).
fn credential(access_key_id: &str, has_token: bool) -> &'static str {
    match (access_key_id.get(..4).unwrap_or_default(), has_token) {
        ("AKIA", false) => "long-term key",
        ("AKIA", true) => "long-term key id with a session token, which do not go together",
        ("ASIA", true) => "temporary session",
        ("ASIA", false) => "temporary session whose token is missing",
        (_, true) => "temporary session, by its token",
        (_, false) => "unknown",
    }
}

fn state(explanation: &Explanation, now: Timestamp) -> State {
    match (explanation.signed_at, explanation.ends_at) {
        (_, Some(ends_at)) if now >= ends_at => State::Ended,
        (Some(signed_at), _) if now < signed_at => State::NotYetValid,
        (_, Some(_)) => State::Usable,
        _ => State::Unknown,
    }
}

/// Where to look for the record of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The key that signed.
    pub access_key_id: String,
    /// `X-Amz-Date`.
    pub signed_at: Timestamp,
    /// Of the signature; `None` where the text has none that is whole.
    pub fingerprint: Option<Fingerprint>,
    /// Whether it has one all the same: cut, changed on its way, or masked as in a log.
    pub is_damaged: bool,
    method: Option<String>,
    path: String,
    expires_in: Option<u64>,
}

impl Located {
    /// Whether a record of the same key and date is of the same request, as far as the text shows it. Two requests of
    /// one second that differ only in their query are not told apart.
    pub fn agrees_with(&self, url: &IssuedUrl) -> bool {
        let Signable::Request(request) = &url.what else { return false };
        let key = request.key().map_or("", |key| key.as_str());
        self.method.as_ref().is_none_or(|method| method == request.method().as_str())
            && self.expires_in.is_none_or(|seconds| seconds == u64::from(url.ttl.seconds()))
            && self.path.strip_suffix(key).is_some_and(|before| before.ends_with('/') || key.is_empty())
    }
}

/// Reads key id, date and signature from a presigned URL, whatever text stands around it, or from a line of an S3 server
/// access log.
///
/// # Errors
/// Names `text` when it is neither, holds several URLs, was not signed with SigV4, or is over [`MAX_TEXT`] bytes.
pub fn locate(text: &str) -> Result<Located, Refused> {
    let refuse = |problem: &str| Refused::new("text", problem);
    let text = &*unfold::unfolded(within_bound(text, "text")?);
    let url;
    // A line of a log may name URLs too: of the page that led there.
    let parts = match Parts::of_log_line(text).ok().filter(Parts::is_presigned) {
        Some(parts) => parts,
        None => {
            url = embedded::only(text)?;
            Parts::of_url(&url).or_else(|_| Parts::of_log_line(text))?
        }
    };
    if parts.value("X-Amz-Credential").is_none() && parts.value("AWSAccessKeyId").is_some() {
        return Err(refuse(
            "was signed with SigV2, and presignd never signs so: another program made it, and no record is here",
        ));
    }
    let credential = parts.value("X-Amz-Credential").or_else(|| parts.value("x-amz-credential"));
    let id = credential.and_then(|credential| credential.split('/').next()).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| refuse("has no X-Amz-Credential; presignd's URLs are found by key id and date"))?;
    let date = parts.value("X-Amz-Date").and_then(|text| Timestamp::parse_amz_date(text).ok());
    let signed_at = date.ok_or_else(|| refuse("has no X-Amz-Date of the form 20261122T235959Z"))?;
    let signature = parts.value("X-Amz-Signature");
    let whole = signature.filter(|text| is_whole(text));
    Ok(Located {
        access_key_id: id.to_owned(),
        signed_at,
        fingerprint: whole.map(Fingerprint::of),
        is_damaged: signature.is_some() && whole.is_none(),
        method: parts.method.map(str::to_owned),
        expires_in: parts.value("X-Amz-Expires").and_then(|text| text.parse().ok()),
        path: parts.path,
    })
}

/// A signature of SigV4, as it is written in a URL.
fn is_whole(signature: &str) -> bool {
    signature.len() == 64 && signature.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Longest text that is looked at.
pub const MAX_TEXT: usize = 16 * 1024;

#[cfg(test)]
mod tests;
