//! Events that were reported, on the records that they end.

use presignd::assess::{EarlyEnd, GapReason, Question};
use presignd::impact::ending::Verdict;
use presignd::impact::event::{Event, SETTLES_WITHIN, What};
use presignd::issued::Filter;
use presignd::registry::{EventKind, NewEvent, event_of};
use presignd::session::RecordId;
use serde_json::json;

use crate::made::{BUCKET, USER_KEY};
use crate::place::{ASKER, Place, Random};

fn happened(event: &Event) -> NewEvent {
    NewEvent::new(EventKind::EventHappened, json!({"event": event}))
}

#[tokio::test(start_paused = true)]
async fn a_record_says_what_ends_it_until_the_event_is_lifted() {
    let place = Place::empty(700).await;
    place.add(&mut Random::of(50), 5000).await;
    let records = place.outstanding(&Filter::default()).await;
    let now = |what| Event { at: place.clock.now(), settles_within: SETTLES_WITHIN, endpoint: None, what };
    let (key, bucket) = (
        now(What::KeyDeactivated { access_key_id: USER_KEY.into() }),
        now(What::AccountClosed { account: "111122223333".into() }),
    );
    let (spared, endings) = (now(What::BucketDeleted { bucket: "elsewhere".into() }), async || {
        place.desk.endings(ASKER, &records).await.unwrap().remove(0)
    });
    assert!(endings().await.is_empty());
    place.registry.note(happened(&bucket)).await.unwrap();
    let reported = place.registry.note(happened(&key)).await.unwrap();
    place.registry.note(happened(&spared)).await.unwrap();
    let told = endings().await;
    let expected = [(&key, 2), (&bucket, 1)].map(|(event, number)| {
        let event_id = RecordId { instance: place.registry.instance(), number };
        EarlyEnd { event: event_id, ending: place.ending(event, &records[0]) }
    });
    assert_eq!(told, expected, "what surely ends it comes before what may, each with the event that does it");
    assert_eq!([told[0].ending.verdict, told[1].ending.verdict], [Verdict::Ends, Verdict::MayEnd]);
    let lifted = NewEvent::new(EventKind::EventLifted, json!({}));
    place.registry.lift(reported.number, place.clock.now(), lifted).await.unwrap();
    assert_eq!(endings().await, [expected[1]]);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_later_version_is_left_out_and_breaks_nothing() {
    let place = Place::empty(700).await;
    place.add(&mut Random::of(51), 5000).await;
    let later = json!({"event": {"at": "1970-01-01T00:00:00Z", "settles_within_seconds": 5, "moon_fell": {}}});
    assert_eq!(event_of(&later), None);
    place.registry.note(NewEvent::new(EventKind::EventHappened, later)).await.unwrap();
    let event = Event {
        at: place.clock.now(),
        settles_within: SETTLES_WITHIN,
        endpoint: None,
        what: What::BucketDeleted { bucket: BUCKET.into() },
    };
    place.registry.note(happened(&event)).await.unwrap();
    let records = place.outstanding(&Filter::default()).await;
    assert_eq!(place.desk.endings(ASKER, &records).await.unwrap()[0].len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_be_dead_and_was_seen_alive_since_is_asked_about() {
    let place = Place::empty(700).await;
    place.add(&mut Random::of(53), 5000).await;
    let session = place.outstanding(&Filter::default()).await[0].session.id;
    let gap_of = async |what: What, at: i64| {
        let event = Event { at: crate::made::at(at), settles_within: SETTLES_WITHIN, endpoint: None, what };
        let question = Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false };
        let answer = place.desk.assess(&question).await.unwrap();
        answer.gaps.into_iter().find(|gap| gap.reason == GapReason::SeenAlive).map(|gap| gap.message)
    };
    let gap = async |at: i64| gap_of(key(), at).await;
    assert_eq!(gap(100).await, None, "nobody has looked");
    let seen = [("key".to_owned(), crate::made::at(500))].into();
    place.registry.looked(session, Some(("alive", "it answers")), seen, false).await.unwrap();
    assert!(gap(199).await.is_some_and(|told| told.contains(USER_KEY)));
    assert_eq!(gap(201).await, None, "AWS may not have enforced it everywhere by then");
    assert_eq!(gap(600).await, None, "it was seen before");
    let invalidated = || What::SessionInvalidated { access_key_id: USER_KEY.into(), expired: false };
    assert!(gap_of(invalidated(), 199).await.is_some_and(|told| told.contains(USER_KEY)));
    assert_eq!(gap_of(invalidated(), 600).await, None);
}

/// A source may tell of a sooner end after URLs were signed.
#[tokio::test(start_paused = true)]
async fn no_event_ends_a_record_after_its_session_which_ends_sooner_than_it_was_told() {
    let place = Place::empty(700).await;
    place.add(&mut Random::of(52), 5000).await;
    let stood =
        |at: i64| Event { at: crate::made::at(at), settles_within: SETTLES_WITHIN, endpoint: None, what: key() };
    let endings = async |at: i64| {
        let row = place.registry.note(happened(&stood(at))).await.unwrap();
        let records = place.outstanding(&Filter::default()).await;
        let told = place.desk.endings(ASKER, &records).await.unwrap().remove(0);
        let lifted = NewEvent::new(EventKind::EventLifted, json!({}));
        place.registry.lift(row.number, place.clock.now(), lifted).await.unwrap();
        told
    };
    assert_eq!(endings(690).await[0].ending.not_after, crate::made::at(990));
    place.end_all(crate::made::at(800)).await;
    assert_eq!(endings(690).await[0].ending.not_after, crate::made::at(800));
    assert!(endings(800).await.is_empty(), "nothing was left to end");
}

fn key() -> What {
    What::KeyDeactivated { access_key_id: USER_KEY.into() }
}
