//! What an event does to what is outstanding: totals, groups, the curve, a list; and for one URL, every event that would
//! end it.
//!
//! Never decides what an event does (`impact` does), never writes, and never holds more than a page of URLs.

mod alive;
mod cells;
mod contain;
mod count;
mod ended;
mod gap;
mod holders;
mod known;
mod list;
mod parents;
mod passes;
mod places;
mod standing;
mod walk;

pub use alive::SeenAlive;
pub use contain::{Contained, Costed};
pub use count::MOST_OPEN;
pub use ended::Ended;
pub use gap::{Gap, GapReason};
pub use list::{Affected, LIST_PAGE};
pub use standing::EarlyEnd;
pub use walk::Walk;

use crate::clock::Clock;
use crate::error::Error;
use crate::identity::Identities;
use crate::impact::event::{Event, What};
use crate::impact::report::{Report, Totals};
use crate::issued::Filter;
use crate::registry::{Registry, Stands};
use crate::session::RecordId;
use crate::time::Timestamp;

/// The desk where it is asked. Cheap to clone.
#[derive(Clone)]
pub struct Assessor {
    registry: Registry,
    clock: Clock,
}

/// URLs that end or may end.
fn touched(report: &Report) -> u64 {
    let Totals { ends, may_end, .. } = report.totals();
    ends + may_end
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// On whose behalf the registry is read.
    pub uid: u32,
    /// What happens or happened.
    pub event: Event,
    /// Of which outstanding URLs.
    pub filter: Filter,
    /// Also groups by on_behalf_of, which reads every URL that may be touched.
    pub by_on_behalf_of: bool,
}

/// The answer.
#[derive(Debug)]
pub struct Assessment {
    /// What happens to how many.
    pub report: Report,
    /// When that was so.
    pub at: Timestamp,
    /// The event's own reports that stand, newest first.
    pub stands_as: Vec<RecordId>,
    /// What the answer cannot see.
    pub gaps: Vec<Gap>,
}

impl Assessor {
    /// Opens the desk.
    pub fn new(registry: Registry, clock: Clock) -> Self {
        Self { registry, clock }
    }

    /// Counts everything outstanding that the filter wants, by what the event does to it. Given up, it ends.
    ///
    /// # Errors
    /// When the registry cannot be read, or the event names a session that it does not know.
    pub async fn assess(&self, question: &Question) -> Result<Assessment, Error> {
        self.assess_among(question, None, self.clock.now()).await
    }

    /// The same as of that instant, which has just been, where names may also be known from identities.
    ///
    /// # Errors
    /// As [`assess`](Self::assess).
    pub async fn assess_among(
        &self,
        question: &Question,
        identities: Option<&Identities>,
        now: Timestamp,
    ) -> Result<Assessment, Error> {
        self.session_is_known(question).await?;
        let mut report = Report::new(&question.event, now);
        if question.by_on_behalf_of {
            report = report.by_on_behalf_of();
        }
        let standing = standing::Standing::of(&self.registry, now);
        let mut count = count::Count::new(self, question, standing, now);
        count.all(&question.filter, &mut report).await?;
        count.look_closer(&question.filter).await?;
        let mut gaps = gap::gaps(&self.registry, question, &report, count.seen(), count.standing(), now);
        let is_seen = gaps.iter().all(|gap| gap.reason != GapReason::NotSeen);
        if !is_seen && !self.knows(question.uid, &question.event, identities).await? {
            gaps.push(gap::unknown(&question.event));
        }
        gaps.extend(self.contradicted(question.uid, &question.event).await?);
        gaps.extend(places::several(&self.registry, question.uid, &question.event).await?);
        let of_all = match touched(&report) {
            0 if question.filter != Filter::default() => self.touched_of_all(question, now).await?,
            _ => 0,
        };
        if of_all > 0 {
            gaps.push(gap::hidden(of_all));
        }
        let stands_as = self.stood(&question.event, now).iter().map(|stands| stands.id).collect();
        Ok(Assessment { report, at: now, stands_as, gaps })
    }

    /// The same event as it was reported or seen, where it stands: the first that happened, which did it.
    pub fn as_it_stands(&self, event: &Event) -> Option<Event> {
        let stood = self.stood(event, self.clock.now());
        stood.into_iter().map(|stands| stands.event).min_by_key(|event| event.at)
    }

    /// Its reports that stand, newest first.
    fn stood(&self, event: &Event, now: Timestamp) -> Vec<Stands> {
        let stands = self.registry.stands();
        let same = stands.iter().filter(|stands| stands.until > now && stands.event.is_of_the_same(event));
        same.cloned().collect()
    }

    /// What the event ends or may end, whatever was chosen.
    async fn touched_of_all(&self, question: &Question, now: Timestamp) -> Result<u64, Error> {
        let concern = crate::impact::concern::Concern::of(&question.event);
        let Some(filter) = concern.narrow(&Filter::default()) else { return Ok(0) };
        // Its instant is that of the count, which tallies answer.
        let filter = Filter { usable_after: None, ..filter };
        let mut report = Report::new(&question.event, now);
        let standing = standing::Standing::of(&self.registry, now);
        let question = Question { by_on_behalf_of: false, ..question.clone() };
        count::Count::new(self, &question, standing, now).all(&filter, &mut report).await?;
        Ok(touched(&report))
    }

    /// The totals alone.
    ///
    /// # Errors
    /// As [`assess`](Self::assess).
    pub async fn totals(&self, uid: u32, event: &Event, filter: &Filter) -> Result<Totals, Error> {
        let question = Question { uid, event: event.clone(), filter: filter.clone(), by_on_behalf_of: false };
        self.assess(&question).await.map(|answer| answer.report.totals())
    }

    /// A session is named by an id of presignd's own making, so one that is not there is a mistake. What is AWS's, such
    /// as an access key, may well exist without this registry having seen it: that is a gap, and no error.
    async fn session_is_known(&self, question: &Question) -> Result<(), Error> {
        let What::SessionExpired(id) = question.event.what else { return Ok(()) };
        match self.session(question.uid, id).await? {
            Some(_) => Ok(()),
            None => Err(Error::UnknownSession { id, registry: self.registry.instance() }),
        }
    }

    async fn session(&self, uid: u32, id: RecordId) -> Result<Option<std::sync::Arc<crate::session::Session>>, Error> {
        self.registry.session(uid, id).await.map_err(Error::registry)
    }
}
