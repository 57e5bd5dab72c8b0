//! The desk, its watchman and the issuer together, in virtual time.

mod ended;
mod given;
mod house;
mod lends;
mod shared;

use std::time::Duration;

use tonic::Code;

use super::told::Told;
use super::*;
use crate::identity::Dead;
use crate::impact::event::{Event, SETTLES_WITHIN, What};
use crate::registry::{DAEMON, EventKind, NewEvent};
use house::{House, UID, key, put, reason, url, web};

use EventKind::{
    DrainCancelled, GenerationDrained, GenerationDraining, GenerationRetired, IdentityPaused, IdentityResumed,
    SessionEnding,
};

#[tokio::test]
async fn a_key_that_is_put_in_anothers_place_drains_it_to_the_second() {
    let house = House::new().await;
    let issued = house.sign(600, None).await.unwrap();
    assert_eq!((house.status(1).await.state, house.status(1).await.outstanding_urls), (State::Active, 1));
    house.put(2);
    house.until_told(&[(GenerationDraining, 1)]).await;
    let draining = house.status(1).await;
    let ends_at = issued.record.usable_until();
    assert_eq!(
        (draining.state, draining.safe_from, draining.last_url_ends_at),
        (State::Draining, Some(ends_at), Some(ends_at))
    );
    assert_eq!(house.sign(60, None).await.unwrap().session.generation, 2);
    house.until_told(&[(GenerationDraining, 1), (GenerationDrained, 1)]).await;
    let row = house.registry.events(DAEMON, 0, MAX_PAGE).await.unwrap().pop().unwrap();
    let Some(Told::GenerationDrained(drained)) = Told::of(&row) else { panic!("{row:?}") };
    assert_eq!((drained.state, drained.since, drained.outstanding_urls), (State::Drained, Some(ends_at), 0));
    let late = ends_at.until(row.at).unwrap_or_default();
    assert!(late <= Duration::from_secs(2), "told {late:?} after its last URL had ended");
    assert!(drained.advice.starts_with(&format!("deactivate {} now", key(1))), "{}", drained.advice);
}

#[tokio::test]
async fn a_restart_neither_loses_nor_repeats_what_is_told() {
    let mut house = House::new().await;
    house.sign(600, None).await.unwrap();
    house.put(2);
    house.until_told(&[(GenerationDraining, 1)]).await;
    house.restart().await;
    house.until("the second signs", async || house.signs() == Some(2)).await;
    assert_eq!(house.status(1).await.state, State::Draining);
    house.until_told(&[(GenerationDraining, 1), (GenerationDrained, 1)]).await;
    house.restart().await;
    house.until("the second signs", async || house.signs() == Some(2)).await;
    house.pass(Duration::from_secs(60)).await;
    assert_eq!(house.told().await, [(GenerationDraining, 1), (GenerationDrained, 1)]);
    let renewals = house.registry.events(DAEMON, 0, MAX_PAGE).await.unwrap();
    let renewals = renewals.iter().filter(|row| row.kind == EventKind::SessionRenewed).count();
    assert_eq!(renewals, 2, "one for each generation");
}

#[tokio::test]
async fn a_key_that_was_replaced_while_no_daemon_ran_is_found_drained() {
    let mut house = House::new().await;
    house.stop.cancel();
    house.put(2);
    house.restart().await;
    house.until_told(&[(GenerationDraining, 1), (GenerationDrained, 1)]).await;
    assert_eq!(house.status(1).await.state, State::Drained);
}

#[tokio::test]
async fn a_key_that_is_put_back_signs_again_and_the_other_drains() {
    let house = House::new().await;
    house.put(2);
    house.until_told(&[(GenerationDraining, 1), (GenerationDrained, 1)]).await;
    house.put(1);
    house.until("it signs", async || house.signs() == Some(1)).await;
    house.until("both are told of", async || house.told().await.len() == 5).await;
    let told = house.told().await;
    assert!(told.contains(&(DrainCancelled, 1)) && told.contains(&(GenerationDrained, 2)), "{told:?}");
    assert_eq!((house.status(1).await.state, house.status(2).await.state), (State::Active, State::Drained));
}

#[tokio::test]
async fn a_cancelled_drain_of_a_key_takes_the_place_of_the_one_that_signs_until_its_source_gives_another() {
    let mut house = House::new().await;
    house.put(2);
    house.until_told(&[(GenerationDraining, 1), (GenerationDrained, 1)]).await;
    let cancelled = house.desk.cancel_drain(UID, web(), Some(1)).await.unwrap();
    assert_eq!((cancelled.state, house.signs()), (State::Active, Some(1)));
    assert!(
        cancelled.advice.contains("gives another, which signs again when that is read anew"),
        "{}",
        cancelled.advice
    );
    let other = house.status(2).await;
    assert_eq!((other.state, other.safe_from.is_none()), (State::Prepared, true));
    assert!(other.advice.starts_with("put another key into its source before AKIA"), "{}", other.advice);
    assert_eq!(reason(house.desk.retire(UID, web(), 2, false).await).1, "GENERATION_SIGNS", "after a restart it does");
    house.restart().await;
    house.until("the file is read", async || house.signs() == Some(2)).await;
    let drains = (GenerationDraining, 1);
    house
        .until("the first drains", async || house.told().await.iter().filter(|told| **told == drains).count() == 2)
        .await;
    assert_eq!(reason(house.desk.cancel_drain(UID, web(), Some(1)).await), (Code::FailedPrecondition, "SECRET_GONE"));
}

#[tokio::test]
async fn a_drain_stops_the_only_key_until_it_is_cancelled() {
    let mut house = House::new().await;
    house.sign(600, None).await.unwrap();
    let drained = house.desk.drain(UID, web(), None).await.unwrap();
    assert_eq!((drained.session.generation, drained.state, drained.outstanding_urls), (1, State::Draining, 1));
    assert_eq!(reason(house.sign(60, None).await), (Code::FailedPrecondition, "NOTHING_SIGNS"));
    for which in [None, Some(1), None] {
        let again = house.desk.drain(UID, web(), which).await.unwrap();
        assert_eq!((again.session.generation, again.since, again.state), (1, drained.since, State::Draining));
    }
    house.restart().await;
    assert_eq!(reason(house.sign(60, None).await).1, "NOTHING_SIGNS");
    let cancelled = house.desk.cancel_drain(UID, web(), None).await.unwrap();
    assert_eq!((cancelled.state, cancelled.session.generation), (State::Active, 1));
    assert_eq!(house.sign(60, None).await.unwrap().session.generation, 1);
    assert_eq!(house.told().await, [(GenerationDraining, 1), (DrainCancelled, 1)]);
    assert_eq!(reason(house.desk.cancel_drain(UID, web(), None).await), (Code::InvalidArgument, "INVALID_FIELD"));
}

#[tokio::test]
async fn a_drain_of_a_key_that_was_replaced_only_waits_and_the_key_can_be_put_back() {
    let house = House::new().await;
    house.sign(600, None).await.unwrap();
    house.put(2);
    house.until_told(&[(GenerationDraining, 1)]).await;
    let before = house.status(1).await;
    assert_eq!(house.desk.drain(UID, web(), Some(1)).await.unwrap(), before);
    assert_eq!(house.told().await, [(GenerationDraining, 1)]);
    house.put(1);
    house.until("the first signs again", async || house.signs() == Some(1)).await;
    house.until("that is told", async || house.told().await.contains(&(DrainCancelled, 1))).await;
    assert_eq!(house.status(1).await.state, State::Active);
}

#[tokio::test]
async fn a_drain_that_comes_before_it_is_written_down_that_a_key_was_replaced_only_waits_too() {
    let house = House::new().await;
    house.sign(600, None).await.unwrap();
    house.put(2);
    house.until_told(&[(GenerationDraining, 1)]).await;
    let own = house.desk.identity(&web()).unwrap();
    let deciding = own.decide().await;
    let drain = tokio::spawn({
        let desk = house.desk.clone();
        async move { desk.drain(UID, web(), Some(1)).await }
    });
    house.step().await;
    let row = house.desk.row(UID, &web(), 1).await.unwrap();
    let unmarked = Told::DrainCancelled(house.status(1).await).event();
    house.registry.mark(row.row.session.id, crate::registry::Mark::CancelDrain, unmarked).await.unwrap();
    drop(deciding);
    assert_eq!(drain.await.unwrap().unwrap().state, State::Draining);
    house.until("it is written down", async || house.told().await.len() == 3).await;
    assert!(house.desk.row(UID, &web(), 1).await.unwrap().row.replaced, "and not as an operator's decision");
}

#[tokio::test]
async fn a_cancelled_drain_of_a_session_in_whose_place_a_longer_one_signs_is_refused() {
    let ends = |hours: u64| Some(Timestamp::from_unix(1_795_348_800) + Duration::from_secs(hours * 3600));
    let house = House::with(|dir| put(dir, 1, ends(9))).await;
    house.desk.drain(UID, web(), None).await.unwrap();
    put(house.dir.path(), 2, ends(10));
    house.until("the second signs", async || house.signs() == Some(2)).await;
    let refused = house.desk.cancel_drain(UID, web(), Some(1)).await;
    let words = refused.as_ref().unwrap_err().to_string();
    assert!(words.contains("generation 2, which lives longer, signs in its place"), "{words}");
    assert_eq!(reason(refused), (Code::FailedPrecondition, "ANOTHER_SIGNS"));
    assert_eq!((house.status(1).await.state, house.signs()), (State::Drained, Some(2)));
    house.desk.drain(UID, web(), None).await.unwrap();
    put(house.dir.path(), 3, ends(8));
    house.until("the third signs", async || house.signs() == Some(3)).await;
    let cancelled = house.desk.cancel_drain(UID, web(), Some(1)).await.unwrap();
    assert_eq!((cancelled.state, house.signs()), (State::Active, Some(1)), "it lives longer");
    assert!(!house.told().await.contains(&(DrainCancelled, 2)));
    assert_eq!(house.told().await.iter().filter(|told| told.0 == DrainCancelled).count(), 1);
}

#[tokio::test]
async fn a_generation_that_signs_again_is_ready_at_once() {
    let house = House::new().await;
    let own = house.desk.identity(&web()).unwrap();
    let signs = own.signing_generation().unwrap();
    let fails = async |reason| {
        house.until("its source gives what does not sign", async || own.status().last_failure_reason == reason).await;
    };
    let is_ready = || {
        let status = own.status();
        (status.state, status.failures, status.last_failure) == (crate::identity::State::Ready, 0, String::new())
    };
    house.desk.drain(UID, web(), None).await.unwrap();
    fails("DRAINING").await;
    house.desk.cancel_drain(UID, web(), Some(1)).await.unwrap();
    assert!(is_ready(), "{:?}", own.status());
    assert!(own.bury(&signs.session, Dead::Denied));
    fails("SESSION_DEAD").await;
    assert!(own.revive(&signs.session) && is_ready(), "{:?}", own.status());
}

#[tokio::test]
async fn what_signs_or_has_urls_outstanding_is_retired_by_force_only() {
    let house = House::new().await;
    let issued = house.sign(600, Some("once")).await.unwrap();
    assert_eq!(reason(house.desk.retire(UID, web(), 1, false).await).1, "GENERATION_SIGNS");
    house.desk.drain(UID, web(), Some(1)).await.unwrap();
    let repeated = house.sign(600, Some("once")).await.unwrap();
    assert_eq!(url(&repeated), url(&issued), "a drained generation repeats what it signed");
    let refused = house.desk.retire(UID, web(), 1, false).await;
    let words = refused.as_ref().unwrap_err().to_string();
    assert!(words.starts_with("1 URL of generation 1 is outstanding until "), "{words}");
    assert_eq!(reason(refused), (Code::FailedPrecondition, "URLS_OUTSTANDING"));
    assert_eq!(house.status(1).await.state, State::Draining, "a refusal changes nothing");
    let retired = house.desk.retire(UID, web(), 1, true).await.unwrap();
    assert_eq!((retired.status.state, retired.breaks_urls), (State::Retired, 1));
    let again = house.desk.retire(UID, web(), 1, false).await.unwrap();
    assert_eq!((again.status.since, again.breaks_urls), (retired.status.since, 1));
    assert_eq!((retired.was_retired, again.was_retired), (false, true));
    assert_eq!(reason(house.desk.drain(UID, web(), None).await).1, "NOTHING_SIGNS", "nothing waits to sign again");
    assert_eq!(reason(house.sign(600, Some("once")).await).1, "NOTHING_SIGNS", "its secret is forgotten");
    assert_eq!(reason(house.desk.cancel_drain(UID, web(), Some(1)).await).1, "GENERATION_RETIRED");
    house.put(2);
    house.until("another signs", async || house.signs() == Some(2)).await;
    let after = house.sign(600, Some("once")).await.unwrap();
    assert_eq!((after.session.generation, after.record.replaces), (2, Some(issued.record.id)));
    assert_eq!(house.told().await, [(GenerationDraining, 1), (GenerationRetired, 1)]);
}

#[tokio::test]
async fn a_retired_key_stays_listed_until_its_last_url_has_ended() {
    let house = House::new().await;
    let ends_at = house.sign(600, None).await.unwrap().record.usable_until();
    house.desk.retire(UID, web(), 1, true).await.unwrap();
    house.put(2);
    house.until("another signs", async || house.signs() == Some(2)).await;
    let web = web();
    for identity in [Some(&web), None] {
        let all = house.desk.status(UID, identity, false).await.unwrap();
        let retired = all.iter().find(|one| one.session.generation == 1).expect("it must wait");
        assert_eq!((retired.state, retired.safe_from), (State::Retired, Some(ends_at)));
        let advice = format!("1 URL outstanding: deactivating {} breaks it; the last ends {ends_at}", key(1));
        assert!(retired.advice.starts_with(&advice), "{}", retired.advice);
    }
    house.until("its URL has ended", async || house.clock.now() > ends_at).await;
    let all = house.desk.status(UID, Some(&web), false).await.unwrap();
    assert!(all.iter().all(|one| one.session.generation == 2), "{all:?}");
}

#[tokio::test]
async fn a_drained_generation_is_retired_without_force() {
    let house = House::new().await;
    house.sign(30, None).await.unwrap();
    house.desk.drain(UID, web(), None).await.unwrap();
    house.until_told(&[(GenerationDraining, 1), (GenerationDrained, 1)]).await;
    let retired = house.desk.retire(UID, web(), 1, false).await.unwrap();
    assert_eq!((retired.status.state, retired.breaks_urls), (State::Retired, 0));
    house.until_told(&[(GenerationDraining, 1), (GenerationDrained, 1), (GenerationRetired, 1)]).await;
}

#[tokio::test]
async fn a_paused_identity_signs_nothing_and_repeats_nothing_until_it_is_resumed() {
    let mut house = House::new().await;
    let issued = house.sign(600, Some("once")).await.unwrap();
    house.desk.pause(web()).await.unwrap();
    house.desk.pause(web()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(reason(house.sign(60, None).await), (Code::FailedPrecondition, "IDENTITY_PAUSED"));
        assert_eq!(reason(house.sign(600, Some("once")).await).1, "IDENTITY_PAUSED");
        house.restart().await;
    }
    house.until("a session is there all the same", async || house.signs() == Some(1)).await;
    assert_eq!(house.status(1).await.state, State::Active, "it would sign");
    house.desk.resume(web()).await.unwrap();
    house.desk.resume(web()).await.unwrap();
    assert_eq!(url(&house.sign(600, Some("once")).await.unwrap()), url(&issued));
    assert_eq!(house.told().await, [(IdentityPaused, 0), (IdentityResumed, 0)]);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let house = House::new().await;
    let none = || IdentityName::parse("none").unwrap();
    assert_eq!(reason(house.desk.pause(none()).await), (Code::NotFound, "UNKNOWN_IDENTITY"));
    assert_eq!(reason(house.desk.resume(none()).await).1, "UNKNOWN_IDENTITY");
    assert_eq!(reason(house.desk.drain(UID, none(), None).await).1, "UNKNOWN_IDENTITY");
    assert_eq!(reason(house.desk.cancel_drain(UID, none(), None).await).1, "UNKNOWN_IDENTITY");
    assert_eq!(reason(house.desk.status(UID, Some(&none()), true).await).1, "UNKNOWN_IDENTITY");
    assert_eq!(reason(house.desk.drain(UID, web(), Some(7)).await), (Code::NotFound, "UNKNOWN_GENERATION"));
    assert_eq!(reason(house.desk.retire(UID, web(), 7, true).await).1, "UNKNOWN_GENERATION");
    assert_eq!(house.told().await, []);
}

#[tokio::test]
async fn a_session_with_urls_outstanding_is_told_of_before_it_ends_and_a_drained_one_when_it_has_ended() {
    let start = Timestamp::from_unix(1_795_348_800);
    let house = House::with(|dir| put(dir, 1, Some(start + Duration::from_secs(1200)))).await;
    house.sign(1200, None).await.unwrap();
    house.desk.drain(UID, web(), None).await.unwrap();
    house.until("it is told", async || house.told().await.len() == 2).await;
    let told = house.registry.events(DAEMON, 0, MAX_PAGE).await.unwrap().pop().unwrap();
    assert_eq!(house.told().await, [(GenerationDraining, 1), (SessionEnding, 1)]);
    let left = told.at.until(start + Duration::from_secs(1200)).unwrap_or_default();
    assert!((598..=600).contains(&left.as_secs()), "{left:?} before its end");
    house.until("it has ended", async || house.told().await.len() > 2).await;
    assert!(house.told().await.contains(&(GenerationRetired, 1)), "{:?}", house.told().await);
    assert_eq!(house.status(1).await.advice, "nothing to do: it has ended");
}

#[tokio::test]
async fn a_key_that_was_put_back_and_whose_file_cannot_be_read_after_a_restart_is_not_said_to_drain() {
    let mut house = House::new().await;
    house.sign(6000, None).await.unwrap();
    house.put(2);
    let first_minute = house.status(1).await.since;
    house.until("the second signs", async || house.told().await.contains(&(GenerationDraining, 1))).await;
    let drained_at = house.status(1).await.since;
    house.put(1);
    house.until("the first is back", async || house.told().await.contains(&(DrainCancelled, 1))).await;
    let back = house.status(1).await;
    assert_eq!(
        (back.state, first_minute < drained_at, drained_at < back.since),
        (State::Active, true, true),
        "{back:?}"
    );
    house.stop.cancel();
    std::fs::remove_file(house.dir.path().join("key")).unwrap();
    house.restart().await;
    let own = house.desk.identity(&web()).unwrap();
    house.until("its source was asked", async || own.status().failures > 0).await;
    let status = house.status(1).await;
    assert_eq!(
        (status.state, status.since, status.outstanding_urls),
        (State::Prepared, None, 1),
        "nobody knows when it was taken out"
    );
    let looks = "look at `presignd identities` before AKIA0000000000000001 is deactivated";
    assert!(status.advice.starts_with(looks) && status.advice.contains("1 URL outstanding"), "{}", status.advice);
    let told = house.told().await;
    house.pass(Duration::from_secs(40)).await;
    assert_eq!(house.told().await, told, "it does not drain");
    assert_eq!(house.desk.drain(UID, web(), Some(1)).await.unwrap().state, State::Draining, "but it may");
}

#[tokio::test]
async fn a_key_that_is_seen_dead_is_in_no_way_draining_and_signs_again_when_it_is_seen_alive() {
    let house = House::new().await;
    house.sign(6000, None).await.unwrap();
    let (own, told) = (house.desk.identity(&web()).unwrap(), house.told().await);
    let signs = own.signing_generation().unwrap();
    house.pass(Duration::from_secs(30)).await;
    assert!(own.bury(&signs.session, Dead::Denied));
    let cause = "GET s3://photos/canary: 403 AccessDenied";
    house.registry.observe(signs.session.id, "denied", cause, None).await.unwrap();
    let seen_at = house.clock.now();
    let urls = |state| house.gauge("presignd_generation_outstanding_urls", state);
    house.until("the gauges say so", async || (urls("active"), urls("dead")) == (0, 1)).await;
    let dead = house.status(1).await;
    assert_eq!((dead.state, dead.since, dead.outstanding_urls), (State::Dead, Some(seen_at), 1));
    let words = format!("what {} signs is denied, as seen since {seen_at} ({cause}): it signs nothing", key(1));
    assert!(dead.advice.starts_with(&words) && !dead.advice.contains("deactivat"), "{}", dead.advice);
    assert_eq!(house.told().await, told, "nothing drains");
    assert_eq!(reason(house.desk.drain(UID, web(), None).await).1, "NOTHING_SIGNS");
    assert!(own.revive(&signs.session));
    house.until("the gauges say that, too", async || (urls("active"), urls("dead")) == (1, 0)).await;
    assert_eq!(house.status(1).await.state, State::Active);
    assert!(own.bury(&signs.session, Dead::Key));
    let drained = house.desk.drain(UID, web(), Some(1)).await.unwrap();
    assert_eq!(drained.state, State::Draining, "what an operator decides outlasts what is seen");
    house.until("it is told", async || house.told().await.contains(&(GenerationDraining, 1))).await;
}

#[tokio::test]
async fn gauges_say_what_is_outstanding_in_each_state() {
    let house = House::new().await;
    let ends_at = house.sign(600, None).await.unwrap().record.usable_until();
    house.sign(60, None).await.unwrap();
    let urls = |state| house.gauge("presignd_generation_outstanding_urls", state);
    house.until("they are counted", async || urls("active") == 2).await;
    house.put(2);
    house.until("they move on", async || (urls("active"), urls("draining")) == (0, 2)).await;
    assert_eq!(house.gauge("presignd_last_url_end_timestamp_seconds", "draining"), ends_at.unix());
    house.until("they end", async || urls("draining") == 0).await;
    assert_eq!(house.gauge("presignd_last_url_end_timestamp_seconds", "draining"), 0);
}

#[tokio::test]
async fn a_failure_to_renew_is_told_once_for_each_reason() {
    let house = House::new().await;
    let failures = async || {
        let rows = house.registry.events(DAEMON, 0, MAX_PAGE).await.unwrap();
        let failed = rows.iter().filter_map(|row| match Told::of(row) {
            Some(Told::RenewalFailed(failed)) => Some((failed.reason, failed.signs)),
            _ => None,
        });
        failed.collect::<Vec<_>>()
    };
    std::fs::remove_file(house.dir.path().join("key")).unwrap();
    house.until("it is told", async || !failures().await.is_empty()).await;
    house.until("it fails again and again", async || house.desk.identity(&web()).unwrap().status().failures > 4).await;
    assert_eq!(failures().await, [("KEY_FILE".to_owned(), true)]);
    house.put(1);
    house.until("it works", async || house.desk.identity(&web()).unwrap().status().failures == 0).await;
    house.pass(Duration::from_secs(20)).await;
    house.registry.paused(DAEMON).await.unwrap();
    std::fs::remove_file(house.dir.path().join("key")).unwrap();
    house.until("it is told again", async || failures().await.len() == 2).await;
}
