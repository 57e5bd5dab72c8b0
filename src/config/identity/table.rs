//! The tables as they are written: every key optional, unknown keys refused, and so are keys of another source.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{
    AssumeRole, DEFAULT_CALLS_PER_MINUTE, DEFAULT_MIN_PAUSE, DEFAULT_ROLE_DURATION, DEFAULT_TOKEN_DURATION,
    FederationToken, Identity, Instance, KeyFile, KeyFormat, MAX_ASSUMED_LIFE, MIN_ASSUMED_LIFE, Profile, S3, Scope,
    SessionToken, Source, Sts, StsEndpoint, WebIdentity, partitions, syntax,
};
use crate::config::probe::{self, CanaryTable};
use crate::config::{Error, Length};
use crate::s3::{Addressing, Region, Style};
use crate::session::IdentityName;

/// `[identity.NAME]`. One flat table: serde can neither flatten nor tag beside `deny_unknown_fields`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct IdentityTable {
    source: Kind,
    headroom: Option<Length>,
    assume_life: Option<Length>,
    min_pause: Option<Length>,
    #[serde(default)]
    sts: StsEndpointTable,
    #[serde(default)]
    s3: S3Table,
    #[serde(default)]
    canary: Vec<CanaryTable>,
    base: Option<IdentityName>,
    role_arn: Option<String>,
    external_id: Option<String>,
    duration: Option<Length>,
    session_policy: Option<String>,
    policy_arns: Option<Vec<String>>,
    tags: Option<BTreeMap<String, String>>,
    transitive_tag_keys: Option<Vec<String>>,
    source_identity: Option<String>,
    session_name_prefix: Option<String>,
    token_file: Option<PathBuf>,
    profile: Option<String>,
    config_file: Option<PathBuf>,
    credentials_file: Option<PathBuf>,
    path: Option<PathBuf>,
    format: Option<KeyFormat>,
    section: Option<String>,
    poll: Option<Length>,
    endpoint_url: Option<String>,
    partition_by: Option<String>,
    partition_tag: Option<String>,
    max_partitions: Option<usize>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Default,
    Environment,
    Profile,
    KeyFile,
    AssumeRole,
    WebIdentity,
    SessionToken,
    FederationToken,
    Instance,
    Container,
}

/// `[sts]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct StsTable {
    calls_per_minute: Option<u32>,
    region: Option<String>,
    endpoint_url: Option<String>,
    fips: Option<bool>,
    dual_stack: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StsEndpointTable {
    region: Option<String>,
    endpoint_url: Option<String>,
    fips: Option<bool>,
    dual_stack: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct S3Table {
    endpoint_url: Option<String>,
    region: Option<String>,
    addressing: StyleName,
    dual_stack: bool,
    fips: bool,
    accelerate: bool,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StyleName {
    #[default]
    Auto,
    VirtualHost,
    Path,
}

/// Keys that belong to some sources only, each with the sources that take it.
const KEYS: &[(&str, &[&str])] = &[
    // The other sources always tell when their credentials end.
    ("assume_life", &["default", "environment", "profile", "key-file"]),
    ("base", &["assume-role", "session-token", "federation-token"]),
    ("role_arn", &["assume-role", "web-identity"]),
    ("external_id", &["assume-role"]),
    ("duration", &["assume-role", "web-identity", "session-token", "federation-token"]),
    ("session_policy", &["assume-role", "web-identity", "federation-token"]),
    ("policy_arns", &["assume-role", "web-identity", "federation-token"]),
    ("tags", &["assume-role", "federation-token"]),
    ("transitive_tag_keys", &["assume-role"]),
    ("source_identity", &["assume-role"]),
    ("session_name_prefix", &["assume-role", "web-identity", "federation-token"]),
    ("token_file", &["web-identity"]),
    ("profile", &["profile"]),
    ("config_file", &["profile"]),
    ("credentials_file", &["profile"]),
    ("path", &["key-file"]),
    ("format", &["key-file"]),
    ("section", &["key-file"]),
    ("poll", &["key-file"]),
    ("endpoint_url", &["instance"]),
    // Only what is minted under a name of its own can be denied by itself.
    ("partition_by", &["assume-role", "web-identity", "federation-token"]),
    ("partition_tag", &["assume-role", "federation-token"]),
    ("max_partitions", &["assume-role", "web-identity", "federation-token"]),
];

impl IdentityTable {
    /// The identity, each value checked by itself.
    ///
    /// # Errors
    /// Names the key, such as `identity.web.duration`, and what would be right.
    pub(in crate::config) fn into_identity(self, name: &IdentityName) -> Result<Identity, Error> {
        let given = self.given();
        let at = |key: &str| format!("identity.{name}.{key}");
        let sts = self.sts.check(&at("sts"))?;
        let s3 = self.s3.check(&at("s3"))?;
        let canaries = probe::canaries(&format!("identity.{name}"), self.canary)?;
        let headroom = self.headroom.map(|length| length.0);
        let min_pause = self.min_pause.map_or(DEFAULT_MIN_PAUSE, |length| length.0);
        syntax::length(&at("min_pause"), min_pause, Duration::from_secs(1)..=Duration::from_secs(600))?;
        let assume_life = self.assume_life.map(|length| length.0);
        if let Some(life) = assume_life {
            syntax::length(&at("assume_life"), life, MIN_ASSUMED_LIFE..=MAX_ASSUMED_LIFE)?;
        }
        let required =
            |key: &str| Error::new(at(key), format!("is missing; source = \"{}\" needs it", self.source.as_str()));
        let scope = Scope {
            policy: self.session_policy,
            policy_arns: self.policy_arns.unwrap_or_default(),
            tags: self.tags.unwrap_or_default().into_iter().collect(),
        };
        let partitions =
            partitions::PartitionKeys { by: self.partition_by, tag: self.partition_tag, most: self.max_partitions };
        let prefix = self.session_name_prefix.unwrap_or_else(|| "presignd".to_owned());
        let duration = |default: Duration| self.duration.map_or(default, |length| length.0);
        let source = match self.source {
            Kind::Default => Source::Default,
            Kind::Environment => Source::Environment,
            Kind::Container => Source::Container,
            Kind::Profile => Source::Profile(Profile {
                name: self.profile,
                config_file: self.config_file,
                credentials_file: self.credentials_file,
            }),
            Kind::KeyFile => Source::KeyFile(KeyFile {
                path: self.path.ok_or_else(|| required("path"))?,
                format: self.format.unwrap_or_default(),
                section: self.section.unwrap_or_else(|| "default".to_owned()),
                poll: self.poll.map_or(DEFAULT_POLL, |length| length.0),
            }),
            Kind::AssumeRole => Source::AssumeRole(AssumeRole {
                base: self.base,
                role_arn: self.role_arn.ok_or_else(|| required("role_arn"))?,
                external_id: self.external_id,
                duration: duration(DEFAULT_ROLE_DURATION),
                scope,
                transitive_tag_keys: self.transitive_tag_keys.unwrap_or_default(),
                source_identity: self.source_identity,
                session_name_prefix: prefix,
            }),
            Kind::WebIdentity => Source::WebIdentity(WebIdentity {
                role_arn: self.role_arn,
                token_file: self.token_file,
                duration: duration(DEFAULT_ROLE_DURATION),
                scope,
                session_name_prefix: prefix,
            }),
            Kind::SessionToken => {
                Source::SessionToken(SessionToken { base: self.base, duration: duration(DEFAULT_TOKEN_DURATION) })
            }
            Kind::FederationToken => Source::FederationToken(FederationToken {
                base: self.base,
                duration: duration(DEFAULT_TOKEN_DURATION),
                scope,
                session_name_prefix: prefix,
            }),
            Kind::Instance => Source::Instance(Instance { endpoint_url: self.endpoint_url }),
        };
        foreign_keys(&given, source.name(), at)?;
        let partitions = partitions.check(at)?;
        syntax::source(&source, partitions.as_ref(), at)?;
        partitions::check(partitions.as_ref(), &source, at)?;
        Ok(Identity { source, headroom, assume_life, min_pause, partitions, sts, s3, canaries })
    }

    /// Which of [`KEYS`] are there.
    fn given(&self) -> Vec<&'static str> {
        let present = [
            self.assume_life.is_some(),
            self.base.is_some(),
            self.role_arn.is_some(),
            self.external_id.is_some(),
            self.duration.is_some(),
            self.session_policy.is_some(),
            self.policy_arns.is_some(),
            self.tags.is_some(),
            self.transitive_tag_keys.is_some(),
            self.source_identity.is_some(),
            self.session_name_prefix.is_some(),
            self.token_file.is_some(),
            self.profile.is_some(),
            self.config_file.is_some(),
            self.credentials_file.is_some(),
            self.path.is_some(),
            self.format.is_some(),
            self.section.is_some(),
            self.poll.is_some(),
            self.endpoint_url.is_some(),
            self.partition_by.is_some(),
            self.partition_tag.is_some(),
            self.max_partitions.is_some(),
        ];
        KEYS.iter().zip(present).filter(|(_, present)| *present).map(|((key, _), _)| *key).collect()
    }
}

fn foreign_keys(given: &[&str], source: &str, at: impl Fn(&str) -> String) -> Result<(), Error> {
    for (key, sources) in KEYS.iter().filter(|(key, _)| given.contains(key)) {
        if !sources.contains(&source) {
            let owners = sources.iter().map(|owner| format!("\"{owner}\"")).collect::<Vec<_>>().join(", ");
            let problem = format!("means nothing to source = \"{source}\"; remove it (it belongs to {owners})");
            return Err(Error::new(at(key), problem));
        }
    }
    Ok(())
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::Profile => "profile",
            Self::KeyFile => "key-file",
            Self::AssumeRole => "assume-role",
            Self::WebIdentity => "web-identity",
            Self::SessionToken => "session-token",
            Self::FederationToken => "federation-token",
            Self::Instance => "instance",
            Self::Container => "container",
        }
    }
}

impl StsTable {
    /// The `[sts]` table, checked.
    ///
    /// # Errors
    /// Names the key and what would be right.
    pub(in crate::config) fn check(self) -> Result<Sts, Error> {
        let calls_per_minute = self.calls_per_minute.unwrap_or(DEFAULT_CALLS_PER_MINUTE);
        if !(1..=6000).contains(&calls_per_minute) {
            return Err(Error::new("sts.calls_per_minute", "must lie between 1 and 6000"));
        }
        let Self { region, endpoint_url, fips, dual_stack, .. } = self;
        let endpoint = StsEndpointTable { region, endpoint_url, fips, dual_stack }.check("sts")?;
        Ok(Sts { calls_per_minute, endpoint })
    }
}

impl StsEndpointTable {
    fn check(self, table: &str) -> Result<StsEndpoint, Error> {
        let endpoint_url = syntax::endpoint(&format!("{table}.endpoint_url"), self.endpoint_url)?;
        let region = region(table, self.region)?;
        Ok(StsEndpoint { region, endpoint_url, fips: self.fips, dual_stack: self.dual_stack })
    }
}

impl S3Table {
    fn check(self, table: &str) -> Result<S3, Error> {
        let style = match self.addressing {
            StyleName::Auto => Style::Auto,
            StyleName::VirtualHost => Style::VirtualHost,
            StyleName::Path => Style::Path,
        };
        let endpoint_url = syntax::endpoint(&format!("{table}.endpoint_url"), self.endpoint_url)?;
        let Self { dual_stack, fips, accelerate, .. } = self;
        for (key, on) in [("dual_stack", dual_stack), ("fips", fips), ("accelerate", accelerate)] {
            if on && endpoint_url.is_some() {
                let problem = "chooses among AWS's endpoints, but endpoint_url names another; remove one of the two";
                return Err(Error::new(format!("{table}.{key}"), problem));
            }
        }
        if accelerate && matches!(style, Style::Path) {
            let problem = "works with virtual-host addressing only; remove addressing = \"path\"";
            return Err(Error::new(format!("{table}.accelerate"), problem));
        }
        if accelerate && fips {
            return Err(Error::new(format!("{table}.accelerate"), "has no FIPS endpoint; remove one of the two"));
        }
        let addressing = Addressing { style, dual_stack, fips, accelerate };
        Ok(S3 { endpoint_url, region: region(table, self.region)?, addressing })
    }
}

fn region(table: &str, given: Option<String>) -> Result<Option<Region>, Error> {
    let parse = |text: String| Region::parse(&text);
    let wrong = |_| Error::new(format!("{table}.region"), "must be a region name such as eu-central-1");
    given.map(parse).transpose().map_err(wrong)
}

const DEFAULT_POLL: Duration = Duration::from_secs(10);
