//! The real daemon as a process, over its real sockets, with an STS that follows a script.

#[path = "daemon/abstract_socket.rs"]
mod abstract_socket;
#[path = "daemon/dead_links.rs"]
mod dead_links;
#[path = "daemon/doctor.rs"]
mod doctor;
#[path = "daemon/early.rs"]
mod early;
#[path = "daemon/lives.rs"]
mod lives;
#[path = "support/load.rs"]
mod load;
#[path = "daemon/memory.rs"]
mod memory;
#[path = "daemon/messages.rs"]
mod messages;
#[path = "daemon/probe.rs"]
mod probe;
#[path = "daemon/news.rs"]
mod news;
#[path = "daemon/places.rs"]
mod places;
#[path = "support/daemon.rs"]
mod process;
#[path = "daemon/reload.rs"]
mod reload;
#[path = "daemon/rescue.rs"]
mod rescue;
#[path = "daemon/resign.rs"]
mod resign;
#[path = "daemon/running.rs"]
mod running;
#[path = "daemon/secrets.rs"]
mod secrets;
mod support;
#[path = "daemon/tenants.rs"]
mod tenants;
#[path = "daemon/visitor.rs"]
mod visitor;
#[path = "daemon/watch.rs"]
mod watch;
#[path = "daemon/withdrawn.rs"]
mod withdrawn;

use std::time::Duration;

use load::Load;
use presignd::grpc::proto::{
    GetUrlRequest, IdentityState, LimitedBy, PresignBatchRequest, PresignRequest, PresignResponse,
    RenewIdentityRequest, presign_result,
};
use process::{Daemon, World, get, length, presign};
use support::sts::Turn;
use support::{eventually, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_renewed_ahead_of_its_end_and_no_call_notices() {
    let world = World::new().await;
    world.s3.store().put("photos", "cat.jpg", "meow");
    // Renewed within some seconds, and long enough for the slowest machine.
    world.sts.sessions_last(Some(Duration::from_secs(150)));
    let daemon = world.daemon(&world.web("duration = \"15m\"\nheadroom = \"132s\"\nmin_pause = \"1s\"")).await;
    let first = daemon.web().await.sessions[0].reference.clone().expect("a session has a name");
    let load = Load::start(&daemon, "cat.jpg", 100).await;
    eventually("a second generation signs", async || {
        let reference = daemon.web().await.sessions[0].reference.clone()?;
        (reference.generation > first.generation).then_some(())
    })
    .await;
    assert!(first.expires_at.is_some_and(|end| end.seconds > now()), "the first was renewed after its end");
    let signed = load.signed();
    eventually("signing goes on", async || (load.signed() > signed + 10).then_some(())).await;
    let urls = load.stop().await.expect("no call fails while sessions change");
    let generation = |url: &&PresignResponse| url.session.as_ref().map_or(0, |session| session.generation);
    let old = urls.iter().rfind(|url| generation(url) == first.generation).expect("the first session signed");
    let new = urls.iter().rfind(|url| generation(url) > first.generation).expect("the second session signs");
    for url in [old, new] {
        assert_eq!(world.s3.fetch("GET", &url.url, [], "").await.status, 200, "URLs of both sessions work");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sts_away_and_back_costs_no_signature_while_the_session_has_life() {
    let world = World::new().await;
    world.sts.sessions_last(Some(Duration::from_secs(300)));
    let daemon = world.daemon(&world.web("duration = \"15m\"\nmin_pause = \"1s\"")).await;
    let load = Load::start(&daemon, "cat.jpg", 5).await;
    for away in [Turn::Cut, Turn::Fail(503, "ServiceUnavailable"), Turn::Fail(400, "Throttling"), Turn::Nonsense] {
        world.sts.stay(away.clone());
        renew(&daemon).await.expect_err("STS is away");
        let web = daemon.web().await;
        assert_eq!(web.state(), IdentityState::RenewalFailing, "{away:?}");
        assert!(!web.last_failure.is_empty() && web.failures > 0);
        // Longer than the back-off: it has tried again by itself.
        let failures = web.failures;
        eventually("it tries again", async || (daemon.web().await.failures > failures).then_some(())).await;
        world.sts.stay(Turn::Answer);
        eventually("renewals work again by themselves", async || (daemon.web().await.failures == 0).then_some(()))
            .await;
        let signed = load.signed();
        eventually("signing goes on", async || (load.signed() > signed).then_some(())).await;
    }
    load.stop().await.expect("no call fails while STS is away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sts_that_hangs_holds_up_nobody_whose_session_has_life() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"\nmin_pause = \"1s\"")).await;
    world.sts.stay(Turn::Hang);
    let load = Load::start(&daemon, "cat.jpg", 5).await;
    let before = world.sts.count("AssumeRole");
    let mut admin = daemon.admin().await;
    let hangs = tokio::spawn(async move { admin.renew_identity(RenewIdentityRequest { name: "web".into() }).await });
    eventually("a renewal hangs", async || (world.sts.count("AssumeRole") > before).then_some(())).await;
    let signed = load.signed();
    eventually("signing goes on", async || (load.signed() > signed + 50).then_some(())).await;
    assert!(!hangs.is_finished(), "the renewal still hangs");
    hangs.abort();
    load.stop().await.expect("no call fails while STS hangs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_session_covers_is_cut_truthfully_or_refused() {
    let world = World::new().await;
    world.s3.store().put("photos", "cat.jpg", "meow");
    world.sts.sessions_last(Some(Duration::from_secs(40)));
    let daemon = world.daemon(&world.web("duration = \"15m\"\nmin_pause = \"1s\"")).await;
    let mut signer = daemon.signer().await;
    let wish = PresignRequest { expires_in: Some(length(600)), at_least: Some(length(1)), ..get("cat.jpg") };
    let url = presign(&mut signer, wish.clone()).await.expect("a second is not too much to ask");
    assert_eq!(url.limited_by(), LimitedBy::Session);
    let session = url.session.and_then(|session| session.expires_at).expect("a session of STS has an end");
    assert_eq!(url.usable_until, Some(session), "the claim ends with the session");
    let refused = PresignRequest { at_least: Some(length(600)), ..wish };
    let status = presign(&mut signer, refused).await.expect_err("no session lasts ten minutes");
    assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status}");
    assert_eq!(world.sts.count("AssumeRole"), 1, "another session would be as short");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_will_do_signs_when_the_renewal_that_a_call_asks_for_hangs() {
    let world = World::new().await;
    let other = world.web("duration = \"15m\"").replace("identity.web", "identity.other");
    let daemon = world.daemon(&format!("{}{other}", world.web("duration = \"15m\"\nheadroom = \"1m\""))).await;
    let mut signer = daemon.signer().await;
    // Ten minutes pass: the daemon learns it when it asks for a session of another identity.
    world.sts.ahead(600);
    let asked = RenewIdentityRequest { name: "other".into() };
    daemon.admin().await.renew_identity(asked).await.expect("STS answers");
    world.sts.stay(Turn::Hang);
    let before = world.sts.count("AssumeRole");
    // Only a fresh session could cover ten minutes, so the call asks for one; the one at hand covers a minute.
    let wish = PresignRequest { expires_in: Some(length(600)), at_least: Some(length(60)), ..get("cat.jpg") };
    let mut request = tonic::Request::new(PresignRequest { identity: "web".into(), ..wish });
    request.set_timeout(Duration::from_secs(12));
    let url = signer.presign(request).await.expect("the session at hand is long enough").into_inner();
    assert_eq!(url.limited_by(), LimitedBy::Session);
    assert_eq!(world.sts.count("AssumeRole"), before + 1, "it was asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_whose_identity_has_no_session_fails_alone() {
    let world = World::new().await;
    let missing = world.folder.path().join("nothing-here");
    let broken = format!("[identity.broken]\nsource = \"key-file\"\npath = \"{}\"\n", missing.display());
    let daemon = world.daemon(&format!("{}{broken}", world.web("duration = \"1h\""))).await;
    let mut signer = daemon.signer().await;
    let by = |name: &str| PresignRequest { identity: name.to_owned(), ..get("cat.jpg") };
    let batch = PresignBatchRequest { requests: vec![by("web"), by("broken"), by("web")] };
    let mut request = tonic::Request::new(batch);
    request.set_timeout(Duration::from_secs(60));
    let results = signer.presign_batch(request).await.expect("a batch is answered item by item").into_inner().results;
    let signed = |at: usize| matches!(results[at].result, Some(presign_result::Result::Response(_)));
    assert_eq!([signed(0), signed(1), signed(2)], [true, false, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_gets_the_same_url_and_after_a_restart_one_that_names_the_former() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"");
    let daemon = world.daemon(&web).await;
    let once = PresignRequest { request_id: "order-7".to_owned(), ..get("cat.jpg") };
    let mut signer = daemon.signer().await;
    let first = presign(&mut signer, once.clone()).await.expect("it signs");
    let again = presign(&mut signer, once.clone()).await.expect("it signs");
    assert_eq!((&first.url, &first.id), (&again.url, &again.id));
    daemon.kill().await;
    let daemon = world.daemon(&web).await;
    let after = presign(&mut daemon.signer().await, once).await.expect("it signs");
    assert_ne!(after.url, first.url, "the secret of the first session is gone");
    assert_eq!(after.replaces, first.id);
    let asked = GetUrlRequest { id: first.id };
    let record = daemon.registry().await.get_url(asked).await.expect("it is still there").into_inner();
    assert_eq!(record.url.and_then(|url| url.usable_until), first.usable_until);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sts_away_at_boot_delays_readiness_and_never_start_up() {
    let world = World::new().await;
    world.sts.stay(Turn::Cut);
    let daemon = world.spawn(&world.web("duration = \"1h\"\nmin_pause = \"1s\""));
    eventually("it is alive", async || {
        let alive = tokio::net::UnixStream::connect(daemon.sign_socket()).await.is_ok();
        (alive && daemon.probe("/livez").await == 200).then_some(())
    })
    .await;
    assert_eq!(daemon.probe("/readyz").await, 503);
    let status = presign(&mut daemon.signer().await, get("cat.jpg")).await.expect_err("there is no session");
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
    world.sts.stay(Turn::Answer);
    eventually("it is ready", async || (daemon.probe("/readyz").await == 200).then_some(())).await;
    presign(&mut daemon.signer().await, get("cat.jpg")).await.expect("it signs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_in_vain_hears_what_the_last_attempt_met() {
    let ask = async |mood: Turn, patience: u64| {
        let world = World::new().await;
        world.sts.stay(mood.clone());
        let daemon = world.spawn(&world.web("duration = \"1h\"\nmin_pause = \"29s\""));
        eventually("it asks", async || (world.sts.count("AssumeRole") > 0).then_some(())).await;
        eventually("it listens", async || daemon.sign_socket().exists().then_some(())).await;
        if mood != Turn::Hang {
            eventually("it fails", async || (daemon.web().await.failures > 0).then_some(())).await;
        }
        // The next attempt is not due before the pause is over, and this call cannot wait for it.
        let mut request = tonic::Request::new(get("cat.jpg"));
        request.set_timeout(Duration::from_secs(patience));
        daemon.signer().await.presign(request).await.expect_err("there is no session")
    };
    // The one is told why when nine tenths of its time are over; the other must ask no longer than the attempt hangs.
    let (told, nothing) = tokio::join!(ask(Turn::Fail(403, "AccessDenied"), 20), ask(Turn::Hang, 2));
    let details = tonic_types::StatusExt::get_details_error_info(&told).expect("every error has its reason");
    assert_eq!((told.code(), details.reason.as_str()), (tonic::Code::Unavailable, "NO_SESSION"), "{told}");
    assert_eq!(details.metadata.get("cause").map(String::as_str), Some("ACCESS_DENIED"));
    assert!(told.message().contains("AccessDenied") && told.message().contains("trust policy"), "{told}");
    assert_eq!(nothing.code(), tonic::Code::DeadlineExceeded, "nothing is known yet: {nothing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_needs_more_than_the_session_has_left_while_sts_is_away_hears_how_long_it_has() {
    let world = World::new().await;
    world.sts.sessions_last(Some(Duration::from_secs(3575)));
    let daemon = world.daemon(&world.web("duration = \"1h\"\nmin_pause = \"1s\"")).await;
    world.sts.stay(Turn::Cut);
    let wants = PresignRequest { expires_in: Some(length(3590)), at_least: Some(length(3590)), ..get("cat.jpg") };
    let told = presign(&mut daemon.signer().await, wants).await.expect_err("nothing lives that long");
    let details = tonic_types::StatusExt::get_details_error_info(&told).expect("every error has its reason");
    assert_eq!(details.reason, "NO_SESSION", "{told}");
    let seconds = |name: &str| details.metadata.get(name).and_then(|text| text.parse::<u64>().ok());
    assert!(seconds("longest_now_seconds").is_some_and(|left| (3400..=3575).contains(&left)), "{details:?}");
    assert_eq!(seconds("longest_fresh_seconds"), Some(3595), "{details:?}");
    assert_eq!(details.metadata.get("limited_by").map(String::as_str), Some("session"));
    assert!(told.message().contains("the longest life now is"), "{told}");
    let mut admin = daemon.admin().await;
    let asked = RenewIdentityRequest { name: "web".into() };
    let failed = admin.renew_identity(asked).await.expect_err("STS is away");
    let details = tonic_types::StatusExt::get_details_error_info(&failed).expect("every error has its reason");
    assert_eq!((details.reason.as_str(), details.metadata["cause"].as_str()), ("NOT_RENEWED", "NETWORK"), "{failed}");
    let ends =
        daemon.web().await.sessions[0].reference.as_ref().and_then(|one| one.expires_at).expect("an end").seconds;
    let goes_on = format!("; the session that it has goes on until {}", presignd::time::Timestamp::from_unix(ends));
    let begins = failed.message().starts_with("identity web could not be renewed: ");
    assert!(begins && failed.message().ends_with(&goes_on), "{failed}");
    let nameless = admin.renew_identity(RenewIdentityRequest::default()).await.expect_err("it names none");
    let details = tonic_types::StatusExt::get_details_bad_request(&nameless).expect("it names the field");
    assert_eq!(details.field_violations[0].field, "name", "{nameless}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_is_corrected_by_the_dates_of_sts() {
    let world = World::new().await;
    world.sts.ahead(3600);
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    let url = presign(&mut daemon.signer().await, get("cat.jpg")).await.expect("it signs");
    let ahead = url.signed_at.expect("every URL has a date").seconds - now();
    assert!((3590..=3610).contains(&ahead), "signed {ahead} s ahead of the machine's clock");
    eventually("the offset is exported", async || {
        let metrics = daemon.metrics().await;
        let line = metrics.lines().find_map(|line| line.strip_prefix("presignd_clock_offset_seconds "))?;
        let offset: i64 = line.parse().expect("a whole number of seconds");
        (3595..=3605).contains(&offset).then_some(())
    })
    .await;
    assert!(daemon.log().contains("differs from AWS's"), "and warned of:\n{}", daemon.log());
}

async fn renew(daemon: &Daemon) -> Result<(), tonic::Status> {
    daemon.admin().await.renew_identity(RenewIdentityRequest { name: "web".into() }).await.map(drop)
}
