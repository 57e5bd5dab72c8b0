//! Keeps the write-ahead log short. Most of the copying into the file is done by a thread of its own while the writer
//! goes on; the writer only empties the log when little is left to copy.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// The length of the log at which to act next.
    next: u64,
}

impl Checkpoints {
    /// Starts the thread. When it cannot run, the writer does all itself, at [`LONGEST`].
    pub(super) fn start(path: &Path, durable: bool, metrics: Arc<Metrics>) -> Self {
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
        Self { log, nudge: Some(nudge), thread, copied, next: LONG }
    }

    /// Looks after the log between two groups.
    pub(super) fn after_group(&mut self, writer: &Connection) {
        let length = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        if self.copied.swap(false, Ordering::Acquire) {
            // A reader may be in the way; then the log grows by as much again before the next attempt.
            let emptied = empty(writer, Duration::ZERO);
            self.next = if emptied { LONG } else { length + LONG };
        } else if length >= LONGEST && length >= self.next {
            let emptied = empty(writer, PATIENCE);
            if !emptied {
                warn!(bytes = length, "a long read keeps the registry's write-ahead log from being emptied");
            }
            self.next = if emptied { LONG } else { length + LONG };
        } else if length >= self.next
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
        empty(writer, PATIENCE);
    }
}

/// Copies what is left and cuts the log to nothing, unless a reader still needs it after `patience`.
fn empty(connection: &Connection, patience: Duration) -> bool {
    let attempt = || {
        connection.busy_timeout(patience)?;
        let emptied = checkpoint(connection, "TRUNCATE");
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

/// Bytes of the log at which it is copied into the file: 16 MiB.
const LONG: u64 = 16 << 20;
/// Bytes of the log at which the writer waits for it to be emptied: 512 MiB.
const LONGEST: u64 = 512 << 20;
/// How long it waits for readers then.
const PATIENCE: Duration = Duration::from_secs(1);
