//! Events of what was seen, read by the rules that answer for URLs.

use super::*;
use crate::impact::ending::Verdict;
use crate::impact::{Lineage, Subject, ending};
use crate::s3::operation::Operation;
use crate::s3::{Bucket, ObjectKey};
use crate::session::{IdentityName, InstanceId, IssueInterval, RecordId};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_795_348_800 + seconds)
}

fn session(kind: CredentialKind, access_key_id: &str, arn: &str, id: &str, name: &str) -> Session {
    let facts = Facts {
        access_key_id: access_key_id.into(),
        kind,
        partition: "aws".into(),
        account: "123456789012".into(),
        principal_arn: arn.into(),
        principal_unique_id: id.into(),
        session_name: name.into(),
        source_identity: String::new(),
        session_policy_sha256: String::new(),
        tags: Vec::new(),
        parent: None,
        parent_access_key_id: String::new(),
        issued: IssueInterval { not_before: Some(at(-100)), not_after: at(-99) },
        expires_at: (kind != CredentialKind::LongTermKey).then(|| at(3600)),
        expiry_is_exact: true,
        partition_of: String::new(),
    };
    // Each key is a session of its own.
    let number = access_key_id.bytes().map(u64::from).sum();
    let id = RecordId { instance: InstanceId::from_random(1), number };
    Session { id, identity: IdentityName::parse("web").unwrap(), generation: 1, facts }
}

fn role(name: &str) -> Session {
    let arn = format!("arn:aws:sts::123456789012:assumed-role/web/{name}");
    session(CredentialKind::AssumeRole, &format!("ASIA{name}"), &arn, "AROAEXAMPLE", name)
}

fn user() -> Session {
    session(CredentialKind::LongTermKey, "AKIAONE", "arn:aws:iam::123456789012:user/u", "AIDAEXAMPLE", "")
}

fn on_instance(number: u64) -> Session {
    let mut one = role("i-0123");
    one.facts.kind = CredentialKind::Ec2Instance;
    one.facts.access_key_id = format!("ASIA{number}");
    one.id.number = number;
    one
}

fn canary() -> Canary {
    Canary { bucket: Bucket::parse("photos").unwrap(), key: ObjectKey::parse("canary").unwrap() }
}

const DIED: Edge = Edge::Died { after: None, by: Timestamp::EPOCH };

fn answer<'a>(about: About<'a>, cause: &str) -> Answer<'a> {
    Answer { about, sight: Sight::Dead, cause: cause.to_owned() }
}

fn event(session: &Session, about: About<'_>) -> Option<Event> {
    event_of(session, &answer(about, "seen"))
}

fn event_of(session: &Session, answer: &Answer<'_>) -> Option<Event> {
    let edge = Edge::Died { after: Some(at(0)), by: at(60) };
    let row = died(session, answer, edge, Former::default())?;
    let event: Event = serde_json::from_value(row.body["event"].clone()).unwrap();
    event.check().unwrap();
    Some(event)
}

fn verdict(event: &Event, session: &Session, bucket: &str, operation: Operation) -> Verdict {
    let subject = Subject::Group { bucket, operation };
    ending(event, Lineage { session, parent: None }, subject).map_or(Verdict::MayEnd, |ending| ending.verdict)
}

#[test]
fn a_dead_key_ends_what_it_signed_and_nothing_of_others() {
    let (key, get) = (user(), Operation::GetObject);
    let seen = event(&key, About::Key).unwrap();
    assert_eq!((seen.at, seen.settles_within), (at(0), Duration::from_secs(60)), "the interval in which it died");
    assert_eq!(verdict(&seen, &key, "photos", get), Verdict::Ends);
    assert_eq!(verdict(&seen, &role("a"), "photos", get), Verdict::Lives);
}

#[test]
fn a_dead_session_with_a_name_of_its_own_ends_alone() {
    let seen = event(&role("a"), About::Key).unwrap();
    for operation in [Operation::GetObject, Operation::PutObject] {
        assert_eq!(verdict(&seen, &role("a"), "photos", operation), Verdict::Ends);
        assert_eq!(verdict(&seen, &role("b"), "photos", operation), Verdict::Lives);
    }
    assert_eq!(verdict(&seen, &user(), "photos", Operation::GetObject), Verdict::Lives);
}

#[test]
fn a_dead_session_that_shares_its_name_ends_alone() {
    let mut token = user();
    (token.facts.kind, token.id.number) = (CredentialKind::SessionToken, 77);
    let mut root = session(CredentialKind::SessionToken, "ASIAROOT", "arn:aws:iam::123456789012:root", "", "");
    root.facts.principal_unique_id.clear();
    for (dead, others) in
        [(on_instance(1), [on_instance(2), role("a")]), (token, [user(), role("a")]), (root, [user(), role("a")])]
    {
        let seen = event(&dead, About::Key).unwrap();
        assert_eq!(verdict(&seen, &dead, "photos", Operation::GetObject), Verdict::Ends);
        for other in others {
            assert_eq!(verdict(&seen, &other, "photos", Operation::GetObject), Verdict::Lives);
        }
    }
}

#[test]
fn a_denied_canary_speaks_of_reading_from_its_bucket_and_never_surely() {
    let canary = canary();
    for session in [role("a"), user(), on_instance(1)] {
        let seen = event(&session, About::Canary(&canary)).unwrap();
        assert_eq!(verdict(&seen, &session, "photos", Operation::GetObject), Verdict::MayEnd);
        assert_eq!(verdict(&seen, &session, "videos", Operation::GetObject), Verdict::Lives);
        assert_eq!(verdict(&seen, &session, "photos", Operation::PutObject), Verdict::Lives);
    }
    let seen = event(&role("a"), About::Canary(&canary)).unwrap();
    assert_eq!(verdict(&seen, &role("b"), "photos", Operation::GetObject), Verdict::Lives);
}

#[test]
fn a_session_whose_time_is_over_never_comes_back_and_one_that_is_not_known_may() {
    let over = event_of(&role("a"), &Answer { sight: Sight::Expired, ..answer(About::Key, "") }).unwrap();
    let unknown = event(&role("a"), About::Key).unwrap();
    assert_eq!((over.what.can_be_undone(), unknown.what.can_be_undone()), (false, true));
    for seen in [&over, &unknown] {
        assert_eq!(verdict(seen, &role("a"), "photos", Operation::GetObject), Verdict::Ends);
        assert_eq!(verdict(seen, &role("b"), "photos", Operation::GetObject), Verdict::Lives);
    }
}

#[test]
fn nobody_is_meant_where_nobody_told_whose_it_is() {
    let mut unnamed = role("a");
    unnamed.facts.session_name.clear();
    assert!(died(&unnamed, &answer(About::Canary(&canary()), ""), DIED, Former::default()).is_none());
    let seen = event(&unnamed, About::Key).unwrap();
    assert_eq!(verdict(&seen, &unnamed, "photos", Operation::GetObject), Verdict::Ends, "the session is known");
}

#[test]
fn a_denied_canary_of_a_key_that_nobody_named_may_end_its_urls_and_those_of_nobody_who_is_known() {
    let mut unnamed = user();
    unnamed.facts.principal_unique_id.clear();
    unnamed.facts.principal_arn.clear();
    let seen = event(&unnamed, About::Canary(&canary())).unwrap();
    assert_eq!(verdict(&seen, &unnamed, "photos", Operation::GetObject), Verdict::MayEnd);
    assert_eq!(verdict(&seen, &unnamed, "photos", Operation::PutObject), Verdict::Lives);
    for known in [user(), role("a"), on_instance(1)] {
        assert_eq!(verdict(&seen, &known, "photos", Operation::GetObject), Verdict::Lives);
    }
    assert_eq!(verdict(&event(&unnamed, About::Key).unwrap(), &unnamed, "photos", Operation::GetObject), Verdict::Ends);
}

#[test]
fn a_row_says_what_was_seen_and_is_known_again() {
    let canary = canary();
    let seen = answer(About::Canary(&canary), "403 AccessDenied");
    let row = died(&role("a"), &seen, Edge::Died { after: None, by: at(60) }, Former::default());
    let NewEvent { kind, identity, session, uid, body, stands_until } = row.unwrap();
    assert_eq!((&body["observed"], &body["cause"]), (&json!(true), &json!("403 AccessDenied")));
    assert_eq!(
        (&body["last_seen_alive"], &body["first_seen_dead"]),
        (&serde_json::Value::Null, &json!(at(60).to_string()))
    );
    assert_eq!(stands_until, Some(at(3600)), "its URLs end with the session");
    let row = EventRow { number: 7, at: at(61), kind, identity, session, uid, body, lifted_at: None };
    assert_eq!(row.seen_dead(), Some("s3://photos/canary"));
    assert_eq!(lifted(&row).body["lifts"], serde_json::json!({"number": 7, "recorded_at": row.at}));
    let reported = EventRow { body: json!({"about": "key"}), ..row };
    assert_eq!(reported.seen_dead(), None, "what others reported is theirs to lift");
}

#[test]
fn a_death_is_dated_back_over_no_sight_of_life_and_over_no_word_that_it_lived() {
    let seen = |after: Option<i64>, former| {
        let edge = Edge::Died { after: after.map(at), by: at(60) };
        let row = died(&role("a"), &answer(About::Key, ""), edge, former).unwrap();
        let event: Event = serde_json::from_value(row.body["event"].clone()).unwrap();
        assert_eq!(event.at + event.settles_within, at(60), "by then it was dead");
        (event.at, row.body["last_seen_alive"].as_str().map(str::to_owned))
    };
    let told = |seconds: i64| Some(at(seconds).to_string());
    #[rustfmt::skip]
    let table = [
        // seen alive since the start; before, and taken back, as former rows say; from when on it may have been dead
        (None, None, None, -99, None),
        (Some(10), None, None, 10, told(10)),
        (None, Some(20), None, 20, told(20)),
        (None, None, Some(30), 30, None),
        (None, Some(20), Some(30), 30, told(20)),
        (Some(40), Some(20), Some(30), 40, told(40)),
        (Some(10), None, Some(30), 30, told(10)),
        // Clocks are set back now and then.
        (None, None, Some(90), 60, None),
    ];
    for (after, alive, taken, begins, alive_at) in table {
        let former = Former { alive_at: alive.map(at), taken_back_at: taken.map(at) };
        assert_eq!(seen(after, former), (at(begins), alive_at), "{after:?} {former:?}");
    }
}

#[test]
fn former_events_of_the_same_thing_count_and_no_others() {
    let row = |number: u64, session: &Session, about: &str, alive: i64, lifted: Option<i64>| EventRow {
        number,
        at: at(1),
        kind: EventKind::EventHappened,
        identity: None,
        session: Some(session.id),
        uid: None,
        body: json!({"observed": true, "about": about, "last_seen_alive": at(alive).to_string()}),
        lifted_at: lifted.map(at),
    };
    let (own, mut other) = (role("a"), role("b"));
    other.id.number += 1;
    let reported = EventRow { body: json!({"observed": false, "about": "key"}), ..row(5, &own, "key", 90, Some(95)) };
    let rows = [
        row(1, &own, "key", 5, Some(7)),
        row(2, &own, "key", 9, None),
        row(3, &own, "s3://photos/canary", 70, Some(75)),
        row(4, &other, "key", 80, Some(85)),
        reported,
    ];
    let expected = Former { alive_at: Some(at(9)), taken_back_at: Some(at(7)) };
    assert_eq!(Former::of(&rows, own.id, "key"), expected);
    assert_eq!(Former::of(&rows[2..4], own.id, "key"), Former::default());
}
