//! Accepts connections of one socket, a bounded number at a time, until told to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::bounds::{Room, Rooms};
use super::peer::{Connection, Door};
use super::servers::Accepted;
use super::socket::Socket;
use crate::clock::Clock;
use crate::config::Limits;
use crate::telemetry::Metrics;

/// How well the daemon knows a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// Root, and the daemon's own user.
    Own,
    /// Whom a grant or the list of admins names.
    Known,
    /// Who may merely open the socket.
    Stranger,
}

/// The rank of a user and its group at a door.
pub(super) type Ranks = Arc<dyn Fn(Door, u32, u32) -> Rank + Send + Sync>;

/// What connections are accepted by.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) limits: watch::Receiver<Limits>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ranks: Ranks,
    pub(super) rooms: Rooms,
}

/// Hands each connection to `out`, at most `limits.connections` at a time: half of them for one user, an eighth for all
/// strangers together, and a few for the daemon's own alone, so that nobody who may merely open the socket locks the others
/// out. One more is closed at once, so that its client hears of it rather than waits. A failed `accept` never ends the loop:
/// running out of descriptors passes.
///
/// When told to stop it drops the socket: its file goes and later callers are refused at once, or, where the file is
/// somebody else's, they wait there for the next daemon.
pub(super) async fn accept(
    socket: Socket,
    door: Door,
    terms: Terms,
    out: mpsc::Sender<Accepted>,
    stop: CancellationToken,
) {
    let Terms { limits, clock, metrics, ranks, rooms } = terms;
    let (mut places, mut closed) = (Places { rooms, ..Places::default() }, Closed::default());
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
        let Ok((uid, gid)) = stream.peer_cred().map(|peer| (peer.uid(), peer.gid())) else {
            debug!(?door, "the kernel did not name a peer");
            continue;
        };
        let most = limits.borrow().connections;
        let Some(place) = places.take(uid, ranks(door, uid, gid), most) else {
            metrics.connections_refused.inc();
            closed.tell(door, uid, most, clock.monotonic());
            continue;
        };
        let longest = limits.borrow().call;
        let connection = match Connection::new(stream, door, place, longest, clock.clone()) {
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

/// What was closed for want of a place, told now and then: whoever connects in a loop writes no log.
#[derive(Default)]
struct Closed {
    since: u64,
    told: Option<Instant>,
}

impl Closed {
    fn tell(&mut self, door: Door, uid: u32, most: usize, now: Instant) {
        self.since += 1;
        if self.told.is_none_or(|told| now - told >= TELL_EVERY) {
            let closed = std::mem::take(&mut self.since);
            self.told = Some(now);
            warn!(
                ?door,
                most, uid, closed, "every connection, or this user's share of them, is taken; some were closed"
            );
        }
    }
}

/// Who holds a connection.
#[derive(Default)]
pub(super) struct Places {
    all: Arc<()>,
    strangers: Arc<()>,
    rooms: Rooms,
    users: HashMap<u32, User>,
}

struct User {
    places: Arc<()>,
    room: Arc<Room>,
}

/// A place, held until the connection ends.
#[derive(Debug)]
pub(super) struct Place {
    _all: Arc<()>,
    _user: Arc<()>,
    _stranger: Option<Arc<()>>,
    room: Arc<Room>,
}

impl Place {
    /// The room that its user has for what is under way.
    pub(super) fn room(&self) -> Arc<Room> {
        Arc::clone(&self.room)
    }
}

impl Places {
    /// One of `most`, and of the share of them that one user of that rank may hold. Users who hold nothing are forgotten, so
    /// there are never more of them than connections and one.
    pub(super) fn take(&mut self, uid: u32, rank: Rank, most: usize) -> Option<Place> {
        self.users.retain(|_, user| held(&user.places) > 0);
        let new = || User { places: Arc::default(), room: Arc::new(self.rooms.of_user(rank == Rank::Stranger)) };
        let User { places, room } = self.users.entry(uid).or_insert_with(new);
        let (all, own, few) = (held(&self.all), held(places), most / OWN);
        let free = match rank {
            Rank::Own => all < most && own < most.div_ceil(2),
            Rank::Known => all < most - few && own < most.div_ceil(2),
            Rank::Stranger => all < most - few && held(&self.strangers) < most.div_ceil(8) && own < few.max(1),
        };
        let stranger = (rank == Rank::Stranger).then(|| Arc::clone(&self.strangers));
        free.then(|| Place {
            _all: Arc::clone(&self.all),
            _user: Arc::clone(places),
            _stranger: stranger,
            room: Arc::clone(room),
        })
    }
}

/// Places that are held; `count` itself is not one.
fn held(count: &Arc<()>) -> usize {
    Arc::strong_count(count) - 1
}

/// So great a part of all connections is kept for root and the daemon's own user, and is what one stranger may hold.
const OWN: usize = 64;
const TELL_EVERY: Duration = Duration::from_secs(60);
/// After a failed `accept`, so that a lasting cause does not become a busy loop.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::Rank::{Known, Own, Stranger};
    use super::*;

    #[test]
    fn one_user_leaves_half_of_the_places_to_others() {
        let mut places = Places::default();
        let held: Vec<_> = (0..4).filter_map(|_| places.take(1, Known, 4)).collect();
        assert_eq!(held.len(), 2);
        let others: Vec<_> = (2..9).filter_map(|uid| places.take(uid, Known, 4)).collect();
        assert_eq!(others.len(), 2, "and never more than there are");
        drop(held);
        assert!(places.take(1, Known, 4).is_some(), "what is given back can be had again");
    }

    #[test]
    fn however_many_strangers_come_they_hold_an_eighth_and_however_many_come_root_finds_a_place() {
        let mut places = Places::default();
        let strangers: Vec<_> = (1..500).map(|uid| places.take(uid, Stranger, 1024)).collect();
        let own = (0..99).filter_map(|_| places.take(1, Stranger, 1024)).count();
        assert_eq!((strangers.iter().flatten().count(), own), (128, 0));
        drop(strangers);
        let one: Vec<_> = (0..99).filter_map(|_| places.take(1, Stranger, 1024)).collect();
        assert_eq!(one.len(), 16);
        let known: Vec<_> = (0..1024).filter_map(|at| places.take(1000 + at % 7, Known, 1024)).collect();
        assert_eq!(known.len(), 1024 - 16 - 16);
        assert_eq!((0..99).filter_map(|_| places.take(0, Own, 1024)).fold(0, |places, _place| places + 1), 99);
        let root: Vec<_> = (0..99).filter_map(|_| places.take(0, Own, 1024)).collect();
        assert_eq!(root.len(), 16, "kept for it");
        assert!(places.take(1000, Known, 1024).is_none());
    }

    #[test]
    fn whoever_connects_in_a_loop_writes_a_line_in_a_minute() {
        let (mut closed, began) = (Closed::default(), Instant::now());
        let mut lines = 0;
        for second in 0..150 {
            let before = closed.told;
            closed.tell(Door::Sign, 7, 4, began + Duration::from_secs(second));
            lines += usize::from(before != closed.told);
        }
        assert_eq!((lines, closed.since), (3, 29));
    }

    #[test]
    fn places_are_those_of_the_last_reload() {
        let mut places = Places::default();
        let held: Vec<_> = (0..4).filter_map(|uid| places.take(uid, Known, 4)).collect();
        assert!(places.take(9, Known, 4).is_none());
        let more = places.take(9, Known, 5);
        assert!(more.is_some());
        assert!(places.take(10, Known, 2).is_none(), "those who are there stay, and nobody comes");
        drop((held, more));
        assert!(places.take(10, Known, 2).is_some());
    }
}
