//! The report on an event, as it was added up from the endings of URLs: totals, the curve, and the moment from which
//! the event breaks nothing.

use presignd::impact::ending::Verdict;
use presignd::impact::event::Event;
use presignd::impact::report::Report;

use crate::ledger::Out;
use crate::model::act::Change;
use crate::model::{Aws, Millis, Window};

/// One event, with the URLs that are out when it happens.
pub(crate) struct Reported<'a> {
    pub aws: &'a Aws,
    pub done: &'a Change,
    pub event: &'a Event,
    pub living: Vec<&'a Out>,
}

impl Reported<'_> {
    pub(crate) fn is_right(&self) {
        let Self { done, event, living, .. } = self;
        let mut report = Report::new(event, event.at);
        living.iter().for_each(|out| report.add_url(&out.session, &out.url, &out.predicted[&done.number]));
        let totals = report.totals();
        let count = |verdict| living.iter().filter(|out| out.predicted[&done.number].verdict == verdict).count() as u64;
        let counted = (count(Verdict::Ends), count(Verdict::MayEnd), count(Verdict::Lives));
        assert_eq!((totals.ends, totals.may_end, totals.lives), counted, "{event:?}");
        self.is_calm_from(&report);
        self.curve_is_right(&report);
    }

    /// If it happened at the moment that the report names, nothing that is out now would break.
    fn is_calm_from(&self, report: &Report) {
        let Self { done, event, living, .. } = self;
        let touched = living.iter().filter(|out| out.predicted[&done.number].verdict != Verdict::Lives);
        let calm = report.breaks_nothing_from().map(|at| at.unix() * 1000);
        assert_eq!(calm, touched.map(|out| out.ends()).max(), "the last hard end that {event:?} touches");
        for out in living {
            let broken = self.window(out, calm.unwrap_or(done.at)).filter(|window| !window.untold);
            let breaks = broken.is_some_and(|window| window.from < out.ends());
            assert!(!breaks, "{event:?} was said to break nothing from {calm:?}, and would break {:?}", out.url);
        }
    }

    /// Once the event has settled, the URLs that work are those that the curve says, but for those that it doubts.
    fn curve_is_right(&self, report: &Report) {
        let Self { done, event, living, .. } = self;
        let windows: Vec<_> = living.iter().map(|out| (out.ends(), self.window(out, done.at))).collect();
        for point in report.curve() {
            let at = point.at.unix() * 1000;
            let alive = windows.iter().filter(|(ends, _)| *ends > at);
            assert_eq!(point.alive, alive.clone().count() as u64, "{event:?}: {point:?}");
            if at <= done.at + done.settles {
                continue;
            }
            // A signature is too old when it is older than that, not when it is as old.
            let refused = |window: &Option<Window>| window.is_some_and(|window| window.holds(at + 1));
            let doubtful = |window: &Option<Window>| window.is_some_and(|window| window.untold);
            let surely = alive.clone().filter(|(_, window)| !refused(window) && !doubtful(window)).count() as u64;
            let at_most = alive.filter(|(_, window)| !refused(window) || doubtful(window)).count() as u64;
            let said = point.alive_after..=point.alive_after + point.maybe_after;
            assert!(
                surely <= *said.end() && at_most >= *said.start(),
                "{event:?}: {point:?}, {surely} to {at_most} work"
            );
        }
    }

    /// What would happen to a URL if the same were done at `at` and never undone.
    fn window(&self, out: &Out, at: Millis) -> Option<Window> {
        let then = Change { at, undone: None, ..self.done.clone() };
        self.aws.window(&then, &out.used, &self.aws.credentials[&out.used.access_key_id])
    }
}
