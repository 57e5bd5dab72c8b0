//! URLs that an event touches, one by one. Read page by page as somebody takes them:
//! nothing is read ahead of the page that is being taken, and nothing goes on when nobody takes any more.

use futures_util::Stream;
use futures_util::stream::try_unfold;

use super::count::bounded;
use super::parents::Parents;
use super::passes::passes;
use super::standing::{EarlyEnd, Standing};
use super::{Assessor, Question};
use crate::error::Error;
use crate::impact::concern::Concern;
use crate::impact::ending::{Ending, Verdict};
use crate::impact::{Subject, ending};
use crate::issued::{Filter, Record};
use crate::registry::{Registry, ScanPlace};
use crate::session::RecordId;

/// A URL, and what becomes of it.
#[derive(Debug, Clone)]
pub struct Affected {
    /// Its record.
    pub record: Record,
    /// Ends, may end, or lives by the event that is asked about.
    pub ending: Ending,
    /// In a list: what the events that stand do to it, surest and soonest first.
    pub standing: Vec<EarlyEnd>,
    /// In a list: which other event has surely ended it by now, and how.
    pub ended_by: Option<(RecordId, Ending)>,
    /// In a list: whether totals count it. They leave out what has ended where that can be told of all URLs of its session,
    /// bucket and operation at once.
    pub is_counted: bool,
}

/// Where a list is.
struct Listing {
    registry: Registry,
    question: Question,
    with_living: bool,
    /// What is still to be read, the last first.
    passes: Vec<Filter>,
    parents: Parents,
    standing: Standing,
    page: std::vec::IntoIter<Record>,
    after: Option<ScanPlace>,
}

impl Assessor {
    /// Outstanding URLs that the event ends or may end; with those that it lets live, when they are wanted.
    ///
    /// # Errors
    /// As [`assess`](Self::assess), before the first and in the stream.
    pub async fn list(
        &self,
        question: Question,
        with_living: bool,
    ) -> Result<impl Stream<Item = Result<Affected, Error>> + Send + use<>, Error> {
        self.session_is_known(&question).await?;
        let filter = Filter {
            usable_after: question.filter.usable_after.max(Some(self.clock.now())),
            ..question.filter.clone()
        };
        let standing = Standing::of(&self.registry, self.clock.now());
        let concern = Concern::of(&question.event);
        let mut passes = match concern.narrow(&filter) {
            _ if with_living => vec![filter],
            Some(narrowed) => passes(concern, &narrowed),
            None => Vec::new(),
        };
        passes.reverse();
        let listing = Listing {
            registry: self.registry.clone(),
            passes,
            with_living,
            parents: Parents::new(&self.registry, question.uid),
            standing: standing.asked(&question.event),
            page: Vec::new().into_iter(),
            after: None,
            question,
        };
        Ok(try_unfold(listing, async |mut listing| Ok(listing.next().await?.map(|affected| (affected, listing)))))
    }
}

impl Listing {
    async fn next(&mut self) -> Result<Option<Affected>, Error> {
        loop {
            while let Some(record) = self.page.next() {
                let line = self.parents.line(&record.session).await?;
                let event = &self.question.event;
                let ending = ending(event, line.lineage(), Subject::Url(&record.url));
                let ending = ending.map(|ending| bounded(event, ending, record.usable_until()));
                let wanted = ending.filter(|ending| self.with_living || ending.verdict != Verdict::Lives);
                if let Some(ending) = wanted {
                    let (standing, ended_by) = self.standing.endings_and_end(&line, &record);
                    let what = &record.url.what;
                    let is_counted = !self.standing.has_ended(&line, what.bucket().as_str(), what.operation(), 1);
                    return Ok(Some(Affected { record, ending, standing, ended_by, is_counted }));
                }
            }
            let Some(filter) = self.passes.last() else { return Ok(None) };
            let page = self.registry.scan(self.question.uid, filter, self.after, LIST_PAGE).await;
            let page = page.map_err(Error::registry)?;
            if page.next.is_none() {
                self.passes.pop();
            }
            (self.page, self.after) = (page.items.into_iter(), page.next);
        }
    }
}

/// Records that a list reads at a time.
pub const LIST_PAGE: usize = 500;
