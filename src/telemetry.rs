//! Every metric, declared once, and the log subscriber.
//!
//! Labels come from closed sets: the configuration's identities, the code's operations, reasons and outcomes. Never from
//! buckets, keys, callers or URLs. docs/metrics.md lists the families, and a test compares the two.

mod families;
pub mod latest;
mod log;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus::{
    Encoder, Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use crate::access::Dimension;
use crate::s3::operation::Operation;
use crate::session::IdentityName;
use crate::session::generation::State;
use crate::time::Timestamp;

pub use log::{LogFilter, SubscribeError, check_filter, subscribe};

/// All metrics of the daemon, in a registry of their own. Handed to the rooms in an `Arc`.
pub struct Metrics {
    registry: Registry,
    /// How many hold each identity. A reload makes another of the same name while calls still end with the former.
    identities: Mutex<BTreeMap<IdentityName, usize>>,
    /// What the latest calls to AWS were told; no metric.
    pub latest: latest::Latest,
    /// 1 while the daemon is ready, else 0.
    pub ready: IntGauge,
    /// When the daemon began, in seconds since the epoch; named as every Prometheus client names it.
    pub process_start_time_seconds: IntGauge,
    /// URLs and forms signed and recorded, by `identity` and `operation`.
    pub urls_issued: IntCounterVec,
    /// Asks that ended without a URL, and messages that were not read, by `reason` (docs/errors.md).
    pub refused: IntCounterVec,
    /// Asks that no grant allowed, by the `dimension` that came closest.
    pub denied: IntCounterVec,
    /// End of the session that signs, by `identity`, in seconds since the epoch; 0 with no session, and for a
    /// long-term key, which has no end.
    pub session_expiry_timestamp_seconds: IntGaugeVec,
    /// 1 while the `identity` can sign, else 0.
    pub identity_ready: IntGaugeVec,
    /// Tenants that have a place, by `identity`; never which.
    pub partitions: IntGaugeVec,
    /// Outstanding URLs, by `identity` and `state` of the generations that signed them.
    pub generation_outstanding_urls: IntGaugeVec,
    /// The hard end of the last of them, likewise, in seconds since the epoch; 0 with none.
    pub last_url_end_timestamp_seconds: IntGaugeVec,
    /// Outstanding URLs that have surely ended early, by `identity`.
    pub ended_early_urls: IntGaugeVec,
    /// Renewals, by `identity` and `outcome` ([`OUTCOMES`]).
    pub renewals: IntCounterVec,
    /// Calls to STS, by `operation` ([`STS_OPERATIONS`]) and `outcome` ([`OUTCOMES`]).
    pub sts_calls: IntCounterVec,
    /// Calls to STS that the configuration allows in a minute.
    pub sts_budget_calls_per_minute: IntGauge,
    /// Answers to a look at a session, by what was looked at ([`PROBED`]) and its `reading` ([`READINGS`]).
    pub probes: IntCounterVec,
    /// Sessions that sign or have signed and were last seen dead, by `identity`.
    pub sessions_seen_dead: IntGaugeVec,
    /// Long-term keys that are drained and that nobody needs any more, by `identity`: they can be deactivated.
    pub keys_to_deactivate: IntGaugeVec,
    /// AWS's clock minus the local one, in seconds.
    pub clock_offset_seconds: Gauge,
    /// Tasks of the daemon's runtime that have not ended.
    pub tasks: IntGauge,
    /// Look-ups of a bucket's region, by `outcome` ([`LOOKUP_OUTCOMES`]).
    pub region_lookups: IntCounterVec,
    /// Connections that were closed at once, because every place or their user's share was taken.
    pub connections_refused: IntCounter,
    /// Time from a group's arrival at the writer to its fsync, in seconds.
    pub registry_append_seconds: Histogram,
    /// Groups that wait for the writer.
    pub registry_queue_depth: IntGauge,
    /// Groups that may wait for the writer.
    pub registry_queue_limit: IntGauge,
    /// What the registry's file system has left.
    pub registry_disk_free_bytes: IntGauge,
    /// How large the registry itself is, all of its files together.
    pub registry_bytes: IntGauge,
    /// How large the file system is.
    pub registry_disk_size_bytes: IntGauge,
    /// Rows of one commit.
    pub registry_rows_per_group: Histogram,
    /// Operations of the registry that failed, by `operation` ([`REGISTRY_OPERATIONS`]).
    pub registry_errors: IntCounterVec,
    /// Records removed at the end of their retention.
    pub registry_forgotten: IntCounter,
    /// Newest record numbers that the search file does not have yet.
    pub registry_search_behind: IntGauge,
    /// Questions that the search file helped to answer.
    pub registry_searched: IntCounter,
    /// gRPC calls begun, by `grpc_service` and `grpc_method`.
    pub grpc_started: IntCounterVec,
    /// gRPC calls ended, by `grpc_service`, `grpc_method` and `grpc_code` ([`GRPC_CODES`]).
    pub grpc_handled: IntCounterVec,
    /// Time from a call's beginning to its end, in seconds, by `grpc_service` and `grpc_method`.
    pub grpc_handling_seconds: HistogramVec,
}

impl Metrics {
    /// Declares every family. What has no labels, or labels whose values the code knows, starts at zero.
    ///
    /// # Errors
    /// When a declaration is malformed or stands twice; a test makes sure that none does.
    pub fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self::declare(Registry::new())?;
        for dimension in Dimension::ALL {
            metrics.denied.with_label_values(&[dimension.as_str()]).inc_by(0);
        }
        for (operation, outcome) in pairs(STS_OPERATIONS, OUTCOMES) {
            metrics.sts_calls.with_label_values(&[operation, outcome]).inc_by(0);
        }
        for (probed, reading) in pairs(PROBED, READINGS) {
            metrics.probes.with_label_values(&[probed, reading]).inc_by(0);
        }
        for outcome in LOOKUP_OUTCOMES {
            metrics.region_lookups.with_label_values(&[outcome]).inc_by(0);
        }
        for operation in REGISTRY_OPERATIONS {
            metrics.registry_errors.with_label_values(&[operation]).inc_by(0);
        }
        Ok(metrics)
    }

    /// Starts the series of an identity at zero, so that the first event is an increase. Each call is made up for by one of
    /// [`Self::identity_ends`].
    pub fn identity_begins(&self, identity: &IdentityName) {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let holders = identities.entry(identity.clone()).or_default();
        *holders += 1;
        if *holders > 1 {
            return;
        }
        let name = identity.as_str();
        for operation in Operation::ALL {
            self.urls_issued.with_label_values(&[name, operation.as_str()]).inc_by(0);
        }
        for outcome in OUTCOMES {
            self.renewals.with_label_values(&[name, outcome]).inc_by(0);
        }
        for state in State::ALL {
            self.generation_outstanding_urls.with_label_values(&[name, state.as_str()]).add(0);
            self.last_url_end_timestamp_seconds.with_label_values(&[name, state.as_str()]).add(0);
        }
        self.session_expiry_timestamp_seconds.with_label_values(&[name]).add(0);
        self.identity_ready.with_label_values(&[name]).add(0);
        self.partitions.with_label_values(&[name]).add(0);
        self.sessions_seen_dead.with_label_values(&[name]).add(0);
        self.keys_to_deactivate.with_label_values(&[name]).add(0);
        self.ended_early_urls.with_label_values(&[name]).add(0);
    }

    /// Removes the series of an identity, when nobody is left who counts there.
    pub fn identity_ends(&self, identity: &IdentityName) {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let left = identities.get(identity).map_or(0, |holders| holders.saturating_sub(1));
        if left > 0 {
            identities.insert(identity.clone(), left);
            return;
        }
        identities.remove(identity);
        self.latest.forget(identity);
        let name = identity.as_str();
        // What is not there need not be removed.
        for operation in Operation::ALL {
            let _ = self.urls_issued.remove_label_values(&[name, operation.as_str()]);
        }
        for outcome in OUTCOMES {
            let _ = self.renewals.remove_label_values(&[name, outcome]);
        }
        for state in State::ALL {
            let _ = self.generation_outstanding_urls.remove_label_values(&[name, state.as_str()]);
            let _ = self.last_url_end_timestamp_seconds.remove_label_values(&[name, state.as_str()]);
        }
        let _ = self.session_expiry_timestamp_seconds.remove_label_values(&[name]);
        let _ = self.identity_ready.remove_label_values(&[name]);
        let _ = self.partitions.remove_label_values(&[name]);
        let _ = self.sessions_seen_dead.remove_label_values(&[name]);
        let _ = self.keys_to_deactivate.remove_label_values(&[name]);
        let _ = self.ended_early_urls.remove_label_values(&[name]);
    }

    /// Starts the series of every reason at zero. The reasons are those of `error::Error::REASONS`.
    pub fn reasons_start_at_zero(&self, reasons: &[&str]) {
        for reason in reasons {
            self.refused.with_label_values(&[reason]).inc_by(0);
        }
    }

    /// Starts the series of a gRPC method at zero, with every code.
    pub fn method_starts_at_zero(&self, service: &str, method: &str) {
        self.grpc_started.with_label_values(&[service, method]).inc_by(0);
        let _ = self.grpc_handling_seconds.with_label_values(&[service, method]);
        for code in GRPC_CODES {
            self.grpc_handled.with_label_values(&[service, method, code]).inc_by(0);
        }
    }

    /// Counts a URL or form that was signed and recorded.
    pub fn issued(&self, identity: &IdentityName, operation: Operation) {
        self.urls_issued.with_label_values(&[identity.as_str(), operation.as_str()]).inc();
    }

    /// Counts an ask that ended without a URL, or a message that was not read.
    pub fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    /// Says how many URLs of generations in a state are outstanding, and when the last of them ends.
    pub fn outstanding(&self, identity: &IdentityName, state: State, urls: u64, last_end: Option<Timestamp>) {
        let identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is told of an identity that has gone meanwhile.
        if identities.contains_key(identity) {
            let labels = [identity.as_str(), state.as_str()];
            let urls = i64::try_from(urls).unwrap_or(i64::MAX);
            self.generation_outstanding_urls.with_label_values(&labels).set(urls);
            let last_end = last_end.map_or(0, Timestamp::unix);
            self.last_url_end_timestamp_seconds.with_label_values(&labels).set(last_end);
        }
    }

    /// Says how many keys of an identity can be deactivated.
    pub fn free_keys(&self, identity: &IdentityName, keys: u64) {
        self.set(&self.keys_to_deactivate, identity, keys);
    }

    /// Says how many outstanding URLs of an identity have surely ended early.
    pub fn ended_early(&self, identity: &IdentityName, urls: u64) {
        self.set(&self.ended_early_urls, identity, urls);
    }

    /// Nothing is told of an identity that has gone meanwhile.
    fn set(&self, gauge: &IntGaugeVec, identity: &IdentityName, count: u64) {
        let identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        if identities.contains_key(identity) {
            gauge.with_label_values(&[identity.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Counts a denial.
    pub fn denied(&self, dimension: Dimension) {
        self.denied.with_label_values(&[dimension.as_str()]).inc();
    }

    /// The text format of Prometheus, version 0.0.4.
    pub fn encode(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn pairs<'a>(ones: &'a [&'a str], others: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    ones.iter().flat_map(move |one| others.iter().map(move |other| (*one, *other)))
}

/// How a renewal or a call to STS ended.
pub const OUTCOMES: &[&str] = &["ok", "failed"];

/// How a region was found: remembered, asked of S3, or not.
pub const LOOKUP_OUTCOMES: &[&str] = &["remembered", "found", "failed"];

/// STS's operations that presignd calls, by their API names.
pub const STS_OPERATIONS: &[&str] =
    &["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity", "GetFederationToken", "GetSessionToken"];

/// What is looked at.
pub const PROBED: &[&str] = &["key", "canary"];

/// What an answer says.
pub const READINGS: &[&str] = &["alive", "dead", "nothing"];

/// What the registry does.
pub const REGISTRY_OPERATIONS: &[&str] = &["append", "enrol", "event", "read", "retention", "checkpoint", "search"];

/// gRPC's status codes, as the usual metrics write them.
pub const GRPC_CODES: &[&str] = &[
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

#[cfg(test)]
mod tests;
