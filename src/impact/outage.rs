//! Who signs what is dead from its birth or lives less long than it says, and whose next renewal fails: events stop
//! identities from signing what works, whether they end URLs or not (SEMANTICS.md rows i and q to t, 1.3 g, 1.4 and 9.6).
//!
//! What an event does to a session that signs now, and to the one that would come next, the rules say that answer for
//! URLs; here is no second set of them.

mod coming;
mod dead;
mod holder;
mod next;
mod present;
mod returning;
mod unmet;

pub use holder::{Holder, Lends, Source};
pub(super) use next::next_of;

use std::collections::BTreeMap;
use std::time::Duration;

use super::ending::Conditions;
use super::event::Event;
use crate::session::IdentityName;
use crate::time::Timestamp;

/// An identity that signs nothing that works, or nothing that works for long, from an instant on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Which.
    pub identity: IdentityName,
    /// The tenant whose session it is, where the identity's others go on or fare otherwise; empty: all that it signs with.
    pub tenant: String,
    /// How.
    pub loss: Loss,
    /// From when on; `None`: it has no session now.
    pub at: Option<Timestamp>,
    /// Whether that is the earliest such moment only: it may get one more session before the event, before AWS enforces it
    /// everywhere, or while what it is based on still has one, and that session lives on; or it goes on until its source is
    /// read anew, after a restart at the latest.
    pub may_come_later: bool,
    /// Which of its requests.
    pub reach: Reach,
    /// Only if all of these hold, which presignd cannot see.
    pub conditions: Conditions,
    /// What mends it.
    pub recovery: Recovery,
    /// Why, as a sentence.
    pub message: &'static str,
}

/// How an identity comes to sign nothing that works, or works for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// The session that it signs with falls under the event: it goes on signing, and what it signs is dead.
    DeadLinks,
    /// Its session runs out, and no other follows.
    NoSession,
    /// It goes on signing, and what it signs dies at this age, whatever end it was promised.
    ShortLinks {
        /// Of the signature; shorter than the longest life that it could sign.
        life: Duration,
    },
}

/// Of all that an identity signs, what is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everything.
    Everything,
    /// What a policy statement speaks of; an empty field matches everything.
    Matching {
        /// The bucket, or the access point.
        bucket: String,
        /// The beginning of the key, or the one key of which the statement speaks.
        key_prefix: String,
        /// IAM actions.
        actions: Vec<String>,
    },
}

/// What makes an identity sign again what works, while the event stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// A new session, which presignd gets when it is told to, and by itself not before the present one runs out.
    Renewal {
        /// To be renewed, in this order; the last is the identity itself, unless only what it is based on must be.
        of: Vec<IdentityName>,
        /// A session that AWS issues then or later does not fall under the event.
        from: Timestamp,
    },
    /// A new session, which the identity's source hands out when it likes.
    Rotation,
    /// None: other credentials, another role, or the undoing of the event.
    None,
}

impl Outage {
    /// Whether one command mends it, so that it costs no link if that is given at once.
    pub fn is_mended_by_renewal(&self) -> bool {
        matches!(self.recovery, Recovery::Renewal { .. })
    }

    /// Whether it leaves nothing that works, and does not only shorten it.
    pub fn is_stop(&self) -> bool {
        !matches!(self.loss, Loss::ShortLinks { .. })
    }

    /// Whether it comes for sure.
    pub fn is_certain(&self) -> bool {
        self.conditions.is_empty()
    }
}

/// What becomes of one holder.
#[derive(Debug, Clone)]
struct Found {
    loss: Loss,
    at: Option<Timestamp>,
    may_come_later: bool,
    reach: Reach,
    conditions: Conditions,
    recovery: Recovery,
    message: &'static str,
    /// Its sessions cannot mint either, so that whoever is based on it is kept from the next one.
    lends_nothing: bool,
    /// Where another session mends it: by then it has one in any case.
    mended_by: Option<Timestamp>,
}

/// Identities that sign nothing that works, or works for long, after the event, or will not once their session runs out, in
/// the order given. Where none signs by then of those that are there now, it is about the session that comes.
/// Whoever is based on an identity that gets no next session is kept from it, too.
pub fn outages(event: &Event, holders: &[Holder<'_>], now: Timestamp) -> Vec<Outage> {
    let holders: &[Holder<'_>] = &holders.iter().map(|holder| dead::revived(event, holder)).collect::<Vec<_>>();
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    for (place, holder) in holders.iter().enumerate() {
        let own = own(event, holder, holders, now).or_else(|| returning::own(event, holder));
        found.extend(own.map(|own| (place, own)));
    }
    // Bases of bases: each round reaches one step further, and no chain is longer than there are identities.
    for _ in holders {
        if !reach_further(event, holders, &mut found, now) {
            break;
        }
    }
    found.iter_mut().for_each(|(place, found)| dead::has_stopped(&holders[*place], found));
    told(holders, &found)
}

/// What the event does to the holder itself, and to what mints for it.
fn own(event: &Event, holder: &Holder<'_>, holders: &[Holder<'_>], now: Timestamp) -> Option<Found> {
    if event.bucket().is_some() && !event.may_be_at(holder.signs_for) {
        return None;
    }
    // It gets no next session in any case.
    let is_cut_off = next::is_cut_off(holder, holders);
    let bars = next::barred(event, holder, holders).filter(|_| !is_cut_off);
    // It gets none any more, so none falls under the event.
    let bars_own = bars.as_ref().filter(|bar| !bar.is_of_strangers());
    let is_kept = bars_own.is_some() && holder.session.is_none() && event.at <= now;
    let coming = || present::coming(event, holder, holders, now).filter(|_| !is_kept && !is_cut_off);
    let is_followed = !is_cut_off && coming::is_renewed_before(event, holder);
    let present = || present::dead(event, holder).filter(|_| !is_followed);
    if let Some(dead) = present().or_else(coming) {
        let recovery = match (next::recovery(event, holder, holders), bars_own) {
            (Recovery::None, _) => Recovery::None,
            _ if is_cut_off => Recovery::None,
            (own, None) => own,
            (_, Some(bar)) => bar.recovery.clone().and_then_of(holder.identity),
        };
        // One that is not there yet is issued before that instant at the latest.
        let ends = match &recovery {
            Recovery::Renewal { from, .. } if dead.is_coming => coming::length(holder).map(|length| *from + length),
            _ => holder.session.and_then(|session| session.facts.expires_at),
        };
        return Some(Found {
            message: dead.message(holder, &recovery),
            loss: dead.loss,
            at: Some(dead.at),
            may_come_later: false,
            reach: dead.reach,
            conditions: dead.conditions,
            mended_by: next::planned(holder, &recovery).or(ends).filter(|_| recovery != Recovery::None),
            recovery,
            lends_nothing: present::is_of_credentials(&event.what),
        });
    }
    // A long-term key needs no renewal.
    let renews = holder.session.is_none_or(|session| session.facts.expires_at.is_some());
    let bar = bars.filter(|_| renews)?;
    let at = own_end(event, holder, now);
    // By then what mints for it has another session.
    let is_in_time = bar.mended_by.is_some_and(|mended| at.is_some_and(|at| at >= mended));
    (!is_in_time).then_some(Found {
        loss: Loss::NoSession,
        at,
        may_come_later: at.is_some() && may_get_another(event, holder, now),
        reach: Reach::Everything,
        conditions: bar.conditions,
        recovery: bar.recovery,
        message: bar.message,
        lends_nothing: true,
        mended_by: bar.mended_by,
    })
}

/// Tells those who are based on what was found; whether that is news.
fn reach_further(event: &Event, holders: &[Holder<'_>], found: &mut BTreeMap<usize, Found>, now: Timestamp) -> bool {
    let mut further = Vec::new();
    for (place, holder) in holders.iter().enumerate() {
        let Source::Minted { base: Some(base), .. } = holder.source else { continue };
        let base = holders.iter().position(|one| one.identity == base).and_then(|base| found.get(&base));
        let Some(base) = base.filter(|base| base.lends_nothing) else { continue };
        match found.get(&place) {
            None if next::is_cut_off(holder, holders) => {}
            None => further.extend(kept_from(event, holder, base, now).map(|found| (place, found))),
            // Its own next session must be minted, and by what is dead itself.
            Some(one) if base.loss == Loss::DeadLinks && one.is_mended_by(holder.identity) => {
                let recovery = base.recovery.clone().and_then_of(holder.identity);
                let mended_by = one.mended_by.filter(|_| recovery != Recovery::None);
                further.push((place, Found { recovery, mended_by, ..one.clone() }));
            }
            Some(_) => {}
        }
    }
    let is_news = !further.is_empty();
    found.extend(further);
    is_news
}

/// Whoever is based on it gets a session as long as it has one itself, and again when it has another.
fn kept_from(event: &Event, holder: &Holder<'_>, base: &Found, now: Timestamp) -> Option<Found> {
    let own_end = own_end(event, holder, now);
    // Until a restart its base mints for it, also where it has no session yet.
    let is_after_restart = base.loss == Loss::DeadLinks && base.may_come_later;
    let first = own_end.or(base.at.filter(|_| is_after_restart));
    let at = first.map(|end| base.at.map_or(end, |base_end| end.max(base_end)));
    if base.mended_by.is_some_and(|mended| own_end.is_some_and(|end| end >= mended)) {
        return None;
    }
    Some(Found {
        loss: Loss::NoSession,
        at,
        may_come_later: at.is_some()
            && (may_get_another(event, holder, now) || base.may_come_later || base.at > Some(now)),
        reach: Reach::Everything,
        conditions: base.conditions,
        recovery: base.recovery.clone(),
        message: match base.recovery {
            Recovery::None if is_after_restart => {
                "the identity on which it is based mints with a dead key after a restart at the latest"
            }
            Recovery::None => "the identity on which it is based gets no next session",
            Recovery::Renewal { .. } | Recovery::Rotation => {
                "the identity on which it is based can mint nothing with the session that it has"
            }
        },
        lends_nothing: true,
        mended_by: base.mended_by,
    })
}

impl Found {
    /// Whether a new session of that identity alone mends it.
    fn is_mended_by(&self, identity: &IdentityName) -> bool {
        matches!(&self.recovery, Recovery::Renewal { of, .. } if of.as_slice() == std::slice::from_ref(identity))
    }
}

impl Recovery {
    /// First this, then a new session of another.
    fn and_then_of(self, identity: &IdentityName) -> Self {
        match self {
            Self::Renewal { mut of, from } => {
                if !of.contains(identity) {
                    of.push(identity.clone());
                }
                Self::Renewal { of, from }
            }
            Self::Rotation | Self::None => self,
        }
    }
}

/// When the session runs out, at the earliest; `None`: there is none, nor will there be.
fn own_end(event: &Event, holder: &Holder<'_>, now: Timestamp) -> Option<Timestamp> {
    let Some(session) = holder.session else { return (event.at > now).then_some(event.at) };
    Some(session.facts.expires_at.unwrap_or(event.at).max(event.at))
}

/// Whether a session may still come that the event does not keep back, so that its own is not surely the last: the event is
/// to come, AWS may not enforce it everywhere yet, or a source may hold another that presignd has not read.
fn may_get_another(event: &Event, holder: &Holder<'_>, now: Timestamp) -> bool {
    event.at + event.settles_within > now || holder.source == Source::Read
}

/// One for each identity whose sessions all fare alike, and otherwise one for each tenant.
fn told(holders: &[Holder<'_>], found: &BTreeMap<usize, Found>) -> Vec<Outage> {
    let mut told: Vec<(Outage, usize)> = Vec::new();
    for (place, one) in found {
        let holder = &holders[*place];
        let outage = Outage {
            identity: holder.identity.clone(),
            tenant: String::new(),
            loss: one.loss,
            at: one.at,
            may_come_later: one.may_come_later,
            reach: one.reach.clone(),
            conditions: one.conditions,
            recovery: one.recovery.clone(),
            message: one.message,
        };
        let when = (outage.at, outage.may_come_later);
        let then = |known: &Outage| Outage { at: when.0, may_come_later: when.1, ..known.clone() };
        let alike = told.iter_mut().find(|(known, _)| then(known) == outage);
        match alike {
            // Whichever is first: from then on somebody is not signed for.
            Some((known, sessions)) => {
                (known.at, known.may_come_later) = (known.at, known.may_come_later).min(when);
                *sessions += 1;
            }
            None => told.push((outage, 1)),
        }
    }
    let all = |name: &IdentityName| holders.iter().filter(|holder| holder.identity == name).count();
    let mut whole = Vec::new();
    for (outage, sessions) in told {
        if sessions == all(&outage.identity) {
            whole.push(outage);
            continue;
        }
        let of_tenant = found.iter().filter(|(place, one)| {
            let Outage { loss, conditions, message, .. } = outage;
            *holders[**place].identity == outage.identity
                && (one.loss, one.conditions, one.message, &one.recovery, &one.reach)
                    == (loss, conditions, message, &outage.recovery, &outage.reach)
        });
        whole.extend(of_tenant.map(|(place, one)| {
            let own = holders[*place].session.or(holders[*place].last);
            let tenant = own.map(|session| session.facts.partition_of.clone()).unwrap_or_default();
            Outage { tenant, at: one.at, may_come_later: one.may_come_later, ..outage.clone() }
        }));
    }
    whole
}
