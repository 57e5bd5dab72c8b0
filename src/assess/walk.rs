//! The URLs that an event touches, as a list has them, but in one order from beginning to end, so that one can go on
//! after any of them, over restarts too.

use super::count::bounded;
use super::parents::Parents;
use super::{Affected, Assessor, LIST_PAGE, Question};
use crate::error::Error;
use crate::impact::concern::Concern;
use crate::impact::ending::Verdict;
use crate::impact::event::Event;
use crate::impact::{Subject, ending};
use crate::issued::{Filter, Record};
use crate::registry::{Registry, ScanPlace};
use crate::time::Timestamp;

/// Where a walk is.
pub struct Walk {
    registry: Registry,
    uid: u32,
    event: Event,
    /// What is still to be read; `None`: nothing.
    rest: Option<Filter>,
    parents: Parents,
    page: std::vec::IntoIter<Record>,
    after: Option<ScanPlace>,
}

impl Assessor {
    /// Records that the event ends or may end, in the order of their hard ends: all of them, or those after one.
    pub fn walk(&self, question: Question, last: Option<&Record>) -> Walk {
        let Question { uid, event, filter, .. } = question;
        Walk {
            registry: self.registry.clone(),
            uid,
            rest: Concern::of(&event).narrow(&filter),
            event,
            parents: Parents::new(&self.registry, uid),
            page: Vec::new().into_iter(),
            after: last.map(|last| ScanPlace::after(&last.url)),
        }
    }
}

impl Walk {
    /// Leaves out what has ended by then.
    pub fn only_outstanding_at(&mut self, now: Timestamp) {
        if let Some(filter) = &mut self.rest {
            filter.usable_after = filter.usable_after.max(Some(now));
        }
    }

    /// The next; `None` after the last.
    ///
    /// # Errors
    /// When the registry cannot be read; asked again, it goes on where it was.
    pub async fn next(&mut self) -> Result<Option<Affected>, Error> {
        loop {
            while let Some(record) = self.page.as_slice().first() {
                let line = self.parents.line(&record.session).await?;
                let ending = ending(&self.event, line.lineage(), Subject::Url(&record.url));
                let ending = ending.map(|ending| bounded(&self.event, ending, record.usable_until()));
                let Some(record) = self.page.next() else { break };
                if let Some(ending) = ending.filter(|ending| ending.verdict != Verdict::Lives) {
                    let (standing, ended_by) = (Vec::new(), None);
                    return Ok(Some(Affected { record, ending, standing, ended_by, is_counted: true }));
                }
            }
            let Some(filter) = &self.rest else { return Ok(None) };
            let page = self.registry.scan(self.uid, filter, self.after, LIST_PAGE).await.map_err(Error::registry)?;
            if page.next.is_none() {
                self.rest = None;
            }
            (self.page, self.after) = (page.items.into_iter(), page.next);
        }
    }
}
