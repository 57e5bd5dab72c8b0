//! How many of the counted URLs the events that stand touch, where that depends on the URL: read one by one as long as that
//! is cheap, so that an event which touches none of them is not named.
//!
//! Reads no more than a bounded number of rows; beyond that "up to" stays as far above as the tallies leave it.

use std::collections::HashSet;

use super::{Asks, Standing};
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
            let Some(own) = self.touched_by(place, registry, uid, &filter, parents, &mut left).await? else {
                all_are_read = false;
                self.events[place].has_touched = true;
                continue;
            };
            self.events[place].has_touched |= !own.is_empty();
            met.extend(own);
        }
        if all_are_read {
            self.perhaps = (met.len() as u64).min(self.perhaps);
        }
        Ok(())
    }

    /// The counted URLs that the event touches; `None`: there are too many to look.
    async fn touched_by(
        &mut self,
        place: usize,
        registry: &Registry,
        uid: u32,
        filter: &Filter,
        parents: &mut Parents,
        left: &mut usize,
    ) -> Result<Option<Vec<RecordId>>, Error> {
        let event = self.events[place].stands.event.clone();
        let concern = Concern::of(&event);
        let Some(narrowed) = concern.narrow(filter) else { return Ok(Some(Vec::new())) };
        let mut own = Vec::new();
        for pass in passes(concern, &narrowed) {
            let mut after = None;
            loop {
                if *left == 0 {
                    return Ok(None);
                }
                let page = registry.scan(uid, &pass, after, MAX_PAGE.min(*left)).await.map_err(Error::registry)?;
                let least = if page.next.is_some() { OF_PART } else { OF_WHOLE };
                *left = left.saturating_sub(page.items.len().max(least));
                for record in &page.items {
                    let line = parents.line(&record.session).await?;
                    let is_touched = self.told(&line, record).iter().any(|(event, _)| *event == place);
                    if is_touched && !self.is_left_out(&line, record) {
                        own.push(record.url.id);
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(Some(own))
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
