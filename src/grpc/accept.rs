//! Accepts connections of one socket, a bounded number at a time, until told to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::peer::{Connection, Door};
use super::socket::Socket;

/// Hands each connection to `out`, at most `most` at a time and half of them for one user, so that nobody who may merely
/// open the socket locks the others out; one more is closed at once, so that its client hears of it rather than waits. A failed `accept` never ends the loop: running out of descriptors passes.
///
/// When told to stop it drops the socket, so its file goes and later callers are refused at once.
pub(super) async fn accept(
    socket: Socket,
    door: Door,
    most: usize,
    out: mpsc::Sender<std::io::Result<Connection>>,
    stop: CancellationToken,
) {
    let mut places = Places::new(most);
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
            let Ok(uid) = stream.peer_cred().map(|peer| peer.uid()) else {
                debug!(?door, "the kernel did not name a peer");
                continue;
            };
            let Some(place) = places.take(uid) else {
                warn!(?door, most, uid, "every connection, or this user's half of them, is taken; one was closed");
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

/// Connections that may still come.
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// What one user may hold.
    share: usize,
    users: HashMap<u32, Arc<Semaphore>>,
}

/// A place, held until the connection ends.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _user: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(most)), share: most.div_ceil(2), users: HashMap::new() }
    }

    /// Users who hold nothing are forgotten, so there are never more of them than connections and one.
    pub(super) fn take(&mut self, uid: u32) -> Option<Place> {
        let share = self.share;
        self.users.retain(|_, user| user.available_permits() < share);
        let user = self.users.entry(uid).or_insert_with(|| Arc::new(Semaphore::new(share)));
        let _user = Arc::clone(user).try_acquire_owned().ok()?;
        let _all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Place { _all, _user })
    }
}

/// After a failed `accept`, so that a lasting cause does not become a busy loop.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_leaves_half_of_the_places_to_others() {
        let mut places = Places::new(4);
        let held: Vec<_> = (0..4).filter_map(|_| places.take(1)).collect();
        assert_eq!(held.len(), 2);
        let others: Vec<_> = (2..9).filter_map(|uid| places.take(uid)).collect();
        assert_eq!(others.len(), 2, "and never more than there are");
        drop(held);
        assert!(places.take(1).is_some(), "what is given back can be had again");
    }
}
