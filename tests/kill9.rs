//! Promise 3: no URL without a record. The daemon is killed under load, again and again, and whatever any caller had
//! received by then must be in the registry.
//!
//! That a process is killed proves nothing about power loss: `tests/durable.rs` sees the sync come before the reply.

#[path = "support/daemon.rs"]
mod process;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use presignd::grpc::proto::{PresignBatchRequest, PresignResponse, presign_result};
use process::{Daemon, World, get};
use support::eventually;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_url_that_a_client_received_is_in_the_registry_after_kill_9() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    let mut received = 0;
    for round in 0..ROUNDS {
        let daemon = world.daemon(&web).await;
        let urls = under_load(&daemon, round).await;
        // At any point of whatever it does: writing, syncing, answering, idling.
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..60_000))).await;
        daemon.kill().await;
        let urls = urls.finish().await;
        received += urls.len();
        look_up(&world, &urls);
    }
    assert!(received > ROUNDS * 20, "{received} URLs in {ROUNDS} rounds are no load");
    let registry = rusqlite::Connection::open(world.registry()).expect("a database");
    let verdict: String = registry.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
    assert_eq!(verdict, "ok");
    println!("{received} URLs received in {ROUNDS} lives, all of them recorded");
}

struct Callers {
    tasks: JoinSet<()>,
    received: Arc<Mutex<Vec<PresignResponse>>>,
}

impl Callers {
    async fn finish(mut self) -> Vec<PresignResponse> {
        while self.tasks.join_next().await.is_some() {}
        std::mem::take(&mut self.received.lock().expect("no holder panics"))
    }
}

/// Callers that sign one by one and in batches until the daemon is gone; back when each has got something.
async fn under_load(daemon: &Daemon, round: usize) -> Callers {
    let received = Arc::<Mutex<Vec<PresignResponse>>>::default();
    let mut tasks = JoinSet::new();
    for caller in 0..4 {
        let (mut signer, received) = (daemon.signer().await, Arc::clone(&received));
        tasks.spawn(async move {
            for n in 0.. {
                let size = if caller == 0 { 20 } else { 1 };
                let requests = (0..size).map(|at| get(&format!("{round}/{caller}/{n}/{at}"))).collect();
                // The first failure is the daemon's end.
                let Ok(answer) = signer.presign_batch(PresignBatchRequest { requests }).await else { return };
                let urls = answer.into_inner().results.into_iter().filter_map(|item| match item.result {
                    Some(presign_result::Result::Response(url)) => Some(url),
                    _ => None,
                });
                received.lock().expect("no holder panics").extend(urls);
            }
        });
    }
    eventually("callers are answered", async || (received.lock().expect("no holder panics").len() > 40).then_some(()))
        .await;
    Callers { tasks, received }
}

/// Opens the registry as the next life of the daemon would, and finds each URL by its number, key and date.
fn look_up(world: &World, urls: &[PresignResponse]) {
    let registry = rusqlite::Connection::open(world.registry()).expect("a database");
    let mut row =
        registry.prepare("SELECT key, signed_at, usable_until FROM urls WHERE number = ?1").expect("the schema");
    for url in urls {
        let (_, number) = url.id.split_once('-').expect("an id is an instance and a number");
        let number: i64 = number.parse().expect("a number");
        let found = row.query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let (key, signed_at, usable_until): (String, i64, i64) =
            found.unwrap_or_else(|error| panic!("{} was received and is not in the registry: {error}", url.id));
        assert!(url.url.contains(&format!("/photos/{key}?")), "the record of {} is of another key", url.id);
        assert_eq!(url.signed_at.map(|at| at.seconds), Some(signed_at));
        assert_eq!(url.usable_until.map(|at| at.seconds), Some(usable_until));
    }
}

const ROUNDS: usize = 50;
