//! Which time has surely come. A wall clock that leaps ahead may be wrong, and what is done by it cannot be undone: records
//! forgotten, a key told to be safe to deactivate. Pure: told every time it needs.

use std::time::Duration;

use tokio::time::Instant;

use crate::time::Timestamp;

/// A time that was right, and when it was by a clock that is never set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sure {
    at: Timestamp,
    since: Instant,
    /// How far the wall clock is ahead of what can have passed; 0 while it is not.
    ahead: u64,
}

impl Sure {
    pub(super) fn new(at: Timestamp, since: Instant) -> Self {
        Self { at, since, ahead: 0 }
    }

    /// `now` by the wall clock, as far as it can be: no later than what has passed by the steady one, but for [`DRIFT`].
    /// A clock that was set back is believed: then less is over, not more.
    pub(super) fn look(&mut self, now: Timestamp, steady: Instant) -> Timestamp {
        let passed = self.at + steady.saturating_duration_since(self.since);
        if now > passed + DRIFT {
            self.ahead = passed.until(now).map_or(0, |leap| leap.as_secs());
            return passed;
        }
        if now > passed {
            *self = Self::new(now, steady);
        }
        self.ahead = 0;
        now
    }

    /// Seconds that the wall clock was ahead when last looked at.
    pub(super) fn ahead(&self) -> u64 {
        self.ahead
    }
}

/// What clocks may differ by: they are set by seconds, and a steady one may run a little slow.
const DRIFT: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_700_000_000 + seconds)
    }

    #[test]
    fn a_leap_ahead_is_not_believed_and_what_passes_is() {
        let began = Instant::now();
        let mut sure = Sure::new(at(0), began);
        let after = |seconds: u64| began + Duration::from_secs(seconds);
        assert_eq!(sure.look(at(60), after(60)), at(60));
        assert_eq!(sure.look(at(90 + 31_536_000), after(90)), at(90), "a year within half a minute");
        assert_eq!(sure.ahead(), 31_536_000);
        assert_eq!(sure.look(at(3600 + 31_536_000), after(3600)), at(3600));
        assert_eq!(sure.look(at(7200), after(7200)), at(7200), "set right again, it is believed");
        assert_eq!(sure.ahead(), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_and_right_again_makes_nothing_later() {
        let began = Instant::now();
        let mut sure = Sure::new(at(0), began);
        let after = |seconds: u64| began + Duration::from_secs(seconds);
        assert_eq!(sure.look(at(-86_400), after(10)), at(-86_400));
        assert_eq!(sure.look(at(20), after(20)), at(20), "what had come before has come again");
    }

    #[test]
    fn small_steps_add_up() {
        let began = Instant::now();
        let mut sure = Sure::new(at(0), began);
        for hour in 1..100_u32 {
            // Slow by a second an hour.
            let steady = began + Duration::from_secs(u64::from(hour) * 3599);
            assert_eq!(sure.look(at(i64::from(hour) * 3600), steady), at(i64::from(hour) * 3600));
        }
    }
}
