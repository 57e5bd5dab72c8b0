//! Adds endings up: totals, effects, groups, the curve, and when the event breaks nothing. Holds a bounded amount,
//! however many URLs, buckets or tenants are added.

mod curve;
mod names;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use self::curve::Curve;
use self::names::Names;
use super::ending::{Ending, Grade, Verdict};
use super::event::Event;
use super::reason::Reason;
use crate::issued::IssuedUrl;
use crate::s3::operation::Operation;
use crate::session::Session;
use crate::time::Timestamp;

/// The accumulator.
#[derive(Debug)]
pub struct Report {
    now: Timestamp,
    event_at: Timestamp,
    totals: Totals,
    /// By the ending without its interval. Its parts are closed sets, so these are few.
    effects: HashMap<Ending, Effect>,
    names: BTreeMap<By, Names>,
    curve: Curve,
    breaks_nothing_from: Option<Timestamp>,
    by_on_behalf_of: bool,
}

/// URLs that are counted, not read.
#[derive(Debug, Clone, Copy)]
pub struct Tally<'a> {
    /// Their session.
    pub session: &'a Session,
    /// Their bucket, as callers named it.
    pub bucket: &'a str,
    /// What S3 is asked to do.
    pub operation: Operation,
    /// Who asked for them.
    pub uid: u32,
    /// How many.
    pub urls: u64,
    /// Their hard ends lie after the first and not after the second.
    pub slot: (Timestamp, Timestamp),
    /// The last hard end among them.
    pub last_end: Timestamp,
}

/// Numbers of URLs by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// That end.
    pub ends: u64,
    /// That may end.
    pub may_end: u64,
    /// That live.
    pub lives: u64,
}

/// URLs to which the same happens for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Its interval spans those of all.
    pub ending: Ending,
    /// How many.
    pub urls: u64,
}

/// What groups are made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum By {
    /// The bucket, as callers named it.
    Bucket,
    /// The identity.
    Identity,
    /// The session's id.
    Session,
    /// The caller's uid.
    Caller,
    /// For whom the caller asked; only of URLs that were added one by one, and end or may end.
    OnBehalfOf,
    /// The operation.
    Operation,
}

/// URLs that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What.
    pub by: By,
    /// Its value; `None` for all beyond the largest.
    pub name: Option<String>,
    /// How many.
    pub totals: Totals,
}

/// How many URLs work at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurvePoint {
    /// The instant.
    pub at: Timestamp,
    /// If nothing happens.
    pub alive: u64,
    /// If the event happens: those that it surely spares.
    pub alive_after: u64,
    /// Beside them those that may have ended.
    pub maybe_after: u64,
}

impl Totals {
    /// All of them.
    pub fn sum(self) -> u64 {
        self.ends + self.may_end + self.lives
    }

    fn add(&mut self, verdict: Verdict, urls: u64) {
        match verdict {
            Verdict::Ends => self.ends += urls,
            Verdict::MayEnd => self.may_end += urls,
            Verdict::Lives => self.lives += urls,
        }
    }

    /// What is broken first, then what is there.
    fn size(self) -> (u64, u64) {
        (self.ends + self.may_end, self.lives)
    }
}

impl Report {
    /// Nothing yet. `now` is where the curve begins; what has ended by then is not to be added.
    pub fn new(event: &Event, now: Timestamp) -> Self {
        Self {
            now,
            event_at: event.at,
            totals: Totals::default(),
            effects: HashMap::new(),
            names: BTreeMap::new(),
            curve: Curve::new(now),
            breaks_nothing_from: None,
            by_on_behalf_of: false,
        }
    }

    /// Also groups by on_behalf_of.
    #[must_use]
    pub fn by_on_behalf_of(self) -> Self {
        Self { by_on_behalf_of: true, ..self }
    }

    /// Whether the URLs of a slot must be added one by one, because some of them end, by themselves, before now or
    /// before the event ends the others.
    pub fn splits(&self, slot: (Timestamp, Timestamp), ending: &Ending) -> bool {
        let inside = |instant: Timestamp| slot.0 < instant && instant < slot.1;
        inside(self.now) || (ending.verdict != Verdict::Lives && inside(ending.not_before))
    }

    /// Adds what was counted, with the ending of the group. Not for a slot that [`Self::splits`].
    pub fn add_tally(&mut self, tally: &Tally<'_>, ending: &Ending) {
        let ended = ending.verdict != Verdict::Lives && tally.last_end <= ending.not_before;
        let ending = if ended { super::lives(self.event_at, Reason::AlreadyEnded, Grade::Documented) } else { *ending };
        self.add(&ending, tally.urls, tally.last_end);
        self.curve.add(tally.slot.1, &ending, tally.urls);
        let (session, verdict) = (tally.session, ending.verdict);
        let uid = tally.uid;
        self.group(session, tally.bucket, tally.operation, uid, verdict, tally.urls);
    }

    /// Adds one URL with its ending.
    pub fn add_url(&mut self, session: &Session, url: &IssuedUrl, ending: &Ending) {
        let end = session.bounds(url.usable_until());
        self.add(ending, 1, end);
        self.curve.add(end, ending, 1);
        let (bucket, operation) = (url.what.bucket().as_str(), url.what.operation());
        self.group(session, bucket, operation, url.caller.uid, ending.verdict, 1);
        // URLs that live are counted, not read, so a tenant's would be some of them.
        if self.by_on_behalf_of && ending.verdict != Verdict::Lives {
            self.count(By::OnBehalfOf, &url.on_behalf_of, ending.verdict, 1);
        }
    }

    /// Of all.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// By what happens and why; what ends first, then the largest.
    pub fn effects(&self) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.effects.values().cloned().collect();
        let order = |effect: &Effect| {
            let ending = &effect.ending;
            (ending.verdict, std::cmp::Reverse(effect.urls), ending.reason, ending.not_before)
        };
        effects.sort_by_key(order);
        effects
    }

    /// The [`LARGEST`] of each kind, what is broken most first, and the sum of the others.
    pub fn groups(&self) -> Vec<Group> {
        self.names.iter().flat_map(|(by, names)| names.largest(*by)).collect()
    }

    /// Whether each group holds all that belongs to it. Not so beyond [`MOST_NAMES`] names of a kind: names that were
    /// dropped for larger ones begin anew when they come again.
    pub fn groups_are_exact(&self) -> bool {
        self.names.values().all(Names::are_exact)
    }

    /// From now on, at ends of slots: each point is exact where all that was added was told by slot or by URL.
    pub fn curve(&self) -> Vec<CurvePoint> {
        self.curve.points()
    }

    /// The last hard end of what ends or may end; `None`: the event breaks nothing even now.
    pub fn breaks_nothing_from(&self) -> Option<Timestamp> {
        self.breaks_nothing_from
    }

    fn add(&mut self, ending: &Ending, urls: u64, last_end: Timestamp) {
        self.totals.add(ending.verdict, urls);
        if ending.verdict != Verdict::Lives {
            self.breaks_nothing_from = self.breaks_nothing_from.max(Some(last_end));
        }
        let timeless = Ending { not_before: self.event_at, not_after: self.event_at, ..*ending };
        let effect = self.effects.entry(timeless).or_insert(Effect { ending: *ending, urls: 0 });
        effect.urls += urls;
        effect.ending.not_before = effect.ending.not_before.min(ending.not_before);
        effect.ending.not_after = effect.ending.not_after.max(ending.not_after);
    }

    fn group(&mut self, session: &Session, bucket: &str, operation: Operation, uid: u32, verdict: Verdict, urls: u64) {
        self.count(By::Bucket, bucket, verdict, urls);
        self.count(By::Identity, session.identity.as_str(), verdict, urls);
        self.count(By::Session, &session.id.to_string(), verdict, urls);
        self.count(By::Caller, &uid.to_string(), verdict, urls);
        self.count(By::Operation, operation.as_str(), verdict, urls);
    }

    fn count(&mut self, by: By, name: &str, verdict: Verdict, urls: u64) {
        self.names.entry(by).or_default().add(name, verdict, urls);
    }
}

/// Groups of a kind that are told apart in the answer.
pub const LARGEST: usize = 20;
/// Names of a kind that are held at once.
pub const MOST_NAMES: usize = 4096;
/// Points of a curve.
pub const MOST_POINTS: usize = 200;
/// Hard ends are counted by quarters of an hour.
pub const SLOT: Duration = Duration::from_secs(900);
