//! What may not grow: memory, descriptors, threads, tasks, the write-ahead log.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::process::{Daemon, World};

/// At one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gauges {
    /// Resident, in KiB.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    pub(crate) tasks: u64,
    /// Bytes of the write-ahead log.
    pub(crate) log: u64,
}

impl Gauges {
    pub(crate) async fn of(daemon: &Daemon, world: &World) -> Self {
        let process = Path::new("/proc").join(daemon.pid().to_string());
        let status = std::fs::read_to_string(process.join("status")).expect("it runs");
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("every process has it");
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number")
        };
        let metrics = daemon.metrics().await;
        let metric = |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Self {
            memory: field("VmRSS"),
            // Only root may list the descriptors of a process that shows itself to nobody.
            descriptors: std::fs::read_dir(process.join("fd")).map_or(0, |open| open.count() as u64),
            threads: field("Threads"),
            tasks: metric("presignd_tasks ").expect("the daemon counts its tasks"),
            log: std::fs::metadata(world.registry().with_extension("db-wal")).map_or(0, |log| log.len()),
        }
    }
}

impl fmt::Display for Gauges {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, descriptors, threads, tasks, log } = self;
        let (memory, log) = (memory >> 10, log >> 20);
        write!(out, "{memory} MiB, {descriptors} descriptors, {threads} threads, {tasks} tasks, {log} MiB of log")
    }
}

/// Holds the last third of the samples against the middle one; the first is for what fills up for good: SQLite's cache of
/// pages, and the arenas of the allocator.
pub(crate) fn bounded(samples: &[Gauges], length: Duration) {
    let third = samples.len() / 3;
    let most = |samples: &[Gauges], what: fn(&Gauges) -> u64| samples.iter().map(what).max().unwrap_or_default();
    let grown = |what: fn(&Gauges) -> u64| {
        most(&samples[2 * third..], what).saturating_sub(most(&samples[third..2 * third], what))
    };
    let most_memory = if length >= FILLED { MEMORY } else { MEMORY + CACHE };
    assert!(grown(|one| one.memory) <= most_memory, "memory has grown by {} KiB", grown(|one| one.memory));
    let descriptors = grown(|one| one.descriptors);
    assert!(descriptors <= OPEN, "there are {descriptors} more descriptors");
    let threads = grown(|one| one.threads);
    assert!(threads <= OPEN, "there are {threads} more threads");
    let tasks = grown(|one| one.tasks);
    assert!(tasks <= OPEN, "there are {tasks} more tasks");
    assert!(most(samples, |one| one.log) <= LOG, "the log has grown to {} bytes", most(samples, |one| one.log));
}

/// KiB that an allocator may keep.
const MEMORY: u64 = 16 << 10;
/// KiB of pages that SQLite's cache may have left to fill,
const CACHE: u64 = 32 << 10;
/// in a run that is shorter than this.
const FILLED: Duration = Duration::from_secs(400);
/// Of each kind. Connections come and go while they are counted.
const OPEN: u64 = 40;
/// Twice that at which it is copied into the file and emptied.
const LOG: u64 = 2 * (16 << 20) + (8 << 20);
