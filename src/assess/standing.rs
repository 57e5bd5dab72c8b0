//! What was reported or seen, and stands: how single records end by it before their hard end, and which URLs of a count it
//! has ended already.
//!
//! Takes nothing out of a count that it has not surely ended by now; what it may end, or ends soon, is told beside it.

mod touched;

use std::collections::HashMap;
use std::sync::Arc;

use super::Assessor;
use super::count::bounded;
use super::parents::{Line, Parents};
use crate::error::Error;
use crate::impact::concern::Concern;
use crate::impact::ending::{Ending, Verdict};
use crate::impact::event::Event;
use crate::impact::{Subject, ending};
use crate::issued::Record;
use crate::registry::{Registry, Stands};
use crate::s3::operation::Operation;
use crate::session::RecordId;
use crate::time::Timestamp;

/// What an event that was reported or seen, and stands, does to a URL before its hard end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlyEnd {
    /// Which event.
    pub event: RecordId,
    /// When and how it ends the URL, or may end it.
    pub ending: Ending,
}

/// The events that stand.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    now: Timestamp,
    events: Vec<Stood>,
    /// Those that may touch URLs of a session, by its id.
    of_sessions: HashMap<RecordId, Arc<[usize]>>,
    ended: u64,
    touched: u64,
    /// Of those that depend on the URL, at most so many besides.
    perhaps: u64,
    /// Only what cannot be undone counts as ended.
    is_for_good: bool,
    /// The event that is asked about is one of them: what it has ended is the answer, whatever else has ended the same.
    is_of_the_past: bool,
}

/// One of them.
#[derive(Debug, Clone)]
struct Stood {
    stands: Stands,
    /// Whether it was met in a count.
    has_ended: bool,
    has_touched: bool,
    /// Where it depends on each URL.
    asks: Option<Asks>,
}

/// Which URLs one of them asks for.
#[derive(Debug, Clone)]
struct Asks {
    operations: Vec<Operation>,
    /// `None`: of several.
    bucket: Option<String>,
}

impl Asks {
    fn of(asks: &mut Option<Self>, bucket: &str, operation: Operation) {
        let asks = asks.get_or_insert_with(|| Self { operations: Vec::new(), bucket: Some(bucket.to_owned()) });
        if !asks.operations.contains(&operation) {
            asks.operations.push(operation);
        }
        asks.bucket = asks.bucket.take().filter(|known| known == bucket);
    }
}

impl Standing {
    /// Those that stand now, newest first.
    pub(super) fn of(registry: &Registry, now: Timestamp) -> Self {
        let stands = registry.stands();
        let events = stands.iter().filter(|stands| stands.until > now).map(|stands| Stood {
            stands: stands.clone(),
            has_ended: false,
            has_touched: false,
            asks: None,
        });
        Self {
            now,
            events: events.collect(),
            of_sessions: HashMap::new(),
            ended: 0,
            touched: 0,
            perhaps: 0,
            is_for_good: false,
            is_of_the_past: false,
        }
    }

    /// The same, for the question what would be lost for good: what comes back when an event is undone, has not ended.
    #[must_use]
    pub(super) fn for_good(self) -> Self {
        Self { is_for_good: true, ..self }
    }

    /// The same, once these are undone.
    #[must_use]
    pub(super) fn without(mut self, undone: &[RecordId]) -> Self {
        self.events.retain(|stood| !undone.contains(&stood.stands.id));
        self.of_sessions.clear();
        self
    }

    /// The same, for a question about that.
    #[must_use]
    pub(super) fn asked(mut self, asked: &Event) -> Self {
        self.is_of_the_past = self.events.iter().any(|stood| stood.stands.event.is_of_the_same(asked));
        self
    }

    /// Whether all these URLs, outstanding by their hard ends, have surely been ended by now.
    pub(super) fn has_ended(&mut self, line: &Line, bucket: &str, operation: Operation, urls: u64) -> bool {
        let (subject, mut touch, mut ask) = (Subject::Group { bucket, operation }, Vec::new(), Vec::new());
        for place in self.of_session(line).iter().copied() {
            let told = ending(&self.events[place].stands.event, line.lineage(), subject);
            match told {
                Some(ending) if ending.verdict == Verdict::Lives => {}
                Some(ending) if self.takes_out(&ending) => {
                    self.events[place].has_ended = true;
                    self.ended += urls;
                    return true;
                }
                Some(_) => touch.push(place),
                None => ask.push(place),
            }
        }
        match (touch.is_empty(), ask.is_empty()) {
            (false, _) => self.touched += urls,
            (true, false) => self.perhaps += urls,
            (true, true) => {}
        }
        touch.into_iter().for_each(|place| self.events[place].has_touched = true);
        ask.into_iter().for_each(|place| Asks::of(&mut self.events[place].asks, bucket, operation));
        false
    }

    /// Whether a count leaves out what the event does so to all URLs of a group.
    fn takes_out(&self, ending: &Ending) -> bool {
        !self.is_of_the_past && is_over(ending, self.now) && !(self.is_for_good && ending.reversible)
    }

    /// Which of them has surely ended all these URLs by now; the newest.
    pub(super) fn ended_by(&mut self, line: &Line, bucket: &str, operation: Operation) -> Option<RecordId> {
        let (subject, mut ask) = (Subject::Group { bucket, operation }, Vec::new());
        for place in self.of_session(line).iter().copied() {
            let stands = &self.events[place].stands;
            match ending(&stands.event, line.lineage(), subject) {
                Some(ending) if is_over(&ending, self.now) => return Some(stands.id),
                Some(_) => {}
                None => ask.push(place),
            }
        }
        ask.into_iter().for_each(|place| Asks::of(&mut self.events[place].asks, bucket, operation));
        None
    }

    /// What they do to one URL, surest and soonest first; nothing where they let it live.
    pub(super) fn endings(&mut self, line: &Line, record: &Record) -> Vec<EarlyEnd> {
        let told = self.told(line, record);
        self.named(told)
    }

    /// The same, and beside it which of them, other than the one that is asked about, has ended the URL by now.
    pub(super) fn endings_and_end(
        &mut self,
        line: &Line,
        record: &Record,
    ) -> (Vec<EarlyEnd>, Option<(RecordId, Ending)>) {
        let told = self.told(line, record);
        let is_end = |(_, ending): &&(usize, Ending)| !self.is_of_the_past && is_over(ending, self.now);
        let end = told.iter().find(is_end).map(|(place, ending)| (self.events[*place].stands.id, *ending));
        (self.named(told), end)
    }

    fn named(&self, told: Vec<(usize, Ending)>) -> Vec<EarlyEnd> {
        told.into_iter().map(|(place, ending)| EarlyEnd { event: self.events[place].stands.id, ending }).collect()
    }

    /// URLs that were found ended, and by what.
    pub(super) fn ended(&self) -> (u64, Vec<&Stands>) {
        let by = self.events.iter().filter(|stood| stood.has_ended).map(|stood| &stood.stands);
        (self.ended, by.collect())
    }

    /// URLs that were found touched at most, and by what.
    pub(super) fn touched(&self) -> (u64, Vec<&Stands>) {
        let by = self.events.iter().filter(|stood| stood.has_touched).map(|stood| &stood.stands);
        (self.touched + self.perhaps, by.collect())
    }

    /// None of them ends a URL after its own end, which its session may have moved since it was signed.
    fn told(&mut self, line: &Line, record: &Record) -> Vec<(usize, Ending)> {
        let own = self.of_session(line);
        let told = own.iter().filter_map(|place| {
            let event = &self.events[*place].stands.event;
            let ending = ending(event, line.lineage(), Subject::Url(&record.url))?;
            Some((*place, bounded(event, ending, record.usable_until())))
        });
        let mut told: Vec<_> = told.filter(|(_, ending)| ending.verdict != Verdict::Lives).collect();
        told.sort_by_key(|(_, ending)| (ending.verdict, ending.not_before, ending.not_after));
        told
    }

    fn of_session(&mut self, line: &Line) -> Arc<[usize]> {
        let id = line.lineage().session.id;
        if let Some(known) = self.of_sessions.get(&id) {
            return Arc::clone(known);
        }
        let may = |stood: &Stood| Concern::of(&stood.stands.event).touches_session(line.lineage());
        let own = self.events.iter().enumerate().filter(|(_, stood)| may(stood)).map(|(place, _)| place);
        let own: Arc<[usize]> = own.collect();
        if self.of_sessions.len() >= MOST_SESSIONS {
            self.of_sessions.clear();
        }
        self.of_sessions.insert(id, Arc::clone(&own));
        own
    }
}

pub(super) fn is_over(ending: &Ending, now: Timestamp) -> bool {
    ending.verdict == Verdict::Ends && ending.not_after <= now
}

impl Assessor {
    /// For each record, what the events that stand do to it, surest and soonest first; nothing for one that they let live.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn endings(&self, uid: u32, records: &[Record]) -> Result<Vec<Vec<EarlyEnd>>, Error> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let mut standing = Standing::of(&self.registry, self.clock.now());
        let (mut parents, mut endings) = (Parents::new(&self.registry, uid), Vec::with_capacity(records.len()));
        for record in records {
            let line = parents.line(&record.session).await?;
            endings.push(standing.endings(&line, record));
        }
        Ok(endings)
    }

    /// What one event does to one record.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn verdict(&self, uid: u32, event: &Event, record: &Record) -> Result<Verdict, Error> {
        let line = Parents::new(&self.registry, uid).line(&record.session).await?;
        let ending = ending(event, line.lineage(), Subject::Url(&record.url));
        Ok(ending.map_or(Verdict::MayEnd, |ending| ending.verdict))
    }
}

/// Sessions whose events are held at once.
const MOST_SESSIONS: usize = 4096;
