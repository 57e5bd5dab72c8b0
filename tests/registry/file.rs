//! What a file can do wrong: it is missing, foreign, damaged, newer, or another's. It is told, and never written over.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use presignd::registry::{Appended, Error, OpenError, Options, Registry};
use presignd::session::Facts;
use presignd::session::lifetime::LimitedBy;
use rusqlite::Connection;
use tonic_types::StatusExt;

use super::made::{ASKER, append, facts, name, request, url};
use super::place::{Place, metrics, numbers};

async fn refused(place: &Place, path: &Path) -> OpenError {
    Registry::open(Options::at(path), place.clock.clone(), metrics()).await.err().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_older_program_refuses_a_newer_schema() {
    let place = Place::new();
    let registry = place.open().await;
    registry.close().await;
    Connection::open(place.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let bytes = std::fs::read(place.path()).unwrap();
    let error = refused(&place, &place.path()).await;
    assert!(matches!(error, OpenError::Newer { found: 99, known: 7, .. }));
    let text = error.to_string();
    assert!(text.contains("99") && text.contains("up to 7") && text.contains("registry.db"), "{text}");
    assert_eq!(std::fs::read(place.path()).unwrap(), bytes);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_a_registry_is_refused_and_left_alone() {
    let place = Place::new();
    let path = place.directory.path().join("file");
    let other = place.directory.path().join("other");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let contents = [Vec::new(), b"notes".repeat(2000), vec![0; 8192], std::fs::read(&other).unwrap()];
    for content in contents {
        std::fs::write(&path, &content).unwrap();
        let error = refused(&place, &path).await;
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()));
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_refused_and_left_alone() {
    let place = Place::new();
    place.open().await.close().await;
    let mut content = std::fs::read(place.path()).unwrap();
    content[100..].fill(0xA5);
    std::fs::write(place.path(), &content).unwrap();
    let error = refused(&place, &place.path()).await;
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert_eq!(std::fs::read(place.path()).unwrap(), content);
}

#[tokio::test(start_paused = true)]
async fn damage_deep_in_the_file_is_told_at_start_and_not_by_the_first_call_that_meets_it() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    registry.append(vec![append(&url(&registry, &session, request("k")))]).await.unwrap();
    registry.close().await;
    // An index that no step of a start reads.
    let connection = Connection::open(place.path()).unwrap();
    let sql =
        "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = 'urls_by_session'";
    let (page, size) = connection.query_row(sql, [], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?))).unwrap();
    drop(connection);
    let mut content = std::fs::read(place.path()).unwrap();
    content[((page - 1) * size) as usize..(page * size) as usize].fill(0xA5);
    std::fs::write(place.path(), &content).unwrap();
    let error = refused(&place, &place.path()).await;
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert!(
        text.contains("registry.db")
            && text.contains("backup")
            && text.contains(&format!("page {page}"))
            && !text.contains('\n'),
        "{text}"
    );
    assert_eq!(std::fs::read(place.path()).unwrap(), content);
}

#[tokio::test(start_paused = true)]
async fn damage_that_comes_while_it_is_open_is_told_as_damage_that_no_second_try_mends() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    registry.append(vec![append(&url(&registry, &session, request("k")))]).await.unwrap();
    registry.close().await;
    let registry = place.open().await;
    let mut content = std::fs::read(place.path()).unwrap();
    content[4096..].fill(0xA5);
    std::fs::write(place.path(), &content).unwrap();
    let error = registry.list(ASKER, Default::default(), 10, None).await.unwrap_err();
    assert!(error.is_damage(), "{error:?}");
    let status = tonic::Status::from(presignd::error::Error::registry(error));
    let details = status.get_error_details();
    assert_eq!(status.code(), tonic::Code::DataLoss, "{status}");
    assert_eq!(details.error_info().unwrap().reason, "REGISTRY_DAMAGED");
    assert!(details.retry_info().is_none() && !status.message().contains("again shortly"), "{status}");
    assert!(!Error::Closed.is_damage() && !Error::Full.is_damage());
}

#[tokio::test(start_paused = true)]
async fn a_registry_whose_records_meet_damage_is_not_ready_though_it_can_be_written() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let write = async || registry.append(vec![append(&url(&registry, &session, request("k")))]).await;
    write().await.unwrap();
    // All of it in the file, and an index that every record goes into damaged there.
    let somebody = Connection::open(place.path()).unwrap();
    somebody.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'urls_by_end'";
    let page = somebody.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    let file = std::fs::File::options().write(true).open(place.path()).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xA5; 4096], u64::from(page - 1) * 4096).unwrap();
    // Somebody else's commit, so that the writer reads it anew.
    somebody.execute("UPDATE registry SET kept_at = kept_at", []).unwrap();
    let error = write().await.unwrap_err();
    assert!(error.is_damage(), "{error:?}");
    assert!(!registry.is_writable());
    registry.enrol(&name("web"), facts("ASIATWO")).await.unwrap();
    assert!(!registry.is_writable(), "another write says nothing of records");
}

#[tokio::test(start_paused = true)]
async fn a_record_ends_with_its_session_when_that_is_told_to_end_sooner() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let issued = url(&registry, &session, request("k"));
    registry.append(vec![append(&issued)]).await.unwrap();
    let told = async || {
        let record = registry.url(ASKER, issued.id).await.unwrap().unwrap();
        let wire = presignd::grpc::url_record(record.clone());
        assert_eq!(wire.usable_until.unwrap().seconds, record.usable_until().unix());
        assert_eq!((record.url.ttl, wire.expires_in.unwrap().seconds), (issued.ttl, 3600), "what was signed stays");
        (record.usable_until(), record.limited_by())
    };
    assert_eq!(told().await, (issued.usable_until(), LimitedBy::Request));
    let sooner = issued.usable_until() - std::time::Duration::from_secs(600);
    let facts = Facts { expires_at: Some(sooner), ..facts("ASIAONE") };
    registry.enrol(&name("web"), facts).await.unwrap();
    assert_eq!(told().await, (sooner, LimitedBy::Session));
}

#[tokio::test(start_paused = true)]
async fn a_log_without_its_file_is_refused() {
    let place = Place::new();
    place.open().await.close().await;
    std::fs::rename(place.path(), place.path().with_extension("db-wal")).unwrap();
    assert!(matches!(refused(&place, &place.path()).await, OpenError::LogWithoutFile { .. }));
    assert!(!place.path().exists());
}

#[tokio::test(start_paused = true)]
async fn no_record_goes_to_a_file_that_was_moved_removed_or_replaced_until_it_is_back() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let write = async || registry.append(vec![append(&url(&registry, &session, request("k")))]).await;
    for file in [place.path(), place.path().with_extension("db-wal")] {
        write().await.unwrap();
        let aside = place.directory.path().join("aside");
        std::fs::rename(&file, &aside).unwrap();
        assert!(!registry.is_writable(), "seen before anything is written");
        let error = write().await.unwrap_err();
        assert!(matches!(&error, Error::Gone { path } if *path == file), "{error:?}");
        let status = tonic::Status::from(presignd::error::Error::registry(error));
        assert_eq!(status.get_error_details().error_info().unwrap().reason, "REGISTRY_GONE");
        std::fs::copy(&aside, &file).unwrap();
        assert!(matches!(write().await, Err(Error::Gone { .. })), "a copy is another file");
        std::fs::rename(&aside, &file).unwrap();
        write().await.unwrap();
        assert!(registry.is_writable(), "put back, it goes on");
    }
    assert_eq!(numbers(&registry, Default::default()).await.len(), 4, "what was refused left no record");
    registry.close().await;
    assert_eq!(presignd::registry::verify(&place.path()).unwrap().problems, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_a_removed_file_held_is_saved_when_the_registry_is_closed() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    for _ in 0..3 {
        registry.append(vec![append(&url(&registry, &session, request("k")))]).await.unwrap();
    }
    let state = place.path().parent().unwrap().to_owned();
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(state.join(format!("registry.db{end}"))).unwrap();
    }
    // Another's, which is not written over.
    std::fs::write(state.join("registry.db.rescued-1"), "notes").unwrap();
    registry.close().await;
    assert!(matches!(refused(&place, &place.path()).await, OpenError::Lost { .. }));
    std::fs::rename(state.join("registry.db.rescued-2"), place.path()).unwrap();
    assert_eq!(numbers(&place.open().await, Default::default()).await.len(), 3);
    assert_eq!(std::fs::read(state.join("registry.db.rescued-1")).unwrap(), b"notes");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_was_there_and_is_gone_is_not_begun_anew() {
    let place = Place::new();
    let registry = place.open().await;
    let instance = registry.instance();
    registry.close().await;
    drop(registry);
    let backup = place.directory.path().join("backup");
    std::fs::rename(place.path(), &backup).unwrap();
    let error = refused(&place, &place.path()).await;
    let text = error.to_string();
    assert!(matches!(error, OpenError::Lost { .. }), "{error:?}");
    assert!(text.contains(instance.as_str()) && text.contains("registry.db.lock") && text.contains("backup"), "{text}");
    assert!(!place.path().exists());
    std::fs::rename(&backup, place.path()).unwrap();
    assert_eq!(place.open().await.instance(), instance);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_cannot_be_written_is_named() {
    let place = Place::new();
    let file = place.directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = refused(&place, &file.join("under/registry.db")).await;
    assert!(error.to_string().contains(file.join("under").to_str().unwrap()), "{error}");
    let directory = place.directory.path().join("directory");
    std::fs::create_dir(&directory).unwrap();
    let error = refused(&place, &directory).await;
    assert!(error.to_string().contains(directory.to_str().unwrap()), "{error}");
}

#[tokio::test(start_paused = true)]
async fn one_registry_belongs_to_one_daemon() {
    let place = Place::new();
    let registry = place.open().await;
    let error = refused(&place, &place.path()).await;
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    registry.close().await;
    place.open().await;
}

#[tokio::test(start_paused = true)]
async fn only_the_owner_may_read_what_is_made() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    registry.append(vec![append(&url(&registry, &session, request("k")))]).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let state = place.path().parent().unwrap().to_owned();
    assert_eq!(mode(&state), 0o700);
    let mut files: Vec<_> = std::fs::read_dir(&state).unwrap().flatten().map(|file| file.path()).collect();
    files.sort();
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["registry.db", "registry.db-shm", "registry.db-wal", "registry.db.lock"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_survives_a_kill() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    for _ in 0..20 {
        registry.append(vec![append(&url(&registry, &session, request("k")))]).await.unwrap();
    }
    // What a killed daemon leaves behind: the file and its log, as they are.
    let copy = place.directory.path().join("killed.db");
    std::fs::copy(place.path(), &copy).unwrap();
    std::fs::copy(place.path().with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let again = Registry::open(Options::at(&copy), place.clock.clone(), metrics()).await.unwrap();
    assert_eq!(numbers(&again, Default::default()).await.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_the_next_call() {
    let place = Place::new();
    let options = Options { queue_calls: 1, ..place.options() };
    let registry = Registry::open(options, place.clock.clone(), metrics()).await.unwrap();
    let session = registry.enrol(&super::made::name("web"), super::made::facts("ASIAONE")).await.unwrap();
    let call = || {
        let (registry, session) = (registry.clone(), session.clone());
        let urls = (0..600).map(|_| append(&url(&registry, &session, request("k")))).collect();
        tokio::spawn(async move { registry.append(urls).await })
    };
    // While somebody holds the file, the writer has one call in hand, one put by, and one in the queue.
    let somebody = Connection::open(place.path()).unwrap();
    somebody.execute_batch("BEGIN IMMEDIATE").unwrap();
    let calls: Vec<_> = (0..8).map(|_| call()).collect();
    tokio::task::yield_now().await;
    somebody.execute_batch("ROLLBACK").unwrap();
    let (mut taken, mut full) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(outcomes) => {
                assert!(outcomes.iter().all(|outcome| matches!(outcome, Appended::Recorded)));
                taken += 1;
            }
            Err(Error::Full) => full += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((1..=3).contains(&taken), "{taken}");
    assert_eq!(full, 8 - taken);
    assert_eq!(numbers(&registry, Default::default()).await.len(), 1000.min(taken * 600));
}

#[tokio::test]
async fn one_user_who_fills_the_queue_leaves_half_of_it_to_others_and_the_daemon_its_own_calls() {
    let place = Place::new();
    let options = Options { queue_calls: 4, ..place.options() };
    let registry = Registry::open(options, place.clock.clone(), metrics()).await.unwrap();
    let session = registry.enrol(&super::made::name("web"), super::made::facts("ASIAONE")).await.unwrap();
    let call = |uid| {
        let (registry, mut one) = (registry.clone(), url(&registry, &session, request("k")));
        one.caller.uid = uid;
        tokio::spawn(async move { registry.append(vec![append(&one)]).await })
    };
    // While somebody holds the file, nothing is answered.
    let somebody = Connection::open(place.path()).unwrap();
    somebody.execute_batch("BEGIN IMMEDIATE").unwrap();
    let greedy: Vec<_> = (0..8).map(|_| call(1)).collect();
    tokio::task::yield_now().await;
    let others = [call(2), call(3)];
    tokio::task::yield_now().await;
    let one_too_many = call(4);
    let enrolled = {
        let registry = registry.clone();
        tokio::spawn(async move { registry.enrol(&super::made::name("own"), super::made::facts("ASIATWO")).await })
    };
    assert!(matches!(one_too_many.await.unwrap(), Err(Error::Full)));
    somebody.execute_batch("ROLLBACK").unwrap();
    let mut taken = 0;
    for call in greedy {
        taken += usize::from(call.await.unwrap().is_ok());
    }
    assert_eq!(taken, 2, "half of four");
    for call in others {
        assert!(call.await.unwrap().is_ok());
    }
    assert!(enrolled.await.unwrap().is_ok());
    assert!(call(1).await.unwrap().is_ok(), "what was answered makes room");
}

#[tokio::test]
async fn a_call_that_was_given_up_while_it_waited_leaves_no_record() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let call = |rows| {
        let urls: Vec<_> = (0..rows).map(|_| url(&registry, &session, request("k"))).collect();
        let (registry, id) = (registry.clone(), urls[0].id);
        (id, tokio::spawn(async move { registry.append(urls.iter().map(append).collect()).await }))
    };
    let somebody = Connection::open(place.path()).unwrap();
    somebody.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Two that do not fit into one group: whatever comes after them waits.
    let (_, first) = call(600);
    let (_, second) = call(600);
    let (given_up, waits) = call(1);
    let (stays, last) = call(1);
    tokio::task::yield_now().await;
    waits.abort();
    assert!(waits.await.unwrap_err().is_cancelled());
    somebody.execute_batch("ROLLBACK").unwrap();
    for call in [first, second, last] {
        assert!(call.await.unwrap().is_ok());
    }
    assert!(registry.url(ASKER, stays).await.unwrap().is_some());
    assert!(registry.url(ASKER, given_up).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn no_secret_reaches_the_disk() {
    const SECRETS: [&str; 3] = ["c3NlLWMta2V5LW9mLWEtY3VzdG9tZXIh", "FwoGZXIvYXdzEBYaD", "5ec3e7a11ce"];
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let mut one = url(&registry, &session, super::made::with_customer_key(SECRETS[0]));
    one.fingerprint = presignd::issued::Fingerprint::of(SECRETS[2]);
    registry.append(vec![super::made::under(&one, "id", 1)]).await.unwrap();
    let recorded = registry.url(ASKER, one.id).await.unwrap().unwrap().url;
    let names: Vec<_> = recorded.what.headers().unwrap().iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["x-amz-server-side-encryption-customer-algorithm"]);
    let state = place.path().parent().unwrap().to_owned();
    let look = || {
        let mut files = 0;
        for file in std::fs::read_dir(&state).unwrap().flatten() {
            let content = std::fs::read(file.path()).unwrap();
            let holds =
                |text: &str| content.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()));
            for text in SECRETS.into_iter().chain(["X-Amz-Signature", "X-Amz-Security-Token=", "customer-key\""]) {
                assert!(!holds(text), "{} holds {text}", file.path().display());
            }
            files += usize::from(holds("x-amz-server-side-encryption-customer-algorithm"));
        }
        files
    };
    assert_eq!(look(), 1, "the record stands in the log");
    registry.close().await;
    assert_eq!(look(), 1, "and then in the file");
}
