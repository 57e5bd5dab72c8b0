//! The registry in one SQLite file: a thread that writes, a few connections that read, one fsync for each group.
//!
//! Told the time by the handle above; never asks for it.

mod ahead;
mod append;
mod ask;
mod backup;
mod candidates;
mod change;
mod checkpoint;
mod columns;
mod disk;
mod enrol;
mod events;
mod export;
mod file;
mod filter;
mod forget;
mod generations;
mod hosts;
mod inode;
mod read;
mod readers;
mod rescue;
mod rows;
mod scan;
mod search;
mod state;
mod sums;
mod tallies;
mod tally_rows;
mod turns;
mod verify;
mod writer;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use self::readers::Readers;
use self::search::Search;
use self::search::builder::Builder;
use self::turns::{Bounds, Turns};
use self::writer::{Answer, Call, Setup};
use self::writing::Writing;
use super::event::{Change, EventRow, NewEvent};
use super::{Append, Appended, DAEMON, Error, Forgotten, OpenError, Options, Remembered, Stands};
use crate::clock::Clock;
use crate::issued::{Filter, Fingerprint, Record};
use crate::session::{Facts, IdentityName, InstanceId, Session};
use crate::telemetry::Metrics;
use crate::time::Timestamp;

pub use backup::backup;
pub use export::export;
pub use rescue::rescued;
pub use search::Pace;
pub use verify::{Glance, Looked, MAX_PROBLEMS, Report, glance, verify};

/// The store's side of the handle.
pub(super) struct Sqlite {
    instance: InstanceId,
    queue: mpsc::Sender<Call>,
    appending: Turns,
    questions: Readers,
    look_ups: Readers,
    writable: Arc<AtomicBool>,
    writing: Arc<Writing>,
    inodes: Arc<inode::Inodes>,
    search: Arc<Search>,
    builder: Arc<Builder>,
    /// The number of the last event on disk.
    pub(super) events: Arc<watch::Sender<u64>>,
    /// What stands by what is on disk.
    pub(super) stands: Arc<watch::Sender<Arc<[Stands]>>>,
    metrics: Arc<Metrics>,
}

/// What the handle must know of a registry that was just opened.
pub(super) struct Start {
    pub(super) instance: InstanceId,
    pub(super) created_at: Timestamp,
    /// The last step of retention.
    pub(super) kept_at: Timestamp,
    /// The last URL number ever given to a record.
    pub(super) last_url: u64,
    /// Identities that must not sign, and since when.
    pub(super) paused: Vec<(IdentityName, Timestamp)>,
}

impl Sqlite {
    pub(super) async fn open(
        options: Options,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Start), OpenError> {
        let path = options.path.clone();
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let mut opening = tokio::task::spawn_blocking(move || open(options, &clock, metrics, &told));
        let opened = match tokio::time::timeout(LOOK_OVER, &mut opening).await {
            Ok(opened) => opened,
            Err(_) => {
                enough.store(true, Ordering::Relaxed);
                opening.await
            }
        };
        opened.unwrap_or_else(|died| Err(file::io("open", &path)(std::io::Error::other(died))))
    }

    pub(super) async fn append(&self, records: Vec<Append>, now: Timestamp) -> Result<Vec<Appended>, Error> {
        let uid = records.first().map_or(DAEMON, |record| record.url.caller.uid);
        let turn = self.appending.take(uid).await.map_err(|error| match error {
            Error::TooManyQuestions => Error::Full,
            error => error,
        })?;
        let items = records.into_iter().map(Into::into).collect();
        self.call(|answer| Call::Append { items, now, answer, turn }).await
    }

    pub(super) async fn enrol(
        &self,
        identity: IdentityName,
        facts: Facts,
        now: Timestamp,
    ) -> Result<Arc<Session>, Error> {
        self.call(|answer| Call::Enrol { identity, facts: Box::new(facts), now, answer }).await
    }

    pub(super) async fn forget(&self, before: Timestamp, now: Timestamp) -> Result<Forgotten, Error> {
        self.call(|answer| Call::Forget { before, now, answer }).await
    }

    pub(super) async fn change(
        &self,
        change: Change,
        event: Option<NewEvent>,
        now: Timestamp,
    ) -> Result<Option<EventRow>, Error> {
        self.call(|answer| Call::Change { change, event, now, answer }).await
    }

    pub(super) async fn remembered(
        &self,
        uid: u32,
        request_id: String,
        now: Timestamp,
    ) -> Result<Option<Remembered>, Error> {
        let instance = self.instance;
        self.look_ups.read(uid, move |connection| read::remembered(connection, instance, uid, &request_id, now)).await
    }

    pub(super) async fn url(&self, uid: u32, number: u64) -> Result<Option<Record>, Error> {
        let instance = self.instance;
        let read = move |connection: &Connection| {
            let view = connection.unchecked_transaction()?;
            rows::Reader::new(&view, instance).one(number.cast_signed())
        };
        self.questions.read(uid, read).await
    }

    pub(super) async fn list(
        &self,
        uid: u32,
        filter: Filter,
        page_size: usize,
        before: Option<u64>,
    ) -> Result<Vec<Record>, Error> {
        let (instance, search) = (self.instance, self.search.clone());
        self.questions
            .read(uid, move |connection| read::list(connection, &search, instance, &filter, page_size, before))
            .await
    }

    pub(super) async fn find(
        &self,
        uid: u32,
        access_key_id: String,
        signed_at: Timestamp,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Vec<Record>, Error> {
        let instance = self.instance;
        let read = move |connection: &Connection| {
            let view = connection.unchecked_transaction()?;
            read::find(&view, instance, &access_key_id, signed_at, fingerprint)
        };
        self.questions.read(uid, read).await
    }

    /// Waits for a place in the queue, however many wait before it.
    pub(super) async fn ping(&self) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Call::Ping { answer }).await.map_err(|_| Error::Closed)?;
        answered.await.unwrap_or(Err(Error::Closed))
    }

    pub(super) async fn close(&self) {
        tokio::join!(self.questions.close(), self.look_ups.close());
        self.search.close();
        let builder = self.builder.clone();
        let _ = tokio::task::spawn_blocking(move || builder.close()).await;
        let (answer, closed) = oneshot::channel();
        // Waits for a place; an error says that the thread has ended already.
        if self.queue.send(Call::Close { answer }).await.is_ok() {
            let _ = closed.await;
        }
    }

    pub(super) fn is_writable(&self, now: Instant) -> bool {
        let hangs = self.writing.hangs(now);
        !hangs && self.writable.load(Ordering::Relaxed) && !self.queue.is_closed() && self.inodes.in_place().is_ok()
    }

    pub(super) fn measure_disk(&self) {
        disk::measure(self.inodes.path(), &self.metrics);
    }

    async fn call<T>(&self, call: impl FnOnce(Answer<T>) -> Call) -> Result<T, Error> {
        let (answer, outcome) = oneshot::channel();
        self.queue.try_send(call(answer)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Error::Full,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        self.metrics.registry_queue_depth.set(depth(&self.queue));
        outcome.await.unwrap_or(Err(Error::Closed))
    }
}

fn depth(queue: &mpsc::Sender<Call>) -> i64 {
    i64::try_from(queue.max_capacity() - queue.capacity()).unwrap_or(i64::MAX)
}

fn open(
    options: Options,
    clock: &Clock,
    metrics: Arc<Metrics>,
    enough: &Arc<AtomicBool>,
) -> Result<(Sqlite, Start), OpenError> {
    let Options { path, queue_calls, durable, search: pace, .. } = options;
    let lock = file::lock(&path)?;
    file::not_lost(&path, &lock)?;
    let connection = file::open_to_write(&path, durable, clock.now(), enough)?;
    let (instance, created_at) = (file::instance(&connection, &path)?, file::created_at(&connection, &path)?);
    let kept_at = file::kept_at(&connection, &path)?;
    file::remember(&lock, instance);
    let inodes = Arc::new(inode::Inodes::of(&path).map_err(file::io("read", &path))?);
    let last_url = "SELECT max(coalesce((SELECT max(number) FROM urls), 0), last_forgotten) FROM registry";
    let last_url =
        connection.query_row(last_url, [], |row| row.get::<_, i64>(0)).map_err(file::damaged(&path))?.cast_unsigned();
    let row = |source| OpenError::Row { path: path.clone(), source };
    let paused = generations::paused(&connection).map_err(row)?;
    let stands = events::stands(&connection, instance).map_err(row)?;
    let stands = Arc::new(watch::Sender::new(stands.into()));
    let (sender, queue) = mpsc::channel(queue_calls.max(1) + OWN_CALLS);
    metrics.registry_queue_limit.set(i64::try_from(sender.max_capacity()).unwrap_or(i64::MAX));
    let appending = Turns::new(appends(queue_calls.max(1)));
    let writable = Arc::new(AtomicBool::new(true));
    let questions = Readers::new(path.clone(), inodes.clone(), readers::QUESTIONS, metrics.clone());
    let look_ups = Readers::new(path.clone(), inodes.clone(), readers::LOOK_UPS, metrics.clone());
    let last_event = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)";
    let last_event = connection.query_row(last_event, [], |row| row.get::<_, i64>(0)).map_err(file::damaged(&path))?;
    let events = Arc::new(watch::Sender::new(last_event.cast_unsigned()));
    let search = Arc::new(Search::new(&path, instance, metrics.clone()));
    let (flag, writing) = (writable.clone(), Arc::<Writing>::default());
    let setup = Setup {
        connection,
        path: path.clone(),
        durable,
        instance,
        queue,
        writable: flag,
        writing: writing.clone(),
        clock: clock.clone(),
        inodes: inodes.clone(),
        events: events.clone(),
        stands: stands.clone(),
        search: search.clone(),
        metrics: metrics.clone(),
        lock,
    };
    let thread = std::thread::Builder::new().name("registry".to_owned()).spawn(move || writer::run(setup));
    thread.map_err(file::io("start a thread for", &path))?;
    let builder = search::builder::Setup {
        registry: path.clone(),
        inodes: inodes.clone(),
        search: search.clone(),
        settled: last_url.cast_signed(),
        durable,
        pace,
    };
    let builder = Arc::new(Builder::start(builder));
    let queue = sender;
    Ok((
        Sqlite {
            instance,
            queue,
            appending,
            questions,
            look_ups,
            writable,
            writing,
            inodes,
            search,
            builder,
            events,
            stands,
            metrics,
        },
        Start { instance, created_at, kept_at, last_url, paused },
    ))
}

/// How many appends there may be. Those of one user that are with the writer at once fill a group while another is being
/// committed, and no more: whoever comes after them waits for these and not for all that the user has in hand.
fn appends(queue_calls: usize) -> Bounds {
    let half = queue_calls.div_ceil(2);
    Bounds { at_once: queue_calls, at_once_of_one: half.min(128), under_way: queue_calls, under_way_of_one: half }
}

/// Calls of the daemon itself that may wait beside those of users: sessions, events, retention.
const OWN_CALLS: usize = 64;
/// How long a registry that is opened may be looked over for damage: half of the second in which it must sign again. The rest of a large one is for `registry verify`.
const LOOK_OVER: Duration = Duration::from_millis(500);
