//! The declarations: name, help and labels of every family. Names carry their prefix; units stand last.

use std::sync::Mutex;

use prometheus::core::Collector;
use prometheus::{
    Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use super::Metrics;
use super::latest::Latest;

impl Metrics {
    pub(super) fn declare(registry: Registry) -> Result<Self, Error> {
        let r = &registry;
        let build = Opts::new("presignd_build_info", "Always 1; the label is the version.");
        add(r, IntGauge::with_opts(build.const_label("version", env!("CARGO_PKG_VERSION")))?)?.set(1);
        Ok(Self {
            ready: add(
                r,
                IntGauge::new(
                    "presignd_ready",
                    "1 while an identity can sign and the registry takes records, as /readyz says.",
                )?,
            )?,
            process_start_time_seconds: add(
                r,
                IntGauge::new("process_start_time_seconds", "When the daemon began, by the local clock.")?,
            )?,
            urls_issued: counters(
                r,
                "presignd_urls_issued_total",
                "URLs and forms signed and recorded.",
                &["identity", "operation"],
            )?,
            refused: counters(
                r,
                "presignd_refused_total",
                "Asks that ended without a URL, and messages that were not read.",
                &["reason"],
            )?,
            denied: counters(
                r,
                "presignd_denied_total",
                "Asks that no grant allowed, by the dimension that came closest.",
                &["dimension"],
            )?,
            session_expiry_timestamp_seconds: gauges(
                r,
                "presignd_session_expiry_timestamp_seconds",
                "End of the session that signs; 0 with no session or a key without an end.",
                &["identity"],
            )?,
            identity_ready: gauges(
                r,
                "presignd_identity_ready",
                "1 while the identity has a live session to sign with, and is not paused.",
                &["identity"],
            )?,
            partitions: gauges(
                r,
                "presignd_partitions",
                "Tenants that have a place, of an identity with partition_by.",
                &["identity"],
            )?,
            generation_outstanding_urls: gauges(
                r,
                "presignd_generation_outstanding_urls",
                "Outstanding URLs of the identity's generations in that state.",
                &["identity", "state"],
            )?,
            last_url_end_timestamp_seconds: gauges(
                r,
                "presignd_last_url_end_timestamp_seconds",
                "Hard end of the last of them; 0 with none.",
                &["identity", "state"],
            )?,
            ended_early_urls: gauges(
                r,
                "presignd_ended_early_urls",
                "Outstanding URLs that events which stand have surely ended.",
                &["identity"],
            )?,
            renewals: counters(
                r,
                "presignd_renewals_total",
                "Attempts to get the next session.",
                &["identity", "outcome"],
            )?,
            sts_calls: counters(r, "presignd_sts_calls_total", "Calls to STS.", &["operation", "outcome"])?,
            sts_budget_calls_per_minute: add(
                r,
                IntGauge::new(
                    "presignd_sts_budget_calls_per_minute",
                    "Calls to STS that the configuration allows; beyond them calls wait.",
                )?,
            )?,
            probes: counters(
                r,
                "presignd_probes_total",
                "Answers to a look whether a session lives, by what they say.",
                &["probed", "reading"],
            )?,
            sessions_seen_dead: gauges(
                r,
                "presignd_sessions_seen_dead",
                "Sessions whose key was seen dead, or that a canary was denied to.",
                &["identity"],
            )?,
            keys_to_deactivate: gauges(
                r,
                "presignd_keys_to_deactivate",
                "Drained long-term keys that no identity signs with or has URLs outstanding with.",
                &["identity"],
            )?,
            clock_offset_seconds: add(
                r,
                Gauge::new("presignd_clock_offset_seconds", "AWS's clock minus the local one; 0 until evidence.")?,
            )?,
            tasks: add(r, IntGauge::new("presignd_tasks", "Tasks of the daemon's runtime that have not ended.")?)?,
            region_lookups: counters(
                r,
                "presignd_region_lookups_total",
                "Times that a bucket's region was needed and not given.",
                &["outcome"],
            )?,
            registry_append_seconds: histogram(
                r,
                "presignd_registry_append_seconds",
                "Time from a group's arrival to its fsync.",
                SECONDS,
            )?,
            registry_queue_depth: add(
                r,
                IntGauge::new("presignd_registry_queue_depth", "Groups that wait for the writer.")?,
            )?,
            registry_queue_limit: add(
                r,
                IntGauge::new("presignd_registry_queue_limit", "Groups that may wait for the writer.")?,
            )?,
            connections_refused: add(
                r,
                IntCounter::new(
                    "presignd_connections_refused_total",
                    "Connections that were closed at once, because every place or their user's share was taken.",
                )?,
            )?,
            registry_bytes: add(
                r,
                IntGauge::new(
                    "presignd_registry_bytes",
                    "Bytes of the registry's files, log and search file included.",
                )?,
            )?,
            registry_disk_free_bytes: add(
                r,
                IntGauge::new(
                    "presignd_registry_disk_free_bytes",
                    "Bytes that the registry's file system has left for the daemon.",
                )?,
            )?,
            registry_disk_size_bytes: add(
                r,
                IntGauge::new("presignd_registry_disk_size_bytes", "Size of the registry's file system.")?,
            )?,
            registry_rows_per_group: histogram(
                r,
                "presignd_registry_rows_per_group",
                "Rows that were made durable by one commit.",
                ROWS,
            )?,
            registry_errors: counters(
                r,
                "presignd_registry_errors_total",
                "Operations of the registry that failed.",
                &["operation"],
            )?,
            registry_forgotten: add(
                r,
                IntCounter::new("presignd_registry_forgotten_total", "Records removed at the end of their retention.")?,
            )?,
            registry_search_behind: add(
                r,
                IntGauge::new(
                    "presignd_registry_search_behind",
                    "Newest record numbers that the search file does not have yet.",
                )?,
            )?,
            registry_searched: add(
                r,
                IntCounter::new(
                    "presignd_registry_searched_total",
                    "Questions that the search file helped to answer.",
                )?,
            )?,
            grpc_started: counters(r, "grpc_server_started_total", "Calls begun.", &["grpc_service", "grpc_method"])?,
            grpc_handled: counters(
                r,
                "grpc_server_handled_total",
                "Calls ended, whatever their code.",
                &["grpc_service", "grpc_method", "grpc_code"],
            )?,
            grpc_handling_seconds: add(
                r,
                HistogramVec::new(
                    HistogramOpts::new("grpc_server_handling_seconds", "Time from a call's beginning to its end.")
                        .buckets(SECONDS.to_vec()),
                    &["grpc_service", "grpc_method"],
                )?,
            )?,
            registry,
            identities: Mutex::default(),
            latest: Latest::default(),
        })
    }
}

fn add<C: Collector + Clone + 'static>(registry: &Registry, family: C) -> Result<C, Error> {
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
    add(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
    add(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
    add(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
}

/// From a signature alone (well under a millisecond) to a call that waited for STS.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const ROWS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
