//! Events, in AWS's words: the rows of SEMANTICS.md 1.2. As JSON (the registry keeps them so) their names are those of
//! the proto, and never change.

mod bucket;
mod check;
mod stored;
mod undo;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::session::{IdentityName, RecordId};
use crate::signer::realm::Realm;
use crate::time::Timestamp;

/// Something that happens, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happens or happened.
    pub at: Timestamp,
    /// How long AWS may take to enforce it everywhere. AWS gives no bound (SEMANTICS.md 1.6).
    pub settles_within: Duration,
    /// Where its bucket is; `None`: wherever a bucket has that name. Only for events that name one.
    pub endpoint: Option<Realm>,
    /// What.
    pub what: What,
}

/// What happens. The letters are the rows of SEMANTICS.md 1.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
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
        /// `aws:TokenIssueTime` earlier than this. Tokens carry whole seconds, so a fraction counts as the next one.
        #[serde(with = "stored::time")]
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
    ComputeTerminated(#[serde(with = "stored::identity")] IdentityName),
    /// s. The instance profile or the association is detached or swapped.
    AssociationChanged(#[serde(with = "stored::identity")] IdentityName),
    /// t. The user of Identity Center is disabled, deleted or signed out.
    SsoUserDisabled(#[serde(with = "stored::identity")] IdentityName),
    /// b. The session reaches its end.
    SessionExpired(#[serde(with = "stored::session")] RecordId),
    /// AWS no longer accepts the session of that access key, before its end (SEMANTICS.md 1.7): what `GetCallerIdentity` shows.
    SessionInvalidated {
        /// Which; several identities may have it.
        access_key_id: String,
        /// AWS says that its time is over, so its source told another end than AWS knows, and it never comes back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        expired: bool,
    },
    /// presignd renews an identity.
    IdentityRenewed(#[serde(with = "stored::identity")] IdentityName),
    /// j, o. An Allow is taken away.
    AllowRemoved(#[serde(with = "stored::statement")] Statement),
    /// k, o. An explicit Deny.
    Denied {
        /// Which requests it speaks of.
        statement: Statement,
        /// `aws:TokenIssueTime` earlier than this; long-term keys are spared.
        #[serde(with = "stored::time_or_none", default, skip_serializing_if = "Option::is_none")]
        issued_before: Option<Timestamp>,
        /// `s3:signatureAge` greater than this.
        #[serde(
            with = "stored::seconds_or_none",
            rename = "signature_age_seconds",
            default,
            skip_serializing_if = "Option::is_none"
        )]
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
        #[serde(default, skip_serializing_if = "String::is_empty")]
        key_prefix: String,
    },
    /// y. A multipart upload is completed or aborted.
    UploadEnded {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
        /// Its id; empty for every upload to that key.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        upload_id: String,
    },
    /// z. The account is closed or suspended.
    AccountClosed {
        /// Twelve digits.
        account: String,
    },
}

/// An IAM user or role, by ARN, unique id, or both. At least one of them is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// `arn:aws:iam::111122223333:role/path/name`. The path is not compared: names are unique without it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arn: String,
    /// `AROA…`, `AIDA…`; tells a role from one made again under its name. Where both sides know it, it alone decides.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unique_id: String,
}

/// Which requests a policy statement speaks of. Empty fields match everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Where it stands.
    pub policy: Policy,
    /// In a bucket's policy as in its Principal element: an account, user, role, session or federated user. In an
    /// identity policy or boundary whose it is. In a control policy `aws:PrincipalArn`, which is never a session's, or
    /// the account.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub principal_arn: String,
    /// `aws:userid`, with `*` and `?`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub userid: String,
    /// The bucket, or the access point by its ARN or alias.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    /// The beginning of the key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key_prefix: String,
    /// Exactly that key, and none that goes on after it; never beside a beginning.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// IAM actions with `*` and `?`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

impl Statement {
    /// How all keys begin of which it speaks: one key begins like itself.
    pub fn keys_begin(&self) -> &str {
        if self.key.is_empty() { &self.key_prefix } else { &self.key }
    }

    /// Whether it speaks of that key.
    pub fn has_key(&self, key: &str) -> bool {
        if self.key.is_empty() { key.starts_with(&self.key_prefix) } else { key == self.key }
    }
}

/// Kinds of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The version that goes away for good; empty for what a request without versionId sees.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version_id: String,
    /// Whether the bucket keeps versions; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_versioned: Option<bool>,
}

/// How long IAM and S3 are taken to need, unless the event says otherwise (SEMANTICS.md 1.6 suggests it).
pub const SETTLES_WITHIN: Duration = Duration::from_secs(300);
