//! The write-ahead log: emptied behind the writer, written over in its place, and no longer than it must be.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::Path;

use rusqlite::Connection;

use super::made::{append, request, url};
use super::place::Place;

#[tokio::test(start_paused = true)]
async fn the_log_is_emptied_while_a_daemon_writes_and_waits_for_a_reader() {
    const LONG: u64 = 16 << 20;
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let log = || std::fs::metadata(place.path().with_extension("db-wal")).unwrap().len();
    let write = async |rows: usize| {
        let urls = (0..rows).map(|_| {
            let on_behalf_of = "x".repeat(4000);
            append(&presignd::issued::IssuedUrl { on_behalf_of, ..url(&registry, &session, request("k")) })
        });
        registry.append(urls.collect()).await.unwrap();
    };
    let reader = Connection::open(place.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM urls").unwrap();
    while log() < 2 * LONG {
        write(500).await;
    }
    assert_eq!(reader.query_row("SELECT count(*) FROM urls", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    drop(reader);
    // The thread that copies takes its time; the writer goes on meanwhile.
    while log() >= LONG {
        write(1).await;
        assert!(log() < 16 * LONG, "the log still has {} bytes", log());
    }
    registry.close().await;
    assert!(!place.path().with_extension("db-wal").exists());
}

/// How often the log was begun anew: it stands in its head.
fn beginnings(log: &Path) -> u32 {
    u32::from_be_bytes(std::fs::read(log).unwrap()[12..16].try_into().unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_emptied_log_is_written_over_and_keeps_its_length() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let path = place.path().with_extension("db-wal");
    let length = || std::fs::metadata(&path).unwrap().len();
    let (mut longest, mut rows) = (0, 0);
    let begun = beginnings(&path);
    while beginnings(&path) < begun + 3 {
        let urls = (0..500).map(|_| {
            let on_behalf_of = "x".repeat(4000);
            append(&presignd::issued::IssuedUrl { on_behalf_of, ..url(&registry, &session, request("k")) })
        });
        registry.append(urls.collect()).await.unwrap();
        rows += 500;
        // Cut only where it had become longer than this.
        assert!(length() >= longest || longest > 32 << 20, "it was cut from {longest} to {} bytes", length());
        longest = length();
    }
    assert!(longest >= 16 << 20);
    registry.close().await;
    let again = place.open().await;
    assert_eq!(again.count(presignd::registry::DAEMON, &Default::default()).await.unwrap(), rows);
}
