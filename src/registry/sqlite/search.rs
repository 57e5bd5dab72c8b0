//! The search file beside the registry: which records have a key, a caller, a tenant, a label or an operation. Built
//! behind the writer by a thread of its own, so that no index in random order is on the writer's path.
//!
//! It tells where to look and never what is there: each record that it names is read from the registry and held against
//! the whole filter, and records that it does not have yet are found by scanning. So an answer is the same with it and
//! without it, and without it only slower.

pub(super) mod builder;
mod facet;
mod file;
pub(super) mod find;
mod places;
mod run;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tracing::warn;

use self::file::Inode;
use crate::registry::{Error, StoreError, beside};
use crate::session::InstanceId;
use crate::telemetry::Metrics;

/// What the thread that builds, the readers and the writer share.
pub(super) struct Search {
    path: PathBuf,
    instance: InstanceId,
    /// The file that may be asked.
    current: Mutex<Option<Inode>>,
    idle: Mutex<Vec<(Inode, Connection)>>,
    /// A question found the file damaged.
    doubted: AtomicBool,
    /// Records up to this number are in runs, or are being read for one.
    sealed: AtomicI64,
    /// Odd while the writer has a group under way.
    groups: AtomicU64,
    metrics: Arc<Metrics>,
}

/// A connection with one view of the search file, for one question.
pub(super) struct View<'s> {
    search: &'s Search,
    inode: Inode,
    connection: Option<Connection>,
    /// Every record up to this number is in it.
    pub(super) last: i64,
}

impl Search {
    pub(super) fn new(registry: &Path, instance: InstanceId, metrics: Arc<Metrics>) -> Self {
        Self {
            path: beside(registry, "-search"),
            instance,
            current: Mutex::default(),
            idle: Mutex::default(),
            doubted: AtomicBool::new(false),
            sealed: AtomicI64::new(0),
            groups: AtomicU64::new(0),
            metrics,
        }
    }

    /// The file, where there is one that can be believed. The caller's view of the registry has begun before this is
    /// asked: a record that came too late for its run takes the file away before it can be seen.
    pub(super) fn view(&self) -> Option<View<'_>> {
        let inode = self.current().filter(|inode| file::inode(&self.path) == Some(*inode))?;
        match self.look(inode) {
            Ok(view) => Some(view),
            Err(error) => {
                self.doubt(&error);
                None
            }
        }
    }

    fn look(&self, inode: Inode) -> Result<View<'_>, Error> {
        let rested = {
            let mut idle = lock(&self.idle);
            idle.retain(|(of, _)| *of == inode);
            idle.pop()
        };
        let connection = match rested {
            Some((_, connection)) => connection,
            None => file::to_read(&self.path)?,
        };
        connection.execute_batch("BEGIN")?;
        let foreign = || Error::Store(StoreError::damage("it is of another registry"));
        let last = file::last(&connection, self.instance)?.ok_or_else(foreign)?;
        Ok(View { search: self, inode, connection: Some(connection), last })
    }

    /// Notes what a question met; it is answered without the file.
    pub(super) fn doubt(&self, error: &Error) {
        self.metrics.registry_errors.with_label_values(&["search"]).inc();
        if is_damage(error) && lock(&self.current).take().is_some() {
            self.doubted.store(true, Ordering::SeqCst);
            warn!(error = error as &dyn std::error::Error, "the registry's search file is damaged and is made anew");
        }
    }

    /// The writer begins a group,
    pub(super) fn group_begins(&self) {
        self.groups.fetch_add(1, Ordering::SeqCst);
    }

    /// and has ended it.
    pub(super) fn group_ends(&self) {
        self.groups.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a record of that number comes too late to be found by the search file.
    pub(super) fn is_sealed(&self, number: i64) -> bool {
        number <= self.sealed.load(Ordering::SeqCst)
    }

    /// Takes the file away, to be built again: a record is about to be written that it will never have. Such a record
    /// was numbered half a minute and thousands of records ago.
    pub(super) fn discard(&self) -> Result<(), Error> {
        if lock(&self.current).take().is_none() && file::inode(&self.path).is_none() {
            return Ok(());
        }
        warn!("a record came so late that the registry's search file is made anew");
        file::remove(&self.path).and_then(|()| file::sync_directory(&self.path)).map_err(file::failed)
    }

    /// Notes that a question was answered with its help.
    pub(super) fn answered(&self) {
        self.metrics.registry_searched.inc();
    }

    /// Lets go of what no question uses.
    pub(super) fn close(&self) {
        lock(&self.idle).clear();
    }

    fn current(&self) -> Option<Inode> {
        *lock(&self.current)
    }
}

impl View<'_> {
    /// To be asked.
    pub(super) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("taken only when it is dropped")
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if connection.execute_batch("ROLLBACK").is_ok() {
            lock(&self.search.idle).push((self.inode, connection));
        }
    }
}

/// Whether what lies there is not what was written.
fn is_damage(error: &Error) -> bool {
    let Error::Store(store) = error else { return false };
    matches!(store.code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the search file is built. Only tests ask for another pace.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Records in a run.
    pub run: usize,
    /// Between two looks at what is new.
    pub look_every: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { run: 32_768, look_every: Duration::from_secs(5) }
    }
}
