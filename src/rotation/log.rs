//! What was told already, read from the registry's rows: so nothing is told twice, whatever restarts in between.

use std::collections::{HashMap, HashSet};

use super::told::Told;
use crate::error::Error;
use crate::registry::{DAEMON, EventKind, EventRow, MAX_PAGE, Registry};
use crate::session::{IdentityName, RecordId};

/// What the rows up to one of them say.
#[derive(Default)]
pub(super) struct Log {
    /// The last row that was read.
    read: u64,
    /// Of each generation, the last of its changes.
    changes: HashMap<RecordId, Change>,
    /// Sessions that were told to end soon.
    ending: HashSet<RecordId>,
    /// Sessions that were told to sign.
    renewed: HashSet<RecordId>,
    /// By identity and tenant, the reason for which there is no newer one.
    failing: HashMap<(IdentityName, String), String>,
}

/// A change of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) kind: EventKind,
    pub(super) identity: IdentityName,
    pub(super) generation: u64,
}

impl Log {
    /// Reads what was written since.
    pub(super) async fn read(&mut self, registry: &Registry) -> Result<(), Error> {
        loop {
            let rows = registry.events(DAEMON, self.read, MAX_PAGE).await.map_err(Error::registry)?;
            rows.iter().for_each(|row| self.add(row));
            if rows.len() < MAX_PAGE {
                return Ok(());
            }
        }
    }

    fn add(&mut self, row: &EventRow) {
        self.read = row.number;
        match Told::of(row) {
            Some(Told::SessionRenewed(session)) => {
                // No tenant outlasts the daemon whose rows these are.
                self.failing.remove(&(session.identity, String::new()));
                self.renewed.insert(session.id);
            }
            Some(Told::RenewalFailed(failed)) => {
                self.failing.insert((failed.identity, failed.partition), failed.reason);
            }
            Some(Told::SessionEnding(status)) => _ = self.ending.insert(status.session.id),
            Some(
                Told::GenerationDraining(status)
                | Told::DrainCancelled(status)
                | Told::GenerationDrained(status)
                | Told::GenerationRetired(status),
            ) => {
                let session = status.session;
                let change = Change { kind: row.kind, identity: session.identity, generation: session.generation };
                self.changes.insert(session.id, change);
            }
            Some(Told::IdentityPaused(_) | Told::IdentityResumed(_)) | None => {}
        }
    }

    /// The last change of a generation.
    pub(super) fn change_of(&self, session: RecordId) -> Option<EventKind> {
        self.changes.get(&session).map(|change| change.kind)
    }

    /// Generations that were told to be on their way to their end, and not to have come there.
    pub(super) fn on_their_way(&self) -> Vec<(RecordId, Change)> {
        let open = [EventKind::GenerationDraining, EventKind::GenerationDrained];
        let way = self.changes.iter().filter(|(_, change)| open.contains(&change.kind));
        way.map(|(session, change)| (*session, change.clone())).collect()
    }

    /// Whether it was told that the session ends soon.
    pub(super) fn told_ending(&self, session: RecordId) -> bool {
        self.ending.contains(&session)
    }

    /// Whether it was told that this session signs.
    pub(super) fn told_renewed(&self, session: RecordId) -> bool {
        self.renewed.contains(&session)
    }

    /// Whether it was told that renewals fail for this reason, and of nothing else since.
    pub(super) fn told_failing(&self, identity: &IdentityName, tenant: &str, reason: &str) -> bool {
        self.failing.get(&(identity.clone(), tenant.to_owned())).is_some_and(|told| told == reason)
    }

    /// Renewals work: the next failure is news, whatever its reason.
    pub(super) fn works(&mut self, identity: &IdentityName, tenant: &str) {
        self.failing.remove(&(identity.clone(), tenant.to_owned()));
    }

    /// Forgets whoever is there no more.
    pub(super) fn keep_failing(&mut self, is_there: impl Fn(&IdentityName, &str) -> bool) {
        self.failing.retain(|(identity, tenant), _| is_there(identity, tenant));
    }

    /// Forgets a generation.
    pub(super) fn forget(&mut self, session: RecordId) {
        self.changes.remove(&session);
    }

    /// Forgets what nobody asks about any more: sessions that have neither life nor outstanding URLs.
    pub(super) fn keep_only(&mut self, is_known: impl Fn(RecordId) -> bool) {
        self.ending.retain(|session| is_known(*session));
        self.renewed.retain(|session| is_known(*session));
        self.changes.retain(|session, change| change.kind != EventKind::GenerationRetired || is_known(*session));
    }
}
