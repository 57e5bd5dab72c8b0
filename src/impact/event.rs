//! Events, in AWS's words: the rows of SEMANTICS.md 1.2.

use std::time::Duration;

use crate::session::{IdentityName, RecordId};
use crate::time::Timestamp;

/// Something that happens, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happens or happened.
    pub at: Timestamp,
    /// How long AWS may take to enforce it everywhere. AWS gives no bound (SEMANTICS.md 1.6).
    pub settles_within: Duration,
    /// What.
    pub what: What,
}

/// What happens. The letters are the rows of SEMANTICS.md 1.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// c. The access key is made inactive.
    KeyDeactivated {
        /// Which.
        access_key_id: String,
    },
    /// d. The access key is deleted.
    KeyDeleted {
        /// Which.
        access_key_id: String,
    },
    /// e. A new key is made; the old one stays active.
    KeyRotated {
        /// The old one.
        access_key_id: String,
    },
    /// f. The IAM user is deleted.
    UserDeleted(Principal),
    /// g. Sessions of a role, or of a user, issued before an instant are denied everything.
    SessionsRevoked {
        /// Whose.
        principal: Principal,
        /// `aws:TokenIssueTime` earlier than this.
        issued_before: Timestamp,
    },
    /// h. The role is deleted.
    RoleDeleted(Principal),
    /// h′. The role is deleted and made again under its name.
    RoleRecreated(Principal),
    /// i. The role's trust policy no longer lets presignd in.
    TrustPolicyChanged(Principal),
    /// q. The OIDC or SAML provider is removed.
    IdentityProviderRemoved {
        /// Of the provider.
        arn: String,
    },
    /// r. The instance, pod, task or sandbox is gone.
    ComputeTerminated(IdentityName),
    /// s. The instance profile or the association is detached or swapped.
    AssociationChanged(IdentityName),
    /// t. The user of Identity Center is disabled, deleted or signed out.
    SsoUserDisabled(IdentityName),
    /// b. The session reaches its end.
    SessionExpired(RecordId),
    /// presignd renews an identity.
    IdentityRenewed(IdentityName),
    /// j, o. An Allow is taken away.
    AllowRemoved(Statement),
    /// k, o. An explicit Deny.
    Denied {
        /// Which requests it speaks of.
        statement: Statement,
        /// `aws:TokenIssueTime` earlier than this; long-term keys are spared.
        issued_before: Option<Timestamp>,
        /// `s3:signatureAge` greater than this.
        signature_age: Option<Duration>,
    },
    /// u. The bucket is deleted.
    BucketDeleted {
        /// Which.
        bucket: String,
    },
    /// v. The access point is deleted.
    AccessPointDeleted {
        /// ARN or alias, as callers name it.
        access_point: String,
    },
    /// x. The bucket becomes Requester Pays.
    RequesterPays {
        /// Which.
        bucket: String,
    },
    /// l. Block Public Access is switched on.
    PublicAccessBlocked {
        /// For this bucket.
        bucket: String,
        /// Which of its settings.
        setting: PublicAccess,
    },
    /// n. An object, or a version of it, is deleted.
    ObjectDeleted(Object),
    /// n. An object is overwritten.
    ObjectOverwritten(Object),
    /// w. An object moves to an archive class.
    ObjectArchived(Object),
    /// m. A KMS key is disabled, or the right to use it withdrawn.
    KmsKeyDisabled {
        /// Of the key.
        key_arn: String,
        /// Where objects under it lie.
        bucket: String,
        /// The beginning of their keys; empty for all.
        key_prefix: String,
    },
    /// y. A multipart upload is completed or aborted.
    UploadEnded {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
        /// Its id.
        upload_id: String,
    },
    /// z. The account is closed or suspended.
    AccountClosed {
        /// Twelve digits.
        account: String,
    },
}

/// An IAM user or role, by ARN, unique id, or both. At least one of them is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// `arn:aws:iam::111122223333:role/path/name`.
    pub arn: String,
    /// `AROA…`, `AIDA…`; tells a role from one made again under its name.
    pub unique_id: String,
}

/// Which requests a policy statement speaks of. Empty fields match everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it stands.
    pub policy: Policy,
    /// As in a Principal element.
    pub principal_arn: String,
    /// `aws:userid`.
    pub userid: String,
    /// The bucket.
    pub bucket: String,
    /// The beginning of the key.
    pub key_prefix: String,
    /// IAM actions with `*` and `?`.
    pub actions: Vec<String>,
}

/// Kinds of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Of a bucket or an access point.
    Bucket,
    /// Of the user or role.
    Identity,
    /// Service control policy.
    Scp,
    /// Resource control policy.
    Rcp,
    /// Permissions boundary.
    Boundary,
}

/// Settings of Block Public Access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PublicAccess {
    /// All four.
    All,
    /// `BlockPublicAcls`.
    BlockPublicAcls,
    /// `IgnorePublicAcls`.
    IgnorePublicAcls,
    /// `BlockPublicPolicy`.
    BlockPublicPolicy,
    /// `RestrictPublicBuckets`.
    RestrictPublicBuckets,
}

/// An object, or a version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The version that goes away for good; empty for what a request without versionId sees.
    pub version_id: String,
    /// Whether the bucket keeps versions; `None`: not known.
    pub is_versioned: Option<bool>,
}

/// How long IAM and S3 are taken to need, unless the event says otherwise (SEMANTICS.md 1.6 suggests it).
pub const SETTLES_WITHIN: Duration = Duration::from_secs(300);
