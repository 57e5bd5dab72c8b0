//! Keeps the write-ahead log short. Most of the copying into the file is done by a thread of its own while the writer
//! goes on; the writer only empties the log when little is left to copy.
//!
//! An emptied log keeps its length and is written over from its beginning: a sync then has no new length to put down, and
//! takes half the time. One that has become very long is cut.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tracing::{error, warn};

use super::file;
use crate::registry::beside;
use crate::telemetry::Metrics;

/// The writer's side.
pub(super) struct Checkpoints {
    log: PathBuf,
    nudge: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Set by the thread when it has copied all it could.
    copied: Arc<AtomicBool>,
    pages: Pages,
    /// The pages in the log at which to act next.
    next: u64,
}

/// How many pages the log held after the last commit. Its length does not tell.
#[derive(Clone)]
pub(super) struct Pages(Arc<AtomicU64>);

impl Pages {
    /// Has the writer's connection count them.
    pub(super) fn of(writer: &mut Connection) -> rusqlite::Result<Self> {
        let pages = Self(Arc::default());
        let counted = pages.clone();
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, held: i32| {
            counted.0.store(held.unsigned_abs().into(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(pages)
    }
}

impl Checkpoints {
    /// Starts the thread. When it cannot run, the writer does all itself, at [`LONGEST`].
    pub(super) fn start(path: &Path, durable: bool, pages: Pages, metrics: Arc<Metrics>) -> Self {
        let copied = Arc::new(AtomicBool::new(false));
        let (nudge, nudges) = sync_channel(1);
        let (path, flag) = (path.to_owned(), copied.clone());
        let log = beside(&path, "-wal");
        let body = move || {
            let connection = match file::open_to_checkpoint(&path, durable) {
                Ok(connection) => connection,
                Err(error) => return error!(error = &error as &dyn std::error::Error, "no checkpoints"),
            };
            for () in nudges {
                if let Err(error) = checkpoint(&connection, "PASSIVE") {
                    metrics.registry_errors.with_label_values(&["checkpoint"]).inc();
                    warn!(error = &error as &dyn std::error::Error, "a checkpoint failed; the log grows");
                }
                flag.store(true, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("registry-log".to_owned()).spawn(body).ok();
        Self { log, nudge: Some(nudge), thread, copied, pages, next: LONG }
    }

    /// Looks after the log between two groups.
    pub(super) fn after_group(&mut self, writer: &Connection) {
        let pages = self.pages.0.load(Ordering::Relaxed);
        if self.copied.swap(false, Ordering::Acquire) {
            // A reader may be in the way; then the log grows by as much again before the next attempt.
            let emptied = self.empty(writer, Duration::ZERO);
            self.next = if emptied { LONG } else { pages + LONG };
        } else if pages >= LONGEST && pages >= self.next {
            let emptied = self.empty(writer, PATIENCE);
            if !emptied {
                warn!(pages, "a long read keeps the registry's write-ahead log from being emptied");
            }
            self.next = if emptied { LONG } else { pages + LONG };
        } else if pages >= self.next
            && let Some(nudge) = &self.nudge
        {
            // Full: a nudge is on its way already.
            let _ = nudge.try_send(());
        }
    }

    /// The last checkpoint, when the registry is closed.
    pub(super) fn finish(&mut self, writer: &Connection) {
        self.nudge = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        empty(writer, PATIENCE, "TRUNCATE");
    }

    /// So that the next group begins the log anew, unless a reader still needs it after `patience`.
    fn empty(&self, writer: &Connection, patience: Duration) -> bool {
        let length = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        let emptied = empty(writer, patience, if length >= KEPT { "TRUNCATE" } else { "RESTART" });
        if emptied {
            self.pages.0.store(0, Ordering::Relaxed);
        }
        emptied
    }
}

/// Copies what is left; tells whether the log is empty.
fn empty(connection: &Connection, patience: Duration, mode: &str) -> bool {
    let attempt = || {
        connection.busy_timeout(patience)?;
        let emptied = checkpoint(connection, mode);
        connection.busy_timeout(file::BUSY)?;
        emptied
    };
    attempt().unwrap_or_else(|error: rusqlite::Error| {
        warn!(error = &error as &dyn std::error::Error, "a checkpoint failed; the log grows");
        false
    })
}

/// Whether nothing was in the way.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(0).map(|busy: i64| busy == 0))
}

/// Pages in the log at which they are copied into the file: 16 MiB.
const LONG: u64 = 4096;
/// Pages in the log at which the writer waits for it to be emptied: 512 MiB.
const LONGEST: u64 = 32 * LONG;
/// Bytes of the log from which on it is cut when it is emptied: 32 MiB.
const KEPT: u64 = 32 << 20;
/// How long it waits for readers then.
const PATIENCE: Duration = Duration::from_secs(1);
