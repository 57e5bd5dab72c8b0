//! Promise 3: no URL without a record. The daemon is killed at moments drawn by lot, and started on what it left.

use std::time::Duration;

use presignd::registry::verify;
use rustix::process::Signal;

use crate::callers::Callers;
use crate::ledger::{Ledger, Seen, integrity};
use crate::lot;
use crate::process::{Daemon, World, get};
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_url_that_a_client_received_is_in_the_registry_after_kill_9() {
    let (mut lot, kills) = (lot::seed(), lot::count("PRESIGND_CRASH_KILLS", 12));
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    let mut ledger = Ledger::default();
    let mut repeated = 0;
    for life in 0..kills {
        // Now and then it does not live to listen.
        if lot.usize(..4) == 0 {
            let daemon = world.spawn(&web);
            tokio::time::sleep(Duration::from_micros(lot.u64(0..150_000))).await;
            daemon.kill().await;
        }
        let daemon = world.daemon(&web).await;
        assert_eq!(integrity(&world.registry()), "ok", "after the kill of life {life}");
        let mut seen = repeat(&daemon, &ledger).await;
        repeated += seen.len();
        let callers = Callers::start(&daemon, life).await;
        // At any point of whatever it does: writing, syncing, answering, idling.
        tokio::time::sleep(Duration::from_micros(lot.u64(0..60_000))).await;
        if lot.usize(..4) == 0 {
            // While it stops: it answers those under way, empties its log, closes.
            daemon.signal(Signal::TERM);
            tokio::time::sleep(Duration::from_micros(lot.u64(0..30_000))).await;
        }
        daemon.kill().await;
        seen.extend(callers.finish().await);
        ledger.life(seen);
    }
    // What the last kill left is opened by a daemon too, as each before it.
    let daemon = world.daemon(&web).await;
    ledger.life(repeat(&daemon, &ledger).await);
    ledger.hold(&world.registry());
    assert!(daemon.stop().await.success());
    assert_eq!(verify(&world.registry()).expect("it can be read").problems, [""; 0]);
    assert!(ledger.urls() > kills * 40 && repeated > kills, "{} URLs in {kills} lives are no load", ledger.urls());
    println!("{} URLs received in {kills} lives, {repeated} asked again, all of them recorded", ledger.urls());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_killed_while_it_makes_its_registry_makes_it_at_the_next_start() {
    let (mut lot, kills) = (lot::seed(), lot::count("PRESIGND_CRASH_KILLS", 8));
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    let state = world.registry().parent().expect("it lies in a folder").to_owned();
    let mut halves = 0;
    for _ in 0..kills {
        let _ = std::fs::remove_dir_all(&state);
        let daemon = world.spawn(&web);
        // Soon after the lock is taken, which is the first that it does with its folder.
        let lock = world.registry().with_extension("db.lock");
        eventually("the registry is begun", async || lock.exists().then_some(())).await;
        tokio::time::sleep(Duration::from_micros(lot.u64(0..20_000))).await;
        daemon.kill().await;
        halves += usize::from(!world.registry().exists());
        let daemon = world.daemon(&web).await;
        let answer = daemon.signer().await.presign(get("one")).await;
        assert!(answer.is_ok(), "{answer:?}");
        daemon.kill().await;
        assert_eq!(verify(&world.registry()).expect("it can be read").problems, [""; 0]);
    }
    println!("{halves} of {kills} were killed before there was a registry");
}

/// What the former life did not answer, and some of what it did, is asked again, twice: a client does not know better.
async fn repeat(daemon: &Daemon, ledger: &Ledger) -> Vec<Seen> {
    let mut signer = daemon.signer().await;
    let mut seen = Vec::new();
    for request in ledger.to_repeat(24) {
        for _ in 0..2 {
            let answer = signer.presign(request.clone()).await.expect("a retry is signed").into_inner();
            seen.push(Seen { request: request.clone(), answer: Some(answer) });
        }
    }
    seen
}
