//! Two identities that sign with one access key: AWS ends keys, not identities.

use std::time::Duration;

use super::EventKind::{GenerationDrained, GenerationDraining, GenerationRetired};
use super::house::{House, UID, key, named, put, web};
use super::*;
use crate::registry::DAEMON;
use crate::session::generation::Hold;

async fn shared() -> House {
    House::of(&["web", "p2"], |dir| put(dir, 1, None)).await
}

/// Kinds of rows about generations of an identity, in order.
async fn told_of(house: &House, name: &str) -> Vec<crate::registry::EventKind> {
    let rows = house.registry.events(DAEMON, 0, MAX_PAGE).await.unwrap();
    let kinds = [GenerationDraining, GenerationDrained, GenerationRetired];
    let own = rows.iter().filter(|row| row.identity.as_ref().is_some_and(|one| one.as_str() == name));
    own.map(|row| row.kind).filter(|kind| kinds.contains(kind)).collect()
}

pub(super) fn free_keys(house: &House, name: &str) -> i64 {
    let row = format!("presignd_keys_to_deactivate{{identity=\"{name}\"}} ");
    let text = house.metrics.encode();
    text.lines().find_map(|line| line.strip_prefix(&row)).unwrap().parse().unwrap()
}

/// What else is said of the only key that an identity had to sign with.
fn nothing_signs(identity: &str) -> String {
    format!("; {identity} signs nothing until the drain is cancelled or its source gives another key")
}

#[tokio::test]
async fn a_key_is_not_said_to_be_free_while_another_identity_signs_with_it() {
    let house = shared().await;
    house.sign(60, None).await.unwrap();
    let last = house.sign_as("p2", 6000, None).await.unwrap().record.usable_until();
    let drained = house.desk.drain(UID, web(), None).await.unwrap();
    let begins =
        format!("do not deactivate {} yet: p2 still signs with it (1 URL outstanding, the last ends {last}", key(1));
    assert!(drained.advice.starts_with(&begins), "{}", drained.advice);
    assert!(drained.advice.contains("): drain that too; 1 URL outstanding"), "{}", drained.advice);
    assert_eq!((drained.outstanding_urls, drained.safe_from), (1, Some(last)));
    assert!(drained.last_url_ends_at < Some(last), "that is its own");
    let [other] = &drained.others[..] else { panic!("one other: {drained:?}") };
    assert_eq!((other.identity.as_str(), other.generation, other.hold), ("p2", Some(1), Hold::Signs));

    house.until("its last URL has ended", async || house.status(1).await.state == State::Drained).await;
    house.pass(Duration::from_secs(40)).await;
    for status in [house.status(1).await, house.desk.drain(UID, web(), Some(1)).await.unwrap()] {
        assert_eq!((status.state, status.safe_from), (State::Drained, Some(last)));
        assert!(status.advice.starts_with(&begins), "{}", status.advice);
    }
    let all = house.desk.status(UID, None, false).await.unwrap();
    let shown = all.iter().find(|status| status.session.identity == web()).unwrap();
    assert_eq!(*shown, house.status(1).await, "asked of all, it says the same");
    let p2 = house.status_as("p2", 1).await;
    assert_eq!((p2.state, p2.others[0].hold), (State::Active, Hold::Rests));
    assert_eq!((told_of(&house, "web").await, free_keys(&house, "web")), (vec![GenerationDraining], 0));
}

#[tokio::test]
async fn a_key_that_two_identities_drain_is_free_for_both_at_the_second_when_the_last_url_of_either_ends() {
    let mut house = shared().await;
    house.sign(60, None).await.unwrap();
    let last = house.sign_as("p2", 900, None).await.unwrap().record.usable_until();
    house.desk.drain(UID, web(), None).await.unwrap();
    house.desk.drain(UID, named("p2"), None).await.unwrap();
    house.restart().await;
    house.until("its own last URL has ended", async || house.status(1).await.state == State::Drained).await;
    let status = house.status(1).await;
    assert_eq!((status.outstanding_urls, status.safe_from, status.last_url_ends_at), (0, Some(last), None));
    let wait = format!("wait until {last} ");
    assert!(
        status.advice.starts_with(&wait) && status.advice.contains("1 URL of p2 ends by then"),
        "{}",
        status.advice
    );
    assert_eq!(told_of(&house, "web").await, [GenerationDraining]);
    let both = [GenerationDraining, GenerationDrained];
    house
        .until("both are told", async || told_of(&house, "web").await == both && told_of(&house, "p2").await == both)
        .await;
    let rows = house.registry.events(DAEMON, 0, MAX_PAGE).await.unwrap();
    for row in rows.iter().filter(|row| row.kind == GenerationDrained) {
        let Some(Told::GenerationDrained(told)) = Told::of(row) else { panic!("{row:?}") };
        assert_eq!(
            told.advice,
            format!("deactivate {} now: nothing that presignd signed with it is outstanding", key(1))
                + &nothing_signs(told.session.identity.as_str())
        );
        let late = last.until(row.at).unwrap_or_default();
        assert!(late <= Duration::from_secs(2), "told {late:?} after the last URL had ended");
    }
    house.until("metrics say so", async || [free_keys(&house, "web"), free_keys(&house, "p2")] == [1, 1]).await;
    house.desk.retire(UID, web(), 1, false).await.unwrap();
    house.until("it is done", async || free_keys(&house, "web") == 0).await;
}

#[tokio::test]
async fn to_retire_a_generation_breaks_no_url_of_another_and_says_what_the_end_of_its_key_would() {
    let house = shared().await;
    let last = house.sign_as("p2", 6000, None).await.unwrap().record.usable_until();
    house.desk.drain(UID, web(), None).await.unwrap();
    let retired = house.desk.retire(UID, web(), 1, false).await.unwrap();
    assert_eq!((retired.status.state, retired.status.outstanding_urls, retired.breaks_urls), (State::Retired, 0, 1));
    assert_eq!(retired.status.safe_from, Some(last));
    let begins = format!("do not delete {} yet: p2 still signs with it", key(1));
    assert!(retired.status.advice.starts_with(&begins), "{}", retired.status.advice);
    house.sign_as("p2", 60, None).await.expect("it is not p2 that was retired");
    house.desk.drain(UID, named("p2"), None).await.unwrap();
    let status = house.status(1).await;
    assert!(status.advice.starts_with("2 URLs outstanding: deactivating"), "{}", status.advice);
}

#[tokio::test]
async fn a_key_is_not_free_while_another_identity_may_yet_be_given_it() {
    let mut house = shared().await;
    house.desk.drain(UID, web(), None).await.unwrap();
    house.stop.cancel();
    std::fs::remove_file(house.dir.path().join("key")).unwrap();
    house.restart().await;
    let p2 = house.desk.identity(&named("p2")).unwrap();
    house.until("its source was asked", async || p2.status().failures > 0).await;
    let status = house.status(1).await;
    let words = format!("do not deactivate {} yet: p2 may sign with it again: drain that too", key(1));
    let words = words + &nothing_signs("web");
    assert_eq!((status.advice, status.others[0].hold), (words, Hold::MaySign));
    house.desk.drain(UID, named("p2"), Some(1)).await.unwrap();
    assert!(house.status(1).await.advice.starts_with("deactivate "));
}

#[tokio::test]
async fn who_signed_before_the_registry_was_read_is_not_taken_for_done_because_it_stopped_meanwhile() {
    let house = shared().await;
    house.desk.drain(UID, web(), None).await.unwrap();
    let signing = house.desk.signing();
    let mut rows = house.desk.rows(UID, &web()).await.unwrap();
    house.desk.drain(UID, named("p2"), None).await.unwrap();
    house.desk.join(UID, &signing, &mut rows, None).await.unwrap();
    let words = format!("do not deactivate {} yet: p2 still signs with it: drain that too", key(1));
    let words = words + &nothing_signs("web");
    assert_eq!(house.desk.told(&rows[0]).advice, words);
    let again = house.status(1).await;
    assert!(again.advice.starts_with("deactivate "), "{}", again.advice);
}
