//! What the registry's writer costs beside a bare loop over the same table in the same run, and what signers notice of
//! retention. `cargo bench --bench registry`; behind `--` `quick` for short rounds.
//!
//! Everything is durable and on one disk, in rounds that take turns: what the disk does to one it does to the other.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to tell")]

mod bare;
#[path = "../yardstick/mod.rs"]
mod yardstick;
mod retention;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use presignd::clock::Clock;
use presignd::registry::{Append, Registry};
use presignd::session::{CredentialKind, Session};

use yardstick::disk;
use yardstick::figures::{quantile, tell};
use yardstick::records::{enrol, open, url};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let (rounds, groups) = if quick { (3, 100) } else { (9, 500) };
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let clock = Clock::system();
    let mut syncs = disk::appends(directory.path(), &clock, 1000);
    tell("disk/append/p50", "µs", &[quantile(&mut syncs, 0.5)]);

    let house = House::new(directory.path().join("registry.db").as_path(), clock.clone()).await;
    let mut bare = bare::Bare::new(&directory.path().join("bare.db"), &clock).await;
    let mut rates: [Vec<f64>; 4] = Default::default();
    for round in 0..=rounds {
        let taken = [
            bare.groups(&clock, groups),
            house.calls(2, GROUP, groups).await,
            house.calls(GROUP, 1, groups * GROUP).await,
            house.calls(1, 1, groups).await,
        ];
        // The first warms up.
        if round > 0 {
            rates.iter_mut().zip(taken).for_each(|(rates, taken)| rates.push(taken));
        }
    }
    tell("registry/bare loop, groups of 64", "rows/s", &rates[0]);
    tell("registry/calls of 64 rows", "rows/s", &rates[1]);
    tell("registry/64 calls of one row", "rows/s", &rates[2]);
    tell("registry/one call of one row", "rows/s", &rates[3]);
    retention::measure(directory.path(), &clock, quick).await;
}

/// The registry as the daemon opens it, with one session.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) registry: Registry,
    session: Arc<Session>,
    clock: Clock,
    number: Arc<AtomicU64>,
}

impl House {
    async fn new(path: &std::path::Path, clock: Clock) -> Self {
        let registry = open(path, &clock, true).await;
        let ends = Some(clock.now() + Duration::from_secs(43_200));
        let session =
            enrol(&registry, "web", CredentialKind::AssumeRole, "ASIAHOUSE".to_owned(), ends, clock.now()).await;
        Self { registry, session, clock, number: Arc::default() }
    }

    fn rows(&self, rows: usize) -> Vec<Append> {
        let now = self.clock.now();
        let next = || self.number.fetch_add(1, Ordering::Relaxed);
        let row = |number| Append { url: url(&self.registry, &self.session, now, number, 3600), request: None };
        (0..rows).map(|_| row(next())).collect()
    }

    /// Rows per second, by so many callers that each have one call of so many rows under way; rows are made before. Two
    /// callers keep the writer at work with groups of one call: the other's waits while one is committed.
    async fn calls(&self, callers: usize, rows: usize, calls: usize) -> f64 {
        let of_one = || (0..calls / callers).map(|_| self.rows(rows)).collect::<Vec<_>>();
        let made: Vec<_> = (0..callers).map(|_| of_one()).collect();
        let began = self.clock.monotonic();
        let mut tasks = tokio::task::JoinSet::new();
        for calls in made {
            let registry = self.registry.clone();
            tasks.spawn(async move {
                for rows in calls {
                    registry.append(rows).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        (calls / callers * callers * rows) as f64 / (self.clock.monotonic() - began).as_secs_f64()
    }

    /// How long each append of one row takes while `callers` append for so long without a pause.
    async fn times(&self, callers: usize, length: Duration) -> Vec<Duration> {
        let until = self.clock.monotonic() + length;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let house = self.clone();
            tasks.spawn(async move {
                let mut times = Vec::new();
                loop {
                    let row = house.rows(1);
                    let began = house.clock.monotonic();
                    if began >= until {
                        return times;
                    }
                    house.registry.append(row).await.unwrap();
                    times.push(house.clock.monotonic() - began);
                }
            });
        }
        tasks.join_all().await.concat()
    }
}

const GROUP: usize = 64;
