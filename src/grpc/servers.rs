//! Serves the connections of one socket, on one server after another: a server keeps the bound of calls with which it
//! began, so a reload of that bound begins another, for the connections that come from then on.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::{Error, Server};

use super::guard::Guard;
use super::peer::Connection;
use crate::config::Limits;

/// A connection, in the form in which tonic takes it.
pub(super) type Accepted = std::io::Result<Connection>;

/// Until `accepted` ends and every server has let go of its connections, which it does when told to stop.
pub(super) async fn serve_all(
    routes: Routes,
    guard: Guard,
    limits: watch::Receiver<Limits>,
    mut accepted: mpsc::Receiver<Accepted>,
    stop: CancellationToken,
) -> Result<(), Error> {
    let mut servers = JoinSet::new();
    let mut feeds = VecDeque::new();
    let mut calls = 0;
    while let Some(connection) = accepted.recv().await {
        let now = limits.borrow().calls_per_connection;
        if feeds.is_empty() || now != calls {
            let (feed, fed) = mpsc::channel(1);
            let server = Server::builder()
                .layer(guard.clone())
                .max_concurrent_streams(now)
                .http2_max_pending_accept_reset_streams(Some(now as usize * TAKEN_BACK))
                .http2_max_header_list_size(MAX_HEADER_BYTES)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .http2_keepalive_interval(Some(KEEPALIVE))
                .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
                .add_routes(routes.clone());
            let stop = stop.clone().cancelled_owned();
            servers.spawn(server.serve_with_incoming_shutdown(ReceiverStream::new(fed), stop));
            feeds.push_back(feed);
            calls = now;
        }
        // The connections of the one that is let go of finish their calls and are asked to come again.
        if feeds.len() > MAX_SERVERS {
            feeds.pop_front();
        }
        if let Some(feed) = feeds.back() {
            // It takes no more only when told to stop, and then nobody is to be served.
            let _ = feed.send(connection).await;
        }
    }
    let mut outcome = Ok(());
    while let Some(ended) = servers.join_next().await {
        outcome = outcome.and(ended.unwrap_or(Ok(())));
    }
    outcome
}

/// Servers that keep connections from before a reload.
const MAX_SERVERS: usize = 8;
/// Calls that a client may have taken back before they were looked at, for each that it may have open. h2 closes a
/// connection beyond that, and its own bound of 20 is soon reached where one connection carries the calls of many people.
const TAKEN_BACK: usize = 4;
/// Names and values of one call's headers.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// Unread bytes of one call, and of all calls of a connection. h2 takes a connection for an attack and closes it when small
/// frames wait unread: each counts for what it lacks of 256 bytes, and half of the second is as much as may be lacking. So a
/// stream of small requests that comes faster than it is recorded has to be held back by the first.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 2 << 20;
/// Finds peers that are stopped rather than gone, whose connections would count for ever.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
