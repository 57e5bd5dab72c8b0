//! Adds endings up: totals, effects, groups, the curve, and when the event breaks nothing. Holds a bounded amount,
//! however many URLs, buckets or tenants are added.

use super::ending::Ending;
use super::event::Event;
use crate::issued::IssuedUrl;
use crate::s3::operation::Operation;
use crate::session::Session;
use crate::time::Timestamp;

/// The accumulator.
#[derive(Debug)]
pub struct Report {
    now: Timestamp,
    totals: Totals,
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
    /// For whom the caller asked; only of URLs that were added one by one.
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

impl Report {
    /// Nothing yet. `now` is where the curve begins.
    pub fn new(event: &Event, now: Timestamp) -> Self {
        let _ = event;
        Self { now, totals: Totals::default() }
    }

    /// Also groups by on_behalf_of.
    #[must_use]
    pub fn by_on_behalf_of(self) -> Self {
        self
    }

    /// Adds what was counted. The slot holds neither now nor the ending's first instant, but at its end.
    pub fn add_tally(&mut self, tally: &Tally<'_>, ending: &Ending) {
        let _ = (tally, ending);
    }

    /// Adds one URL.
    pub fn add_url(&mut self, session: &Session, url: &IssuedUrl, ending: &Ending) {
        let _ = (session, url, ending);
    }

    /// Of all.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// By what happens and why; the largest first.
    pub fn effects(&self) -> Vec<Effect> {
        Vec::new()
    }

    /// The largest of each kind and the sum of the others, by kind and size.
    pub fn groups(&self) -> Vec<Group> {
        Vec::new()
    }

    /// Whether each group holds all that belongs to it. Not so beyond [`MOST_NAMES`] names of a kind.
    pub fn groups_are_exact(&self) -> bool {
        true
    }

    /// From now on.
    pub fn curve(&self) -> Vec<CurvePoint> {
        let _ = self.now;
        Vec::new()
    }

    /// The last hard end of what ends or may end; `None`: the event breaks nothing even now.
    pub fn breaks_nothing_from(&self) -> Option<Timestamp> {
        None
    }
}

/// Groups of a kind that are told apart in the answer.
pub const LARGEST: usize = 20;
/// Names of a kind that are held at once.
pub const MOST_NAMES: usize = 4096;
