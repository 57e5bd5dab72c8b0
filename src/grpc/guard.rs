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
use prometheus::{Histogram, IntCounter};
use tokio::sync::watch;
use tonic::body::Body;
use tonic::codegen::{Bytes, Service};
use tonic::server::NamedService;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower_layer::Layer;

use super::bounds::{MOST_OF_USER, Taken, Unread};
use super::call::{Call, timeout};
use super::measured::{Load, Measured};
use super::peer::{Door, Peer};
use super::served::Served;
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
    pub(super) fn admit(&self, caller: &Caller) -> bool {
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
    /// By path. A closed set: labels never come from a caller.
    methods: HashMap<String, Arc<Series>>,
    /// Of whatever no service has.
    unknown: Arc<Series>,
}

impl Guard {
    pub(super) fn new(
        admins: watch::Receiver<Admins>,
        clock: Clock,
        metrics: Arc<Metrics>,
        limits: watch::Receiver<Limits>,
    ) -> Self {
        let methods: HashMap<_, _> = super::served::methods()
            .map(|Served { service, method, asks_on, answers_on }| {
                metrics.method_starts_at_zero(&service, &method);
                let streams = answers_on.then_some(if asks_on { BOTH_WAYS } else { ONE_WAY });
                (format!("/{service}/{method}"), Arc::new(Series::of(&metrics, service, method, streams)))
            })
            .collect();
        let unknown = Arc::new(Series::of(&metrics, "unknown".to_owned(), "unknown".to_owned(), None));
        Self(Arc::new(Inside { admins, clock, metrics, limits, methods, unknown }))
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
        let series = self.inside.methods.get(request.uri().path());
        let mut running = Running::start(&self.inside, series);
        let streams = series.and_then(|series| series.streams);
        let answer = self.inside.begin(&request, series.is_some(), streams).map(|(call, load, taken)| {
            let deadline = call.deadline;
            request.extensions_mut().insert(call.clone());
            let body = |body| Body::new(Measured::new(body, call, Arc::clone(&load)));
            (deadline, self.inner.call(request.map(body)), load, taken)
        });
        Box::pin(async move {
            let (deadline, handler, load, taken) = match answer {
                Ok(begun) => begun,
                Err(status) => {
                    running.ends_with(&status);
                    return Ok(status.into_http().map(|body| Body::new(Watched { body, running, _taken: None })));
                }
            };
            // What comes too late begins nothing.
            let in_time = async {
                match deadline > running.inside.clock.monotonic() {
                    true => tokio::time::timeout_at(deadline, handler).await.ok(),
                    false => None,
                }
            };
            let response = match in_time.await {
                Some(response) => response?,
                None => Status::from(Error::Deadline("the answer")).into_http(),
            };
            // An answer without a body has its status in the head.
            running.ends_as(response.headers());
            if streams.is_some() {
                return Ok(response.map(|body| Body::new(Watched { body, running, _taken: taken })));
            }
            let (head, body) = response.into_parts();
            Ok(match Whole::of(body, running, load).await {
                Ok(whole) => http::Response::from_parts(head, Body::new(whole)),
                Err(status) => status.into_http(),
            })
        })
    }
}

impl Inside {
    fn begin(
        &self,
        request: &http::Request<Body>,
        is_served: bool,
        streams: Option<usize>,
    ) -> Result<(Call, Arc<Load>, Option<Taken>), Status> {
        let peer: Option<&Peer> = request.extensions().get();
        let peer = peer.ok_or_else(|| Status::internal("the connection has no peer"))?;
        let now = self.clock.monotonic();
        let header = request.headers().get("grpc-timeout").and_then(|value| value.to_str().ok());
        let until = header.and_then(timeout).and_then(|left| now.checked_add(left));
        let most = self.limits.borrow().call;
        let call = Call::new(peer, until, now, most);
        if call.door == Door::Admin && !self.admins.borrow().admit(&call.caller) {
            return Err(call.failed(Error::NotAdmitted("the admin socket does not admit your user")));
        }
        // tonic refuses both too, without a word on why.
        if !is_served {
            let path = request.uri().path();
            return Err(call.failed(Error::NoMethod(beginning(path.trim_start_matches('/')))));
        }
        match request.headers().get("grpc-encoding") {
            Some(encoding) if encoding != "identity" => {
                return Err(call.failed(Error::Compressed(beginning(&String::from_utf8_lossy(encoding.as_bytes())))));
            }
            _ => {}
        }
        let taken = match streams {
            Some(bytes) => Some(peer.bounds.room.take(bytes).ok_or(Error::TooMuchUnread { most: MOST_OF_USER })?),
            None => None,
        };
        Ok((call, Arc::new(Load::new(Arc::clone(&peer.bounds), most)), taken))
    }
}

/// What an error repeats of a caller's own words.
fn beginning(text: &str) -> String {
    text.chars().take(MAX_REPEATED).collect()
}

/// What a stream holds of two groups of `limits.stream_items` and of their answers, and what one that only tells does.
const BOTH_WAYS: usize = 256 << 10;
const ONE_WAY: usize = 16 << 10;
/// Longer than the name of any method.
const MAX_REPEATED: usize = 128;

/// What is counted of one method; looked up once for all calls, as far as most calls need it.
struct Series {
    service: String,
    method: String,
    /// What one of its streams takes of its user's room; `None`: it has one answer.
    streams: Option<usize>,
    started: IntCounter,
    /// With the code `OK`.
    served: IntCounter,
    seconds: Histogram,
}

impl Series {
    fn of(metrics: &Metrics, service: String, method: String, streams: Option<usize>) -> Self {
        let labels = [service.as_str(), method.as_str()];
        let started = metrics.grpc_started.with_label_values(&labels);
        let served = metrics.grpc_handled.with_label_values(&[labels[0], labels[1], GRPC_CODES[Code::Ok as usize]]);
        let seconds = metrics.grpc_handling_seconds.with_label_values(&labels);
        Self { service, method, streams, started, served, seconds }
    }
}

/// A call under way. Counted when it is dropped, so that one that its caller gave up is counted too.
struct Running {
    inside: Arc<Inside>,
    series: Arc<Series>,
    started: tokio::time::Instant,
    code: Option<Code>,
}

impl Running {
    fn start(inside: &Arc<Inside>, series: Option<&Arc<Series>>) -> Self {
        let series = Arc::clone(series.unwrap_or(&inside.unknown));
        series.started.inc();
        Self { inside: Arc::clone(inside), series, started: inside.clock.monotonic(), code: None }
    }

    /// Takes the status from a head or trailers, where they have one; of one that is good no more is read than that.
    fn ends_as(&mut self, headers: &http::HeaderMap) {
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
    fn ends_with(&mut self, status: &Status) {
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

/// The one answer of a call.
struct Whole {
    data: Option<Bytes>,
    trailers: Option<http::HeaderMap>,
    _running: Running,
    _load: Arc<Load>,
}

/// The bytes of an answer with what they take of their user's room, until they are on the socket: h2 keeps them for as long as
/// their caller does not read, and when the body is long over.
struct Kept {
    data: Bytes,
    _taken: Taken,
    _unread: Unread,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Whole {
    /// What is there in full, as it is of every handler that has one answer.
    async fn of(mut body: Body, mut running: Running, load: Arc<Load>) -> Result<Self, Status> {
        let (mut data, mut trailers) = (None, None);
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let frame = frame.inspect_err(|status| running.ends_with(status))?;
            match frame.into_data() {
                Ok(piece) => data = Some(piece),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        if let Some(trailers) = &trailers {
            running.ends_as(trailers);
        }
        let now = running.inside.clock.monotonic();
        let keep = |data: Bytes| {
            let taken = load.bounds.room.take(data.len()).ok_or(Error::TooMuchUnread { most: MOST_OF_USER })?;
            Ok(Bytes::from_owner(Kept { data, _taken: taken, _unread: load.bounds.gives(now) }))
        };
        let data = data.map(keep).transpose().map_err(|error: Error| Status::from(error));
        let data = data.inspect_err(|status| running.ends_with(status))?;
        Ok(Self { data, trailers, _running: running, _load: load })
    }
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let data = this.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| this.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A body whose trailers are read as they pass, for the status.
struct Watched {
    body: Body,
    running: Running,
    _taken: Option<Taken>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.running.ends_as(trailers);
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
