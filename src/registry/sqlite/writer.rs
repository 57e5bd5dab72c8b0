//! The one thread that writes: takes whole calls from a bounded queue, as many as wait, commits them together, and
//! answers when the commit is on disk. Sets no timer: a call that comes alone does not wait for company.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info};

use super::append::{self, Item};
use super::checkpoint::{Checkpoints, Pages};
use super::inode::Inodes;
use super::search::Search;
use super::state::{State, Statements};
use super::turns::Turn;
use super::writing::Writing;
use super::{change, enrol, events, forget, rescue};
use crate::clock::Clock;
use crate::registry::event::{Change, EventRow, NewEvent};
use crate::registry::{Appended, Error, FORGET_ROWS, Forgotten, MAX_ROWS, Stands};
use crate::session::{Facts, IdentityName, InstanceId, Session};
use crate::telemetry::Metrics;
use crate::time::Timestamp;

/// What the thread is asked to do, and where the answer goes.
pub(super) enum Call {
    Append { items: Vec<Item>, now: Timestamp, answer: Answer<Vec<Appended>>, turn: Turn },
    Enrol { identity: IdentityName, facts: Box<Facts>, now: Timestamp, answer: Answer<Arc<Session>> },
    Forget { before: Timestamp, now: Timestamp, answer: Answer<Forgotten> },
    Change { change: Change, event: Option<NewEvent>, now: Timestamp, answer: Answer<Option<EventRow>> },
    Ping { answer: Answer<()> },
    Close { answer: Answer<()> },
}

pub(super) type Answer<T> = oneshot::Sender<Result<T, Error>>;

impl Call {
    fn rows(&self) -> usize {
        match self {
            Self::Append { items, .. } => items.len(),
            Self::Enrol { .. } | Self::Change { .. } => 1,
            Self::Forget { .. } => FORGET_ROWS,
            Self::Ping { .. } | Self::Close { .. } => 0,
        }
    }
}

/// A call that was carried out, but is not yet on disk.
enum Done {
    Append(Answer<Vec<Appended>>, Result<Vec<Appended>, Error>, Turn),
    Enrol(Answer<Arc<Session>>, Result<Arc<Session>, Error>),
    Forget(Answer<Forgotten>, Result<Forgotten, Error>),
    Change(Answer<Option<EventRow>>, Result<Option<EventRow>, Error>),
}

impl Done {
    /// Whether a record could not be written because of what is on the disk; `None` where there was none to write.
    fn meets_damage(&self) -> Option<bool> {
        match self {
            Self::Append(_, outcome, _) => Some(outcome.as_ref().is_err_and(Error::is_damage)),
            _ => None,
        }
    }

    /// Answers; with `lost`, the commit's failure, whatever the outcome was. Nobody may listen any more: then the
    /// record stays, and no URL has left the house.
    fn answer(self, lost: Option<&Error>, metrics: &Metrics) {
        let send = Send { lost, metrics };
        match self {
            Self::Append(answer, outcome, turn) => {
                drop(turn);
                send.to(answer, outcome, "append");
            }
            Self::Enrol(answer, outcome) => send.to(answer, outcome, "enrol"),
            Self::Forget(answer, outcome) => {
                if let (Ok(forgotten), None) = (&outcome, lost) {
                    metrics.registry_forgotten.inc_by(forgotten.urls);
                }
                send.to(answer, outcome, "retention");
            }
            Self::Change(answer, outcome) => send.to(answer, outcome, "event"),
        }
    }
}

struct Send<'a> {
    lost: Option<&'a Error>,
    metrics: &'a Metrics,
}

impl Send<'_> {
    fn to<T>(&self, answer: Answer<T>, outcome: Result<T, Error>, operation: &str) {
        let outcome = self.lost.map_or(outcome, |error| Err(error.clone()));
        if outcome.is_err() {
            self.metrics.registry_errors.with_label_values(&[operation]).inc();
        }
        let _ = answer.send(outcome);
    }
}

/// What the thread is given.
pub(super) struct Setup {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) durable: bool,
    pub(super) instance: InstanceId,
    pub(super) queue: mpsc::Receiver<Call>,
    pub(super) writable: Arc<AtomicBool>,
    pub(super) writing: Arc<Writing>,
    pub(super) clock: Clock,
    pub(super) inodes: Arc<Inodes>,
    /// The number of the last event on disk.
    pub(super) events: Arc<watch::Sender<u64>>,
    /// What stands by what is on disk.
    pub(super) stands: Arc<watch::Sender<Arc<[Stands]>>>,
    pub(super) search: Arc<Search>,
    pub(super) metrics: Arc<Metrics>,
    /// Held until the thread ends.
    pub(super) lock: std::fs::File,
}

/// The thread's body: until `Close`, or until every handle is gone.
pub(super) fn run(setup: Setup) {
    let Setup {
        mut connection,
        path,
        durable,
        instance,
        queue,
        writable,
        writing,
        clock,
        inodes,
        events,
        stands,
        search,
        metrics,
        lock,
    } = setup;
    let pages = Pages::of(&mut connection);
    let closing = match pages.and_then(|pages| Ok((pages, Statements::prepare(&connection)?))) {
        Ok((pages, statements)) => {
            let state = State::new(&connection, instance, statements);
            let checkpoints = Checkpoints::start(&path, durable, pages, metrics.clone());
            let (held, told, damaged, closing) = (None, None, false, Vec::new());
            let at = inodes.clone();
            let closing = Writer {
                state,
                queue,
                checkpoints,
                writable,
                writing,
                clock,
                inodes,
                events,
                stands,
                search,
                metrics,
                held,
                told,
                damaged,
                closing,
            }
            .run();
            if at.in_place().is_err() {
                rescue::rescue(&connection, &path);
            }
            closing
        }
        Err(problem) => {
            error!(error = &problem as &dyn std::error::Error, "the registry's writer could not start");
            Vec::new()
        }
    };
    drop(connection);
    drop(lock);
    for answer in closing {
        let _ = answer.send(Ok(()));
    }
}

struct Writer<'c> {
    state: State<'c>,
    queue: mpsc::Receiver<Call>,
    checkpoints: Checkpoints,
    writable: Arc<AtomicBool>,
    writing: Arc<Writing>,
    clock: Clock,
    inodes: Arc<Inodes>,
    events: Arc<watch::Sender<u64>>,
    stands: Arc<watch::Sender<Arc<[Stands]>>>,
    search: Arc<Search>,
    metrics: Arc<Metrics>,
    /// A call that did not fit into the group before.
    held: Option<Call>,
    /// What the log was last told of a failure that goes on.
    told: Option<String>,
    /// Whether the last record met damage: then others may be written, and still nobody can rely on it.
    damaged: bool,
    closing: Vec<Answer<()>>,
}

impl Writer<'_> {
    fn run(mut self) -> Vec<Answer<()>> {
        while let Some(first) = self.held.take().or_else(|| self.queue.blocking_recv()) {
            let group = self.gather(first);
            if !group.is_empty() {
                self.writing.begins(self.clock.monotonic());
                self.write(group);
            }
            self.checkpoints.after_group(self.state.connection);
            self.writing.ends();
            if !self.closing.is_empty() {
                // Whoever had a place in the queue before this is still served.
                self.queue.close();
            }
        }
        self.state.sum_up_alone();
        self.checkpoints.finish(self.state.connection);
        self.closing
    }

    /// As many calls as wait and fit.
    fn gather(&mut self, first: Call) -> Vec<Call> {
        let mut rows = first.rows();
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(call) = next.take() {
            match call {
                Call::Close { answer } => self.closing.push(answer),
                // Whoever asks sees that this thread lives.
                Call::Ping { answer } => _ = answer.send(Ok(())),
                // Its caller has given up, so no URL of it leaves the house.
                Call::Append { answer, .. } if answer.is_closed() => {}
                call => group.push(call),
            }
            let Ok(call) = self.queue.try_recv() else { break };
            rows += call.rows();
            if rows > MAX_ROWS {
                self.held = Some(call);
            } else {
                next = Some(call);
            }
        }
        group
    }

    /// One transaction, one sync. A call that fails is undone alone.
    fn write(&mut self, group: Vec<Call>) {
        let timer = self.metrics.registry_append_seconds.start_timer();
        let rows: usize = group.iter().filter(|call| !matches!(call, Call::Forget { .. })).map(Call::rows).sum();
        self.search.group_begins();
        let mut lost = self.inodes.in_place().and_then(|()| self.state.begin()).err();
        let together = if lost.is_none() { self.append_together(&group) } else { Ok(None) };
        let together = together.unwrap_or_else(|error| {
            lost = Some(error);
            None
        });
        let mut outcomes = together.into_iter().flatten();
        let done = group.into_iter().map(|call| match (call, outcomes.next()) {
            (Call::Append { answer, turn, .. }, Some(outcome)) => Done::Append(answer, Ok(outcome), turn),
            (call, _) => self.carry_out(call, &mut lost),
        });
        let done: Vec<Done> = done.collect();
        if lost.is_none() {
            // Looked at again: a URL leaves only when its record is where the next start looks for it.
            let commit = self.discard_search().and_then(|()| self.state.end_sums()).and_then(|()| self.state.commit());
            lost = commit.and_then(|()| self.inodes.in_place()).err();
        }
        if lost.is_some() {
            self.state.abandon();
        }
        self.search.group_ends();
        self.tell_failure(lost.as_ref(), done.len());
        self.damaged = done.iter().filter_map(Done::meets_damage).next_back().unwrap_or(self.damaged);
        self.writable.store(lost.is_none() && !self.damaged, Ordering::Relaxed);
        self.tell_what_stands();
        if let Some(last) = self.state.noted.take() {
            self.events.send_replace(last);
        }
        timer.observe_duration();
        self.metrics.registry_rows_per_group.observe(rows as f64);
        self.metrics.registry_queue_depth.set(i64::try_from(self.queue.len()).unwrap_or(i64::MAX));
        for call in done {
            call.answer(lost.as_ref(), &self.metrics);
        }
    }

    /// A group that only appends, without the mark before each call that could undo it alone: that costs as much as several
    /// rows. `None`: there is more in the group, or a call failed; then nothing of it is left, and each is for itself.
    fn append_together(&mut self, group: &[Call]) -> Result<Option<Vec<Vec<Appended>>>, Error> {
        let appends = group.iter().map(|call| match call {
            Call::Append { items, now, .. } => Some((items, *now)),
            _ => None,
        });
        let Some(appends) = appends.collect::<Option<Vec<_>>>() else { return Ok(None) };
        let mut append = |(items, now): (&Vec<Item>, _)| append::append(&mut self.state, items, now);
        match appends.into_iter().map(&mut append).collect() {
            Ok(outcomes) => Ok(Some(outcomes)),
            Err(_) => self.state.begin_again().map(|()| None),
        }
    }

    /// Where a record comes too late for the search file: gone before anybody can look for the record in it.
    fn discard_search(&mut self) -> Result<(), Error> {
        let oldest = self.state.oldest.take();
        if oldest.is_some_and(|oldest| self.search.is_sealed(oldest)) { self.search.discard() } else { Ok(()) }
    }

    /// Once for as long as it is the same: on a disk that is full, a line for each group would take what comes free.
    fn tell_failure(&mut self, lost: Option<&Error>, calls: usize) {
        let now = lost.map(|error| format!("{error:?}"));
        if now == self.told {
            return;
        }
        match lost {
            Some(error) => error!(error = error as &dyn std::error::Error, calls, "the registry could not write"),
            None => info!("the registry writes again"),
        }
        self.told = now;
    }

    /// What cannot be read is tried again after the next group.
    fn tell_what_stands(&mut self) {
        if !self.state.stands_changed {
            return;
        }
        match events::stands(self.state.connection, self.state.instance) {
            Ok(stands) => {
                self.stands.send_replace(stands.into());
                self.state.stands_changed = false;
            }
            Err(problem) => error!(error = &problem as &dyn std::error::Error, "which events stand could not be read"),
        }
    }

    fn carry_out(&mut self, call: Call, lost: &mut Option<Error>) -> Done {
        let state = &mut self.state;
        match call {
            Call::Append { items, now, answer, turn } => {
                Done::Append(answer, alone(state, lost, |state| append::append(state, &items, now)), turn)
            }
            Call::Enrol { identity, facts, now, answer } => {
                Done::Enrol(answer, alone(state, lost, |state| enrol::enrol(state, &identity, *facts, now)))
            }
            Call::Forget { before, now, answer } => {
                // What is forgotten is told by the sums.
                if lost.is_none() {
                    *lost = state.sum_up().err();
                }
                Done::Forget(answer, alone(state, lost, |state| forget::forget(state, before, now)))
            }
            Call::Change { change, event, now, answer } => {
                Done::Change(answer, alone(state, lost, |state| change::change(state, change, event, now)))
            }
            Call::Ping { .. } | Call::Close { .. } => unreachable!("gather keeps these apart"),
        }
    }
}

/// Carries out one call so that its failure leaves no trace in the group; `lost` is set when the failure took the
/// whole transaction along, as a full disk does.
fn alone<T>(
    state: &mut State<'_>,
    lost: &mut Option<Error>,
    call: impl FnOnce(&mut State<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    if let Some(error) = lost {
        return Err(error.clone());
    }
    let outcome = state.mark().and_then(|()| call(state)).and_then(|value| state.unmark().map(|()| value));
    if let Err(error) = &outcome
        && let Err(worse) = state.undo()
    {
        *lost = Some(if state.connection.is_autocommit() { error.clone() } else { worse });
    }
    outcome
}
