//! Where a generation is on its way to its end, since when, and what may be done with its credential: computed from what
//! is durable and from what the daemon can do with the secret. Told the time; never asks for it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CredentialKind, Session};
use crate::time::Timestamp;

/// Where a generation is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Known, and signs nothing yet: AWS has not confirmed the key, or its source has not been read since the start.
    Prepared,
    /// Signs.
    Active,
    /// Signs nothing new; URLs of it are outstanding.
    Draining,
    /// Signs nothing new, and nothing of it is outstanding.
    Drained,
    /// Declared done, or ended by itself.
    Retired,
}

impl State {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Prepared, Self::Active, Self::Draining, Self::Drained, Self::Retired];

    /// As it is written in metrics and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Active => "active",
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
    /// Holds it, and waits for AWS to confirm it.
    Waits,
    /// Holds it, and signs with another or with none.
    Rests,
    /// Does not hold it: it is gone with a restart, or its source gives it no longer.
    Gone,
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
}

impl Generation<'_> {
    /// Where it is.
    pub fn state(&self, now: Timestamp) -> State {
        match self.secret {
            _ if self.retired_at.is_some() || self.has_ended(now) => State::Retired,
            Secret::Waits if self.drained_since.is_none() => State::Prepared,
            Secret::Unread if self.drained_since.or(self.followed_at).is_none() => State::Prepared,
            Secret::Signs if self.drained_since.is_none() => State::Active,
            _ if self.outstanding > 0 => State::Draining,
            _ => State::Drained,
        }
    }

    /// Since when it is there; of one that is active or prepared, when it was written down.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        let ended_at = self.session.facts.expires_at.filter(|_| self.has_ended(now));
        let stopped_at = self.drained_since.or(self.followed_at).unwrap_or(self.enrolled_at);
        match self.state(now) {
            State::Prepared | State::Active => self.enrolled_at,
            State::Draining => stopped_at,
            State::Drained => self.last_url_ends_at.map_or(stopped_at, |at| at.max(stopped_at)),
            State::Retired => [self.retired_at, ended_at].into_iter().flatten().min().unwrap_or(stopped_at),
        }
    }

    /// From when on ending the credential breaks nothing, provided that it signs nothing more: the hard end of its last
    /// outstanding URL. `None`: now.
    pub fn safe_from(&self) -> Option<Timestamp> {
        self.last_url_ends_at.filter(|_| self.outstanding > 0)
    }

    /// What can be done with the credential, for a person.
    pub fn advice(&self, now: Timestamp) -> String {
        let key = &self.session.facts.access_key_id;
        let waiting = self.safe_from().map(|at| (urls(self.outstanding), until(now, at)));
        if !has_no_end(self.session.facts.kind) {
            return self.advice_on_session(now);
        }
        match (self.state(now), waiting) {
            (State::Prepared, _) if self.secret == Secret::Unread => {
                format!("wait: the source of {key} has not been read since the daemon started")
            }
            (State::Prepared, _) => format!("wait: AWS has not confirmed {key}, so it signs nothing yet"),
            (State::Active, None) => {
                format!("put another key in its place, or drain it, before {key} is deactivated: it signs")
            }
            (State::Active, Some((urls, until))) => format!(
                "put another key in its place, or drain it, before {key} is deactivated: it signs; then wait for its \
                 URLs: {urls} outstanding, the last ends {until}{}",
                self.ended_early()
            ),
            (State::Draining | State::Drained, Some((urls, until))) => {
                let end = if self.outstanding == 1 { "ends" } else { "end" };
                let early = self.ended_early();
                format!("wait until {until}: {urls} {end} by then; deactivating {key} earlier breaks them{early}")
            }
            (State::Draining | State::Drained, None) if self.is_missing() => format!(
                "look at `presignd identities` before {key} is deactivated: nobody stopped it, yet its source has not \
                 given it since the daemon started"
            ),
            (State::Draining | State::Drained, None) => {
                format!("deactivate {key} now: nothing that presignd signed with it is outstanding")
            }
            (State::Retired, None) => {
                format!("delete {key}: it is retired, and nothing that presignd signed with it is outstanding")
            }
            (State::Retired, Some((urls, until))) => {
                let early = self.ended_early();
                format!("{urls} outstanding: deactivating {key} breaks them; the last ends {until}{early}")
            }
        }
    }

    /// What is broken already. It is waited for all the same: the event may be undone, a credential is ended for good.
    fn ended_early(&self) -> String {
        let Self { ended_early, ended_by, outstanding, .. } = *self;
        match ended_early {
            0 => String::new(),
            1 if outstanding == 1 => format!("; it has ended early, as long as {ended_by}"),
            all if all >= outstanding => format!("; all of them have ended early, as long as {ended_by}"),
            1 => format!("; one of them has ended early, as long as {ended_by}"),
            some => format!("; {} of them have ended early, as long as {ended_by}", thousands(some)),
        }
    }

    /// Nobody stopped it and nothing took its place, yet it does not sign: not read yet, or not to be read.
    fn is_missing(&self) -> bool {
        let is_stopped = self.drained_since.or(self.followed_at).or(self.retired_at).is_some();
        self.secret == Secret::Gone && !is_stopped
    }

    /// A session ends by itself, and every URL of it with it or before.
    fn advice_on_session(&self, now: Timestamp) -> String {
        match (self.state(now), self.session.facts.expires_at) {
            (_, Some(ends_at)) if ends_at <= now => "nothing to do: it has ended".to_owned(),
            (State::Prepared | State::Active, _) => "nothing to do: it is renewed by itself".to_owned(),
            (_, Some(ends_at)) => format!("nothing to do: it ends by itself {}", until(now, ends_at)),
            (_, None) => "nothing to do: it ends by itself".to_owned(),
        }
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.session.left(now).is_none()
    }
}

/// Whether somebody must end a credential of that kind, because it has no end of its own.
pub fn has_no_end(kind: CredentialKind) -> bool {
    matches!(kind, CredentialKind::LongTermKey | CredentialKind::Root)
}

/// `2026-11-22T14:10:00Z (2 h 10 min)`.
fn until(now: Timestamp, at: Timestamp) -> String {
    now.until(at).map_or(at.to_string(), |left| format!("{at} ({})", Rounded(left)))
}

/// `1,203 URLs`.
fn urls(count: u64) -> String {
    thousands(count) + if count == 1 { " URL" } else { " URLs" }
}

fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length in its two largest units, rounded up: whoever waits for so long has waited long enough.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let pair = |out: &mut fmt::Formatter<'_>, more: u64, unit: &str, less: u64, part: &str| match less {
            0 => write!(out, "{more} {unit}"),
            less => write!(out, "{more} {unit} {less} {part}"),
        };
        match seconds {
            0..60 => write!(out, "{seconds} s"),
            60..3600 => pair(out, seconds / 60, "min", seconds % 60, "s"),
            3600..86_400 => {
                let minutes = seconds.div_ceil(60);
                pair(out, minutes / 60, "h", minutes % 60, "min")
            }
            _ => {
                let hours = seconds.div_ceil(3600);
                pair(out, hours / 24, "d", hours % 24, "h")
            }
        }
    }
}

#[cfg(test)]
mod tests;
