//! The generations of one identity whose secrets are in memory. Bounded; told the time.

use std::sync::Arc;

use super::Live;
use crate::session::{RecordId, Session};
use crate::time::Timestamp;

/// Newest last.
#[derive(Default, Clone)]
pub(super) struct Shelf(Vec<Arc<Live>>);

impl Shelf {
    /// Puts a generation up, in place of the same one; those that have ended are wiped.
    pub(super) fn put(&mut self, live: Arc<Live>, now: Timestamp) {
        self.0.retain(|old| old.session.id != live.session.id && old.session.left(now).is_some());
        if self.0.len() >= MAX_GENERATIONS {
            // The one that serves least; its URLs live on.
            let least = self.0.iter().enumerate().min_by_key(|(_, old)| old.session.left(now)).map(|(at, _)| at);
            self.0.remove(least.unwrap_or_default());
        }
        self.0.push(live);
        self.0.sort_by_key(|live| live.session.generation);
    }

    /// The session that signs: the longest life, and of equals the newest. A long-term key has no end, so it is the
    /// newest generation that says whether it still stands: somebody has put another in its place.
    pub(super) fn current(&self, now: Timestamp) -> Option<Arc<Live>> {
        let newest = self.0.last()?.session.id;
        let stands = |live: &&Arc<Live>| live.session.facts.expires_at.is_some() || live.session.id == newest;
        let living = self.0.iter().filter(stands).filter(|live| live.session.left(now).is_some());
        living.max_by_key(|live| (live.session.left(now), live.session.generation)).cloned()
    }

    pub(super) fn live(&self, id: RecordId, now: Timestamp) -> Option<Arc<Live>> {
        self.0.iter().find(|live| live.session.id == id && live.session.left(now).is_some()).cloned()
    }

    pub(super) fn of_key(&self, access_key_id: &str) -> Option<Arc<Live>> {
        self.0.iter().rev().find(|live| live.session.facts.access_key_id == access_key_id).cloned()
    }

    /// Newest first.
    pub(super) fn sessions(&self, now: Timestamp) -> Vec<Arc<Session>> {
        let living = self.0.iter().rev().filter(|live| live.session.left(now).is_some());
        living.map(|live| Arc::clone(&live.session)).collect()
    }
}

/// Generations of one identity in memory. At the least pause between mints the oldest would be gone before its end;
/// at ordinary lengths there are a handful.
pub(super) const MAX_GENERATIONS: usize = 256;
