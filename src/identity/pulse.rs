//! Whether a renewal task is alive: asked, it turns once and says so, or it is at a step that may take as long as it does.
//!
//! Says nothing of STS: a task that waits for an answer which never comes is alive until its own bound is long past.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Of one keeper.
#[derive(Default)]
pub struct Pulse {
    last: Mutex<Doing>,
    asked: Notify,
}

/// What the task was last seen at.
#[derive(Debug, Clone, Copy, Default)]
enum Doing {
    /// It does not run: not yet, or no more.
    #[default]
    Nothing,
    /// It waits for whatever comes first, and being asked is among that.
    Waits(Instant),
    /// It asks its source, or has what that gave written down.
    Works(Instant),
}

impl Pulse {
    /// Has the task show that it lives.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Whether it lives, asked at that moment.
    pub fn answers(&self, asked: Instant, now: Instant) -> bool {
        match *self.last() {
            Doing::Nothing => true,
            Doing::Waits(since) => since >= asked,
            Doing::Works(since) => now.saturating_duration_since(since) < LONGEST_STEP,
        }
    }

    /// Wakes when it is asked.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    pub(super) fn waits(&self, now: Instant) {
        *self.last() = Doing::Waits(now);
    }

    pub(super) fn works(&self, now: Instant) {
        *self.last() = Doing::Works(now);
    }

    /// For as long as the task runs.
    pub(super) fn running(&self) -> Running<'_> {
        Running(self)
    }

    fn last(&self) -> MutexGuard<'_, Doing> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dropped, the task has ended. One that broke is told of elsewhere, and ends the daemon.
pub(super) struct Running<'p>(&'p Pulse);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.last() = Doing::Nothing;
    }
}

/// Longer than any step of a keeper may take by its own bounds: ten minutes for an attempt, and as long for the pause before it.
pub(super) const LONGEST_STEP: Duration = Duration::from_secs(660);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_answers_and_who_works_has_a_bound() {
        let (pulse, start) = (Pulse::default(), Instant::now());
        let later = |seconds| start + Duration::from_secs(seconds);
        assert!(pulse.answers(start, start), "what does not run is not missed");
        let running = pulse.running();
        pulse.waits(start);
        assert!(!pulse.answers(later(1), later(2)), "it has not turned since");
        pulse.waits(later(2));
        assert!(pulse.answers(later(1), later(2)));
        pulse.works(later(3));
        assert!(pulse.answers(later(600), later(601)), "STS may be slow");
        assert!(!pulse.answers(later(700), later(701)), "and not for ever");
        drop(running);
        assert!(pulse.answers(later(700), later(701)));
    }
}
