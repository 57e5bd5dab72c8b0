//! `presignd check`: reads a configuration as the daemon would, and answers what it would allow. Signs nothing.
//! Asks AWS only with `--online`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::connect::Globals;
use super::exit::{Exit, Failure};
use super::out::{self, Format, Sheet};
use super::{flags, online, say};
use crate::access::{Caller, Denied, Permit};
use crate::client::ABSTRACT;
use crate::config::{Config, Surroundings};
use crate::s3::form::Signable;
use crate::s3::operation::{Method, Operation};
use crate::s3::request::{Headers, Request};
use crate::s3::{Addressing, Bucket, ObjectKey, Refused};
use crate::session::IdentityName;
use crate::telemetry;

/// Check a configuration, and ask what it allows; needs no daemon.
#[derive(Debug, Clone, clap::Args)]
#[command(group(clap::ArgGroup::new("question").args(["can", "online"])))]
pub struct Check {
    /// The configuration; left out, what a daemon without one would do
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Get a session for each identity from AWS, and say whose it is: exit code 0, or 254 when any fails
    #[arg(long)]
    pub online: bool,
    /// Ask whether a caller may sign for this object or bucket: exit code 0 or 254
    #[arg(long, value_name = "S3URI", value_parser = flags::s3_uri)]
    pub can: Option<(String, String)>,
    /// Ask for this user id [default: yours]
    #[arg(long, value_name = "UID", requires = "can")]
    pub as_uid: Option<u32>,
    /// Ask for this group id [default: yours]
    #[arg(long, value_name = "GID", requires = "can")]
    pub as_gid: Option<u32>,
    /// Ask for this identity [default: the configuration's default; with --online all]
    #[arg(long, value_name = "NAME", requires = "question")]
    pub identity: Option<String>,
    /// Ask for this operation [default: GetObject]
    #[arg(long, value_name = "NAME", requires = "can", value_parser = operation)]
    pub operation: Option<Operation>,
    /// Ask for this HTTP method, for a request that --operation does not name
    #[arg(long, value_name = "METHOD", requires = "can", conflicts_with = "operation")]
    pub method: Option<String>,
    /// Ask with this header, such as x-amz-copy-source; may be repeated
    #[arg(long = "header", value_name = "NAME:VALUE", requires = "can", value_parser = flags::header)]
    pub headers: Vec<(String, String)>,
    /// Ask with this query parameter, such as prefix; may be repeated
    #[arg(long = "query", value_name = "NAME=VALUE", requires = "can", value_parser = flags::pair)]
    pub query: Vec<(String, String)>,
}

impl Check {
    /// Reads and answers.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let config = read(self.config.as_deref(), around)?;
        let format = globals.output.unwrap_or(Format::Table);
        match &self.can {
            Some((bucket, key)) => self.ask(&config, bucket, key, format),
            None if self.online => {
                let only = self.named(&config)?;
                let environment = super::environment(std::env::vars_os());
                online::run(config, only.as_ref(), environment, globals.timeout.duration(), format).await
            }
            None => Ok(summary(&config, around, format)?),
        }
    }

    /// The identity that `--identity` names.
    fn named(&self, config: &Config) -> Result<Option<IdentityName>, Failure> {
        let Some(name) = &self.identity else { return Ok(None) };
        let name = IdentityName::parse(name).map_err(|error| Failure::usage(format!("--identity: {error}")))?;
        if config.identities.contains_key(&name) {
            return Ok(Some(name));
        }
        Err(Failure::usage(format!("no identity is called {:?} in this configuration", name.as_str()))
            .with(format!("it has {}", names(config).join(", "))))
    }

    fn ask(&self, config: &Config, bucket: &str, key: &str, format: Format) -> Result<(), Failure> {
        let identity = match self.named(config)? {
            Some(name) => name,
            None => config
                .default_identity
                .clone()
                .ok_or_else(|| Failure::usage("the configuration has no default_identity; name one with --identity"))?,
        };
        let what = self.request(bucket, key).map_err(|refused| Failure::usage(refused.to_string()))?;
        let caller = Caller {
            uid: self.as_uid.unwrap_or_else(|| rustix::process::getuid().as_raw()),
            gid: self.as_gid.unwrap_or_else(|| rustix::process::getgid().as_raw()),
            pid: None,
            executable: None,
        };
        let name = what.operation().as_str();
        let answer = config.grants.decide(&caller, &identity, &Signable::Request(what));
        if format == Format::Json {
            out::json(as_json(&answer, &caller, &identity, name))?;
        }
        match answer {
            Ok(permit) if format != Format::Json => {
                let longest = say::seconds(permit.granted.seconds().into());
                let rate = permit.rate.map(|rate| format!(", {} a second", rate.per_second)).unwrap_or_default();
                Ok(out::line(&format!("allowed: {name} for at most {longest}, by grant {}{rate}", permit.grant))?)
            }
            Ok(_) => Ok(()),
            Err(denied) => Err(Failure::new(Exit::Refused, format!("denied: {denied}"))
                .with(format!("dimension: {}", denied.dimension.as_str()))
                .with(format!(
                    "asked for: {name} by uid {} gid {} with identity {}",
                    caller.uid,
                    caller.gid,
                    identity.as_str()
                ))),
        }
    }

    fn request(&self, bucket: &str, key: &str) -> Result<Request, Refused> {
        let bucket = Bucket::parse(bucket)?;
        let key = if key.is_empty() { None } else { Some(ObjectKey::parse(key)?) };
        let headers = Headers::new(self.headers.clone())?;
        let (query, addressing) = (self.query.clone(), Addressing::default());
        match &self.method {
            Some(method) => {
                let method = Method::parse(method)
                    .ok_or_else(|| Refused::new("method", "must be GET, HEAD, PUT, POST or DELETE"))?;
                Request::new(method, bucket, key, query, headers, addressing)
            }
            None => {
                let operation = self.operation.unwrap_or(Operation::GetObject);
                Request::of_operation(operation, bucket, key, query, headers, addressing)
            }
        }
    }
}

/// The configuration in a file, or the one that stands for no file.
pub fn read(file: Option<&Path>, around: &Surroundings) -> Result<Config, Failure> {
    let Some(file) = file else {
        return Config::without_file(around).map_err(|error| Failure::surroundings(error.to_string()));
    };
    let name = file.display();
    let text =
        std::fs::read_to_string(file).map_err(|error| Failure::surroundings(format!("cannot read {name}: {error}")))?;
    let config = Config::parse(&text, around);
    let checked = config.and_then(|config| telemetry::check_filter(&config.log.filter).map(|()| config));
    checked.map_err(|error| Failure::surroundings(format!("{name}: {error}")))
}

fn as_json(answer: &Result<Permit, Denied>, caller: &Caller, identity: &IdentityName, operation: &str) -> Value {
    let permit = answer.as_ref().ok();
    json!({
        "allowed": permit.is_some(),
        "uid": caller.uid,
        "gid": caller.gid,
        "identity": identity.as_str(),
        "operation": operation,
        "longest": permit.map(|permit| permit.granted.seconds()),
        "grant": permit.map(|permit| permit.grant.to_string()),
        "rate_per_second": permit.and_then(|permit| permit.rate).map(|rate| rate.per_second),
        "dimension": answer.as_ref().err().map(|denied| denied.dimension.as_str()),
    })
}

fn summary(config: &Config, around: &Surroundings, format: Format) -> std::io::Result<()> {
    let grants = config.grants.iter().count();
    let default = config.default_identity.as_ref().map(IdentityName::as_str);
    let retention = config.registry.retention.as_secs();
    if format == Format::Json {
        return out::json(json!({"config": {
            "sign_socket": config.sockets.sign,
            "sign_abstract": config.sockets.sign_abstract,
            "admin_socket": config.sockets.admin,
            "http_listen": config.http.listen.map(|at| at.to_string()),
            "registry": config.registry.path,
            "retention": retention,
            "identities": config.identities.iter().map(|(name, one)| (name.as_str(), one.source.name())).collect::<BTreeMap<_, _>>(),
            "default_identity": default,
            "grants": grants,
        }}));
    }
    Sheet::card([
        ("signing socket", signing(config)),
        ("admin socket", config.sockets.admin.display().to_string()),
        ("metrics and probes", config.http.listen.map_or("none".to_owned(), |at| format!("http://{at}"))),
        ("registry", config.registry.path.display().to_string()),
        ("retention", say::seconds(retention)),
        ("identities", names(config).join(", ")),
        ("default identity", default.unwrap_or("none").to_owned()),
        (
            "grants",
            match grants {
                0 => format!("none: root and uid {} may sign everything", around.uid),
                grants => grants.to_string(),
            },
        ),
    ])
    .print(format)
}

/// Where programs sign.
fn signing(config: &Config) -> String {
    let own = config.sockets.sign.display();
    config.sockets.sign_abstract.as_ref().map_or_else(|| own.to_string(), |name| format!("{own}, {ABSTRACT}{name}"))
}

/// `web (assume-role)`, …
fn names(config: &Config) -> Vec<String> {
    config.identities.iter().map(|(name, one)| format!("{} ({})", name.as_str(), one.source.name())).collect()
}

fn operation(text: &str) -> Result<Operation, String> {
    let number = super::presign::operation(text)?;
    Operation::parse(say::operation(number)).ok_or_else(|| "is no operation".to_owned())
}
