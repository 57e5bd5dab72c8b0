//! What was reported or seen, applied to single records: how each of them ends before its hard end.

use serde_json::Value;

use super::Assessor;
use super::parents::Parents;
use crate::error::Error;
use crate::impact::ending::{Ending, Verdict};
use crate::impact::event::Event;
use crate::impact::{Subject, ending};
use crate::issued::Record;

impl Assessor {
    /// For each record, what the events that stand do to it, surest and soonest first; nothing for one that they let live.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn endings(&self, uid: u32, records: &[Record]) -> Result<Vec<Vec<Ending>>, Error> {
        let mut endings = vec![Vec::new(); records.len()];
        if records.is_empty() {
            return Ok(endings);
        }
        let standing = self.registry.standing(uid).await.map_err(Error::registry)?;
        let events: Vec<Event> = standing.iter().filter_map(|row| event_of(&row.body)).collect();
        let mut parents = Parents::new(&self.registry, uid);
        for (record, endings) in records.iter().zip(&mut endings) {
            let line = parents.line(&record.session).await?;
            let told = events.iter().filter_map(|event| ending(event, line.lineage(), Subject::Url(&record.url)));
            endings.extend(told.filter(|ending| ending.verdict != Verdict::Lives));
            endings.sort_by_key(|ending| (ending.verdict, ending.not_before, ending.not_after));
        }
        Ok(endings)
    }
}

/// The event in the body of a row that says that it happened; `None` where a later version wrote what this one does not
/// know.
pub fn event_of(body: &Value) -> Option<Event> {
    let read = serde_json::from_value(body.get("event")?.clone());
    read.inspect_err(|error| tracing::warn!(%error, "an event that happened cannot be read by this version")).ok()
}
