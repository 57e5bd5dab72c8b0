//! What happened is told in order, once, and for a while.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::time::Duration;

use presignd::impact::event::{Event, SETTLES_WITHIN, What};
use presignd::registry::{
    Error, EventKind, EventRow, MAX_EVENT_BODY, MAX_STANDING, NewEvent, Registry, STANDING_LIFE, Stands, verify,
};
use presignd::session::{InstanceId, RecordId};
use presignd::time::Timestamp;
use serde_json::json;

use super::made::{ASKER, NOW, append, name, request, url};
use super::place::Place;

const DAY: u64 = 86_400;

fn happened(what: &str) -> NewEvent {
    NewEvent::new(EventKind::EventHappened, json!({ "what": what }))
}

fn other(what: &str) -> NewEvent {
    NewEvent::new(EventKind::SessionRenewed, json!({ "what": what }))
}

fn numbers(rows: &[EventRow]) -> Vec<u64> {
    rows.iter().map(|row| row.number).collect()
}

async fn forget(registry: &Registry) {
    while registry.forget_ended().await.unwrap().is_behind {}
}

pub(crate) async fn an_event_reads_back_as_it_was_noted(place: Place) {
    let (registry, session) = place.with_session().await;
    let full = NewEvent {
        identity: Some(name("web")),
        session: Some(session.id),
        uid: Some(1000),
        ..NewEvent::new(EventKind::RenewalFailed, json!({ "message": "\"ü\u{0}", "list": [1, null] }))
    };
    let mut wanted = Vec::new();
    for kind in EventKind::ALL {
        let event = NewEvent { kind: *kind, ..full.clone() };
        wanted.push(registry.note(event.clone()).await.unwrap());
        let NewEvent { kind, identity, session, uid, body, .. } = event;
        let (number, at) = (wanted.len() as u64, Timestamp::from_unix(NOW));
        let row = EventRow { number, at, kind, identity, session, uid, body, lifted_at: None };
        assert_eq!(wanted.last(), Some(&row));
    }
    registry.close().await;
    let registry = place.open().await;
    assert_eq!(registry.events(ASKER, 0, 100).await.unwrap(), wanted);
    assert_eq!(registry.events(ASKER, 3, 2).await.unwrap(), wanted[3..5]);
    assert_eq!(registry.last_event(), wanted.len() as u64);
    assert_eq!(registry.events(ASKER, registry.last_event(), 10).await.unwrap(), []);
    assert_eq!(registry.events(ASKER, u64::MAX, 10).await.unwrap(), []);
}

pub(crate) async fn watchers_hear_of_an_event_when_it_can_be_read(place: Place) {
    let (registry, session) = place.with_session().await;
    let mut heard = registry.subscribe_events();
    assert!(!heard.has_changed().unwrap());
    let reader = tokio::spawn({
        let registry = registry.clone();
        async move {
            let mut seen = Vec::new();
            while seen.len() < 30 {
                heard.changed().await.unwrap();
                let last = *heard.borrow_and_update();
                let rows = registry.events(ASKER, seen.len() as u64, 100).await.unwrap();
                seen.extend(rows);
                assert!(seen.len() as u64 >= last, "{last} was told before it could be read");
            }
            numbers(&seen)
        }
    });
    for i in 0..30 {
        let record = url(&registry, &session, request("k"));
        let (one, two) = tokio::join!(registry.append(vec![append(&record)]), registry.note(other(&i.to_string())));
        one.unwrap();
        two.unwrap();
    }
    assert_eq!(reader.await.unwrap(), (1..=30).collect::<Vec<_>>());
}

pub(crate) async fn an_event_stands_until_it_is_lifted(place: Place) {
    let registry = place.open().await;
    registry.note(other("before")).await.unwrap();
    let (one, two) = (registry.note(happened("one")).await.unwrap(), registry.note(happened("two")).await.unwrap());
    assert_eq!(registry.standing(ASKER).await.unwrap(), [two.clone(), one.clone()]);
    let at = Timestamp::from_unix(NOW - 5);
    let lifted = NewEvent::new(EventKind::EventLifted, json!({ "of": one.number }));
    let answer = registry.lift(one.number, at, lifted.clone()).await.unwrap();
    assert_eq!(answer, EventRow { lifted_at: Some(at), ..one.clone() });
    assert_eq!((registry.last_event(), *registry.subscribe_events().borrow()), (4, 4));
    // Lifted twice, it is told once.
    assert_eq!(registry.lift(one.number, Timestamp::from_unix(NOW), lifted.clone()).await.unwrap(), answer);
    assert_eq!(registry.last_event(), 4);
    assert_eq!(registry.standing(ASKER).await.unwrap(), std::slice::from_ref(&two));
    assert_eq!(registry.happened(ASKER).await.unwrap(), [two, answer]);
    assert_eq!(registry.events(ASKER, 3, 10).await.unwrap()[0].body, lifted.body);
    for number in [1, 4, 99] {
        let outcome = registry.lift(number, at, lifted.clone()).await;
        assert!(matches!(outcome, Err(Error::Unknown(id)) if id.number == number), "{number} never stood");
    }
    assert_eq!(registry.last_event(), 4);
}

pub(crate) async fn what_is_withdrawn_says_so_in_its_row_and_stands_no_more(place: Place) {
    let registry = place.open().await;
    let (one, two) = (registry.note(happened("one")).await.unwrap(), registry.note(happened("two")).await.unwrap());
    let (at, never) = (Timestamp::from_unix(NOW - 5), json!({"what": "one", "withdrawn": true}));
    let row = || NewEvent::new(EventKind::EventLifted, json!({}));
    let answer = registry.withdraw(one.number, at, never.clone(), row()).await.unwrap();
    assert_eq!(answer, EventRow { lifted_at: Some(at), body: never.clone(), ..one.clone() });
    assert_eq!((registry.last_event(), registry.stands().len()), (3, 0), "these are no events of impact's");
    assert_eq!(registry.standing(ASKER).await.unwrap(), std::slice::from_ref(&two));
    // Of what was lifted before it stays since when.
    registry.lift(two.number, at, row()).await.unwrap();
    let answer = registry.withdraw(two.number, Timestamp::from_unix(NOW), never.clone(), row()).await.unwrap();
    assert_eq!((answer.lifted_at, answer.body), (Some(at), never.clone()));
    let outcome = registry.withdraw(99, at, never, row()).await;
    assert!(matches!(outcome, Err(Error::Unknown(id)) if id.number == 99), "{outcome:?}");
}

pub(crate) async fn events_are_kept_for_a_week_and_those_that_stand_for_two(place: Place) {
    let registry = place.open().await;
    registry.note(happened("stands")).await.unwrap();
    let far = Timestamp::from_unix(NOW) + Duration::from_secs(30 * DAY);
    registry.note(NewEvent { stands_until: Some(far), ..happened("stands longer") }).await.unwrap();
    let short = NewEvent { stands_until: Some(Timestamp::from_unix(NOW + 1)), ..happened("short") };
    registry.note(short).await.unwrap();
    registry.note(other("four")).await.unwrap();
    registry.note(happened("lifted")).await.unwrap();
    assert_eq!(registry.oldest_event(ASKER).await.unwrap(), 1);
    tokio::time::advance(Duration::from_secs(DAY)).await;
    let lifted = NewEvent::new(EventKind::EventLifted, json!({}));
    registry.lift(5, Timestamp::from_unix(NOW), lifted).await.unwrap();
    tokio::time::advance(Duration::from_secs(6 * DAY - 1)).await;
    forget(&registry).await;
    assert_eq!(numbers(&registry.events(ASKER, 0, 10).await.unwrap()), [1, 2, 3, 4, 5, 6]);
    tokio::time::advance(Duration::from_secs(1)).await;
    forget(&registry).await;
    assert_eq!(numbers(&registry.events(ASKER, 0, 10).await.unwrap()), [1, 2, 5, 6]);
    assert_eq!(registry.oldest_event(ASKER).await.unwrap(), 5, "who has seen 4 has missed nothing");
    tokio::time::advance(Duration::from_secs(DAY)).await;
    forget(&registry).await;
    assert_eq!(numbers(&registry.events(ASKER, 0, 10).await.unwrap()), [1, 2]);
    tokio::time::advance(STANDING_LIFE - Duration::from_secs(8 * DAY + 1)).await;
    assert_eq!(numbers(&registry.standing(ASKER).await.unwrap()), [2, 1]);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(numbers(&registry.standing(ASKER).await.unwrap()), [2], "before the row is forgotten, too");
    tokio::time::advance(Duration::from_secs(16 * DAY)).await;
    forget(&registry).await;
    assert_eq!(registry.events(ASKER, 0, 10).await.unwrap(), []);
    registry.close().await;
    let registry = place.open().await;
    assert_eq!((registry.last_event(), registry.oldest_event(ASKER).await.unwrap()), (6, 7));
    assert_eq!(registry.note(other("next")).await.unwrap().number, 7);
}

#[tokio::test(start_paused = true)]
async fn what_stands_is_bounded_and_lifting_makes_room() {
    let place = Place::new();
    let registry = place.open().await;
    registry.note(happened("first")).await.unwrap();
    registry.close().await;
    let file = rusqlite::Connection::open(place.path()).unwrap();
    let fill = "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                INSERT INTO events (at, kind, body, kept_until) SELECT ?2, 'event-happened', '{}', ?2 + 60 FROM n";
    file.execute(fill, (MAX_STANDING as i64, NOW)).unwrap();
    drop(file);
    let registry = place.open().await;
    assert_eq!(registry.standing(ASKER).await.unwrap().len(), MAX_STANDING);
    let refused = registry.note(happened("one too many")).await.unwrap_err();
    assert!(matches!(refused, Error::TooManyStanding) && refused.to_string().contains("1000"), "{refused}");
    registry.note(other("no event of AWS's")).await.unwrap();
    registry.lift(1, Timestamp::from_unix(NOW), NewEvent::new(EventKind::EventLifted, json!({}))).await.unwrap();
    registry.note(happened("has room")).await.unwrap();
    assert!(registry.note(happened("one too many")).await.is_err());
    tokio::time::advance(Duration::from_secs(60)).await;
    registry.note(happened("has room")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_kept_is_refused() {
    let place = Place::new();
    let registry = place.open().await;
    let refused = registry.note(happened(&"x".repeat(MAX_EVENT_BODY))).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains(&(MAX_EVENT_BODY + 11).to_string()) && text.contains(&MAX_EVENT_BODY.to_string()), "{text}");
    registry.note(happened(&"x".repeat(MAX_EVENT_BODY - 11))).await.unwrap();
    let elsewhere = RecordId { instance: InstanceId::parse("aaaaaaaa").unwrap(), number: 1 };
    let outcome = registry.note(NewEvent { session: Some(elsewhere), ..happened("k") }).await;
    assert!(matches!(outcome, Err(Error::Unknown(id)) if id == elsewhere));
    registry.close().await;
    assert_eq!(verify(&place.path()).unwrap().problems, [""; 0]);
}

pub(crate) async fn what_stands_is_at_hand_when_its_note_is_answered_until_its_lift_is(place: Place) {
    let registry = place.open().await;
    let event = Event {
        at: Timestamp::from_unix(NOW),
        settles_within: SETTLES_WITHIN,
        endpoint: None,
        what: What::BucketDeleted { bucket: "films".into() },
    };
    let body = json!({ "event": event });
    assert!(registry.stands().is_empty());
    let first = registry.note(NewEvent::new(EventKind::EventHappened, body.clone())).await.unwrap();
    registry.note(other("no event")).await.unwrap();
    registry.note(happened("of a later version")).await.unwrap();
    let id = RecordId { instance: registry.instance(), number: first.number };
    let until = Timestamp::from_unix(NOW) + STANDING_LIFE;
    let stands = vec![Stands { id, event: event.clone(), until }];
    assert_eq!(*registry.stands(), *stands);
    let until = Timestamp::from_unix(NOW + 30 * DAY as i64);
    let second = NewEvent { stands_until: Some(until), ..NewEvent::new(EventKind::EventHappened, body) };
    let second = RecordId { number: registry.note(second).await.unwrap().number, ..id };
    let both = [vec![Stands { id: second, event, until }], stands].concat();
    assert_eq!(*registry.stands(), *both, "newest first");
    registry.close().await;
    let registry = place.open().await;
    assert_eq!(*registry.stands(), *both, "after a restart");
    let lifted = NewEvent::new(EventKind::EventLifted, json!({}));
    registry.lift(second.number, Timestamp::from_unix(NOW), lifted).await.unwrap();
    assert_eq!(*registry.stands(), both[1..]);
}
