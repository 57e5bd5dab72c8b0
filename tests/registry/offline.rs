//! Backup, verify and export, beside a daemon that goes on writing.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::sync::atomic::AtomicBool;

use presignd::issued::{Filter, Record};
use presignd::registry::{EventKind, NewEvent, OpenError, backup, export, verify};
use rusqlite::Connection;

use super::made::{ASKER, append, asks, request, under, url};
use super::place::{Place, numbers};

/// Nobody tells these copies to stop.
static GO_ON: AtomicBool = AtomicBool::new(false);

fn exported(path: &std::path::Path) -> Vec<Record> {
    let mut records = Vec::new();
    let rows = export(path, |record| {
        records.push(record);
        Ok(())
    });
    assert_eq!(rows.unwrap(), records.len() as u64);
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_is_copied_checked_and_exported_while_it_is_written() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let writer = tokio::spawn({
        let (registry, session) = (registry.clone(), session.clone());
        async move {
            for round in 0..100 {
                let urls: Vec<_> = asks().into_iter().map(|what| url(&registry, &session, what)).collect();
                registry
                    .append(urls.iter().map(|url| under(url, &format!("{round}{}", url.id), 1)).collect())
                    .await
                    .unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    let mut copies = Vec::new();
    while !writer.is_finished() {
        let (path, copy) = (place.path(), place.directory.path().join(format!("copy-{}", copies.len())));
        copies.push(copy.clone());
        let work = move || {
            let report = verify(&path).unwrap();
            assert_eq!(report.problems, [""; 0]);
            assert!(exported(&path).len() as u64 >= report.urls);
            backup(&path, &copy, &GO_ON).unwrap();
            assert!(matches!(backup(&path, &copy, &GO_ON), Err(OpenError::Exists { .. })));
        };
        tokio::task::spawn_blocking(work).await.unwrap();
    }
    writer.await.unwrap();
    let mut urls = 0;
    for copy in copies {
        let report = verify(&copy).unwrap();
        assert_eq!((report.problems, report.instance), (Vec::new(), registry.instance()));
        assert!(report.urls >= urls && report.urls.is_multiple_of(asks().len() as u64), "a copy holds whole calls");
        urls = report.urls;
        let leftovers = std::fs::read_dir(place.directory.path()).unwrap().flatten();
        assert!(
            leftovers.map(|file| file.file_name()).all(|name| !name.to_string_lossy().contains("part")),
            "nothing is left beside it"
        );
    }
    assert_eq!(exported(&place.path()).len(), 600);
    // A copy is a registry: it opens, and goes on.
    registry.close().await;
    let copy = place.directory.path().join("copy-0");
    let options = presignd::registry::Options::at(copy);
    let restored = presignd::registry::Registry::open(options, place.clock.clone(), super::place::metrics()).await;
    let restored = restored.unwrap();
    restored.append(vec![append(&url(&restored, &session, request("k")))]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_export_hands_over_every_record_as_it_was_written_oldest_first() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let urls: Vec<_> = asks().into_iter().map(|what| url(&registry, &session, what)).collect();
    registry.append(urls.iter().map(append).collect()).await.unwrap();
    let written: Vec<_> = urls.into_iter().map(|url| Record { url, session: session.clone() }).collect();
    assert_eq!(exported(&place.path()), written);
}

#[tokio::test(start_paused = true)]
async fn an_export_ends_where_its_reader_has_had_enough() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    registry.append(vec![append(&url(&registry, &session, request("a")))]).await.unwrap();
    let refused = export(&place.path(), |_| Err(std::io::ErrorKind::BrokenPipe.into())).unwrap_err();
    assert!(matches!(refused, OpenError::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe));
}

/// Each is something that must not be, and the words by which it is told.
const SABOTAGE: [(&str, &str); 22] = [
    ("DELETE FROM sessions", "its session is missing"),
    ("DELETE FROM buckets", "its bucket is missing"),
    ("DELETE FROM callers", "its caller is missing"),
    ("UPDATE sessions SET urls_issued = urls_issued + 1", "its count of URLs is not the number of its rows"),
    ("UPDATE registry SET summed_up_to = 0", "its count of URLs is not the number of its rows"),
    ("UPDATE sessions SET last_url_ends_at = 1", "its session does not know of it"),
    ("UPDATE sessions SET last_url = 1", "its session does not know of it"),
    ("UPDATE urls SET usable_until = usable_until + 1", "its end is not its length"),
    ("UPDATE identities SET generations = 0", "its generation may be given again"),
    ("UPDATE urls SET fingerprint = x'00'", "its fingerprint is not 16 bytes"),
    ("UPDATE urls SET on_behalf_of = 'https://a/?X-Amz-Signature=00'", "holds what looks like a signature"),
    ("UPDATE urls SET labels = '[[\"x-amz-security-token\",\"\"]]'", "holds what looks like a session token"),
    (
        "UPDATE urls SET headers = '[[\"x-amz-server-side-encryption-customer-key\",\"00\"]]' WHERE form IS NULL",
        "holds an SSE-C key",
    ),
    ("UPDATE urls SET method = 'BREW' WHERE form IS NULL", "cannot be read: method: is unknown"),
    ("UPDATE tallies SET urls = urls + 1", "its tallies are not the numbers of its rows"),
    ("UPDATE tallies SET last_end = last_end - 1", "its tallies are not the numbers of its rows"),
    ("DELETE FROM tallies", "its tallies are not the numbers of its rows"),
    ("INSERT INTO observed VALUES (99, 'dead', '', 1, 1, NULL, '{}')", "was seen but is missing"),
    ("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'events'", "its number may be given again"),
    ("UPDATE events SET kind = 'rumour'", "event 1 cannot be read: kind: is unknown"),
    ("INSERT INTO paused VALUES ('a name', 1)", "cannot be read: identity: is no name"),
    (
        "UPDATE events SET body = '\"https://a/?X-Amz-Signature=00\"'",
        "holds what looks like a signature or session token",
    ),
];

#[tokio::test(start_paused = true)]
async fn verify_tells_whatever_is_wrong() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    registry
        .append(vec![append(&url(&registry, &session, request("a"))), append(&url(&registry, &session, request("b")))])
        .await
        .unwrap();
    let event = NewEvent::new(EventKind::EventHappened, serde_json::json!({}));
    registry.note(event).await.unwrap();
    registry.close().await;
    for (number, (sql, words)) in SABOTAGE.into_iter().enumerate() {
        let copy = place.directory.path().join(number.to_string());
        backup(&place.path(), &copy, &GO_ON).unwrap();
        assert_eq!(verify(&copy).unwrap().problems, [""; 0]);
        Connection::open(&copy).unwrap().execute(sql, []).unwrap();
        let problems = verify(&copy).unwrap().problems;
        assert!(problems.iter().any(|problem| problem.contains(words)), "{sql}: {problems:?}");
        assert!(!problems.concat().contains("https://"), "a report holds nothing of a record");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_does_not_parse_is_an_error_that_names_it() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let bad = url(&registry, &session, request("a"));
    registry.append(vec![append(&bad)]).await.unwrap();
    let file = Connection::open(place.path()).unwrap();
    file.execute("UPDATE urls SET limited_by = 'whim'", []).unwrap();
    let error = registry.list(ASKER, Filter::default(), 10, None).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the record {} cannot be read: limited_by: is unknown", bad.id));
    file.execute("UPDATE urls SET limited_by = 'request'", []).unwrap();
    assert_eq!(numbers(&registry, Filter::default()).await, [1]);
}

/// What was given out after the copy was made, somebody may still name.
#[tokio::test(start_paused = true)]
async fn a_registry_that_goes_on_from_a_copy_gives_no_id_again() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let copy = place.directory.path().join("copy");
    let told = async |registry: &presignd::registry::Registry, identity: &str| {
        registry.append(vec![append(&url(registry, &session, request("k")))]).await.unwrap();
        let name = presignd::session::IdentityName::parse(identity).unwrap();
        let other = registry.enrol(&name, session.facts.clone()).await.unwrap();
        let event = registry.note(NewEvent::new(EventKind::EventHappened, serde_json::json!({}))).await.unwrap();
        [registry.next_url_id().number, other.id.number, event.number]
    };
    let before = told(&registry, "before").await;
    backup(&place.path(), &copy, &GO_ON).unwrap();
    let lost = told(&registry, "lost").await;
    registry.close().await;
    let options = presignd::registry::Options::at(copy);
    let restored = presignd::registry::Registry::open(options, place.clock.clone(), super::place::metrics()).await;
    let restored = restored.unwrap();
    let after = told(&restored, "after").await;
    for (one, (lost, after)) in before.iter().zip(lost.iter().zip(after)) {
        assert!(one < lost && *lost < after, "{before:?} {lost:?} {after:?}");
    }
    let records = restored.list(ASKER, Default::default(), 10, None).await.unwrap();
    assert_eq!(records.len(), 2, "what the copy has, and what came after");
}
