//! A disk that takes no more: the caller gets an error, and what was answered before is there.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use presignd::clock::Clock;
use presignd::registry::{Error, Options, Registry, verify};

use super::made::{append, facts, name, request, url};
use super::place::{Place, metrics};

/// Kilobytes that a file may hold.
const LIMIT: &str = "600";

/// Records that never fit.
const MOST: usize = 20_000;

/// In the working directory of the process whose disk is small.
const PLACE: &str = "place-of-a-test";

/// Run by the next test, in a process whose files may not grow far; elsewhere it does nothing.
#[tokio::test]
#[ignore = "run by a_full_disk_is_an_error_and_loses_nothing_that_was_answered"]
async fn fills_the_disk() {
    if !std::path::Path::new(PLACE).exists() {
        return;
    }
    let path = PathBuf::from("registry.db");
    let registry = Registry::open(Options::at(path), Clock::system(), metrics()).await.unwrap();
    let session = registry.enrol(&name("web"), facts("ASIAONE")).await.unwrap();
    let mut answered = 0;
    let failure = loop {
        assert!(answered < MOST, "{answered} records fit where there is no room");
        let urls: Vec<_> = (0..10).map(|_| url(&registry, &session, request("k"))).collect();
        let (one, two) = tokio::join!(
            registry.append(urls[..5].iter().map(append).collect()),
            registry.append(urls[5..].iter().map(append).collect()),
        );
        answered += 5 * (usize::from(one.is_ok()) + usize::from(two.is_ok()));
        if let Some(error) = one.err().or(two.err()) {
            break error;
        }
    };
    assert!(matches!(failure, Error::Store(_)), "{failure:?}");
    assert!(!registry.is_writable());
    writeln!(std::io::stdout(), "\nanswered={answered}").unwrap();
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_loses_nothing_that_was_answered() {
    let place = Place::new();
    // The shell can ignore the signal that would end a process at its limit; this program may not (no unsafe code).
    let script = format!("trap '' XFSZ; ulimit -f {LIMIT}; exec \"$0\" \"$@\"");
    std::fs::write(place.directory.path().join(PLACE), "").unwrap();
    let child = Command::new("bash")
        .arg("-c")
        .arg(script)
        .arg(std::env::current_exe().unwrap())
        .args(["registry::disk::fills_the_disk", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{out}{}", String::from_utf8_lossy(&child.stderr));
    let answered: u64 = out.lines().find_map(|line| line.strip_prefix("answered=")).unwrap().parse().unwrap();
    assert!(answered > 100, "{answered}");
    let path = place.directory.path().join("registry.db");
    let report = verify(&path).unwrap();
    assert_eq!(report.problems, [""; 0]);
    assert!(report.urls >= answered, "{} of {answered}", report.urls);
    // With room again, it goes on.
    let registry = Registry::open(Options::at(path), place.clock.clone(), metrics()).await.unwrap();
    let session = registry.enrol(&name("web"), facts("ASIAONE")).await.unwrap();
    registry.append(vec![append(&url(&registry, &session, request("k")))]).await.unwrap();
    assert!(registry.is_writable());
}
