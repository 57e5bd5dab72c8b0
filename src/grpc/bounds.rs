//! What a connection may take of the daemon's memory: room for messages that are half sent and for answers that are not read,
//! bounded for each user and for all; and since when its answers wait to be read.
//!
//! Never waits: who finds no room is told to come again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The room of everybody together, whichever socket they came in by: those who are known, and strangers.
#[derive(Debug, Clone)]
pub(super) struct Rooms {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// Room of one user, in bytes.
#[derive(Debug)]
pub(super) struct Room {
    user: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// What is taken of it, until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    _user: OwnedSemaphorePermit,
    _all: Option<OwnedSemaphorePermit>,
}

impl Default for Rooms {
    fn default() -> Self {
        let room = |most| Arc::new(Semaphore::new(most));
        Self { known: room(MOST_OF_ALL), strangers: room(MOST_OF_STRANGERS) }
    }
}

impl Rooms {
    /// One more user's part of it.
    pub(super) fn of_user(&self, is_stranger: bool) -> Room {
        let (all, most) = match is_stranger {
            true => (&self.strangers, MOST_OF_STRANGERS / 2),
            false => (&self.known, MOST_OF_USER),
        };
        Room { user: Arc::new(Semaphore::new(most)), all: Arc::clone(all) }
    }
}

impl Room {
    /// `None` where there is not as much. A little is the user's own affair, so that nobody who takes much keeps others from it.
    pub(super) fn take(&self, bytes: usize) -> Option<Taken> {
        let is_little = bytes <= LITTLE;
        let bytes = u32::try_from(bytes).ok()?;
        let of = |room: &Arc<Semaphore>| Arc::clone(room).try_acquire_many_owned(bytes).ok();
        Some(Taken { _user: of(&self.user)?, _all: if is_little { None } else { Some(of(&self.all)?) } })
    }
}

/// Of one connection.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) room: Arc<Room>,
    began: Instant,
    /// Answers that wait to be read, by when they were given: a ring of spans of time.
    unread: [AtomicU32; SPANS],
}

/// An answer that waits to be read.
#[derive(Debug)]
pub(super) struct Unread {
    bounds: Arc<Bounds>,
    span: usize,
}

impl Bounds {
    pub(super) fn new(room: Arc<Room>, now: Instant) -> Self {
        Self { room, began: now, unread: [const { AtomicU32::new(0) }; SPANS] }
    }

    /// Of somebody who has all the room there is.
    #[cfg(test)]
    pub(super) fn free() -> Arc<Self> {
        Arc::new(Self::new(Arc::new(Rooms::default().of_user(false)), Instant::now()))
    }

    pub(super) fn gives(self: &Arc<Self>, now: Instant) -> Unread {
        let span = self.span(now) % SPANS;
        self.unread[span].fetch_add(1, Ordering::Relaxed);
        Unread { bounds: Arc::clone(self), span }
    }

    /// Whether an answer has surely waited for so long, and at most two spans longer; looked at more often than the ring goes
    /// round.
    pub(super) fn is_late(&self, now: Instant, most: Duration) -> bool {
        let (present, young) = (self.span(now), most.as_secs().div_ceil(SPAN.as_secs()));
        let young = usize::try_from(young).unwrap_or(SPANS);
        let mut old = (young + 1..SPANS).filter_map(|age| present.checked_sub(age));
        old.any(|span| self.unread[span % SPANS].load(Ordering::Relaxed) > 0)
    }

    /// Which span of time it is; changes every quarter of a minute.
    pub(super) fn span(&self, now: Instant) -> usize {
        usize::try_from((now - self.began).as_secs() / SPAN.as_secs()).unwrap_or(usize::MAX)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.bounds.unread[self.span].fetch_sub(1, Ordering::Relaxed);
    }
}

/// The longest answer that there can be.
pub(super) const MOST_OF_USER: usize = 32 << 20;
/// With what else the daemon needs, less than the 256 MiB of the chart's sidecar.
const MOST_OF_ALL: usize = 3 * MOST_OF_USER;
/// Of all together whom nothing names, and half of it for one of them.
const MOST_OF_STRANGERS: usize = 8 << 20;
/// An answer to a single request, and some more.
const LITTLE: usize = 64 << 10;
const SPAN: Duration = Duration::from_secs(16);
/// More than there are in the longest call, and between two pings, by which a connection is heard of.
const SPANS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_user_takes_a_third_of_the_room_and_gives_it_back() {
        let rooms = Rooms::default();
        let users = [(); 4].map(|()| rooms.of_user(false));
        let mut taken: Vec<_> = users.iter().map(|user| user.take(MOST_OF_USER)).collect();
        assert_eq!(taken.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, true, false]);
        assert!(users[0].take(1).is_none());
        assert!(users[3].take(LITTLE).is_some(), "a little is had whatever others take");
        let strangers = [(); 3].map(|()| rooms.of_user(true));
        let theirs: Vec<_> = strangers.iter().map(|user| user.take(MOST_OF_STRANGERS / 2)).collect();
        assert_eq!(theirs.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false], "they share one room");
        taken.swap_remove(1);
        assert!(users[3].take(MOST_OF_USER).is_some(), "what was refused took nothing of its own room");
        assert!(users[1].take(MOST_OF_USER + 1).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_late_when_it_was_not_read_for_longer_than_a_call_may_take() {
        let (rooms, began) = (Rooms::default(), Instant::now());
        for most in [1, 30, 300].map(Duration::from_secs) {
            for given in [0, 100, 5_000].map(Duration::from_secs) {
                let bounds = Arc::new(Bounds::new(Arc::new(rooms.of_user(false)), began));
                let unread = bounds.gives(began + given);
                let late = |after: Duration| bounds.is_late(began + given + after, most);
                assert!(!late(Duration::ZERO) && !late(most), "{most:?} {given:?}");
                assert!(late(most + 3 * SPAN) && late(most + Duration::from_secs(81)), "{most:?} {given:?}");
                drop(unread);
                assert!(!late(most + 3 * SPAN), "it was read");
            }
        }
    }
}
