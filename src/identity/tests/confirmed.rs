//! A key of which AWS has not said whose it is: when it signs, when it waits, and what is told of it.

use super::stopped::{DRAIN, House, World};
use super::*;
use crate::session::generation::Secret;

#[tokio::test]
async fn a_new_key_signs_when_aws_has_confirmed_it_and_the_old_one_until_then() {
    let house = House::new().await;
    house.put(2);
    house.until("the new key is refused", |house| house.failure() == "UNKNOWN_KEY").await;
    assert_eq!((house.signs(), house.secret(2).await), (Some(1), Secret::Waits));
    let status = house.identity.status();
    assert_eq!(status.state, State::RenewalFailing);
    assert!(
        status.last_failure.contains("AKIA000000000002 (generation 2) does not sign yet"),
        "{}",
        status.last_failure
    );
    house.change(|world| world.away = true);
    house.until("STS is away", |house| house.failure() == "NETWORK").await;
    assert_eq!(house.signs(), Some(1));
    house.change(|world| (world.away, _) = (false, world.known.insert(World::id(2))));
    house.until("the new key signs", |house| house.signs() == Some(2)).await;
    house.until("all is well", |house| house.identity.status().state == State::Ready).await;
    assert_eq!(house.secret(1).await, Secret::Rests);
    assert_eq!(house.identity.current().unwrap().session.facts.principal_unique_id, "AIDAX");
}

#[tokio::test]
async fn a_first_key_that_aws_does_not_know_signs_and_is_told_of_until_aws_knows_it() {
    let mut house = House::new().await;
    house.put(3);
    house.restart();
    house.until("it signs", |house| house.signs() == Some(2)).await;
    house.until("it is told", |house| house.failure() == "UNKNOWN_KEY").await;
    let status = house.identity.status();
    assert_eq!((status.state, status.failures), (State::Ready, 0));
    house.change(|world| _ = world.known.insert(World::id(3)));
    house.until("it is known", |house| house.failure().is_empty()).await;
    assert_eq!(house.identity.current().unwrap().session.facts.principal_unique_id, "AIDAX");
}

#[tokio::test]
async fn a_key_that_is_never_confirmed_is_asked_for_within_bounds() {
    let house = House::new().await;
    house.put(2);
    house.until("it is refused", |house| house.failure() == "UNKNOWN_KEY").await;
    let before = house.world.lock().unwrap().asked;
    sleep(Duration::from_secs(3600)).await;
    let asked = house.world.lock().unwrap().asked - before;
    assert!((10..=100).contains(&asked), "asked {asked} times in an hour");
    assert_eq!(house.signs(), Some(1));
}

#[tokio::test]
async fn a_key_that_is_taken_back_before_it_was_confirmed_leaves_the_old_one_as_it_was() {
    let house = House::new().await;
    house.put(2);
    house.until("it is refused", |house| house.failure() == "UNKNOWN_KEY").await;
    house.put(1);
    house.until("all is well", |house| house.failure().is_empty()).await;
    assert_eq!((house.signs(), house.secret(2).await), (Some(1), Secret::Gone));
}

#[tokio::test]
async fn a_key_signs_unconfirmed_where_none_signs_and_where_nobody_can_be_asked() {
    let mut house = House::new().await;
    house.put(2);
    house.restart();
    house.until("the secret of the old one is gone", |house| house.signs() == Some(2)).await;
    house.change(|world| world.of_another_store = true);
    house.put(3);
    house.until("no AWS to ask", |house| house.signs() == Some(3)).await;
    house.change(|world| world.of_another_store = false);
    house.mark(3, DRAIN).await;
    house.put(4);
    house.until("nothing signed", |house| house.signs() == Some(4)).await;
}
