//! What is signed although an event that stands ends it: signed, and told so. What somebody reports is that person's word,
//! so it refuses nothing and moves no hard end.
//!
//! While nothing stands this costs one look at memory. Never decides what an event does: `impact` does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};

use super::{Caution, EndsEarly, Issued, Issuer};
use crate::error::Error;
use crate::impact::concern::Concern;
use crate::impact::ending::Verdict;
use crate::impact::{Lineage, Subject, ending};
use crate::issued::IssuedUrl;
use crate::registry::{DAEMON, Stands};
use crate::session::{RecordId, Session};
use crate::time::Timestamp;

/// What was worked out of sessions that sign, for the events that stand.
#[derive(Default)]
pub(super) struct Known(Mutex<Cache>);

#[derive(Default)]
struct Cache {
    of: Option<Arc<[Stands]>>,
    kins: HashMap<RecordId, Arc<Kin>>,
}

/// A session's part of it.
struct Kin {
    /// The session that minted it.
    parent: Option<Arc<Session>>,
    /// Places of the events that may touch its URLs.
    touching: Vec<usize>,
}

impl Issuer {
    /// Adds to each answer what stands and ends it, or may end it, early.
    pub(super) async fn tell_early_ends(&self, answers: &mut [Result<Issued, Error>], deadline: Instant) {
        let stands = self.registry.stands();
        if stands.is_empty() {
            return;
        }
        let now = self.clock.now();
        for issued in answers.iter_mut().flatten() {
            let kin = self.kin(&stands, &issued.session, deadline).await;
            issued.ends_early = kin.ends_early(&stands, &issued.session, &issued.record, now);
            issued.cautions.extend(issued.ends_early.map(|early| match early.ending.verdict {
                Verdict::Ends => Caution::EndsEarly,
                Verdict::MayEnd | Verdict::Lives => Caution::MayEndEarly,
            }));
            // A thousand URLs and a thousand events: others want to be answered meanwhile.
            tokio::task::consume_budget().await;
        }
    }

    async fn kin(&self, stands: &Arc<[Stands]>, session: &Arc<Session>, deadline: Instant) -> Arc<Kin> {
        if let Some(known) = self.early.get(stands, session.id) {
            return known;
        }
        let (parent, is_sure) = match session.facts.parent {
            None => (None, true),
            Some(id) => match timeout_at(deadline, self.registry.session(DAEMON, id)).await {
                Ok(Ok(parent)) => (parent, true),
                // The URL is on disk and leaves. What depends on who minted it is told as "may".
                Ok(Err(_)) | Err(_) => (None, false),
            },
        };
        let line = Lineage { session, parent: parent.as_deref() };
        let places = stands.iter().enumerate().filter(|(_, one)| Concern::of(&one.event).touches_session(line));
        let touching = places.map(|(place, _)| place).collect();
        let kin = Arc::new(Kin { parent, touching });
        if is_sure {
            self.early.put(stands, session.id, &kin);
        }
        kin
    }
}

impl Kin {
    /// The surest of them, and of those the soonest.
    fn ends_early(&self, stands: &[Stands], by: &Session, url: &IssuedUrl, now: Timestamp) -> Option<EndsEarly> {
        let line = Lineage { session: by, parent: self.parent.as_deref() };
        let (bucket, operation) = (url.what.bucket().as_str(), url.what.operation());
        let touching = self
            .touching
            .iter()
            .map(|place| &stands[*place])
            .filter(|one| one.until > now && Concern::of(&one.event).touches_place(bucket, operation));
        let ends = touching.filter_map(|one| {
            let ending = ending(&one.event, line, Subject::Url(url))?;
            (ending.verdict != Verdict::Lives).then_some(EndsEarly { event: one.id, ending })
        });
        ends.min_by_key(|early| (early.ending.verdict, early.ending.not_before, early.ending.not_after))
    }
}

impl Known {
    fn get(&self, stands: &Arc<[Stands]>, session: RecordId) -> Option<Arc<Kin>> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of_these = cache.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, stands));
        if is_of_these { cache.kins.get(&session).cloned() } else { None }
    }

    fn put(&self, stands: &Arc<[Stands]>, session: RecordId, kin: &Arc<Kin>) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !cache.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, stands)) || cache.kins.len() >= MOST_SESSIONS {
            *cache = Cache { of: Some(Arc::clone(stands)), kins: HashMap::new() };
        }
        cache.kins.insert(session, Arc::clone(kin));
    }
}

/// Sessions that are remembered at once.
const MOST_SESSIONS: usize = 4096;
