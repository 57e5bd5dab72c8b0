//! A few connections that only read, each used by one call at a time, off the runtime's threads.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::file;
use crate::registry::{Error, OpenError, StoreError};
use crate::telemetry::Metrics;

/// The pool.
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
    waiting: AtomicUsize,
    metrics: Arc<Metrics>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, metrics: Arc<Metrics>) -> Self {
        let permits = Arc::new(Semaphore::new(READERS));
        Self { path, permits, idle: Arc::default(), waiting: AtomicUsize::new(0), metrics }
    }

    /// Runs `read` with a connection.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Place::take(&self.waiting)?;
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        drop(place);
        let (path, idle) = (self.path.clone(), self.idle.clone());
        let work = move || {
            let rested = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match rested {
                Some(connection) => connection,
                None => file::open_to_read(&path).map_err(unreadable)?,
            };
            let outcome = read(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
            outcome
        };
        let outcome = tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Closed));
        if outcome.is_err() {
            self.metrics.registry_errors.with_label_values(&["read"]).inc();
        }
        outcome
    }

    /// Waits for readers at work, then lets go of the file.
    pub(super) async fn close(&self) {
        let all = self.permits.acquire_many(READERS as u32).await;
        self.permits.close();
        drop(all);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A place among those who wait for a connection.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Error> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING { Ok(place) } else { Err(Error::Full) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The file was fine when the daemon opened it.
fn unreadable(error: OpenError) -> Error {
    match error {
        OpenError::Damaged { source, .. } => Error::Store(source),
        other => Error::Store(StoreError::from(rusqlite::Error::ToSqlConversionFailure(Box::new(other)))),
    }
}

/// Connections, and so reads at one time.
const READERS: usize = 4;
/// Calls that may wait for one of them.
const MAX_WAITING: usize = 256;
