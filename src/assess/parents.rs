//! The sessions that minted sessions, read once each: by their id, or by the key, where presignd has met it elsewhere.
//!
//! Never takes a session's key for what minted another: only a long-term key is the same wherever it is met.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Error;
use crate::impact::Lineage;
use crate::registry::Registry;
use crate::session::generation::has_no_end;
use crate::session::{RecordId, Session};

/// Those that were asked for so far.
pub(super) struct Parents {
    registry: Registry,
    uid: u32,
    by_id: HashMap<RecordId, Option<Arc<Session>>>,
    /// What the default chain gave: another identity may sign with the same key, and AWS has told whose that is.
    by_key: HashMap<String, Option<Arc<Session>>>,
}

/// A session and the one that minted it.
pub(super) struct Line {
    session: Arc<Session>,
    parent: Option<Arc<Session>>,
}

impl Line {
    pub(super) fn lineage(&self) -> Lineage<'_> {
        Lineage { session: &self.session, parent: self.parent.as_deref() }
    }
}

impl Parents {
    pub(super) fn new(registry: &Registry, uid: u32) -> Self {
        Self { registry: registry.clone(), uid, by_id: HashMap::new(), by_key: HashMap::new() }
    }

    /// The line of a session. A parent that is forgotten, or another registry's, is not known.
    pub(super) async fn line(&mut self, session: &Arc<Session>) -> Result<Line, Error> {
        let facts = &session.facts;
        let parent = match (facts.parent, facts.parent_access_key_id.as_str()) {
            (Some(id), _) => self.of_id(id).await?,
            (None, "") => None,
            (None, key) => self.of_key(key).await?,
        };
        Ok(Line { session: Arc::clone(session), parent })
    }

    async fn of_id(&mut self, id: RecordId) -> Result<Option<Arc<Session>>, Error> {
        if let Some(parent) = self.by_id.get(&id) {
            return Ok(parent.clone());
        }
        let parent = self.registry.session(self.uid, id).await.map_err(Error::registry)?;
        if self.by_id.len() >= MOST_KNOWN {
            self.by_id.clear();
        }
        self.by_id.insert(id, parent.clone());
        Ok(parent)
    }

    /// The long-term key, if an identity signs or signed with it and AWS has told whose it is.
    async fn of_key(&mut self, key: &str) -> Result<Option<Arc<Session>>, Error> {
        if let Some(parent) = self.by_key.get(key) {
            return Ok(parent.clone());
        }
        let rows = self.registry.of_keys(self.uid, &[key]).await.map_err(Error::registry)?;
        let is_named = |one: &Arc<Session>| has_no_end(one.facts.kind) && !one.facts.principal_arn.is_empty();
        let parent = rows.into_iter().map(|row| row.session).find(is_named);
        if self.by_key.len() >= MOST_KNOWN {
            self.by_key.clear();
        }
        self.by_key.insert(key.to_owned(), parent.clone());
        Ok(parent)
    }
}

/// Parents that are held at once, of each kind.
const MOST_KNOWN: usize = 4096;
