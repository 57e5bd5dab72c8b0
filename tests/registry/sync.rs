//! The record is on disk before the answer: seen from outside, by the system calls of a process that appends.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use presignd::clock::Clock;
use presignd::registry::{Options, Registry};

use super::made::{append, facts, name, request, url};
use super::place::metrics;

/// Names the mode in the working directory of the process that appends.
const MODE: &str = "mode-of-a-test";
const RECORDS: usize = 20;

/// Run by the next test, in a working directory that tells the mode; elsewhere it does nothing.
#[tokio::test]
#[ignore = "run by an_answer_comes_after_the_sync_of_its_record"]
async fn appends_for_the_trace() {
    let Ok(mode) = std::fs::read_to_string(MODE) else { return };
    let options = Options { durable: mode == "durable", ..Options::at(PathBuf::from("registry.db")) };
    let registry = Registry::open(options, Clock::system(), metrics()).await.unwrap();
    let session = registry.enrol(&name("web"), facts("ASIAONE")).await.unwrap();
    writeln!(std::io::stdout(), "answered").unwrap();
    for _ in 0..RECORDS {
        registry.append(vec![append(&url(&registry, &session, request("k")))]).await.unwrap();
        writeln!(std::io::stdout(), "answered").unwrap();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// A write to the log began.
    Written,
    /// A sync of the log came back.
    Synced,
    /// The caller had its answer.
    Answered,
}

/// The events of a trace in their order. Threads interleave: a call that was not finished in its line is so in a later
/// line of the same thread.
fn events(trace: &str) -> Vec<Event> {
    let mut syncing: HashMap<&str, bool> = HashMap::new();
    let mut events = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let is_sync = call.starts_with("fsync(") || call.starts_with("fdatasync(");
        if call.starts_with("write(1<") && call.contains("\"answered") {
            events.push(Event::Answered);
        } else if call.starts_with("pwrite64(") && call.contains("registry.db-wal>") {
            events.push(Event::Written);
        } else if is_sync && call.contains("<unfinished") {
            syncing.insert(thread, call.contains("registry.db-wal>"));
        } else if is_sync && call.contains("registry.db-wal>") && call.ends_with("= 0") {
            events.push(Event::Synced);
        } else if call.starts_with("<... f") && call.contains("sync resumed") && call.ends_with("= 0") {
            events.extend(syncing.remove(thread).unwrap_or(false).then_some(Event::Synced));
        }
    }
    events
}

/// Answers that came although the log had not been synced since the last write to it.
fn early_answers(events: &[Event]) -> usize {
    let rounds = events.split(|event| *event == Event::Answered).skip(1).take(RECORDS);
    let early = |round: &[Event]| {
        let last = |wanted| round.iter().rposition(|event| *event == wanted);
        assert!(last(Event::Written).is_some(), "a record is written in each round");
        last(Event::Synced) < last(Event::Written)
    };
    rounds.filter(|round| early(round)).count()
}

fn trace(directory: &Path, mode: &str) -> Vec<Event> {
    std::fs::write(directory.join(MODE), mode).unwrap();
    let child = Command::new("strace")
        .args(["-f", "-y", "-o", "trace", "-e", "trace=fsync,fdatasync,pwrite64,write"])
        .arg(std::env::current_exe().unwrap())
        .args(["registry::sync::appends_for_the_trace", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let events = events(&std::fs::read_to_string(directory.join("trace")).unwrap());
    assert_eq!(events.iter().filter(|event| **event == Event::Answered).count(), RECORDS + 1);
    events
}

#[test]
#[ignore = "needs strace; scripts/test runs it"]
fn an_answer_comes_after_the_sync_of_its_record() {
    let (durable, careless) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(early_answers(&trace(durable.path(), "durable")), 0);
    // The same check sees a registry that does not sync.
    assert_eq!(early_answers(&trace(careless.path(), "careless")), RECORDS);
}
