//! The one way a URL leaves the house: access, identity, lifetime, signature, record, and only then the answer.
//!
//! Never signs by itself, never talks to STS or to disk: it asks the rooms below in order.

mod asked;
mod doomed;
mod early;
mod pick;
mod prepare;
mod rate;
mod tenant;

pub use doomed::Unless;

use std::sync::{Arc, RwLock};

use futures_util::StreamExt;
use tokio::time::Instant;
use zeroize::Zeroizing;

use prepare::Outcome;

use crate::access::{Caller, Grants};
use crate::clock::Clock;
use crate::error::Error;
use crate::identity::{Identities, Identity};
use crate::impact::ending::Ending;
use crate::issued::IssuedUrl;
use crate::region::Regions;
use crate::registry::{Append, Appended, Registry, RequestId};
use crate::s3::Region;
use crate::s3::form::Signable;
use crate::session::{IdentityName, RecordId, Session};
use crate::telemetry::Metrics;
use crate::time::Ttl;

/// One thing that a caller wants signed, already checked field by field.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Who signs; `None` for the default.
    pub identity: Option<IdentityName>,
    /// What is signed.
    pub what: Signable,
    /// The bucket's region, when the caller knows it.
    pub region: Option<Region>,
    /// `expires_in`.
    pub asked: Ttl,
    /// The shortest life that is of use; never above `asked`.
    pub at_least: Ttl,
    /// For whom.
    pub on_behalf_of: String,
    /// Sorted by name.
    pub labels: Vec<(String, String)>,
    /// Makes a repeated call safe.
    pub request_id: Option<String>,
    /// Whether the URL carries its record's id.
    pub tag: bool,
    /// The record that this one is to follow.
    pub replaces: Option<RecordId>,
    /// The uid of the caller who had it signed before, where another asks for it again: whose session signs, where each caller
    /// has its own.
    pub in_place_of: Option<u32>,
    /// What lets the caller have it.
    pub authority: Authority,
}

/// What lets a caller have what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The grants, as far as they go.
    Grants,
    /// An operator signs again what the daemon has recorded: it was granted once, and the admin socket admits whom the
    /// configuration trusts with everybody's URLs.
    Operator,
}

/// A URL or form, its record durable.
pub struct Issued {
    /// What the registry holds of it.
    pub record: IssuedUrl,
    /// The session that signed.
    pub session: Arc<Session>,
    /// What the caller gets.
    pub output: Output,
    /// What its user may trip over.
    pub cautions: Vec<Caution>,
    /// What stands and ends it early.
    pub ends_early: Option<EndsEarly>,
}

/// An event that stands, and what it does to a URL that was signed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndsEarly {
    /// Names it.
    pub event: RecordId,
    /// Surely, or perhaps.
    pub ending: Ending,
}

/// What the caller gets. A secret: no `Debug`.
pub enum Output {
    /// A presigned URL.
    Url {
        /// The URL.
        url: Zeroizing<String>,
        /// The only method that the signature allows.
        method: &'static str,
        /// Headers that the bearer must send.
        headers: Vec<(String, Zeroizing<String>)>,
    },
    /// A form.
    Form {
        /// Its action.
        url: String,
        /// Its fields, in order.
        fields: Vec<(String, Zeroizing<String>)>,
    },
}

/// Something true of the URL that its user may trip over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// The key has a `.` or `..` segment (SEMANTICS.md 3.2).
    KeyUnusableInBrowsers,
    /// The session's end was taken from an SDK that may rewrite it (SEMANTICS.md 2.4).
    ExpiryUncertain,
    /// The bearer must send an SSE-C key, which is not recorded.
    NeedsCustomerKey,
    /// An event that stands ends it before its hard end, or has done so already.
    EndsEarly,
    /// An event that stands may do so.
    MayEndEarly,
}

/// What a reload of the configuration replaces as one.
pub struct Rules {
    /// Who may sign what.
    pub grants: Grants,
    /// Who signs when the caller names nobody.
    pub default_identity: Option<IdentityName>,
    /// The sources.
    pub identities: Arc<Identities>,
}

/// The desk where URLs are issued.
pub struct Issuer {
    rules: RwLock<Arc<Rules>>,
    regions: Regions,
    registry: Registry,
    clock: Clock,
    metrics: Arc<Metrics>,
    rates: rate::Rates,
    early: early::Known,
}

impl Issuer {
    /// Opens the desk.
    pub fn new(rules: Rules, regions: Regions, registry: Registry, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let rules = RwLock::new(Arc::new(rules));
        let rates = rate::Rates::new(clock.monotonic());
        Self { rules, regions, registry, clock, metrics, rates, early: early::Known::default() }
    }

    /// The rules in force; a call keeps those it began with.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Puts other rules in force. Calls under way keep the old ones.
    pub fn replace_rules(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(rules);
    }

    /// The registry, for questions.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The clock that signs.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Signs every ask and records what was signed as one group; answers in order. A failure of one ask fails no other,
    /// a failure of the registry fails all that were to be recorded.
    pub async fn issue(&self, caller: &Caller, asks: Vec<Ask>, deadline: Instant) -> Vec<Result<Issued, Error>> {
        self.issue_unless(caller, asks, None, deadline).await
    }

    /// The same, but that what the event would end, or may end no less than what it follows, is neither recorded nor handed
    /// out.
    pub async fn issue_unless(
        &self,
        caller: &Caller,
        asks: Vec<Ask>,
        unless: Option<Unless<'_>>,
        deadline: Instant,
    ) -> Vec<Result<Issued, Error>> {
        let rules = self.rules();
        let rules = &rules;
        // What cannot be had in time fails alone, and leaves the others of its call time to be recorded.
        let now = self.clock.monotonic();
        let soon = now + deadline.saturating_duration_since(now) * 9 / 10;
        let preparing: Vec<_> = asks.iter().map(|ask| self.prepare(rules, caller, ask, soon)).collect();
        let mut prepared: Vec<_> = futures_util::stream::iter(preparing).buffered(PREPARED_AT_ONCE).collect().await;
        let picked = self.pick(caller, &asks, &mut prepared, soon).await;
        let ready = prepared.into_iter().zip(picked).zip(&asks);
        let signed = ready.map(|((prepared, picked), ask)| self.sign(caller, ask, prepared?, picked));
        let mut signed: Vec<_> = signed.collect();
        if let Some(unless) = unless {
            self.refuse_doomed(unless, &mut signed).await;
        }
        // Nobody waits for it any more, so nobody would have the URL of the record.
        if self.clock.monotonic() >= deadline {
            signed.iter_mut().for_each(|one| *one = Err(Error::Deadline("the signature")));
        }
        let mut answers = self.record(rules, caller, &asks, signed).await;
        self.tell_early_ends(&mut answers, deadline).await;
        for answer in &answers {
            match answer {
                Ok(issued) => self.metrics.issued(&issued.session.identity, issued.record.what.operation()),
                Err(error) => self.metrics.refused(error.verdict().1),
            }
        }
        answers
    }

    /// Appends what is new; an item whose request id another call took meanwhile is answered from that call's record.
    async fn record(
        &self,
        rules: &Rules,
        caller: &Caller,
        asks: &[Ask],
        signed: Vec<Result<Outcome, Error>>,
    ) -> Vec<Result<Issued, Error>> {
        let fresh = signed.iter().zip(asks).filter_map(|(signed, ask)| match signed {
            Ok(Outcome::New { issued, supersedes, .. }) => Some(append(issued, ask, *supersedes)),
            _ => None,
        });
        let fresh: Vec<Append> = fresh.collect();
        let nothing = fresh.is_empty();
        let appended = if nothing { Ok(Vec::new()) } else { self.registry.append(fresh).await.map_err(Arc::new) };
        let mut appended = appended.map(Vec::into_iter);
        let mut answers = Vec::with_capacity(asks.len());
        for (signed, ask) in signed.into_iter().zip(asks) {
            answers.push(match (signed, &mut appended) {
                (Err(error), _) => Err(error),
                (Ok(Outcome::Repeated(issued)), _) => Ok(*issued),
                (Ok(Outcome::New { .. }), Err(error)) => Err(Error::Registry(Arc::clone(error))),
                (Ok(Outcome::New { issued, signing, .. }), Ok(rows)) => {
                    drop(signing);
                    match rows.next() {
                        Some(Appended::Recorded) => Ok(*issued),
                        Some(Appended::Already(remembered)) => self.repeat(rules, caller, ask, &remembered),
                        None => Err(Error::Registry(Arc::new(crate::registry::Error::Closed))),
                    }
                }
            });
        }
        answers
    }

    /// The session that would sign this now; `None` where one would have to be got first.
    pub fn present_session(&self, caller: &Caller, ask: &Ask) -> Option<Arc<Session>> {
        let identity = self.identity(&self.rules(), ask).ok()?;
        let identity = tenant::known_part(identity, caller, ask).ok()?;
        identity.current().map(|live| Arc::clone(&live.session))
    }

    fn identity(&self, rules: &Rules, ask: &Ask) -> Result<Arc<Identity>, Error> {
        let name = ask.identity.as_ref().or(rules.default_identity.as_ref()).ok_or(Error::NoDefaultIdentity)?;
        rules.identities.identity(name).ok_or_else(|| Error::UnknownIdentity(name.as_str().to_owned()))
    }
}

fn append(issued: &Issued, ask: &Ask, supersedes: Option<RecordId>) -> Append {
    let request = ask.request_id.clone();
    let request = request.map(|id| RequestId { id, asked_sha256: asked::sha256(ask), supersedes });
    Append { url: issued.record.clone(), request }
}

/// Asks of one call that may wait for S3 or STS at the same time.
const PREPARED_AT_ONCE: usize = 32;
