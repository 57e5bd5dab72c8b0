//! Stopping and reloading.

use presignd::grpc::proto::PresignRequest;
use rustix::process::Signal;

use crate::load::Load;
use crate::process::{World, get, presign};
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_what_is_in_flight_and_keeps_every_record() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    let load = Load::start(&daemon, "cat.jpg", 60).await;
    eventually("there is load", async || (load.signed() > 20).then_some(())).await;
    let socket = daemon.sign_socket();
    let signed_before = load.signed();
    assert!(
        daemon.stop().await.success(),
        "{}",
        std::fs::read_to_string(world.folder.path().join("log")).expect("a log")
    );
    // The callers were cut off at some point; how often they had been answered by then they counted.
    let answered = load.signed();
    assert!(answered >= signed_before);
    assert!(load.stop().await.is_err(), "nobody is served after the end");
    assert!(!socket.exists(), "the socket file is taken away");
    let registry = rusqlite::Connection::open(world.registry()).expect("a database");
    let kept: i64 = registry.query_row("SELECT count(*) FROM urls", [], |row| row.get(0)).expect("a table of URLs");
    assert!(kept >= i64::try_from(answered).expect("not that many"), "{answered} answered, {kept} kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_takes_a_good_configuration_and_a_bad_one_changes_nothing() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"");
    let daemon = world.daemon(&web).await;
    let mut signer = daemon.signer().await;
    presign(&mut signer, get("a")).await.expect("without a grant, our own user may sign");

    let grant = "[[grant]]\nuid = 4242\nidentities = [\"*\"]\nbuckets = [\"*\"]\noperations = [\"*\"]\n";
    let other = web.replace("identity.web", "identity.other").replace("role/team/web", "role/team/other");
    world.write_config(&format!("{grant}{web}{other}"));
    daemon.signal(Signal::HUP);
    eventually("the grant is in force, and it is for others", async || {
        let denied = presign(&mut signer, PresignRequest { identity: "web".into(), ..get("a") }).await.err()?;
        (denied.code() == tonic::Code::PermissionDenied).then_some(())
    })
    .await;
    eventually("the log says what changed", async || daemon.log().contains("grant").then_some(())).await;
    assert!(daemon.log().contains("identity.other"), "and what waits for a restart:\n{}", daemon.log());

    world.write_config("nonsense = 1\n");
    daemon.signal(Signal::HUP);
    eventually("the log names the fault", async || daemon.log().contains("nonsense").then_some(())).await;
    presign(&mut signer, get("a")).await.expect_err("the grant stays in force");

    world.write_config(&web);
    daemon.signal(Signal::HUP);
    eventually("the old rules are back", async || presign(&mut signer, get("a")).await.ok().map(drop)).await;
}
