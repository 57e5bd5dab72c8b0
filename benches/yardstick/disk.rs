//! What one durable write costs on this disk at this moment: the floor of every durable call.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use presignd::clock::Clock;

/// How long `fdatasync` of an append of 4 kB takes, each time, in `directory`.
pub fn appends(directory: &Path, clock: &Clock, times: usize) -> Vec<Duration> {
    let path = directory.join("appends");
    let mut file = File::create(&path).unwrap();
    let took = (0..times).map(|_| {
        let began = clock.monotonic();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        clock.monotonic() - began
    });
    let took = took.collect();
    std::fs::remove_file(path).unwrap();
    took
}
