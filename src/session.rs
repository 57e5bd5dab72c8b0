//! Sessions: what is known of the credentials that sign, and the rule of how long a URL of theirs may live.
//!
//! Told the time; never asks for it. Secrets are in [`Credentials`] alone, everything else here may be written down.

pub mod generation;
pub mod lifetime;

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::time::Timestamp;

/// Name of a credential source: 1 to 64 characters of `a–z A–Z 0–9 . _ -`. A metric label, so the set is closed by the
/// configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdentityName(String);

impl IdentityName {
    /// # Errors
    /// When the name is empty, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(legal);
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IdentityName {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        Self::parse(&text)
    }
}

impl From<IdentityName> for String {
    fn from(name: IdentityName) -> Self {
        name.0
    }
}

impl fmt::Display for IdentityName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Not the name of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identity's name is 1 to 64 characters of a-z, A-Z, 0-9, '.', '_' and '-'")]
pub struct NotAName;

/// Names one registry; chosen at random when it is created. Eight characters of `a–z 2–7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId([u8; 8]);

impl InstanceId {
    /// From eight characters of `a–z 2–7`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 8] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')).then_some(Self(bytes))
    }

    /// From 40 random bits.
    pub fn from_random(bits: u64) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        Self(std::array::from_fn(|i| ALPHABET[(bits >> (5 * i)) as usize & 31]))
    }

    /// The eight characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("made of ASCII letters and digits only")
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Names a session or a URL across all registries: `<instance>-<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId {
    /// The registry that gave the number.
    pub instance: InstanceId,
    /// Counts from 1 within the registry.
    pub number: u64,
}

impl RecordId {
    /// From its text form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (instance, number) = text.split_once('-')?;
        let number = number.parse().ok().filter(|number| (1..=i64::MAX as u64).contains(number))?;
        Some(Self { instance: InstanceId::parse(instance)?, number })
    }
}

impl TryFrom<String> for RecordId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("is not an id such as k3vq7mza-42")
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.instance, self.number)
    }
}

macro_rules! credential_kinds {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// What an access key belongs to: the columns of SEMANTICS.md 1.2. It decides what ends the URLs it signed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum CredentialKind { $($(#[$doc])* $name,)* }

        impl CredentialKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it is written in the registry, in metrics and in answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The reverse of [`Self::as_str`].
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
            }
        }
    };
}

credential_kinds! {
    /// A key of an IAM user. Has no end of its own.
    LongTermKey "long-term-key";
    /// GetSessionToken.
    SessionToken "session-token";
    /// GetFederationToken.
    FederationToken "federation-token";
    /// AssumeRole.
    AssumeRole "assume-role";
    /// AssumeRoleWithWebIdentity.
    WebIdentity "web-identity";
    /// EKS Pod Identity.
    PodIdentity "pod-identity";
    /// ECS task role.
    EcsTask "ecs-task";
    /// EC2 instance profile.
    Ec2Instance "ec2-instance";
    /// Lambda execution role.
    Lambda "lambda";
    /// IAM Identity Center.
    Sso "sso";
    /// The root user's own key.
    Root "root";
    /// Temporary credentials whose origin their source does not tell.
    Temporary "temporary";
}

/// When STS issued a session: an interval, because STS does not say (SEMANTICS.md 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssueInterval {
    /// Not before this instant; `None` when nothing is known but that it had been issued by `not_after`.
    pub not_before: Option<Timestamp>,
    /// Not after this instant.
    pub not_after: Timestamp,
}

/// How long a call that issues a session may take.
pub const ISSUING: std::time::Duration = std::time::Duration::from_secs(10);
/// By how much an issue interval may begin before the call that it is of: AWS dates its answer in whole seconds, somewhere in the
/// call, and the local clock shows whole seconds, too. A session that was asked for so long after an instant was surely issued
/// after it.
pub const ISSUE_IS_SURE_AFTER: std::time::Duration = std::time::Duration::from_secs(ISSUING.as_secs() + 2);

/// All that a source can tell of credentials beside their secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: String,
    /// What it belongs to.
    pub kind: CredentialKind,
    /// `aws`, `aws-cn`, …; empty while nobody has named the principal.
    pub partition: String,
    /// Twelve digits; empty while nobody has named the principal.
    pub account: String,
    /// As `GetCallerIdentity` or the minting answer gives it. The ARN of an assumed role omits the role's path.
    pub principal_arn: String,
    /// `AIDA…`, `AROA…`; survives renames, differs for a role that was made again under the same name.
    pub principal_unique_id: String,
    /// Role session name, or the name of a federated user.
    pub session_name: String,
    /// `sts:SourceIdentity`, where it was set.
    pub source_identity: String,
    /// SHA-256 of the session policies and policy ARNs that were asked for, in hexadecimal; empty for none.
    pub session_policy_sha256: String,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// The session whose credentials minted this one, when this registry knows it.
    pub parent: Option<RecordId>,
    /// Access key id of the credentials that minted this one.
    pub parent_access_key_id: String,
    /// When it was issued.
    pub issued: IssueInterval,
    /// The raw `Expiration`; `None` for long-term keys.
    pub expires_at: Option<Timestamp>,
    /// Whether `expires_at` was read from its source rather than from an SDK that may rewrite it (SEMANTICS.md 2.4).
    pub expiry_is_exact: bool,
    /// The tenant whose URLs alone it signs, where its identity keeps a session for each; empty otherwise.
    pub partition_of: String,
}

/// A session as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Unique across registries.
    pub id: RecordId,
    /// The source it came from.
    pub identity: IdentityName,
    /// Counts the sessions of that identity in this registry, from 1.
    pub generation: u64,
    /// What the source told.
    pub facts: Facts,
}

impl Session {
    /// What is left of its life; `None` when it has ended, [`Duration::MAX`] for a long-term key.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        self.facts.expires_at.map_or(Some(Duration::MAX), |ends_at| now.until(ends_at))
    }

    /// When a URL ends that claims this end: no later than its session, as the end of that is known by now. A source may tell
    /// of a sooner one after URLs were signed.
    pub fn bounds(&self, claimed: Timestamp) -> Timestamp {
        self.facts.expires_at.map_or(claimed, |ends_at| claimed.min(ends_at))
    }
}

/// Secrets of a session. Wiped from memory when dropped, never shown, never written.
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Zeroizing<String>,
    /// Present with temporary credentials only.
    pub session_token: Option<Zeroizing<String>>,
}
