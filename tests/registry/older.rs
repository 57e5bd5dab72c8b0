//! A registry of the first schema, as an older presignd left it.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::sync::atomic::AtomicBool;

use presignd::issued::Filter;
use presignd::registry::{OpenError, TallyFilter, backup, export, verify};
use presignd::session::Facts;
use presignd::time::Timestamp;
use rusqlite::Connection;

use super::made::{ASKER, NOW, append, asks, facts, name, under, url};
use super::place::{Place, numbers};

const FIRST: &str = include_str!("../../src/registry/sqlite/0001_first.sql");

/// The same rows in the first schema.
fn downgrade(path: &std::path::Path) {
    let new = path.with_extension("new");
    std::fs::rename(path, &new).unwrap();
    let file = Connection::open(path).unwrap();
    file.execute_batch(FIRST).unwrap();
    file.execute("ATTACH ?1 AS new", [new.to_str().unwrap()]).unwrap();
    for table in ["registry", "identities", "sessions", "buckets", "callers", "urls", "requests"] {
        let columns = format!("SELECT group_concat(name) FROM pragma_table_info('{table}', 'main')");
        let columns: String = file.query_row(&columns, [], |row| row.get(0)).unwrap();
        file.execute_batch(&format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")).unwrap();
    }
    file.execute_batch("DETACH new; PRAGMA user_version = 1").unwrap();
    file.pragma_update(None, "application_id", i32::from_be_bytes(*b"psgn")).unwrap();
    drop(file);
    std::fs::remove_file(new).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_registry_of_the_first_schema_goes_on_with_all_that_it_held() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    for (uid, what) in asks().into_iter().enumerate() {
        let mut url = url(&registry, &session, what);
        url.caller.uid = uid as u32 % 2;
        registry.append(vec![under(&url, &uid.to_string(), 1)]).await.unwrap();
    }
    let now = Timestamp::from_unix(NOW);
    let tallies = registry.tallies(ASKER, &TallyFilter::default(), now, None).await.unwrap();
    assert!(tallies.items.len() > 3);
    let sessions = registry.sessions(ASKER, None).await.unwrap();
    let led = registry.led(ASKER, "photos").await.unwrap();
    assert!(!led.is_empty());
    registry.close().await;
    downgrade(&place.path());

    for refused in [verify(&place.path()).unwrap_err(), export(&place.path(), |_| Ok(())).unwrap_err()] {
        assert!(matches!(refused, OpenError::Older { found: 1, known: 7, .. }), "{refused:?}");
    }
    let copy = place.directory.path().join("before");
    backup(&place.path(), &copy, &AtomicBool::new(false)).unwrap();

    let registry = place.open().await;
    assert_eq!(registry.tallies(ASKER, &TallyFilter::default(), now, None).await.unwrap(), tallies);
    assert_eq!(registry.sessions(ASKER, None).await.unwrap(), sessions);
    assert_eq!(registry.led(ASKER, "photos").await.unwrap(), led);
    assert_eq!(numbers(&registry, Filter::default()).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(registry.enrol(&name("web"), Facts { ..facts("ASIAONE") }).await.unwrap(), session);
    registry.append(vec![append(&url(&registry, &session, asks().remove(0)))]).await.unwrap();
    registry.close().await;
    assert_eq!(verify(&place.path()).unwrap().problems, [""; 0]);
    // The copy is as old as the registry was.
    assert!(matches!(verify(&copy).unwrap_err(), OpenError::Older { .. }));
}
