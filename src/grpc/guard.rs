//! What happens to every call before and after its handler: admission to the admin socket, the refusal of what no
//! service has, the deadline, the bound on messages, and the usual metrics of a gRPC server.
//!
//! Never reads a message: it sees the path, the peer and the status.

mod answer;
mod running;

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;
use tower_layer::Layer;

use super::bounds::{MOST_OF_USER, Taken};
use super::call::{Call, timeout};
use super::measured::{Load, Measured};
use super::peer::{Door, Peer};
use super::served::Served;
use crate::access::{Caller, OVERFLOW_ID};
use crate::clock::Clock;
use crate::config::Limits;
use crate::error::Error;
use crate::telemetry::Metrics;
use answer::{Watched, Whole};
use running::{Running, Series};

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

#[cfg(test)]
mod tests;
