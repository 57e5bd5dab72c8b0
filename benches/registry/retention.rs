//! What signers notice while a million records are forgotten.

use std::path::Path;
use std::time::Duration;

use presignd::clock::Clock;
use presignd::registry::{Append, MAX_ROWS};
use presignd::session::CredentialKind;
use tokio_util::sync::CancellationToken;

use crate::House;
use crate::yardstick::figures::{quantile, tell};
use crate::yardstick::records::{count, enrol, open, url};

/// The p99 of an append, by turns without retention and with it at work on records that have all ended.
pub(crate) async fn measure(directory: &Path, clock: &Clock, quick: bool) {
    let path = directory.join("ended.db");
    let (records, length, rounds) = if quick { (200_000, 2, 3) } else { (1_000_000, 8, 5) };
    fill(&path, clock, records).await;
    let house = House::new(&path, clock.clone()).await;
    house.registry.keep_for(Duration::from_secs(3600));
    let length = Duration::from_secs(length);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(quantile(&mut house.times(CALLERS, length).await, 0.99));
        let stop = CancellationToken::new();
        let keeping = tokio::spawn(house.registry.clone().keep(stop.clone()));
        with.push(quantile(&mut house.times(CALLERS, length).await, 0.99));
        stop.cancel();
        keeping.await.unwrap();
    }
    tell("retention/append p99 without", "µs", &without);
    tell("retention/append p99 with", "µs", &with);
    let (left, last) = count(&path);
    let forgotten = last - left;
    println!("{forgotten} of {records} ended records were forgotten meanwhile");
    let began = clock.monotonic();
    let mut rows = 0;
    for _ in 0..100 {
        rows += house.registry.forget_ended().await.unwrap().urls;
    }
    tell("retention/alone", "rows/s", &[rows as f64 / (clock.monotonic() - began).as_secs_f64()]);
}

/// Records that ended days ago.
async fn fill(path: &Path, clock: &Clock, records: u64) {
    let registry = open(path, clock, false).await;
    let now = clock.now();
    let session = enrol(&registry, "web", CredentialKind::AssumeRole, "ASIAENDED".to_owned(), Some(now), now).await;
    let signed_at = now - Duration::from_secs(20 * 86_400);
    for first in (0..records).step_by(MAX_ROWS) {
        let row = |number| Append { url: url(&registry, &session, signed_at, number, 3600), request: None };
        registry.append((first..records.min(first + MAX_ROWS as u64)).map(row).collect()).await.unwrap();
    }
    registry.close().await;
}

/// Appends under way at the same time.
const CALLERS: usize = 8;
