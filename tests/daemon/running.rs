//! Stopping, reloading, and who may come in.

use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use presignd::grpc::proto::PresignRequest;
use rustix::process::Signal;
use tokio::process::Command;

use crate::load::Load;
use crate::process::{Daemon, World, get, presign};
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
async fn needs_root_a_second_user_signs_what_a_grant_allows_and_nothing_else() {
    let world = World::new().await;
    let grant = "[[grant]]\nname = \"visitors\"\nuid = 12345\nidentities = [\"web\"]\nbuckets = [\"photos\"]\n\
                 prefixes = [\"public/\"]\noperations = [\"GetObject\"]\nmax_expires_in = \"5m\"\n";
    let web = world.web("duration = \"1h\"");
    let daemon = world.daemon(&web).await;
    open(&world);
    let refused = as_visitor(&world, &daemon, &["presign", "s3://photos/public/a"]).await;
    assert!(!refused.status.success(), "with no grant only root and the daemon's own user may sign");
    daemon.stop().await;

    // The folder that the first life made for itself is closed to others, and stays as it is.
    std::fs::remove_dir_all(world.folder.path().join("sign")).expect("the folder is ours");
    let daemon = world.daemon(&format!("{grant}{web}")).await;
    let allowed = as_visitor(&world, &daemon, &["presign", "s3://photos/public/a", "--expires-in", "60"]).await;
    assert!(allowed.status.success(), "{}", said(&allowed));
    assert!(String::from_utf8_lossy(&allowed.stdout).starts_with(&world.s3.endpoint()));
    for (what, arguments) in [
        ("another prefix", &["presign", "s3://photos/private/a", "--expires-in", "60"][..]),
        ("another bucket", &["presign", "s3://other/public/a", "--expires-in", "60"]),
        ("another operation", &["presign", "s3://photos/public/a", "--expires-in", "60", "--method", "PUT"]),
    ] {
        let denied = as_visitor(&world, &daemon, arguments).await;
        assert_eq!(denied.status.code(), Some(254), "{what}: {}", said(&denied));
        assert!(denied.stdout.is_empty(), "{what}");
    }
    let longer = as_visitor(&world, &daemon, &["presign", "s3://photos/public/a", "--expires-in", "3600"]).await;
    assert_eq!(longer.status.code(), Some(3), "longer than the grant allows: {}", said(&longer));
    let admin = as_visitor(&world, &daemon, &["identities", "--admin"]).await;
    assert!(!admin.status.success(), "the admin socket is not for visitors");
    let log = daemon.log();
    assert!(log.contains("12345"), "a denial is logged with the uid:\n{log}");
    assert!(!log.contains("private/a") && !log.contains("X-Amz-"), "and without what was asked for:\n{log}");
    let metrics = daemon.metrics().await;
    assert!(metrics.contains("presignd_denied_total{dimension=\"prefix\"} 1"), "{metrics}");
}

/// Lets other users into the folder; the sockets have modes of their own.
fn open(world: &World) {
    let readable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.folder.path(), readable.clone()).expect("the folder is ours");
    // The other user may be unable to reach where the program was built.
    let copy = world.folder.path().join("presignd");
    std::fs::copy(env!("CARGO_BIN_EXE_presignd"), &copy).expect("there is room for a copy");
    std::fs::set_permissions(copy, readable).expect("the copy is ours");
}

async fn as_visitor(world: &World, daemon: &Daemon, arguments: &[&str]) -> Output {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "12345", "--regid", "12345", "--clear-groups"]).arg(world.folder.path().join("presignd"));
    command.args(arguments).current_dir("/").env_remove("AWS_PROFILE").stdin(Stdio::null());
    command.env("PRESIGND_SOCKET", daemon.sign_socket()).env("PRESIGND_ADMIN_SOCKET", daemon.admin_socket());
    command.output().await.expect("setpriv is part of util-linux")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
