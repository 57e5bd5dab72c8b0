//! When the next attempt is due. Rules only: told both clocks, they read none.
//!
//! Waits are counted by the clock that never goes back; only the end of a session stands on the wall. So a wall clock
//! that is set back puts nothing off, and one that is set forward brings at most one attempt too many.

use std::time::Duration;

use tokio::time::Instant;

use crate::session::{Session, lifetime};
use crate::time::Timestamp;

/// Both clocks, read together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub wall: Timestamp,
    pub steady: Instant,
}

/// Due when either has come; never, when there is neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub wall: Option<Timestamp>,
    pub steady: Option<Instant>,
}

impl Due {
    pub(super) fn after(wait: Duration, now: Now) -> Self {
        Self { wall: None, steady: Some(now.steady + wait) }
    }

    /// For a session that has just been got, or got again. `headroom` is what [`headroom`] says; `early`, from 0 to 1, is
    /// the part of the jitter that this time takes. `unnamed` asks again for the name of its principal.
    pub(super) fn renewal(session: &Session, headroom: Option<Duration>, early: f64, unnamed: bool, now: Now) -> Self {
        let ahead = headroom.and_then(|headroom| {
            lifetime::renew_at(session, headroom + headroom.mul_f64(early.clamp(0.0, 1.0) * JITTER))
        });
        let mut wait = unnamed.then_some(NAME_AGAIN);
        let (wall, until) = match ahead.map(|at| (at, now.wall.until(at))) {
            None => (None, None),
            Some((at, Some(until))) => (Some(at), Some(until)),
            // A source that repeats itself is asked now and then, not in a loop.
            Some((_, None)) => (None, Some(repeat(session, now.wall))),
        };
        wait = [wait, until].into_iter().flatten().min();
        Self { wall, steady: wait.map(|wait| now.steady + wait) }
    }

    pub(super) fn is_over(&self, now: Now) -> bool {
        self.wall.is_some_and(|at| at <= now.wall) || self.steady.is_some_and(|at| at <= now.steady)
    }

    /// For people.
    pub(super) fn shown(&self, now: Now) -> Option<Timestamp> {
        let steady = self.steady.map(|at| now.wall + at.saturating_duration_since(now.steady));
        [self.wall, steady].into_iter().flatten().min()
    }
}

/// What was configured, where the session is longer than that, else half of its life; and whether it had to be half.
/// `None` for a life without end.
pub(super) fn headroom(session: &Session, configured: Option<Duration>) -> Option<(Duration, bool)> {
    let life = session.facts.issued.not_after.until(session.facts.expires_at?)?;
    Some(match configured {
        Some(headroom) if headroom < life => (headroom, false),
        Some(_) => (life / 2, true),
        None => (life / 2, false),
    })
}

/// Full jitter: `dice`, from 0 to 1, of a bound that doubles with each failure, at least a second.
pub(super) fn backoff(failures: u32, dice: f64) -> Duration {
    let bound = BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(BACKOFF_MOST);
    Duration::from_secs(1).max(bound.mul_f64(dice.clamp(0.0, 1.0)))
}

/// How long a source that repeats itself is left alone: a tenth of what is left, within bounds.
fn repeat(session: &Session, now: Timestamp) -> Duration {
    (session.left(now).unwrap_or_default() / 10).clamp(REPEAT_LEAST, REPEAT_MOST)
}

/// Part of the headroom by which a renewal may come earlier, so that many daemons do not come together.
const JITTER: f64 = 0.1;
const BACKOFF_FIRST: Duration = Duration::from_secs(2);
const BACKOFF_MOST: Duration = Duration::from_secs(300);
const REPEAT_LEAST: Duration = Duration::from_secs(15);
const REPEAT_MOST: Duration = Duration::from_secs(300);
/// When to ask again who a key belongs to.
const NAME_AGAIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::mint::bare;
    use crate::session::{CredentialKind, IdentityName, InstanceId, RecordId};

    const HOUR: Duration = Duration::from_secs(3600);

    fn session(life: Option<u64>) -> Session {
        let mut facts = bare("ASIAEXAMPLE", CredentialKind::AssumeRole, Timestamp::EPOCH);
        facts.expires_at = life.map(|life| Timestamp::EPOCH + Duration::from_secs(life));
        let id = RecordId { instance: InstanceId::from_random(1), number: 1 };
        Session { id, identity: IdentityName::parse("web").unwrap(), generation: 1, facts }
    }

    fn start() -> Now {
        Now { wall: Timestamp::EPOCH, steady: crate::clock::Clock::system().monotonic() }
    }

    /// So many seconds later, with the wall clock set by so many more.
    fn later(now: Now, seconds: u64, set: i64) -> Now {
        let wall = Timestamp::from_unix(now.wall.unix() + i64::try_from(seconds).unwrap() + set);
        Now { wall, steady: now.steady + Duration::from_secs(seconds) }
    }

    #[test]
    fn a_session_is_due_when_its_headroom_begins_or_up_to_a_tenth_of_it_before() {
        let now = start();
        for (early, at) in [(0.0, 1800), (1.0, 1620)] {
            let due = Due::renewal(&session(Some(3600)), Some(HOUR / 2), early, false, now);
            assert!(!due.is_over(later(now, at - 1, 0)) && due.is_over(later(now, at, 0)), "{early}");
        }
        assert_eq!(Due::renewal(&session(None), None, 0.5, false, now), Due::default());
        let unnamed = Due::renewal(&session(None), None, 0.5, true, now);
        assert!(!unnamed.is_over(later(now, 59, 0)) && unnamed.is_over(later(now, 60, 0)));
    }

    #[test]
    fn headroom_that_does_not_fit_is_half_of_the_life() {
        let of = |configured: u64| headroom(&session(Some(3600)), Some(Duration::from_secs(configured)));
        assert_eq!(of(3599), Some((Duration::from_secs(3599), false)));
        assert_eq!(of(3600), Some((HOUR / 2, true)));
        assert_eq!(headroom(&session(Some(3600)), None), Some((HOUR / 2, false)));
        assert_eq!(headroom(&session(None), Some(HOUR)), None);
    }

    proptest! {
        #[test]
        fn no_clock_that_is_set_puts_off_what_is_due(
            life in 60u64..50_000, early in 0.0f64..=1.0, set in -100_000i64..100_000, failures in 1u32..50, dice in 0.0f64..=1.0,
        ) {
            let now = start();
            let half = Duration::from_secs(life / 2);
            let due = Due::renewal(&session(Some(life)), Some(half), early, false, now);
            prop_assert!(due.is_over(later(now, life / 2 + 1, set.min(0))), "set back");
            prop_assert!(due.is_over(later(now, 0, i64::try_from(life).unwrap())), "set forward past the end");
            let wait = backoff(failures, dice);
            prop_assert!((Duration::from_secs(1)..=BACKOFF_MOST).contains(&wait));
            prop_assert!(Due::after(wait, now).is_over(later(now, wait.as_secs() + 1, set)));
        }

        #[test]
        fn a_source_that_repeats_itself_is_left_alone_for_a_while(left in 0u64..5000, set in -100_000i64..100_000) {
            // All of its life lies in the headroom.
            let now = later(start(), 0, 100_000 - i64::try_from(left).unwrap());
            let due = Due::renewal(&session(Some(100_000)), Some(Duration::from_secs(99_999)), 0.0, false, now);
            prop_assert!(!due.is_over(later(now, REPEAT_LEAST.as_secs() - 1, set)), "{due:?}");
            prop_assert!(due.is_over(later(now, REPEAT_MOST.as_secs(), set)));
        }
    }
}
