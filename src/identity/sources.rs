//! From the tables to identities: one source for each, bases bound when all are made.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::Identity;
use super::base::{Base, Bound};
use super::chain::{self, Chain};
use super::container::Container;
use super::instance::Instance;
use super::keeper::{Ended, Keeper, Kept};
use super::keyfile::FromFile;
use super::mint::Mint;
use super::minting::{Minter, Names, What};
use super::pace::Budget;
use super::sts::Sts;
use crate::aws::Aws;
use crate::config::Config;
use crate::config::identity::{self as tables, Profile, Source, WebIdentity};
use crate::registry::Registry;
use crate::session::IdentityName;
use crate::telemetry::Metrics;

pub(super) fn build(
    config: &Config,
    aws: &Aws,
    registry: &Registry,
    metrics: &Arc<Metrics>,
    stop: &CancellationToken,
) -> BTreeMap<IdentityName, Arc<Identity>> {
    let budget = Arc::new(Budget::new(aws.clock.clone(), config.sts.calls_per_minute));
    let names = Arc::new(Names::new());
    let mut bases: Vec<(Bound, IdentityName)> = Vec::new();
    let mut all = BTreeMap::new();
    for (name, table) in &config.identities {
        let endpoint = table.sts.or(&config.sts.endpoint);
        let s3_region = table.s3.region.as_ref().map(crate::s3::Region::as_str);
        let hints = [s3_region, home_of(&table.source)];
        let sts = Sts::new(aws.clone(), endpoint, &hints, Arc::clone(&budget), Arc::clone(metrics));
        let maker = Maker { name: name.as_str(), aws, sts, names: &names };
        let source = maker.source(&table.source, &mut bases);
        let keeper = Keeper {
            name: name.clone(),
            source,
            headroom: table.headroom,
            min_pause: table.min_pause,
            registry: registry.clone(),
            clock: aws.clock.clone(),
            metrics: Arc::clone(metrics),
            stop: stop.clone(),
            state: Mutex::new(Kept::default()),
            wanted: AtomicU64::new(0),
            nudge: Notify::new(),
            ended: watch::Sender::new(Ended::default()),
        };
        let identity = Identity { name: name.clone(), source: table.source.name(), s3: table.s3.clone(), keeper };
        all.insert(name.clone(), Arc::new(identity));
    }
    for (bound, base) in bases {
        if let Some(base) = all.get(&base) {
            let _ = bound.set(Arc::downgrade(base));
        }
    }
    all
}

struct Maker<'a> {
    name: &'a str,
    aws: &'a Aws,
    sts: Sts,
    names: &'a Arc<Names>,
}

impl Maker<'_> {
    fn source(&self, source: &Source, bases: &mut Vec<(Bound, IdentityName)>) -> Box<dyn Mint> {
        let mut base = |base: &Option<IdentityName>| match base {
            None => Base::Chain(self.chain()),
            Some(base) => {
                let bound = Arc::new(OnceLock::new());
                bases.push((Arc::clone(&bound), base.clone()));
                Base::Other(bound)
            }
        };
        match source {
            Source::Default => self.chain(),
            Source::Environment => Box::new(chain::FromEnvironment { aws: self.aws.clone(), sts: self.sts.clone() }),
            Source::Profile(profile) => Box::new(self.profile(profile)),
            Source::KeyFile(table) => Box::new(FromFile { table: table.clone(), sts: self.sts.clone() }),
            Source::AssumeRole(role) => self.minter(What::Role(role.clone()), base(&role.base)),
            Source::WebIdentity(table) => self.minter(self.web(table), Base::Nobody),
            Source::SessionToken(token) => self.minter(What::Session(token.clone()), base(&token.base)),
            Source::FederationToken(user) => self.minter(What::Federation(user.clone()), base(&user.base)),
            Source::Instance(table) => Box::new(self.instance(table)),
            Source::Container => Box::new(Container { aws: self.aws.clone(), sts: self.sts.clone() }),
        }
    }

    fn minter(&self, what: What, base: Base) -> Box<dyn Mint> {
        Box::new(Minter::new(self.name, what, base, self.sts.clone(), Arc::clone(self.names)))
    }

    fn web(&self, table: &WebIdentity) -> What {
        let told = |name: &str| self.aws.environment.get(name).map(str::to_owned);
        What::Web {
            table: table.clone(),
            role_arn: table.role_arn.clone().or_else(|| told("AWS_ROLE_ARN")),
            token_file: table.token_file.clone().or_else(|| told("AWS_WEB_IDENTITY_TOKEN_FILE").map(PathBuf::from)),
        }
    }

    fn profile(&self, table: &Profile) -> chain::FromProfile {
        chain::FromProfile { aws: self.aws.clone(), sts: self.sts.clone(), table: table.clone() }
    }

    fn instance(&self, table: &tables::Instance) -> Instance {
        Instance::new(self.aws.clone(), self.sts.clone(), table)
    }

    fn chain(&self) -> Box<dyn Mint> {
        let environment = &self.aws.environment;
        let prefix = environment.get("AWS_ROLE_SESSION_NAME").unwrap_or("presignd");
        let table = WebIdentity {
            role_arn: None,
            token_file: None,
            duration: tables::DEFAULT_ROLE_DURATION,
            scope: tables::Scope::default(),
            session_name_prefix: prefix.chars().take(MAX_PREFIX).collect(),
        };
        let web = environment.get("AWS_WEB_IDENTITY_TOKEN_FILE").is_some();
        Box::new(Chain {
            environment: chain::FromEnvironment { aws: self.aws.clone(), sts: self.sts.clone() },
            profile: self.profile(&Profile::default()),
            web: web.then(|| self.minter(self.web(&table), Base::Nobody)),
            container: Container { aws: self.aws.clone(), sts: self.sts.clone() },
            instance: self.instance(&tables::Instance::default()),
            from_web: false.into(),
        })
    }
}

/// The home region of the partition that a role's ARN names: STS of another would not know it.
fn home_of(source: &Source) -> Option<&'static str> {
    let arn = match source {
        Source::AssumeRole(role) => Some(role.role_arn.as_str()),
        Source::WebIdentity(web) => web.role_arn.as_deref(),
        _ => None,
    };
    Some(match arn?.split(':').nth(1)? {
        "aws" => "us-east-1",
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-eusc" => "eusc-de-east-1",
        "aws-iso" => "us-iso-east-1",
        "aws-iso-b" => "us-isob-east-1",
        "aws-iso-e" => "eu-isoe-west-1",
        "aws-iso-f" => "us-isof-south-1",
        _ => return None,
    })
}

/// Room for what makes a session's name unique.
const MAX_PREFIX: usize = 32;
