//! What a signed request can touch, read as S3 reads it: the traps lie here.
//!
//! A URL is a bearer's cheque, so everything that the bearer may still choose counts as chosen badly.

use crate::s3::form::{Signable, Target};
use crate::s3::operation::Operation;
use crate::s3::request::Request;

/// What a grant must cover.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) bucket: String,
    /// One prefix of a grant must hold all of them.
    pub(super) keys: Vec<Keys>,
    pub(super) operation: Operation,
}

/// Keys that a request can touch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// Those that begin so; a single key is the beginning of itself.
    Beginning(String),
    /// Whatever stands in a body that is not signed, or the bucket itself.
    Unknown,
}

/// The request, and what it copies from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) target: Need,
    /// `None` for a source that cannot be read, and so cannot be allowed.
    pub(super) sources: Vec<Option<Need>>,
}

pub(super) fn needs(what: &Signable) -> Needs {
    match what {
        Signable::Request(request) => Needs {
            target: need(request.bucket().as_str(), keys(request), request.operation()),
            sources: sources(request),
        },
        Signable::Form(form) => {
            let text = match &form.target {
                Target::Key(key) => key.as_str(),
                Target::StartsWith(prefix) => prefix.as_str(),
            };
            // The user picks the file's name, and it may hold anything.
            let fixed = text.split_once("${filename}").map_or(text, |(fixed, _)| fixed);
            let keys = Keys::Beginning(fixed.to_owned());
            Needs { target: need(form.bucket.as_str(), keys, Operation::PostObject), sources: Vec::new() }
        }
    }
}

fn need(bucket: &str, keys: Keys, operation: Operation) -> Need {
    Need { bucket: bucket.to_owned(), keys: vec![keys], operation }
}

fn keys(request: &Request) -> Keys {
    // `?renameObject` removes a source that x-amz-rename-source names; no operation of ours speaks of it.
    if request.parameter("renameObject").is_some() {
        return Keys::Unknown;
    }
    if let Some(key) = request.key() {
        return Keys::Beginning(key.as_str().to_owned());
    }
    match request.operation() {
        Operation::ListObjectsV2
        | Operation::ListObjects
        | Operation::ListObjectVersions
        | Operation::ListMultipartUploads => Keys::Beginning(request.parameter("prefix").unwrap_or("").to_owned()),
        // DeleteObjects takes its keys from the body, which a presigned URL does not sign. The rest is about the bucket.
        _ => Keys::Unknown,
    }
}

/// S3 takes x-amz-* headers from the query as well, in any case, so a source there counts like one in a header.
fn sources(request: &Request) -> Vec<Option<Need>> {
    let header = request.headers().value(COPY_SOURCE);
    let query = request.query().iter().filter(|(name, _)| name.eq_ignore_ascii_case(COPY_SOURCE));
    header.into_iter().chain(query.map(|(_, value)| value.as_str())).map(source).collect()
}

fn source(raw: &str) -> Option<Need> {
    let path = raw.split_once('?').map_or(raw, |(path, _)| path);
    let decode = |path: &str| -> Option<(String, String)> {
        let text = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
        let text = text.strip_prefix('/').unwrap_or(&text);
        // An access point source is `ARN/object/KEY`; the ARN itself holds one slash.
        let (bucket, key) = if text.starts_with("arn:") { text.split_once("/object/")? } else { text.split_once('/')? };
        Some((bucket.to_owned(), key.to_owned())).filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
    };
    let (bucket, key) = decode(path)?;
    let mut keys = vec![Keys::Beginning(key)];
    // S3 and its imitators do not agree whether a bare plus is a blank; the grant has to cover both.
    if path.contains('+') {
        keys.push(Keys::Beginning(decode(&path.replace('+', "%20"))?.1));
    }
    Some(Need { bucket, keys, operation: Operation::GetObject })
}

const COPY_SOURCE: &str = "x-amz-copy-source";
