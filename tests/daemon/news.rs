//! Every kind of news, heard over a socket from the daemon that makes it, and by one who was away meanwhile.

use std::time::Duration;

use presignd::grpc::proto::event::What as Happening;
use presignd::grpc::proto::watch_response::What;
use presignd::grpc::proto::{
    CancelDrainRequest, DrainRequest, GenerationStatus, LiftEventRequest, Observation, PauseIdentityRequest,
    PresignRequest, RenewIdentityRequest, ResumeIdentityRequest, RetireRequest, WatchRequest, WatchResponse,
};
use tonic::Streaming;

use crate::probe::{from_file, is_seen};
use crate::process::{Daemon, World, get, length, presign};
use crate::support::now;
use crate::support::sts::Turn;
use crate::watch::{denied, heard, next, own, report, rotation, signed, watch, web};

fn name() -> String {
    "web".to_owned()
}

async fn renew(daemon: &Daemon) -> Result<(), tonic::Status> {
    daemon.admin().await.renew_identity(RenewIdentityRequest { name: name() }).await.map(drop)
}

async fn drain(daemon: &Daemon, generation: u64) {
    let asked = DrainRequest { identity: name(), generation };
    rotation(daemon).await.drain(asked).await.expect("it drains");
}

async fn pause(daemon: &Daemon) {
    rotation(daemon).await.pause_identity(PauseIdentityRequest { identity: name() }).await.expect("it stops");
}

async fn resume(daemon: &Daemon) {
    rotation(daemon).await.resume_identity(ResumeIdentityRequest { identity: name() }).await.expect("it goes on");
}

/// The generation that signed, and when the URL ends.
async fn sign(daemon: &Daemon, seconds: u64) -> (u64, i64) {
    let asked = PresignRequest { expires_in: Some(length(seconds)), ..get("b") };
    let url = presign(&mut daemon.signer().await, asked).await.expect("it signs");
    (url.session.expect("a session has a name").generation, url.usable_until.expect("an end").seconds)
}

fn generation_of(status: &GenerationStatus) -> u64 {
    status.session.as_ref().map_or(0, |session| session.generation)
}

/// The next that `is` accepts of one generation.
async fn told_of(
    stream: &mut Streaming<WatchResponse>,
    generation: u64,
    is: fn(What) -> Option<GenerationStatus>,
) -> GenerationStatus {
    heard(stream, |what| is(what).filter(|status| generation_of(status) == generation)).await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_sessions_is_told_to_operators_as_it_happens_and_to_no_caller() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let mut caller = own(&daemon).await.watch(WatchRequest::default()).await.expect("there is a seat").into_inner();
    let mut news = watch(rotation(&daemon).await, "").await;
    let renewed = |number| {
        move |what| match what {
            What::SessionRenewed(session) if session.generation == number => Some(session),
            _ => None,
        }
    };
    let first = heard(&mut news, renewed(1)).await.1;
    assert!(first.expires_at.is_some() && first.access_key_id.starts_with("ASIA"), "{first:?}");
    signed(&daemon, &["a"]).await;

    // The next session ends before the first, which may sign again: it lives longer.
    world.sts.sessions_last(Some(Duration::from_secs(3000)));
    drain(&daemon, 1).await;
    let draining = |what| match what {
        What::GenerationDraining(status) => Some(status),
        _ => None,
    };
    assert_eq!(told_of(&mut news, 1, draining).await.outstanding_urls, 1);
    heard(&mut news, renewed(2)).await;

    rotation(&daemon).await.cancel_drain(CancelDrainRequest { identity: name(), generation: 1 }).await.expect("it may");
    let cancelled = |what| match what {
        What::DrainCancelled(status) => Some(status),
        _ => None,
    };
    told_of(&mut news, 1, cancelled).await;
    let forced = RetireRequest { identity: name(), generation: 1, force: true };
    rotation(&daemon).await.retire(forced).await.expect("it is retired");
    let retired = |what| match what {
        What::GenerationRetired(status) => Some(status),
        _ => None,
    };
    assert_eq!(told_of(&mut news, 1, retired).await.outstanding_urls, 1, "it says what still hangs on it");

    pause(&daemon).await;
    resume(&daemon).await;
    let paused = |what| match what {
        What::IdentityPaused(identity) => Some((identity.identity, true)),
        What::IdentityResumed(identity) => Some((identity.identity, false)),
        _ => None,
    };
    for is_paused in [true, false] {
        assert_eq!(heard(&mut news, paused).await.1, (name(), is_paused));
    }

    world.sts.stay(Turn::Fail(403, "AccessDenied"));
    renew(&daemon).await.expect_err("STS refuses");
    let failed = |what| match what {
        What::RenewalFailed(failed) => Some(failed),
        _ => None,
    };
    let failed = heard(&mut news, failed).await.1;
    assert_eq!((failed.identity.as_str(), failed.reason.as_str(), failed.signs), ("web", "ACCESS_DENIED", true));
    assert!(failed.message.contains("AccessDenied"), "{failed:?}");
    assert!(failed.session_ends_at.is_some_and(|end| end.seconds > now()), "when signing stops: {failed:?}");

    // Nearer to its end than the ten minutes at which it is told.
    world.sts.sessions_last(Some(std::time::Duration::from_secs(500)));
    world.sts.stay(Turn::Answer);
    drain(&daemon, 2).await;
    let (short, _) = sign(&daemon, 60).await;
    let ending = |what| match what {
        What::SessionEnding(status) => Some(status),
        _ => None,
    };
    assert_eq!(told_of(&mut news, short, ending).await.outstanding_urls, 1);

    drain(&daemon, short).await;
    let (last, url_ends) = sign(&daemon, 1).await;
    assert_ne!(last, short);
    drain(&daemon, last).await;
    let drained = |what| match what {
        What::GenerationDrained(status) => Some(status),
        _ => None,
    };
    let drained = told_of(&mut news, last, drained).await;
    assert!(drained.outstanding_urls == 0 && now() >= url_ends, "{drained:?}");

    report(&daemon, denied()).await.expect("it is written down");
    assert!(next(&mut caller).await.what.is_none(), "a stream begins with its place");
    let first = loop {
        if let Some(what) = next(&mut caller).await.what {
            break what;
        }
    };
    assert!(matches!(first, What::EventHappened(_)), "none of this ends a caller's URL: {first:?}");
}

/// What it is, in a word.
fn word(what: &What) -> &'static str {
    match what {
        What::SessionRenewed(_) => "renewed",
        What::IdentityPaused(_) => "paused",
        What::IdentityResumed(_) => "resumed",
        What::EventHappened(_) => "happened",
        What::EventLifted(_) => "lifted",
        What::UrlEndsEarly(_) => "ends",
        _ => "other",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_hears_all_that_happened_meanwhile_in_order_and_once_from_wherever_it_left() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let paused = |what| matches!(what, What::IdentityPaused(_)).then_some(());
    pause(&daemon).await;
    let (cursor, ()) = heard(&mut watch(rotation(&daemon).await, "").await, paused).await;
    resume(&daemon).await;
    signed(&daemon, &["a", "b"]).await;
    let undone = report(&daemon, denied()).await.expect("it is written down").event.expect("an id").id;
    rotation(&daemon)
        .await
        .lift_event(LiftEventRequest { id: undone, in_error: false })
        .await
        .expect("it can be undone");
    report(&daemon, denied()).await.expect("it is written down");
    daemon.kill().await;
    let daemon = world.daemon(&web(&world)).await;
    let renewed = |what| matches!(what, What::SessionRenewed(_)).then_some(());
    heard(&mut watch(rotation(&daemon).await, &cursor).await, renewed).await;
    pause(&daemon).await;

    let all = async |cursor: &str| {
        let mut stream = watch(rotation(&daemon).await, cursor).await;
        let mut all: Vec<(String, What)> = Vec::new();
        while all.last().is_none_or(|(_, what)| word(what) != "paused") {
            let one = next(&mut stream).await;
            all.extend(one.what.map(|what| (one.cursor, what)));
        }
        all
    };
    let told = all(&cursor).await;
    let words: Vec<&str> = told.iter().map(|(_, what)| word(what)).collect();
    assert_eq!(words, ["resumed", "happened", "lifted", "happened", "ends", "ends", "renewed", "paused"]);
    for (at, (cursor, _)) in told.iter().enumerate().take(told.len() - 1) {
        assert_eq!(all(cursor).await, told[at + 1..], "after {cursor}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_daemon_sees_by_itself_is_told_to_whom_it_concerns_and_taken_back_when_it_passes() {
    let world = World::new().await;
    let daemon = world.daemon(&from_file(&world)).await;
    let ids = signed(&daemon, &["a"]).await;
    is_seen(&daemon, 1, Observation::Alive).await;
    let mut mine = own(&daemon).await.watch(WatchRequest::default()).await.expect("there is a seat").into_inner();
    world.keys.deactivate(&world.user.access_key_id);
    let seen = |what| match what {
        What::EventHappened(seen) => Some(seen),
        _ => None,
    };
    let seen = heard(&mut mine, seen).await.1;
    assert_eq!((seen.observed, seen.cause.as_str()), (true, "GetCallerIdentity: InvalidClientTokenId"));
    let Some(Happening::KeyDeactivated(key)) = seen.event.and_then(|event| event.what) else { panic!("the key died") };
    assert_eq!(key.access_key_id, world.user.access_key_id);
    let early = |what| match what {
        What::UrlEndsEarly(early) => Some(early),
        _ => None,
    };
    let early = heard(&mut mine, early).await.1;
    let ending = early.ending.expect("it says why");
    assert_eq!((early.url_id, early.event_id), (ids[0].clone(), seen.id.clone()));
    assert!(ending.reversible && !ending.reason.is_empty() && !ending.message.is_empty(), "{ending:?}");

    world.keys.activate(&world.user.access_key_id);
    let lifted = |what| match what {
        What::EventLifted(lifted) => Some(lifted),
        _ => None,
    };
    let lifted = heard(&mut mine, lifted).await.1;
    assert_eq!((lifted.id, lifted.recorded_at), (seen.id, seen.recorded_at));
    assert!(lifted.lifted_at.is_some() && lifted.observed, "the same event, taken back");
}
