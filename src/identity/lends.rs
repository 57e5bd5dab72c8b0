//! With what those that are based on an identity are given their next session: the one answer for whoever tells of it.
//!
//! Mints nothing, and reads nothing: rows of the registry say what was stopped.

use std::sync::Arc;

use super::{Identity, Live};
use crate::registry::SessionRow;
use crate::session::Session;
use crate::session::generation::{Secret, has_no_end};

/// What an identity lends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lends {
    /// What it signs with, or would if it were not paused, or had it not been denied what it signs.
    Now(Arc<Session>),
    /// It signs nothing, and may come to sign with one of these keys by itself: AWS has not confirmed it, or its source has
    /// given nothing since the start.
    Soon(Vec<Arc<Session>>),
    /// It signs nothing, and nobody knows what comes.
    Unknown,
    /// Nothing until somebody acts: its source gives a key that was stopped, or that AWS does not know any more.
    Nothing,
}

impl Identity {
    /// The long-term key that its source gives and that signs again when that is read anew, after a restart at the latest:
    /// another was let sign in its place.
    pub fn signs_again_with(&self) -> Option<Arc<Session>> {
        let given = self.keeper.gives().and_then(|given| self.keeper.held(given))?;
        (self.secret_of(&given.session) == Secret::Displaced).then(|| Arc::clone(&given.session))
    }

    /// What mints for those that are based on it, if anything does at once: the generation that signs, or would if the
    /// identity were not paused; else one that was only denied what it signs.
    pub fn lending_generation(&self) -> Option<Arc<Live>> {
        self.keeper.lends()
    }

    /// What it lends. `rows` are its generations in the registry, newest first.
    pub fn lends(&self, rows: &[SessionRow]) -> Lends {
        if let Some(live) = self.lending_generation() {
            return Lends::Now(Arc::clone(&live.session));
        }
        let gives = self.keeper.gives();
        let keys = rows.iter().filter(|row| has_no_end(row.session.facts.kind));
        let mut given = keys.filter(|row| gives.is_none_or(|gives| gives == row.session.id)).peekable();
        // Nothing that is minted anew depends on a key of before.
        let is_known = gives.is_some() && given.peek().is_some() && self.fresh().is_none();
        let may_come = |row: &&SessionRow| {
            let secret = self.secret_of(&row.session);
            // One that is held and given again is not replaced any more.
            let is_back = row.replaced && matches!(secret, Secret::Waits | Secret::Displaced);
            let is_stopped = row.drained_since.filter(|_| !is_back).or(row.retired_at).is_some();
            !is_stopped && matches!(secret, Secret::Waits | Secret::Displaced | Secret::Unread | Secret::Missing)
        };
        let keys: Vec<_> = given.filter(may_come).map(|row| Arc::clone(&row.session)).collect();
        match keys.is_empty() {
            false => Lends::Soon(keys),
            true if is_known => Lends::Nothing,
            true => Lends::Unknown,
        }
    }
}
