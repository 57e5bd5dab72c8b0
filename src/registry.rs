//! What was issued, durable: sessions, the URLs below them, and the request ids of the last minutes.
//!
//! A record is on disk before [`Registry::append`] answers. Never holds a URL, a signature, a session token or a
//! secret, and never decides: desks do.

mod error;
mod event;
mod generation;
mod sqlite;
mod stands;
mod tally;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock::Clock;
use crate::issued::{Filter, Fingerprint, IssuedUrl, Record};
use crate::session::{Facts, IdentityName, InstanceId, RecordId, Session};
use crate::telemetry::Metrics;
use crate::time::Timestamp;

pub use error::{Error, OpenError, StoreError};
pub use event::{EVENT_LIFE, EventKind, EventRow, MAX_EVENT_BODY, MAX_STANDING, NewEvent, STANDING_LIFE};
pub use generation::{KEY_DEAD, KEY_ITSELF, MAX_SESSIONS, Mark, NOTHING_SEEN, Observed, SessionRow};
pub use sqlite::{Glance, Looked, MAX_PROBLEMS, Pace, Report, backup, export, glance, rescued, verify};
pub use stands::{Stands, event_of};
pub use tally::{Led, Page, SCAN_ROWS, SLOT_SECONDS, ScanPlace, TALLY_PAGE, Tally, TallyFilter, TallyPlace, slot_end};

/// A handle on the registry; cheap to clone. One registry belongs to one daemon at a time.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    instance: InstanceId,
    created_at: Timestamp,
    /// In seconds.
    retention: AtomicU64,
    paused_when_opened: Vec<(IdentityName, Timestamp)>,
    /// The last URL number that was given out. Numbers that never became a record are gaps, and harmless.
    last_url: AtomicU64,
}

/// A closed set: every backend passes the same suite (`tests/registry.rs`).
enum Store {
    Sqlite(sqlite::Sqlite),
}

/// Where the registry is and how it behaves; built by the daemon from the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    /// The SQLite file. Its directory is made when missing; `-wal`, `-shm`, `-search` and `.lock` files stand beside it.
    pub path: PathBuf,
    /// How long a record is kept after its hard end; never less than [`REQUEST_LIFE`].
    pub retention: Duration,
    /// Calls that may wait for the writer, half of them of one user; one more gets [`Error::Full`].
    pub queue_calls: usize,
    /// Whether an answer waits for the disk. Only tests turn it off, to see that they notice.
    pub durable: bool,
    /// How the search file is built.
    pub search: Pace,
}

impl Options {
    /// The defaults, for a file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let (retention, queue_calls) = (DEFAULT_RETENTION, DEFAULT_QUEUE_CALLS);
        Self { path: path.into(), retention, queue_calls, durable: true, search: Pace::default() }
    }
}

impl From<&crate::config::Registry> for Options {
    fn from(config: &crate::config::Registry) -> Self {
        let crate::config::Registry { path, retention, queue_calls } = config.clone();
        Self { path, retention, queue_calls, durable: true, search: Pace::default() }
    }
}

/// One record to be written.
#[derive(Debug, Clone)]
pub struct Append {
    /// The record; its id comes from [`Registry::next_url_id`].
    pub url: IssuedUrl,
    /// The caller's request id, if it gave one.
    pub request: Option<RequestId>,
}

/// A request id as its caller gave it; the uid is that of the record's caller.
#[derive(Debug, Clone)]
pub struct RequestId {
    /// The caller's text.
    pub id: String,
    /// Of all that was asked: tells a repeated call from another call under the same id.
    pub asked_sha256: [u8; 32],
    /// The record that now holds the id and gives it up to this one, because its URL cannot be signed again.
    pub supersedes: Option<RecordId>,
}

/// What became of one [`Append`].
#[derive(Debug, Clone)]
pub enum Appended {
    /// It is on disk.
    Recorded,
    /// Another record holds the request id: nothing was written for this item.
    Already(Box<Remembered>),
}

/// What a step of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// Records.
    pub urls: u64,
    /// Whether there is more to forget.
    pub is_behind: bool,
}

/// The record behind a request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// What was issued.
    pub record: Record,
    /// What was asked.
    pub asked_sha256: [u8; 32],
}

impl Registry {
    /// Opens the registry, and creates it where there is none.
    ///
    /// # Errors
    /// Names the path and what is wrong with it; a file that is not a registry, is damaged, or comes from a newer
    /// version is never touched.
    pub async fn open(options: impl Into<Options>, clock: Clock, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let options = options.into();
        let retention = AtomicU64::new(retained(options.retention));
        let (store, start) = sqlite::Sqlite::open(options, clock.clone(), metrics).await?;
        let sqlite::Start { instance, created_at, kept_at, last_url, paused: paused_when_opened } = start;
        clock.was(kept_at);
        let (store, last_url) = (Store::Sqlite(store), AtomicU64::new(last_url));
        Ok(Self(Arc::new(Inner { store, clock, instance, created_at, retention, paused_when_opened, last_url })))
    }

    /// Names this registry.
    pub fn instance(&self) -> InstanceId {
        self.0.instance
    }

    /// Identities that must not sign, and since when, as it was when the registry was opened: what a daemon begins with.
    pub fn paused_when_opened(&self) -> &[(IdentityName, Timestamp)] {
        &self.0.paused_when_opened
    }

    /// When it was made: it holds nothing that was signed before.
    pub fn created_at(&self) -> Timestamp {
        self.0.created_at
    }

    /// A number for a URL that is about to be signed; from memory, never given twice.
    pub fn next_url_id(&self) -> RecordId {
        let number = self.0.last_url.fetch_add(1, Ordering::Relaxed) + 1;
        RecordId { instance: self.0.instance, number }
    }

    /// Writes a session down, durably. The same access key of the same identity again is the same session; facts that
    /// were unknown are filled in.
    ///
    /// # Errors
    /// When the registry cannot take it: the session must not sign then.
    pub async fn enrol(&self, identity: &IdentityName, facts: Facts) -> Result<Arc<Session>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.enrol(identity.clone(), facts, self.0.clock.now()).await
    }

    /// Writes records, all or none, and answers when they are on disk; one outcome for each, in order.
    ///
    /// # Errors
    /// Nothing was written. At most [`MAX_ROWS`] records come in one call.
    pub async fn append(&self, records: Vec<Append>) -> Result<Vec<Appended>, Error> {
        for record in &records {
            self.ours(record.url.id)?;
            self.ours(record.url.session)?;
        }
        if records.is_empty() {
            return Ok(Vec::new());
        }
        if records.len() > MAX_ROWS {
            return Err(Error::TooLarge);
        }
        let Store::Sqlite(store) = &self.0.store;
        store.append(records, self.0.clock.now()).await
    }

    /// The record that a request id of the last [`REQUEST_LIFE`] led to. Waits for no question.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn remembered(&self, uid: u32, request_id: &str) -> Result<Option<Remembered>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.remembered(uid, request_id.to_owned(), self.0.clock.now()).await
    }

    /// One record; `None` when there is none, or no longer, or when the id is another registry's.
    ///
    /// This and the following are questions of a user. A question that is dropped ends; one that takes longer than
    /// [`READ_TIME`] is given up; a user has at most [`MAX_QUESTIONS`] under way.
    ///
    /// # Errors
    /// When the registry cannot be read, or a bound is met.
    pub async fn url(&self, uid: u32, id: RecordId) -> Result<Option<Record>, Error> {
        if id.instance != self.0.instance {
            return Ok(None);
        }
        let Store::Sqlite(store) = &self.0.store;
        store.url(uid, id.number).await
    }

    /// Of these records those that were signed again: the newest successor of each, if any is outstanding;
    /// its `replaces` tells whose it is.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn successors(&self, uid: u32, formers: &[RecordId]) -> Result<Vec<Record>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.successors(uid, formers.iter().map(RecordId::to_string).collect(), self.0.clock.now()).await
    }

    /// Records that match, newest first: at most `page_size` (held to 1 to [`MAX_PAGE`]) of those before `after`, the
    /// last id of the page before. Fewer than asked means that there are no more.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn list(
        &self,
        uid: u32,
        filter: Filter,
        page_size: usize,
        after: Option<RecordId>,
    ) -> Result<Vec<Record>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.list(uid, filter, page_size.clamp(1, MAX_PAGE), after.map(|id| id.number)).await
    }

    /// Records signed with that access key in that second, newest first; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn find(&self, uid: u32, access_key_id: &str, signed_at: Timestamp) -> Result<Vec<Record>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.find(uid, access_key_id.to_owned(), signed_at, None).await
    }

    /// The record of one signature, however many were made in that second.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn find_signature(
        &self,
        uid: u32,
        access_key_id: &str,
        signed_at: Timestamp,
        fingerprint: Fingerprint,
    ) -> Result<Vec<Record>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.find(uid, access_key_id.to_owned(), signed_at, Some(fingerprint)).await
    }

    /// Changes how long a record is kept after its hard end, from the next step of retention on.
    pub fn keep_for(&self, retention: Duration) {
        self.0.retention.store(retained(retention), Ordering::Relaxed);
    }

    /// One small step of retention: forgets records that ended longer ago than the retention, at most
    /// [`FORGET_ROWS`], tallies of slots that have passed, old events, and what has become useless with them.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub async fn forget_ended(&self) -> Result<Forgotten, Error> {
        // A clock that is wrong for a minute must not cost what is kept for a month.
        let now = self.0.clock.surely_now();
        let Store::Sqlite(store) = &self.0.store;
        let retention = Duration::from_secs(self.0.retention.load(Ordering::Relaxed));
        store.forget(now - retention, now).await
    }

    /// Retention, until told to stop; also tries a write now and then while the last one failed, so that readiness
    /// comes back by itself.
    pub async fn keep(self, stop: CancellationToken) {
        loop {
            let pause = match self.forget_ended().await {
                Ok(Forgotten { is_behind: true, .. }) => PAUSE_BETWEEN_STEPS,
                Ok(_) => PAUSE_BETWEEN_ROUNDS,
                Err(Error::Closed) => return stop.cancelled().await,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "could not forget what has ended");
                    PAUSE_AFTER_FAILURE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.until_needed(pause) => {}
            }
        }
    }

    /// As long as that, but no longer than it takes to see that a write of somebody else has failed.
    async fn until_needed(&self, pause: Duration) {
        let pause = tokio::time::sleep(pause);
        tokio::pin!(pause);
        let Store::Sqlite(store) = &self.0.store;
        loop {
            store.measure_disk();
            tokio::select! {
                () = &mut pause => return,
                () = tokio::time::sleep(PAUSE_AFTER_FAILURE) => {}
            }
            if !self.is_writable() {
                return;
            }
        }
    }

    /// Writes what is queued, empties the write-ahead log, and lets go of the file. Later calls get [`Error::Closed`].
    pub async fn close(&self) {
        let Store::Sqlite(store) = &self.0.store;
        store.close().await;
    }

    /// Answers when the writer has come to it, behind all that waits; writes nothing, so a full disk does not matter.
    ///
    /// # Errors
    /// [`Error::Closed`] when there is no writer any more.
    pub async fn ping(&self) -> Result<(), Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.ping().await
    }

    /// Whether the last write worked, and none hangs; part of readiness.
    pub fn is_writable(&self) -> bool {
        let Store::Sqlite(store) = &self.0.store;
        store.is_writable(self.0.clock.monotonic())
    }

    fn ours(&self, id: RecordId) -> Result<(), Error> {
        if id.instance == self.0.instance { Ok(()) } else { Err(Error::Unknown(id)) }
    }
}

/// Never shorter than request ids are remembered: they lead to records.
fn retained(retention: Duration) -> u64 {
    retention.max(REQUEST_LIFE).as_secs()
}

/// The path with `suffix` after its file name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Who asks when the daemon itself does: no user has this number, so its questions wait for nobody's.
pub const DAEMON: u32 = u32::MAX;
/// How long a request id is remembered.
pub const REQUEST_LIFE: Duration = Duration::from_secs(600);
/// Request ids remembered for one uid.
pub const MAX_REQUEST_IDS: u64 = 100_000;
/// How long a question or a look-up may take; what would take longer is to be narrowed.
pub const READ_TIME: Duration = Duration::from_secs(10);
/// Questions of one user that are answered or wait.
pub const MAX_QUESTIONS: usize = 32;
/// Records in one call, and rows in one group of calls.
pub const MAX_ROWS: usize = 1024;
/// Records or sessions in one answer.
pub const MAX_PAGE: usize = 1000;
/// Records that one step of retention forgets.
pub const FORGET_ROWS: usize = 50;
/// How long an ended record is kept, unless the configuration says otherwise: 30 days.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 86_400);
/// Calls that may wait for the writer, unless the configuration says otherwise.
pub const DEFAULT_QUEUE_CALLS: usize = 1024;

const PAUSE_BETWEEN_STEPS: Duration = Duration::from_millis(5);
const PAUSE_BETWEEN_ROUNDS: Duration = Duration::from_secs(60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
