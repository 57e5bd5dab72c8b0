//! The lifetime rule: sign, renew first, or refuse (PRODUCT.md section 3, promises 1 and 2).

use std::time::Duration;

use super::Session;
use crate::time::{Timestamp, Ttl};

/// What set the end of a URL, or stands in the way of a longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitedBy {
    /// The caller asked for no more.
    Request,
    /// The session ends then.
    Session,
    /// SigV4 allows no more than 604,800 seconds.
    SevenDays,
    /// The caller's grant allows no more.
    Grant,
    /// The role's MaxSessionDuration, as STS told it, or as the life of its sessions shows.
    RoleMaximum,
    /// A session minted from a role's session lasts one hour at most.
    Chaining,
}

impl LimitedBy {
    /// Every limit.
    pub const ALL: &[Self] =
        &[Self::Request, Self::Session, Self::SevenDays, Self::Grant, Self::RoleMaximum, Self::Chaining];

    /// As it is written in the registry, in errors and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Session => "session",
            Self::SevenDays => "seven-days",
            Self::Grant => "grant",
            Self::RoleMaximum => "role-maximum",
            Self::Chaining => "chaining",
        }
    }

    /// The reverse of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|limit| limit.as_str() == text)
    }
}

/// What a caller wants of a URL's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// `expires_in`.
    pub asked: Ttl,
    /// The shortest life that is of use.
    pub at_least: Ttl,
    /// The longest that the caller's grant allows.
    pub granted: Ttl,
}

/// The life of a session that could be minted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// What the source would be asked for.
    pub duration: Duration,
    /// Why it is not more: `Session` (the configuration asks for no more), `RoleMaximum` or `Chaining`.
    pub limited_by: LimitedBy,
}

/// A life that can be promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// `X-Amz-Expires`.
    pub ttl: Ttl,
    /// What set it.
    pub limited_by: LimitedBy,
}

impl Lifetime {
    /// The same under a grant that allows no more than `granted`.
    pub fn held_to(self, granted: Ttl) -> Self {
        if self.ttl > granted { Self { ttl: granted, limited_by: LimitedBy::Grant } } else { self }
    }
}

/// What to do for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Sign with the live session.
    Sign(Lifetime),
    /// Get a session first, then ask again.
    RenewFirst,
    /// Nothing reaches `at_least`.
    Refuse(TooShort),
}

/// Nothing reaches what the caller needs at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no URL can live for the {at_least} that are needed at least: {} ({})", self.lives(), self.advice())]
pub struct TooShort {
    /// What the caller needs.
    pub at_least: Ttl,
    /// The longest life of a URL signed now; `None` when there is no live session.
    pub longest_now: Option<Ttl>,
    /// The longest life with a session got first; `None` where none can be got at will.
    pub longest_fresh: Option<Ttl>,
    /// What stands in the way.
    pub limited_by: LimitedBy,
}

impl TooShort {
    /// Both lives, for people.
    pub fn lives(&self) -> String {
        let say = |life: Option<Ttl>, none: &str| life.map_or(none.to_owned(), |life| life.to_string());
        format!(
            "the longest life now is {}, with a fresh session {}",
            say(self.longest_now, "none (no live session)"),
            say(self.longest_fresh, "not to be had at will")
        )
    }

    /// What would help.
    pub fn advice(&self) -> &'static str {
        match self.limited_by {
            LimitedBy::Request => "ask for a longer expires_in",
            LimitedBy::Session => "limited by the session: raise the identity's duration, or ask for less",
            LimitedBy::SevenDays => "limited by SigV4: no URL lives longer than seven days",
            LimitedBy::Grant => "limited by the caller's grant: raise its max_expires_in, or ask for less",
            LimitedBy::RoleMaximum => "limited by the role: raise its MaxSessionDuration, or ask for less",
            LimitedBy::Chaining => {
                "limited by role chaining to one hour: mint from a long-term key or web identity, or ask for less"
            }
        }
    }
}

/// Decides for one call. The claim never reaches past the session's end, and a life under `at_least` is never granted.
///
/// A live session that covers what is asked signs. One that does not is renewed first when only a fresh one reaches
/// `at_least`, or when a fresh one would cover what is asked and more than a [`WORTH`]th of that is missing. So a
/// session is not given up for the seconds since it was minted, however often the same is asked. `live` is the session
/// that would sign; `fresh` is `None` where no session can be got at will, or when getting one has just been tried.
pub fn plan(now: Timestamp, want: Want, live: Option<&Session>, fresh: Option<Fresh>) -> Plan {
    let asked = want.asked.min(want.granted);
    let cut = if asked < want.asked { LimitedBy::Grant } else { LimitedBy::Request };
    let left = live.and_then(|session| session.left(now)).and_then(Ttl::saturating);
    let reach = fresh.and_then(reach_of_fresh);
    if asked >= want.at_least {
        if left.is_some_and(|left| left >= asked) {
            return Plan::Sign(Lifetime { ttl: asked, limited_by: cut });
        }
        let covers = reach.is_some_and(|reach| reach >= asked);
        let missing = |left: Ttl| asked.seconds().saturating_sub(left.seconds());
        let is_near = |left: Ttl| missing(left) <= asked.seconds() / WORTH;
        if let Some(left) = left.filter(|left| *left >= want.at_least && (!covers || is_near(*left))) {
            return Plan::Sign(Lifetime { ttl: left, limited_by: LimitedBy::Session });
        }
        if reach.is_some_and(|reach| reach >= want.at_least) {
            return Plan::RenewFirst;
        }
    }
    let limited_by = match fresh {
        _ if asked < want.at_least => cut,
        Some(fresh) => fresh.limited_by,
        None => LimitedBy::Session,
    };
    let hold = |life: Option<Ttl>| life.map(|life| life.min(want.granted));
    Plan::Refuse(TooShort { at_least: want.at_least, longest_now: hold(left), longest_fresh: hold(reach), limited_by })
}

/// The longest life of a URL signed now with `live`, and what stands in the way of more.
pub fn longest_now(now: Timestamp, live: &Session) -> Option<Lifetime> {
    let left = live.left(now)?;
    let limited_by = if left > Ttl::MAX.duration() { LimitedBy::SevenDays } else { LimitedBy::Session };
    Ttl::saturating(left).map(|ttl| Lifetime { ttl, limited_by })
}

/// The life of a URL that can be counted on when its session is minted first: what the source grants, less the seconds
/// that minting takes.
pub fn reach_of_fresh(fresh: Fresh) -> Option<Ttl> {
    Ttl::saturating(fresh.duration.saturating_sub(MINT_ALLOWANCE))
}

/// What can be counted on of a source whose last session had `given` left when it came. Some STS give less than they are
/// asked for and say nothing of it; another session would be as short.
pub fn as_given(fresh: Fresh, given: Duration) -> Fresh {
    if given.saturating_add(SLOWEST_MINT) >= fresh.duration {
        return fresh;
    }
    Fresh { duration: given + MINT_ALLOWANCE, limited_by: LimitedBy::RoleMaximum }
}

/// When to renew a session: when what is left of it falls below `headroom`. `None` for long-term keys, which end
/// only when somebody ends them.
pub fn renew_at(session: &Session, headroom: Duration) -> Option<Timestamp> {
    session.facts.expires_at.map(|ends_at| ends_at - headroom)
}

/// Seconds between STS issuing a session and the first signature with it that a promise must allow for.
pub const MINT_ALLOWANCE: Duration = Duration::from_secs(5);
/// What is missing of the life that was asked for is worth a call to STS when it is more than this part.
pub const WORTH: u32 = 10;
/// No mint takes longer than this from its issue to its first use: a session that is shorter by more was issued so.
const SLOWEST_MINT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::session::{CredentialKind, Facts, IdentityName, InstanceId, IssueInterval, RecordId};

    const NOW: Timestamp = Timestamp::EPOCH;

    fn session(left: Option<u64>) -> Session {
        let facts = Facts {
            access_key_id: "ASIAEXAMPLE".into(),
            kind: CredentialKind::AssumeRole,
            partition: String::new(),
            account: String::new(),
            principal_arn: String::new(),
            principal_unique_id: String::new(),
            session_name: String::new(),
            source_identity: String::new(),
            session_policy_sha256: String::new(),
            tags: Vec::new(),
            parent: None,
            parent_access_key_id: String::new(),
            issued: IssueInterval { not_before: None, not_after: NOW },
            expires_at: left.map(|left| NOW + Duration::from_secs(left)),
            expiry_is_exact: true,
            partition_of: String::new(),
        };
        let id = RecordId { instance: InstanceId::from_random(1), number: 1 };
        Session { id, identity: IdentityName::parse("web").unwrap(), generation: 1, facts }
    }

    fn ttl(seconds: u64) -> Ttl {
        Ttl::new(seconds).unwrap()
    }

    fn want(asked: u64, at_least: u64) -> Want {
        Want { asked: ttl(asked), at_least: ttl(at_least), granted: Ttl::MAX }
    }

    fn fresh(seconds: u64) -> Option<Fresh> {
        Some(Fresh { duration: Duration::from_secs(seconds), limited_by: LimitedBy::Session })
    }

    #[test]
    fn a_live_session_that_covers_the_request_signs() {
        let plan = plan(NOW, want(600, 540), Some(&session(Some(1800))), fresh(3600));
        assert_eq!(plan, Plan::Sign(Lifetime { ttl: ttl(600), limited_by: LimitedBy::Request }));
    }

    #[test]
    fn a_fresh_session_that_covers_the_request_is_got_first() {
        assert_eq!(plan(NOW, want(3000, 100), Some(&session(Some(1800))), fresh(3600)), Plan::RenewFirst);
    }

    #[test]
    fn a_session_as_long_as_the_request_is_not_renewed_for_the_seconds_since_it_was_minted() {
        let plan = plan(NOW, want(3600, 3240), Some(&session(Some(3590))), fresh(3600));
        assert_eq!(plan, Plan::Sign(Lifetime { ttl: ttl(3590), limited_by: LimitedBy::Session }));
    }

    #[test]
    fn a_session_that_lacks_a_tenth_of_the_request_or_less_is_not_renewed_unless_more_is_needed() {
        let signs = |ttl_| Plan::Sign(Lifetime { ttl: ttl(ttl_), limited_by: LimitedBy::Session });
        for (asked, at_least, left, expected) in [
            (3590, 3231, 3589, signs(3589)),
            (3590, 3590, 3589, Plan::RenewFirst),
            (3590, 3231, 3231, signs(3231)),
            (3590, 3231, 3230, Plan::RenewFirst),
            (3590, 1, 3231, signs(3231)),
            (3590, 1, 3230, Plan::RenewFirst),
            // A fresh one would not cover it either.
            (3600, 1, 3230, signs(3230)),
        ] {
            let plan = plan(NOW, want(asked, at_least), Some(&session(Some(left))), fresh(3600));
            assert_eq!(plan, expected, "{asked} {at_least} {left}");
        }
    }

    #[test]
    fn a_source_that_gave_less_than_it_was_asked_for_is_counted_on_for_that() {
        let hour = fresh(3600).unwrap();
        let reach = |given: u64| reach_of_fresh(as_given(hour, Duration::from_secs(given))).unwrap().seconds();
        assert_eq!((reach(3600), reach(3598), reach(3570)), (3595, 3595, 3595), "minting takes a while");
        assert_eq!(
            (reach(3569), reach(900), as_given(hour, Duration::ZERO).limited_by),
            (3569, 900, LimitedBy::RoleMaximum)
        );
    }

    #[test]
    fn a_refusal_says_both_lives_and_the_limit() {
        let limited = Some(Fresh { duration: Duration::from_secs(3600), limited_by: LimitedBy::Chaining });
        let Plan::Refuse(short) = plan(NOW, want(7200, 7200), Some(&session(Some(1800))), limited) else {
            panic!("nothing reaches two hours");
        };
        assert_eq!((short.longest_now, short.longest_fresh), (Some(ttl(1800)), Some(ttl(3595))));
        assert_eq!(short.limited_by, LimitedBy::Chaining);
    }

    #[test]
    fn a_grant_cuts_what_is_asked_but_never_below_what_is_needed() {
        let cut = Want { granted: ttl(300), ..want(600, 300) };
        let signed = Plan::Sign(Lifetime { ttl: ttl(300), limited_by: LimitedBy::Grant });
        assert_eq!(plan(NOW, cut, Some(&session(None)), None), signed);
        let Plan::Refuse(short) = plan(NOW, Want { at_least: ttl(301), ..cut }, Some(&session(None)), None) else {
            panic!("the grant allows 300 s");
        };
        assert_eq!((short.limited_by, short.longest_now), (LimitedBy::Grant, Some(ttl(300))));
    }

    proptest! {
        /// Callers who want the same, over and over, and a source that takes up to five seconds for a session.
        #[test]
        fn the_same_want_is_worth_one_renewal_for_each_tenth_of_it(
            duration in 900u64..=43_200, share in 1u64..=1000, least in 1u64..=100, mint in 0u64..=5,
            pauses in proptest::collection::vec(0u64..400, 1..200),
        ) {
            let asked = (duration * share).div_ceil(1000);
            let want = want(asked, (asked * least).div_ceil(100));
            let (mut at, mut ends_at, mut renewed_at) = (0, duration, 0);
            let live = |at: u64, ends_at: u64| session(ends_at.checked_sub(at));
            for pause in pauses {
                at += pause;
                if plan(NOW, want, Some(&live(at, ends_at)), fresh(duration)) != Plan::RenewFirst {
                    continue;
                }
                let left = ends_at.saturating_sub(at);
                prop_assert!(left < want.at_least.seconds().into() || (asked - left) * 10 > asked, "for {left} of {asked}");
                if least <= 90 {
                    prop_assert!(at - renewed_at > asked / 10, "{} s after the last", at - renewed_at);
                }
                (renewed_at, ends_at) = (at, at + duration);
                at += mint;
                let now = plan(NOW, want, Some(&live(at, ends_at)), fresh(duration));
                prop_assert!(matches!(now, Plan::Sign(life) if life.ttl >= want.at_least), "a renewal was in vain: {now:?}");
            }
        }

        #[test]
        fn no_claim_reaches_past_the_session_nor_under_what_is_needed(
            asked in 1u64..=604_800, share in 1u64..=100, granted in 1u64..=604_800,
            left in proptest::option::of(0u64..200_000), duration in proptest::option::of(900u64..=129_600),
        ) {
            let at_least = (asked * share).div_ceil(100);
            let want = Want { granted: ttl(granted), ..want(asked, at_least) };
            let live = session(left);
            match plan(NOW, want, Some(&live), duration.and_then(fresh)) {
                Plan::Sign(life) => {
                    prop_assert!(life.ttl >= want.at_least && life.ttl <= want.asked && life.ttl <= want.granted);
                    prop_assert!(live.facts.expires_at.is_none_or(|ends_at| NOW + life.ttl <= ends_at));
                }
                Plan::RenewFirst => {
                    let reach = duration.and_then(fresh).and_then(reach_of_fresh);
                    prop_assert!(reach.is_some_and(|reach| reach >= want.at_least));
                }
                Plan::Refuse(short) => {
                    prop_assert!(short.longest_now.is_none_or(|life| life < want.at_least));
                    prop_assert!(short.longest_fresh.is_none_or(|life| life < want.at_least));
                }
            }
        }
    }
}
