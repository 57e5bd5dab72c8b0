//! `presignd registry` on a file, without any daemon.

use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::*;

/// An empty registry.
pub(crate) fn made(dir: &TempDir) -> PathBuf {
    let registry = dir.path().join("registry.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = presignd::registry::Options::at(&registry);
        let clock = presignd::clock::Clock::system();
        let metrics = std::sync::Arc::new(presignd::telemetry::Metrics::new().unwrap());
        presignd::registry::Registry::open(options, clock, metrics).await.unwrap().close().await;
    });
    registry
}

#[test]
fn the_registry_is_copied_checked_and_exported_without_a_daemon() {
    let nowhere = Path::new("/nonexistent/presignd.sock");
    let dir = tempfile::tempdir().unwrap();
    let registry = made(&dir);
    let (copy, lines) = (dir.path().join("copy.db"), dir.path().join("lines"));
    let [from, copy, lines] = [&registry, &copy, &lines].map(|path| path.to_str().unwrap());
    let on = |file: &str, arguments: &[&str]| run(nowhere, &[&["registry", "--registry", file], arguments].concat());
    assert_eq!(on(from, &["backup", copy]), (0, String::new(), String::new()));
    let (code, _, err) = on(from, &["backup", copy]);
    assert!(code == 253 && err.contains("exists already"), "{err}");
    let (code, out, err) = on(copy, &["verify", "--output", "json"]);
    assert_eq!((code, &json_of(&out)["sound"], &json_of(&out)["urls"]), (0, &json!(true), &json!(0)), "{err}");
    assert_eq!(on(copy, &["export", "--output-file", lines]).0, 0);
    assert_eq!(on(copy, &["export", "--output-file", lines]).0, 253);
    assert_eq!(on("/nonexistent/registry.db", &["verify"]).0, 253);
}

/// Enough records that their copy can be interrupted.
fn filled(dir: &TempDir) -> PathBuf {
    let path = made(dir);
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(
        "BEGIN;
         INSERT INTO identities VALUES ('web', 1);
         INSERT INTO sessions (number, identity, generation, access_key_id, kind, partition, account, principal_arn, \
             principal_unique_id, session_name, source_identity, session_policy_sha256, tags, parent_access_key_id, \
             issued_not_after, expires_at, expiry_is_exact, enrolled_at, last_url_ends_at, urls_issued, first_url, last_url)
             VALUES (1, 'web', 1, 'ASIAONE', 'assume-role', 'aws', '1', '', '', '', '', '', '[]', '', 1, 9, 1, 1, 3, 6000, 1, 6000);
         INSERT INTO buckets VALUES (1, 'photos');
         INSERT INTO callers VALUES (1, 1, 1, '');
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
             INSERT INTO urls SELECT i, 1, 1, 2, 3, 'request', 'GetObject', 'GET', 1, hex(zeroblob(400)), '[]', '[]', NULL, 'auto', \
             'eu-west-1', 'h', 0, zeroblob(16), 1, 7, '', '[]', NULL FROM n;
         UPDATE registry SET summed_up_to = 6000;
         COMMIT;",
    )
    .unwrap();
    path
}

/// Ctrl-C as soon as something is being written; the program may be faster, and then is run again.
fn interrupt(arguments: &[&str], directory: &Path, made: &Path) {
    let part = || {
        let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().contains(".part")).count()
    };
    for _ in 0..50 {
        let mut child = presignd(Path::new("/nonexistent"), arguments).stderr(Stdio::null()).spawn().unwrap();
        while part() == 0 && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        // Fails where it has ended already.
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        let code = child.wait().unwrap().code();
        assert_eq!(part(), 0, "whatever came of it, nothing is left");
        if code == Some(130) {
            assert!(!made.exists(), "half of it must not pass for the whole");
            return;
        }
        assert_eq!(code, Some(0));
        std::fs::remove_file(made).unwrap();
    }
    panic!("it was never interrupted in time");
}

#[test]
fn ctrl_c_leaves_nothing_of_a_backup_or_an_export_and_the_next_one_works() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let registry = filled(&from);
    let registry = registry.to_str().unwrap();
    let (copy, lines) = (to.path().join("copy.db"), to.path().join("lines"));
    let backup = ["registry", "--registry", registry, "backup", copy.to_str().unwrap()];
    let export = ["registry", "--registry", registry, "export", "--output-file", lines.to_str().unwrap()];
    interrupt(&backup, to.path(), &copy);
    interrupt(&export, to.path(), &lines);
    for arguments in [&backup[..], &export] {
        let (code, _, err) = run(Path::new("/nonexistent"), arguments);
        assert_eq!(code, 0, "{err}");
    }
    let (code, _, err) = run(Path::new("/nonexistent"), &["registry", "--registry", copy.to_str().unwrap(), "verify"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(std::fs::read_to_string(&lines).unwrap().lines().count(), 6_000);
}
