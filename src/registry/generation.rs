//! Sessions as operators see them: with what hangs below them, what was decided of them, and what was last seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{Change, EventRow, NewEvent, written};
use super::{Error, MAX_PAGE, Registry, Store};
use crate::session::{IdentityName, RecordId, Session};
use crate::time::Timestamp;

/// A session with what hangs below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub session: Arc<Session>,
    /// When it was written down.
    pub enrolled_at: Timestamp,
    /// URLs whose hard end lies ahead.
    pub outstanding: u64,
    /// The last hard end of any URL it signed; `None` when it signed none.
    pub last_url_ends_at: Option<Timestamp>,
    /// Since when it has been kept from signing.
    pub drained_since: Option<Timestamp>,
    /// Whether that is because its source gave another key. It signs again when its source gives it again.
    pub replaced: bool,
    /// When an operator declared it done.
    pub retired_at: Option<Timestamp>,
    /// Whether that was forced, with URLs outstanding.
    pub retired_by_force: bool,
    /// When it came to sign, or to wait for that, after it had not; `None`: when it was written down.
    pub signs_since: Option<Timestamp>,
    /// What was last seen of it; `None` when nobody has looked.
    pub observed: Option<Observed>,
}

impl SessionRow {
    /// As the registry will have it once that is written down.
    pub fn be_marked(&mut self, mark: Mark, now: Timestamp) {
        match mark {
            Mark::Drain { replaced } => {
                self.replaced = replaced && (self.drained_since.is_none() || self.replaced);
                self.drained_since = self.drained_since.or(Some(now));
            }
            Mark::CancelDrain => (self.drained_since, self.replaced, self.signs_since) = (None, false, Some(now)),
            Mark::Retire { forced } => {
                self.retired_by_force = if self.retired_at.is_none() { forced } else { self.retired_by_force };
                self.retired_at = self.retired_at.or(Some(now));
            }
        }
    }
}

/// What is decided of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It signs no more. Drained before, it keeps its date; what an operator decides outlasts what the source does.
    Drain {
        /// Because its source gave another key, rather than by an operator's decision.
        replaced: bool,
    },
    /// It may sign again.
    CancelDrain,
    /// It is done, for good. Retired before, it keeps its date.
    Retire {
        /// Although URLs are outstanding.
        forced: bool,
    },
}

/// What was seen of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// In a word of whoever looked.
    pub state: String,
    /// What made it think so.
    pub cause: String,
    /// The last time that it was seen so.
    pub at: Timestamp,
    /// The first time that it was seen so without a break.
    pub since: Timestamp,
    /// The last time before that it was seen otherwise: it became so between that and `since`.
    pub otherwise_at: Option<Timestamp>,
    /// When each thing that is looked at was last seen alive, in the words of whoever looked.
    pub alive_at: BTreeMap<String, Timestamp>,
}

impl Observed {
    /// Whether its key was seen dead, so that it signs nothing until it is seen alive.
    pub fn is_key_dead(&self) -> bool {
        self.state == KEY_DEAD
    }
}

impl Registry {
    /// One session; `None` when there is none, or no longer, or when the id is another registry's.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn session(&self, uid: u32, id: RecordId) -> Result<Option<Arc<Session>>, Error> {
        if id.instance != self.0.instance {
            return Ok(None);
        }
        let Store::Sqlite(store) = &self.0.store;
        store.session(uid, id.number).await
    }

    /// Sessions that have life, and so perhaps outstanding URLs, newest first; at most [`MAX_SESSIONS`].
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn sessions(&self, uid: u32, identity: Option<&IdentityName>) -> Result<Vec<SessionRow>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        let (now, mut all) = (self.0.clock.surely_now(), Vec::<SessionRow>::new());
        loop {
            let before = all.last().map(|row| row.session.id.number);
            let page = store.sessions(uid, identity.cloned(), before, now).await?;
            let is_last = page.len() < MAX_PAGE;
            all.extend(page);
            if is_last || all.len() >= MAX_SESSIONS {
                return Ok(all);
            }
        }
    }

    /// Every session of an identity that is not forgotten, also those that have ended or are retired, newest first; at
    /// most [`MAX_PAGE`] of those before that generation.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn generations(
        &self,
        uid: u32,
        identity: &IdentityName,
        before: Option<u64>,
    ) -> Result<Vec<SessionRow>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.generations(uid, identity.clone(), before, self.0.clock.surely_now()).await
    }

    /// Every session of these access keys, whoever's, also those that are retired, newest first.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn of_keys(&self, uid: u32, access_key_ids: &[&str]) -> Result<Vec<SessionRow>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        let keys = serde_json::Value::from(access_key_ids).to_string();
        let (now, mut all) = (self.0.clock.now(), Vec::<SessionRow>::new());
        loop {
            let before = all.last().map(|row| row.session.id.number);
            let page = store.of_keys(uid, keys.clone(), before, now).await?;
            let is_last = page.len() < MAX_PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Writes down what was decided of a session, and the row that says so, durably and together.
    ///
    /// # Errors
    /// As [`note`](Self::note), or when there is no such session.
    pub async fn mark(&self, session: RecordId, mark: Mark, event: NewEvent) -> Result<EventRow, Error> {
        self.ours(session)?;
        self.change(Change::Mark { session, mark }, Some(event)).await.map(written)
    }

    /// Writes down that an identity must not sign, and the row that says so. Paused before, it keeps its date.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    pub async fn pause(&self, identity: &IdentityName, event: NewEvent) -> Result<EventRow, Error> {
        self.change(Change::Pause(identity.clone()), Some(event)).await.map(written)
    }

    /// Writes down that it may sign again.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    pub async fn resume(&self, identity: &IdentityName, event: NewEvent) -> Result<EventRow, Error> {
        self.change(Change::Resume(identity.clone()), Some(event)).await.map(written)
    }

    /// Identities that must not sign, by name, and since when.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn paused(&self, uid: u32) -> Result<Vec<(IdentityName, Timestamp)>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.paused(uid).await
    }

    /// Writes down what was seen of a session just now, and the row that says so where there is one, together.
    ///
    /// # Errors
    /// As [`note`](Self::note), or when there is no such session.
    pub async fn observe(
        &self,
        session: RecordId,
        state: &str,
        cause: &str,
        event: Option<NewEvent>,
    ) -> Result<Option<EventRow>, Error> {
        self.ours(session)?;
        self.change(Change::Observe { session, state: state.to_owned(), cause: cause.to_owned() }, event).await
    }

    /// Writes down what a look at a session showed: its state and what made it think so, where the look bore one out, and
    /// when each thing was last seen alive, in place of what was said of that before. `signs_again`: it came back to life.
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub async fn looked(
        &self,
        session: RecordId,
        seen: Option<(&str, &str)>,
        alive_at: BTreeMap<String, Timestamp>,
        signs_again: bool,
    ) -> Result<(), Error> {
        self.ours(session)?;
        let seen = seen.map(|(state, cause)| (state.to_owned(), cause.to_owned()));
        self.change(Change::Looked { session, seen, alive_at, signs_again }, None).await.map(drop)
    }

    /// Writes down that a session came to sign just now, although it was written down before.
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub async fn signs_from_now(&self, session: RecordId) -> Result<(), Error> {
        self.ours(session)?;
        self.change(Change::SignsFromNow(session), None).await.map(drop)
    }
}

/// Sessions in one answer, read page by page.
pub const MAX_SESSIONS: usize = 10 * MAX_PAGE;
/// The word of whoever looks for a key that AWS does not know any more.
pub const KEY_DEAD: &str = "key-dead";
/// Of things that are looked at: whether the key itself lives.
pub const KEY_ITSELF: &str = "key";
/// The state of a session of which nothing is believed.
pub const NOTHING_SEEN: &str = "";
