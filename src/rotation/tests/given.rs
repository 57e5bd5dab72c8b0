//! What the source gives is known also where it may not sign: whoever is let sign in its place does so only until then, and
//! nobody takes the key in the file for free.

use std::time::Duration;

use super::EventKind::GenerationDrained;
use super::house::{House, UID, key, named, web};
use super::shared::free_keys;
use super::*;
use crate::assess::Assessor;
use crate::impact::event::{Event, SETTLES_WITHIN, What};
use crate::impact::outage::Loss;

/// Two keys, both drained by hand, and the first in the file again.
async fn both_drained(names: &'static [&'static str]) -> House {
    let house = House::of(names, |dir| put(dir, 1, None)).await;
    house.desk.drain(UID, web(), None).await.unwrap();
    house.put(2);
    house.until("the second signs", async || house.signs() == Some(2)).await;
    house.desk.drain(UID, web(), None).await.unwrap();
    house.put(1);
    house.until("the first is refused", async || failure(&house).contains(&key(1))).await;
    house
}

fn failure(house: &House) -> String {
    house.desk.identity(&web()).unwrap().status().last_failure
}

async fn cancel(house: &House, generation: u64) -> GenerationStatus {
    house.desk.cancel_drain(UID, web(), Some(generation)).await.unwrap()
}

/// Who signs dead links once that key is deactivated; whether only after his source is read anew.
async fn ends(house: &House, access_key_id: String) -> Vec<(String, bool)> {
    let now = house.clock.now();
    let what = What::KeyDeactivated { access_key_id };
    let event = Event { at: now, settles_within: SETTLES_WITHIN, endpoint: None, what };
    let desk = Assessor::new(house.registry.clone(), house.clock.clone());
    let all = desk.outages(UID, &event, &house.desk.issuer.rules().identities).await.unwrap();
    assert!(all.iter().all(|one| one.loss == Loss::DeadLinks), "{all:?}");
    all.iter().map(|one| (one.identity.to_string(), one.may_come_later)).collect()
}

const IT_SIGNS: &str = "put another key in its place, or drain it, before ";

#[tokio::test]
async fn a_drained_key_that_the_file_holds_is_what_the_source_gives_once_its_drain_is_cancelled() {
    let mut house = both_drained(&["web"]).await;
    let first = cancel(&house, 1).await;
    assert_eq!((first.state, house.signs()), (State::Active, Some(1)));
    assert!(first.advice.starts_with(&format!("{IT_SIGNS}{}", key(1))), "{}", first.advice);

    let second = cancel(&house, 2).await;
    assert_eq!((second.state, house.signs()), (State::Active, Some(2)));
    assert!(second.advice.contains("its source gives another, which signs again"), "{}", second.advice);
    // What was before is told at the next look.
    house.pass(Duration::from_secs(5)).await;
    let told = house.told().await.len();
    house.pass(Duration::from_secs(60)).await;
    let first = house.status(1).await;
    assert_eq!((first.state, house.signs()), (State::Prepared, Some(2)), "what was cancelled holds");
    let words = format!("put another key into its source before {} is deactivated", key(1));
    assert!(first.advice.starts_with(&words), "{}", first.advice);
    assert_eq!((house.told().await.len(), free_keys(&house, "web")), (told, 0), "nothing of it is told as drained");
    assert_eq!(reason(house.desk.retire(UID, web(), 1, false).await).1, "GENERATION_SIGNS");
    let missed = [1, 2].map(key).map(|key| ends(&house, key));
    let [given, signs] = futures_util::future::join_all(missed).await.try_into().unwrap();
    assert_eq!((given, signs), (vec![("web".to_owned(), true)], vec![("web".to_owned(), false)]));

    house.restart().await;
    house.until("the file is read", async || house.signs() == Some(1)).await;
    house.until("the other is free", async || free_keys(&house, "web") == 1).await;
    let second = house.status(2).await;
    assert!(second.advice.starts_with(&format!("deactivate {} now", key(2))), "{}", second.advice);
    assert_eq!(house.told().await.last(), Some(&(GenerationDrained, 2)));
}

#[tokio::test]
async fn a_key_that_the_file_holds_and_that_is_drained_keeps_nobody_from_his_place() {
    let house = both_drained(&["web"]).await;
    let second = cancel(&house, 2).await;
    assert!(second.advice.starts_with(&format!("{IT_SIGNS}{}", key(2))), "the first is drained: {}", second.advice);
    house.pass(Duration::from_secs(60)).await;
    assert_eq!((house.signs(), house.status(1).await.state), (Some(2), State::Drained));
    let first = cancel(&house, 1).await;
    assert_eq!((first.state, house.signs()), (State::Active, Some(1)));
    assert!(first.advice.starts_with(&format!("{IT_SIGNS}{}", key(1))), "{}", first.advice);
    house.until("the second is free", async || free_keys(&house, "web") == 1).await;
    assert_eq!(house.status(2).await.state, State::Drained, "nothing gives it any more");
}

#[tokio::test]
async fn a_key_in_whose_place_another_was_let_sign_waits_for_nothing_once_it_is_drained_too() {
    let house = both_drained(&["web"]).await;
    cancel(&house, 1).await;
    cancel(&house, 2).await;
    let drained = house.desk.drain(UID, web(), Some(1)).await.unwrap();
    assert_eq!(drained.state, State::Drained);
    assert!(drained.advice.starts_with(&format!("deactivate {} now", key(1))), "{}", drained.advice);
    let second = house.status(2).await;
    assert!(second.advice.starts_with(&format!("{IT_SIGNS}{}", key(2))), "{}", second.advice);
    house.until("it is told", async || house.told().await.last() == Some(&(GenerationDrained, 1))).await;
    assert_eq!(house.signs(), Some(2));
}

#[tokio::test]
async fn a_key_that_the_file_of_another_identity_gives_once_more_is_not_free() {
    let house = both_drained(&["web", "p2"]).await;
    house.until("p2 signs with it", async || house.signs_as("p2") == Some(1)).await;
    cancel(&house, 1).await;
    cancel(&house, 2).await;
    let drained = house.desk.drain(UID, named("p2"), None).await.unwrap();
    let words = format!("do not deactivate {} yet: web may sign with it again: drain that too", key(1));
    assert!(drained.advice.starts_with(&words), "{}", drained.advice);
    // The second was, until web was let sign with it again; the gauge follows at the next look.
    house.until("nothing of p2 is free", async || free_keys(&house, "p2") == 0).await;
}

#[tokio::test]
async fn a_retired_key_that_the_file_holds_leaves_no_other_that_signs_when_it_is_read_anew() {
    let house = House::new().await;
    for number in [2, 3] {
        house.put(number);
        house.until("it signs", async || house.signs() == Some(number as u64)).await;
    }
    house.desk.retire(UID, web(), 1, false).await.unwrap();
    cancel(&house, 2).await;
    assert_eq!((house.status(3).await.state, house.signs()), (State::Prepared, Some(2)));
    house.put(1);
    house.until("it is refused", async || failure(&house).contains(&key(1))).await;
    house.until("the third is free", async || free_keys(&house, "web") == 1).await;
    let (second, third) = (house.status(2).await, house.status(3).await);
    assert!(second.advice.starts_with(&format!("{IT_SIGNS}{}", key(2))), "{}", second.advice);
    assert!(third.advice.starts_with(&format!("deactivate {} now", key(3))), "{}", third.advice);
    assert_eq!(house.signs(), Some(2));
}

#[tokio::test]
async fn a_key_that_is_put_back_into_the_file_is_not_free_before_it_is_written_down_that_it_is_back() {
    let house = House::new().await;
    house.put(2);
    house.until_told(&[(EventKind::GenerationDraining, 1), (GenerationDrained, 1)]).await;
    let row = house.desk.row(UID, &web(), 1).await.unwrap();
    let now = house.clock.now();
    let state = |secret| row.generation(secret, "").state(now);
    let all = [Secret::Signs, Secret::StandsIn, Secret::Waits, Secret::Displaced, Secret::Dead, Secret::Rests];
    let (active, prepared) = (State::Active, State::Prepared);
    assert_eq!(all.map(state), [active, active, prepared, prepared, State::Dead, State::Drained]);
}

#[tokio::test]
async fn a_dead_key_that_is_put_back_into_the_file_is_dead_and_no_longer_drained() {
    let house = House::new().await;
    let first = house.desk.identity(&web()).unwrap().signing_generation().unwrap();
    house.put(2);
    house.until_told(&[(EventKind::GenerationDraining, 1), (GenerationDrained, 1)]).await;
    house.registry.observe(first.session.id, crate::registry::KEY_DEAD, "GetCallerIdentity", None).await.unwrap();
    house.put(1);
    house.until("it is told", async || house.told().await.contains(&(EventKind::DrainCancelled, 1))).await;
    let status = house.status(1).await;
    assert_eq!((status.state, house.signs()), (State::Dead, None), "{}", status.advice);
    assert!(!status.advice.contains("deactivat"), "{}", status.advice);
}
