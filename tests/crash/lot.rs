//! What is drawn by lot, and how it is drawn again. The moment of a kill is drawn; where the daemon is by then, the machine
//! decides as well: a seed that failed may have to run some times.

/// Drawn anew for each run, unless `PRESIGND_CRASH_SEED` says which; printed, as a failed test shows it.
pub(crate) fn seed() -> fastrand::Rng {
    let told = told("PRESIGND_CRASH_SEED").map(|text| text.parse().expect("a seed is a number"));
    let seed = told.unwrap_or_else(|| fastrand::u64(..));
    println!("PRESIGND_CRASH_SEED={seed} draws the same again");
    fastrand::Rng::with_seed(seed)
}

/// How many of something, unless the variable says otherwise.
pub(crate) fn count(variable: &str, short: usize) -> usize {
    told(variable).map_or(short, |text| text.parse().expect("a count is a number"))
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how long it runs and what it draws")]
fn told(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
