//! A profile of AWS's configuration files: keys, roles, IAM Identity Center, a process.
//!
//! The SDK parses the files and talks to Identity Center. Roles are assumed by our own [`Sts`], so that they are within the
//! budget, at the endpoint that the identity names, and dated; instance and container are read raw. So every end that a
//! profile gives is the one that its source wrote.

mod files;
mod line;
mod process;

use std::error::Error as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use aws_config::provider_config::ProviderConfig;
use aws_config::sso::SsoCredentialsProvider;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_types::retry::RetryConfig;
use aws_types::region::Region;

use self::files::Files;
use self::line::{First, Hop, Line};
use self::process::masked;
use super::container::Container;
use super::environment::FromEnvironment;
use super::error::{PROFILE, RenewError, TIMEOUT};
use super::instance::Instance;
use super::mint::{Mint, Minted, Minting, Naming, News, of_static};
use super::minting::{self, Names, RoleAsk, WebAsk};
use super::sts::Sts;
use crate::aws::{Aws, behavior, chain};
use crate::config::identity::{AssumeRole, Profile, Scope};
use crate::session::lifetime::{Fresh, LimitedBy};
use crate::session::{CredentialKind, Credentials};
use crate::time::Timestamp;

/// See the room.
pub(super) struct FromProfile {
    aws: Aws,
    sts: Sts,
    names: Arc<Names>,
    name: String,
    /// Whether somebody named it, so that it must be there.
    is_named: bool,
    files: Files,
    environment: FromEnvironment,
    container: Container,
    instance: Instance,
    last: Mutex<Last>,
}

/// Reads both files from texts, up to where credentials would be asked for; what is wrong as it is told.
#[cfg(any(test, fuzzing))]
pub(super) async fn texts(config: &str, credentials: &str, name: &str) -> Result<(), String> {
    let profiles = files::Contents::of(config, credentials).parse(name).await.map_err(|problem| masked(&problem))?;
    line::of(&profiles).map(drop).map_err(|problem| masked(&problem))
}

#[cfg(any(test, fuzzing))]
pub(super) use self::process::{last_words, parse as printed};

/// What is known of the last mint.
#[derive(Default)]
struct Last {
    /// Of the files.
    print: Option<[u8; 32]>,
    fresh: Option<Fresh>,
    /// Of the profile.
    region: Option<String>,
}

impl FromProfile {
    pub(super) fn new(aws: &Aws, sts: &Sts, table: &Profile, names: &Arc<Names>) -> Self {
        let told = table.name.as_deref().or_else(|| aws.environment.get("AWS_PROFILE"));
        Self {
            name: told.unwrap_or("default").to_owned(),
            is_named: told.is_some(),
            files: Files::of(table, &aws.environment),
            environment: FromEnvironment { aws: aws.clone(), sts: sts.clone() },
            container: Container { aws: aws.clone(), sts: sts.clone() },
            instance: Instance::new(aws.clone(), sts.clone(), &crate::config::identity::Instance::default()),
            aws: aws.clone(),
            sts: sts.clone(),
            names: Arc::clone(names),
            last: Mutex::default(),
        }
    }

    /// `None` when nobody named a profile and there is none.
    pub(super) async fn look(&self) -> Result<Option<Minted>, RenewError> {
        let contents = self.files.read().await;
        self.last().print = contents.as_ref().ok().map(|contents| contents.print);
        let contents = contents.map_err(|problem| self.wrong(&problem))?;
        // A line that was lost or joined may have put a secret where a name should be.
        let profiles = contents.parse(&self.name).await.map_err(|problem| self.wrong(&masked(&problem)))?;
        let line = match line::of(&profiles).map_err(|problem| self.wrong(&masked(&problem)))? {
            Some(line) => line,
            None if self.is_named => return Err(self.wrong("there is no such profile, or it has no credentials")),
            None => return Ok(None),
        };
        self.last().region.clone_from(&line.region);
        let minted = self.walk(&line).await?;
        self.last().fresh = fresh(&line, &minted);
        Ok(Some(minted))
    }

    async fn walk(&self, line: &Line) -> Result<Minted, RenewError> {
        let sts = self.sts.near(line.region.as_deref());
        let mut minted = self.first(&line.first, &sts).await?;
        for hop in &line.hops {
            minted = self.hop(hop, &minted.credentials, &sts).await?;
        }
        Ok(minted)
    }

    async fn first(&self, first: &First, sts: &Sts) -> Result<Minted, RenewError> {
        match first {
            First::Keys(keys) => {
                let token = keys.token.as_ref().map(|token| token.as_str());
                Ok(of_static(&keys.id, &keys.secret, token, self.aws.clock.now()))
            }
            First::Environment => self.environment.get(),
            First::Instance if self.instance.is_off() => Err(self.wrong("instance metadata is switched off")),
            First::Instance => self.instance.mint().await,
            First::Container => self.container.mint().await,
            First::Process(command) => {
                let run = process::run(command, self.aws.clock.now()).await;
                run.map_err(|error| RenewError::new(error.reason(), format!("profile {:?}: {error}", self.name)))
            }
            First::Sso(sso) => self.sso(sso).await,
            First::Web(web) => {
                let token = minting::read_token(&web.token_file).await?;
                let session_name = &web.session_name.clone().unwrap_or_else(|| self.names.name(PREFIX));
                let (scope, duration) = (&Scope::default(), web.duration);
                let ask = WebAsk { role_arn: &web.role_arn, token: &token, scope, session_name, duration };
                sts.web_identity(&ask).await
            }
        }
    }

    async fn hop(&self, hop: &Hop, signer: &Credentials, sts: &Sts) -> Result<Minted, RenewError> {
        let role = AssumeRole {
            base: None,
            role_arn: hop.role_arn.clone(),
            external_id: hop.external_id.clone(),
            duration: hop.duration,
            scope: Scope::default(),
            transitive_tag_keys: Vec::new(),
            source_identity: None,
            session_name_prefix: PREFIX.to_owned(),
        };
        let session_name = &hop.session_name.clone().unwrap_or_else(|| self.names.name(PREFIX));
        sts.assume_role(signer, &RoleAsk { role: &role, session_name, duration: hop.duration }).await
    }

    /// The SDK's provider hands on the portal's `expiration` as it came (aws-config 1.13, `sso/credentials.rs`).
    async fn sso(&self, sso: &line::Sso) -> Result<Minted, RenewError> {
        let config = ProviderConfig::empty()
            .with_behavior_version(Some(behavior()))
            .with_http_client(self.aws.http.clone())
            .with_time_source(self.aws.time_source())
            .with_sleep_impl(TokioSleep::new())
            .with_retry_config(RetryConfig::disabled());
        let mut builder = SsoCredentialsProvider::builder()
            .configure(&config)
            .account_id(&sso.account)
            .role_name(&sso.role)
            .start_url(&sso.start_url)
            .region(Region::new(sso.region.clone()));
        if let Some(session) = &sso.session {
            builder = builder.session_name(session);
        }
        let provider = builder.build();
        let Ok(found) = tokio::time::timeout(TIME, provider.provide_credentials()).await else {
            let message = format!("IAM Identity Center did not answer within {TIME:?}; presignd tries again by itself");
            return Err(RenewError::new(TIMEOUT, message));
        };
        let found = found.map_err(|error| {
            // The outermost words say no more than that something failed.
            let words = error.source().map_or_else(|| error.to_string(), chain);
            let words: String = words.chars().take(MAX_MESSAGE).collect();
            self.wrong(&format!("{words}; log in again (`aws sso login`)"))
        })?;
        let now = self.aws.clock.now();
        let mut minted = of_static(found.access_key_id(), found.secret_access_key(), found.session_token(), now);
        minted.facts.kind = CredentialKind::Sso;
        minted.facts.expires_at = found.expiry().map(|at| {
            let since = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            Timestamp::from_unix(i64::try_from(since).unwrap_or(i64::MAX))
        });
        Ok(minted)
    }

    fn wrong(&self, problem: &str) -> RenewError {
        RenewError::new(PROFILE, format!("profile {:?} gave no credentials: {problem}", self.name))
    }

    async fn get(&self) -> Result<Minted, RenewError> {
        self.look().await?.ok_or_else(|| {
            self.wrong("it is not there; write it into ~/.aws/config or ~/.aws/credentials of the daemon's user")
        })
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the next mint would give: what a role is asked for, and with Identity Center what the last one gave.
fn fresh(line: &Line, minted: &Minted) -> Option<Fresh> {
    let duration = match (line.hops.last(), &line.first) {
        (Some(hop), _) => hop.duration,
        (None, First::Web(web)) => web.duration,
        (None, First::Sso(_)) => minted.facts.issued.not_after.until(minted.facts.expires_at?)?,
        (None, _) => return None,
    };
    Some(Fresh { duration, limited_by: LimitedBy::Session })
}

impl Mint for FromProfile {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.get())
    }

    fn fresh(&self) -> Option<Fresh> {
        self.last().fresh
    }

    fn poll(&self) -> Option<Duration> {
        Some(LOOK_AGAIN)
    }

    fn has_news(&self) -> News<'_> {
        Box::pin(async {
            let print = self.files.read().await.ok().map(|contents| contents.print);
            print != self.last().print
        })
    }

    fn tells_changes(&self) -> bool {
        true
    }

    fn can_be_named(&self) -> bool {
        self.sts.knows_static_keys()
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a> {
        let sts = self.sts.near(self.last().region.as_deref());
        Box::pin(async move { sts.name_static(minted).await })
    }
}

/// How often the files are looked at; nothing else is asked unless they have changed.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The longest that Identity Center may take.
const TIME: Duration = Duration::from_secs(30);
/// Begins the names of sessions, where the profile gives none.
const PREFIX: &str = "presignd";
const MAX_MESSAGE: usize = 300;

#[cfg(test)]
mod tests;
