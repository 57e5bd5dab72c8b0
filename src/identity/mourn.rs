//! Sessions that were seen dead: they sign no more, until they are seen alive. One that was only denied what it signs goes
//! on minting for the identities that are based on its own.
//!
//! Looks at none by itself and writes nothing down: the room `probe` does.

use std::sync::Arc;

use super::gate::Dead;
use super::sts::Sts;
use super::{Identity, Live};
use crate::config::probe::Canary;
use crate::session::Session;
use crate::signer::endpoint::home_of;

/// What STS said of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Whose it is.
    Known,
    /// An error, by its code.
    Refused(String),
    /// Nothing: no answer, or none of STS.
    Nothing,
}

impl Identity {
    pub(super) fn asking(mut self, sts: Sts) -> Self {
        self.sts = Some(sts);
        self
    }

    /// What its sessions are looked at with, beside STS.
    pub fn canaries(&self) -> &[Canary] {
        &self.table.canaries
    }

    /// Any generation that has not ended and whose secret is here, also one that does not sign.
    pub fn held(&self, session: &Session) -> Option<Arc<Live>> {
        self.keeper_of(session)?.live(session.id)
    }

    /// Asks STS of a session, with that very session; `None` where STS cannot be asked. A key that nobody has named may be
    /// of another partition, whose STS would not know it either.
    pub async fn ask_of(&self, live: &Live) -> Option<Told> {
        let facts = &live.session.facts;
        let sts = self.sts.as_ref().filter(|_| self.can_be_named() && !facts.principal_arn.is_empty())?;
        Some(sts.near(home_of(&facts.partition)).ask_of(live.signer.credentials()).await)
    }

    /// Keeps a session from signing, because it was seen dead; another is looked for where nothing else signs. Whether
    /// that, or the reason, is news.
    pub fn bury(&self, session: &Session, why: Dead) -> bool {
        self.keeper_of(session).is_some_and(|keeper| keeper.stop_with(session.id, |live| live.gate.bury(why)))
    }

    /// Lets it sign again. Whether that is news.
    pub fn revive(&self, session: &Session) -> bool {
        let Some(keeper) = self.keeper_of(session) else { return false };
        let revived = keeper.held(session.id).is_some_and(|live| live.gate.revive());
        if revived {
            keeper.forgive(session.id);
            match keeper.last_failure() {
                Some(error) if error.is_of_the_dead() => keeper.want(),
                _ => keeper.look(),
            }
        }
        revived
    }

    /// Whether it signs nothing because its session was seen dead.
    pub fn is_dead(&self) -> bool {
        self.keeper.is_dead()
    }
}

impl Live {
    /// Whether it was seen dead.
    pub fn is_dead(&self) -> bool {
        self.gate.is_dead()
    }
}
