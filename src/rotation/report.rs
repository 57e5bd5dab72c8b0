//! What happened at AWS, as an operator or the daemon itself says: written down, told, taken back.
//!
//! Never works out what it does to URLs: that is computed whenever somebody asks, from what stands.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Rotation;
use crate::error::{Error, NoEvent};
use crate::impact::event::Event;
use crate::registry::{self, DAEMON, EventKind, EventRow, NOTHING_SEEN, NewEvent, Registry};
use crate::s3::Refused;
use crate::session::RecordId;
use crate::time::Timestamp;

/// An event that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Names it.
    pub id: RecordId,
    /// What happened.
    pub event: Event,
    /// Whether the daemon saw it by itself.
    pub observed: bool,
    /// What was seen; empty for a report.
    pub cause: String,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// Since when it stands no more: it was undone, or withdrawn.
    pub lifted_at: Option<Timestamp>,
    /// It never happened, and who said so.
    pub withdrawn: Option<Withdrawn>,
    /// In a list: when the daemon last saw the key alive that is said to be dead by a report that stands.
    pub seen_alive_at: Option<Timestamp>,
}

/// An event was reported, or taken for seen, in error. Undone, it has ended URLs from its instant on until then; withdrawn, it
/// has ended none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// When that was said.
    pub at: Timestamp,
    /// By whom.
    pub uid: u32,
}

/// The body of a row that something happened, or that it was undone. Members are added, never renamed.
#[derive(Serialize, Deserialize)]
struct Body {
    event: Event,
    observed: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    cause: String,
    /// Of a row that lifts another: which, and when that was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifts: Option<Lifts>,
    /// Of both rows, where it never happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withdrawn: Option<Withdrawn>,
}

#[derive(Serialize, Deserialize)]
struct Lifts {
    number: u64,
    recorded_at: Timestamp,
}

impl Reported {
    /// What a row says; `None` for rows of other kinds, and for what this version cannot read.
    pub fn of(row: &EventRow, registry: &Registry) -> Option<Self> {
        let read = Body::deserialize(&row.body);
        let read = read.inspect_err(|error| tracing::warn!(number = row.number, %error, "an event cannot be read"));
        let named = |number| RecordId { instance: registry.instance(), number };
        match (row.kind, read) {
            (EventKind::EventHappened, Ok(Body { event, observed, cause, withdrawn, .. })) => Some(Self {
                id: named(row.number),
                event,
                observed,
                cause,
                recorded_at: row.at,
                lifted_at: row.lifted_at,
                withdrawn,
                seen_alive_at: None,
            }),
            (EventKind::EventLifted, Ok(Body { event, observed, cause, lifts: Some(lifts), withdrawn })) => {
                Some(Self {
                    id: named(lifts.number),
                    event,
                    observed,
                    cause,
                    recorded_at: lifts.recorded_at,
                    lifted_at: Some(row.at),
                    withdrawn,
                    seen_alive_at: None,
                })
            }
            _ => None,
        }
    }

    fn row(&self, kind: EventKind) -> NewEvent {
        NewEvent::new(kind, self.body(kind))
    }

    fn body(&self, kind: EventKind) -> Value {
        let lifts = Lifts { number: self.id.number, recorded_at: self.recorded_at };
        let body = Body {
            event: self.event.clone(),
            observed: self.observed,
            cause: self.cause.clone(),
            lifts: (kind == EventKind::EventLifted).then_some(lifts),
            withdrawn: self.withdrawn,
        };
        serde_json::to_value(body).expect("texts and numbers can be written as JSON")
    }
}

impl Rotation {
    /// Writes down, durably, that something happened; from then on records say what it does to them. The same report
    /// again, as after an answer that was lost, is answered with what stands.
    ///
    /// # Errors
    /// When it has not happened yet, too much stands already, or the registry did not take it.
    pub async fn report(&self, event: Event) -> Result<Reported, Error> {
        let (registry, now) = (self.issuer.registry(), self.issuer.clock().now());
        if event.at > now + CLOCKS_DIFFER {
            let problem = format!(
                "is {}, and that is still to come: report it when it has happened; until then, Assess tells what it would do",
                event.at
            );
            return Err(Refused::new("event.at", problem).into());
        }
        let standing = registry.standing(DAEMON).await.map_err(Error::registry)?;
        let mut standing = standing.iter().filter_map(|row| Reported::of(row, registry));
        if let Some(former) = standing.find(|former| !former.observed && former.event == event) {
            return Ok(former);
        }
        let id = RecordId { instance: registry.instance(), number: 0 };
        let mut reported = Reported {
            id,
            event,
            observed: false,
            cause: String::new(),
            recorded_at: now,
            lifted_at: None,
            withdrawn: None,
            seen_alive_at: None,
        };
        let row = registry.note(reported.row(EventKind::EventHappened)).await.map_err(Error::registry)?;
        tracing::info!(number = row.number, event = ?reported.event.what, at = %reported.event.at, "an event was reported");
        reported.id.number = row.number;
        Ok(Reported { recorded_at: row.at, ..reported })
    }

    /// Writes down that it was undone. Lifted again, it stays as it was.
    ///
    /// # Errors
    /// When there is no such event, it cannot be undone, or the registry did not take it.
    pub async fn lift(&self, uid: u32, id: RecordId) -> Result<Reported, Error> {
        let (row, known) = self.that_happened(uid, id).await?;
        if !known.event.what.can_be_undone() {
            return Err(NoEvent::Irreversible(id).into());
        }
        let (registry, now) = (self.issuer.registry(), self.issuer.clock().now());
        let lifted = registry.lift(id.number, now, known.row(EventKind::EventLifted)).await.map_err(Error::registry)?;
        tracing::info!(number = id.number, "an event was lifted");
        self.look_again(&row, id, "lifted").await?;
        Ok(Reported { lifted_at: lifted.lifted_at, ..known })
    }

    /// Writes down that it never happened, whether it could be undone or not, or was. Withdrawn again, it stays as it was.
    ///
    /// # Errors
    /// When there is no such event, or the registry did not take it.
    pub async fn withdraw(&self, uid: u32, id: RecordId) -> Result<Reported, Error> {
        let (row, known) = self.that_happened(uid, id).await?;
        if known.withdrawn.is_some() {
            return Ok(known);
        }
        let (registry, now) = (self.issuer.registry(), self.issuer.clock().now());
        let known = Reported { withdrawn: Some(Withdrawn { at: now, uid }), ..known };
        // All that the row says is kept, what other rooms wrote there too.
        let mut body = row.body.clone();
        body["withdrawn"] = known.body(EventKind::EventHappened)["withdrawn"].take();
        let withdrawn = registry.withdraw(id.number, now, body, known.row(EventKind::EventLifted)).await;
        let withdrawn = withdrawn.map_err(Error::registry)?;
        tracing::info!(number = id.number, uid, "an event was withdrawn: it never happened");
        self.look_again(&row, id, "withdrawn").await?;
        Ok(Reported { lifted_at: withdrawn.lifted_at, ..known })
    }

    /// The row of an event that happened.
    async fn that_happened(&self, uid: u32, id: RecordId) -> Result<(EventRow, Reported), Error> {
        let registry = self.issuer.registry();
        if id.instance != registry.instance() {
            return Err(NoEvent::Foreign { id, registry: registry.instance() }.into());
        }
        let rows = registry.events(uid, id.number - 1, 1).await.map_err(Error::registry)?;
        let row = rows.into_iter().find(|row| row.number == id.number && row.kind == EventKind::EventHappened);
        let known = row.and_then(|row| Reported::of(&row, registry).map(|known| (row, known)));
        Ok(known.ok_or(NoEvent::Unknown(id))?)
    }

    /// A person knows better than what was seen of a session, which is said of it no more; whoever looks may see it again.
    async fn look_again(&self, row: &EventRow, id: RecordId, how: &str) -> Result<(), Error> {
        let seen = Reported::of(row, self.issuer.registry()).is_some_and(|known| known.observed);
        let Some(session) = row.session.filter(|_| seen && row.lifted_at.is_none()) else { return Ok(()) };
        let cause = format!("event {id} was {how}");
        let observed = self.issuer.registry().observe(session, NOTHING_SEEN, &cause, None).await;
        match observed {
            // It is forgotten by now.
            Err(registry::Error::Unknown(_)) => Ok(()),
            other => other.map(drop).map_err(Error::registry),
        }
    }

    /// Events that happened, newest first; those that still stand, or all that are kept.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn happened(&self, uid: u32, with_lifted: bool) -> Result<Vec<Reported>, Error> {
        let registry = self.issuer.registry();
        let rows = if with_lifted { registry.happened(uid).await } else { registry.standing(uid).await };
        let rows = rows.map_err(Error::registry)?;
        let mut all: Vec<_> = rows.iter().filter_map(|row| Reported::of(row, registry)).collect();
        let alive = self.assessor().seen_alive(uid).await?;
        for one in all.iter_mut().filter(|one| !one.observed && one.lifted_at.is_none()) {
            one.seen_alive_at = alive.since(&one.event);
        }
        Ok(all)
    }

    /// The same thing of whatever instants, as it was reported and stands; the first, which did it, comes first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn reported_before(&self, event: &Event) -> Result<Vec<Event>, Error> {
        let all = self.happened(DAEMON, false).await?;
        let same = all.into_iter().filter(|one| !one.observed && one.event.is_of_the_same(event));
        let mut same: Vec<_> = same.map(|one| one.event).collect();
        same.sort_by_key(|event| event.at);
        Ok(same)
    }
}

/// How far the clock of whoever reports may be ahead.
const CLOCKS_DIFFER: std::time::Duration = std::time::Duration::from_secs(60);
