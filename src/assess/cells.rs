//! The time axis of a count, cut into cells: slots of hard ends, cut once more where the count begins and where the event
//! lies. All URLs of a cell end on the same side of both.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::registry::{SLOT_SECONDS, slot_end};
use crate::time::Timestamp;

/// Hard ends after the first and not after the second.
pub(super) type Span = (Timestamp, Timestamp);

/// Where the axis is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// Nothing that ends by then is counted.
    pub(super) from: Timestamp,
    /// The event.
    pub(super) at: Timestamp,
}

impl Axis {
    /// The cell of a hard end.
    pub(super) fn cell(self, end: Timestamp) -> Span {
        let (mut first, mut last) = (slot_end(end) - SLOT, slot_end(end));
        if self.at < end {
            first = first.max(self.at);
        } else {
            last = last.min(self.at.max(end));
        }
        (first.max(self.from), last)
    }

    /// Where rows have to be counted, because a cut lies within the slot.
    pub(super) fn cut_slots(self) -> Vec<Span> {
        let mut spans = cut((self.from, slot_end(self.from)), self.at);
        if let Some(slot) = self.slot_of_event() {
            spans.extend(cut(slot, self.at));
        }
        spans
    }

    /// The slot that the event cuts, when it is another than that in which the count begins.
    pub(super) fn slot_of_event(self) -> Option<Span> {
        let end = slot_end(self.at);
        (self.at > slot_end(self.from) && self.at != end).then(|| (end - SLOT, end))
    }

    /// All of it, for counts that tallies cannot answer.
    pub(super) fn whole(self) -> Vec<Span> {
        cut((self.from, Timestamp::from_unix(i64::MAX)), self.at)
    }
}

/// A span in two, when the instant lies within it; nothing of an empty one.
fn cut((from, to): Span, at: Timestamp) -> Vec<Span> {
    match from < to {
        false => Vec::new(),
        true if from < at && at < to => vec![(from, at), (at, to)],
        true => vec![(from, to)],
    }
}

/// Spans of time, those that touch made one.
#[derive(Debug, Default)]
pub(super) struct Spans(BTreeMap<Timestamp, Timestamp>);

impl Spans {
    pub(super) fn add(&mut self, (from, to): Span) {
        let last = self.0.entry(from).or_insert(to);
        *last = (*last).max(to);
    }

    /// In order.
    pub(super) fn merged(self) -> Vec<Span> {
        let mut merged: Vec<Span> = Vec::new();
        for (from, to) in self.0 {
            match merged.last_mut() {
                Some((_, last)) if from <= *last => *last = (*last).max(to),
                _ => merged.push((from, to)),
            }
        }
        merged
    }
}

const SLOT: Duration = Duration::from_secs(SLOT_SECONDS.unsigned_abs());

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    #[test]
    fn spans_that_touch_are_one() {
        let mut spans = Spans::default();
        for (from, to) in [(900, 1800), (0, 900), (2700, 3600), (0, 300), (2700, 3000)] {
            spans.add((at(from), at(to)));
        }
        assert_eq!(spans.merged(), [(at(0), at(1800)), (at(2700), at(3600))]);
    }

    proptest! {
        /// Every hard end is counted once: in a cut slot or in a whole one; and its cell holds neither cut inside.
        #[test]
        fn every_end_is_counted_once_and_no_cell_is_cut(from in 0i64..5000, event in -2000i64..8000, end in 1i64..8000) {
            let (axis, end) = (Axis { from: at(from), at: at(event) }, at(end));
            prop_assume!(end > axis.from);
            let (first, last) = axis.cell(end);
            prop_assert!(first < end && end <= last);
            for cut in [axis.from, axis.at] {
                prop_assert!(!(first < cut && cut < last), "{cut} cuts {first} {last}");
            }
            let of_rows = axis.cut_slots().into_iter().filter(|(from, to)| *from < end && end <= *to).count();
            let slot = (slot_end(end) - SLOT, slot_end(end));
            let of_tallies = slot.0 >= axis.from && axis.slot_of_event() != Some(slot);
            prop_assert_eq!(of_rows + usize::from(of_tallies), 1);
            let of_whole = axis.whole().into_iter().filter(|(from, to)| *from < end && end <= *to).count();
            prop_assert_eq!(of_whole, 1);
        }

        /// What rows are counted by agrees with the cells: a span of rows never holds parts of two sides of the event.
        #[test]
        fn a_cell_lies_within_the_span_that_counts_it(from in 0i64..5000, event in -2000i64..8000, end in 1i64..8000) {
            let (axis, end) = (Axis { from: at(from), at: at(event) }, at(end));
            prop_assume!(end > axis.from);
            let (first, last) = axis.cell(end);
            for (from, to) in axis.cut_slots().into_iter().chain(axis.whole()) {
                if from < end && end <= to {
                    prop_assert!(from <= first && last <= to);
                }
            }
        }
    }
}
