//! What operators decide of sessions and identities, and what is seen of them, lasts.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::time::Duration;

use presignd::registry::{Error, EventKind, MAX_PAGE, Mark, NewEvent, Observed, Registry, SessionRow};
use presignd::session::{Facts, RecordId};
use presignd::time::Timestamp;
use serde_json::json;

use super::made::{ASKER, NOW, append, facts, name, request, url};
use super::place::Place;

const DRAIN: Mark = Mark::Drain { replaced: false };
const REPLACE: Mark = Mark::Drain { replaced: true };

fn event(kind: EventKind) -> NewEvent {
    NewEvent::new(kind, json!({}))
}

async fn row(registry: &Registry, generation: u64) -> SessionRow {
    registry.generations(ASKER, &name("web"), Some(generation + 1)).await.unwrap().remove(0)
}

pub(crate) async fn what_was_decided_of_a_session_is_there_after_a_restart(place: Place) {
    let (registry, session) = place.with_session().await;
    let later = Timestamp::from_unix(NOW + 60);
    registry.mark(session.id, DRAIN, event(EventKind::GenerationDraining)).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    registry.mark(session.id, DRAIN, event(EventKind::GenerationDraining)).await.unwrap();
    assert_eq!(row(&registry, 1).await.drained_since, Some(Timestamp::from_unix(NOW)), "it keeps its first date");
    registry.mark(session.id, Mark::CancelDrain, event(EventKind::DrainCancelled)).await.unwrap();
    assert_eq!(row(&registry, 1).await.drained_since, None);
    registry.mark(session.id, DRAIN, event(EventKind::GenerationDraining)).await.unwrap();
    registry.mark(session.id, Mark::Retire { forced: true }, event(EventKind::GenerationRetired)).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    registry.mark(session.id, Mark::Retire { forced: false }, event(EventKind::GenerationRetired)).await.unwrap();
    registry.close().await;

    let registry = place.open().await;
    let row = row(&registry, 1).await;
    assert_eq!((row.drained_since, row.retired_at, row.retired_by_force), (Some(later), Some(later), true));
    let kinds: Vec<_> = registry.events(ASKER, 0, 10).await.unwrap().iter().map(|event| event.kind).collect();
    use EventKind::{DrainCancelled, GenerationDraining, GenerationRetired};
    let told = [GenerationDraining, GenerationDraining, DrainCancelled, GenerationDraining];
    assert_eq!(kinds, [&told[..], &[GenerationRetired; 2]].concat());
}

pub(crate) async fn a_drain_that_an_operator_wants_outlasts_what_the_source_gives(place: Place) {
    let (registry, session) = place.with_session().await;
    for (marks, replaced) in
        [(&[REPLACE][..], true), (&[DRAIN], false), (&[REPLACE, DRAIN], false), (&[DRAIN, REPLACE], false)]
    {
        for mark in marks {
            registry.mark(session.id, *mark, event(EventKind::GenerationDraining)).await.unwrap();
        }
        let row = row(&registry, 1).await;
        assert_eq!((row.drained_since.is_some(), row.replaced), (true, replaced), "{marks:?}");
        registry.mark(session.id, Mark::CancelDrain, event(EventKind::DrainCancelled)).await.unwrap();
        let row = self::row(&registry, 1).await;
        assert_eq!((row.drained_since, row.replaced), (None, false));
    }
}

pub(crate) async fn a_decision_about_an_unknown_session_leaves_no_trace(place: Place) {
    let (registry, session) = place.with_session().await;
    let mut heard = registry.subscribe_events();
    let unknown = RecordId { number: 99, ..session.id };
    for mark in [DRAIN, Mark::CancelDrain, Mark::Retire { forced: false }] {
        let outcome = registry.mark(unknown, mark, event(EventKind::GenerationDraining)).await;
        assert!(matches!(outcome, Err(Error::Unknown(id)) if id == unknown));
    }
    let outcome = registry.observe(unknown, "dead", "", Some(event(EventKind::EventHappened))).await;
    assert!(matches!(outcome, Err(Error::Unknown(id)) if id == unknown));
    assert_eq!(registry.events(ASKER, 0, 10).await.unwrap(), []);
    assert!(!heard.has_changed().unwrap());
    assert_eq!((*heard.borrow_and_update(), registry.last_event()), (0, 0));
}

pub(crate) async fn generations_are_listed_newest_first_with_those_that_are_over(place: Place) {
    let registry = place.open().await;
    let short = |key: &str| Facts { expires_at: Some(Timestamp::from_unix(NOW + 60)), ..facts(key) };
    let mut sessions = Vec::new();
    for key in ["ASIA1", "ASIA2", "ASIA3"] {
        let partition_of = format!("tenant-{key}");
        sessions.push(registry.enrol(&name("web"), Facts { partition_of, ..short(key) }).await.unwrap());
        registry.enrol(&name("batch"), short(key)).await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(120)).await;
    let all = registry.generations(ASKER, &name("web"), None).await.unwrap();
    assert_eq!(all.iter().map(|row| row.session.clone()).rev().collect::<Vec<_>>(), sessions);
    assert_eq!(all[0].session.facts.partition_of, "tenant-ASIA3");
    let before = registry.generations(ASKER, &name("web"), Some(3)).await.unwrap();
    assert_eq!(before.iter().map(|row| row.session.generation).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(registry.generations(ASKER, &name("none"), None).await.unwrap(), []);
    assert_eq!(registry.sessions(ASKER, None).await.unwrap(), []);
    let of_keys = registry.of_keys(ASKER, &["ASIA3", "none", "ASIA1"]).await.unwrap();
    let of_keys: Vec<_> = of_keys.iter().map(|row| (row.session.identity.as_str(), row.session.generation)).collect();
    assert_eq!(of_keys, [("batch", 3), ("web", 3), ("batch", 1), ("web", 1)], "whoever has them");
    assert_eq!(registry.of_keys(ASKER, &[]).await.unwrap(), []);
}

pub(crate) async fn sessions_are_listed_however_many_there_are(place: Place) {
    let registry = place.open().await;
    let key = registry.enrol(&name("web"), facts("AKIAFIRST")).await.unwrap();
    for number in 0..MAX_PAGE {
        registry.enrol(&name("batch"), facts(&format!("ASIA{number}"))).await.unwrap();
    }
    let all = registry.sessions(ASKER, None).await.unwrap();
    assert_eq!((all.len(), &all[MAX_PAGE].session), (MAX_PAGE + 1, &key), "the oldest comes last");
    assert_eq!(registry.sessions(ASKER, Some(&name("web"))).await.unwrap().len(), 1);
}

pub(crate) async fn each_session_counts_its_own_outstanding_urls_to_the_second(place: Place) {
    let registry = place.open().await;
    let one = registry.enrol(&name("web"), facts("ASIA1")).await.unwrap();
    let two = registry.enrol(&name("web"), facts("ASIA2")).await.unwrap();
    let make = |session, seconds: u64| {
        let mut url = url(&registry, session, request("k"));
        url.ttl = presignd::time::Ttl::new(seconds).unwrap();
        append(&url)
    };
    let records = [(&one, 100), (&one, 899), (&one, 900), (&one, 901), (&two, 900), (&two, 5000)];
    registry.append(records.map(|(session, seconds)| make(session, seconds)).into()).await.unwrap();
    let mut passed = 0;
    for (at, outstanding) in [(0, [2, 4]), (99, [2, 4]), (100, [2, 3]), (899, [2, 2]), (900, [1, 1]), (901, [1, 0])] {
        tokio::time::advance(Duration::from_secs(at - passed)).await;
        passed = at;
        let rows = registry.generations(ASKER, &name("web"), None).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.outstanding).collect::<Vec<_>>(), outstanding, "after {at} s");
    }
}

pub(crate) async fn a_pause_lasts_until_it_is_taken_back(place: Place) {
    let registry = place.open().await;
    let paused = event(EventKind::IdentityPaused);
    registry.pause(&name("web"), paused.clone()).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    registry.pause(&name("web"), paused.clone()).await.unwrap();
    registry.pause(&name("batch"), paused).await.unwrap();
    registry.close().await;
    let registry = place.open().await;
    let all = [(name("batch"), Timestamp::from_unix(NOW + 60)), (name("web"), Timestamp::from_unix(NOW))];
    assert_eq!(registry.paused(ASKER).await.unwrap(), all);
    let row = registry.resume(&name("batch"), event(EventKind::IdentityResumed)).await.unwrap();
    assert_eq!((row.number, row.kind), (4, EventKind::IdentityResumed));
    assert_eq!(registry.paused(ASKER).await.unwrap(), all[1..]);
}

pub(crate) async fn a_session_that_came_to_sign_after_it_did_not_keeps_since_when(place: Place) {
    let (registry, session) = place.with_session().await;
    let since = async |registry: &Registry| row(registry, 1).await.signs_since.map(|at| at.unix() - NOW);
    assert_eq!(since(&registry).await, None, "it has signed since it was written down");
    for (at, seconds) in [10, 20, 30].into_iter().enumerate() {
        tokio::time::advance(Duration::from_secs(10)).await;
        match at {
            0 => {
                registry.mark(session.id, DRAIN, event(EventKind::GenerationDraining)).await.unwrap();
                registry.looked(session.id, None, BTreeMap::new(), false).await.unwrap();
                assert_eq!(since(&registry).await, None, "neither is a return");
                registry.mark(session.id, Mark::CancelDrain, event(EventKind::DrainCancelled)).await.map(drop)
            }
            1 => registry.looked(session.id, None, BTreeMap::new(), true).await,
            _ => registry.signs_from_now(session.id).await,
        }
        .unwrap();
        assert_eq!(since(&registry).await, Some(seconds));
    }
    registry.close().await;
    assert_eq!(since(&place.open().await).await, Some(30));
}

pub(crate) async fn when_it_was_seen_alive_outlasts_whatever_is_seen_later_and_a_restart(place: Place) {
    let (registry, session) = place.with_session().await;
    let at = |seconds: i64| Timestamp::from_unix(NOW + seconds);
    let sights = |key: i64, canary: i64| {
        BTreeMap::from([("key".to_owned(), at(key)), ("s3://photos/a \"b\" é".to_owned(), at(canary))])
    };
    registry.looked(session.id, Some(("alive", "it answers")), sights(-5, -3), false).await.unwrap();
    registry.looked(session.id, None, sights(-1, -3), false).await.unwrap();
    let seen = async |registry: &Registry| row(registry, 1).await.observed.unwrap();
    let (one, alive_at) = (seen(&registry).await, sights(-1, -3));
    assert_eq!((one.state.as_str(), one.at, &one.alive_at), ("alive", at(0), &alive_at), "no state, no sight of one");
    registry.observe(session.id, "unobservable", "gone", None).await.unwrap();
    registry.close().await;
    let registry = place.open().await;
    let one = seen(&registry).await;
    assert_eq!((one.state.as_str(), one.alive_at), ("unobservable", alive_at));
    registry.looked(session.id, Some(("key-dead", "no")), BTreeMap::new(), false).await.unwrap();
    assert_eq!(seen(&registry).await.alive_at, BTreeMap::new(), "who looks says all of it each time");
}

pub(crate) async fn what_is_seen_of_a_session_tells_when_it_changed(place: Place) {
    let (registry, session) = place.with_session().await;
    assert_eq!(row(&registry, 1).await.observed, None);
    let at = |seconds: i64| Timestamp::from_unix(NOW + seconds);
    let seen = |state: &str, seconds, since, otherwise_at: Option<i64>| {
        let (state, cause) = (state.to_owned(), "because".to_owned());
        let alive_at = BTreeMap::new();
        Some(Observed { state, cause, at: at(seconds), since: at(since), otherwise_at: otherwise_at.map(at), alive_at })
    };
    let steps = [
        ("alive", seen("alive", 0, 0, None)),
        ("alive", seen("alive", 10, 0, None)),
        ("dead", seen("dead", 20, 20, Some(10))),
        ("dead", seen("dead", 30, 20, Some(10))),
        ("alive", seen("alive", 40, 40, Some(30))),
    ];
    for (state, wanted) in steps {
        assert_eq!(registry.observe(session.id, state, "because", None).await.unwrap(), None);
        assert_eq!(row(&registry, 1).await.observed, wanted);
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    let told = registry.observe(session.id, "dead", "why", Some(event(EventKind::EventHappened))).await.unwrap();
    assert_eq!(told.map(|event| event.number), Some(1));
    tokio::time::advance(Duration::from_secs(14 * 3600)).await;
    while registry.forget_ended().await.unwrap().is_behind {}
    registry.close().await;
    let seen = "SELECT count(*) FROM observed";
    let file = rusqlite::Connection::open(place.path()).unwrap();
    assert_eq!(file.query_row(seen, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "it goes with its session");
}
