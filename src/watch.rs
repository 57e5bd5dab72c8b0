//! What happened since a cursor, and what happens from now on: to everybody, or to the URLs of one caller.
//!
//! Holds a place in the registry's events and no more: a URL that an event ends early is spelled out while it is read,
//! and never stored so (docs/adr/0004). Never decides what an event does.

mod cursor;
mod seats;
mod spelling;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::assess::{Affected, Assessor, Question};
use crate::clock::Clock;
use crate::error::Error;
use crate::issued::Filter;
use crate::registry::{self, EventKind, EventRow, Registry};
use crate::rotation::report::Reported;
use crate::rotation::told::Told;
use crate::s3::Refused;
use crate::session::RecordId;
use crate::time::Timestamp;

pub use cursor::Cursor;
pub use seats::{MAX_WATCHERS, Seats};
use spelling::Spelling;

/// From where on somebody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// What happens from now on.
    Now,
    /// The oldest that is kept.
    Oldest,
    /// After what was handled last.
    Cursor(Cursor),
}

/// One thing that a watcher is told.
#[derive(Debug)]
pub struct Heard {
    /// Where it stands: who handled it goes on from here.
    pub cursor: Cursor,
    /// When it was written down.
    pub at: Timestamp,
    /// What; `None` for a place alone.
    pub news: Option<News>,
}

/// What there is to be told.
#[derive(Debug)]
pub enum News {
    /// Of generations and identities.
    Told(Told),
    /// Something happened at AWS.
    Happened(Reported),
    /// It was undone.
    Lifted(Reported),
    /// A URL that it ends, or may end.
    EndsEarly {
        /// Which, and how.
        affected: Box<Affected>,
        /// By which event.
        event: RecordId,
    },
}

/// Somebody who watches.
pub struct Watcher {
    registry: Registry,
    assessor: Assessor,
    clock: Clock,
    /// Who reads.
    uid: u32,
    /// Whose URLs matter; `None` for everybody's, and everything else.
    own: Option<u32>,
    /// The last row that was told to its end.
    after: u64,
    rows: VecDeque<EventRow>,
    ready: VecDeque<Heard>,
    /// The row that is being spelled out.
    spelling: Option<Spelling>,
    /// Whether rows were passed over since the last place that was told.
    is_behind: bool,
    news: watch::Receiver<u64>,
    _seat: seats::Seat,
}

impl Watcher {
    /// Takes a seat, and finds the place. The first thing that is told is that place.
    ///
    /// # Errors
    /// When the caller watches too often already; when the cursor is another registry's, ahead of this one, or so old that
    /// something after it is forgotten.
    pub async fn open(
        registry: &Registry,
        clock: &Clock,
        seats: &Seats,
        uid: u32,
        own: Option<u32>,
        from: From,
    ) -> Result<Self, Error> {
        let seat = seats.take(uid)?;
        // First listen, then read: so nothing falls between.
        let news = registry.subscribe_events();
        let oldest = registry.oldest_event(uid).await.map_err(Error::registry)?;
        let (after, inside) = match from {
            From::Now => (registry.last_event(), None),
            From::Oldest => (oldest.saturating_sub(1), None),
            From::Cursor(cursor) => {
                check(&cursor, registry, oldest)?;
                (cursor.after(), cursor.url)
            }
        };
        let mut watcher = Self {
            registry: registry.clone(),
            assessor: Assessor::new(registry.clone(), clock.clone()),
            clock: clock.clone(),
            uid,
            own,
            after,
            rows: VecDeque::new(),
            ready: VecDeque::new(),
            spelling: None,
            is_behind: false,
            news,
            _seat: seat,
        };
        let place = match (from, inside) {
            (From::Cursor(cursor), Some(url)) => {
                watcher.go_on_inside(cursor.event, url).await?;
                cursor
            }
            _ => watcher.place(),
        };
        watcher.ready.push_back(Heard { cursor: place, at: clock.now(), news: None });
        Ok(watcher)
    }

    /// The next thing; waits for it, and for the turn to read it.
    ///
    /// # Errors
    /// When the registry cannot be read, or the watcher is so slow that it forgot what comes next: the stream ends.
    pub async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            match self.step().await {
                Err(error) if is_busy(&error) => sleep(BUSY).await,
                other => return other,
            }
        }
    }

    /// An error leaves the place where it was.
    async fn step(&mut self) -> Result<Heard, Error> {
        loop {
            if let Some(heard) = self.ready.pop_front() {
                return Ok(heard);
            }
            if let Some(spelling) = &mut self.spelling {
                if let Some(affected) = spelling.next().await? {
                    return Ok(ends_early(&self.registry, spelling, affected));
                }
                self.after = spelling.row;
                self.spelling = None;
            }
            if let Some(row) = self.rows.front().cloned() {
                self.read(row).await?;
                self.rows.pop_front();
                continue;
            }
            self.news.borrow_and_update();
            let rows = self.registry.events(self.uid, self.after, ROWS).await.map_err(Error::registry)?;
            let oldest = self.registry.oldest_event(self.uid).await.map_err(Error::registry)?;
            if self.after + 1 < oldest {
                return Err(Error::CursorTooOld);
            }
            self.rows.extend(rows);
            if !self.rows.is_empty() {
                continue;
            }
            if std::mem::take(&mut self.is_behind) {
                return Ok(Heard { cursor: self.place(), at: self.clock.now(), news: None });
            }
            if self.news.changed().await.is_err() {
                return Err(Error::Registry(std::sync::Arc::new(registry::Error::Closed)));
            }
        }
    }

    /// Makes of a row what there is to tell.
    async fn read(&mut self, row: EventRow) -> Result<(), Error> {
        let news = match row.kind {
            EventKind::EventHappened => return self.happened(row).await,
            EventKind::EventLifted => {
                let lifted = Reported::of(&row, &self.registry);
                match lifted {
                    Some(lifted) if self.concerns(&row, &lifted).await? => Some(News::Lifted(lifted)),
                    _ => None,
                }
            }
            // Sessions and identities are the operator's business: no URL ends by them before it was said to.
            _ if self.own.is_some() => None,
            _ => Told::of(&row).map(News::Told),
        };
        self.after = row.number;
        self.tell(row.at, news);
        Ok(())
    }

    async fn happened(&mut self, row: EventRow) -> Result<(), Error> {
        let Some(reported) = Reported::of(&row, &self.registry) else {
            self.after = row.number;
            self.tell(row.at, None);
            return Ok(());
        };
        // What was undone by now ends nothing any more, and says so itself.
        let is_over = reported.lifted_at.is_some();
        let (event, at) = (reported.id, row.at);
        let mut spelling = self.spell(&row, &reported, None);
        let first = if is_over { None } else { spelling.next().await? };
        if first.is_none() && (self.own.is_some() || is_over) {
            self.after = row.number;
            let news = self.own.is_none().then_some(News::Happened(reported));
            self.tell(at, news);
            return Ok(());
        }
        let cursor = Cursor { registry: self.registry.instance(), event: event.number, url: Some(0) };
        self.ready.push_back(Heard { cursor, at, news: Some(News::Happened(reported)) });
        self.is_behind = false;
        if let Some(affected) = first {
            self.ready.push_back(ends_early(&self.registry, &spelling, affected));
        }
        self.spelling = Some(spelling);
        Ok(())
    }

    /// Goes on within a row, after one of the URLs that it concerns.
    async fn go_on_inside(&mut self, number: u64, url: u64) -> Result<(), Error> {
        let rows = self.registry.events(self.uid, number - 1, 1).await.map_err(Error::registry)?;
        let row = rows.into_iter().find(|row| row.number == number && row.kind == EventKind::EventHappened);
        let Some((row, reported)) = row.and_then(|row| Reported::of(&row, &self.registry).map(|told| (row, told)))
        else {
            return Err(cursor::not_ours().into());
        };
        let last = match url {
            0 => None,
            number => {
                let id = RecordId { instance: self.registry.instance(), number };
                self.registry.url(self.uid, id).await.map_err(Error::registry)?
            }
        };
        // A record that is forgotten ended long ago, and so did all before it: they come in the order of their ends.
        let mut spelling = self.spell(&row, &reported, last);
        if url != 0 && !spelling.is_placed() {
            spelling.only_outstanding_at(self.clock.now());
        }
        self.spelling = reported.lifted_at.is_none().then_some(spelling);
        if self.spelling.is_none() {
            self.after = number;
        }
        Ok(())
    }

    fn spell(&self, row: &EventRow, reported: &Reported, last: Option<crate::issued::Record>) -> Spelling {
        let filter = Filter { uid: self.own, usable_after: Some(row.at.max(reported.event.at)), ..Filter::default() };
        let question = Question { uid: self.uid, event: reported.event.clone(), filter, by_on_behalf_of: false };
        Spelling::new(&self.assessor, row.number, row.at, question, last)
    }

    /// Whether it is any of the watcher's business.
    async fn concerns(&self, row: &EventRow, reported: &Reported) -> Result<bool, Error> {
        match self.own {
            None => Ok(true),
            Some(_) => Ok(self.spell(row, reported, None).next().await?.is_some()),
        }
    }

    fn tell(&mut self, at: Timestamp, news: Option<News>) {
        match news {
            None => self.is_behind = true,
            news => {
                self.is_behind = false;
                self.ready.push_back(Heard { cursor: self.place(), at, news });
            }
        }
    }

    fn place(&self) -> Cursor {
        Cursor { registry: self.registry.instance(), event: self.after, url: None }
    }
}

fn ends_early(registry: &Registry, spelling: &Spelling, affected: Affected) -> Heard {
    let (instance, number) = (registry.instance(), spelling.row);
    Heard {
        cursor: Cursor { registry: instance, event: number, url: Some(affected.record.url.id.number) },
        at: spelling.at,
        news: Some(News::EndsEarly { affected: Box::new(affected), event: RecordId { instance, number } }),
    }
}

fn check(cursor: &Cursor, registry: &Registry, oldest: u64) -> Result<(), Error> {
    let refuse = |problem: String| Err(Refused::new("cursor", problem).into());
    if cursor.registry != registry.instance() {
        return refuse(format!("is of registry {}; this one is {}", cursor.registry, registry.instance()));
    }
    if cursor.event > registry.last_event() {
        let last = registry.last_event();
        return refuse(format!(
            "is ahead of what this registry has written down ({last} is the last): Watch did not give it out, or the registry \
             was brought back from an older copy since; watch from_oldest"
        ));
    }
    if cursor.after() + 1 < oldest { Err(Error::CursorTooOld) } else { Ok(()) }
}

/// Whether it passes by itself: others ask much of the registry at this moment, or the watcher's own user does.
fn is_busy(error: &Error) -> bool {
    matches!(error, Error::Registry(error) if matches!(**error, registry::Error::Full | registry::Error::TooManyQuestions))
}

/// Rows that a watcher reads at a time.
const ROWS: usize = 100;
/// How long until a busy registry is asked again.
const BUSY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
