//! How many URLs work at the end of each slot, with and without the event.

use std::collections::BTreeMap;

use super::{CurvePoint, MOST_POINTS, SLOT};
use crate::impact::ending::{Ending, Verdict};
use crate::time::{Timestamp, Ttl};

/// What goes at the end of a slot. A URL may go from one count into another.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    alive: u64,
    after: u64,
    maybe: u64,
    /// From those surely spared to those that may have ended.
    doubted: u64,
}

#[derive(Debug)]
pub(super) struct Curve {
    now: Timestamp,
    /// By ends of slots; now for what has changed by then. No URL lives for more than seven days, so these are few.
    changes: BTreeMap<Timestamp, Change>,
    all: u64,
}

impl Curve {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, changes: BTreeMap::new(), all: 0 }
    }

    /// URLs whose hard ends lie in the slot in which `end` lies.
    pub(super) fn add(&mut self, end: Timestamp, ending: &Ending, urls: u64) {
        let end = self.boundary(end);
        // A hard end that comes no later than the event's is what ends it.
        let from = self.boundary(ending.not_before).min(end);
        self.all += urls;
        self.at(end).alive += urls;
        match ending.verdict {
            Verdict::Lives => self.at(end).after += urls,
            Verdict::Ends => self.at(from).after += urls,
            Verdict::MayEnd => {
                self.at(from).doubted += urls;
                self.at(end).maybe += urls;
            }
        }
    }

    pub(super) fn points(&self) -> Vec<CurvePoint> {
        let mut point = CurvePoint { at: self.now, alive: self.all, alive_after: self.all, maybe_after: 0 };
        let mut points = Vec::with_capacity(self.changes.len() + 1);
        if !self.changes.contains_key(&self.now) {
            points.push(point);
        }
        for (at, change) in &self.changes {
            point.at = *at;
            point.alive -= change.alive;
            point.alive_after -= change.after + change.doubted;
            point.maybe_after = point.maybe_after + change.doubted - change.maybe;
            points.push(point);
        }
        thinned(points)
    }

    fn at(&mut self, boundary: Timestamp) -> &mut Change {
        self.changes.entry(boundary).or_default()
    }

    /// The first end of a slot that is not earlier: there what ends by `instant` has ended.
    fn boundary(&self, instant: Timestamp) -> Timestamp {
        if instant <= self.now {
            return self.now;
        }
        let slot = i64::try_from(SLOT.as_secs()).expect("a quarter of an hour is few seconds");
        let up = |seconds: i64| seconds.div_euclid(slot) * slot + if seconds.rem_euclid(slot) == 0 { 0 } else { slot };
        let last = (self.now + Ttl::MAX).unix();
        Timestamp::from_unix(up(instant.unix().min(last)))
    }
}

/// Fewer of them, each as exact as before; the first and the last stay.
fn thinned(points: Vec<CurvePoint>) -> Vec<CurvePoint> {
    let step = points.len().div_ceil(MOST_POINTS - 1).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.into_iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last);
    kept.map(|(_, point)| point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impact::ending::Grade;
    use crate::impact::reason::Reason;

    fn ending(verdict: Verdict, not_before: i64) -> Ending {
        let lives = crate::impact::lives(Timestamp::from_unix(not_before), Reason::Denied, Grade::Documented);
        Ending { verdict, ..lives }
    }

    #[test]
    fn each_point_tells_what_works_then() {
        let mut curve = Curve::new(Timestamp::from_unix(100));
        curve.add(Timestamp::from_unix(1800), &ending(Verdict::Lives, 0), 3);
        curve.add(Timestamp::from_unix(2000), &ending(Verdict::Ends, 100), 5);
        curve.add(Timestamp::from_unix(2000), &ending(Verdict::Ends, 950), 7);
        curve.add(Timestamp::from_unix(2000), &ending(Verdict::MayEnd, 900), 11);
        let told: Vec<_> = curve
            .points()
            .into_iter()
            .map(|point| (point.at.unix(), point.alive, point.alive_after, point.maybe_after))
            .collect();
        assert_eq!(told, [(100, 26, 21, 0), (900, 26, 10, 11), (1800, 23, 0, 11), (2700, 0, 0, 0)]);
    }

    #[test]
    fn points_are_few_however_many_slots_there_are() {
        let mut curve = Curve::new(Timestamp::EPOCH);
        for slot in 1..=672 {
            curve.add(Timestamp::from_unix(slot * 900), &ending(Verdict::Lives, 0), 1);
        }
        let points = curve.points();
        assert!(points.len() <= MOST_POINTS, "{} points", points.len());
        assert_eq!((points[0].alive, points[points.len() - 1].alive), (672, 0));
        assert!(points.iter().all(|point| point.alive == 672 - point.at.unix().unsigned_abs() / 900));
    }
}
