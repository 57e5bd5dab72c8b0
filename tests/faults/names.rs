//! Names that resolve no more: the daemon in a mount namespace of its own, whose `/etc/hosts` is emptied.

use std::path::Path;

use crate::caller::{Caller, is_clear, keeps_its_promise};
use crate::case::LIFE;
use crate::process::World;
use crate::relay::Relay;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: it mounts"]
async fn needs_root_a_name_that_resolves_no_more_ends_no_session_and_is_over_when_it_resolves_again() {
    let world = World::new().await;
    world.s3.store().put("photos", "cat.jpg", "meow");
    world.sts.sessions_last(Some(std::time::Duration::from_secs(LIFE.unsigned_abs())));
    let mut relay = Relay::to(world.sts.address()).await;
    let (hosts, servers) = (world.folder.path().join("hosts"), world.folder.path().join("resolv.conf"));
    let write = |path: &Path, text: &str| std::fs::write(path, text).expect("the folder can be written");
    write(&hosts, "127.0.0.1 sts.test\n");
    // Nobody answers there: the resolver is told at once.
    write(&servers, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    let named = format!("http://sts.test:{}", relay.port());
    world.write_config(&world.web("duration = \"15m\"\nmin_pause = \"1s\"").replace(&world.sts.endpoint(), &named));
    let mount = format!(
        "mount --bind {} /etc/hosts && mount --bind {} /etc/resolv.conf && exec \"$@\"",
        hosts.display(),
        servers.display()
    );
    let mut daemon = world.run("unshare", |command| {
        command.args(["--mount", "sh", "-c", &mount, "sh", env!("CARGO_BIN_EXE_presignd"), "serve", "--config"]);
        command.arg(world.config())
    });
    daemon.listening().await;
    let caller = Caller::start(&daemon, world.s3.address()).await;
    caller.signs("it signs").await;
    let before = world.sts.count("AssumeRole");
    write(&hosts, "");
    // What is connected needs no name.
    relay.open().await;
    let seen = caller.sees("nothing signs", |seen| seen.outcome.is_err()).await;
    let status = seen.outcome.err().expect("it was looked for");
    assert_eq!(is_clear("no name", &status), "NETWORK", "{status}");
    assert!(status.message().contains("dns") || status.message().contains("resolve"), "{status}");
    let ends_at = world.keys.sessions().iter().filter_map(|key| key.ends_at).max().expect("there was a session");
    let early = ends_at - seen.answered_at;
    assert!(early <= 2, "refused {early} s before its end");
    assert!(world.sts.count("AssumeRole") <= before + 1, "nobody could ask");
    write(&hosts, "127.0.0.1 sts.test\n");
    caller.signs("it signs again by itself").await;
    for used in caller.seen().into_iter().filter_map(|seen| seen.outcome.ok()) {
        keeps_its_promise("no name", &used, &world.keys, 0);
    }
}
