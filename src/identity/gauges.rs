//! The gauges of one name: made of one keeper, or of all of its tenants'. No tenant is ever a label.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::session::IdentityName;
use crate::telemetry::Metrics;
use crate::time::Timestamp;

pub(super) struct Gauges {
    name: IdentityName,
    metrics: Arc<Metrics>,
    /// Whether each tenant has a part of its own.
    is_parted: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_paused: bool,
    /// By tenant; by nothing where there is one for all.
    parts: BTreeMap<String, Part>,
}

/// How one keeper is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// It has a session that signs.
    pub signs: bool,
    /// The last attempt failed.
    pub fails: bool,
    /// The end of that session, where another is to follow.
    pub ends_at: Option<Timestamp>,
}

impl Gauges {
    pub(super) fn new(name: IdentityName, metrics: Arc<Metrics>, is_parted: bool) -> Self {
        Self { name, metrics, is_parted, state: Mutex::default() }
    }

    pub(super) fn set(&self, tenant: &str, part: Part) {
        let mut state = self.state();
        state.parts.insert(tenant.to_owned(), part);
        self.show(&state);
    }

    pub(super) fn remove(&self, tenant: &str) {
        let mut state = self.state();
        state.parts.remove(tenant);
        self.show(&state);
    }

    pub(super) fn pause(&self, is_paused: bool) {
        let mut state = self.state();
        state.is_paused = is_paused;
        self.show(&state);
    }

    /// Whether it can sign, as far as anybody knows: with parts, also before any tenant has come.
    pub(super) fn is_ready(&self) -> bool {
        self.ready(&self.state())
    }

    /// Shows it again, for whoever had the name before may have spoken last.
    pub(super) fn renew(&self) {
        self.show(&self.state());
    }

    fn ready(&self, state: &State) -> bool {
        let any = |is: fn(&Part) -> bool| state.parts.values().any(is);
        !state.is_paused && (any(|part| part.signs) || self.is_parted && !any(|part| part.fails))
    }

    fn show(&self, state: &State) {
        let first_end = state.parts.values().filter(|part| part.signs).filter_map(|part| part.ends_at).min();
        let (name, ready) = (self.name.as_str(), self.ready(state));
        let ends_at = first_end.filter(|_| !state.is_paused).map_or(0, Timestamp::unix);
        self.metrics.session_expiry_timestamp_seconds.with_label_values(&[name]).set(ends_at);
        self.metrics.identity_ready.with_label_values(&[name]).set(i64::from(ready));
        if self.is_parted {
            let parts = i64::try_from(state.parts.len()).unwrap_or(i64::MAX);
            self.metrics.partitions.with_label_values(&[name]).set(parts);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauges(is_parted: bool) -> (Gauges, Arc<Metrics>) {
        let (name, metrics) = (IdentityName::parse("web").unwrap(), Arc::new(Metrics::new().unwrap()));
        (Gauges::new(name, Arc::clone(&metrics), is_parted), metrics)
    }

    /// What is shown: ready, the first end, and how many parts.
    fn shown(metrics: &Metrics) -> [i64; 3] {
        let of = |gauge: &prometheus::IntGaugeVec| gauge.with_label_values(&["web"]).get();
        [&metrics.identity_ready, &metrics.session_expiry_timestamp_seconds, &metrics.partitions].map(of)
    }

    fn part(signs: bool, fails: bool, ends_at: Option<i64>) -> Part {
        Part { signs, fails, ends_at: ends_at.map(Timestamp::from_unix) }
    }

    #[test]
    fn a_name_is_ready_while_one_tenant_signs_and_not_when_all_that_came_fail() {
        let (gauges, metrics) = gauges(true);
        gauges.renew();
        assert_eq!(shown(&metrics), [1, 0, 0], "nobody has come, and nothing has failed");
        gauges.set("tenant-a", part(false, true, None));
        assert_eq!((shown(&metrics), gauges.is_ready()), ([0, 0, 1], false));
        gauges.set("tenant-b", part(true, false, Some(900)));
        gauges.set("tenant-e", part(true, true, Some(600)));
        assert_eq!((shown(&metrics), gauges.is_ready()), ([1, 600, 3], true), "the first end is told");
        gauges.pause(true);
        assert_eq!((shown(&metrics), gauges.is_ready()), ([0, 0, 3], false));
        gauges.pause(false);
        gauges.remove("tenant-e");
        assert_eq!(shown(&metrics), [1, 900, 2]);
        let text = metrics.encode();
        assert!(!text.contains("tenant-"), "no tenant is a label");
    }

    #[test]
    fn what_signs_for_all_is_ready_only_with_a_session() {
        let (gauges, metrics) = gauges(false);
        gauges.set("", part(false, false, None));
        assert_eq!(shown(&metrics)[0], 0);
        gauges.set("", part(true, true, None));
        assert_eq!(shown(&metrics)[..2], [1, 0], "a key has no end");
    }
}
