//! Metrics and health over HTTP, for Prometheus and for probes, on loopback.
//!
//! Never signs, never shows a record. Bounded in connections and in the life of each.

mod bounded;

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::telemetry::Metrics;

/// What keeps the daemon from signing; empty when nothing does. Reasons are for people: they name identities, never
/// secrets or URLs.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Readiness {
    /// One sentence each, such as `the registry cannot be written`.
    pub reasons: Vec<String>,
}

/// Binds the address of `[http] listen`.
///
/// # Errors
/// When the address is taken or not the machine's own.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop`, then waits [`DRAIN`] for answers under way.
///
/// `/metrics` is for Prometheus. `/livez` answers 200 as long as the process can answer at all: it asks neither STS nor
/// the registry, because a restart would mend neither. `/readyz` answers 200 when `readiness` gives no reason, else 503
/// with the reasons; it is asked each time, so `readiness` must not wait.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: impl Fn() -> Readiness + Clone + Send + Sync + 'static,
    stop: CancellationToken,
) -> io::Result<()> {
    serve_and_drain(listener, metrics, readiness, stop, DRAIN).await
}

async fn serve_and_drain(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: impl Fn() -> Readiness + Clone + Send + Sync + 'static,
    stop: CancellationToken,
    drain: Duration,
) -> io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(move || async move { text(PROMETHEUS, metrics.encode()) }))
        .route("/livez", get(async || text(PLAIN, "ok\n".to_owned())))
        .route("/readyz", get(move || async move { ready(&readiness()) }))
        .fallback(async || (StatusCode::NOT_FOUND, "/metrics, /livez and /readyz are all there is\n"));
    let listener = bounded::Bounded::new(listener, MAX_CONNECTIONS, MAX_LIFE);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        served = served.into_future() => served,
        () = async { stop.cancelled().await; tokio::time::sleep(drain).await } => Ok(()),
    }
}

fn ready(readiness: &Readiness) -> Response {
    let status = if readiness.reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "ready": readiness.reasons.is_empty(), "reasons": readiness.reasons });
    (status, text(JSON, format!("{body}\n"))).into_response()
}

fn text(kind: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Connections at the same time; the next takes the place of the oldest.
const MAX_CONNECTIONS: usize = 64;
/// A connection's whole life.
const MAX_LIFE: Duration = Duration::from_secs(60);
/// How long an answer may take once the daemon stops.
pub const DRAIN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
