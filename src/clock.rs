//! The only reader of the system clock, and what is known of how far it is from AWS's.
//!
//! S3 judges a URL by its own clock, so everything that is signed or promised is dated by the local clock plus the offset
//! learnt from `Date` headers (SEMANTICS.md 3.7). Never talks to anybody: `aws` brings the evidence.

mod offset;
#[cfg(test)]
pub mod still;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::time::Timestamp;

pub use offset::Bounds;

/// Tells the time. Clones share one offset.
#[derive(Clone)]
pub struct Clock(Arc<Shared>);

struct Shared {
    source: Source,
    bounds: Mutex<Option<Bounds>>,
    offset: AtomicI64,
}

enum Source {
    System,
    /// Wall time that runs with tokio's timers: with time paused, one `advance` moves both.
    Tokio {
        origin: Timestamp,
        started: Instant,
    },
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::from_source(Source::System)
    }

    /// A clock that shows `origin` now and runs with tokio's timers, for tests under paused time.
    pub fn tokio(origin: Timestamp) -> Self {
        Self::from_source(Source::Tokio { origin, started: instant() })
    }

    fn from_source(source: Source) -> Self {
        Self(Arc::new(Shared { source, bounds: Mutex::new(None), offset: AtomicI64::new(0) }))
    }

    /// AWS's time as far as it is known: what signatures are dated by and expiries are compared with.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.local_now().unix().saturating_add(self.offset_seconds()))
    }

    /// The machine's own time.
    pub fn local_now(&self) -> Timestamp {
        match &self.0.source {
            Source::System => Timestamp::from_unix(system_seconds()),
            Source::Tokio { origin, started } => *origin + started.elapsed(),
        }
    }

    /// AWS's clock minus the local one, in seconds; 0 until there is evidence.
    pub fn offset_seconds(&self) -> i64 {
        self.0.offset.load(Ordering::Relaxed)
    }

    /// The same; `None` until there is evidence.
    pub fn learnt_offset_seconds(&self) -> Option<i64> {
        self.0.bounds.lock().unwrap_or_else(PoisonError::into_inner).map(Bounds::nearest)
    }

    /// Learns from the `Date` header of an answer of AWS, and gives what that answer alone says. `sent` and `received` are
    /// local times around the call. A call during which the local clock was set back teaches nothing.
    pub fn observe(&self, sent: Timestamp, date: Timestamp, received: Timestamp) -> Option<Bounds> {
        let sample = Bounds::from_sample(sent, date, received)?;
        let mut bounds = self.0.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        let narrowed = bounds.map_or(sample, |known| known.narrowed_by(sample));
        *bounds = Some(narrowed);
        let (before, after) = (self.0.offset.swap(narrowed.nearest(), Ordering::Relaxed), narrowed.nearest());
        drop(bounds);
        if before == after {
            return Some(sample);
        }
        if after.abs() > TOLERATED_OFFSET_SECONDS {
            warn!(offset_seconds = after, "the local clock differs from AWS's; signing by AWS's, please set the clock");
        } else {
            info!(offset_seconds = after, "learnt the offset of AWS's clock");
        }
        Some(sample)
    }

    /// Waits for the clock to pass `deadline`, looking up at least once a minute: wall clocks are stepped, and timers
    /// stand still while a machine sleeps. `None` never comes.
    pub async fn sleep_until(&self, deadline: Option<Timestamp>) {
        let Some(deadline) = deadline else {
            return std::future::pending().await;
        };
        while let Some(left) = self.now().until(deadline) {
            tokio::time::sleep(left.min(LOOK_UP)).await;
        }
    }

    /// A clock that never goes back, for measuring and for deadlines of calls.
    pub fn monotonic(&self) -> Instant {
        instant()
    }
}

/// Beyond this offset somebody should set the clock.
pub const TOLERATED_OFFSET_SECONDS: i64 = 5;

const LOOK_UP: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "the clock room is the only reader of the system clock")]
fn system_seconds() -> i64 {
    // Before 1970 the seconds count backwards.
    match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    }
}

fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_700_000_000 + seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn now_is_the_local_time_until_aws_has_been_heard() {
        let clock = Clock::tokio(at(0));
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!((clock.now(), clock.offset_seconds()), (at(90), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn clones_share_what_they_learn() {
        let clock = Clock::tokio(at(0));
        clock.clone().observe(at(0), at(300), at(0));
        assert_eq!((clock.offset_seconds(), clock.now(), clock.local_now()), (300, at(300), at(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_during_which_the_clock_went_back_teaches_nothing() {
        let clock = Clock::tokio(at(0));
        clock.observe(at(100), at(0), at(0));
        assert_eq!(clock.offset_seconds(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeper_wakes_by_the_time_of_aws() {
        let clock = Clock::tokio(at(0));
        clock.observe(at(0), at(3000), at(0));
        clock.sleep_until(Some(at(3600))).await;
        assert_eq!(clock.local_now(), at(600));
    }
}
