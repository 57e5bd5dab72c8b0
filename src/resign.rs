//! Recorded requests, signed again with the present session of their identity: by id, by filter, or what an event ends.
//!
//! Never signs by itself: it hands each request back to the issuer, so that there is one way for a URL to leave the
//! house. Never holds more than a group of records.

mod secrets;
mod source;
mod standing;

use std::sync::Arc;

use tokio::time::Instant;

use crate::access::Caller;
use crate::error::Error;
use crate::impact::event::Event;
use crate::issued::{Filter, IssuedUrl, Record};
use crate::issuer::{Ask, Authority, Issued, Issuer, Unless};
use crate::s3::Refused;
use crate::session::{RecordId, Session};
use crate::time::Ttl;

pub use secrets::Secrets;
use source::{Found, Source};
use standing::Standing;

/// What is to be signed again, and how.
pub struct Order {
    /// Which records.
    pub which: Which,
    /// Under grants, the caller's own records; an operator's order reaches all of them.
    pub authority: Authority,
    /// The new URLs' life; `None` for that of each record.
    pub expires_in: Option<Ttl>,
    /// The shortest life that is of use; `None` for nine tenths of the other.
    pub at_least: Option<Ttl>,
    /// Makes a repeated order safe.
    pub request_id: Option<String>,
    /// Keys that the records leave out.
    pub secrets: Secrets,
}

/// Records that are meant.
pub enum Which {
    /// These, in this order; each once.
    Ids(Vec<Named>),
    /// What is outstanding and matches, in the order of hard ends.
    Outstanding(Box<Filter>),
    /// Of that, what an event ends or may end.
    Ending(Box<Filter>, Box<Event>),
}

/// What was given as the id of a record.
pub struct Named {
    /// As it was given, or its beginning where it is no id.
    pub text: String,
    /// The record; what is no id fails alone, and stops no other.
    pub id: Result<RecordId, Refused>,
}

/// A record, and what became of it.
pub struct Resigned {
    /// The record that was to be signed again, or what was named as one.
    pub id: String,
    /// Its successor.
    pub successor: Result<Successor, Error>,
}

/// What follows a record.
pub enum Successor {
    /// What was signed now.
    Signed(Box<Issued>),
    /// It was signed again before, and this one still lives: nothing was signed. So whoever repeats an order gets no second
    /// URL for each.
    Standing(RecordId),
}

/// An order under way.
pub struct Resigning {
    issuer: Arc<Issuer>,
    caller: Arc<Caller>,
    order: Order,
    /// What the order is about, where it is about an event.
    event: Option<Event>,
    source: Source,
}

impl Resigning {
    /// Takes an order. Nothing is read or signed before the first group is asked for.
    ///
    /// # Errors
    /// When the event of the order names a session that is not there.
    pub async fn begin(issuer: Arc<Issuer>, caller: Arc<Caller>, mut order: Order) -> Result<Self, Error> {
        let own = (order.authority == Authority::Grants).then_some(caller.uid);
        let which = std::mem::replace(&mut order.which, Which::Ids(Vec::new()));
        let event = match &which {
            Which::Ending(_, event) => Some(Event::clone(event)),
            Which::Ids(_) | Which::Outstanding(_) => None,
        };
        let source = Source::open(&issuer, caller.uid, own, which).await?;
        Ok(Self { issuer, caller, order, event, source })
    }

    /// Signs the next records, at most `most`, and records their successors as one group; `None` after the last.
    /// A failure of one is its answer and stops no other.
    ///
    /// # Errors
    /// When the registry cannot say which records come next: the order ends.
    pub async fn next(&mut self, most: usize, deadline: Instant) -> Result<Option<Vec<Resigned>>, Error> {
        let Some(found) = self.source.next(most).await? else { return Ok(None) };
        let (mut asks, mut waiting) = (Vec::with_capacity(found.len()), Vec::with_capacity(found.len()));
        let order = self.order.request_id.as_deref().filter(|_| self.source.is_searched());
        let standing = match self.source.is_searched() {
            true => {
                let (uid, event) = (self.caller.uid, self.event.as_ref());
                Standing::of(&self.issuer, uid, &self.order, event, &self.source.scope, &found).await?
            }
            false => Standing::default(),
        };
        let mut formers = Vec::with_capacity(found.len());
        for Found { id, record, verdict } in found {
            let record = match record {
                Ok(record) if is_of_order(order, &self.issuer, self.caller.uid, &record).await? => continue,
                record => record,
            };
            let known = record.as_ref().ok().and_then(|record| standing.instead_of(self, record));
            match record.and_then(|record| self.ask(record)) {
                _ if known.is_some() => waiting.push((id, known.map(|known| Ok(Successor::Standing(known))))),
                Ok(ask) => {
                    asks.push(ask);
                    formers.push(verdict);
                    waiting.push((id, None));
                }
                Err(error) => waiting.push((id, Some(Err(error)))),
            }
        }
        let unless = self.event.as_ref().map(|event| Unless { event, formers: &formers });
        let issued = self.issuer.issue_unless(&self.caller, asks, unless, deadline).await;
        let mut issued = issued.into_iter().map(|one| one.map(|issued| Successor::Signed(Box::new(issued))));
        let answer = |(id, known): (_, Option<_>)| {
            let successor = known.or_else(|| issued.next()).unwrap_or(Err(Error::Deadline("the desk")));
            Resigned { id, successor }
        };
        Ok(Some(waiting.into_iter().map(answer).collect()))
    }

    /// What was recorded, as somebody would ask for it now.
    fn ask(&self, record: Record) -> Result<Ask, Error> {
        let Record { url, session } = record;
        let asked = self.order.expires_in.unwrap_or(url.ttl);
        let at_least = self.order.at_least.unwrap_or(asked.nine_tenths());
        if at_least > asked {
            let problem = format!("is {at_least}, more than the {asked} of the record: give expires_in as well");
            return Err(Refused::new("at_least", problem).into());
        }
        let in_place_of = Some(first_caller(&url, &session));
        Ok(Ask {
            identity: Some(session.identity.clone()),
            what: self.order.secrets.fill(url.what)?,
            region: Some(url.region),
            asked,
            at_least,
            on_behalf_of: url.on_behalf_of,
            labels: url.labels,
            request_id: self.order.request_id.as_deref().map(|order| request_id(order, url.id)),
            tag: url.tagged,
            replaces: Some(url.id),
            in_place_of,
            authority: self.order.authority,
        })
    }
}

/// Who had it signed first, where each caller has a session of its own: the record of what an operator signed again names the
/// operator, and its session whose it is.
fn first_caller(url: &IssuedUrl, session: &Session) -> u32 {
    session.facts.partition_of.parse().ok().filter(|_| url.replaces.is_some()).unwrap_or(url.caller.uid)
}

/// Whether the record was made by this very order, in an attempt before this one: a filter matches it as well.
async fn is_of_order(order: Option<&str>, issuer: &Issuer, uid: u32, record: &Record) -> Result<bool, Error> {
    let (Some(order), Some(former)) = (order, record.url.replaces) else { return Ok(false) };
    let made = issuer.registry().remembered(uid, &request_id(order, former)).await;
    Ok(made.map_err(Error::registry)?.is_some_and(|made| made.record.url.id == record.url.id))
}

/// What the issuer remembers of one record of an order. No caller can choose it for a call of another kind, because it
/// holds a line break.
fn request_id(order: &str, record: RecordId) -> String {
    format!("resign\n{order}\n{record}")
}
