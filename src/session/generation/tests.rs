//! The table of states, what is advised in each, and what holds whatever the facts are.

mod shared;

use proptest::prelude::*;

use std::time::Duration;

use super::advice::Rounded;
use super::*;
use crate::session::{Facts, IdentityName, InstanceId, IssueInterval, RecordId};

/// 2026-11-22T12:00:00Z.
const NOW: i64 = 1_795_348_800;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(NOW + seconds)
}

fn session(kind: CredentialKind, expires_at: Option<Timestamp>) -> Session {
    let text = String::new;
    let facts = Facts {
        access_key_id: "AKIAEXAMPLE".into(),
        kind,
        partition: text(),
        account: text(),
        principal_arn: text(),
        principal_unique_id: text(),
        session_name: text(),
        source_identity: text(),
        session_policy_sha256: text(),
        tags: Vec::new(),
        parent: None,
        parent_access_key_id: text(),
        issued: IssueInterval { not_before: None, not_after: at(-9000) },
        expires_at,
        expiry_is_exact: true,
        partition_of: text(),
    };
    let id = RecordId { instance: InstanceId::from_random(1), number: 1 };
    Session { id, identity: IdentityName::parse("web").unwrap(), generation: 3, facts }
}

fn generation(session: &Session, secret: Secret) -> Generation<'_> {
    Generation {
        session,
        enrolled_at: at(-9000),
        signs_since: None,
        followed_at: None,
        drained_since: None,
        retired_at: None,
        secret,
        outstanding: 0,
        last_url_ends_at: None,
        ended_early: 0,
        ended_by: "",
        key_ended_by: "",
        seen_dead: None,
        holders: &[],
        is_last: false,
        is_unconfirmed: false,
    }
}

/// Another identity with the same key; its URLs end so many seconds from now.
fn holder(identity: &str, hold: Hold, urls: u64, ends: i64) -> Holder {
    Holder {
        identity: IdentityName::parse(identity).unwrap(),
        generation: Some(2),
        session: Some(RecordId { instance: InstanceId::from_random(1), number: 1 + identity.len() as u64 }),
        hold,
        since: Some(at(-500)),
        outstanding_urls: urls,
        last_url_ends_at: Some(at(ends)),
        ended_early_urls: 0,
        stops_at: None,
    }
}

#[test]
fn a_generation_is_where_the_table_says() {
    let (key, alive, over) = (
        session(CredentialKind::LongTermKey, None),
        session(CredentialKind::AssumeRole, Some(at(60))),
        session(CredentialKind::AssumeRole, Some(at(0))),
    );
    let (drained, retired) = (Some(at(-100)), Some(at(-50)));
    #[rustfmt::skip]
    let table = [
        // secret, drained, retired, outstanding: of a key, of a session that is alive
        (Secret::Signs, None, None, 0, State::Active),
        (Secret::Signs, None, None, 7, State::Active),
        (Secret::Waits, None, None, 0, State::Prepared),
        (Secret::Waits, drained, None, 0, State::Drained),
        (Secret::StandsIn, None, None, 0, State::Active),
        (Secret::StandsIn, drained, None, 7, State::Draining),
        (Secret::Displaced, None, None, 0, State::Prepared),
        (Secret::Displaced, drained, None, 0, State::Drained),
        (Secret::Displaced, drained, None, 7, State::Draining),
        (Secret::Next, None, None, 0, State::Prepared),
        (Secret::Next, drained, None, 0, State::Drained),
        (Secret::Rests, None, None, 0, State::Drained),
        (Secret::Rests, None, None, 7, State::Draining),
        (Secret::Rests, drained, None, 0, State::Drained),
        (Secret::Rests, drained, None, 7, State::Draining),
        (Secret::Gone, None, None, 0, State::Drained),
        (Secret::Gone, None, None, 7, State::Draining),
        (Secret::Gone, drained, None, 7, State::Draining),
        (Secret::Signs, drained, None, 7, State::Draining),
        (Secret::Dead, None, None, 0, State::Dead),
        (Secret::Dead, None, None, 7, State::Dead),
        (Secret::Dead, drained, None, 7, State::Draining),
        (Secret::Dead, None, retired, 7, State::Retired),
        (Secret::Missing, drained, None, 0, State::Drained),
        (Secret::Missing, drained, None, 7, State::Draining),
        (Secret::Unread, None, None, 7, State::Prepared),
        (Secret::Unread, drained, None, 7, State::Draining),
        (Secret::Unread, drained, None, 0, State::Drained),
        (Secret::Gone, drained, retired, 0, State::Retired),
        (Secret::Gone, drained, retired, 7, State::Retired),
        (Secret::Signs, None, retired, 0, State::Retired),
    ];
    for (secret, drained_since, retired_at, outstanding, state) in table {
        let last_url_ends_at = (outstanding > 0).then(|| at(30));
        for (session, state) in [(&key, state), (&alive, state), (&over, State::Retired)] {
            let one =
                Generation { drained_since, retired_at, outstanding, last_url_ends_at, ..generation(session, secret) };
            assert_eq!(one.state(at(0)), state, "{one:?}");
        }
    }
}

#[test]
fn it_is_there_since_what_brought_it_there_and_nobody_guesses() {
    let (key, over) = (session(CredentialKind::LongTermKey, None), session(CredentialKind::AssumeRole, Some(at(-5))));
    let alive = session(CredentialKind::AssumeRole, Some(at(60)));
    let (last, of) = (Some(at(-20)), |secret| generation(&key, secret));
    let (rests, signs, gone) = (of(Secret::Rests), of(Secret::Signs), generation(&alive, Secret::Gone));
    let back = |one| Generation { signs_since: Some(at(-40)), ..one };
    let drained = Generation { followed_at: Some(at(-70)), drained_since: Some(at(-60)), ..rests };
    let retired = |seconds: i64, one| Generation { retired_at: Some(at(seconds)), ..one };
    #[rustfmt::skip]
    let table = [
        (signs, Some(-9000)),
        (back(signs), Some(-40)),
        (back(of(Secret::StandsIn)), Some(-40)),
        (of(Secret::Waits), Some(-9000)),
        (back(of(Secret::Waits)), Some(-40)),
        (generation(&alive, Secret::Next), Some(-9000)),
        // Nobody saw when the source came not to give it, or when another came to sign in its place.
        (of(Secret::Unread), None),
        (of(Secret::Missing), None),
        (back(of(Secret::Displaced)), None),
        (of(Secret::Dead), None),
        (Generation { followed_at: Some(at(-70)), ..rests }, Some(-70)),
        // Gone with a restart, and nothing came since.
        (gone, None),
        (Generation { outstanding: 1, last_url_ends_at: Some(at(20)), ..gone }, None),
        (Generation { last_url_ends_at: last, ..gone }, None),
        (Generation { followed_at: Some(at(-70)), last_url_ends_at: last, ..gone }, Some(-20)),
        (drained, Some(-60)),
        (Generation { last_url_ends_at: last, ..drained }, Some(-20)),
        (Generation { last_url_ends_at: Some(at(-80)), ..drained }, Some(-60)),
        (Generation { outstanding: 1, last_url_ends_at: Some(at(20)), ..drained }, Some(-60)),
        (retired(-3, drained), Some(-3)),
        (generation(&over, Secret::Rests), Some(-5)),
        (retired(-30, generation(&over, Secret::Gone)), Some(-30)),
    ];
    for (one, since) in table {
        assert_eq!(one.since(at(0)), since.map(at), "{one:?}");
    }
}

#[test]
fn it_is_drained_from_the_second_on_in_which_its_last_url_ends() {
    let key = session(CredentialKind::LongTermKey, None);
    let ends_at = at(7800);
    // What the registry counts: hard ends after now.
    let one = |now: Timestamp| Generation {
        drained_since: Some(at(-60)),
        outstanding: u64::from(ends_at > now),
        last_url_ends_at: Some(ends_at),
        ..generation(&key, Secret::Rests)
    };
    let before = at(7799);
    assert_eq!((one(before).state(before), one(before).safe_from()), (State::Draining, Some(ends_at)));
    assert_eq!((one(ends_at).state(ends_at), one(ends_at).safe_from()), (State::Drained, None));
    assert_eq!(one(ends_at).since(ends_at), Some(ends_at));
}

#[test]
fn advice_on_a_key_says_plainly_when_it_can_be_deactivated() {
    let key = session(CredentialKind::LongTermKey, None);
    let say = |one: Generation<'_>| one.advice(at(0));
    let urls = |one, count| Generation { outstanding: count, last_url_ends_at: Some(at(7800)), ..one };
    let (signs, rests) = (generation(&key, Secret::Signs), generation(&key, Secret::Rests));
    let retired = Generation { retired_at: Some(at(-3)), ..rests };
    assert_eq!(say(rests), "deactivate AKIAEXAMPLE now: nothing that presignd signed with it is outstanding");
    assert_eq!(
        say(urls(rests, 1203)),
        "wait until 2026-11-22T14:10:00Z (2 h 10 min): 1,203 URLs end by then; deactivating AKIAEXAMPLE earlier breaks them"
    );
    assert!(say(urls(rests, 1)).contains(": 1 URL ends by then;"));
    assert_eq!(say(signs), "put another key in its place, or drain it, before AKIAEXAMPLE is deactivated: it signs");
    assert!(
        say(urls(signs, 1_000_000))
            .ends_with("1,000,000 URLs outstanding, the last ends 2026-11-22T14:10:00Z (2 h 10 min)")
    );
    assert_eq!(
        say(generation(&key, Secret::Waits)),
        "wait: AWS has not confirmed AKIAEXAMPLE, so it signs nothing yet"
    );
    let unread = generation(&key, Secret::Unread);
    assert_eq!(say(unread), "wait: the source of AKIAEXAMPLE has not been read since the daemon started");
    assert_eq!(
        say(retired),
        "delete AKIAEXAMPLE: it is retired, and nothing that presignd signed with it is outstanding"
    );
    let early =
        |count, ended_early| Generation { ended_early, ended_by: "event k3yd2a7q-5 stands", ..urls(rests, count) };
    for (count, ended, words) in [(2, 1, "one of them has ended early"), (9999, 1203, "1,203 of them have ended early")]
    {
        let (told, end) =
            (say(early(count, ended)), format!("breaks them; {words}, as long as event k3yd2a7q-5 stands"));
        assert!(told.starts_with("wait until 2026-11-22T14:10:00Z") && told.ends_with(&end), "{told}");
    }
    assert!(say(urls(retired, 2)).starts_with("2 URLs outstanding: deactivating AKIAEXAMPLE breaks them;"));
}

#[test]
fn a_key_that_its_source_does_not_give_is_neither_drained_nor_called_safe_whatever_happened_to_it_before() {
    let key = session(CredentialKind::LongTermKey, None);
    let missing = generation(&key, Secret::Missing);
    let once_followed = Generation { followed_at: Some(at(-70)), ..missing };
    for one in [missing, once_followed] {
        for (outstanding, words) in
            [(0, "to sign no more"), (3, "; 3 URLs outstanding, the last ends 2026-11-22T14:10:00Z (2 h 10 min)")]
        {
            let one = Generation { outstanding, last_url_ends_at: Some(at(7800)), ..one };
            assert_eq!((one.state(at(0)), one.since(at(0))), (State::Prepared, None));
            let told = one.advice(at(0));
            let begins = told.starts_with("look at `presignd identities` before AKIAEXAMPLE is deactivated");
            assert!(begins && told.ends_with(words), "{told}");
        }
        let unread = Generation { secret: Secret::Unread, ..one };
        assert_eq!((unread.state(at(0)), unread.since(at(0))), (State::Prepared, None));
    }
    let drained = Generation { drained_since: Some(at(-60)), ..once_followed };
    assert_eq!((drained.state(at(0)), drained.since(at(0))), (State::Drained, Some(at(-60))));
    let gone = Generation { secret: Secret::Gone, ..once_followed };
    assert_eq!((gone.state(at(0)), gone.since(at(0))), (State::Drained, Some(at(-70))), "another signs");
    let temporary = session(CredentialKind::AssumeRole, Some(at(60)));
    assert_eq!(generation(&temporary, Secret::Missing).state(at(0)), State::Drained, "nobody waits for it");
}

#[test]
fn a_key_that_is_seen_dead_says_so_since_when_it_was_seen_and_nothing_of_deactivating() {
    let key = session(CredentialKind::LongTermKey, None);
    let seen = |is_key| Some(SeenDead { is_key, since: at(-60), cause: "GET s3://photos/canary: 403 AccessDenied" });
    let followed_at = Some(at(-70));
    let one = |is_key| Generation { seen_dead: seen(is_key), followed_at, ..generation(&key, Secret::Dead) };
    assert_eq!((one(true).state(at(0)), one(true).since(at(0))), (State::Dead, Some(at(-60))));
    assert_eq!(
        one(false).advice(at(0)),
        "what AKIAEXAMPLE signs is denied, as seen since 2026-11-22T11:59:00Z (GET s3://photos/canary: 403 AccessDenied): it \
         signs nothing until it is seen alive"
    );
    let told = Generation { outstanding: 2, last_url_ends_at: Some(at(60)), ..one(true) }.advice(at(0));
    assert!(told.starts_with("AWS does not know AKIAEXAMPLE any more, as seen since 2026-11-22T11:59:00Z"), "{told}");
    assert!(told.ends_with("; 2 URLs outstanding, the last ends 2026-11-22T12:01:00Z (1 min)"), "{told}");
    assert!(!told.contains("deactivat"), "{told}");
}

#[test]
fn advice_on_a_session_says_that_nothing_needs_doing() {
    for (secret, ends, words) in [
        (Secret::Signs, 60, "it is renewed by itself"),
        (Secret::Rests, 61, "it ends by itself 2026-11-22T12:01:01Z (1 min 1 s)"),
        (Secret::Gone, 90_000, "it ends by itself 2026-11-23T13:00:00Z (1 d 1 h)"),
        (Secret::Gone, 0, "it has ended"),
    ] {
        let session = session(CredentialKind::AssumeRole, Some(at(ends)));
        let one = Generation { outstanding: 3, last_url_ends_at: Some(at(ends)), ..generation(&session, secret) };
        assert_eq!(one.advice(at(0)), format!("nothing to do: {words}"));
    }
}

#[test]
fn a_key_that_aws_never_confirmed_and_nothing_was_signed_with_is_not_called_one() {
    let key = session(CredentialKind::LongTermKey, None);
    let rests = Generation { is_unconfirmed: true, ..generation(&key, Secret::Rests) };
    let retired = Generation { retired_at: Some(at(-3)), ..rests };
    let looks =
        "look whether AKIAEXAMPLE is a key at all: AWS never confirmed it, and presignd signed nothing with it; ";
    assert_eq!(rests.advice(at(0)), format!("{looks}retire it here if it is none, deactivate it if it is one"));
    assert_eq!(retired.advice(at(0)), format!("{looks}delete it if it is one"));
    assert!(!rests.is_free(at(0)) && !retired.is_free(at(0)), "nobody waits for it");
}

#[test]
fn what_was_stopped_and_leaves_its_identity_nothing_to_sign_with_says_so_until_there_is_another() {
    let (key, temporary) =
        (session(CredentialKind::LongTermKey, None), session(CredentialKind::Temporary, Some(at(60))));
    let last = |one| Generation { is_last: true, ..one };
    let drained = |session| last(Generation { drained_since: Some(at(-60)), ..generation(session, Secret::Rests) });
    let retired = |session| Generation { retired_at: Some(at(-3)), secret: Secret::Missing, ..drained(session) };
    for (one, words) in [
        (drained(&key), "web signs nothing until the drain is cancelled or its source gives another key"),
        (retired(&key), "web signs nothing until its source gives another key"),
        (drained(&temporary), "web signs nothing until the drain is cancelled or its source gives another session"),
        (retired(&temporary), "web signs nothing until its source gives another session"),
    ] {
        assert!(one.advice(at(0)).contains(words), "{}", one.advice(at(0)));
        let begins = one.advice(at(0)).starts_with("nothing to do");
        assert!(!begins, "{}", one.advice(at(0)));
        let goes_on = Generation { is_last: false, ..one };
        assert!(!goes_on.advice(at(0)).contains("signs nothing until"), "{}", goes_on.advice(at(0)));
    }
    assert_eq!(drained(&temporary).advice(at(60)), "nothing to do: it has ended");
    let by_itself = last(generation(&key, Secret::Rests));
    assert!(!by_itself.advice(at(0)).contains("signs nothing until"), "nobody stopped it");
}

#[test]
fn lengths_are_rounded_up_and_never_down() {
    let told = [1, 59, 60, 61, 3600, 3601, 86_399, 86_400, 86_401, 90_001, 604_800];
    let told = told.map(|seconds| Rounded(Duration::from_secs(seconds)).to_string());
    let words = ["1 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "24 h", "1 d", "1 d 1 h", "1 d 2 h", "7 d"];
    assert_eq!(told, words);
}

proptest! {
    /// Facts as a registry holds them, at two instants of one history.
    #[test]
    fn a_generation_that_signs_no_more_never_signs_again_by_itself_and_is_never_safe_too_early(
        is_key: bool, ends in 1i64..5000, stopped in proptest::option::of(0i64..3000), retired in proptest::option::of(0i64..5000),
        secret in 0usize..10, url_ends in proptest::collection::vec(1i64..5000, 0..5), early in 0i64..6000, later in 0i64..6000,
        others in proptest::collection::vec((0usize..5, 1i64..5000), 0..3),
    ) {
        let (kind, expires_at) =
            if is_key { (CredentialKind::LongTermKey, None) } else { (CredentialKind::AssumeRole, Some(at(ends))) };
        let session = session(kind, expires_at);
        let hard_ends: Vec<Timestamp> =
            url_ends.iter().map(|end| expires_at.map_or(at(*end), |expires| expires.min(at(*end)))).collect();
        let secret = [Secret::Signs, Secret::Waits, Secret::Rests, Secret::Gone, Secret::Unread, Secret::Dead, Secret::Missing, Secret::Displaced, Secret::Next, Secret::StandsIn][secret];
        let holds = [Hold::Signs, Hold::MaySign, Hold::Mints, Hold::Rests, Hold::CutOff];
        let others: Vec<_> = if is_key { others } else { Vec::new() };
        let others_at = |now: Timestamp| -> Vec<Holder> {
            let one = |(hold, end): &(usize, i64)| holder("other", holds[*hold], u64::from(at(*end) > now), *end);
            others.iter().map(one).collect()
        };
        let (early, later) = (at(early.min(later)), at(early.max(later)));
        let holders = [others_at(early), others_at(later)];
        let seen = |now: Timestamp| Generation {
            holders: &holders[usize::from(now == later)],
            drained_since: stopped.map(at).filter(|since| *since <= now),
            retired_at: retired.map(at).filter(|since| *since <= now),
            outstanding: hard_ends.iter().filter(|end| **end > now).count() as u64,
            last_url_ends_at: hard_ends.iter().max().copied(),
            ..generation(&session, secret)
        };
        let (before, after) = (seen(early), seen(later));
        // Prepared, active, draining, drained, retired: with the same secret nothing goes back.
        prop_assert!(before.state(early) <= after.state(later));
        for (one, now) in [(before, early), (after, later)] {
            prop_assert!(one.since(now) <= Some(now), "{:?}", one);
            let last = hard_ends.iter().filter(|end| **end > now).max().copied();
            prop_assert_eq!(one.last_end(), last);
            let of_others = others.iter().map(|(_, end)| at(*end)).filter(|end| *end > now).max();
            prop_assert_eq!(one.safe_from(), last.max(of_others));
            let (drained, retired) = (one.state(now) == State::Drained, one.state(now) == State::Retired);
            prop_assert!(!drained || last.is_none());
            let advice = one.advice(now);
            let is_free = last.max(of_others).is_none() && others.iter().all(|(hold, _)| *hold >= 3);
            prop_assert_eq!(advice.starts_with("deactivate"), drained && is_key && is_free, "{}", advice);
            prop_assert_eq!(advice.starts_with("delete"), retired && is_key && is_free, "{}", advice);
            prop_assert_eq!(one.is_free(now), (drained || retired) && is_free);
        }
        if before.state(early) == after.state(later) && before.drained_since == after.drained_since {
            prop_assert_eq!(before.since(early), after.since(later));
        }
    }

    #[test]
    fn states_have_the_names_that_answers_use(at in 0usize..State::ALL.len()) {
        let state = State::ALL[at];
        prop_assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}

#[test]
fn counts_have_separators() {
    assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
}
