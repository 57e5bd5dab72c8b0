//! What is signed and would fare no better by a known event than what it follows: refused before it is recorded.
//!
//! Never decides what an event does: `impact` does.

use std::collections::HashMap;
use std::sync::Arc;

use super::Issuer;
use super::prepare::Outcome;
use crate::error::{EndsToo, Error};
use crate::impact::ending::Verdict;
use crate::impact::event::Event;
use crate::impact::mend::mend;
use crate::impact::{Lineage, Subject, ending};
use crate::registry::DAEMON;
use crate::session::{RecordId, Session};

/// An event from which URLs are to be saved.
#[derive(Debug, Clone, Copy)]
pub struct Unless<'a> {
    /// The event.
    pub event: &'a Event,
    /// What it does to the URL that each ask of the call is to follow, in their order.
    pub formers: &'a [Verdict],
}

impl Issuer {
    /// Makes a failure of each new URL that the event ends, and of each that it may end, unless it surely ends the former:
    /// what gains nothing would only be one more, each time that somebody asks.
    pub(super) async fn refuse_doomed(&self, unless: Unless<'_>, signed: &mut [Result<Outcome, Error>]) {
        let Unless { event, formers } = unless;
        let mut parents: HashMap<RecordId, Option<Arc<Session>>> = HashMap::new();
        for (one, former) in signed.iter_mut().zip(formers) {
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
            let Some(ending) = ending(event, line, Subject::Url(&issued.record)) else { continue };
            let verdict = ending.verdict;
            if gains_nothing(*former, verdict) {
                let Session { identity, generation, .. } = &*issued.session;
                let (identity, generation, reason) = (identity.clone(), *generation, ending.reason.as_str());
                let mend = mend(event, line, &issued.record, verdict);
                *one = Err(EndsToo { identity, generation, verdict, reason, mend }.into());
            }
        }
    }
}

/// Whether a URL that fares like this is no remedy for one that fares like that.
fn gains_nothing(former: Verdict, new: Verdict) -> bool {
    match new {
        Verdict::Ends => true,
        Verdict::MayEnd => former != Verdict::Ends,
        Verdict::Lives => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fares_better_than_its_former_is_signed_and_nothing_that_surely_ends() {
        use Verdict::{Ends, Lives, MayEnd};
        for (former, new, expected) in [
            (Ends, Ends, true),
            (Ends, MayEnd, false),
            (Ends, Lives, false),
            (MayEnd, Ends, true),
            (MayEnd, MayEnd, true),
            (MayEnd, Lives, false),
        ] {
            assert_eq!(gains_nothing(former, new), expected, "{former:?}, then {new:?}");
        }
    }
}
