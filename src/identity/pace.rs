//! The budget of calls to STS, all identities together. Delays a call, never refuses one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::Clock;

/// At most so many calls in a minute; a minute's worth may come at once.
pub(super) struct Budget {
    clock: Clock,
    calls_per_minute: AtomicU32,
    /// When all that was taken will have been earned. Who waits holds the lock, so that calls go in the order in which
    /// they came.
    earned_at: Mutex<Option<Instant>>,
}

impl Budget {
    pub(super) fn new(clock: Clock, calls_per_minute: u32) -> Self {
        Self { clock, calls_per_minute: calls_per_minute.into(), earned_at: Mutex::new(None) }
    }

    /// Counts from the next call on.
    pub(super) fn set(&self, calls_per_minute: u32) {
        self.calls_per_minute.store(calls_per_minute, Ordering::Relaxed);
    }

    /// Waits for room for one call. A wait that is given up takes nothing: calls that are never made must not make
    /// others wait.
    pub(super) async fn take(&self) {
        let mut earned_at = self.earned_at.lock().await;
        let now = self.clock.monotonic();
        let each = MINUTE / self.calls_per_minute.load(Ordering::Relaxed).max(1);
        let next = earned_at.map_or(now, |at| at.max(now)) + each;
        tokio::time::sleep(next.saturating_duration_since(now).saturating_sub(MINUTE)).await;
        *earned_at = Some(next);
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[tokio::test(start_paused = true)]
    async fn a_minutes_worth_goes_at_once_and_the_next_call_waits_for_its_turn() {
        let clock = Clock::tokio(Timestamp::EPOCH);
        let (budget, began) = (Budget::new(clock.clone(), 6), clock.monotonic());
        for _ in 0..6 {
            budget.take().await;
        }
        assert_eq!(clock.monotonic() - began, Duration::ZERO);
        budget.take().await;
        assert_eq!((clock.monotonic() - began).as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn another_budget_counts_from_the_next_call() {
        let clock = Clock::tokio(Timestamp::EPOCH);
        let (budget, began) = (Budget::new(clock.clone(), 6), clock.monotonic());
        for _ in 0..6 {
            budget.take().await;
        }
        budget.set(60);
        for _ in 0..10 {
            budget.take().await;
        }
        assert_eq!((clock.monotonic() - began).as_secs(), 10, "one each second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_makes_nobody_wait() {
        let clock = Clock::tokio(Timestamp::EPOCH);
        let (budget, began) = (Budget::new(clock.clone(), 6), clock.monotonic());
        for _ in 0..6 {
            budget.take().await;
        }
        for _ in 0..5 {
            let given_up = tokio::time::timeout(Duration::from_secs(1), budget.take()).await;
            assert!(given_up.is_err());
        }
        budget.take().await;
        assert_eq!((clock.monotonic() - began).as_secs(), 10);
    }
}
