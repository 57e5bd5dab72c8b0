//! Events that happened and still stand, kept in memory for whoever signs: one look, no question to the file.
//!
//! The writer puts another list in place before it answers what changed it. Never says what an event does to a URL.

use std::sync::Arc;

use serde_json::Value;

use super::{Registry, Store};
use crate::impact::event::Event;
use crate::session::RecordId;
use crate::time::Timestamp;

/// An event that happened, and was neither undone nor withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    /// Names its row.
    pub id: RecordId,
    /// What happened.
    pub event: Event,
    /// From when on it stands no more, because nothing that it concerns can be outstanding.
    pub until: Timestamp,
}

impl Registry {
    /// What stands, newest first; look at `until` as well. What [`note`](Self::note), [`lift`](Self::lift) or
    /// [`withdraw`](Self::withdraw) has answered is in it.
    pub fn stands(&self) -> Arc<[Stands]> {
        let Store::Sqlite(store) = &self.0.store;
        Arc::clone(&store.stands.borrow())
    }
}

/// The event in the body of a row that says that it happened; `None` where a later version wrote what this one does not
/// know.
pub fn event_of(body: &Value) -> Option<Event> {
    let read = serde_json::from_value(body.get("event")?.clone());
    read.inspect_err(|error| tracing::warn!(%error, "an event that happened cannot be read by this version")).ok()
}
