//! Runs seeds on every processor, and says of one that fails how to replay it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::tally::Tally;

/// What so many seeds saw together.
pub(crate) struct Seen {
    pub tally: Tally,
    pub seeds: u64,
}

/// Runs `one` for each seed from 1 on, and sums up what they saw. `test` begins the name of the test.
pub(crate) fn over_seeds(test: &str, usually: u64, one: impl Fn(u64) -> Tally + Sync) -> Seen {
    let seeds: Vec<u64> = match the_one() {
        Some(seed) => vec![seed],
        None => (1..=number("PRESIGND_SIMULATION_SEEDS").unwrap_or(usually)).collect(),
    };
    let failed = AtomicBool::new(false);
    let run = |seed: u64| {
        catch_unwind(AssertUnwindSafe(|| one(seed))).unwrap_or_else(|_| {
            failed.store(true, Ordering::Relaxed);
            panic!(
                "seed {seed} fails; to replay it: PRESIGND_SIMULATION_SEED={seed} cargo nextest run --test simulation {test}"
            )
        })
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = |thread: usize| {
        let mut sum = Tally::default();
        for seed in seeds.iter().skip(thread).step_by(threads) {
            if failed.load(Ordering::Relaxed) {
                break;
            }
            sum.add(&run(*seed));
        }
        sum
    };
    let share = &share;
    let sums = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("a seed fails; see above")).collect::<Vec<_>>()
    });
    let mut tally = Tally::default();
    sums.iter().for_each(|seen| tally.add(seen));
    Seen { tally, seeds: seeds.len() as u64 }
}

/// The seed that is replayed.
pub(crate) fn the_one() -> Option<u64> {
    number("PRESIGND_SIMULATION_SEED")
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment which seed to replay")]
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}
