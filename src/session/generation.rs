//! Where a generation is on its way to its end, since when, and what may be done with its credential: computed from what
//! is durable and from what the daemon can do with the secret. Told the time; never asks for it.

mod advice;
mod holder;

pub use advice::thousands;
pub use holder::{Hold, Holder};

use serde::{Deserialize, Serialize};

use super::{CredentialKind, Session};
use crate::time::Timestamp;

/// Where a generation is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Known, and signs nothing yet: AWS has not confirmed the key, its source has not given it since the start, or one
    /// whose drain was cancelled, or an older session that lives longer, signs in its place.
    Prepared,
    /// Signs.
    Active,
    /// Would sign, but was seen dead or denied: it signs nothing until it is seen alive.
    Dead,
    /// Signs nothing new; URLs of it are outstanding.
    Draining,
    /// Signs nothing new, and nothing of it is outstanding.
    Drained,
    /// Declared done, or ended by itself.
    Retired,
}

impl State {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Prepared, Self::Active, Self::Dead, Self::Draining, Self::Drained, Self::Retired];

    /// As it is written in metrics and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Active => "active",
            Self::Dead => "dead",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Retired => "retired",
        }
    }
}

/// What the daemon can do with a generation's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Secret {
    /// Signs with it, unless its identity is paused.
    Signs,
    /// The same, although its source gives another: its drain was cancelled, and that lasts until the source gives something
    /// anew.
    StandsIn,
    /// Holds it, and waits for AWS to confirm it.
    Waits,
    /// Holds it, and signs with another or with none.
    Rests,
    /// Holds it, and its source gives it; yet another, whose drain was cancelled, signs until that gives something anew.
    Displaced,
    /// Holds it, and signs with an older session that lives longer; with this one when that is stopped.
    Next,
    /// Holds it, and would sign with it, had it not been seen dead.
    Dead,
    /// Does not hold it: it is gone with a restart, or its source gives it no longer.
    Gone,
    /// Does not hold it, and signs with none: its source has been asked since the start, and gave nothing that signs.
    Missing,
    /// Does not hold it yet: its source is being read for the first time since the start, and may give it.
    Unread,
}

/// All that the state of a generation depends on.
#[derive(Debug, Clone, Copy)]
pub struct Generation<'a> {
    /// The generation.
    pub session: &'a Session,
    /// When it was written down.
    pub enrolled_at: Timestamp,
    /// When it came to sign, or to wait for that, after it had not; `None`: when it was written down.
    pub signs_since: Option<Timestamp>,
    /// When another took its place, where nobody drained it.
    pub followed_at: Option<Timestamp>,
    /// Since when it has been kept from signing.
    pub drained_since: Option<Timestamp>,
    /// When it was declared done.
    pub retired_at: Option<Timestamp>,
    /// What can be done with its secret.
    pub secret: Secret,
    /// URLs whose hard end lies ahead.
    pub outstanding: u64,
    /// The last hard end of any URL it signed.
    pub last_url_ends_at: Option<Timestamp>,
    /// Of those that are outstanding, how many have surely ended early,
    pub ended_early: u64,
    /// and by what, in words: "event k3yd2a7q-5 stands".
    pub ended_by: &'a str,
    /// and by what those of whoever has its key.
    pub key_ended_by: &'a str,
    /// What was seen of it, where it was seen dead.
    pub seen_dead: Option<SeenDead<'a>>,
    /// Whoever has its access key, itself included; nobody where it has an end of its own.
    pub holders: &'a [Holder],
    /// Whether its identity signs nothing since it was stopped, and gets nothing to sign with by itself.
    pub is_last: bool,
    /// Whether AWS, which can be asked, never said whose key it is, and nothing was signed with it: it may be a typing error.
    pub is_unconfirmed: bool,
}

/// How AWS was seen to refuse a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenDead<'a> {
    /// Its key is not known any more; otherwise what it signs is denied.
    pub is_key: bool,
    /// Since when it is seen so.
    pub since: Timestamp,
    /// What was asked, and what came of it.
    pub cause: &'a str,
}

impl Generation<'_> {
    /// Where it is.
    pub fn state(&self, now: Timestamp) -> State {
        match self.secret {
            _ if self.retired_at.is_some() || self.has_ended(now) => State::Retired,
            Secret::Waits | Secret::Displaced | Secret::Next if self.drained_since.is_none() => State::Prepared,
            Secret::Unread if self.stopped_at().is_none() => State::Prepared,
            Secret::Missing if self.is_missing() => State::Prepared,
            Secret::Signs | Secret::StandsIn if self.drained_since.is_none() => State::Active,
            Secret::Dead if self.drained_since.is_none() => State::Dead,
            _ if self.outstanding > 0 => State::Draining,
            _ => State::Drained,
        }
    }

    /// Since when it is there; `None` where that was seen by nobody: its secret was gone with a restart, say.
    pub fn since(&self, now: Timestamp) -> Option<Timestamp> {
        let came_at = self.signs_since.max(Some(self.enrolled_at));
        let ended_at = self.session.facts.expires_at.filter(|_| self.has_ended(now));
        let stopped_at = self.stopped_at();
        match self.state(now) {
            State::Active => came_at,
            State::Prepared => came_at.filter(|_| matches!(self.secret, Secret::Waits | Secret::Next)),
            State::Dead => self.seen_dead.map(|seen| seen.since),
            State::Draining => stopped_at,
            State::Drained => stopped_at.map(|at| self.last_url_ends_at.map_or(at, |last| last.max(at))),
            State::Retired => [self.retired_at, ended_at].into_iter().flatten().min(),
        }
    }

    /// The hard end of the last of its own outstanding URLs.
    pub fn last_end(&self) -> Option<Timestamp> {
        self.last_url_ends_at.filter(|_| self.outstanding > 0)
    }

    /// From when on ending the credential breaks nothing, provided that nobody signs more with it: the hard end of the last
    /// URL that is outstanding of it, whichever identity signed that. `None`: now.
    pub fn safe_from(&self) -> Option<Timestamp> {
        self.others().filter_map(Holder::last_end).chain(self.last_end()).max()
    }

    /// Outstanding URLs that ending the credential breaks, whichever identities signed them.
    pub fn breaks(&self) -> u64 {
        self.others().map(|other| other.outstanding_urls).fold(self.outstanding, u64::saturating_add)
    }

    /// The others that have its key.
    pub fn others(&self) -> impl Iterator<Item = &Holder> {
        let own = self.session.id;
        self.holders.iter().filter(move |holder| holder.session != Some(own))
    }

    /// Whether others need its key from now on.
    pub fn is_needed(&self) -> bool {
        self.others().any(Holder::needs_it)
    }

    /// Whether it signs nothing new, and nothing hangs on its credential any more, whoever has that.
    pub fn is_free(&self, now: Timestamp) -> bool {
        let stopped = matches!(self.state(now), State::Drained | State::Retired);
        stopped && self.safe_from().is_none() && !self.is_needed() && !self.is_unconfirmed
    }

    /// When it came to sign no more. That another key came once does not say it of a key whose source may give it again:
    /// that one was put back since, or the drain would be written down.
    fn stopped_at(&self) -> Option<Timestamp> {
        let may_come = has_no_end(self.session.facts.kind) && matches!(self.secret, Secret::Unread | Secret::Missing);
        self.drained_since.or(self.followed_at.filter(|_| !may_come))
    }

    /// A key that nobody stopped and nothing took the place of, and yet it does not sign: its source does not give it.
    fn is_missing(&self) -> bool {
        self.secret == Secret::Missing && has_no_end(self.session.facts.kind) && self.drained_since.is_none()
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.session.left(now).is_none()
    }
}

/// Whether somebody must end a credential of that kind, because it has no end of its own.
pub fn has_no_end(kind: CredentialKind) -> bool {
    matches!(kind, CredentialKind::LongTermKey | CredentialKind::Root)
}

#[cfg(test)]
mod tests;
