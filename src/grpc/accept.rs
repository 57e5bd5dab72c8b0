//! Accepts connections of one socket, a bounded number at a time, until told to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::peer::{Connection, Door};
use super::socket::Socket;

/// Hands each connection to `out`, at most `most` at a time; one more is closed at once, so that its client hears of it
/// rather than waits. A failed `accept` never ends the loop: running out of descriptors passes.
///
/// When told to stop it drops the socket, so its file goes and later callers are refused at once.
pub(super) async fn accept(
    socket: Socket,
    door: Door,
    most: usize,
    out: mpsc::Sender<std::io::Result<Connection>>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
    let accepting = async {
        loop {
            let stream = match socket.listener().accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(?door, %error, "could not accept a connection");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                warn!(?door, most, "every connection is taken; one was closed");
                continue;
            };
            let connection = match Connection::new(stream, door, place) {
                Ok(connection) => connection,
                // Without a name there is nothing to decide by. The peer sees its connection closed.
                Err(error) => {
                    debug!(?door, %error, "the kernel did not name a peer");
                    continue;
                }
            };
            if out.send(Ok(connection)).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = accepting => {}
    }
}

/// After a failed `accept`, so that a lasting cause does not become a busy loop.
const PAUSE: Duration = Duration::from_millis(100);
