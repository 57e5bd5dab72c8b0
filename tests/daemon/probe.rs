//! Sessions that die while their URLs are out: seen, said, and nothing more signed with them.

use presignd::clock::Clock;
use presignd::grpc::proto::{
    GenerationState, Identity, IdentityState, LiftEventRequest, ListEventsRequest, Observation, PresignRequest,
};
use presignd::registry::{DAEMON, EventRow, Options, Registry};
use presignd::telemetry::Metrics;
use tonic_types::StatusExt;

use crate::process::{Daemon, World, get, length, presign};
use crate::support::eventually;
use crate::support::sts::Turn;
use crate::watch::rotation;

pub(crate) const QUICK: &str = "[probe]\ninterval = \"1s\"\nconfirm_after = \"1s\"\ncalls_per_minute = 6000\n";
const CANARY: &str = "\n[[identity.web.canary]]\nbucket = \"photos\"\nkey = \"canary\"\n";

/// A GET that outlives the test.
fn long(key: &str) -> PresignRequest {
    PresignRequest { expires_in: Some(length(600)), ..get(key) }
}

/// The identity `web` from a key file that holds the user's key.
pub(crate) fn from_file(world: &World) -> String {
    let path = world.folder.path().join("key.json");
    let (id, secret) = (&world.user.access_key_id, &world.user.secret);
    std::fs::write(&path, format!("{{\"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{secret}\"}}"))
        .expect("a folder");
    let path = path.display();
    let table =
        format!("[identity.web]\nsource = \"key-file\"\npath = \"{path}\"\npoll = \"1s\"\nmin_pause = \"1s\"\n");
    format!("{QUICK}{table}{}", world.services("web"))
}

fn observation(web: &Identity, generation: u64) -> Option<Observation> {
    let of = |session: &&presignd::grpc::proto::Session| {
        session.reference.as_ref().is_some_and(|reference| reference.generation == generation)
    };
    web.sessions.iter().find(of).map(|session| session.observation())
}

pub(crate) async fn is_seen(daemon: &Daemon, generation: u64, seen: Observation) -> Identity {
    eventually(&format!("generation {generation} is seen {seen:?}"), async || {
        let web = daemon.web().await;
        (observation(&web, generation) == Some(seen)).then_some(web)
    })
    .await
}

/// How often a probe of that sort said that.
async fn said(daemon: &Daemon, probed: &str, reading: &str) -> u64 {
    let series = format!("presignd_probes_total{{probed=\"{probed}\",reading=\"{reading}\"}} ");
    let metrics = daemon.metrics().await;
    let count = metrics.lines().find_map(|line| line.strip_prefix(&series)).expect("the series starts at zero");
    count.parse().expect("a count")
}

/// Events that stand, read behind the back of a daemon that is not running.
async fn standing(world: &World) -> Vec<EventRow> {
    let metrics = std::sync::Arc::new(Metrics::new().expect("declared well"));
    let options = Options::at(world.registry());
    let registry = Registry::open(options, Clock::system(), metrics).await.expect("nobody else has it open");
    let rows = registry.standing(DAEMON).await.expect("an answer");
    registry.close().await;
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_dies_signs_no_more_until_it_is_seen_alive_again() {
    let world = World::new().await;
    world.s3.store().put("photos", "cat.jpg", "meow");
    let tables = from_file(&world);
    let daemon = world.daemon(&tables).await;
    let url = presign(&mut daemon.signer().await, long("cat.jpg")).await.expect("the key lives").url;
    is_seen(&daemon, 1, Observation::Alive).await;
    world.keys.deactivate(&world.user.access_key_id);
    assert_eq!(world.s3.fetch("GET", &url, [], "").await.code(), "InvalidAccessKeyId");
    let web = is_seen(&daemon, 1, Observation::KeyDead).await;
    assert_eq!((web.state(), web.sessions[0].signing), (IdentityState::SessionDead, false));
    assert_eq!(web.sessions[0].state(), presignd::grpc::proto::GenerationState::Dead);
    let refused = presign(&mut daemon.signer().await, long("cat.jpg")).await.expect_err("it would be dead on arrival");
    let reason = refused.get_error_details().error_info().map(|info| info.reason.clone());
    assert_eq!((refused.code(), reason.as_deref()), (tonic::Code::Unavailable, Some("SESSION_DEAD")), "{refused}");
    assert_eq!(daemon.probe("/readyz").await, 503);
    eventually("the metric says so", async || {
        daemon.metrics().await.contains("presignd_sessions_seen_dead{identity=\"web\"} 1").then_some(())
    })
    .await;
    assert_eq!(daemon.log().matches("\"seen dead\"").count(), 1, "it is said once");
    daemon.stop().await;

    let rows = standing(&world).await;
    let [row] = &rows[..] else { panic!("one event: {rows:?}") };
    assert_eq!(row.body["event"]["key_deactivated"]["access_key_id"], world.user.access_key_id);
    assert_eq!((&row.body["observed"], row.body["last_seen_alive"].is_string()), (&true.into(), true));
    assert_eq!(row.body["cause"], "GetCallerIdentity: InvalidClientTokenId");

    let daemon = world.daemon(&tables).await;
    let refused = presign(&mut daemon.signer().await, long("cat.jpg")).await.expect_err("it is dead since before");
    assert!(refused.message().contains("was seen dead"), "{refused}");
    assert_eq!(daemon.web().await.state(), IdentityState::SessionDead);
    world.keys.activate(&world.user.access_key_id);
    is_seen(&daemon, 1, Observation::Alive).await;
    eventually("it signs again", async || presign(&mut daemon.signer().await, long("cat.jpg")).await.ok()).await;
    assert_eq!(world.s3.fetch("GET", &url, [], "").await.status, 200);
    daemon.stop().await;
    assert_eq!(standing(&world).await, [], "it is lifted");
}

/// Only one of them has URLs outstanding, so only that one is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_seen_dead_by_one_identity_signs_for_no_other_that_has_it() {
    let world = World::new().await;
    let web = from_file(&world);
    let twin = web.trim_start_matches(QUICK).replace("[identity.web]", "[identity.twin]");
    let twin = format!("{}{}", &twin[..twin.find("[identity.web.").unwrap_or(twin.len())], world.services("twin"));
    let daemon = world.daemon(&format!("{web}\n{twin}")).await;
    let of = |identity: &str| PresignRequest { identity: identity.to_owned(), ..long("cat.jpg") };
    presign(&mut daemon.signer().await, of("web")).await.expect("the key lives");
    is_seen(&daemon, 1, Observation::Alive).await;
    world.keys.deactivate(&world.user.access_key_id);
    is_seen(&daemon, 1, Observation::KeyDead).await;
    eventually("the other is dead as well", async || {
        daemon.metrics().await.contains("presignd_sessions_seen_dead{identity=\"twin\"} 1").then_some(())
    })
    .await;
    let refused = presign(&mut daemon.signer().await, of("twin")).await.expect_err("it would be dead on arrival");
    assert_eq!(refused.get_error_details().error_info().map(|info| info.reason.as_str()), Some("SESSION_DEAD"));
    world.keys.activate(&world.user.access_key_id);
    eventually("both sign again", async || {
        presign(&mut daemon.signer().await, of("web")).await.ok()?;
        presign(&mut daemon.signer().await, of("twin")).await.ok()
    })
    .await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_its_canary_is_denied_to_gives_way_to_another() {
    let world = World::new().await;
    world.s3.store().put("photos", "cat.jpg", "meow");
    world.s3.store().put("photos", "canary", "tweet");
    let tables = format!("{QUICK}{}{CANARY}", world.web("duration = \"1h\"\nmin_pause = \"1s\""));
    let daemon = world.daemon(&tables).await;
    let url = presign(&mut daemon.signer().await, long("cat.jpg")).await.expect("the session lives");
    eventually("it reads the canary", async || (said(&daemon, "canary", "alive").await > 0).then_some(())).await;
    let first = url.session.expect("a session has a name").access_key_id;
    world.keys.deny(&first, true);
    assert_eq!(world.s3.fetch("GET", &url.url, [], "").await.code(), "AccessDenied");
    is_seen(&daemon, 1, Observation::Denied).await;
    let other = eventually("another session signs", async || {
        let url = presign(&mut daemon.signer().await, long("cat.jpg")).await.ok()?;
        (url.session.as_ref()?.access_key_id != first).then_some(url)
    })
    .await;
    assert_eq!(world.s3.fetch("GET", &other.url, [], "").await.status, 200);
    assert_eq!(daemon.web().await.state(), IdentityState::Ready);
    world.keys.deny(&first, false);
    is_seen(&daemon, 1, Observation::Alive).await;
    // Denied again, so that the event stands when the registry is read.
    world.keys.deny(&first, true);
    is_seen(&daemon, 1, Observation::Denied).await;
    daemon.stop().await;
    let rows = standing(&world).await;
    let [row] = &rows[..] else { panic!("one event stands: {rows:?}") };
    let statement = &row.body["event"]["allow_removed"]["statement"];
    assert_eq!((&statement["bucket"], &statement["actions"][0]), (&"photos".into(), &"s3:GetObject".into()));
    assert_eq!(row.body["cause"], "GET s3://photos/canary: 403 AccessDenied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_every_canary_was_denied_to_signs_nothing_after_a_restart_until_it_is_seen_alive() {
    let world = World::new().await;
    world.s3.store().put("photos", "canary", "tweet");
    let tables = format!("{}{CANARY}", from_file(&world));
    let user = world.user.access_key_id.clone();
    let daemon = world.daemon(&tables).await;
    presign(&mut daemon.signer().await, long("cat.jpg")).await.expect("the key lives");
    eventually("it reads the canary", async || (said(&daemon, "canary", "alive").await > 0).then_some(())).await;
    world.keys.deny(&user, true);
    is_seen(&daemon, 1, Observation::Denied).await;
    daemon.kill().await;

    // Nobody looks soon: what is remembered must do.
    let rarely = tables.replace("interval = \"1s\"", "interval = \"1h\"");
    let daemon = world.daemon(&rarely).await;
    let refused = presign(&mut daemon.signer().await, long("cat.jpg")).await.expect_err("it is denied since before");
    assert!(refused.message().contains("was seen dead"), "{refused}");
    let web = daemon.web().await;
    assert_eq!((web.state(), web.sessions[0].state()), (IdentityState::SessionDead, GenerationState::Dead));
    daemon.kill().await;
    let other = CANARY.replace("\"canary\"", "\"other\"");
    let daemon = world.daemon(&format!("{rarely}{other}")).await;
    presign(&mut daemon.signer().await, long("cat.jpg")).await.expect("one canary of two tells of its own bucket only");
    daemon.kill().await;

    let daemon = world.daemon(&tables).await;
    let refused = presign(&mut daemon.signer().await, long("cat.jpg")).await.expect_err("it is denied still");
    assert!(refused.message().contains("was seen dead"), "{refused}");
    world.keys.deny(&user, false);
    is_seen(&daemon, 1, Observation::Alive).await;
    eventually("it signs again", async || presign(&mut daemon.signer().await, long("cat.jpg")).await.ok()).await;
}

/// What `based` is refused for, of which a tenant that nobody has heard of yet asks.
async fn of_a_new_tenant(daemon: &Daemon, tenant: &str) -> Result<(), String> {
    let tenant = PresignRequest { identity: "based".to_owned(), on_behalf_of: tenant.to_owned(), ..long("cat.jpg") };
    presign(&mut daemon.signer().await, tenant).await.map(drop).map_err(|refused| refused.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_only_denied_goes_on_minting_also_after_a_crash_and_one_that_is_dead_does_not() {
    let world = World::new().await;
    world.s3.store().put("photos", "canary", "tweet");
    let based = "[identity.based]\nsource = \"assume-role\"\nbase = \"web\"\nduration = \"1h\"\nmin_pause = \"1s\"\n\
                 partition_by = \"on_behalf_of\"\nrole_arn = \"arn:aws:iam::123456789012:role/team/based\"\n";
    let tables = format!("{}{CANARY}{based}{}", from_file(&world), world.services("based"));
    let of_web = || PresignRequest { identity: "web".to_owned(), ..long("cat.jpg") };
    let user = world.user.access_key_id.clone();
    let daemon = world.daemon(&tables).await;
    presign(&mut daemon.signer().await, of_web()).await.expect("the key lives");
    eventually("it reads the canary", async || (said(&daemon, "canary", "alive").await > 0).then_some(())).await;
    world.keys.deny(&user, true);
    is_seen(&daemon, 1, Observation::Denied).await;
    assert_eq!(daemon.web().await.state(), IdentityState::SessionDead);
    of_a_new_tenant(&daemon, "ann").await.expect("STS mints for it");
    daemon.kill().await;

    let daemon = world.daemon(&tables).await;
    of_a_new_tenant(&daemon, "bob").await.expect("STS mints for it still");
    let refused = presign(&mut daemon.signer().await, of_web()).await.expect_err("it is denied still");
    assert!(refused.message().contains("was seen dead"), "{refused}");
    world.keys.deactivate(&user);
    is_seen(&daemon, 1, Observation::KeyDead).await;
    let refused = of_a_new_tenant(&daemon, "carl").await.expect_err("its key is dead");
    assert!(
        refused.contains("the base identity web has no session: ") && refused.contains("was seen dead"),
        "{refused}"
    );
    let asked = world.sts.count("AssumeRole");
    daemon.kill().await;

    let daemon = world.daemon(&tables).await;
    let refused = of_a_new_tenant(&daemon, "dora").await.expect_err("its key is dead since before");
    assert!(refused.contains("was seen dead"), "{refused}");
    assert_eq!(world.sts.count("AssumeRole"), asked, "STS is not asked with it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_and_missing_canaries_say_nothing() {
    let world = World::new().await;
    let tables = format!("{QUICK}{}{CANARY}", world.web("duration = \"1h\"\nmin_pause = \"1s\""));
    let daemon = world.daemon(&tables).await;
    presign(&mut daemon.signer().await, long("cat.jpg")).await.expect("the session lives");
    let first = is_seen(&daemon, 1, Observation::Alive).await.sessions[0].observed_at.expect("it was seen");
    let seen_at = async || daemon.web().await.sessions[0].observed_at.expect("it was seen").seconds;
    eventually("it is seen alive once more", async || (seen_at().await > first.seconds).then_some(())).await;
    for turn in [Turn::Cut, Turn::Fail(503, "ServiceUnavailable"), Turn::Fail(400, "Throttling"), Turn::Nonsense] {
        let before = said(&daemon, "key", "nothing").await;
        world.sts.stay(turn.clone());
        let vain = async |times| {
            let asked = async || (said(&daemon, "key", "nothing").await > before + times).then_some(());
            eventually("it is asked in vain", asked).await;
        };
        vain(0).await;
        let last = seen_at().await;
        vain(2).await;
        assert_eq!(seen_at().await, last, "{turn:?}: what says nothing is no sight");
        assert_eq!(observation(&daemon.web().await, 1), Some(Observation::Alive), "{turn:?}");
    }
    assert!(said(&daemon, "canary", "nothing").await > 2, "the canary is not there");
    presign(&mut daemon.signer().await, long("cat.jpg")).await.expect("the session lives");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_before_a_restart_cannot_be_observed() {
    let world = World::new().await;
    let tables = format!("{QUICK}{}", world.web("duration = \"1h\"\nmin_pause = \"1s\""));
    let daemon = world.daemon(&tables).await;
    presign(&mut daemon.signer().await, long("cat.jpg")).await.expect("the session lives");
    daemon.kill().await;
    let daemon = world.daemon(&tables).await;
    let web = is_seen(&daemon, 1, Observation::Unobservable).await;
    assert!(web.sessions.iter().any(|session| session.signing), "another signs");
    assert_eq!(world.sts.count("AssumeRole"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_seen_dead_again_after_its_event_was_lifted_died_since_then_and_not_before() {
    let world = World::new().await;
    let daemon = world.daemon(&from_file(&world)).await;
    presign(&mut daemon.signer().await, long("cat.jpg")).await.expect("the key lives");
    is_seen(&daemon, 1, Observation::Alive).await;
    world.keys.deactivate(&world.user.access_key_id);
    is_seen(&daemon, 1, Observation::KeyDead).await;
    let events = async || {
        let all = rotation(&daemon).await.list_events(ListEventsRequest { with_lifted: true }).await;
        all.expect("a list").into_inner().events
    };
    let first = events().await.remove(0);
    // Later than the last time that it was seen alive, by more than a second.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let lift = LiftEventRequest { id: first.id.clone(), in_error: false };
    rotation(&daemon).await.lift_event(lift).await.expect("it can be undone");
    let again = eventually("it is seen dead again", async || {
        let all = events().await;
        let newest = all.first()?;
        (newest.id != first.id).then(|| (newest.clone(), all[1].lifted_at.expect("it is lifted").seconds))
    });
    let (again, lifted_at) = again.await;
    let at = again.event.and_then(|event| event.at).expect("an instant").seconds;
    assert!(at >= lifted_at, "from {at} on, and it was lifted at {lifted_at}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dies_while_nobody_looks_died_since_it_was_last_seen_alive() {
    let world = World::new().await;
    world.s3.store().put("photos", "canary", "tweet");
    let tables = format!("{}{CANARY}", from_file(&world));
    let daemon = world.daemon(&tables).await;
    presign(&mut daemon.signer().await, long("cat.jpg")).await.expect("the key lives");
    let began = crate::support::now();
    let seen_at = async |daemon: &Daemon| daemon.web().await.sessions[0].observed_at.map_or(0, |at| at.seconds);
    eventually("it reads the canary", async || (said(&daemon, "canary", "alive").await > 0).then_some(())).await;
    eventually("time has passed", async || (seen_at(&daemon).await > began + 1).then_some(())).await;
    daemon.kill().await;
    // (what happens while nobody looks, what is seen of it, what the event is about)
    let user = world.user.access_key_id.clone();
    type Turn<'a> = &'a dyn Fn();
    let turns: [(Turn<'_>, Observation, &str); 2] = [
        (&|| world.keys.deny(&user, true), Observation::Denied, "s3://photos/canary"),
        (&|| world.keys.deactivate(&user), Observation::KeyDead, "key"),
    ];
    for (turn, seen, about) in turns {
        turn();
        let daemon = world.daemon(&tables).await;
        is_seen(&daemon, 1, seen).await;
        daemon.stop().await;
        let rows = standing(&world).await;
        let row = rows.iter().find(|row| row.body["about"] == about).expect("it is an event");
        let after = row.body["last_seen_alive"].as_str().expect("it was seen alive before the restart");
        assert_eq!(row.body["event"]["at"], after, "not dated back to the first minute of its session");
        let after = presignd::time::Timestamp::parse_rfc3339(after).expect("a date").unix();
        assert!(after > began + 1, "{about}: {after} {began}");
    }
}
