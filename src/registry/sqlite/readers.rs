//! A few connections that only read, each used by one call at a time, off the runtime's threads. A read ends when its
//! time is up or nobody waits for it any more.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::file;
use super::inode::Inodes;
use super::turns::{Bounds, Turns};
use crate::registry::{Error, MAX_QUESTIONS, OpenError, READ_TIME, StoreError};
use crate::telemetry::Metrics;

/// A pool.
pub(super) struct Readers {
    path: PathBuf,
    inodes: Arc<Inodes>,
    turns: Turns,
    idle: Arc<Mutex<Vec<Connection>>>,
    metrics: Arc<Metrics>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, inodes: Arc<Inodes>, bounds: Bounds, metrics: Arc<Metrics>) -> Self {
        Self { path, inodes, turns: Turns::new(bounds), idle: Arc::default(), metrics }
    }

    /// Runs `read` with a connection, for that user. Dropped or out of time, it interrupts the statement under way; the
    /// turn is over when the statement has ended.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        uid: u32,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let stop = StopOnDrop::default();
        let stopped = Arc::clone(&stop.0);
        let (path, inodes, idle) = (self.path.clone(), self.inodes.clone(), self.idle.clone());
        let answer = async {
            let turn = self.turns.take(uid).await?;
            let work = move || {
                let rested = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut connection = match rested {
                    Some(connection) => connection,
                    None => {
                        // What lies there now may be another registry.
                        inodes.in_place()?;
                        file::open_to_read(&path).map_err(unreadable)?
                    }
                };
                connection.progress_handler(LOOK_EVERY, Some(move || stopped.load(Ordering::Relaxed)))?;
                let outcome = read(&connection);
                connection.progress_handler(0, None::<fn() -> bool>)?;
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                drop(turn);
                outcome
            };
            let outcome = tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Closed));
            if outcome.is_err() {
                self.metrics.registry_errors.with_label_values(&["read"]).inc();
            }
            outcome
        };
        tokio::time::timeout(READ_TIME, answer).await.unwrap_or_else(|_| {
            self.metrics.registry_errors.with_label_values(&["read"]).inc();
            Err(Error::TimedOut)
        })
    }

    /// Waits for readers at work, then lets go of the file.
    pub(super) async fn close(&self) {
        self.turns.close().await;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Tells the thread that nobody waits any more.
#[derive(Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The file was fine when the daemon opened it.
fn unreadable(error: OpenError) -> Error {
    match error {
        OpenError::Damaged { source, .. } => Error::Store(source),
        OpenError::Foreign { .. } => Error::Store(StoreError::damage("what lies there is not the registry any more")),
        other => Error::Store(StoreError::from(rusqlite::Error::ToSqlConversionFailure(Box::new(other)))),
    }
}

/// For lists and the like, which may take long.
pub(super) const QUESTIONS: Bounds =
    Bounds { at_once: 4, at_once_of_one: 2, under_way: 256, under_way_of_one: MAX_QUESTIONS };
/// For request ids, which every signature with one waits for: one row each, and nothing else in their way.
pub(super) const LOOK_UPS: Bounds = Bounds { at_once: 2, at_once_of_one: 1, under_way: 4096, under_way_of_one: 2048 };
/// Steps of SQLite's machine between two looks at whether to go on: well under a millisecond.
const LOOK_EVERY: i32 = 4096;

#[cfg(test)]
mod tests {
    use std::task::Poll;
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::stream::{FuturesUnordered, StreamExt};

    use super::super::Sqlite;
    use super::*;
    use crate::clock::Clock;
    use crate::issued::Filter;
    use crate::registry::Options;
    use crate::time::Timestamp;

    async fn store() -> (Sqlite, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::at(directory.path().join("registry.db"));
        let metrics = Arc::new(Metrics::new().unwrap());
        (Sqlite::open(options, Clock::system(), metrics).await.unwrap().0, directory)
    }

    /// Counts until it is interrupted.
    fn endless(connection: &Connection) -> Result<i64, Error> {
        let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        Ok(connection.query_row(sql, [], |row| row.get(0))?)
    }

    fn idle(readers: &Readers) -> usize {
        readers.idle.lock().unwrap().len()
    }

    #[tokio::test]
    async fn endless_questions_of_one_user_hold_up_neither_others_nor_request_ids() {
        let (store, _directory) = store().await;
        let mut endless_ones: FuturesUnordered<_> =
            (0..MAX_QUESTIONS).map(|_| store.questions.read(1, endless).boxed()).collect();
        assert!(endless_ones.next().now_or_never().is_none());
        assert!(matches!(store.url(1, 1).await, Err(Error::TooManyQuestions)));
        for _ in 0..100 {
            let listed = store.list(2, Filter::default(), 10, None).await.unwrap();
            assert!(listed.is_empty());
            for uid in [1, 2] {
                assert_eq!(store.remembered(uid, "id".to_owned(), Timestamp::EPOCH).await.unwrap(), None);
            }
        }
        assert!(endless_ones.next().now_or_never().is_none(), "they were under way all the time");
        // Given up, they end, and with them what held the file.
        drop(endless_ones);
        store.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_takes_too_long_is_interrupted_and_gives_its_connection_back() {
        let (store, _directory) = store().await;
        let mut read = Box::pin(store.questions.read(1, endless));
        let early = futures_util::poll!(&mut read);
        assert!(matches!(early, Poll::Pending));
        tokio::time::advance(READ_TIME + Duration::from_millis(1)).await;
        assert!(matches!(read.await, Err(Error::TimedOut)));
        store.close().await;
        assert_eq!(idle(&store.questions), 0, "closing waited for the statement to end");
    }

    #[tokio::test]
    async fn an_interrupt_is_for_one_read_alone() {
        let (store, _directory) = store().await;
        for _ in 0..3 {
            let mut read = Box::pin(store.questions.read(1, endless));
            assert!((&mut read).now_or_never().is_none());
            drop(read);
            while idle(&store.questions) == 0 {
                tokio::task::yield_now().await;
            }
            assert!(store.url(1, 1).await.unwrap().is_none());
        }
    }
}
