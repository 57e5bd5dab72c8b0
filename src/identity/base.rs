//! Whose credentials mint: another identity's session, or what the default chain finds.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::Identity;
use super::Live;
use super::error::{BASE, RenewError};
use super::mint::{Mint, Minted};
use crate::session::{Credentials, IdentityName, Session};

/// Who asks STS.
pub(super) enum Base {
    /// Nobody: a web identity brings a token instead.
    Nobody,
    /// The default chain, looked through for each mint.
    Chain(Box<dyn Mint>),
    /// Another identity, looked up for each mint: a reload may have put another in its place.
    Other(IdentityName, Arc<Directory>),
}

/// The identities of the configuration in force. Weak, because they hold it.
#[derive(Default)]
pub(super) struct Directory(RwLock<BTreeMap<IdentityName, Weak<Identity>>>);

impl Directory {
    pub(super) fn replace(&self, all: &BTreeMap<IdentityName, Arc<Identity>>) {
        let all = all.iter().map(|(name, identity)| (name.clone(), Arc::downgrade(identity))).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = all;
    }

    fn find(&self, name: &IdentityName) -> Option<Arc<Identity>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name)?.upgrade()
    }
}

/// Credentials for one call.
pub(super) enum Lent {
    /// Of another identity.
    Live(Arc<Live>),
    /// Of the chain.
    Found(Box<Minted>),
}

impl Lent {
    pub(super) fn credentials(&self) -> &Credentials {
        match self {
            Self::Live(live) => live.signer.credentials(),
            Self::Found(minted) => &minted.credentials,
        }
    }

    pub(super) fn session(&self) -> Option<&Session> {
        match self {
            Self::Live(live) => Some(&live.session),
            Self::Found(_) => None,
        }
    }
}

impl Base {
    /// What the base has now; a base with nothing is asked to get something.
    pub(super) async fn lend(&self) -> Result<Lent, RenewError> {
        self.lend_if(true).await
    }

    /// The same, got first.
    pub(super) async fn lend_anew(&self) -> Result<Lent, RenewError> {
        self.lend_if(false).await
    }

    async fn lend_if(&self, current_will_do: bool) -> Result<Lent, RenewError> {
        match self {
            Self::Nobody => Err(RenewError::new(BASE, "this source has no base")),
            Self::Chain(chain) => chain.mint().await.map(|minted| Lent::Found(Box::new(minted))),
            Self::Other(name, directory) => loop {
                let Some(base) = directory.find(name) else {
                    let message = format!("the base identity {name} is gone; the configuration was reloaded");
                    return Err(RenewError::new(BASE, message));
                };
                // A pause keeps it from signing URLs only, and so does a canary. Of a session that was minted the next may
                // be allowed more; a source that is read would give the same again.
                let will_do = |live: &Arc<Live>| current_will_do && (!live.is_dead() || base.fresh().is_none());
                if let Some(live) = base.lending_generation().filter(will_do) {
                    return Ok(Lent::Live(live));
                }
                // Boxed: a chain of identities is a chain of futures.
                match Box::pin(base.renew()).await {
                    Ok(live) => return Ok(Lent::Live(live)),
                    // Another has taken its place meanwhile.
                    Err(error) if error.is_of_former_configuration() => {}
                    Err(error) => {
                        let message = format!("the base identity {name} has no session: {error}");
                        // What it gave may be what was denied before a restart.
                        let denied = base.lending_generation().filter(|_| current_will_do);
                        return denied.map(Lent::Live).ok_or_else(|| RenewError::new(BASE, message));
                    }
                }
            },
        }
    }
}
