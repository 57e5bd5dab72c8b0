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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_gone_is_a_reason_not_to_be_ready() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    let mut signer = daemon.signer().await;
    presign(&mut signer, get("a")).await.expect("it signs");
    std::fs::remove_file(daemon.sign_socket()).expect("it is there");
    eventually("it is noticed", async || (daemon.probe("/readyz").await == 503).then_some(())).await;
    eventually("it is told", async || daemon.log().contains("sign/presignd.sock was removed").then_some(())).await;
    assert_eq!(daemon.probe("/livez").await, 200);
    presign(&mut signer, get("a")).await.expect("who is connected goes on");
    assert!(daemon.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_is_no_file_any_more_is_not_waited_for() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    std::fs::remove_file(world.config()).expect("it is there");
    assert!(std::process::Command::new("mkfifo").arg(world.config()).status().expect("coreutils").success());
    daemon.signal(Signal::HUP);
    eventually("it is told", async || daemon.log().contains("is no regular file").then_some(())).await;
    presign(&mut daemon.signer().await, get("a")).await.expect("the old one is in force");
    assert!(daemon.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_comes_too_late_is_neither_signed_nor_recorded() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    let mut signer = daemon.signer().await;
    presign(&mut signer, get("in-time")).await.expect("it signs");
    for _ in 0..50 {
        let mut late = tonic::Request::new(get("late"));
        late.metadata_mut().insert("grpc-timeout", "1n".parse().expect("it is of plain letters"));
        signer.presign(late).await.expect_err("its time is over");
    }
    assert!(daemon.stop().await.success());
    let registry = rusqlite::Connection::open(world.registry()).expect("a database");
    let kept: i64 = registry.query_row("SELECT count(*) FROM urls", [], |row| row.get(0)).expect("a table of URLs");
    assert_eq!(kept, 1);
}
