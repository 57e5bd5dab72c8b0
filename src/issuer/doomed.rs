//! What is signed and would end by a known event: refused before it is recorded.
//!
//! Never decides what an event does: `impact` does.

use std::collections::HashMap;
use std::sync::Arc;

use super::Issuer;
use super::prepare::Outcome;
use crate::error::Error;
use crate::impact::ending::Verdict;
use crate::impact::event::Event;
use crate::impact::{Lineage, Subject, ending};
use crate::registry::DAEMON;
use crate::session::{RecordId, Session};

impl Issuer {
    /// Makes a failure of each new URL that the event ends. One that it may end is not refused: that is no worse off than
    /// the one that it follows.
    pub(super) async fn refuse_doomed(&self, event: &Event, signed: &mut [Result<Outcome, Error>]) {
        let mut parents: HashMap<RecordId, Option<Arc<Session>>> = HashMap::new();
        for one in signed {
            let Ok(Outcome::New { issued, .. }) = one else { continue };
            let parent = match issued.session.facts.parent {
                None => None,
                Some(id) if parents.contains_key(&id) => parents[&id].clone(),
                Some(id) => match self.registry.session(DAEMON, id).await {
                    Ok(parent) => parents.entry(id).or_insert(parent).clone(),
                    Err(error) => {
                        *one = Err(Error::registry(error));
                        continue;
                    }
                },
            };
            let line = Lineage { session: &issued.session, parent: parent.as_deref() };
            let ends = ending(event, line, Subject::Url(&issued.record)).filter(|end| end.verdict == Verdict::Ends);
            if let Some(ends) = ends {
                let (identity, generation) = (issued.session.identity.clone(), issued.session.generation);
                *one = Err(Error::EndsToo { identity, generation, reason: ends.reason.as_str() });
            }
        }
    }
}
