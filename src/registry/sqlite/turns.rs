//! Whose turn it is to read, or to write: a bounded number at a time, fewer for one user, and a bounded number of each
//! user's on their way, so that nobody who asks much keeps others from their answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::registry::Error;

/// How many have their turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// At one time.
    pub(super) at_once: usize,
    /// The same, of one user.
    pub(super) at_once_of_one: usize,
    /// At it or waiting.
    pub(super) under_way: usize,
    /// The same, of one user.
    pub(super) under_way_of_one: usize,
}

/// The turns of one set of connections.
pub(super) struct Turns {
    bounds: Bounds,
    all: Arc<Semaphore>,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    under_way: usize,
    users: HashMap<u32, User>,
}

/// Kept while anything of theirs is under way.
struct User {
    under_way: usize,
    share: Arc<Semaphore>,
}

/// A turn, until it is dropped.
pub(super) struct Turn {
    _all: OwnedSemaphorePermit,
    _share: OwnedSemaphorePermit,
    _counted: Counted,
}

impl Turns {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, all: Arc::new(Semaphore::new(bounds.at_once)), counts: Arc::default() }
    }

    /// Waits for a turn. Whoever waits for their own share holds nothing that others wait for.
    pub(super) async fn take(&self, uid: u32) -> Result<Turn, Error> {
        let (_counted, share) = self.count(uid)?;
        let _share = share.acquire_owned().await.map_err(|_| Error::Closed)?;
        let _all = Arc::clone(&self.all).acquire_owned().await.map_err(|_| Error::Closed)?;
        Ok(Turn { _all, _share, _counted })
    }

    fn count(&self, uid: u32) -> Result<(Counted, Arc<Semaphore>), Error> {
        let Bounds { at_once_of_one, under_way, under_way_of_one, .. } = self.bounds;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.under_way >= under_way {
            return Err(Error::Full);
        }
        let new = || User { under_way: 0, share: Arc::new(Semaphore::new(at_once_of_one)) };
        let user = counts.users.entry(uid).or_insert_with(new);
        if user.under_way >= under_way_of_one {
            return Err(Error::TooManyQuestions);
        }
        user.under_way += 1;
        let share = Arc::clone(&user.share);
        counts.under_way += 1;
        Ok((Counted { counts: Arc::clone(&self.counts), uid }, share))
    }

    /// Waits for those whose turn it is, and refuses all others from then on.
    pub(super) async fn close(&self) {
        let all = self.all.acquire_many(u32::try_from(self.bounds.at_once).unwrap_or(u32::MAX)).await;
        self.all.close();
        drop(all);
    }
}

/// One that is under way.
struct Counted {
    counts: Arc<Mutex<Counts>>,
    uid: u32,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.under_way -= 1;
        if let Some(user) = counts.users.get_mut(&self.uid) {
            user.under_way -= 1;
            if user.under_way == 0 {
                counts.users.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const BOUNDS: Bounds = Bounds { at_once: 4, at_once_of_one: 2, under_way: 6, under_way_of_one: 3 };

    #[tokio::test]
    async fn one_user_has_a_share_of_the_turns_and_waits_alone_for_the_next() {
        let turns = Turns::new(BOUNDS);
        let (one, two) = (turns.take(1).await.unwrap(), turns.take(1).await.unwrap());
        let mut third = Box::pin(turns.take(1));
        assert!((&mut third).now_or_never().is_none());
        let others = (turns.take(2).await.unwrap(), turns.take(2).await.unwrap());
        drop(one);
        third.now_or_never().expect("one of its own has come back").unwrap();
        drop((two, others));
    }

    #[tokio::test]
    async fn what_is_under_way_is_bounded_for_each_user_and_for_all() {
        let turns = Turns::new(BOUNDS);
        let held = [turns.take(1).await.unwrap(), turns.take(1).await.unwrap()];
        let mut third = Box::pin(turns.take(1));
        assert!((&mut third).now_or_never().is_none());
        assert!(matches!(turns.take(1).await, Err(Error::TooManyQuestions)));
        let others = [turns.take(2).await.unwrap(), turns.take(3).await.unwrap()];
        let mut sixth = Box::pin(turns.take(4));
        assert!((&mut sixth).now_or_never().is_none());
        assert!(matches!(turns.take(5).await, Err(Error::Full)));
        drop((held, third, others, sixth));
        drop(turns.take(5).await.unwrap());
        assert!(turns.counts.lock().unwrap().users.is_empty(), "who has nothing under way is forgotten");
    }
}
