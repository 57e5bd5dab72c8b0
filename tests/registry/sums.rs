//! The sums of sessions and tallies lag behind the records on disk, and nobody sees it: whoever asks gets what the records say,
//! whenever the daemon dies, and in whatever order numbers come.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use presignd::issued::{Filter, IssuedUrl};
use presignd::registry::{Error, Options, Registry, TallyFilter, verify};
use presignd::session::Session;
use presignd::time::{Timestamp, Ttl};
use rusqlite::Connection;

use super::made::{ASKER, NOW, append, facts, in_bucket, name, request, url};
use super::place::{Place, metrics, numbers};
use super::tallies::{counted, outstanding};

/// Records of two sessions, numbered in order and coming in none.
fn make(registry: &Registry, sessions: &[Arc<Session>], random: &mut fastrand::Rng) -> Vec<IssuedUrl> {
    let mut one = || {
        let bucket = if random.bool() { "photos" } else { "data" };
        let mut url = url(registry, &sessions[random.usize(..2)], in_bucket(bucket, "k"));
        url.ttl = Ttl::new(random.u64(2..8) * 700).unwrap();
        url.caller.uid = random.u32(1000..1003);
        url
    };
    let mut urls: Vec<_> = (0..4000).map(|_| one()).collect();
    urls.chunks_mut(300).for_each(|near| random.shuffle(near));
    // Some come when the sums have long passed their numbers.
    for _ in 0..20 {
        let late = urls.remove(random.usize(..1000));
        urls.push(late);
    }
    urls
}

/// What a kill leaves behind at this moment.
fn killed(place: &Place, at: usize) -> std::path::PathBuf {
    let copy = place.directory.path().join(format!("killed-{at}.db"));
    std::fs::copy(place.path(), &copy).unwrap();
    std::fs::copy(place.path().with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    copy
}

fn lag(path: &Path) -> i64 {
    let sql = "SELECT count(*) FROM urls WHERE number > (SELECT summed_up_to FROM registry)";
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

async fn says_what_its_records_say(registry: &Registry, urls: &[IssuedUrl]) {
    let now = Timestamp::from_unix(NOW);
    let wanted = counted(urls.iter());
    assert_eq!(outstanding(registry, &TallyFilter::default(), now).await, wanted);
    let own = TallyFilter { uid: Some(1001), bucket: Some("data".to_owned()), ..TallyFilter::default() };
    let meant = |url: &&IssuedUrl| url.caller.uid == 1001 && url.what.bucket().as_str() == "data";
    assert_eq!(outstanding(registry, &own, now).await, counted(urls.iter().filter(meant)));
    let mut sums: HashMap<u64, (u64, Option<Timestamp>)> = HashMap::new();
    for url in urls {
        let sum = sums.entry(url.session.number).or_default();
        *sum = (sum.0 + 1, sum.1.max(Some(url.usable_until())));
    }
    for row in registry.sessions(ASKER, None).await.unwrap() {
        let sum = sums.remove(&row.session.id.number).unwrap_or_default();
        assert_eq!((row.outstanding, row.last_url_ends_at), sum);
    }
    assert_eq!(sums.len(), 0);
    let mut newest: Vec<_> = urls.iter().map(|url| url.id.number).collect();
    newest.sort_unstable_by(|one, other| other.cmp(one));
    newest.truncate(1000);
    assert_eq!(numbers(registry, Filter::default()).await, newest);
    let later = Filter { usable_after: Some(now + Duration::from_secs(4800)), ..Filter::default() };
    let ends_later = urls.iter().filter(|url| url.usable_until() > now + Duration::from_secs(4800)).count();
    assert_eq!(registry.count(ASKER, &later).await.unwrap(), ends_later as u64);
}

#[tokio::test(start_paused = true)]
async fn totals_are_those_of_the_records_after_a_kill_at_any_record() {
    let place = Place::new();
    let registry = place.open().await;
    let mut sessions = Vec::new();
    for key in ["ASIA1", "ASIA2"] {
        sessions.push(registry.enrol(&name("web"), facts(key)).await.unwrap());
    }
    let mut random = fastrand::Rng::with_seed(11);
    let urls = make(&registry, &sessions, &mut random);
    let (mut written, mut lags) = (0, Vec::new());
    while written < urls.len() {
        let group = random.usize(1..200).min(urls.len() - written);
        registry.append(urls[written..written + group].iter().map(append).collect()).await.unwrap();
        written += group;
        if random.u8(..4) == 0 || written == urls.len() {
            says_what_its_records_say(&registry, &urls[..written]).await;
            let copy = killed(&place, written);
            lags.push(lag(&copy));
            assert_eq!(verify(&copy).unwrap().problems, [""; 0], "killed after {written}");
            let again = Registry::open(Options::at(&copy), place.clock.clone(), metrics()).await.unwrap();
            says_what_its_records_say(&again, &urls[..written]).await;
            // It goes on from there, and an orderly end leaves nothing to be added.
            again.close().await;
            assert_eq!((lag(&copy), verify(&copy).unwrap().problems), (0, Vec::new()), "killed after {written}");
        }
    }
    assert!(lags.iter().any(|lag| *lag > 500) && lags.iter().all(|lag| *lag < 1024 + 200), "{lags:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_was_added_to_the_totals_first() {
    let (place, ends) = (Place::new(), 60);
    let (registry, session) = place.with_session().await;
    let made = |life: u64| IssuedUrl { ttl: Ttl::new(life).unwrap(), ..url(&registry, &session, request("k")) };
    let urls = [made(ends), made(ends), made(7200)];
    registry.append(urls.iter().map(append).collect()).await.unwrap();
    tokio::time::advance(Duration::from_secs(3600 + ends + 1)).await;
    assert_eq!(registry.forget_ended().await.unwrap().urls, 2);
    assert_eq!(lag(&place.path()), 0);
    let copy = killed(&place, 0);
    assert_eq!(verify(&copy).unwrap().problems, [""; 0]);
    assert_eq!(registry.sessions(ASKER, None).await.unwrap()[0].outstanding, 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_alone_writes_the_pages_of_its_row_and_its_two_indexes_and_no_other() {
    let (place, mut pages) = (Place::new(), Vec::new());
    let (registry, session) = place.with_session().await;
    let log = || std::fs::metadata(place.path().with_extension("db-wal")).unwrap().len();
    for _ in 0..200 {
        let before = log();
        registry.append(vec![append(&url(&registry, &session, request("k")))]).await.unwrap();
        pages.push((log() - before) / (4096 + 24));
    }
    pages.sort_unstable();
    // A full page is split now and then.
    assert_eq!((pages[0], pages[100]), (3, 3), "{pages:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_adds_nothing_to_the_totals() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let one = |what: &str| url(&registry, &session, request(what));
    let (good, mut foreign) = (one("a"), one("b"));
    foreign.session.number += 1;
    let refused = registry.append(vec![append(&good), append(&foreign)]).await;
    assert!(matches!(refused, Err(Error::Unknown(_))), "{refused:?}");
    let kept = one("c");
    registry.append(vec![append(&kept)]).await.unwrap();
    says_what_its_records_say(&registry, &[kept]).await;
    registry.close().await;
    assert_eq!((lag(&place.path()), verify(&place.path()).unwrap().problems), (0, Vec::new()));
}
