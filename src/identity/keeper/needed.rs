//! When an attempt is called for, also of a keeper that nobody may need: it rests while nobody asks, and is over when nothing is left that anybody could ask for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::due::{Due, Now};
use super::super::need::Need;
use super::Keeper;
use crate::time::Timestamp;

impl Keeper {
    /// Who needs it; `None`: everybody, always.
    pub(in crate::identity) fn need(&self) -> Option<&Need> {
        self.need.as_ref()
    }

    /// Of whom its sessions are.
    pub(in crate::identity) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Somebody asks, and may come back until then.
    pub(in crate::identity) fn ask(&self, until: Timestamp) {
        if self.need.as_ref().is_some_and(|need| need.ask(until)) {
            // It may have rested.
            self.look();
        }
    }

    /// When the first attempt is due: at once, unless there is a session that was taken over. A tenant's waits until
    /// somebody wants to sign.
    pub(super) fn first(&self) {
        let now = self.now();
        let mut kept = self.kept();
        kept.due = match kept.shelf.current(now.wall) {
            Some(live) => self.next(&mut kept, &live.session, now),
            None if self.need.is_some() => Due::default(),
            None => Due::after(Duration::ZERO, now),
        };
    }

    /// Whether another attempt is due, or wanted by somebody, after that many.
    pub(super) fn is_called_for(&self, done: u64) -> bool {
        let (now, due) = (self.now(), self.kept().due);
        (due.is_over(now) && !self.idles(due, now)) || self.wanted.load(Ordering::Relaxed) > done
    }

    /// Whether what is due is put off until somebody asks.
    pub(super) fn idles(&self, due: Due, now: Now) -> bool {
        self.need.as_ref().is_some_and(|need| !need.is_asked()) && due.is_over(now)
    }

    /// When nothing of it can be needed any more, if nobody asks; `None`: never.
    pub(super) fn over_at(&self) -> Option<Timestamp> {
        let until = self.need.as_ref()?.until();
        let kept = self.kept();
        let ends: Option<Vec<_>> = kept.shelf.all().map(|live| live.session.facts.expires_at).collect();
        ends.map(|ends| ends.into_iter().fold(until, Ord::max))
    }

    /// Whether that has come.
    pub(in crate::identity) fn is_over(&self) -> bool {
        let is_wanted = self.wanted.load(Ordering::Relaxed) > self.ended.borrow().number;
        !is_wanted && self.over_at().is_some_and(|at| at <= self.clock.now())
    }

    /// Whether it got nothing, and nobody waits for it to get something.
    pub(in crate::identity) fn has_nothing(&self) -> bool {
        let (now, kept) = (self.clock.now(), self.kept());
        kept.failures > 0 && kept.shelf.sessions(now).is_empty() && self.ended.receiver_count() == 0
    }
}
