//! What happened, in rows: written once, read by watchers in order, lifted when it is undone, withdrawn when it never happened.
//!
//! Says nothing of URLs: what an event does to them is computed when somebody asks.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use super::generation::Mark;
use super::{Error, MAX_PAGE, Registry, Store};
use crate::session::{IdentityName, RecordId};
use crate::time::{Timestamp, Ttl};

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// Kinds of rows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind { $($(#[$doc])* $name,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it is written in the registry.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The reverse of [`Self::as_str`].
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
            }
        }
    };
}

event_kinds! {
    /// A new session signs.
    SessionRenewed "session-renewed";
    /// A session could not be had.
    RenewalFailed "renewal-failed";
    /// A session ends soon, with URLs outstanding.
    SessionEnding "session-ending";
    /// A generation signs no more.
    GenerationDraining "generation-draining";
    /// It may sign again.
    DrainCancelled "drain-cancelled";
    /// Its last URL has ended.
    GenerationDrained "generation-drained";
    /// It is done, for good.
    GenerationRetired "generation-retired";
    /// An identity was stopped from signing.
    IdentityPaused "identity-paused";
    /// It may sign again.
    IdentityResumed "identity-resumed";
    /// Something of AWS's was reported or seen that may end URLs. It stands until it is lifted.
    EventHappened "event-happened";
    /// It was undone, or never happened.
    EventLifted "event-lifted";
}

/// A row to be written; it is dated when it is.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What sort of thing.
    pub kind: EventKind,
    /// The identity that it concerns.
    pub identity: Option<IdentityName>,
    /// The session that it concerns.
    pub session: Option<RecordId>,
    /// The user that it concerns.
    pub uid: Option<u32>,
    /// All of it, in the words of the desk that writes it; at most [`MAX_EVENT_BODY`] bytes. Holds no URL, signature,
    /// token or secret.
    pub body: serde_json::Value,
    /// For [`EventKind::EventHappened`]: from when on nothing that it concerns can be outstanding. `None`:
    /// [`STANDING_LIFE`] from now.
    pub stands_until: Option<Timestamp>,
}

impl NewEvent {
    /// Of that kind, concerning nobody yet.
    pub fn new(kind: EventKind, body: serde_json::Value) -> Self {
        Self { kind, identity: None, session: None, uid: None, body, stands_until: None }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Counts from 1; later rows have higher numbers.
    pub number: u64,
    /// When it was written down.
    pub at: Timestamp,
    /// What sort of thing.
    pub kind: EventKind,
    /// The identity that it concerns.
    pub identity: Option<IdentityName>,
    /// The session that it concerns; it may be forgotten by now.
    pub session: Option<RecordId>,
    /// The user that it concerns.
    pub uid: Option<u32>,
    /// All of it.
    pub body: serde_json::Value,
    /// Since when it stands no more: it was undone, or withdrawn.
    pub lifted_at: Option<Timestamp>,
}

impl EventRow {
    /// What presignd itself saw dead, in the words of whoever looked; `None` for what was reported by others.
    pub fn seen_dead(&self) -> Option<&str> {
        let is_observed = self.body.get("observed") == Some(&serde_json::Value::Bool(true));
        if self.kind == EventKind::EventHappened && is_observed { self.body.get("about")?.as_str() } else { None }
    }
}

impl Registry {
    /// Writes a row, durably.
    ///
    /// # Errors
    /// When the registry cannot take it, its body is too long, or [`MAX_STANDING`] events stand already.
    pub async fn note(&self, event: NewEvent) -> Result<EventRow, Error> {
        self.change(Change::Note, Some(event)).await.map(written)
    }

    /// Takes back an event that happened: `event` is the row that says so. Answers the row that was lifted; one that
    /// was lifted before stays as it is, and nothing is written.
    ///
    /// # Errors
    /// As [`note`](Self::note), or when there is no such event.
    pub async fn lift(&self, number: u64, at: Timestamp, event: NewEvent) -> Result<EventRow, Error> {
        self.change(Change::Lift { number, at }, Some(event)).await.map(written)
    }

    /// Writes down that an event never happened: its row says so from now on with `body`, and stands no more. `event` is the
    /// row that says when it was said. Answers the row as it is then; what was lifted may be withdrawn, too.
    ///
    /// # Errors
    /// As [`note`](Self::note), or when there is no such event.
    pub async fn withdraw(
        &self,
        number: u64,
        at: Timestamp,
        body: serde_json::Value,
        event: NewEvent,
    ) -> Result<EventRow, Error> {
        self.change(Change::Withdraw { number, at, body }, Some(event)).await.map(written)
    }

    /// Rows after that number, in order; at most `limit`, held to 1 to [`MAX_PAGE`].
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn events(&self, uid: u32, after: u64, limit: usize) -> Result<Vec<EventRow>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.events(uid, after, limit.clamp(1, MAX_PAGE)).await
    }

    /// Events that happened and still stand, newest first; all of them.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn standing(&self, uid: u32) -> Result<Vec<EventRow>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.standing(uid, self.0.clock.now()).await
    }

    /// Events that happened, whether lifted or not, newest first; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn happened(&self, uid: u32) -> Result<Vec<EventRow>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.happened(uid).await
    }

    /// The number of the last row ever written; 0 before the first.
    pub fn last_event(&self) -> u64 {
        let Store::Sqlite(store) = &self.0.store;
        *store.events.borrow()
    }

    /// The first number from which on no row has been forgotten. Who has seen all before it has missed nothing.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn oldest_event(&self, uid: u32) -> Result<u64, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.oldest_event(uid).await
    }

    /// Tells the number of the last row, when it is on disk. Subscribe first, then read: so none is missed.
    pub fn subscribe_events(&self) -> watch::Receiver<u64> {
        let Store::Sqlite(store) = &self.0.store;
        store.events.subscribe()
    }

    /// Carries out one of the rare writes, with the row that says so.
    pub(super) async fn change(&self, change: Change, event: Option<NewEvent>) -> Result<Option<EventRow>, Error> {
        if let Some(event) = &event {
            let bytes = event.body.to_string().len();
            // What takes another back holds all of it.
            if bytes > MAX_EVENT_BODY && event.kind != EventKind::EventLifted {
                return Err(Error::EventTooLarge { bytes });
            }
            event.session.map_or(Ok(()), |session| self.ours(session))?;
        }
        let Store::Sqlite(store) = &self.0.store;
        store.change(change, event, self.0.clock.now()).await
    }
}

/// What is written beside a row.
#[derive(Debug)]
pub(super) enum Change {
    Note,
    Lift {
        number: u64,
        at: Timestamp,
    },
    Withdraw {
        number: u64,
        at: Timestamp,
        body: serde_json::Value,
    },
    Mark {
        session: RecordId,
        mark: Mark,
    },
    Pause(IdentityName),
    Resume(IdentityName),
    Observe {
        session: RecordId,
        state: String,
        cause: String,
    },
    Looked {
        session: RecordId,
        seen: Option<(String, String)>,
        alive_at: BTreeMap<String, Timestamp>,
        signs_again: bool,
    },
    SignsFromNow(RecordId),
}

/// The row of a change that always has one.
pub(super) fn written(row: Option<EventRow>) -> EventRow {
    row.expect("a change that comes with a row answers one")
}

/// How long a row is kept.
pub const EVENT_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// How long an event that happened stands when nobody lifts it and it says nothing else: by then the last URL that
/// it concerns has ended, and watchers have heard of it.
pub const STANDING_LIFE: Duration = Duration::from_secs(EVENT_LIFE.as_secs() + Ttl::MAX.seconds() as u64);
/// Events that stand at one time.
pub const MAX_STANDING: usize = MAX_PAGE;
/// Bytes of one row's body.
pub const MAX_EVENT_BODY: usize = 16 << 10;
