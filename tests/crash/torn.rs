//! A log that is torn at its end, as a power cut leaves it: cut off, or its last part never written, or written as something
//! else. The daemon starts on it, and every record that was whole before the tear is there.

use std::path::Path;

use presignd::registry::verify;
use rusqlite::{Connection, OpenFlags};

use crate::lot;
use crate::process::{World, get, length, presign};

/// What is left of the log behind the tear.
#[derive(Debug, Clone, Copy)]
enum Behind {
    Nothing,
    Zeros,
    Garbage,
    /// One sector is garbage, and what follows it is as it was written.
    OneSector,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_log_costs_no_record_that_was_whole_before_the_tear() {
    let (mut lot, tears) = (lot::seed(), lot::count("PRESIGND_CRASH_TEARS", 12));
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    // Some records are in the file already.
    for_each_record(&world, &web, 20, true).await;
    let records = for_each_record(&world, &web, 60, false).await;
    let (file, log) = (world.registry(), world.registry().with_extension("db-wal"));
    let (whole_file, whole_log) = (std::fs::read(&file).expect("a file"), std::fs::read(&log).expect("a log"));
    for tear in 0..tears {
        let at = lot.usize(..whole_log.len());
        let behind = [Behind::Nothing, Behind::Zeros, Behind::Garbage, Behind::OneSector][tear % 4];
        std::fs::write(&file, &whole_file).expect("it can be written");
        std::fs::write(&log, torn(&whole_log, at, behind, &mut lot)).expect("it can be written");
        let _ = std::fs::remove_file(world.registry().with_extension("db-shm"));
        let daemon = world.daemon(&web).await;
        let there = numbers(&file);
        let whole: Vec<_> = records.iter().filter(|(_, end)| *end <= at as u64).map(|(number, _)| *number).collect();
        let lost: Vec<_> = whole.iter().filter(|number| !there.contains(number)).collect();
        assert!(lost.is_empty(), "torn at {at} ({behind:?}), these are lost: {lost:?}");
        assert!(there.len() >= 20, "what was in the file stays there");
        // It goes on behind the tear, and what it writes then is as good as ever.
        let mut signer = daemon.signer().await;
        presign(&mut signer, get("after")).await.expect("it signs");
        daemon.kill().await;
        assert_eq!(verify(&file).expect("it can be read").problems, [""; 0], "torn at {at} ({behind:?})");
    }
    println!("{tears} tears of a log of {} bytes with {} records", whole_log.len(), records.len());
}

/// Has so many URLs signed; their numbers, and how long the log was when each was answered. Killed at the end, or stopped.
async fn for_each_record(world: &World, web: &str, records: usize, stop: bool) -> Vec<(i64, u64)> {
    let daemon = world.daemon(web).await;
    let mut signer = daemon.signer().await;
    let mut seen = Vec::new();
    for n in 0..records {
        let mut asked = get(&format!("torn/{n}"));
        asked.expires_in = Some(length(600));
        let url = presign(&mut signer, asked).await.expect("it signs");
        let log = std::fs::metadata(world.registry().with_extension("db-wal")).expect("a log").len();
        let number = url.id.split_once('-').and_then(|(_, number)| number.parse().ok());
        seen.push((number.expect("an id is an instance and a number"), log));
    }
    if stop {
        assert!(daemon.stop().await.success());
    } else {
        daemon.kill().await;
    }
    seen
}

fn torn(log: &[u8], at: usize, behind: Behind, lot: &mut fastrand::Rng) -> Vec<u8> {
    let mut torn = log.to_vec();
    match behind {
        Behind::Nothing => torn.truncate(at),
        Behind::Zeros => torn[at..].fill(0),
        Behind::Garbage => torn[at..].fill_with(|| lot.u8(..)),
        Behind::OneSector => {
            let end = (at + 512).min(torn.len());
            torn[at..end].fill_with(|| lot.u8(..));
        }
    }
    torn
}

fn numbers(registry: &Path) -> Vec<i64> {
    let connection = Connection::open_with_flags(registry, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    let mut rows = connection.prepare("SELECT number FROM urls ORDER BY number").expect("the schema");
    let numbers = rows.query_map([], |row| row.get(0)).expect("rows");
    numbers.collect::<rusqlite::Result<_>>().expect("numbers")
}
