//! The record of an issued URL: all that is needed to sign the same request again and to say what ends it, and never
//! the URL or its signature (PRODUCT.md section 3, promise 4).

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::access::Caller;
use crate::s3::Region;
use crate::s3::form::Signable;
use crate::s3::operation::Operation;
use crate::session::lifetime::LimitedBy;
use crate::session::{IdentityName, RecordId, Session};
use crate::time::{Timestamp, Ttl};

/// Recognises a URL without keeping it: the first half of the SHA-256 of its signature, as the lower-case hexadecimal
/// text that stands in the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Of the 64 hexadecimal characters of a signature.
    pub fn of(signature: &str) -> Self {
        let digest = Sha256::digest(signature.as_bytes());
        Self(std::array::from_fn(|i| digest[i]))
    }
}

/// One issued URL or form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedUrl {
    /// Given before signing, so that a tag in the URL can carry it.
    pub id: RecordId,
    /// The session that signed.
    pub session: RecordId,
    /// What was signed, less SSE-C keys.
    pub what: Signable,
    /// The region in the credential scope.
    pub region: Region,
    /// The host that was signed, with its port when that is not the scheme's own.
    pub host: String,
    /// `X-Amz-Date`.
    pub signed_at: Timestamp,
    /// `X-Amz-Expires`, or the length of a form's policy.
    pub ttl: Ttl,
    /// What set the end.
    pub limited_by: LimitedBy,
    /// Whether the URL carries `x-presignd-id`.
    pub tagged: bool,
    /// Finds the URL again.
    pub fingerprint: Fingerprint,
    /// Who asked.
    pub caller: Caller,
    /// For whom, in the caller's words.
    pub on_behalf_of: String,
    /// The caller's labels, sorted by name.
    pub labels: Vec<(String, String)>,
    /// The record that this one follows.
    pub replaces: Option<RecordId>,
}

impl IssuedUrl {
    /// The hard end: nothing lengthens it. The claim never passes the session's end, so this is all there is to it.
    pub fn usable_until(&self) -> Timestamp {
        self.signed_at + self.ttl
    }
}

/// A record with its session, as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The URL.
    pub url: IssuedUrl,
    /// The session that signed it.
    pub session: Arc<Session>,
}

impl Record {
    /// The hard end as it is known by now: a source may have told, since the URL was signed, that the session ends sooner.
    pub fn usable_until(&self) -> Timestamp {
        self.session.bounds(self.url.usable_until())
    }

    /// What set that end.
    pub fn limited_by(&self) -> LimitedBy {
        if self.usable_until() < self.url.usable_until() { LimitedBy::Session } else { self.url.limited_by }
    }
}

/// Which records are meant; every field that is set must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The source.
    pub identity: Option<IdentityName>,
    /// One session.
    pub session: Option<RecordId>,
    /// One access key.
    pub access_key_id: Option<String>,
    /// A bucket, as callers named it.
    pub bucket: Option<String>,
    /// The beginning of the key.
    pub key_prefix: Option<String>,
    /// Any of these; empty for all.
    pub operations: Vec<Operation>,
    /// The caller's uid.
    pub uid: Option<u32>,
    /// For whom, exactly.
    pub on_behalf_of: Option<String>,
    /// All of these.
    pub labels: Vec<(String, String)>,
    /// Signed at or after.
    pub signed_from: Option<Timestamp>,
    /// Signed before.
    pub signed_before: Option<Timestamp>,
    /// Hard end after.
    pub usable_after: Option<Timestamp>,
}

impl Filter {
    /// Whether a record matches, as the registry would say.
    pub fn matches(&self, record: &Record) -> bool {
        fn is<T: PartialEq>(wanted: &Option<T>, value: &T) -> bool {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        }
        let Record { url, session } = record;
        let prefix = self.key_prefix.as_deref().unwrap_or_default();
        is(&self.identity, &session.identity)
            && is(&self.session, &session.id)
            && is(&self.access_key_id, &session.facts.access_key_id)
            && self.bucket.as_deref().is_none_or(|bucket| bucket == url.what.bucket().as_str())
            && (prefix.is_empty() || url.what.key_or_prefix().is_some_and(|key| key.starts_with(prefix)))
            && (self.operations.is_empty() || self.operations.contains(&url.what.operation()))
            && is(&self.uid, &url.caller.uid)
            && is(&self.on_behalf_of, &url.on_behalf_of)
            && self.labels.iter().all(|label| url.labels.contains(label))
            && self.signed_from.is_none_or(|from| url.signed_at >= from)
            && self.signed_before.is_none_or(|before| url.signed_at < before)
            && self.usable_after.is_none_or(|after| record.usable_until() > after)
    }
}
