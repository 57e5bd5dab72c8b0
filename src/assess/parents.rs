//! The sessions that minted sessions, read once each.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Error;
use crate::impact::Lineage;
use crate::registry::Registry;
use crate::session::{RecordId, Session};

/// Those that were asked for so far.
pub(super) struct Parents {
    registry: Registry,
    uid: u32,
    known: HashMap<RecordId, Option<Arc<Session>>>,
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
        Self { registry: registry.clone(), uid, known: HashMap::new() }
    }

    /// The line of a session. A parent that is forgotten, or another registry's, is not known.
    pub(super) async fn line(&mut self, session: &Arc<Session>) -> Result<Line, Error> {
        let session = Arc::clone(session);
        let Some(id) = session.facts.parent else { return Ok(Line { session, parent: None }) };
        if let Some(parent) = self.known.get(&id) {
            return Ok(Line { session, parent: parent.clone() });
        }
        let parent = self.registry.session(self.uid, id).await.map_err(Error::registry)?;
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(id, parent.clone());
        Ok(Line { session, parent })
    }
}

/// Parents that are held at once.
const MOST_KNOWN: usize = 4096;
