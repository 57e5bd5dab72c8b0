//! Figures of a benchmark: shown to whoever runs it, and kept for the table of `docs/performance.md`.
//!
//! Never judges one: `scripts/bench` does, by ratios of figures of the same run.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

/// A figure, with one value for each round; figures of the same rounds make a ratio for each.
pub fn tell(name: &str, unit: &str, values: &[f64]) {
    let (mut least, mut most) = (f64::MAX, f64::MIN);
    values.iter().for_each(|value| (least, most) = (least.min(*value), most.max(*value)));
    println!("{name:<44} {:>12} {unit:<20} {} to {}", shown(median(values)), shown(least), shown(most));
    let Some(path) = std::env::var_os("PRESIGND_BENCH_FIGURES") else { return };
    let line = format!("{{\"name\": \"{name}\", \"unit\": \"{unit}\", \"rounds\": {values:?}}}\n");
    let file = File::options().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the file of figures can be written");
}

/// The middle value; of an even number the upper of the two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Below which that share of the times lies; in microseconds. Sorts them.
pub fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let at = (times.len() as f64 * share) as usize;
    times.get(at.min(times.len().saturating_sub(1))).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}

fn shown(value: f64) -> String {
    if value.abs() >= 1000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}
