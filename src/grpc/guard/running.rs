//! A call under way, as metrics count it.

use std::sync::Arc;

use prometheus::{Histogram, IntCounter};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::Inside;
use crate::error::Error;
use crate::telemetry::{GRPC_CODES, Metrics};

/// What is counted of one method; looked up once for all calls, as far as most calls need it.
pub(super) struct Series {
    service: String,
    method: String,
    /// What one of its streams takes of its user's room; `None`: it has one answer.
    pub(super) streams: Option<usize>,
    started: IntCounter,
    /// With the code `OK`.
    served: IntCounter,
    seconds: Histogram,
}

impl Series {
    pub(super) fn of(metrics: &Metrics, service: String, method: String, streams: Option<usize>) -> Self {
        let labels = [service.as_str(), method.as_str()];
        let started = metrics.grpc_started.with_label_values(&labels);
        let served = metrics.grpc_handled.with_label_values(&[labels[0], labels[1], GRPC_CODES[Code::Ok as usize]]);
        let seconds = metrics.grpc_handling_seconds.with_label_values(&labels);
        Self { service, method, streams, started, served, seconds }
    }
}

/// A call under way. Counted when it is dropped, so that one that its caller gave up is counted too.
pub(super) struct Running {
    pub(super) inside: Arc<Inside>,
    series: Arc<Series>,
    started: tokio::time::Instant,
    code: Option<Code>,
}

impl Running {
    pub(super) fn start(inside: &Arc<Inside>, series: Option<&Arc<Series>>) -> Self {
        let series = Arc::clone(series.unwrap_or(&inside.unknown));
        series.started.inc();
        Self { inside: Arc::clone(inside), series, started: inside.clock.monotonic(), code: None }
    }

    /// Takes the status from a head or trailers, where they have one; of one that is good no more is read than that.
    pub(super) fn ends_as(&mut self, headers: &http::HeaderMap) {
        match headers.get(Status::GRPC_STATUS) {
            None => {}
            Some(code) if code.as_bytes() == b"0" => self.code = Some(Code::Ok),
            Some(_) => {
                if let Some(status) = Status::from_header_map(headers) {
                    self.ends_with(&status);
                }
            }
        }
    }

    /// Also counts the refusal of a message that no handler saw; handlers and the desk count their own.
    pub(super) fn ends_with(&mut self, status: &Status) {
        self.code = Some(status.code());
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.as_str());
        if let Some(reason) = Error::UNREAD.iter().find(|unread| reason == Some(**unread)) {
            self.inside.metrics.refused(reason);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Series { service, method, served, seconds, .. } = &*self.series;
        // No status at all: the caller went away.
        match self.code.unwrap_or(Code::Cancelled) {
            Code::Ok => served.inc(),
            code => {
                let labels = [service.as_str(), method.as_str(), GRPC_CODES[code as usize]];
                self.inside.metrics.grpc_handled.with_label_values(&labels).inc();
            }
        }
        seconds.observe((self.inside.clock.monotonic() - self.started).as_secs_f64());
    }
}
