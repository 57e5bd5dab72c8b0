//! From one configuration to the next: who goes on, who begins anew, who goes, and that nobody is left waiting.

use std::sync::Arc;

use presignd::identity::Identities;

use super::support::eventually;
use super::support::sts::Turn;
use super::{House, ROLE, write_key};

impl House {
    /// Puts other tables in force. The former configuration is given back.
    fn reload(&mut self, tables: &str) -> Identities {
        let next = self.identities.next(&self.config(tables));
        let former = std::mem::replace(&mut self.identities, next);
        former.give_way_to(&self.identities);
        former
    }
}

#[tokio::test]
async fn what_differs_in_timing_keeps_its_sessions_and_what_does_not_differ_is_left_alone() {
    let mut house = House::with(ROLE).await;
    let first = house.session("role").await;
    let key = house.identity("key");
    drop(house.reload(&format!("{ROLE}headroom = \"10m\"\n")));
    assert!(Arc::ptr_eq(&key, &house.identity("key")));
    let role = house.identity("role");
    assert_eq!(role.current().unwrap().session.id, first.id);
    assert_eq!(house.sts.count("AssumeRole"), 1, "there was no need of another");
    assert_eq!(role.status().headroom.as_secs(), 600);
    assert_eq!(house.session("role").await.generation, 2);
    assert!(role.live(first.id).is_some(), "and the first lives on beside the second");
}

#[tokio::test]
async fn another_source_begins_anew_and_counts_on() {
    let mut house = House::with(ROLE).await;
    let first = house.session("role").await;
    for (generation, tables) in [
        (2, ROLE.replace("path/web", "path/other")),
        (3, ROLE.replace("path/web", "path/other") + "duration = \"2h\"\n"),
        (4, ROLE.replace("path/web", "path/other") + "sts = { region = \"eu-west-1\" }\n"),
    ] {
        drop(house.reload(&tables));
        let role = house.identity("role");
        assert!(role.live(first.id).is_none(), "a session of the former source signs no more");
        assert_eq!(role.outcome().await.unwrap().session.generation, generation, "{tables}");
        assert!(role.current().unwrap().session.facts.principal_arn.contains("/other/"));
    }
}

#[tokio::test]
async fn an_sts_that_all_share_begins_anew_only_those_who_ask_there() {
    let mut house =
        House::with(&format!("{ROLE}sts = {{ region = \"eu-west-1\", endpoint_url = \"http://[::1]:9\" }}\n")).await;
    let (key, role) = (house.identity("key"), house.identity("role"));
    let tables = house.tables.clone();
    house.sts_region = "eu-central-1";
    drop(house.reload(&tables));
    assert!(!Arc::ptr_eq(&key, &house.identity("key")));
    assert!(Arc::ptr_eq(&role, &house.identity("role")), "it has an STS of its own");
}

#[tokio::test]
async fn who_waits_for_a_session_of_a_former_configuration_is_told_to_ask_again_and_nothing_is_left() {
    let mut house = House::with(ROLE).await;
    house.session("role").await;
    house.sts.stay(Turn::Hang);
    let asked = house.sts.count("AssumeRole");
    let role = house.identity("role");
    let (left, waiter) = (Arc::downgrade(&role), Arc::clone(&role));
    drop(role);
    let waits = tokio::spawn(async move { waiter.renew().await.map(drop) });
    eventually("it asks STS", async || (house.sts.count("AssumeRole") > asked).then_some(())).await;
    assert!(house.metrics.encode().contains("identity=\"role\""));

    let former = house.reload("");
    let told = waits.await.unwrap().unwrap_err();
    assert!(told.is_of_former_configuration(), "{told}");
    assert!(left.upgrade().is_some_and(|role| role.current().is_some()), "calls under way end as they began");
    drop(former);
    eventually("its task has ended", async || left.upgrade().is_none().then_some(())).await;
    let metrics = house.metrics.encode();
    assert!(!metrics.contains("identity=\"role\"") && metrics.contains("identity=\"key\""), "{metrics}");
}

#[tokio::test]
async fn a_role_goes_on_and_mints_with_what_its_base_has_become() {
    let mut house = House::with(ROLE).await;
    let first = house.session("role").await;
    let role = house.identity("role");
    let second_key = write_key(&house.keys, house.dir.path(), "two");
    std::fs::rename(house.dir.path().join("key"), house.dir.path().join("elsewhere")).unwrap();
    house.key_file = "elsewhere";
    let tables = house.tables.clone();
    drop(house.reload(&tables));
    assert!(Arc::ptr_eq(&role, &house.identity("role")), "its own table is the same");
    assert_eq!(role.current().unwrap().session.id, first.id);
    assert_eq!(house.session("role").await.facts.parent_access_key_id, second_key);
}

#[tokio::test]
async fn who_waits_for_a_base_that_is_replaced_gets_a_session_from_the_next() {
    let top = "[identity.top]\nsource = \"assume-role\"\nbase = \"role\"\nmin_pause = \"1s\"\n\
               role_arn = \"arn:aws:iam::123456789012:role/top\"\n";
    let mut house = House::with("").await;
    house.sts.stay(Turn::Hang);
    drop(house.reload(&format!("{ROLE}{top}")));
    eventually("the base asks STS", async || (house.sts.count("AssumeRole") > 0).then_some(())).await;
    let waiter = house.identity("top");
    let waits = tokio::spawn(async move { waiter.outcome().await.map(|live| live.session.facts.parent) });
    house.sts.stay(Turn::Answer);
    drop(house.reload(&format!("{ROLE}duration = \"30m\"\n{top}")));
    let parent = waits.await.unwrap().unwrap();
    assert_eq!(parent, house.identity("role").current().map(|live| live.session.id));
}
