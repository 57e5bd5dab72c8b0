//! The machine's clock is wrong, or is set while the daemon runs: URLs go by AWS's clock all the same, and nothing that is
//! kept for a month is forgotten in a minute. libfaketime moves the clock of the daemon alone.

use std::time::Duration;

use crate::process::{Daemon, World, get, length, presign};
use crate::support::sts::Turn;
use crate::support::{eventually, now};

/// The daemon under a clock that [`set`] moves.
fn under_another_clock(world: &World, web: &str) -> Daemon {
    world.write_config(&format!("{web}\n"));
    let text = std::fs::read_to_string(world.config()).expect("it was written");
    std::fs::write(world.config(), text.replace("[registry]", "[registry]\nretention = \"1h\""))
        .expect("it can be written");
    world.run(env!("CARGO_BIN_EXE_presignd"), |command| {
        command
            .arg("serve")
            .arg("--config")
            .arg(world.config())
            .env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1")
            .env("FAKETIME_TIMESTAMP_FILE", world.folder.path().join("clock"))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1")
    })
}

/// How far the clock is ahead, in seconds.
fn set(world: &World, ahead: i64) {
    // Under another name first: the daemon reads it at any moment.
    let (new, file) = (world.folder.path().join("clock.new"), world.folder.path().join("clock"));
    std::fs::write(&new, format!("{ahead:+}\n")).expect("it can be written");
    std::fs::rename(new, file).expect("it can be renamed");
}

fn records(world: &World) -> i64 {
    let connection = rusqlite::Connection::open(world.registry()).expect("a database");
    connection.query_row("SELECT count(*) FROM urls", [], |row| row.get(0)).expect("a count")
}

/// Signs, and sees that the URL works now by the clock of S3.
async fn works(daemon: &Daemon, what: &str) {
    let mut asked = get("clock");
    asked.expires_in = Some(length(600));
    let url = presign(&mut daemon.signer().await, asked).await.expect("it signs");
    let (signed, ends) = (url.signed_at.expect("a time").seconds, url.usable_until.expect("a time").seconds);
    let now = now();
    assert!((now - 60..=now + 60).contains(&signed), "{what}: dated {} s from now", signed - now);
    assert!(ends > now + 480, "{what}: ends {} s from now", ends - now);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs faketime"]
async fn a_clock_that_is_set_while_the_daemon_runs_dates_no_url() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    set(&world, 0);
    let mut daemon = under_another_clock(&world, &web);
    daemon.listening().await;
    works(&daemon, "at first").await;
    // By less than the session lives, which asks nothing of AWS; by more; and as a wrong clock is set right.
    for ahead in [1800, -1800, 0, 31_536_000, -31_536_000, 0] {
        set(&world, ahead);
        works(&daemon, &format!("{ahead} s ahead")).await;
    }
    // It stays so until it is noticed, and AWS asked.
    set(&world, 3600);
    eventually("the clock was seen to be set", async || daemon.log().contains("the local clock was set").then_some(()))
        .await;
    // And when AWS cannot be heard.
    world.sts.stay(Turn::Cut);
    for ahead in [1800, -31_536_000, 31_536_000] {
        set(&world, ahead);
        works(&daemon, &format!("{ahead} s ahead without STS")).await;
    }
    assert!(daemon.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs faketime"]
async fn a_clock_a_year_ahead_forgets_no_record() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    set(&world, 0);
    let mut daemon = under_another_clock(&world, &web);
    daemon.listening().await;
    for _ in 0..20 {
        works(&daemon, "before").await;
    }
    assert!(daemon.stop().await.success());
    let before = records(&world);
    // The machine comes up with a clock that is wrong, and AWS is not there to tell. Retention is an hour.
    set(&world, 31_536_000);
    world.sts.stay(Turn::Cut);
    let daemon = under_another_clock(&world, &web);
    eventually("it has looked what may be forgotten", async || daemon.log().contains("leapt ahead").then_some(()))
        .await;
    // That nothing is forgotten can only be waited for: steps of retention are milliseconds apart.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(records(&world), before);
    // AWS is there again.
    world.sts.stay(Turn::Answer);
    let mut daemon = daemon;
    daemon.listening().await;
    works(&daemon, "once AWS was heard").await;
    assert_eq!(records(&world), before + 1);
    assert!(daemon.stop().await.success());
}
