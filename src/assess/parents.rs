//! The sessions that minted sessions, read once each: by their id, or by the key, where presignd has met it elsewhere.
//!
//! Never takes a session's key for what minted another: only a long-term key is the same wherever it is met.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Error;
use crate::impact::Lineage;
use crate::registry::Registry;
use crate::session::{CredentialKind, RecordId, Session};

/// Those that were asked for so far.
pub(super) struct Parents {
    registry: Registry,
    uid: u32,
    known: HashMap<Minter, Option<Arc<Session>>>,
}

/// What a session says of what minted it.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Minter {
    Session(RecordId),
    /// Of the default chain: another identity may sign with the same key, and AWS has told whose that is.
    Key(String),
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
        let minter = match (session.facts.parent, session.facts.parent_access_key_id.as_str()) {
            (Some(id), _) => Minter::Session(id),
            (None, "") => return Ok(Line { session, parent: None }),
            (None, key) => Minter::Key(key.to_owned()),
        };
        if let Some(parent) = self.known.get(&minter) {
            return Ok(Line { session, parent: parent.clone() });
        }
        let parent = match &minter {
            Minter::Session(id) => self.registry.session(self.uid, *id).await.map_err(Error::registry)?,
            Minter::Key(key) => self.of_key(key).await?,
        };
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(minter, parent.clone());
        Ok(Line { session, parent })
    }

    /// The long-term key, if an identity signs or signed with it and AWS has told whose it is.
    async fn of_key(&self, access_key_id: &str) -> Result<Option<Arc<Session>>, Error> {
        let rows = self.registry.of_keys(self.uid, &[access_key_id]).await.map_err(Error::registry)?;
        Ok(rows.into_iter().map(|row| row.session).find(|session| {
            let facts = &session.facts;
            let is_lasting = matches!(facts.kind, CredentialKind::LongTermKey | CredentialKind::Root);
            is_lasting && !facts.principal_arn.is_empty()
        }))
    }
}

/// Parents that are held at once.
const MOST_KNOWN: usize = 4096;
