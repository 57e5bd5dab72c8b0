//! From a table to the source that it describes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tracing::info;

use super::base::{Base, Directory};
use super::chain::Chain;
use super::container::Container;
use super::environment::FromEnvironment;
use super::instance::Instance;
use super::keyfile::FromFile;
use super::mint::Mint;
use super::minting::{Cap, Minter, Names, What};
use super::profile::FromProfile;
use super::reload::Shared;
use super::sts::Sts;
use super::vouch::Vouched;
use crate::aws::Aws;
use crate::config::identity::{self as tables, KeyFile, Profile, Source, WebIdentity};
use crate::session::IdentityName;
use crate::signer::endpoint;

/// `table.sts` is what `[sts]` and the table say together. `tenant` is whose sessions they are, empty for all.
pub(super) fn source(
    name: &IdentityName,
    table: &tables::Identity,
    shared: &Shared,
    cap: &Cap,
    tenant: &str,
) -> Box<dyn Mint> {
    let Shared { aws, budget, metrics, names, directory, .. } = shared;
    let home = home_of(&table.source);
    let sts = Sts::new(aws.clone(), table.sts.clone(), &table.s3, home, Arc::clone(budget), Arc::clone(metrics));
    if !sts.knows_static_keys() && is_static(&table.source) {
        info!(identity = %name, "not AWS's S3 and no sts.endpoint_url: whose a key is stays unknown, AWS is not asked");
    }
    let maker = Maker { name: name.as_str(), tenant, aws, sts, names, cap, directory };
    let source = maker.source(&table.source);
    Box::new(Vouched { source, kind: table.source.name(), assume_life: table.assume_life })
}

struct Maker<'a> {
    name: &'a str,
    tenant: &'a str,
    aws: &'a Aws,
    sts: Sts,
    names: &'a Arc<Names>,
    cap: &'a Cap,
    directory: &'a Arc<Directory>,
}

impl Maker<'_> {
    fn source(&self, source: &Source) -> Box<dyn Mint> {
        let base = |base: &Option<IdentityName>| match base {
            None => Base::Chain(self.chain()),
            Some(base) => Base::Other(base.clone(), Arc::clone(self.directory)),
        };
        match source {
            Source::Default => self.chain(),
            Source::Environment => Box::new(self.environment()),
            Source::Profile(profile) => Box::new(self.profile(profile)),
            Source::KeyFile(table) => Box::new(self.file(table)),
            Source::AssumeRole(role) => self.minter(What::Role(role.clone()), base(&role.base)),
            Source::WebIdentity(table) => self.minter(self.web(table), Base::Nobody),
            Source::SessionToken(token) => self.minter(What::Session(token.clone()), base(&token.base)),
            Source::FederationToken(user) => self.minter(What::Federation(user.clone()), base(&user.base)),
            Source::Instance(table) => Box::new(self.instance(table)),
            Source::Container => Box::new(Container { aws: self.aws.clone(), sts: self.sts.clone() }),
        }
    }

    fn minter(&self, what: What, base: Base) -> Box<dyn Mint> {
        Box::new(Minter {
            name: self.name.to_owned(),
            what,
            base,
            sts: self.sts.clone(),
            names: Arc::clone(self.names),
            cap: Arc::clone(self.cap),
            tenant: self.tenant.to_owned(),
        })
    }

    fn web(&self, table: &WebIdentity) -> What {
        let told = |name: &str| self.aws.environment.get(name).map(str::to_owned);
        What::Web {
            table: table.clone(),
            role_arn: table.role_arn.clone().or_else(|| told("AWS_ROLE_ARN")),
            token_file: table.token_file.clone().or_else(|| told("AWS_WEB_IDENTITY_TOKEN_FILE").map(PathBuf::from)),
        }
    }

    fn environment(&self) -> FromEnvironment {
        FromEnvironment { aws: self.aws.clone(), sts: self.sts.clone() }
    }

    fn file(&self, table: &KeyFile) -> FromFile {
        FromFile { table: table.clone(), sts: self.sts.clone(), print: Mutex::default() }
    }

    fn profile(&self, table: &Profile) -> FromProfile {
        FromProfile::new(self.aws, &self.sts, table, self.names)
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
            environment: self.environment(),
            profile: self.profile(&Profile::default()),
            web: web.then(|| self.minter(self.web(&table), Base::Nobody)),
            container: Container { aws: self.aws.clone(), sts: self.sts.clone() },
            instance: self.instance(&tables::Instance::default()),
            last: Mutex::default(),
        })
    }
}

/// Whether the source may give keys that lie around, rather than sessions of AWS.
fn is_static(source: &Source) -> bool {
    matches!(source, Source::Default | Source::Environment | Source::Profile(_) | Source::KeyFile(_))
}

/// The home region of the partition that a role's ARN names: STS of another would not know it.
fn home_of(source: &Source) -> Option<&'static str> {
    endpoint::home_of(source.partition()?)
}

/// Room for what makes a session's name unique.
const MAX_PREFIX: usize = 32;
