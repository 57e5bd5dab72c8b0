//! Counts what is outstanding by what the event does to it: tallies where the rule answers for all URLs of a tally, rows
//! where it asks for the URL. Exact, and bounded in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::cells::{Axis, Span, Spans};
use super::gap::Seen;
use super::parents::{Line, Parents};
use super::passes::passes;
use super::places::told_by_name;
use super::standing::Standing;
use super::{Assessor, Question};
use crate::error::Error;
use crate::impact::concern::Concern;
use crate::impact::ending::{Conditions, Ending, Grade, Verdict};
use crate::impact::event::{Event, What};
use crate::impact::reason::Reason;
use crate::impact::report::{self, Report};
use crate::impact::{Subject, ending};
use crate::issued::{Filter, Record};
use crate::registry::{MAX_PAGE, Registry, ScanPlace, Tally, TallyFilter};
use crate::s3::operation::Operation;
use crate::session::{RecordId, Session};
use crate::time::Timestamp;

/// One count.
pub(super) struct Count<'a> {
    registry: &'a Registry,
    uid: u32,
    event: &'a Event,
    /// Every URL that is touched is read.
    reads_touched: bool,
    now: Timestamp,
    parents: Parents,
    seen: Seen,
    standing: Standing,
    /// The event without the place of its bucket, where all URLs of the bucket's name lead there.
    by_name: Option<Event>,
}

/// Where URLs are counted together.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Kin {
    session: RecordId,
    bucket: Arc<str>,
    operation: Operation,
    uid: u32,
    cell: Span,
}

/// URLs of a kin that are to be read one by one.
struct Open {
    session: Arc<Session>,
    urls: u64,
    last_end: Timestamp,
}

/// What is to be read one by one.
#[derive(Default)]
struct Asked {
    spans: Spans,
    open: HashMap<Kin, Open>,
}

impl<'a> Count<'a> {
    pub(super) fn new(desk: &'a Assessor, question: &'a Question, standing: Standing, now: Timestamp) -> Self {
        let parents = Parents::new(&desk.registry, question.uid);
        let Question { uid, event, by_on_behalf_of, .. } = question;
        Self {
            registry: &desk.registry,
            uid: *uid,
            event,
            reads_touched: *by_on_behalf_of,
            now,
            parents,
            seen: Seen::default(),
            standing: standing.asked(event),
            by_name: None,
        }
    }

    /// What was met on the way.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Which events stand, and what of theirs was met on the way.
    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Looks at URLs one by one where it depends on them whether events that stand touch any that was counted.
    pub(super) async fn look_closer(&mut self, filter: &Filter) -> Result<(), Error> {
        self.standing.look_closer(self.registry, self.uid, filter, &mut self.parents).await
    }

    /// Adds everything outstanding that the filter wants, less what events that stand have surely ended by now.
    pub(super) async fn all(&mut self, filter: &Filter, report: &mut Report) -> Result<(), Error> {
        self.by_name = told_by_name(self.registry, self.uid, self.event).await?;
        let axis = Axis { from: filter.usable_after.map_or(self.now, |after| after.max(self.now)), at: self.event.at };
        let filter = Filter { usable_after: None, ..filter.clone() };
        let mut asked = Asked::default();
        let tallies = TallyFilter::of(&filter);
        let filter = Filter { usable_after: Some(axis.from), ..filter };
        match tallies {
            Some(tallies) => {
                self.of_slots(&filter, &tallies, axis, report, &mut asked).await?;
                self.of_rows(&filter, axis.cut_slots(), axis, report, &mut asked).await?;
            }
            None => self.of_rows(&filter, axis.whole(), axis, report, &mut asked).await?,
        }
        self.one_by_one(&filter, axis, report, asked).await
    }

    async fn of_slots(
        &mut self,
        filter: &Filter,
        tallies: &TallyFilter,
        axis: Axis,
        report: &mut Report,
        asked: &mut Asked,
    ) -> Result<(), Error> {
        let cut = axis.slot_of_event();
        let mut after = None;
        loop {
            let page = self.registry.tallies(self.uid, tallies, axis.from, after).await.map_err(Error::registry)?;
            for tally in page.items {
                if cut != Some((tally.slot_from, tally.slot_to)) {
                    self.add(tally, axis, report, asked).await?;
                }
            }
            if asked.open.len() >= MOST_OPEN {
                self.one_by_one(filter, axis, report, std::mem::take(asked)).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn of_rows(
        &mut self,
        filter: &Filter,
        spans: Vec<Span>,
        axis: Axis,
        report: &mut Report,
        asked: &mut Asked,
    ) -> Result<(), Error> {
        for (from, to) in spans {
            let mut after = None;
            loop {
                let page = self.registry.slot_rows(self.uid, filter, from, to, after).await.map_err(Error::registry)?;
                let last_end = page.items.iter().map(|tally| tally.last_end).max();
                for tally in page.items {
                    self.add(tally, axis, report, asked).await?;
                }
                if let Some(last_end) = last_end.filter(|_| asked.open.len() >= MOST_OPEN) {
                    let rest = asked.split_off(axis.cell(last_end));
                    self.one_by_one(filter, axis, report, std::mem::replace(asked, rest)).await?;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn add(&mut self, tally: Tally, axis: Axis, report: &mut Report, asked: &mut Asked) -> Result<(), Error> {
        let line = self.parents.line(&tally.session).await?;
        let Tally { session, bucket, uid, operation, urls, last_end, .. } = tally;
        if self.standing.has_ended(&line, &bucket, operation, urls) {
            self.seen.add_ended(self.event, &line, &bucket, operation);
            return Ok(());
        }
        let kin = Kin { session: session.id, bucket, operation, uid, cell: axis.cell(last_end) };
        if let Some(ending) = self.of_group(&line, &kin.bucket, operation, told(&session, kin.cell)) {
            self.seen.add(&session, &ending);
            report.add_tally(&kin.tally(&session, urls, last_end), &ending);
            return Ok(());
        }
        asked.add(kin, session, urls, last_end);
        Ok(())
    }

    /// What happens to all URLs of a cell; `None`: ask for each.
    fn of_group(&self, line: &Line, bucket: &str, operation: Operation, cell: Span) -> Option<Ending> {
        if cell.1 <= self.event.at {
            return Some(lives(self.event, Reason::AlreadyEnded));
        }
        let by_name = self.by_name.as_ref().filter(|event| event.bucket() == Some(bucket));
        let ending = ending(by_name.unwrap_or(self.event), line.lineage(), Subject::Group { bucket, operation })?;
        match ending.verdict {
            Verdict::Lives => Some(ending),
            // Nothing of them was left to end.
            _ if cell.1 <= ending.not_before => Some(lives(self.event, Reason::AlreadyEnded)),
            _ if cell.0 < ending.not_before || self.reads_touched => None,
            _ => Some(ending),
        }
    }

    async fn one_by_one(
        &mut self,
        filter: &Filter,
        axis: Axis,
        report: &mut Report,
        asked: Asked,
    ) -> Result<(), Error> {
        let Asked { spans, mut open } = asked;
        let spans = spans.merged();
        for pass in passes(Concern::of(self.event), &narrowed(filter, &open)) {
            for span in &spans {
                self.read(&pass, *span, axis, report, &mut open).await?;
            }
        }
        // Keys that were left out by their beginning.
        let spared = lives(self.event, spared(&self.event.what));
        for (kin, Open { session, urls, last_end }) in open.into_iter().filter(|(_, open)| open.urls > 0) {
            self.seen.add(&session, &spared);
            report.add_tally(&kin.tally(&session, urls, last_end), &spared);
        }
        Ok(())
    }

    async fn read(
        &mut self,
        filter: &Filter,
        (from, to): Span,
        axis: Axis,
        report: &mut Report,
        open: &mut HashMap<Kin, Open>,
    ) -> Result<(), Error> {
        let mut after = Some(ScanPlace::behind(from));
        loop {
            let page = self.registry.scan(self.uid, filter, after, MAX_PAGE).await.map_err(Error::registry)?;
            for record in &page.items {
                if record.url.usable_until() > to {
                    return Ok(());
                }
                self.one(record, axis, report, open).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn one(
        &mut self,
        record: &Record,
        axis: Axis,
        report: &mut Report,
        open: &mut HashMap<Kin, Open>,
    ) -> Result<(), Error> {
        let Record { url, session } = record;
        let (bucket, operation, end) = (url.what.bucket().as_str(), url.what.operation(), url.usable_until());
        let kin =
            Kin { session: session.id, bucket: bucket.into(), operation, uid: url.caller.uid, cell: axis.cell(end) };
        // What is not there was counted by its tally.
        let Some(kin) = open.get_mut(&kin) else { return Ok(()) };
        // One that was recorded meanwhile has no share in what was counted.
        kin.urls = kin.urls.saturating_sub(1);
        let line = self.parents.line(session).await?;
        let ending = ending(self.event, line.lineage(), Subject::Url(url));
        let ending = ending.unwrap_or_else(|| lives(self.event, spared(&self.event.what)));
        let ending = bounded(self.event, ending, record.usable_until());
        self.seen.add(session, &ending);
        report.add_url(session, url, &ending);
        Ok(())
    }
}

impl Asked {
    /// Takes out what lies in that cell: pages of rows end within it, so more of the same kins may come.
    fn split_off(&mut self, cell: Span) -> Self {
        let mut rest = Self { open: self.open.extract_if(|kin, _| kin.cell == cell).collect(), ..Self::default() };
        if !rest.open.is_empty() {
            rest.spans.add(cell);
        }
        rest
    }

    fn add(&mut self, kin: Kin, session: Arc<Session>, urls: u64, last_end: Timestamp) {
        self.spans.add(kin.cell);
        let all = self.open.entry(kin).or_insert(Open { session, urls: 0, last_end });
        all.urls += urls;
        all.last_end = all.last_end.max(last_end);
    }
}

impl Kin {
    fn tally<'a>(&'a self, session: &'a Session, urls: u64, last_end: Timestamp) -> report::Tally<'a> {
        let Self { bucket, operation, uid, cell, .. } = self;
        let (slot, last_end) = (told(session, *cell), session.bounds(last_end));
        report::Tally { session, bucket, operation: *operation, uid: *uid, urls, slot, last_end }
    }
}

/// The filter, as far as all that is open has the same.
fn narrowed(filter: &Filter, open: &HashMap<Kin, Open>) -> Filter {
    let mut operations: Vec<Operation> = open.keys().map(|kin| kin.operation).collect();
    operations.sort_unstable_by_key(|operation| operation.as_str());
    operations.dedup();
    let first = open.keys().next();
    let session = first.map(|kin| kin.session).filter(|first| open.keys().all(|kin| kin.session == *first));
    let bucket = first.map(|kin| &kin.bucket).filter(|first| open.keys().all(|kin| kin.bucket == **first));
    let bucket = bucket.map(|bucket| bucket.to_string());
    let (session, bucket) = (session.or(filter.session), bucket.or_else(|| filter.bucket.clone()));
    Filter { session, bucket, operations, ..filter.clone() }
}

/// Why a URL lives whose key does not begin as the event's do.
fn spared(what: &What) -> Reason {
    match what {
        What::AllowRemoved(_) | What::Denied { .. } => Reason::NotMatched,
        _ => Reason::NotConcerned,
    }
}

/// A cell of hard ends as they were signed, with what is known of the session's end by now.
fn told(session: &Session, (from, to): Span) -> Span {
    let end = session.bounds(to);
    (from.min(end - SECOND), end)
}

/// What becomes of a URL that ends then, which may be sooner than it claims.
pub(super) fn bounded(event: &Event, ending: Ending, end: Timestamp) -> Ending {
    match ending.verdict {
        _ if end <= event.at => lives(event, Reason::AlreadyEnded),
        Verdict::Lives => ending,
        Verdict::Ends | Verdict::MayEnd if end <= ending.not_before => lives(event, Reason::AlreadyEnded),
        Verdict::Ends | Verdict::MayEnd => Ending { not_after: ending.not_after.min(end), ..ending },
    }
}

/// As the rule says it.
fn lives(event: &Event, reason: Reason) -> Ending {
    Ending {
        verdict: Verdict::Lives,
        reason,
        conditions: Conditions::NONE,
        not_before: event.at,
        not_after: event.at,
        reversible: false,
        bearer_errors: &[],
        errors_grade: Grade::Documented,
        grade: Grade::Documented,
    }
}

/// Ends are whole seconds.
const SECOND: Duration = Duration::from_secs(1);
/// Groups of URLs that are held until their URLs are read one by one; one page of them may come on top.
pub const MOST_OPEN: usize = 50_000;
