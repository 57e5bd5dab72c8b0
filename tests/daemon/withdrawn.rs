//! Events that never happened, although somebody said so: what was told of them is taken back, wherever it was told.

use presignd::grpc::proto::watch_response::What;
use presignd::grpc::proto::{
    AssessRequest, Event, LiftEventRequest, ListEventsRequest, Observation, PresignRequest, ReportedEvent,
    RotationStatusRequest, impact_client::ImpactClient,
};
use tonic_types::StatusExt;

use crate::probe::{from_file, is_seen};
use crate::process::{Daemon, World, connect, get, length, presign};
use crate::support::eventually;
use crate::watch::{endings, heard, key_deleted, own, report, rotation, signed, watch};

async fn taken_back(daemon: &Daemon, id: &str, in_error: bool) -> Result<ReportedEvent, tonic::Status> {
    let ask = LiftEventRequest { id: id.to_owned(), in_error };
    let answer = rotation(daemon).await.lift_event(ask).await?.into_inner();
    Ok(answer.event.expect("an event"))
}

async fn listed(daemon: &Daemon, with_lifted: bool) -> Vec<ReportedEvent> {
    let list = rotation(daemon).await.list_events(ListEventsRequest { with_lifted }).await;
    list.expect("a list").into_inner().events
}

/// Of what is outstanding, how many live if nothing happens; and of the generation, how many have ended early.
async fn counted(daemon: &Daemon) -> (u64, u64) {
    let mut impact = ImpactClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    let asked = AssessRequest { event: Some(key_deleted("AKIAOTHER")), ..AssessRequest::default() };
    let totals = impact.assess(asked).await.expect("an answer").into_inner().totals.expect("totals");
    let status = rotation(daemon).await.rotation_status(RotationStatusRequest::default()).await.expect("an answer");
    let early = status.into_inner().generations.iter().map(|one| one.ended_early_urls).sum();
    (totals.lives, early)
}

fn lifted(what: What) -> Option<ReportedEvent> {
    match what {
        What::EventLifted(reported) => Some(reported),
        _ => None,
    }
}

/// Its own key, deleted so long ago that AWS has taken it up.
fn long_ago(key: &str) -> Event {
    let at = prost_types::Timestamp { seconds: crate::support::now() - 3600, nanos: 0 };
    Event { at: Some(at), ..key_deleted(key) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_report_without_an_instant_is_the_one_that_stands_and_with_another_is_another() {
    let world = World::new().await;
    let daemon = world.daemon(&from_file(&world)).await;
    let told = async |at: Option<i64>| {
        let at = at.map(|ago| prost_types::Timestamp { seconds: crate::support::now() - ago, nanos: 0 });
        let answer = report(&daemon, Event { at, ..key_deleted("AKIAOTHER") }).await.expect("it is taken");
        (answer.event.expect("an event").id, answer.stood)
    };
    let (first, stood) = told(Some(100)).await;
    assert!(!stood);
    assert_eq!(told(None).await, (first.clone(), true));
    let (second, stood) = told(Some(50)).await;
    assert!(second != first && !stood, "another instant is another event");
    for id in [&first, &second] {
        taken_back(&daemon, id, true).await.expect("it never happened");
    }
    let (third, stood) = told(None).await;
    assert!(![first, second].contains(&third) && !stood, "what is withdrawn stands no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_undone_is_withdrawn_and_is_as_if_it_had_never_stood() {
    let world = World::new().await;
    let daemon = world.daemon(&from_file(&world)).await;
    let ids = signed(&daemon, &["a", "b"]).await;
    assert_eq!(counted(&daemon).await, (2, 0));
    let mut mine = watch(own(&daemon).await, "").await;
    let event = report(&daemon, long_ago(&world.user.access_key_id)).await.expect("it is written down").event;
    let event = event.expect("an event").id;
    assert_eq!((counted(&daemon).await, endings(&daemon, &ids[0]).await), ((0, 2), 1));
    let early = |what| if let What::UrlEndsEarly(early) = what { Some(early.url_id) } else { None };
    assert!(ids.contains(&heard(&mut mine, early).await.1));

    let refused = taken_back(&daemon, &event, false).await.expect_err("nobody undoes it");
    let reason = refused.get_details_error_info().map(|info| info.reason);
    assert_eq!(reason.as_deref(), Some("EVENT_IRREVERSIBLE"));
    assert!(refused.message().contains(&format!("presignd events --withdraw {event}")), "{refused}");

    let one = taken_back(&daemon, &event, true).await.expect("it never happened");
    let said = one.withdrawn.expect("it says so");
    assert_eq!((said.withdrawn_at, said.uid), (one.lifted_at, rustix::process::getuid().as_raw()));
    assert_eq!((counted(&daemon).await, endings(&daemon, &ids[0]).await), ((2, 0), 0));
    let next = presign(&mut daemon.signer().await, get("c")).await.expect("it signs");
    assert_eq!((next.cautions, next.ends_early), (vec![], None));
    assert_eq!(listed(&daemon, false).await, []);
    assert_eq!(listed(&daemon, true).await, std::slice::from_ref(&one));
    assert_eq!(taken_back(&daemon, &event, true).await.expect("once more changes nothing"), one);
    let told = heard(&mut mine, lifted).await.1;
    assert_eq!(told, one, "who was told that URLs end early is told that they do not");

    daemon.stop().await;
    let daemon = world.daemon(&from_file(&world)).await;
    assert_eq!((listed(&daemon, true).await, endings(&daemon, &ids[0]).await), (vec![one], 0), "after a restart");
    let again = report(&daemon, long_ago(&world.user.access_key_id)).await.expect("now it has").event;
    assert_ne!(again.expect("an event").id, event);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_was_undone_may_be_withdrawn_and_keeps_when_it_was_undone() {
    let world = World::new().await;
    let daemon = world.daemon(&from_file(&world)).await;
    let event = report(&daemon, crate::watch::denied()).await.expect("it is written down").event.expect("one").id;
    let undone = taken_back(&daemon, &event, false).await.expect("it can be undone");
    assert_eq!(undone.withdrawn, None);
    let never = taken_back(&daemon, &event, true).await.expect("it never happened");
    assert_eq!((never.lifted_at, never.withdrawn.is_some()), (undone.lifted_at, true));
    assert_eq!(taken_back(&daemon, &event, false).await.expect("no error"), never, "it stays withdrawn");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_seen_and_is_withdrawn_is_believed_no_more_until_it_is_seen_again() {
    let world = World::new().await;
    let daemon = world.daemon(&from_file(&world)).await;
    let long = || PresignRequest { expires_in: Some(length(600)), ..get("cat.jpg") };
    presign(&mut daemon.signer().await, long()).await.expect("the key lives");
    is_seen(&daemon, 1, Observation::Alive).await;
    world.keys.deactivate(&world.user.access_key_id);
    is_seen(&daemon, 1, Observation::KeyDead).await;
    let stands = || async { eventually("what was seen stands", async || listed(&daemon, false).await.pop()).await };
    let seen = stands().await;
    assert!(seen.observed);
    // Who withdraws it is wrong, and signs for as long as nobody looks.
    taken_back(&daemon, &seen.id, true).await.expect("a person may know better");
    let again = stands().await;
    assert_ne!(again.id, seen.id, "it comes back as another");
    is_seen(&daemon, 1, Observation::KeyDead).await;
    // And this time that person is right.
    world.keys.activate(&world.user.access_key_id);
    let _ = taken_back(&daemon, &again.id, true).await.expect("it is there, lifted or not");
    eventually("it signs again", async || presign(&mut daemon.signer().await, long()).await.ok()).await;
    is_seen(&daemon, 1, Observation::Alive).await;
    assert_eq!(listed(&daemon, false).await, []);
}
