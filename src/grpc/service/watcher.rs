//! `Watch`: reads on only as the caller takes, and waits with it for what happens.

use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream::unfold;
use tonic::Status;

use super::Services;
use crate::error::Error;
use crate::grpc::call::Call;
use crate::grpc::convert;
use crate::grpc::proto::{WatchRequest, WatchResponse};
use crate::watch::Watcher;

/// What the caller of `Watch` reads.
pub(super) type Told = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

impl Services {
    /// Until the caller goes away or has no time left, or the daemon stops. On the signing socket: of its own URLs.
    pub(super) async fn watched(&self, call: Call, asked: WatchRequest) -> Result<Told, Error> {
        let from = convert::watched_from(&asked)?;
        let (registry, clock, uid) = (self.issuer.registry(), self.issuer.clock(), call.caller.uid);
        let own = (!call.sees_all()).then_some(uid);
        let watcher = Watcher::open(registry, clock, &self.seats, uid, own, from).await?;
        let state = Some((watcher, call, self.stop.clone()));
        Ok(Box::pin(unfold(state, async |state| {
            let (mut watcher, call, stop) = state?;
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => Err(Status::unavailable("presignd is stopping")),
                () = call.out_of_time() => Err(call.failed(Error::Deadline("what happens next"))),
                next = watcher.next() => next.map_err(|error| call.failed(error)),
            };
            match next {
                Ok(heard) => Some((Ok(convert::heard(heard)), Some((watcher, call, stop)))),
                Err(status) => Some((Err(status), None)),
            }
        })))
    }
}
