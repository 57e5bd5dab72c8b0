//! The default chain: what lies around, in AWS's order. Composed here because the SDK's own rewrites expiries
//! (SEMANTICS.md 2.4).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::container::Container;
use super::environment::FromEnvironment;
use super::error::{NO_CREDENTIALS, RenewError};
use super::instance::Instance;
use super::mint::{Mint, Minted, Minting, Naming, News};
use super::profile::FromProfile;
use crate::session::lifetime::Fresh;

/// The first of them that has credentials. One that is set up and fails is an error: another principal must not sign
/// in its place.
pub(super) struct Chain {
    pub environment: FromEnvironment,
    pub profile: FromProfile,
    pub web: Option<Box<dyn Mint>>,
    pub container: Container,
    pub instance: Instance,
    /// Where the last session came from; `None` before the first.
    pub last: Mutex<Option<Link>>,
}

/// A link of the chain.
#[derive(Clone, Copy)]
pub(super) enum Link {
    Environment,
    Profile,
    Web,
    Container,
    Instance,
}

impl Chain {
    async fn get(&self) -> Result<Minted, RenewError> {
        let (link, minted) = self.first_of_all().await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
        Ok(minted)
    }

    async fn first_of_all(&self) -> Result<(Link, Minted), RenewError> {
        if self.environment.has_any() {
            return Ok((Link::Environment, self.environment.get()?));
        }
        if let Some(minted) = self.profile.look().await? {
            return Ok((Link::Profile, minted));
        }
        if let Some(web) = &self.web {
            return Ok((Link::Web, web.mint().await?));
        }
        if self.container.is_there() {
            return Ok((Link::Container, self.container.mint().await?));
        }
        if self.instance.is_off() {
            return Err(nothing("instance metadata is switched off"));
        }
        let minted = self.instance.mint().await.map_err(|error| nothing(&error.to_string()))?;
        Ok((Link::Instance, minted))
    }

    /// What gave the last session: it knows how to go on.
    fn link(&self) -> Option<&dyn Mint> {
        match (*self.last.lock().unwrap_or_else(PoisonError::into_inner))? {
            Link::Environment => Some(&self.environment),
            Link::Profile => Some(&self.profile),
            Link::Web => self.web.as_deref(),
            Link::Container => Some(&self.container),
            Link::Instance => Some(&self.instance),
        }
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
        self.link()?.fresh()
    }

    /// A chain that has given nothing yet is asked soon, for it may have taken over a session.
    fn poll(&self) -> Option<Duration> {
        self.link().map_or(Some(FIRST_LOOK), Mint::poll)
    }

    fn has_news(&self) -> News<'_> {
        self.link().map_or_else(|| -> News<'_> { Box::pin(async { true }) }, Mint::has_news)
    }

    fn tells_changes(&self) -> bool {
        self.link().is_some_and(Mint::tells_changes)
    }

    fn can_be_named(&self) -> bool {
        self.link().is_none_or(Mint::can_be_named)
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a> {
        self.link().unwrap_or(&self.environment).name(minted)
    }
}

/// When to look where a session that was taken over came from.
const FIRST_LOOK: Duration = Duration::from_secs(10);
