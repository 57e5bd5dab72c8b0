//! What happens to every call before and after its handler: admission to the admin socket, the refusal of what no
//! service has, the deadline, the bound on messages, and the usual metrics of a gRPC server.
//!
//! Never reads a message: it sees the path, the peer and the status.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::watch;
use tonic::body::Body;
use tonic::codegen::{Bytes, Service};
use tonic::server::NamedService;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower_layer::Layer;

use super::call::{Call, timeout};
use super::measured::Measured;
use super::peer::{Door, Peer};
use crate::access::{Caller, OVERFLOW_ID};
use crate::clock::Clock;
use crate::config::Limits;
use crate::error::Error;
use crate::telemetry::{GRPC_CODES, Metrics};

/// Whom the admin socket admits, beside root and the daemon's own user.
#[derive(Debug, Clone, Default)]
pub struct Admins {
    /// The daemon's own user.
    pub own_uid: u32,
    /// Users.
    pub uids: Vec<u32>,
    /// Primary groups.
    pub gids: Vec<u32>,
}

impl Admins {
    /// An id that the daemon's user namespace does not map stands for many, so it admits nobody.
    fn admit(&self, caller: &Caller) -> bool {
        let by_user = caller.uid == 0 || caller.uid == self.own_uid || self.uids.contains(&caller.uid);
        (by_user && caller.uid != OVERFLOW_ID) || (self.gids.contains(&caller.gid) && caller.gid != OVERFLOW_ID)
    }
}

/// Wraps every service of the server.
#[derive(Clone)]
pub(super) struct Guard(Arc<Inside>);

struct Inside {
    admins: watch::Receiver<Admins>,
    clock: Clock,
    metrics: Arc<Metrics>,
    limits: watch::Receiver<Limits>,
    /// Path to service and method. A closed set: labels never come from a caller.
    methods: HashMap<String, (String, String)>,
}

impl Guard {
    pub(super) fn new(
        admins: watch::Receiver<Admins>,
        clock: Clock,
        metrics: Arc<Metrics>,
        limits: watch::Receiver<Limits>,
    ) -> Self {
        let methods: HashMap<_, _> = super::served::methods()
            .map(|(service, method)| {
                metrics.method_starts_at_zero(&service, &method);
                (format!("/{service}/{method}"), (service, method))
            })
            .collect();
        Self(Arc::new(Inside { admins, clock, metrics, limits, methods }))
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inside: Arc::clone(&self.0), inner }
    }
}

/// A service behind the guard.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    inside: Arc<Inside>,
    inner: S,
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl<S> Service<http::Request<Body>> for Guarded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Answer {
        let mut running = Running::start(&self.inside, request.uri().path());
        let answer = self.inside.begin(&request).map(|call| {
            let deadline = call.deadline;
            request.extensions_mut().insert(call.clone());
            let request = request.map(|body| Body::new(Measured::new(body, call)));
            (deadline, self.inner.call(request))
        });
        Box::pin(async move {
            let response = match answer {
                Err(status) => status.into_http(),
                Ok((deadline, handler)) => match tokio::time::timeout_at(deadline, handler).await {
                    Ok(response) => response?,
                    Err(_) => Status::from(Error::Deadline("the answer")).into_http(),
                },
            };
            // An answer without a body has its status in the head.
            if let Some(status) = Status::from_header_map(response.headers()) {
                running.ends_with(&status);
            }
            Ok(response.map(|body| Body::new(Watched { body, running })))
        })
    }
}

impl Inside {
    fn begin(&self, request: &http::Request<Body>) -> Result<Call, Status> {
        let peer: Option<&Peer> = request.extensions().get();
        let peer = peer.ok_or_else(|| Status::internal("the connection has no peer"))?;
        let now = self.clock.monotonic();
        let header = request.headers().get("grpc-timeout").and_then(|value| value.to_str().ok());
        let until = header.and_then(timeout).and_then(|left| now.checked_add(left));
        let call = Call::new(peer, until, now, self.limits.borrow().call);
        if call.door == Door::Admin && !self.admins.borrow().admit(&call.caller) {
            return Err(call.failed(Error::NotAdmitted("the admin socket does not admit your user")));
        }
        // tonic refuses both too, without a word on why.
        let path = request.uri().path();
        if !self.methods.contains_key(path) {
            return Err(call.failed(Error::NoMethod(beginning(path.trim_start_matches('/')))));
        }
        match request.headers().get("grpc-encoding") {
            Some(encoding) if encoding != "identity" => {
                Err(call.failed(Error::Compressed(beginning(&String::from_utf8_lossy(encoding.as_bytes())))))
            }
            _ => Ok(call),
        }
    }
}

/// What an error repeats of a caller's own words.
fn beginning(text: &str) -> String {
    text.chars().take(MAX_REPEATED).collect()
}

/// Longer than the name of any method.
const MAX_REPEATED: usize = 128;

/// A call under way. Counted when it is dropped, so that one that its caller gave up is counted too.
struct Running {
    inside: Arc<Inside>,
    path: String,
    started: tokio::time::Instant,
    code: Option<Code>,
}

impl Running {
    fn start(inside: &Arc<Inside>, path: &str) -> Self {
        let running =
            Self { inside: Arc::clone(inside), path: path.to_owned(), started: inside.clock.monotonic(), code: None };
        let (service, method) = running.labels();
        inside.metrics.grpc_started.with_label_values(&[service, method]).inc();
        running
    }

    /// Also counts the refusal of a message that no handler saw; handlers and the desk count their own.
    fn ends_with(&mut self, status: &Status) {
        self.code = Some(status.code());
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.as_str());
        if let Some(reason) = Error::UNREAD.iter().find(|unread| reason == Some(**unread)) {
            self.inside.metrics.refused(reason);
        }
    }

    fn labels(&self) -> (&str, &str) {
        self.inside.methods.get(&self.path).map_or(("unknown", "unknown"), |(service, method)| (service, method))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (service, method) = self.labels();
        // No status at all: the caller went away.
        let code = GRPC_CODES[self.code.unwrap_or(Code::Cancelled) as usize];
        let seconds = (self.inside.clock.monotonic() - self.started).as_secs_f64();
        self.inside.metrics.grpc_handled.with_label_values(&[service, method, code]).inc();
        self.inside.metrics.grpc_handling_seconds.with_label_values(&[service, method]).observe(seconds);
    }
}

/// A body whose trailers are read as they pass, for the status.
struct Watched {
    body: Body,
    running: Running,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(status) = frame.trailers_ref().and_then(Status::from_header_map) {
                    this.running.ends_with(&status);
                }
            }
            Some(Err(status)) => this.running.ends_with(status),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
