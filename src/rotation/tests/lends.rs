//! Who is told to get its sessions with a key: whoever would get one with it by itself, and nobody else.

use super::EventKind::{DrainCancelled, GenerationDraining};
use super::house::{House, ROLE, UID, key, put, web};
use super::*;
use crate::registry::MAX_PAGE;
use crate::session::generation::Hold;

const MINTS: &str = "up still gets its sessions with it";
const CUT_OFF: &str = "up gets no next session, because its base does not sign: it has none to sign with";

async fn house() -> House {
    House::of(&["web", ROLE], |dir| put(dir, 1, None)).await
}

async fn until_refused(house: &House, reason: &str) {
    let own = house.desk.identity(&web()).unwrap();
    house.until("its source gives what may not sign", async || own.status().last_failure_reason == reason).await;
}

/// The second signs, and its secret is gone with a restart after which the file holds the first, which may not sign.
async fn after_a_restart(house: &mut House, reason: &str) {
    house.stop.cancel();
    house.put(1);
    house.restart().await;
    until_refused(house, reason).await;
}

/// What rows about a generation said last.
async fn told_last(house: &House) -> GenerationStatus {
    let rows = house.registry.events(DAEMON, 0, MAX_PAGE).await.unwrap();
    let draining = rows.iter().rfind(|row| row.kind == GenerationDraining).expect("one is told of");
    let Some(Told::GenerationDraining(status)) = Told::of(draining) else { panic!("{draining:?}") };
    status
}

#[tokio::test]
async fn nobody_gets_sessions_with_a_former_key_while_the_base_gives_one_that_is_retired() {
    let mut house = house().await;
    house.put(2);
    house.until("the second signs", async || house.signs() == Some(2)).await;
    assert!(house.status(2).await.advice.contains(MINTS), "{}", house.status(2).await.advice);
    house.desk.retire(UID, web(), 1, false).await.unwrap();
    after_a_restart(&mut house, "RETIRED").await;
    let second = house.status(2).await;
    assert_eq!((second.state, second.others[0].hold), (State::Prepared, Hold::CutOff), "{}", second.advice);
    assert!(second.advice.contains(CUT_OFF) && !second.advice.contains(MINTS), "{}", second.advice);
    let drained = house.desk.drain(UID, web(), Some(2)).await.unwrap();
    assert!(drained.advice.starts_with(&format!("deactivate {} now", key(2))), "{}", drained.advice);
    assert_eq!(told_last(&house).await.advice, drained.advice, "watchers hear the same");
}

#[tokio::test]
async fn nobody_gets_sessions_with_a_former_key_while_the_base_gives_one_that_is_dead() {
    let mut house = house().await;
    let first = house.desk.identity(&web()).unwrap().signing_generation().unwrap();
    house.put(2);
    house.until("the second signs", async || house.signs() == Some(2)).await;
    house.registry.observe(first.session.id, crate::registry::KEY_DEAD, "GetCallerIdentity", None).await.unwrap();
    after_a_restart(&mut house, "SESSION_DEAD").await;
    assert_eq!(house.status(1).await.state, State::Dead);
    let second = house.status(2).await;
    assert!(second.advice.starts_with("look at `presignd identities` before "), "{}", second.advice);
    assert!(second.advice.contains(CUT_OFF) && !second.advice.contains(MINTS), "{}", second.advice);
}

#[tokio::test]
async fn sessions_are_got_with_a_key_that_is_only_denied_until_it_is_seen_dead_itself() {
    let house = house().await;
    let own = house.desk.identity(&web()).unwrap();
    let key = own.signing_generation().unwrap();
    for (why, hold, words, not) in [
        (Dead::Denied, Hold::Mints, MINTS, CUT_OFF),
        (Dead::Key, Hold::CutOff, CUT_OFF, MINTS),
        (Dead::Denied, Hold::Mints, MINTS, CUT_OFF),
    ] {
        assert!(own.bury(&key.session, why));
        let status = house.status(1).await;
        assert_eq!((status.state, status.others[0].hold), (State::Dead, hold), "{why:?}: {}", status.advice);
        assert!(status.advice.contains(words) && !status.advice.contains(not), "{why:?}: {}", status.advice);
    }
    let drained = house.desk.drain(UID, web(), Some(1)).await.unwrap();
    assert!(drained.advice.contains(CUT_OFF) && !drained.advice.contains(MINTS), "{}", drained.advice);
}

#[tokio::test]
async fn a_key_that_its_source_may_give_again_is_what_sessions_are_got_with_until_it_is_drained() {
    let mut house = house().await;
    house.stop.cancel();
    std::fs::remove_file(house.dir.path().join("key")).unwrap();
    house.restart().await;
    until_refused(&house, "KEY_FILE").await;
    let status = house.status(1).await;
    assert!(status.advice.contains(MINTS) && !status.advice.contains(CUT_OFF), "{}", status.advice);
    let drained = house.desk.drain(UID, web(), Some(1)).await.unwrap();
    assert!(drained.advice.contains(CUT_OFF) && !drained.advice.contains(MINTS), "{}", drained.advice);
    assert_eq!(told_last(&house).await.advice, drained.advice, "watchers hear the same");
}

#[tokio::test]
async fn the_key_that_was_stopped_last_is_the_one_that_cut_off_and_not_one_that_it_replaced_in_the_same_second() {
    let house = house().await;
    for (number, former) in [(2, 1), (1, 2)] {
        house.put(number);
        house.until("the former is drained", async || house.told().await.contains(&(GenerationDraining, former))).await;
    }
    house.until("the first is back", async || house.told().await.contains(&(DrainCancelled, 1))).await;
    house.desk.drain(UID, web(), None).await.unwrap();
    let at = |row: &Row| row.row.drained_since.unwrap();
    let mut rows = house.desk.rows(UID, &web()).await.unwrap();
    assert_eq!(at(&rows[0]), at(&rows[1]), "or this shows nothing");
    for (number, is_last) in [(1, true), (2, false)] {
        let advice = house.status(number).await.advice;
        assert_eq!([CUT_OFF, "web signs nothing until"].map(|words| advice.contains(words)), [is_last; 2], "{advice}");
    }
    // Before it is written down that another took its place.
    let (row, now) = (&mut rows[0], house.clock.now());
    (row.row.drained_since, row.row.replaced) = (None, false);
    assert_eq!(keys::stopped_at(row, now), Some(now), "nothing took its place");
    row.followed_at = Some(now);
    assert_eq!(keys::stopped_at(row, now), None);
}
