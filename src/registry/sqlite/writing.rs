//! Since when a group is being written: a disk that does not answer says nothing, and so does whoever waits for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shared by the writer and those who ask how it fares.
#[derive(Debug, Default)]
pub(super) struct Writing(Mutex<Option<Instant>>);

impl Writing {
    pub(super) fn begins(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    pub(super) fn ends(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether one group has been under way for longer than a disk that works needs.
    pub(super) fn hangs(&self, now: Instant) -> bool {
        let began = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        began.is_some_and(|began| now.saturating_duration_since(began) > PATIENCE)
    }
}

/// Longer than a sync of a busy disk, shorter than callers wait.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_hangs_that_is_written_for_longer_than_disks_need_and_none_does_when_it_has_ended() {
        let (writing, now) = (Writing::default(), Instant::now());
        let hangs = |after: u64| writing.hangs(now + Duration::from_secs(after));
        assert!(!hangs(100), "none is written");
        writing.begins(now);
        assert_eq!([0, 5, 6].map(hangs), [false, false, true]);
        writing.ends();
        assert!(!hangs(100));
    }
}
