//! A form upload to be signed: the conditions of a POST policy, checked once (SEMANTICS.md 3.9).

use super::request::Headers;
use super::{Addressing, Bucket, KeyPrefix, ObjectKey, Refused};

/// Which keys the form may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One key. `${filename}` in it stands for the name of the file that the user picks.
    Key(ObjectKey),
    /// Any key that begins so: one form, many objects.
    StartsWith(KeyPrefix),
}

/// What a form may upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Where to.
    pub bucket: Bucket,
    /// Under which keys.
    pub target: Target,
    /// Fields with their exact values, names as given, sorted.
    pub fields: Vec<(String, String)>,
    /// Fields that the user may choose, with the beginning they must have, sorted.
    pub starts_with: Vec<(String, String)>,
    /// Least and greatest size in bytes.
    pub content_length_range: Option<(u64, u64)>,
    /// Host forms.
    pub addressing: Addressing,
}

impl Form {
    /// # Errors
    /// Names a field that the signature sets itself, that is given twice, or that is malformed; and a size range
    /// whose ends are the wrong way round.
    pub fn new(
        bucket: Bucket,
        target: Target,
        mut fields: Vec<(String, String)>,
        mut starts_with: Vec<(String, String)>,
        content_length_range: Option<(u64, u64)>,
        addressing: Addressing,
    ) -> Result<Self, Refused> {
        if fields.len() + starts_with.len() > MAX_FIELDS {
            return Err(Refused::new("fields", "hold more than 64 names"));
        }
        let mut seen = std::collections::HashSet::new();
        for (name, value) in fields.iter().chain(&starts_with) {
            let refuse = |problem: &str| Err(Refused::new(format!("fields.{name}"), problem));
            let lower = name.to_ascii_lowercase();
            if name.is_empty() || name.len() > 256 || name.chars().any(|c| c.is_control() || matches!(c, '"' | '$')) {
                return Err(Refused::new("fields", "hold a name that is empty, too long, or has odd characters"));
            }
            if SET_BY_SIGNER.contains(&lower.as_str()) {
                return refuse("is set by presignd or by the form; leave it out");
            }
            if value.len() > 4096 || value.chars().any(char::is_control) {
                return refuse("must be at most 4,096 bytes without control characters");
            }
            if lower == "x-amz-server-side-encryption-customer-key" {
                return refuse("is a secret that a form would show to everybody who sees it; use a presigned PUT");
            }
            if !seen.insert(lower) {
                return refuse("is given twice");
            }
        }
        if content_length_range.is_some_and(|(least, greatest)| least > greatest) {
            return Err(Refused::new("content_length_range", "has a minimum above its maximum"));
        }
        fields.sort();
        starts_with.sort();
        Ok(Self { bucket, target, fields, starts_with, content_length_range, addressing })
    }
}

/// One thing that can be signed and recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signable {
    /// A presigned URL.
    Request(super::request::Request),
    /// A POST policy.
    Form(Form),
}

impl Signable {
    /// Where it leads.
    pub fn bucket(&self) -> &Bucket {
        match self {
            Self::Request(request) => request.bucket(),
            Self::Form(form) => &form.bucket,
        }
    }

    /// What S3 is asked to do.
    pub fn operation(&self) -> super::operation::Operation {
        match self {
            Self::Request(request) => request.operation(),
            Self::Form(_) => super::operation::Operation::PostObject,
        }
    }

    /// The key of the object, or the beginning of the keys that a form takes; `None` on the bucket.
    pub fn key_or_prefix(&self) -> Option<&str> {
        match self {
            Self::Request(request) => request.key().map(super::ObjectKey::as_str),
            Self::Form(Form { target: Target::Key(key), .. }) => Some(key.as_str()),
            Self::Form(Form { target: Target::StartsWith(prefix), .. }) => Some(prefix.as_str()),
        }
    }

    /// Headers that are signed; a form has none.
    pub fn headers(&self) -> Option<&Headers> {
        match self {
            Self::Request(request) => Some(request.headers()),
            Self::Form(_) => None,
        }
    }

    /// Host forms.
    pub fn addressing(&self) -> Addressing {
        match self {
            Self::Request(request) => request.addressing(),
            Self::Form(form) => form.addressing,
        }
    }
}

const SET_BY_SIGNER: &[&str] = &[
    "key",
    "bucket",
    "policy",
    "file",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
    "awsaccesskeyid",
    "signature",
    "submit",
];
const MAX_FIELDS: usize = 64;
