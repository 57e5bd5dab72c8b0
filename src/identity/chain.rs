//! Credentials that lie around: the environment, a profile, and the default chain, composed here because the SDK's own
//! rewrites expiries (SEMANTICS.md 2.4).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;

use super::container::Container;
use super::error::{ENVIRONMENT, NO_CREDENTIALS, PROFILE, RenewError, TIMEOUT};
use super::instance::Instance;
use super::mint::{Mint, Minted, Minting, of_static};
use super::sts::Sts;
use crate::aws::{Aws, behavior, chain};
use crate::config::identity::Profile;
use crate::session::CredentialKind;
use crate::session::lifetime::Fresh;
use crate::time::Timestamp;

/// `AWS_ACCESS_KEY_ID` and its companions.
pub(super) struct FromEnvironment {
    pub aws: Aws,
    pub sts: Sts,
}

impl FromEnvironment {
    fn has_any(&self) -> bool {
        self.aws.environment.get("AWS_ACCESS_KEY_ID").is_some()
    }

    fn get(&self) -> Result<Minted, RenewError> {
        let environment = &self.aws.environment;
        let need = |name: &str| {
            let missing =
                || RenewError::new(ENVIRONMENT, format!("{name} is not set; set it before the daemon starts"));
            environment.get(name).ok_or_else(missing)
        };
        let (id, secret) = (need("AWS_ACCESS_KEY_ID")?, need("AWS_SECRET_ACCESS_KEY")?);
        let token = environment.get("AWS_SESSION_TOKEN");
        let mut minted = of_static(id, secret, token, self.aws.clock.now());
        if token.is_some() && environment.get("AWS_LAMBDA_FUNCTION_NAME").is_some() {
            minted.facts.kind = CredentialKind::Lambda;
        }
        let told = environment.get("AWS_CREDENTIAL_EXPIRATION").and_then(|at| Timestamp::parse_rfc3339(at).ok());
        if let Some(ends_at) = told.filter(|_| token.is_some()) {
            minted.facts.expires_at = Some(ends_at);
            minted.facts.expiry_is_exact = true;
        }
        Ok(minted)
    }
}

impl Mint for FromEnvironment {
    fn mint(&self) -> Minting<'_> {
        Box::pin(async { self.get() })
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.sts.name_principal(minted))
    }
}

/// A profile of the AWS configuration files, through the SDK: static keys, SSO, processes, roles.
pub(super) struct FromProfile {
    pub aws: Aws,
    pub sts: Sts,
    pub table: Profile,
}

impl FromProfile {
    /// `None` when there is no such thing, which is an error only for those who named it.
    async fn look(&self) -> Result<Option<Minted>, RenewError> {
        let region = self.aws.environment.region().map(|region| aws_types::region::Region::new(region.to_owned()));
        let config = ProviderConfig::empty()
            .with_region(region)
            .with_behavior_version(Some(behavior()))
            .with_http_client(self.aws.http.clone())
            .with_time_source(self.aws.time_source())
            .with_sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new());
        let mut builder = ProfileFileCredentialsProvider::builder().configure(&config);
        if let Some(name) = &self.table.name {
            builder = builder.profile_name(name);
        }
        if let Some(files) = self.files() {
            builder = builder.profile_files(files);
        }
        let provider = builder.build();
        let Ok(looked) = tokio::time::timeout(LOOK, provider.provide_credentials()).await else {
            let message = "the profile gave nothing in time; see that its credential_process or SSO answers";
            return Err(RenewError::new(TIMEOUT, message));
        };
        let found = match looked {
            Ok(found) => found,
            Err(CredentialsError::CredentialsNotLoaded(_)) => return Ok(None),
            Err(error) => {
                let name = self.table.name.as_deref().unwrap_or("of the environment, or default");
                let remedy = "correct ~/.aws/config and ~/.aws/credentials, or log in again for SSO";
                let message = format!("profile {name:?} gave no credentials: {}; {remedy}", chain(&error));
                return Err(RenewError::new(PROFILE, message));
            }
        };
        let now = self.aws.clock.now();
        let mut minted = of_static(found.access_key_id(), found.secret_access_key(), found.session_token(), now);
        if let (Some(ends_at), Some(_)) = (found.expiry(), found.session_token()) {
            let since = ends_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            minted.facts.expires_at = Some(Timestamp::from_unix(i64::try_from(since).unwrap_or(i64::MAX)));
        }
        Ok(Some(minted))
    }

    #[expect(deprecated, reason = "the types that replace these live in a crate of the SDK's own interior")]
    fn files(&self) -> Option<aws_config::profile::profile_file::ProfileFiles> {
        use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
        let (config, credentials) = (&self.table.config_file, &self.table.credentials_file);
        if config.is_none() && credentials.is_none() {
            return None;
        }
        let mut files = ProfileFiles::builder();
        files = match config {
            Some(path) => files.with_file(ProfileFileKind::Config, path),
            None => files.include_default_config_file(true),
        };
        files = match credentials {
            Some(path) => files.with_file(ProfileFileKind::Credentials, path),
            None => files.include_default_credentials_file(true),
        };
        Some(files.build())
    }

    async fn get(&self) -> Result<Minted, RenewError> {
        self.look().await?.ok_or_else(|| {
            let name = self.table.name.as_deref().unwrap_or("default");
            let remedy = "write it into ~/.aws/config or ~/.aws/credentials of the daemon's user";
            RenewError::new(PROFILE, format!("there is no profile {name:?} with credentials; {remedy}"))
        })
    }
}

impl Mint for FromProfile {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.get())
    }

    fn poll(&self) -> Option<Duration> {
        Some(LOOK_AGAIN)
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.sts.name_principal(minted))
    }
}

/// The first of them that has credentials. One that is set up and fails is an error: another principal must not sign
/// in its place.
pub(super) struct Chain {
    pub environment: FromEnvironment,
    pub profile: FromProfile,
    pub web: Option<Box<dyn Mint>>,
    pub container: Container,
    pub instance: Instance,
    /// Whether the last session came from the web identity, which mints at will.
    pub from_web: AtomicBool,
}

impl Chain {
    async fn get(&self) -> Result<Minted, RenewError> {
        self.from_web.store(false, Ordering::Relaxed);
        if self.environment.has_any() {
            return self.environment.get();
        }
        if let Some(minted) = self.profile.look().await? {
            return Ok(minted);
        }
        if let Some(web) = &self.web {
            let minted = web.mint().await?;
            self.from_web.store(true, Ordering::Relaxed);
            return Ok(minted);
        }
        if self.container.is_there() {
            return self.container.mint().await;
        }
        if self.instance.is_off() {
            return Err(nothing("instance metadata is switched off"));
        }
        self.instance.mint().await.map_err(|error| nothing(&error.to_string()))
    }
}

fn nothing(last: &str) -> RenewError {
    let message = format!(
        "the default chain found no credentials: none in the environment, no profile, no web identity, no container \
         endpoint, and {last}; give the daemon one of them, or write an [identity.NAME] table"
    );
    RenewError::new(NO_CREDENTIALS, message)
}

impl Mint for Chain {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.get())
    }

    fn fresh(&self) -> Option<Fresh> {
        self.web.as_ref().filter(|_| self.from_web.load(Ordering::Relaxed)).and_then(|web| web.fresh())
    }

    /// All but the web identity are read, and somebody else replaces what is there.
    fn poll(&self) -> Option<Duration> {
        (!self.from_web.load(Ordering::Relaxed)).then_some(LOOK_AGAIN)
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.environment.name(minted)
    }
}

/// A profile's files may change under us.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// The longest that a profile may take: a `credential_process` may ask a server of its own.
const LOOK: Duration = Duration::from_secs(60);
