//! The table of states, what is advised in each, and what holds whatever the facts are.

use proptest::prelude::*;

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
        followed_at: None,
        drained_since: None,
        retired_at: None,
        secret,
        outstanding: 0,
        last_url_ends_at: None,
        ended_early: 0,
        ended_by: "",
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
        (Secret::Rests, None, None, 0, State::Drained),
        (Secret::Rests, None, None, 7, State::Draining),
        (Secret::Rests, drained, None, 0, State::Drained),
        (Secret::Rests, drained, None, 7, State::Draining),
        (Secret::Gone, None, None, 0, State::Drained),
        (Secret::Gone, None, None, 7, State::Draining),
        (Secret::Gone, drained, None, 7, State::Draining),
        (Secret::Signs, drained, None, 7, State::Draining),
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
fn it_is_there_since_what_brought_it_there() {
    let (key, over) = (session(CredentialKind::LongTermKey, None), session(CredentialKind::AssumeRole, Some(at(-5))));
    let rests = generation(&key, Secret::Rests);
    let last = Some(at(-20));
    assert_eq!(generation(&key, Secret::Signs).since(at(0)), at(-9000));
    assert_eq!(Generation { followed_at: Some(at(-70)), ..rests }.since(at(0)), at(-70));
    let drained = Generation { followed_at: Some(at(-70)), drained_since: Some(at(-60)), ..rests };
    assert_eq!(drained.since(at(0)), at(-60));
    assert_eq!(Generation { last_url_ends_at: last, ..drained }.since(at(0)), at(-20), "its last URL ended later");
    assert_eq!(Generation { last_url_ends_at: Some(at(-80)), ..drained }.since(at(0)), at(-60));
    let draining = Generation { outstanding: 1, last_url_ends_at: Some(at(20)), ..drained };
    assert_eq!(draining.since(at(0)), at(-60));
    assert_eq!(Generation { retired_at: Some(at(-3)), ..drained }.since(at(0)), at(-3));
    assert_eq!(generation(&over, Secret::Rests).since(at(0)), at(-5));
    assert_eq!(Generation { retired_at: Some(at(-30)), ..generation(&over, Secret::Gone) }.since(at(0)), at(-30));
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
    assert_eq!(one(ends_at).since(ends_at), ends_at);
}

#[test]
fn advice_on_a_key_says_plainly_when_it_can_be_deactivated() {
    let key = session(CredentialKind::LongTermKey, None);
    let say = |one: Generation<'_>| one.advice(at(0));
    let urls = |one, count| Generation { outstanding: count, last_url_ends_at: Some(at(7800)), ..one };
    let (signs, rests) = (generation(&key, Secret::Signs), generation(&key, Secret::Rests));
    let retired = Generation { retired_at: Some(at(-3)), ..rests };
    let missing = generation(&key, Secret::Gone);
    assert!(say(missing).starts_with("look at `presignd identities` before AKIAEXAMPLE is deactivated"));
    assert!(say(Generation { followed_at: Some(at(-9)), ..missing }).starts_with("deactivate AKIAEXAMPLE now"));
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
    let followed = Generation { followed_at: Some(at(-9)), ..unread };
    assert_eq!(urls(followed, 3).state(at(0)), State::Draining, "another took its place before the start");
    assert_eq!(
        say(retired),
        "delete AKIAEXAMPLE: it is retired, and nothing that presignd signed with it is outstanding"
    );
    let early =
        |count, ended_early| Generation { ended_early, ended_by: "event k3yd2a7q-5 stands", ..urls(rests, count) };
    for (count, ended, words) in [
        (1, 1, "it has ended early"),
        (2, 2, "all of them have ended early"),
        (2, 1, "one of them has ended early"),
        (9999, 1203, "1,203 of them have ended early"),
    ] {
        let (told, end) =
            (say(early(count, ended)), format!("breaks them; {words}, as long as event k3yd2a7q-5 stands"));
        assert!(told.starts_with("wait until 2026-11-22T14:10:00Z") && told.ends_with(&end), "{told}");
    }
    assert!(say(urls(retired, 2)).starts_with("2 URLs outstanding: deactivating AKIAEXAMPLE breaks them;"));
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
        secret in 0usize..5, url_ends in proptest::collection::vec(1i64..5000, 0..5), early in 0i64..6000, later in 0i64..6000,
    ) {
        let (kind, expires_at) =
            if is_key { (CredentialKind::LongTermKey, None) } else { (CredentialKind::AssumeRole, Some(at(ends))) };
        let session = session(kind, expires_at);
        let hard_ends: Vec<Timestamp> =
            url_ends.iter().map(|end| expires_at.map_or(at(*end), |expires| expires.min(at(*end)))).collect();
        let secret = [Secret::Signs, Secret::Waits, Secret::Rests, Secret::Gone, Secret::Unread][secret];
        let seen = |now: Timestamp| Generation {
            drained_since: stopped.map(at).filter(|since| *since <= now),
            retired_at: retired.map(at).filter(|since| *since <= now),
            outstanding: hard_ends.iter().filter(|end| **end > now).count() as u64,
            last_url_ends_at: hard_ends.iter().max().copied(),
            ..generation(&session, secret)
        };
        let (early, later) = (at(early.min(later)), at(early.max(later)));
        let (before, after) = (seen(early), seen(later));
        // Prepared, active, draining, drained, retired: with the same secret nothing goes back.
        prop_assert!(before.state(early) <= after.state(later));
        for (one, now) in [(before, early), (after, later)] {
            prop_assert!(one.since(now) <= now, "{:?}", one);
            let last = hard_ends.iter().filter(|end| **end > now).max().copied();
            prop_assert_eq!(one.safe_from(), last);
            let drained = one.state(now) == State::Drained;
            prop_assert!(!drained || last.is_none());
            let says_now = one.advice(now).starts_with("deactivate");
            let is_missing = secret == Secret::Gone && one.drained_since.is_none();
            prop_assert_eq!(says_now, drained && is_key && !is_missing);
        }
        if before.state(early) == after.state(later) && before.drained_since == after.drained_since {
            prop_assert_eq!(before.since(early), after.since(later));
        }
    }

    #[test]
    fn states_have_the_names_that_answers_use(at in 0usize..5) {
        let state = State::ALL[at];
        prop_assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}
