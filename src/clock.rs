//! The only reader of the system clock, and what is known of how far it is from AWS's.
//!
//! S3 judges a URL by its own clock, so everything that is signed or promised is dated by the local clock plus the offset
//! learnt from `Date` headers (SEMANTICS.md 3.7). Never talks to anybody: `aws` brings the evidence.

mod offset;
#[cfg(test)]
pub mod still;
mod sure;

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
    /// AWS's time minus the seconds since the machine was started, when AWS was last heard; [`UNHEARD`] before.
    since_start: AtomicI64,
    sure: Mutex<Option<sure::Sure>>,
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
        Self(Arc::new(Shared {
            source,
            bounds: Mutex::new(None),
            offset: AtomicI64::new(0),
            since_start: AtomicI64::new(UNHEARD),
            sure: Mutex::new(None),
        }))
    }

    /// AWS's time as far as it is known: what signatures are dated by and expiries are compared with. Once AWS was heard,
    /// nobody who sets the machine's clock changes it.
    pub fn now(&self) -> Timestamp {
        let local = self.local_now().unix();
        Timestamp::from_unix(local.saturating_add(self.offset_of(local)))
    }

    /// AWS's clock minus the local one, which shows `local`.
    fn offset_of(&self, local: i64) -> i64 {
        // In this order: `observe` stores them in the other.
        let offset = self.0.offset.load(Ordering::Acquire);
        let since_start = self.0.since_start.load(Ordering::Acquire);
        match &self.0.source {
            Source::System if since_start != UNHEARD => unset(offset, local, seconds_since_start() + since_start),
            _ => offset,
        }
    }

    /// Whether somebody has set the local clock since AWS was heard, or the machine stood still: AWS should be asked.
    pub fn was_set(&self) -> bool {
        self.offset_seconds() != self.0.offset.load(Ordering::Acquire)
    }

    /// What of [`now`](Self::now) has surely come: a clock that leaps ahead is believed when AWS has been heard since, and not
    /// before. For what cannot be undone. A machine that slept, or was off, is behind until then.
    pub fn surely_now(&self) -> Timestamp {
        let now = self.now();
        let mut sure = self.0.sure.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sure) = sure.as_mut() else { return now };
        let before = sure.ahead();
        let at = sure.look(now, instant());
        let ahead = sure.ahead();
        if before == 0 && ahead > 0 {
            warn!(
                ahead_seconds = ahead,
                "the local clock leapt ahead; until AWS confirms it, nothing is forgotten and no key is said to be done by it"
            );
        } else if before > 0 && ahead == 0 {
            info!("the local clock is right again, or AWS has confirmed it");
        }
        at
    }

    /// Tells the time that somebody wrote down before this process began; for [`surely_now`](Self::surely_now), until AWS is
    /// heard.
    pub fn was(&self, at: Timestamp) {
        let mut sure = self.0.sure.lock().unwrap_or_else(PoisonError::into_inner);
        sure.get_or_insert(sure::Sure::new(at.min(self.now()), instant()));
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
        self.offset_of(self.local_now().unix())
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
        let after = narrowed.nearest();
        if matches!(self.0.source, Source::System) {
            let now = self.local_now().unix().saturating_add(after);
            self.0.since_start.store(now.saturating_sub(seconds_since_start()), Ordering::Release);
        }
        let before = self.0.offset.swap(after, Ordering::AcqRel);
        drop(bounds);
        *self.0.sure.lock().unwrap_or_else(PoisonError::into_inner) = Some(sure::Sure::new(date, instant()));
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

/// No time of AWS was heard.
const UNHEARD: i64 = i64::MIN;

/// Two clocks that are cut to seconds, and one that is slewed, differ by so much and were not set.
const UNSET: u64 = 2;

/// The offset that holds when the local clock shows `local` and AWS's shows `aws`, by what has passed since it was heard: the
/// one that was learnt, unless somebody set the local clock.
fn unset(learnt: i64, local: i64, aws: i64) -> i64 {
    let offset = aws.saturating_sub(local);
    if offset.abs_diff(learnt) > UNSET { offset } else { learnt }
}

/// Runs while the machine sleeps, and nobody sets it.
fn seconds_since_start() -> i64 {
    rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec
}

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

    #[test]
    fn a_clock_that_is_set_changes_the_offset_and_not_the_time() {
        for set in [-31_536_000, -1800, 3, 1800, 31_536_000] {
            assert_eq!(1_000_000 + set + unset(40, 1_000_000 + set, 1_000_040), 1_000_040, "set by {set}");
        }
        assert_eq!([-2, 0, 2].map(|jitter| unset(40, 1_000_000 + jitter, 1_000_040)), [40; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_leap_ahead_has_surely_come_when_aws_says_so() {
        let clock = Clock::tokio(at(0));
        clock.was(at(-86_400));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(
            (clock.now(), clock.surely_now()),
            (at(60), at(60 - 86_400)),
            "the machine was off, or its clock is wrong"
        );
        clock.observe(at(60), at(60), at(60));
        assert_eq!(clock.surely_now(), at(60));
        tokio::time::advance(Duration::from_secs(86_400)).await;
        assert_eq!(clock.surely_now(), at(86_460));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeper_wakes_by_the_time_of_aws() {
        let clock = Clock::tokio(at(0));
        clock.observe(at(0), at(3000), at(0));
        clock.sleep_until(Some(at(3600))).await;
        assert_eq!(clock.local_now(), at(600));
    }
}
