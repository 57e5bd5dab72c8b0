//! Accepts connections of one socket, a bounded number at a time, until told to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::peer::{Connection, Door};
use super::servers::Accepted;
use super::socket::Socket;
use crate::config::Limits;

/// Hands each connection to `out`, at most `limits.connections` at a time and half of them for one user, so that nobody
/// who may merely open the socket locks the others out; one more is closed at once, so that its client hears of it rather
/// than waits. A failed `accept` never ends the loop: running out of descriptors passes.
///
/// When told to stop it drops the socket: its file goes and later callers are refused at once, or, where the file is
/// somebody else's, they wait there for the next daemon.
pub(super) async fn accept(
    socket: Socket,
    door: Door,
    limits: watch::Receiver<Limits>,
    out: mpsc::Sender<Accepted>,
    stop: CancellationToken,
) {
    let mut places = Places::default();
    loop {
        // What was taken off the queue is served, whatever is told meanwhile: nobody else can serve it any more.
        let Some(accepted) = stop.run_until_cancelled(socket.listener().accept()).await else { return };
        let stream = match accepted {
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
        let most = limits.borrow().connections;
        let Some(place) = places.take(uid, most) else {
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
}

/// Who holds a connection.
#[derive(Default)]
pub(super) struct Places {
    all: Arc<()>,
    users: HashMap<u32, Arc<()>>,
}

/// A place, held until the connection ends.
#[derive(Debug)]
pub(super) struct Place {
    _all: Arc<()>,
    _user: Arc<()>,
}

impl Places {
    /// One of `most`, and of the half of them that one user may hold. Users who hold nothing are forgotten, so there are
    /// never more of them than connections and one.
    pub(super) fn take(&mut self, uid: u32, most: usize) -> Option<Place> {
        self.users.retain(|_, user| held(user) > 0);
        let user = self.users.entry(uid).or_default();
        let free = held(&self.all) < most && held(user) < most.div_ceil(2);
        free.then(|| Place { _all: Arc::clone(&self.all), _user: Arc::clone(user) })
    }
}

/// Places that are held; `count` itself is not one.
fn held(count: &Arc<()>) -> usize {
    Arc::strong_count(count) - 1
}

/// After a failed `accept`, so that a lasting cause does not become a busy loop.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_leaves_half_of_the_places_to_others() {
        let mut places = Places::default();
        let held: Vec<_> = (0..4).filter_map(|_| places.take(1, 4)).collect();
        assert_eq!(held.len(), 2);
        let others: Vec<_> = (2..9).filter_map(|uid| places.take(uid, 4)).collect();
        assert_eq!(others.len(), 2, "and never more than there are");
        drop(held);
        assert!(places.take(1, 4).is_some(), "what is given back can be had again");
    }

    #[test]
    fn places_are_those_of_the_last_reload() {
        let mut places = Places::default();
        let held: Vec<_> = (0..4).filter_map(|uid| places.take(uid, 4)).collect();
        assert!(places.take(9, 4).is_none());
        let more = places.take(9, 5);
        assert!(more.is_some());
        assert!(places.take(10, 2).is_none(), "those who are there stay, and nobody comes");
        drop((held, more));
        assert!(places.take(10, 2).is_some());
    }
}
