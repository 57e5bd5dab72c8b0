//! What can be done with a generation's credential, in words for a person.
//!
//! AWS ends keys, not identities: what is said of a key holds for whoever has it. Never says that a key can be ended while
//! somebody would sign with it, or URLs of it are outstanding.

use std::fmt;
use std::time::Duration;

use super::{Generation, Hold, Holder, Secret, State, has_no_end};
use crate::time::Timestamp;

impl Generation<'_> {
    /// What can be done with the credential.
    pub fn advice(&self, now: Timestamp) -> String {
        if has_no_end(self.session.facts.kind) {
            self.advice_on_key(now) + &self.silence(now)
        } else {
            self.advice_on_session(now)
        }
    }

    /// What else its stop did: its identity has nothing to sign with.
    fn silence(&self, now: Timestamp) -> String {
        self.signs_nothing_until(now, "key").map(|until| format!("; {until}")).unwrap_or_default()
    }

    fn signs_nothing_until(&self, now: Timestamp, what: &str) -> Option<String> {
        let is_decided = self.retired_at.or(self.drained_since).is_some() && self.session.left(now).is_some();
        let is_stopped = matches!(self.state(now), State::Draining | State::Drained | State::Retired);
        (self.is_last && is_decided && is_stopped).then(|| {
            let cancel = if self.retired_at.is_none() { "the drain is cancelled or " } else { "" };
            format!("{} signs nothing until {cancel}its source gives another {what}", self.session.identity)
        })
    }

    fn advice_on_key(&self, now: Timestamp) -> String {
        let key = &self.session.facts.access_key_id;
        let (state, them) = (self.state(now), if self.breaks() == 1 { "it" } else { "them" });
        if self.is_needed() && matches!(state, State::Draining | State::Drained | State::Retired) {
            let end = if state == State::Retired { "delete" } else { "deactivate" };
            let own = self.own_urls(now).map(|urls| format!("{urls}{}", self.ended_early())).into_iter();
            let clauses: Vec<String> = self.clauses(now).into_iter().chain(own).collect();
            return format!("do not {end} {key} yet: {}", clauses.join("; "));
        }
        match (state, self.safe_from().map(|at| until(now, at))) {
            (State::Prepared, _) if self.secret == Secret::Unread => {
                format!("wait: the source of {key} has not been read since the daemon started{}", self.besides(now))
            }
            (State::Prepared, _) if self.secret == Secret::Missing => format!(
                "look at `presignd identities` before {key} is deactivated: nobody stopped it, yet its source has not \
                 given it since the daemon started; drain it if it is to sign no more{}",
                self.with_own(now)
            ),
            (State::Prepared, _) if self.secret == Secret::Displaced => format!(
                "put another key into its source before {key} is deactivated: it signs again when that is read anew, \
                 after a restart at the latest{}",
                self.with_own(now)
            ),
            (State::Prepared, _) => {
                format!("wait: AWS has not confirmed {key}, so it signs nothing yet{}", self.besides(now))
            }
            (State::Active, _) if self.secret == Secret::StandsIn => format!(
                "put {key} back into its source if it is to go on, and drain it before it is deactivated: it signs, yet its \
                 source gives another, which signs again when that is read anew, after a restart at the latest{}",
                self.with_own(now)
            ),
            (State::Active, _) => {
                let wait =
                    self.own_urls(now).map(|urls| format!("; then wait for its URLs: {urls}{}", self.ended_early()));
                let (wait, besides) = (wait.unwrap_or_default(), self.besides(now));
                format!(
                    "put another key in its place, or drain it, before {key} is deactivated: it signs{wait}{besides}"
                )
            }
            (State::Dead, _) => format!("{}{}", self.seen_dead(), self.with_own(now)),
            (State::Draining | State::Drained, Some(until)) => {
                let (counted, early) = (self.counted(), self.only_if_undone());
                match early {
                    None => {
                        let (early, cut_off) = (self.ended_early(), self.cut_off(now));
                        format!(
                            "wait until {until}: {counted} by then; deactivating {key} earlier breaks \
                             {them}{early}{cut_off}"
                        )
                    }
                    Some(undone) => format!(
                        "wait until {until}: {counted} by then; {undone} does deactivating {key} earlier break {them}{}",
                        self.cut_off(now)
                    ),
                }
            }
            (State::Draining | State::Drained | State::Retired, None) if self.is_unconfirmed => {
                let (retire, end) = match state {
                    State::Retired => ("", "delete"),
                    _ => ("retire it here if it is none, ", "deactivate"),
                };
                format!(
                    "look whether {key} is a key at all: AWS never confirmed it, and presignd signed nothing with it; \
                     {retire}{end} it if it is one"
                )
            }
            (State::Draining | State::Drained, None) => {
                let cut_off = self.cut_off(now);
                format!("deactivate {key} now: nothing that presignd signed with it is outstanding{cut_off}")
            }
            (State::Retired, None) => {
                let cut_off = self.cut_off(now);
                format!("delete {key}: it is retired, and nothing that presignd signed with it is outstanding{cut_off}")
            }
            (State::Retired, Some(until)) => {
                let all = urls(self.breaks());
                match self.only_if_undone() {
                    None => {
                        let (early, besides) = (self.ended_early(), self.besides(now));
                        format!(
                            "{all} outstanding: deactivating {key} breaks {them}; the last ends {until}{early}{besides}"
                        )
                    }
                    Some(undone) => {
                        let cut_off = self.cut_off(now);
                        format!(
                            "{all} outstanding, the last ends {until}; {undone} does deactivating {key} break \
                             {them}{cut_off}"
                        )
                    }
                }
            }
        }
    }

    /// `3 URLs end`, `3 URLs, and 2 URLs of p2, end`: whatever is waited for.
    fn counted(&self) -> String {
        let others = self.others().filter(|other| other.last_end().is_some());
        let of_others: Vec<String> =
            named(others.map(|other| format!("{} of {}", urls(other.outstanding_urls), other.identity)));
        let own = (self.outstanding > 0).then(|| urls(self.outstanding));
        let all: Vec<String> = own.into_iter().chain(of_others).collect();
        format!("{} {}", all.join(" and "), if self.breaks() == 1 { "ends" } else { "end" })
    }

    /// `3 URLs outstanding, the last ends …`, of its own.
    fn own_urls(&self, now: Timestamp) -> Option<String> {
        outstanding(self.outstanding, self.last_end(), now)
    }

    fn with_own(&self, now: Timestamp) -> String {
        let own = self.own_urls(now).map(|urls| format!("; {urls}{}", self.ended_early())).unwrap_or_default();
        own + &self.besides(now)
    }

    /// What others do with its key, each behind a semicolon.
    fn besides(&self, now: Timestamp) -> String {
        self.clauses(now).iter().map(|clause| format!("; {clause}")).collect()
    }

    /// Whom its stop keeps from their next session, each behind a semicolon.
    fn cut_off(&self, now: Timestamp) -> String {
        let all = self.others().filter(|other| other.hold == Hold::CutOff);
        named(all.filter_map(|other| clause(other, now))).iter().map(|clause| format!("; {clause}")).collect()
    }

    fn clauses(&self, now: Timestamp) -> Vec<String> {
        named(self.others().filter_map(|other| clause(other, now)))
    }

    /// All of them have ended early. They are waited for all the same: the event may be undone, a credential is ended for good.
    fn only_if_undone(&self) -> Option<String> {
        let others = self.others().map(|other| other.ended_early_urls).fold(0, u64::saturating_add);
        let by = if others > 0 { self.key_ended_by } else { self.ended_by };
        let (all, ended) = (self.breaks(), self.ended_early.saturating_add(others));
        let they_have = if all == 1 { "it has" } else { "all of them have" };
        (ended > 0 && ended >= all)
            .then(|| format!("{they_have} ended early, as long as {by}: only once that is undone"))
    }

    /// What is broken already, behind what counts its own.
    fn ended_early(&self) -> String {
        let Self { ended_early, ended_by, outstanding, .. } = *self;
        let own = if self.breaks() > outstanding { "its own" } else { "them" };
        match ended_early {
            0 => String::new(),
            1 if outstanding == 1 && own == "them" => format!("; it has ended early, as long as {ended_by}"),
            all if all >= outstanding => format!("; all of {own} have ended early, as long as {ended_by}"),
            1 => format!("; one of {own} has ended early, as long as {ended_by}"),
            some => format!("; {} of {own} have ended early, as long as {ended_by}", thousands(some)),
        }
    }

    fn seen_dead(&self) -> String {
        let key = &self.session.facts.access_key_id;
        let Some(seen) = self.seen_dead else {
            return format!("{key} was seen dead: it signs nothing until it is seen alive");
        };
        let what = if seen.is_key {
            format!("AWS does not know {key} any more")
        } else {
            format!("what {key} signs is denied")
        };
        format!("{what}, as seen since {} ({}): it signs nothing until it is seen alive", seen.since, seen.cause)
    }

    /// A session ends by itself, and every URL of it with it or before.
    fn advice_on_session(&self, now: Timestamp) -> String {
        if let Some(until) = self.signs_nothing_until(now, "session") {
            return format!("see that there is another: {until}; this one ends by itself");
        }
        match (self.state(now), self.session.facts.expires_at) {
            (_, Some(ends_at)) if ends_at <= now => "nothing to do: it has ended".to_owned(),
            (State::Prepared, _) if self.secret == Secret::Next => {
                "nothing to do: an older session, which lives longer, signs until this one is renewed".to_owned()
            }
            (State::Prepared | State::Active, _) => "nothing to do: it is renewed by itself".to_owned(),
            (_, Some(ends_at)) => format!("nothing to do: it ends by itself {}", until(now, ends_at)),
            (_, None) => "nothing to do: it ends by itself".to_owned(),
        }
    }
}

/// What another does with the key; `None`: nothing any more.
fn clause(other: &Holder, now: Timestamp) -> Option<String> {
    let name = &other.identity;
    let has = outstanding(other.outstanding_urls, other.last_end(), now);
    let with = has.as_ref().map_or(String::new(), |has| format!(" ({has})"));
    match other.hold {
        Hold::Signs => Some(format!("{name} still signs with it{with}: drain that too")),
        Hold::MaySign => Some(format!("{name} may sign with it again{with}: drain that too")),
        Hold::Mints => Some(format!(
            "{name} still gets its sessions with it: without it its next renewal fails, what those signed lives on"
        )),
        Hold::CutOff => {
            let then = match other.stops_at {
                Some(at) if at > now => format!("it stops signing {}", until(now, at)),
                _ => "it has none to sign with".to_owned(),
            };
            Some(format!("{name} gets no next session, because its base does not sign: {then}"))
        }
        Hold::Rests => has.map(|has| format!("{name} has {has}")),
    }
}

/// The first of them, and how many more there are.
fn named(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = all.collect();
    let more = all.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        all.truncate(MAX_NAMED);
        all.push(format!("{more} more"));
    }
    all
}

fn outstanding(count: u64, last_end: Option<Timestamp>, now: Timestamp) -> Option<String> {
    last_end.map(|at| format!("{} outstanding, the last ends {}", urls(count), until(now, at)))
}

/// Identities that one sentence names.
const MAX_NAMED: usize = 8;

/// `2026-11-22T14:10:00Z (2 h 10 min)`.
fn until(now: Timestamp, at: Timestamp) -> String {
    now.until(at).map_or(at.to_string(), |left| format!("{at} ({})", Rounded(left)))
}

/// `1,203 URLs`.
fn urls(count: u64) -> String {
    thousands(count) + if count == 1 { " URL" } else { " URLs" }
}

/// `1,203`.
pub fn thousands(count: u64) -> String {
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
pub(super) struct Rounded(pub(super) Duration);

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
