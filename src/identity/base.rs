//! Whose credentials mint: another identity's session, or what the default chain finds.

use std::sync::{Arc, OnceLock, Weak};

use super::Identity;
use super::Live;
use super::error::{BASE, RenewError};
use super::mint::{Mint, Minted};
use crate::session::{Credentials, Session};

/// Who asks STS.
pub(super) enum Base {
    /// Nobody: a web identity brings a token instead.
    Nobody,
    /// The default chain, looked through for each mint.
    Chain(Box<dyn Mint>),
    /// Another identity; bound when all have been made.
    Other(Bound),
}

/// A base that is made later. Weak, so that the identities of a former configuration go away together.
pub(super) type Bound = Arc<OnceLock<Weak<Identity>>>;

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
            Self::Other(bound) => {
                let Some(base) = bound.get().and_then(Weak::upgrade) else {
                    return Err(RenewError::new(BASE, "the base identity is gone; the configuration was reloaded"));
                };
                if let Some(live) = base.current().filter(|_| current_will_do) {
                    return Ok(Lent::Live(live));
                }
                // Boxed: a chain of identities is a chain of futures.
                let renewed = Box::pin(base.renew()).await;
                renewed.map(Lent::Live).map_err(|error| {
                    RenewError::new(BASE, format!("the base identity {} has no session: {error}", base.name()))
                })
            }
        }
    }
}
