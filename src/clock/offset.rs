//! How far AWS's clock is from the local one, as an interval that evidence narrows. Pure: told every time it needs.

use crate::time::Timestamp;

/// AWS minus local lies strictly between these two, in seconds. Both clocks show whole seconds and are cut, so one
/// answer leaves a width of two seconds plus what the call took; answers that fall on both sides of a second narrow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    above: i64,
    below: i64,
}

impl Bounds {
    /// From one answer: AWS wrote `date` at some moment between `sent` and `received`, which are local times. `None` when
    /// the local clock went back meanwhile.
    pub fn from_sample(sent: Timestamp, date: Timestamp, received: Timestamp) -> Option<Self> {
        let above = date.unix() - received.unix() - 1;
        let below = date.unix() - sent.unix() + 1;
        (received >= sent).then_some(Self { above, below })
    }

    /// The seconds, by AWS's clock, between which lies what AWS did from `sent` to `received`: the first and the last that
    /// are possible.
    pub fn between(self, sent: Timestamp, received: Timestamp) -> (Timestamp, Timestamp) {
        let by_aws = |local: Timestamp, offset: i64| Timestamp::from_unix(local.unix().saturating_add(offset));
        (by_aws(sent, self.above), by_aws(received, self.below))
    }

    /// What both say. When they contradict each other a clock was stepped or has drifted, and the newer alone counts.
    pub fn narrowed_by(self, newer: Self) -> Self {
        let both = Self { above: self.above.max(newer.above), below: self.below.min(newer.below) };
        if both.above < both.below { both } else { newer }
    }

    /// The whole second nearest to zero that fits; where none lies within (the clocks differ by a fraction), the bound
    /// nearest to zero, which is wrong by less than a second.
    pub fn nearest(self) -> i64 {
        let (low, high) = (self.above + 1, self.below - 1);
        if low <= high {
            0.clamp(low, high)
        } else if self.above.abs() <= self.below.abs() {
            self.above
        } else {
            self.below
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A sample as two clocks that differ by `offset` would give it; all in milliseconds, cut to seconds as clocks are.
    fn sample(offset: i64, sent: i64, out: i64, back: i64) -> Bounds {
        let cut = |millis: i64| Timestamp::from_unix(millis.div_euclid(1000));
        Bounds::from_sample(cut(sent), cut(sent + out + offset), cut(sent + out + back)).unwrap()
    }

    proptest! {
        #[test]
        fn the_true_offset_is_never_excluded_and_the_width_never_grows(
            offset in -100_000_000i64..100_000_000,
            calls in proptest::collection::vec((0i64..1_000_000_000, 0i64..9000, 0i64..9000), 1..12),
        ) {
            let mut known: Option<Bounds> = None;
            for (sent, out, back) in calls {
                let heard = sample(offset, sent, out, back);
                let narrowed = known.map_or(heard, |known| known.narrowed_by(heard));
                prop_assert!(narrowed.above * 1000 < offset && offset < narrowed.below * 1000);
                prop_assert!(known.is_none_or(|known| narrowed.below - narrowed.above <= known.below - known.above));
                known = Some(narrowed);
                prop_assert!(narrowed.nearest().abs() * 1000 < offset.abs() + 1000);
            }
        }

        #[test]
        fn a_quick_call_finds_the_offset_to_within_a_second(offset in -100_000_000i64..100_000_000, sent in 0i64..999_999) {
            let found = sample(offset, sent, 0, 0).nearest();
            prop_assert!((found * 1000 - offset).abs() <= 1000);
        }

        #[test]
        fn what_aws_did_during_a_call_lies_between_what_its_answer_proves(
            offset in -100_000_000i64..100_000_000, sent in 0i64..999_999, done in 0i64..9000, dated in 0i64..9000,
            back in 0i64..9000,
        ) {
            let cut = |millis: i64| Timestamp::from_unix(millis.div_euclid(1000));
            let received = sent + done + dated + back;
            let answer = sample(offset, sent, done + dated, back);
            let (first, last) = answer.between(cut(sent), cut(received));
            let did = cut(sent + done + offset);
            prop_assert!(first <= did && did <= last, "{did} is not within {first} and {last}");
        }

        #[test]
        fn after_a_step_of_the_clock_the_newest_answer_counts(
            first in -100_000_000i64..100_000_000, step in prop_oneof![-9_000_000i64..-60_000, 60_000i64..9_000_000],
        ) {
            let stepped = sample(first, 0, 0, 0).narrowed_by(sample(first + step, 5000, 0, 0));
            prop_assert_eq!(stepped, sample(first + step, 5000, 0, 0));
        }
    }

    #[test]
    fn answers_on_both_sides_of_a_second_are_no_contradiction() {
        let (ahead, even) = (sample(900, 100, 0, 0), sample(900, 0, 0, 0));
        assert_eq!((ahead.nearest(), even.nearest()), (1, 0));
        assert_eq!(ahead.narrowed_by(even), Bounds { above: 0, below: 1 });
        assert_eq!(ahead.narrowed_by(even).nearest(), 0);
    }
}
