//! The `[identity.NAME]` and `[sts]` tables: where sessions come from and how they are kept fresh.
//!
//! Refuses what the file alone shows can never hold (SEMANTICS.md 2.1, 2.2). Never looks at a credential.

mod check;
mod partitions;
mod syntax;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use super::probe::Canary;
use crate::s3::{Addressing, Region};
use crate::session::IdentityName;
use crate::signer::endpoint::Endpoint;

pub use check::{check, check_s3, check_sts};
pub use partitions::{DEFAULT_MAX_PARTITIONS, MAX_PARTITIONS, PLACEHOLDER, PartitionBy, Partitions};
pub(super) use table::{IdentityTable, StsTable};

/// One source of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Where its credentials come from.
    pub source: Source,
    /// A session is renewed when less than this is left of it; `None`: half of its life.
    pub headroom: Option<Duration>,
    /// What the operator vouches for where a source gives temporary credentials without their end: [`MIN_ASSUMED_LIFE`] to
    /// [`MAX_ASSUMED_LIFE`] from the first sight of an access key. `None`: such credentials do not sign.
    pub assume_life: Option<Duration>,
    /// Between two attempts at a renewal lies this much at least: 1 s to 10 min. It delays callers, and fails none.
    pub min_pause: Duration,
    /// A session for each tenant; `None`: one for all.
    pub partitions: Option<Partitions>,
    /// Where its STS is, beyond what `[sts]` says.
    pub sts: StsEndpoint,
    /// How its URLs are addressed.
    pub s3: S3,
    /// What its sessions are looked at with, beside GetCallerIdentity; at most [`MAX_CANARIES`](super::probe::MAX_CANARIES).
    pub canaries: Vec<Canary>,
}

impl Identity {
    /// What a daemon without a file serves: the default chain.
    pub fn of_default_chain() -> Self {
        let (sts, s3) = (StsEndpoint::default(), S3::default());
        let (headroom, assume_life, partitions) = (None, None, None);
        Self {
            source: Source::Default,
            headroom,
            assume_life,
            min_pause: DEFAULT_MIN_PAUSE,
            partitions,
            sts,
            s3,
            canaries: Vec::new(),
        }
    }
}

/// Where credentials come from (PRODUCT.md section 4). Not boxed: there is one per identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Environment, profile, web identity of the environment, container endpoint, instance metadata: the first that has any.
    Default,
    /// `AWS_ACCESS_KEY_ID` and its companions.
    Environment,
    /// A profile of the AWS configuration files.
    Profile(Profile),
    /// A long-term key in a file that somebody else rotates.
    KeyFile(KeyFile),
    /// `sts:AssumeRole`.
    AssumeRole(AssumeRole),
    /// `sts:AssumeRoleWithWebIdentity`.
    WebIdentity(WebIdentity),
    /// `sts:GetSessionToken`.
    SessionToken(SessionToken),
    /// `sts:GetFederationToken`.
    FederationToken(FederationToken),
    /// EC2 instance metadata, version 2.
    Instance(Instance),
    /// The container endpoint of ECS or EKS Pod Identity, as the environment names it.
    Container,
}

impl Source {
    /// As the file writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::Profile(_) => "profile",
            Self::KeyFile(_) => "key-file",
            Self::AssumeRole(_) => "assume-role",
            Self::WebIdentity(_) => "web-identity",
            Self::SessionToken(_) => "session-token",
            Self::FederationToken(_) => "federation-token",
            Self::Instance(_) => "instance",
            Self::Container => "container",
        }
    }

    /// The identity whose credentials mint; `None` for sources that mint with nobody's, and for the default chain.
    pub fn base(&self) -> Option<&IdentityName> {
        match self {
            Self::AssumeRole(AssumeRole { base, .. })
            | Self::SessionToken(SessionToken { base, .. })
            | Self::FederationToken(FederationToken { base, .. }) => base.as_ref(),
            _ => None,
        }
    }

    /// The partition of the role, where the table names one: `aws`, `aws-cn`, …
    pub fn partition(&self) -> Option<&str> {
        let arn = match self {
            Self::AssumeRole(role) => role.role_arn.as_str(),
            Self::WebIdentity(web) => web.role_arn.as_deref()?,
            _ => return None,
        };
        arn.split(':').nth(1)
    }

    /// What a mint is asked for; `None` where the duration cannot be chosen.
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::AssumeRole(AssumeRole { duration, .. })
            | Self::WebIdentity(WebIdentity { duration, .. })
            | Self::SessionToken(SessionToken { duration, .. })
            | Self::FederationToken(FederationToken { duration, .. }) => Some(*duration),
            _ => None,
        }
    }
}

/// `source = "profile"`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Its name; `None`: that of `AWS_PROFILE`, else `default`.
    pub name: Option<String>,
    /// Instead of `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// Instead of `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
}

/// `source = "key-file"`. Read again every `poll`; other content is a new generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// The file, or the directory.
    pub path: PathBuf,
    /// What is in it.
    pub format: KeyFormat,
    /// Section of an INI file.
    pub section: String,
    /// 1 s to 1 h.
    pub poll: Duration,
}

/// Form of a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyFormat {
    /// By what is there: a directory, JSON, or INI.
    #[default]
    Auto,
    /// As `~/.aws/credentials`.
    Ini,
    /// `{"AccessKeyId": …, "SecretAccessKey": …}`, alone or under `AccessKey` or `Credentials`, as the AWS CLI prints it.
    Json,
    /// Two files, `aws_access_key_id` and `aws_secret_access_key`, as a Kubernetes Secret is mounted.
    Directory,
}

/// `source = "assume-role"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumeRole {
    /// Whose credentials call; `None`: the default chain's.
    pub base: Option<IdentityName>,
    /// The role.
    pub role_arn: String,
    /// Where the trust policy asks for one.
    pub external_id: Option<String>,
    /// 15 min to 12 h; 1 h at most from a base that is itself a role's session.
    pub duration: Duration,
    /// What the session may do.
    pub scope: Scope,
    /// Tags that its own sessions inherit; each is a key of `scope.tags`.
    pub transitive_tag_keys: Vec<String>,
    /// `sts:SourceIdentity`.
    pub source_identity: Option<String>,
    /// Session names are this, the daemon's boot and a number.
    pub session_name_prefix: String,
}

/// `source = "web-identity"`. What is `None` comes from `AWS_ROLE_ARN` and `AWS_WEB_IDENTITY_TOKEN_FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// The role.
    pub role_arn: Option<String>,
    /// The OIDC token; read for each mint.
    pub token_file: Option<PathBuf>,
    /// 15 min to 12 h.
    pub duration: Duration,
    /// What the session may do; it takes no tags (they come with the token).
    pub scope: Scope,
    /// Session names are this, the daemon's boot and a number.
    pub session_name_prefix: String,
}

/// `source = "session-token"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionToken {
    /// Whose long-term key calls; `None`: the default chain's.
    pub base: Option<IdentityName>,
    /// 15 min to 36 h.
    pub duration: Duration,
}

/// `source = "federation-token"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederationToken {
    /// Whose long-term key calls; `None`: the default chain's.
    pub base: Option<IdentityName>,
    /// 15 min to 36 h.
    pub duration: Duration,
    /// What the session may do; without a policy, nothing but what resource policies grant to the federated user.
    pub scope: Scope,
    /// Names of federated users are this, the daemon's boot and a number; at most 16 characters.
    pub session_name_prefix: String,
}

/// `source = "instance"`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instance {
    /// Instead of `http://169.254.169.254`.
    pub endpoint_url: Option<String>,
}

/// What a session may do, less than its principal, and what it bears.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// A policy in JSON.
    pub policy: Option<String>,
    /// Managed policies.
    pub policy_arns: Vec<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
}

/// `[sts]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sts {
    /// Calls a minute over all identities, 1 to 6000. Beyond them calls wait.
    pub calls_per_minute: u32,
    /// Where STS is, for identities that do not say otherwise.
    pub endpoint: StsEndpoint,
}

impl Default for Sts {
    fn default() -> Self {
        Self { calls_per_minute: DEFAULT_CALLS_PER_MINUTE, endpoint: StsEndpoint::default() }
    }
}

/// Where STS is. Always regional: the global endpoint issues tokens that not every region takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StsEndpoint {
    /// `None`: that of the environment, of S3, or the home region of the role's partition.
    pub region: Option<Region>,
    /// Instead of AWS's.
    pub endpoint_url: Option<String>,
    /// The endpoint with validated cryptography.
    pub fips: Option<bool>,
    /// IPv4 and IPv6.
    pub dual_stack: Option<bool>,
}

impl StsEndpoint {
    /// What is set here, then what is set in `wider`.
    pub fn or(&self, wider: &Self) -> Self {
        Self {
            region: self.region.clone().or_else(|| wider.region.clone()),
            endpoint_url: self.endpoint_url.clone().or_else(|| wider.endpoint_url.clone()),
            fips: self.fips.or(wider.fips),
            dual_stack: self.dual_stack.or(wider.dual_stack),
        }
    }
}

/// `[identity.NAME.s3]`: how URLs of that identity are addressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3 {
    /// Instead of AWS's: `http://…` or `https://…`, no query. Never chosen by a caller.
    pub endpoint_url: Option<String>,
    /// With `endpoint_url`: what signs where a request names no region. Without: whose S3 is asked where a bucket is.
    pub region: Option<Region>,
    /// Where a request says nothing else.
    pub addressing: Addressing,
}

impl S3 {
    /// Where the signer finds S3. The table's check has read `endpoint_url` the same way, so it can be read again.
    pub fn endpoint(&self) -> Endpoint {
        let parse = |url: &str| Endpoint::parse(url).expect("the table's check lets no other URL through");
        self.endpoint_url.as_deref().map_or(Endpoint::Aws, parse)
    }

    /// Whether it is AWS's own S3, so that AWS knows the keys that sign for it.
    pub fn is_of_aws(&self) -> bool {
        self.endpoint().is_of_aws()
    }
}

/// Without `duration`, sessions of roles last as long as AWS's own default.
pub const DEFAULT_ROLE_DURATION: Duration = Duration::from_secs(3600);
/// Without `duration`, GetSessionToken and GetFederationToken give 12 h.
pub const DEFAULT_TOKEN_DURATION: Duration = Duration::from_secs(43_200);
/// Least duration that STS takes (SEMANTICS.md 2.1).
pub const MIN_DURATION: Duration = Duration::from_secs(900);
/// Most for a role (SEMANTICS.md 2.1).
pub const MAX_ROLE_DURATION: Duration = Duration::from_secs(43_200);
/// Most for GetSessionToken and GetFederationToken (SEMANTICS.md 2.1).
pub const MAX_TOKEN_DURATION: Duration = Duration::from_secs(129_600);
/// Most for a role assumed from a role's session (SEMANTICS.md 2.2).
pub const MAX_CHAINED_DURATION: Duration = Duration::from_secs(3600);
/// Least of `assume_life`; less would end URLs before they arrive.
pub const MIN_ASSUMED_LIFE: Duration = Duration::from_secs(60);
/// Most of `assume_life`: no temporary credentials of AWS live longer (SEMANTICS.md 2.1).
pub const MAX_ASSUMED_LIFE: Duration = MAX_TOKEN_DURATION;
/// Without `min_pause`.
pub const DEFAULT_MIN_PAUSE: Duration = Duration::from_secs(5);
/// Without `calls_per_minute`. STS itself grants hundreds a second to an account; this keeps a loop from taking them.
pub const DEFAULT_CALLS_PER_MINUTE: u32 = 60;
/// Characters of an inline session policy that STS takes.
const MAX_POLICY: usize = 2048;
/// Session tags that STS takes.
const MAX_TAGS: usize = 50;
/// Identities of one file.
pub const MAX_IDENTITIES: usize = 256;

#[cfg(test)]
mod tests;
