//! Generations that operators or the probe keep from signing, and let sign again.
//!
//! Decides nothing of that itself, and never lets an older session sign in the place of one that is stopped.

use std::sync::Arc;

use super::Keeper;
use crate::identity::Live;
use crate::session::RecordId;
use crate::session::generation::has_no_end;

impl Keeper {
    /// Stops a generation, and has another session looked for where nothing signs; for a tenant, when it asks. Where
    /// sessions are minted, one that signed is always followed by a new one: what takes its place at once may be from
    /// before whatever it is stopped for. Whether it was stopped.
    pub(in crate::identity) fn stop_with(&self, session: RecordId, stop: impl FnOnce(&Live) -> bool) -> bool {
        let signs = self.current().is_some_and(|live| live.session.id == session);
        let stopped = self.held(session).is_some_and(|live| stop(&live));
        let is_missed = self.current().is_none() || (signs && self.source.fresh().is_some());
        if stopped && is_missed && self.need.is_none() {
            self.want();
        }
        stopped
    }

    /// Keeps a generation from signing until somebody lets it: also what its source gives. Whether it may have signed.
    pub(in crate::identity) fn close(&self, session: RecordId) -> bool {
        self.kept().shelf.stop(session, true);
        self.stop_with(session, |live| live.gate.close())
    }

    /// What mints for the identities that are based on its own.
    pub(in crate::identity) fn lends(&self) -> Option<Arc<Live>> {
        self.kept().shelf.lends(self.clock.now())
    }

    /// What the source gives, as far as is known since the start, whether or not it may sign.
    pub(in crate::identity) fn gives(&self) -> Option<RecordId> {
        self.kept().shelf.gives()
    }

    /// Lets a generation sign that was kept from it.
    pub(in crate::identity) fn start(&self, session: RecordId) {
        let mut kept = self.kept();
        let (now, Some(live)) = (self.clock.now(), kept.of(session)) else { return };
        let facts = &live.session.facts;
        let is_unconfirmed = facts.principal_arn.is_empty() && self.source.can_be_named();
        if has_no_end(facts.kind) && is_unconfirmed && kept.shelf.current(now).is_some() {
            // It waits again.
            kept.shelf.take(session);
            kept.prepared = Some(live);
            drop(kept);
            return self.want();
        }
        live.gate.open();
        kept.shelf.prefer(live, now);
        drop(kept);
        self.forgive(session);
        self.look();
    }

    /// Takes back that a generation was stopped: it signs if it did, and rests if it did not.
    pub(in crate::identity) fn go_on(&self, session: RecordId) {
        let mut kept = self.kept();
        kept.shelf.stop(session, false);
        let Some(live) = kept.of(session) else { return };
        // Of a key in whose place another came meanwhile, the gate stays closed.
        if !has_no_end(live.session.facts.kind) || kept.shelf.stands(&live) {
            live.gate.open();
        }
        drop(kept);
        self.forgive(session);
        self.look();
    }
}
