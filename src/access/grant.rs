//! One grant, and what it covers.

use super::rate::Rate;
use super::reach::{Keys, Need};
use super::{Caller, Dimension, OVERFLOW_ID};
use crate::s3::operation::Operation;
use crate::s3::{Bucket, KeyPrefix};
use crate::session::IdentityName;
use crate::time::Ttl;

/// One `[[grant]]`. It covers an ask when each of its parts does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// For errors and the log.
    pub name: Option<String>,
    /// Whom it is for.
    pub who: Who,
    /// Which identities may sign.
    pub identities: Identities,
    /// Where; never empty.
    pub buckets: Vec<BucketPattern>,
    /// Which keys; never empty. The empty prefix means every key, and all that is not about keys.
    pub prefixes: Vec<KeyPrefix>,
    /// What S3 may be asked.
    pub operations: Operations,
    /// The longest life of a URL.
    pub max_expires_in: Ttl,
    /// How often each uid may use it; `None` for as often as it likes.
    pub rate: Option<Rate>,
}

/// Whom a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Processes of this user.
    Uid(u32),
    /// Processes whose effective group this is. Supplementary groups do not count: the kernel does not show them.
    Gid(u32),
    /// Every process that can open the socket.
    Any,
}

/// Which identities a grant lets sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identities {
    /// All, also those of a later configuration.
    All,
    /// These.
    These(Vec<IdentityName>),
}

/// Which operations a grant allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operations {
    /// All, also sub-resources that presignd has no name for.
    All,
    /// These.
    These(Vec<Operation>),
}

/// A bucket as callers name it, or the beginning of one followed by `*`. An access point is matched by its ARN or
/// alias, never by the bucket behind it, which presignd does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketPattern {
    /// This one.
    Exactly(Bucket),
    /// All that begin so.
    StartsWith(String),
}

impl Grant {
    /// `Err` names the first part that does not cover.
    pub(super) fn covers(&self, caller: &Caller, identity: &IdentityName, need: &Need) -> Result<(), Dimension> {
        let covered = [
            (Dimension::Caller, self.who.is(caller)),
            (Dimension::Identity, self.identities.contain(identity)),
            (Dimension::Bucket, self.buckets.iter().any(|pattern| pattern.covers(&need.bucket))),
            (Dimension::Prefix, self.prefixes.iter().any(|prefix| need.keys.iter().all(|keys| keys.lie_under(prefix)))),
            (Dimension::Operation, self.operations.contain(need.operation)),
        ];
        covered.iter().find(|(_, covers)| !covers).map_or(Ok(()), |(dimension, _)| Err(*dimension))
    }

    /// Orders grants that cover the same ask: life first, then how often.
    pub(super) fn worth(&self) -> (Ttl, u64, u64) {
        let rate = self.rate.map_or((u64::MAX, u64::MAX), |rate| (rate.per_second.into(), rate.burst.into()));
        (self.max_expires_in, rate.0, rate.1)
    }
}

impl Who {
    /// Whether the caller is meant. The overflow id is no user and no group, so no `uid` or `gid` can mean it.
    pub fn is(self, caller: &Caller) -> bool {
        match self {
            Self::Uid(uid) => uid == caller.uid && uid != OVERFLOW_ID,
            Self::Gid(gid) => gid == caller.gid && gid != OVERFLOW_ID,
            Self::Any => true,
        }
    }
}

impl Identities {
    /// Whether the identity is among them.
    pub fn contain(&self, identity: &IdentityName) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(identity),
        }
    }
}

impl Operations {
    /// Whether the operation is among them.
    pub fn contain(&self, operation: Operation) -> bool {
        match self {
            Self::All => true,
            Self::These(operations) => operations.contains(&operation),
        }
    }

    /// The operations that a group stands for; `None` when there is no group of that name. Changing who may see an
    /// object (ACLs), how long it must stay (retention, legal hold) or its tags is in no group: it has to be named.
    pub fn group(name: &str) -> Option<&'static [Operation]> {
        GROUPS.iter().find(|(group, _)| *group == name).map(|(_, operations)| *operations)
    }
}

impl BucketPattern {
    /// # Errors
    /// When the text is neither a bucket nor the beginning of one with a `*` after it.
    pub fn parse(text: &str) -> Result<Self, crate::s3::Refused> {
        match text.split_once('*') {
            Some((beginning, "")) => Ok(Self::StartsWith(beginning.to_owned())),
            Some(_) => Err(crate::s3::Refused::new("bucket", "has a * that does not stand at its end")),
            None => Bucket::parse(text).map(Self::Exactly),
        }
    }

    /// Whether a bucket that a caller names so is meant.
    pub fn covers(&self, bucket: &str) -> bool {
        match self {
            Self::Exactly(exactly) => exactly.as_str() == bucket,
            Self::StartsWith(beginning) => bucket.starts_with(beginning),
        }
    }
}

impl Keys {
    fn lie_under(&self, prefix: &KeyPrefix) -> bool {
        match self {
            Self::Beginning(text) => prefix.covers(text),
            Self::Unknown => prefix.as_str().is_empty(),
        }
    }
}

/// Names of operations that go together.
const GROUPS: &[(&str, &[Operation])] = &[
    (
        "read",
        &[
            Operation::GetObject,
            Operation::HeadObject,
            Operation::GetObjectAttributes,
            Operation::GetObjectAcl,
            Operation::GetObjectTagging,
            Operation::GetObjectRetention,
            Operation::GetObjectLegalHold,
        ],
    ),
    (
        "write",
        &[
            Operation::PutObject,
            Operation::PostObject,
            Operation::CopyObject,
            Operation::CreateMultipartUpload,
            Operation::UploadPart,
            Operation::UploadPartCopy,
            Operation::CompleteMultipartUpload,
            Operation::AbortMultipartUpload,
            Operation::ListParts,
        ],
    ),
    (
        "list",
        &[
            Operation::ListObjectsV2,
            Operation::ListObjects,
            Operation::ListObjectVersions,
            Operation::ListMultipartUploads,
            Operation::HeadBucket,
        ],
    ),
    ("delete", &[Operation::DeleteObject, Operation::DeleteObjects]),
];
