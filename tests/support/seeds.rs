//! The seeds of the fuzzer, and what grows of them on any toolchain: each as it is, cut off, and with a few bytes changed.
//! `PRESIGND_FUZZ_INPUTS` says how many, as step `fuzz` of `scripts/test` does; `scripts/fuzz` looks where code leads it.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// Gives `target` every seed of that name, and a thousand inputs near them, or as many as the environment says.
pub(crate) fn grow(name: &str, target: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let read = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read(entry.expect("a readable entry").path());
    let seeds = std::fs::read_dir(folder).expect("there are seeds").map(|entry| read(entry).expect("a readable seed"));
    let seeds: Vec<Vec<u8>> = seeds.collect();
    assert!(!seeds.is_empty(), "{name} has no seeds");
    seeds.iter().for_each(|seed| target(seed));
    let change = (any::<Index>(), 0..4_u8, any::<u8>());
    let near = (any::<Index>(), any::<Index>(), proptest::collection::vec(change, 1..6));
    // What fails is committed as a seed instead.
    let config = Config { cases: inputs(), failure_persistence: None, ..Config::default() };
    let grown = TestRunner::new(config).run(&near, |(seed, other, changes)| {
        let mut bytes = seeds[seed.index(seeds.len())].clone();
        for (at, what, byte) in changes {
            let place = at.index(bytes.len() + 1);
            match what {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, byte),
                2 => bytes.extend_from_slice(&seeds[other.index(seeds.len())]),
                _ => bytes.iter_mut().skip(place).take(1).for_each(|there| *there = byte),
            }
        }
        target(&bytes);
        Ok(())
    });
    grown.unwrap_or_else(|failure| panic!("{name}: {failure}"));
}

#[expect(clippy::disallowed_methods, reason = "how much is tried, the run says")]
fn inputs() -> u32 {
    std::env::var("PRESIGND_FUZZ_INPUTS").map_or(1000, |text| text.parse().expect("a number of inputs"))
}
