//! Which URLs the events that stand touch, and which they have ended, where that depends on the URL: read one by one as long
//! as that is cheap, so that an event which touches none of those that are counted is not named.
//!
//! Reads no more than a bounded number of rows; beyond that "up to" stays as far above as the tallies leave it.

use std::collections::HashSet;

use super::{Asks, Standing, is_over};
use crate::assess::parents::{Line, Parents};
use crate::assess::passes::passes;
use crate::error::Error;
use crate::impact::concern::Concern;
use crate::impact::{Subject, ending};
use crate::issued::{Filter, Record};
use crate::registry::{MAX_PAGE, Registry};
use crate::session::RecordId;

impl Standing {
    /// Looks closer at what a count of what that filter wants has left open.
    pub(in crate::assess) async fn look_closer(
        &mut self,
        registry: &Registry,
        uid: u32,
        filter: &Filter,
        parents: &mut Parents,
    ) -> Result<(), Error> {
        let filter = Filter { usable_after: filter.usable_after.max(Some(self.now)), ..filter.clone() };
        let (mut met, mut left, mut all_are_read) = (HashSet::new(), MOST_READ, true);
        for place in 0..self.events.len() {
            let Some(asks) = self.events[place].asks.take() else { continue };
            let Some(filter) = narrowed(&filter, asks) else { continue };
            let mut own = Vec::new();
            let is_whole = self.touched_by(place, registry, uid, &filter, parents, &mut left, &mut own).await?;
            all_are_read &= is_whole;
            self.events[place].has_touched |= !is_whole || !own.is_empty();
            met.extend(own.iter().map(|one| one.url));
        }
        if all_are_read {
            self.perhaps = (met.len() as u64).min(self.perhaps);
        }
        Ok(())
    }

    /// The same of what [`Self::ended_by`] has left open: outstanding URLs that have surely ended, each with its session and
    /// the event, of as many as are read.
    pub(in crate::assess) async fn ended_one_by_one(
        &mut self,
        registry: &Registry,
        uid: u32,
        filter: &Filter,
        parents: &mut Parents,
    ) -> Result<Vec<(RecordId, RecordId)>, Error> {
        let (mut met, mut left, mut ended) = (HashSet::new(), MOST_READ, Vec::new());
        for place in 0..self.events.len() {
            let Some(asks) = self.events[place].asks.take() else { continue };
            let Some(filter) = narrowed(filter, asks) else { continue };
            let mut own = Vec::new();
            self.touched_by(place, registry, uid, &filter, parents, &mut left, &mut own).await?;
            let by = self.events[place].stands.id;
            let over = own.into_iter().filter(|one| one.is_over && met.insert(one.url));
            ended.extend(over.map(|one| (one.session, by)));
        }
        Ok(ended)
    }

    /// The counted URLs that the event touches, and whether these are all: there may be too many to look.
    #[expect(clippy::too_many_arguments, reason = "what a page is read with, and where it goes")]
    async fn touched_by(
        &mut self,
        place: usize,
        registry: &Registry,
        uid: u32,
        filter: &Filter,
        parents: &mut Parents,
        left: &mut usize,
        own: &mut Vec<Touched>,
    ) -> Result<bool, Error> {
        let event = self.events[place].stands.event.clone();
        let concern = Concern::of(&event);
        let Some(narrowed) = concern.narrow(filter) else { return Ok(true) };
        for pass in passes(concern, &narrowed) {
            let mut after = None;
            loop {
                if *left == 0 {
                    return Ok(false);
                }
                let page = registry.scan(uid, &pass, after, MAX_PAGE.min(*left)).await.map_err(Error::registry)?;
                let least = if page.next.is_some() { OF_PART } else { OF_WHOLE };
                *left = left.saturating_sub(page.items.len().max(least));
                for record in &page.items {
                    let line = parents.line(&record.session).await?;
                    let told = self.told(&line, record).into_iter().find(|(event, _)| *event == place);
                    let Some((_, ending)) = told.filter(|_| !self.is_left_out(&line, record)) else { continue };
                    let (url, session) = (record.url.id, record.session.id);
                    own.push(Touched { url, session, is_over: is_over(&ending, self.now) });
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// Whether another has ended all URLs of its group, so that it is not counted.
    fn is_left_out(&mut self, line: &Line, record: &Record) -> bool {
        let what = &record.url.what;
        let subject = Subject::Group { bucket: what.bucket().as_str(), operation: what.operation() };
        let own = self.of_session(line);
        own.iter().map(|place| &self.events[*place]).any(|stood| {
            let told = ending(&stood.stands.event, line.lineage(), subject);
            told.is_some_and(|ending| self.takes_out(&ending))
        })
    }
}

/// A URL that an event touches.
struct Touched {
    url: RecordId,
    session: RecordId,
    is_over: bool,
}

/// What was asked for, as far as a filter says it; `None`: nothing that is wanted.
fn narrowed(filter: &Filter, asks: Asks) -> Option<Filter> {
    let Asks { mut operations, bucket } = asks;
    operations.retain(|operation| filter.operations.is_empty() || filter.operations.contains(operation));
    let bucket = bucket.or_else(|| filter.bucket.clone());
    (!operations.is_empty()).then(|| Filter { operations, bucket, ..filter.clone() })
}

/// Rows that one answer reads for it, some milliseconds' worth.
const MOST_READ: usize = 4000;
/// What a page costs at least that is not the last: it has looked at many rows that do not match.
const OF_PART: usize = 1000;
/// And one that is.
const OF_WHOLE: usize = 20;
