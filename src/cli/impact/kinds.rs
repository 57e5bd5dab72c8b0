//! What the kinds of events take: their arguments and flags, and the messages that these become. What makes no sense, the
//! service says.

use clap::{Args, ValueEnum};

use super::When;
use crate::cli::exit::Failure;
use crate::cli::flags;
use crate::cli::length::Length;
use crate::grpc::proto;
use crate::grpc::proto::object_event::Versioning;
use crate::grpc::proto::public_access_blocked::Setting;
use crate::grpc::proto::statement::Policy;
use crate::time::Timestamp;

/// An event's own arguments.
pub trait Happening {
    /// The message of its kind.
    type Wire;

    /// That message.
    fn wire(&self, now: Timestamp) -> Result<Self::Wire, Failure>;
}

macro_rules! one_argument {
    ($($(#[$doc:meta])* $name:ident($argument:literal, $help:literal) $wire:ident { $field:ident })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Args)]
        pub struct $name {
            #[arg(value_name = $argument, help = $help)]
            pub name: String,
        }

        impl Happening for $name {
            type Wire = proto::$wire;

            fn wire(&self, _: Timestamp) -> Result<proto::$wire, Failure> {
                Ok(proto::$wire { $field: self.name.clone() })
            }
        }
    )*};
}

one_argument! {
    /// An access key.
    Key("ACCESS_KEY_ID", "The key, AKIA…") KeyEvent { access_key_id }
    /// An identity provider.
    Provider("ARN", "The provider's ARN") ProviderEvent { arn }
    /// An identity of presignd.
    Identity("IDENTITY", "The identity, as presignd's configuration names it") IdentityEvent { identity }
    /// A session.
    SessionId("SESSION", "The session's id, as `presignd identities NAME` shows it") SessionEvent { session_id }
    /// A bucket.
    BucketName("BUCKET", "The bucket") BucketEvent { bucket }
    /// An access point.
    PointName("ACCESS_POINT", "Its ARN or alias, as callers name it") AccessPointEvent { access_point }
    /// An account.
    Account("ACCOUNT", "Its id, twelve digits") AccountEvent { account }
}

macro_rules! principals {
    ($($(#[$doc:meta])* $name:ident($help:literal))*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Args)]
        pub struct $name {
            #[arg(value_name = "ARN", help = $help)]
            pub principal: String,
            /// Its unique id besides; tells it from another that bore the same name
            #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
            pub unique_id: String,
        }

        impl Happening for $name {
            type Wire = proto::PrincipalEvent;

            fn wire(&self, _: Timestamp) -> Result<proto::PrincipalEvent, Failure> {
                principal(&self.principal, &self.unique_id)
            }
        }
    )*};
}

principals! {
    /// A user.
    User("The user's ARN, or its unique id AIDA…")
    /// A role.
    Role("The role's ARN, or its unique id AROA…")
}

/// What is not one may be a URL with its signature, so it is not shown.
fn object(uri: &str) -> Result<(String, String), Failure> {
    flags::s3_uri(uri).map_err(|_| Failure::usage("an object is named s3://BUCKET/KEY"))
}

/// An ARN, or a unique id in its place.
fn principal(named: &str, unique_id: &str) -> Result<proto::PrincipalEvent, Failure> {
    if named.starts_with("arn:") {
        return Ok(proto::PrincipalEvent { arn: named.to_owned(), unique_id: unique_id.to_owned() });
    }
    if !unique_id.is_empty() {
        return Err(Failure::usage(format!("{named} is no ARN; give the ARN first and --unique-id after it")));
    }
    let is_id = ["AIDA", "AROA"].iter().any(|start| named.starts_with(start));
    let (arn, unique_id) = if is_id { ("", named) } else { (named, "") };
    Ok(proto::PrincipalEvent { arn: arn.to_owned(), unique_id: unique_id.to_owned() })
}

/// Sessions of a role or user.
#[derive(Debug, Clone, Args)]
pub struct Revoked {
    /// ARN of the role or user, or its unique id AROA… or AIDA…
    #[arg(value_name = "ARN")]
    pub principal: String,
    /// Its unique id besides; tells it from another that bore the same name
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub unique_id: String,
    /// Sessions issued before this end: now, RFC 3339, or a length from now such as -30m [default: when it happens]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub before: Option<When>,
}

impl Happening for Revoked {
    type Wire = proto::SessionsRevoked;

    fn wire(&self, now: Timestamp) -> Result<proto::SessionsRevoked, Failure> {
        let principal = Some(principal(&self.principal, &self.unique_id)?);
        Ok(proto::SessionsRevoked { principal, issued_before: self.before.map(|before| before.resolved(now)) })
    }
}

/// Which requests a policy statement speaks of; every flag that is given must match.
#[derive(Debug, Clone, Args)]
pub struct Statement {
    /// Where the statement stands: bucket, identity, scp, rcp or boundary [default: bucket]
    #[arg(
        long,
        value_enum,
        value_name = "POLICY",
        default_value = "bucket",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub policy: PolicyName,
    /// User, role, session, federated user or account, as in a Principal element
    #[arg(long, value_name = "ARN", default_value = "", hide_default_value = true)]
    pub principal: String,
    /// The aws:userid, such as AROA…:session-name
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub userid: String,
    /// The bucket
    #[arg(long, value_name = "BUCKET", default_value = "", hide_default_value = true)]
    pub bucket: String,
    /// Keys that begin so: pub/ where the policy says pub/*
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    pub prefix: String,
    /// Exactly this key, where the policy names it without a * after it
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true, conflicts_with = "prefix")]
    pub key: String,
    /// An IAM action such as s3:GetObject, with * and ?; may be repeated [default: all]
    #[arg(long = "action", value_name = "ACTION")]
    pub actions: Vec<String>,
}

/// A session, whichever identities have it.
#[derive(Debug, Clone, Args)]
pub struct SessionKey {
    /// The session's access key, ASIA…
    #[arg(value_name = "ACCESS_KEY_ID")]
    pub name: String,
    /// AWS says that its time is over (ExpiredToken): it never comes back
    #[arg(long)]
    pub expired: bool,
}

impl Happening for SessionKey {
    type Wire = proto::SessionInvalidated;

    fn wire(&self, _: Timestamp) -> Result<proto::SessionInvalidated, Failure> {
        Ok(proto::SessionInvalidated { access_key_id: self.name.clone(), expired: self.expired })
    }
}

/// Kinds of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    /// Of the bucket or access point
    Bucket,
    /// Of the user or role
    Identity,
    /// Service control policy
    Scp,
    /// Resource control policy
    Rcp,
    /// Permissions boundary
    Boundary,
}

impl Statement {
    fn spoken(&self) -> proto::Statement {
        let policy = match self.policy {
            PolicyName::Bucket => Policy::Bucket,
            PolicyName::Identity => Policy::Identity,
            PolicyName::Scp => Policy::Scp,
            PolicyName::Rcp => Policy::Rcp,
            PolicyName::Boundary => Policy::Boundary,
        };
        proto::Statement {
            policy: policy.into(),
            principal_arn: self.principal.clone(),
            userid: self.userid.clone(),
            bucket: self.bucket.clone(),
            key_prefix: self.prefix.clone(),
            key: self.key.clone(),
            actions: self.actions.clone(),
        }
    }
}

impl Happening for Statement {
    type Wire = proto::AllowRemoved;

    fn wire(&self, _: Timestamp) -> Result<proto::AllowRemoved, Failure> {
        Ok(proto::AllowRemoved { statement: Some(self.spoken()) })
    }
}

/// An explicit Deny.
#[derive(Debug, Clone, Args)]
pub struct Denied {
    #[command(flatten)]
    pub statement: Statement,
    /// Deny sessions issued before this (aws:TokenIssueTime); long-term keys are spared
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub issued_before: Option<When>,
    /// Deny signatures older than this (s3:signatureAge)
    #[arg(long, value_name = "LENGTH")]
    pub signature_age: Option<Length>,
}

impl Happening for Denied {
    type Wire = proto::Deny;

    fn wire(&self, now: Timestamp) -> Result<proto::Deny, Failure> {
        Ok(proto::Deny {
            statement: Some(self.statement.spoken()),
            issued_before: self.issued_before.map(|before| before.resolved(now)),
            signature_age: self.signature_age.map(Length::wire),
        })
    }
}

/// Block Public Access.
#[derive(Debug, Clone, Args)]
pub struct Public {
    /// The bucket
    #[arg(value_name = "BUCKET")]
    pub name: String,
    /// Which of its settings: block-public-acls, ignore-public-acls, block-public-policy or restrict-public-buckets [default: all four]
    #[arg(long, value_enum, value_name = "SETTING", hide_possible_values = true)]
    pub setting: Option<SettingName>,
}

/// Settings of Block Public Access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SettingName {
    BlockPublicAcls,
    IgnorePublicAcls,
    BlockPublicPolicy,
    RestrictPublicBuckets,
}

impl Happening for Public {
    type Wire = proto::PublicAccessBlocked;

    fn wire(&self, _: Timestamp) -> Result<proto::PublicAccessBlocked, Failure> {
        let setting = match self.setting {
            None => Setting::Unspecified,
            Some(SettingName::BlockPublicAcls) => Setting::BlockPublicAcls,
            Some(SettingName::IgnorePublicAcls) => Setting::IgnorePublicAcls,
            Some(SettingName::BlockPublicPolicy) => Setting::BlockPublicPolicy,
            Some(SettingName::RestrictPublicBuckets) => Setting::RestrictPublicBuckets,
        };
        Ok(proto::PublicAccessBlocked { bucket: self.name.clone(), setting: setting.into() })
    }
}

/// An object.
#[derive(Debug, Clone, Args)]
pub struct Object {
    /// The object
    #[arg(value_name = "S3URI")]
    pub uri: String,
    /// Whether the bucket keeps versions; left out, what depends on it may end
    #[arg(long, value_enum, value_name = "YES|NO", hide_possible_values = true)]
    pub versioned: Option<Versioned>,
}

/// A known answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Versioned {
    Yes,
    No,
}

impl Happening for Object {
    type Wire = proto::ObjectEvent;

    fn wire(&self, _: Timestamp) -> Result<proto::ObjectEvent, Failure> {
        let (bucket, key) = object(&self.uri)?;
        let versioning = match self.versioned {
            None => Versioning::Unspecified,
            Some(Versioned::Yes) => Versioning::On,
            Some(Versioned::No) => Versioning::Off,
        };
        Ok(proto::ObjectEvent { bucket, key, version_id: String::new(), versioning: versioning.into() })
    }
}

/// An object, or a version of it.
#[derive(Debug, Clone, Args)]
pub struct Version {
    #[command(flatten)]
    pub object: Object,
    /// This version, for good; left out, what a request without versionId sees
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub version_id: String,
}

impl Happening for Version {
    type Wire = proto::ObjectEvent;

    fn wire(&self, now: Timestamp) -> Result<proto::ObjectEvent, Failure> {
        Ok(proto::ObjectEvent { version_id: self.version_id.clone(), ..self.object.wire(now)? })
    }
}

/// A KMS key.
#[derive(Debug, Clone, Args)]
pub struct Kms {
    /// ARN of the key
    #[arg(value_name = "ARN")]
    pub key_arn: String,
    /// Where objects under that key lie
    #[arg(long, value_name = "BUCKET", default_value = "", hide_default_value = true)]
    pub bucket: String,
    /// And how their keys begin
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    pub prefix: String,
}

impl Happening for Kms {
    type Wire = proto::KmsKeyDisabled;

    fn wire(&self, _: Timestamp) -> Result<proto::KmsKeyDisabled, Failure> {
        let Self { key_arn, bucket, prefix } = self.clone();
        Ok(proto::KmsKeyDisabled { key_arn, bucket, key_prefix: prefix })
    }
}

/// A multipart upload.
#[derive(Debug, Clone, Args)]
pub struct Upload {
    /// The object that is uploaded
    #[arg(value_name = "S3URI")]
    pub uri: String,
    /// The upload
    #[arg(value_name = "UPLOAD_ID")]
    pub upload_id: String,
}

impl Happening for Upload {
    type Wire = proto::UploadEnded;

    fn wire(&self, _: Timestamp) -> Result<proto::UploadEnded, Failure> {
        let (bucket, key) = object(&self.uri)?;
        Ok(proto::UploadEnded { bucket, key, upload_id: self.upload_id.clone() })
    }
}
