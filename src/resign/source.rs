//! Where an order's records come from, group by group.

use std::collections::HashSet;
use std::pin::Pin;

use futures_util::{Stream, StreamExt};

use super::{Named, Which};
use crate::assess::{Affected, Assessor, Question};
use crate::error::Error;
use crate::impact::ending::Verdict;
use crate::issued::{Filter, Record};
use crate::issuer::Issuer;
use crate::registry::{MAX_PAGE, Registry, ScanPlace};
use crate::session::RecordId;

/// Records that were asked for; some of those that were named may not be there.
pub(super) struct Source {
    registry: Registry,
    /// Who reads.
    uid: u32,
    /// Whose records there are; `None` for everybody's.
    own: Option<u32>,
    pub(super) scope: Scope,
    rest: Rest,
}

/// Which records an order comes upon.
pub(super) struct Scope {
    /// What an order signs matches its own filter: from this number on, records are left out.
    before: u64,
    /// What is found, where records are found rather than named.
    filter: Option<Filter>,
}

impl Scope {
    /// Whether that record is among those that are found, or was.
    pub(super) fn finds(&self, record: &Record) -> bool {
        record.url.id.number < self.before && self.filter.as_ref().is_some_and(|filter| filter.matches(record))
    }
}

/// Where the next ones are.
enum Rest {
    Ids(std::vec::IntoIter<Named>),
    Rows { filter: Box<Filter>, after: Option<ScanPlace> },
    Listed(Pin<Box<dyn Stream<Item = Result<Affected, Error>> + Send>>),
    Nothing,
}

/// A record and its id, or what was named as one and why there is none.
pub(super) struct Found {
    /// As it was named.
    pub(super) id: String,
    pub(super) record: Result<Record, Error>,
    /// What the event of the order does to it.
    pub(super) verdict: Verdict,
}

impl Source {
    pub(super) async fn open(issuer: &Issuer, uid: u32, own: Option<u32>, which: Which) -> Result<Self, Error> {
        let registry = issuer.registry().clone();
        let owned = |filter: Filter| Filter { uid: own.or(filter.uid), ..filter };
        let filter = match &which {
            Which::Ids(_) => None,
            Which::Outstanding(filter) | Which::Ending(filter, _) => Some(owned(Filter::clone(filter))),
        };
        let rest = match which {
            Which::Ids(ids) => Rest::Ids(each_once(ids).into_iter()),
            Which::Outstanding(filter) => {
                let usable_after = filter.usable_after.max(Some(issuer.clock().now()));
                Rest::Rows { filter: Box::new(owned(Filter { usable_after, ..*filter })), after: None }
            }
            Which::Ending(filter, event) => {
                let assessor = Assessor::new(registry.clone(), issuer.clock().clone());
                let question = Question { uid, event: *event, filter: owned(*filter), by_on_behalf_of: false };
                Rest::Listed(Box::pin(assessor.list(question, false).await?))
            }
        };
        let before = registry.next_url_id().number;
        Ok(Self { registry, uid, own, scope: Scope { before, filter }, rest })
    }

    /// Whether records are found rather than named.
    pub(super) fn is_searched(&self) -> bool {
        self.scope.filter.is_some()
    }

    /// At most `most`, and maybe none although there are more; `None` after the last.
    pub(super) async fn next(&mut self, most: usize) -> Result<Option<Vec<Found>>, Error> {
        let most = most.clamp(1, MAX_PAGE);
        let records = match &mut self.rest {
            Rest::Nothing => return Ok(None),
            Rest::Ids(ids) => {
                let ids: Vec<Named> = ids.take(most).collect();
                return Ok(if ids.is_empty() { None } else { Some(self.named(ids).await) });
            }
            Rest::Rows { filter, after } => {
                let page = self.registry.scan(self.uid, filter, *after, most).await.map_err(Error::registry)?;
                *after = page.next;
                if page.next.is_none() {
                    self.rest = Rest::Nothing;
                }
                page.items.into_iter().map(|record| (record, NO_EVENT)).collect()
            }
            Rest::Listed(list) => {
                let mut records = Vec::new();
                while records.len() < most {
                    match list.next().await {
                        Some(affected) => {
                            let Affected { record, ending, .. } = affected?;
                            records.push((record, ending.verdict));
                        }
                        None => {
                            self.rest = Rest::Nothing;
                            break;
                        }
                    }
                }
                records
            }
        };
        let older = records.into_iter().filter(|(record, _)| record.url.id.number < self.scope.before);
        let found = older.map(|(record, verdict)| Found { id: record.url.id.to_string(), record: Ok(record), verdict });
        Ok(Some(found.collect()))
    }

    async fn named(&mut self, ids: Vec<Named>) -> Vec<Found> {
        let mut found = Vec::with_capacity(ids.len());
        for Named { text, id } in ids {
            let record = match id {
                Ok(id) => self.registry.url(self.uid, id).await.map_err(Error::registry),
                Err(refused) => Err(refused.into()),
            };
            let is_theirs = |record: &Record| self.own.is_none_or(|own| own == record.url.caller.uid);
            // What may not be seen does not exist.
            let record = record.and_then(|record| record.filter(is_theirs).ok_or(Error::UrlNotFound));
            found.push(Found { id: text, record, verdict: NO_EVENT });
        }
        found
    }
}

/// Of orders without one: whatever is signed will do.
const NO_EVENT: Verdict = Verdict::Ends;

fn each_once(mut ids: Vec<Named>) -> Vec<Named> {
    let mut seen: HashSet<RecordId> = HashSet::new();
    ids.retain(|named| named.id.as_ref().map_or(true, |id| seen.insert(*id)));
    ids
}
