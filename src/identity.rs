//! A session for each name, renewed ahead of its end.
//!
//! Keeps secrets in memory only, until the session's end. A renewal that fails takes nothing away, and a session signs
//! only once the registry knows it.

mod base;
mod chain;
mod container;
mod control;
mod due;
mod environment;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gate;
mod gauges;
mod instance;
mod keeper;
mod keyfile;
mod lends;
mod mint;
mod minting;
mod mourn;
mod need;
mod pace;
mod parts;
mod profile;
mod pulse;
mod reload;
mod replaced;
mod shelf;
mod sources;
mod sts;
mod tenants;
#[cfg(test)]
mod tests;
mod vouch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use error::RenewError;
pub use gate::Dead;
pub use lends::Lends;
pub use mourn::Told;
pub use parts::NOBODY;
pub use pulse::Pulse;
pub use replaced::Replaced;
pub use tenants::NoPart;

use crate::config::identity::{self as tables, S3};
use crate::session::lifetime::Fresh;
use crate::session::{IdentityName, RecordId, Session};
use crate::signer::Signer;
use crate::telemetry::Metrics;
use crate::time::Timestamp;

/// All identities of a configuration.
pub struct Identities {
    all: BTreeMap<IdentityName, Arc<Identity>>,
    shared: Arc<reload::Shared>,
}

/// One name, and the sessions that it can sign with. With partitions it has a part for each tenant, which is an identity
/// of the same name, and it signs with none of them itself.
pub struct Identity {
    name: IdentityName,
    /// With what `[sts]` adds to it.
    table: tables::Identity,
    keeper: Arc<keeper::Keeper>,
    tenants: Option<Arc<tenants::Tenants>>,
    /// Asked of its sessions whether they live.
    sts: Option<sts::Sts>,
    metrics: Arc<Metrics>,
}

/// A session with its secret.
pub struct Live {
    /// As the registry knows it.
    pub session: Arc<Session>,
    /// Signs with it.
    pub signer: Signer,
    /// Closed while it must not sign.
    gate: Arc<gate::Gate>,
}

/// The right to sign, held until the record is durable or given up.
#[derive(Debug)]
pub struct Signing {
    _identity: gate::Passing,
    /// `None` for what was signed before and is signed once more.
    _generation: Option<gate::Passing>,
}

/// Why a generation does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Its identity is paused.
    Paused,
    /// It is drained or retired; another may sign.
    Generation,
}

/// How an identity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// An operator has stopped it from signing.
    Paused,
    /// No session yet, and no attempt has failed.
    Starting,
    /// A live session, and renewals work.
    Ready,
    /// A live session, but the last renewal failed.
    RenewalFailing,
    /// No live session, and the last attempt failed.
    Unavailable,
    /// Its only session was seen dead; another is looked for.
    SessionDead,
}

/// What can be told of an identity.
#[derive(Debug, Clone)]
pub struct Status {
    /// In a word.
    pub state: State,
    /// Live sessions, newest first.
    pub sessions: Vec<Arc<Session>>,
    /// When the next attempt is due; `None` where none is.
    pub next_renewal_at: Option<Timestamp>,
    /// Failures since the last attempt that worked.
    pub failures: u32,
    /// What the last failure said; empty while renewals work, unless AWS did not know the key that signs.
    pub last_failure: String,
    /// Its stable reason; empty where that is.
    pub last_failure_reason: &'static str,
    /// A session is renewed when less than this is left of it.
    pub headroom: Duration,
}

impl Identities {
    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &IdentityName> {
        self.all.keys()
    }

    /// By its name.
    pub fn identity(&self, name: &IdentityName) -> Option<Arc<Identity>> {
        self.all.get(name).cloned()
    }
}

impl Identity {
    fn new(name: IdentityName, table: tables::Identity, keeper: keeper::Keeper, metrics: Arc<Metrics>) -> Self {
        metrics.identity_begins(&name);
        Self { name, table, keeper: Arc::new(keeper), tenants: None, sts: None, metrics }
    }

    /// As the configuration names it.
    pub fn name(&self) -> &IdentityName {
        &self.name
    }

    /// Where its sessions come from, as the configuration writes it.
    pub fn source(&self) -> &'static str {
        self.table.source.name()
    }

    /// All that the configuration says of where its sessions come from.
    pub fn table(&self) -> &tables::Source {
        &self.table.source
    }

    /// The live session that signs: of those that may, the one with the longest life. `None` also while it is paused, and
    /// where parts sign.
    pub fn current(&self) -> Option<Arc<Live>> {
        self.keeper.current().filter(|_| !self.is_paused())
    }

    /// What a session got now would give; `None` where none can be got at will.
    pub fn fresh(&self) -> Option<Fresh> {
        self.keeper.fresh()
    }

    /// Any generation that has not ended nor was seen dead, and whose secret is still in memory.
    pub fn live(&self, session: RecordId) -> Option<Arc<Live>> {
        self.keeper.live(session).filter(|live| !live.gate.is_dead())
    }

    /// Gets a session now. Callers that come together share one attempt; the pause and the budget delay it and never
    /// fail it. Given up, the attempt goes on.
    ///
    /// # Errors
    /// What the attempt met.
    pub async fn renew(&self) -> Result<Arc<Live>, Arc<RenewError>> {
        self.keeper.renew().await
    }

    /// How the last attempt to get a session went; waits for the first. With partitions it gets one for a tenant that there
    /// is not, [`NOBODY`].
    ///
    /// # Errors
    /// What the attempt met.
    pub async fn outcome(&self) -> Result<Arc<Live>, Arc<RenewError>> {
        match self.part(NOBODY) {
            Ok(None) => self.keeper.outcome().await,
            Ok(Some(part)) => part.keeper.renew().await,
            Err(error) => Err(error.into()),
        }
    }

    /// Whether AWS can be asked whose its credentials are; not so for the keys of an S3-compatible store.
    pub fn can_be_named(&self) -> bool {
        self.keeper.can_be_named()
    }

    /// What the last attempt met; `None` while renewals work.
    pub fn last_failure(&self) -> Option<Arc<RenewError>> {
        self.keeper.last_failure()
    }

    /// How it is; with partitions, how all parts are together.
    pub fn status(&self) -> Status {
        match &self.tenants {
            Some(tenants) => {
                let all = tenants.status(self.is_paused());
                // Before the first tenant, what is configured.
                Status { headroom: self.table.headroom.unwrap_or_default().max(all.headroom), ..all }
            }
            None => self.keeper.status(),
        }
    }

    /// Of the tasks that renew its sessions.
    pub fn pulses(self: &Arc<Self>) -> impl Iterator<Item = Arc<Pulse>> + use<> {
        self.parts().into_iter().map(|part| Arc::clone(&part.keeper.pulse))
    }

    /// How its URLs are addressed.
    pub fn s3(&self) -> &S3 {
        &self.table.s3
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.metrics.identity_ends(&self.name);
    }
}
