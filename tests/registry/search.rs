//! The search file beside the registry: it never changes an answer, and whatever happens to it is no error.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use presignd::issued::{Filter, Fingerprint, IssuedUrl};
use presignd::registry::{Options, Pace, Registry, ScanPlace, backup};
use presignd::session::{RecordId, Session};
use presignd::telemetry::Metrics;
use presignd::time::{Timestamp, Ttl};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rusqlite::Connection;

use super::filters::{draft, filter, finish, matches};
use super::made::{ASKER, NOW, append, facts, in_bucket, name, url};
use super::place::{Place, metrics};

/// Records in a run.
const RUN: usize = 64;
const QUICK: Pace = Pace { run: RUN, look_every: Duration::from_millis(2) };
/// Looks once, and then no more while a test runs.
const ONCE: Pace = Pace { run: RUN, look_every: Duration::from_secs(86_400) };
/// Never has enough for a run.
const NEVER: Pace = Pace { run: 1 << 40, look_every: Duration::from_secs(86_400) };

/// Bytes of SQLite's pages.
const PAGE: usize = 4096;

/// A registry, and all that was put into it.
struct World {
    place: Place,
    metrics: Arc<Metrics>,
    registry: Registry,
    sessions: Vec<Arc<Session>>,
    urls: Vec<IssuedUrl>,
    runner: TestRunner,
}

impl World {
    async fn new(pace: Pace) -> Self {
        let place = Place::new();
        let (registry, metrics) = open(&place, pace).await;
        let mut sessions = Vec::new();
        for (identity, key) in [("web", "ASIA1"), ("web", "ASIA2"), ("batch", "ASIA1")] {
            sessions.push(registry.enrol(&name(identity), facts(key)).await.unwrap());
        }
        Self { place, metrics, registry, sessions, urls: Vec::new(), runner: TestRunner::deterministic() }
    }

    async fn reopen(&mut self, pace: Pace) {
        self.registry.close().await;
        (self.registry, self.metrics) = open(&self.place, pace).await;
    }

    fn file(&self) -> PathBuf {
        self.place.path().with_file_name("registry.db-search")
    }

    fn make(&mut self) -> IssuedUrl {
        let mut url = finish(&self.registry, &self.sessions, draft().new_tree(&mut self.runner).unwrap().current());
        // As signatures differ.
        url.fingerprint = Fingerprint(fastrand::u128(..).to_be_bytes());
        url
    }

    async fn add(&mut self, records: usize) {
        let urls: Vec<IssuedUrl> = (0..records).map(|_| self.make()).collect();
        self.registry.append(urls.iter().map(append).collect()).await.unwrap();
        self.urls.extend(urls);
    }

    /// Until a run is lacking, and that is all that is.
    fn until_built(&self) {
        let newest = self.urls.iter().map(|url| url.id.number).max().unwrap();
        until(|| last_of(&self.file()).is_some_and(|last| newest - last < RUN as u64));
    }

    /// Every kind of question, by filters drawn by lot, against a search that reads everything. Tells how many questions the
    /// search file helped with.
    async fn ask(&mut self, filters: usize) -> u64 {
        let before = self.metrics.registry_searched.get();
        for _ in 0..filters {
            let mut filter = filter().new_tree(&mut self.runner).unwrap().current();
            filter.session.iter_mut().for_each(|id| id.instance = self.registry.instance());
            self.ask_one(&filter).await;
        }
        self.metrics.registry_searched.get() - before
    }

    async fn ask_one(&self, filter: &Filter) {
        let session = |url: &IssuedUrl| self.sessions.iter().find(|session| session.id == url.session).unwrap();
        let mut wanted: Vec<&IssuedUrl> = self.urls.iter().filter(|url| matches(filter, url, session(url))).collect();
        wanted.sort_by_key(|url| (url.usable_until(), url.id.number));
        let numbers: Vec<u64> = wanted.iter().map(|url| url.id.number).collect();
        assert_eq!(scanned(&self.registry, filter).await, numbers, "scan {filter:?}");
        assert_eq!(self.registry.count(ASKER, filter).await.unwrap(), numbers.len() as u64, "count {filter:?}");
        assert_eq!(tallied(&self.registry, filter).await, ends_of(&wanted), "tallies {filter:?}");
        let mut newest = numbers;
        newest.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(listed(&self.registry, filter).await, newest, "list {filter:?}");
    }
}

async fn open(place: &Place, search: Pace) -> (Registry, Arc<Metrics>) {
    let metrics = metrics();
    let options = Options { search, ..place.options() };
    (Registry::open(options, place.clock.clone(), metrics.clone()).await.unwrap(), metrics)
}

/// In pages of nine.
async fn scanned(registry: &Registry, filter: &Filter) -> Vec<u64> {
    let (mut numbers, mut after) = (Vec::new(), None);
    loop {
        let page = registry.scan(ASKER, filter, after, 9).await.unwrap();
        numbers.extend(page.items.iter().map(|record| record.url.id.number));
        after = page.next;
        if after.is_none() {
            return numbers;
        }
    }
}

/// In pages of nine.
async fn listed(registry: &Registry, filter: &Filter) -> Vec<u64> {
    let (mut numbers, mut after) = (Vec::<u64>::new(), None);
    loop {
        let page = registry.list(ASKER, filter.clone(), 9, after).await.unwrap();
        numbers.extend(page.iter().map(|record| record.url.id.number));
        if page.len() < 9 {
            return numbers;
        }
        after = page.last().map(|record| record.url.id);
    }
}

/// URLs by session and bucket, of the ends in the middle.
async fn tallied(registry: &Registry, filter: &Filter) -> BTreeMap<(RecordId, String), u64> {
    let (from, to) = (Timestamp::from_unix(NOW + 2), Timestamp::from_unix(NOW + 6));
    let mut counts = BTreeMap::new();
    let mut after = None;
    loop {
        let page = registry.slot_rows(ASKER, filter, from, to, after).await.unwrap();
        for tally in page.items {
            *counts.entry((tally.session.id, tally.bucket.to_string())).or_default() += tally.urls;
        }
        after = page.next;
        if after.is_none() {
            return counts;
        }
    }
}

fn ends_of(urls: &[&IssuedUrl]) -> BTreeMap<(RecordId, String), u64> {
    let mut counts = BTreeMap::new();
    for url in urls.iter().filter(|url| (NOW + 3..=NOW + 6).contains(&url.usable_until().unix())) {
        *counts.entry((url.session, url.what.bucket().as_str().to_owned())).or_default() += 1;
    }
    counts
}

/// What the search file has come to; `None` where there is none that can be read.
fn last_of(file: &Path) -> Option<u64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let last: i64 = Connection::open_with_flags(file, flags)
        .and_then(|file| file.query_row("SELECT last FROM search", [], |row| row.get(0)))
        .ok()?;
    Some(last.cast_unsigned())
}

/// Where the tables begin that questions go by.
fn pages_of_questions(file: &Path) -> Vec<u64> {
    let file = Connection::open(file).unwrap();
    let mut pages = file.prepare("SELECT rootpage FROM sqlite_master WHERE name IN ('keys', 'lists')").unwrap();
    let pages = pages.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    pages.map(|page| (page.unwrap() - 1).cast_unsigned() * PAGE as u64).collect()
}

fn spoil(file: &Path, places: &[u64]) {
    let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    for at in places {
        file.write_all_at(&[0xa5; PAGE], *at).unwrap();
    }
}

fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if is_so() {
            return;
        }
        // Another thread builds, and the runtime's time stands still here.
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it is not so after five minutes");
}

#[tokio::test(start_paused = true)]
async fn answers_are_the_same_with_a_search_file_and_without() {
    let mut world = World::new(NEVER).await;
    world.add(300).await;
    assert_eq!(world.ask(100).await, 0, "there is none");
    assert!(!world.file().exists());

    world.reopen(QUICK).await;
    world.until_built();
    assert_eq!(last_of(&world.file()), Some(256), "four runs of 64");
    assert!(world.ask(200).await > 200);
    assert_eq!(std::fs::metadata(world.file()).unwrap().permissions().mode() & 0o777, 0o600);

    world.add(200).await;
    world.ask(60).await;
    world.until_built();
    assert!(world.ask(60).await > 60);

    // What an earlier life built is used, and what came since is scanned.
    world.reopen(ONCE).await;
    until(|| world.metrics.registry_search_behind.get() > 0);
    world.add(50).await;
    assert!(world.ask(60).await > 60);
}

#[tokio::test(start_paused = true)]
async fn a_search_file_that_is_taken_away_or_spoilt_is_made_anew_and_nobody_notices() {
    let mut world = World::new(QUICK).await;
    world.add(300).await;
    world.until_built();
    std::fs::remove_file(world.file()).unwrap();
    world.ask(30).await;
    until(|| world.file().exists());
    world.until_built();
    assert!(world.ask(30).await > 30);

    // Spoilt where only questions look: the first that meets it is answered all the same.
    world.registry.close().await;
    spoil(&world.file(), &pages_of_questions(&world.file()));
    (world.registry, world.metrics) = open(&world.place, QUICK).await;
    until(|| world.metrics.registry_search_behind.get() > 0);
    let spoilt = std::fs::metadata(world.file()).unwrap().len();
    while world.metrics.registry_errors.with_label_values(&["search"]).get() == 0 {
        world.ask(1).await;
    }
    until(|| std::fs::metadata(world.file()).is_ok_and(|file| file.len() != spoilt));
    world.until_built();
    assert!(world.ask(30).await > 30);

    // Spoilt at its head.
    world.registry.close().await;
    spoil(&world.file(), &[0]);
    (world.registry, world.metrics) = open(&world.place, QUICK).await;
    world.ask(30).await;
    world.until_built();
    assert!(world.ask(30).await > 30);
    assert!(world.registry.is_writable());
}

#[tokio::test(start_paused = true)]
async fn a_search_file_that_cannot_be_written_makes_questions_slower_and_fails_none() {
    let mut world = World::new(NEVER).await;
    world.add(300).await;
    world.registry.close().await;
    std::fs::create_dir(world.file()).unwrap();
    world.reopen(QUICK).await;
    until(|| world.metrics.registry_errors.with_label_values(&["search"]).get() > 1);
    world.add(50).await;
    assert_eq!(world.ask(60).await, 0);
    assert!(world.registry.is_writable());
    std::fs::remove_dir(world.file()).unwrap();
    world.until_built();
    assert!(world.ask(60).await > 60);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_after_its_run_was_built_is_found() {
    let mut world = World::new(QUICK).await;
    world.add(10).await;
    let late = world.make();
    world.add(300).await;
    world.until_built();
    assert!(world.ask(30).await > 30);
    world.registry.append(vec![append(&late)]).await.unwrap();
    world.urls.push(late.clone());
    let key = Filter { bucket: Some(late.what.bucket().as_str().to_owned()), ..Filter::default() };
    world.ask_one(&key).await;
    world.ask(30).await;
    world.until_built();
    assert!(world.ask(60).await > 60);
    world.ask_one(&key).await;
}

/// A copy in the registry's place, beside the search file of what it was. Only one that `backup` has made leaves out what was
/// given out since, so that nothing in that file can be taken for another.
#[tokio::test(start_paused = true)]
async fn a_search_file_of_another_history_misleads_nobody() {
    for (is_ours, passes_the_old_end_unseen) in [(true, false), (false, false), (false, true)] {
        let mut world = World::new(QUICK).await;
        world.add(100).await;
        let copy = world.place.directory.path().join("copy.db");
        if is_ours {
            backup(&world.place.path(), &copy, &AtomicBool::new(false)).unwrap();
        } else {
            let file = Connection::open(world.place.path()).unwrap();
            file.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        }
        let then = world.urls.clone();
        world.add(200).await;
        world.until_built();
        world.registry.close().await;
        let (search, aside) = (world.file(), world.place.directory.path().join("aside"));
        for gone in ["registry.db", "registry.db-wal", "registry.db-shm", "registry.db-search-wal"] {
            let _ = std::fs::remove_file(world.place.path().with_file_name(gone));
        }
        std::fs::rename(&copy, world.place.path()).unwrap();
        world.urls = then;
        if passes_the_old_end_unseen {
            // By a version that knows of no search file.
            std::fs::rename(&search, &aside).unwrap();
            (world.registry, world.metrics) = open(&world.place, NEVER).await;
            world.add(300).await;
            world.registry.close().await;
            std::fs::rename(&aside, &search).unwrap();
        }
        (world.registry, world.metrics) = open(&world.place, QUICK).await;
        if !is_ours {
            until(|| last_of(&search) != Some(256));
        }
        world.add(300).await;
        world.ask(60).await;
        world.until_built();
        assert!(world.ask(60).await > 60);
    }
}

#[tokio::test(start_paused = true)]
async fn runs_go_when_all_their_records_are_forgotten() {
    let mut world = World::new(QUICK).await;
    let session = world.sessions[0].clone();
    let long = |world: &World, number: usize| {
        let mut url = url(&world.registry, &session, in_bucket("photos", &format!("k{number}")));
        url.ttl = Ttl::new(if number < 100 { 60 } else { 7200 }).unwrap();
        url
    };
    let urls: Vec<IssuedUrl> = (0..200).map(|number| long(&world, number)).collect();
    world.registry.append(urls.iter().map(append).collect()).await.unwrap();
    world.urls = urls;
    world.until_built();
    let runs = |world: &World| {
        let count = |file: Connection| file.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0));
        Connection::open(world.file()).and_then(count).unwrap()
    };
    assert_eq!(runs(&world), 3);
    tokio::time::advance(Duration::from_secs(3600 + 61)).await;
    while world.registry.forget_ended().await.unwrap().urls > 0 {}
    world.urls.drain(..100);
    let prefix = Filter { bucket: Some("photos".into()), key_prefix: Some("k".into()), ..Filter::default() };
    world.ask_one(&prefix).await;
    until(|| runs(&world) == 2);
    world.ask_one(&prefix).await;
    let after = ScanPlace::behind(Timestamp::from_unix(NOW + 7200));
    assert!(world.registry.scan(ASKER, &prefix, Some(after), 10).await.unwrap().items.is_empty());
}
