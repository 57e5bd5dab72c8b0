//! Tallies and scans, against a search that reads everything.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use presignd::issued::{Filter, IssuedUrl};
use presignd::registry::{Registry, SCAN_ROWS, SLOT_SECONDS, TALLY_PAGE, Tally, TallyFilter, slot_end, verify};
use presignd::s3::operation::Operation;
use presignd::session::{RecordId, Session};
use presignd::time::{Timestamp, Ttl};
use rusqlite::Connection;

use super::made::{ASKER, NOW, append, facts, in_bucket, name, request, url};
use super::place::Place;

/// Session, slot, bucket, uid and operation.
pub(crate) type Key = (u64, Timestamp, String, u32, &'static str);
/// URLs and their last end.
pub(crate) type Counts = BTreeMap<Key, (u64, Timestamp)>;

fn add(counts: &mut Counts, tallies: impl IntoIterator<Item = Tally>) {
    for tally in tallies {
        assert_eq!(tally.slot_to.unix() - tally.slot_from.unix(), SLOT_SECONDS);
        assert!(tally.slot_from < tally.last_end && tally.last_end <= tally.slot_to, "{tally:?}");
        let bucket = tally.bucket.to_string();
        let key = (tally.session.id.number, tally.slot_from, bucket, tally.uid, tally.operation.as_str());
        let count = counts.entry(key).or_insert((0, tally.last_end));
        *count = (count.0 + tally.urls, count.1.max(tally.last_end));
    }
}

/// What a desk does: whole slots, and the rows of the slot that is under way.
pub(crate) async fn outstanding(registry: &Registry, filter: &TallyFilter, now: Timestamp) -> Counts {
    let mut counts = Counts::new();
    let mut after = None;
    loop {
        let page = registry.tallies(ASKER, filter, now, after).await.unwrap();
        assert!(page.items.iter().all(|tally| tally.slot_from >= now));
        add(&mut counts, page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    add(&mut counts, rows(registry, &filter.clone().into(), now, slot_end(now)).await);
    counts
}

async fn rows(registry: &Registry, filter: &Filter, from: Timestamp, to: Timestamp) -> Vec<Tally> {
    let (mut tallies, mut after) = (Vec::new(), None);
    loop {
        let page = registry.slot_rows(ASKER, filter, from, to, after).await.unwrap();
        tallies.extend(page.items);
        after = page.next;
        if after.is_none() {
            return tallies;
        }
    }
}

pub(crate) fn counted<'a>(urls: impl Iterator<Item = &'a IssuedUrl>) -> Counts {
    let mut counts = Counts::new();
    for url in urls {
        let end = url.usable_until();
        let slot = Timestamp::from_unix((end.unix() - 1).div_euclid(SLOT_SECONDS) * SLOT_SECONDS);
        let bucket = url.what.bucket().as_str().to_owned();
        let key = (url.session.number, slot, bucket, url.caller.uid, url.what.operation().as_str());
        let count = counts.entry(key).or_insert((0, end));
        *count = (count.0 + 1, count.1.max(end));
    }
    counts
}

/// Records that end at, before and after the borders of slots, of three sessions, two buckets, two uids.
async fn mixed(registry: &Registry) -> (Vec<Arc<Session>>, Vec<IssuedUrl>) {
    let mut sessions = Vec::new();
    for (identity, key) in [("web", "ASIA1"), ("web", "ASIA2"), ("batch", "ASIA1")] {
        sessions.push(registry.enrol(&name(identity), facts(key)).await.unwrap());
    }
    let mut random = fastrand::Rng::with_seed(7);
    let mut make = || {
        let bucket = if random.bool() { "photos" } else { "data" };
        let what = if random.u8(..4) == 0 { super::made::asks()[1].clone() } else { in_bucket(bucket, "k") };
        let mut url = url(registry, &sessions[random.usize(..3)], what);
        url.signed_at = Timestamp::from_unix(NOW + random.i64(0..4));
        url.ttl = Ttl::new(random.u64(1..5) * 900 - random.u64(..5)).unwrap();
        url.caller.uid = random.u32(1000..1002);
        // The same uid by two programs: one tally.
        url.caller.gid = random.u32(100..102);
        url.on_behalf_of = format!("t{}", random.u8(..3));
        url
    };
    let urls: Vec<_> = (0..400).map(|_| make()).collect();
    for group in urls.chunks(150) {
        registry.append(group.iter().map(append).collect()).await.unwrap();
    }
    (sessions, urls)
}

pub(crate) async fn whole_slots_and_the_rows_of_the_one_under_way_are_what_is_outstanding(place: Place) {
    let registry = place.open().await;
    let (sessions, urls) = mixed(&registry).await;
    let filters = [
        TallyFilter::default(),
        TallyFilter { identity: Some(name("web")), ..TallyFilter::default() },
        TallyFilter { session: Some(sessions[2].id), ..TallyFilter::default() },
        TallyFilter { access_key_id: Some("ASIA1".to_owned()), uid: Some(1001), ..TallyFilter::default() },
        TallyFilter { bucket: Some("data".to_owned()), ..TallyFilter::default() },
        TallyFilter { operations: vec![Operation::ListObjectsV2], ..TallyFilter::default() },
    ];
    let matches = |filter: &TallyFilter, url: &IssuedUrl| {
        let session = sessions.iter().find(|session| session.id == url.session).unwrap();
        filter.identity.as_ref().is_none_or(|identity| *identity == session.identity)
            && filter.session.is_none_or(|id| id == session.id)
            && filter.access_key_id.as_ref().is_none_or(|key| *key == session.facts.access_key_id)
            && filter.bucket.as_ref().is_none_or(|bucket| bucket == url.what.bucket().as_str())
            && filter.uid.is_none_or(|uid| uid == url.caller.uid)
            && (filter.operations.is_empty() || filter.operations.contains(&url.what.operation()))
    };
    for seconds in [0, 1, 449, 895, 899, 900, 901, 1805, 3599, 3600, 3603, 3604] {
        let now = Timestamp::from_unix(NOW + seconds);
        for filter in &filters {
            let wanted = counted(urls.iter().filter(|url| url.usable_until() > now && matches(filter, url)));
            assert_eq!(outstanding(&registry, filter, now).await, wanted, "{seconds} {filter:?}");
        }
    }
    let nobody = [
        TallyFilter { bucket: Some("none".to_owned()), ..TallyFilter::default() },
        TallyFilter { session: Some(RecordId { number: 9, ..sessions[0].id }), ..TallyFilter::default() },
    ];
    for filter in &nobody {
        assert_eq!(outstanding(&registry, filter, Timestamp::from_unix(NOW)).await, Counts::new());
    }
}

pub(crate) async fn rows_are_counted_by_what_tallies_do_not_tell(place: Place) {
    let registry = place.open().await;
    let (_, urls) = mixed(&registry).await;
    let (from, to) = (Timestamp::from_unix(NOW + 100), Timestamp::from_unix(NOW + 2000));
    let filter = Filter { on_behalf_of: Some("t1".to_owned()), ..Filter::default() };
    assert_eq!(TallyFilter::of(&filter), None);
    let wanted: Vec<_> = urls
        .iter()
        .filter(|url| url.on_behalf_of == "t1" && url.usable_until() > from && url.usable_until() <= to)
        .collect();
    assert!(wanted.len() > 20);
    let mut found = Counts::new();
    add(&mut found, rows(&registry, &filter, from, to).await);
    assert_eq!(found, counted(wanted.into_iter()));
}

pub(crate) async fn tallies_come_in_pages_without_gap_or_repetition(place: Place) {
    let (registry, session) = place.with_session().await;
    let buckets = TALLY_PAGE / 600 + 1;
    let mut urls = Vec::new();
    for slot in 1..=600 {
        for bucket in 0..buckets {
            let mut url = url(&registry, &session, in_bucket(&format!("bucket-{bucket}"), "k"));
            url.ttl = Ttl::new(slot * 900).unwrap();
            urls.push(url);
        }
    }
    for group in urls.chunks(1000) {
        registry.append(group.iter().map(append).collect()).await.unwrap();
    }
    let now = Timestamp::from_unix(NOW);
    let first = registry.tallies(ASKER, &TallyFilter::default(), now, None).await.unwrap();
    assert_eq!(first.items.len(), TALLY_PAGE);
    let second = registry.tallies(ASKER, &TallyFilter::default(), now, first.next).await.unwrap();
    assert_eq!((second.items.len(), second.next), (urls.len() - TALLY_PAGE, None));
    let mut found = Counts::new();
    add(&mut found, first.items.into_iter().chain(second.items));
    assert_eq!(found, counted(urls.iter()));
}

pub(crate) async fn tallies_of_slots_that_have_passed_are_dropped(place: Place) {
    let registry = place.open().await;
    let (_, urls) = mixed(&registry).await;
    // An hour for a clock that is set back, and another that nobody needs.
    tokio::time::advance(std::time::Duration::from_secs(1900 + 3600)).await;
    while registry.forget_ended().await.unwrap().is_behind {}
    registry.close().await;
    let file = Connection::open(place.path()).unwrap();
    let slots = "SELECT min(slot), count(DISTINCT session) FROM tallies";
    let slots: (i64, i64) = file.query_row(slots, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(slots, (NOW / SLOT_SECONDS + 2, 3));
    drop(file);
    assert_eq!(verify(&place.path()).unwrap().problems, [""; 0]);
    let registry = place.open().await;
    let now = Timestamp::from_unix(NOW + 1900);
    let wanted = counted(urls.iter().filter(|url| url.usable_until() > now));
    assert_eq!(outstanding(&registry, &TallyFilter::default(), now).await, wanted);
}

/// All that a scan finds, page by page.
async fn scanned(registry: &Registry, filter: &Filter, limit: usize) -> Vec<u64> {
    let (mut numbers, mut after) = (Vec::new(), None);
    loop {
        let page = registry.scan(ASKER, filter, after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        numbers.extend(page.items.iter().map(|record| record.url.id.number));
        after = page.next;
        if after.is_none() {
            return numbers;
        }
    }
}

pub(crate) async fn a_scan_finds_each_match_once_in_the_order_of_ends(place: Place) {
    let registry = place.open().await;
    let (sessions, urls) = mixed(&registry).await;
    let filters = [
        Filter::default(),
        Filter { usable_after: Some(Timestamp::from_unix(NOW + 900)), ..Filter::default() },
        Filter { session: Some(sessions[1].id), uid: Some(1000), ..Filter::default() },
        Filter { bucket: Some("photos".to_owned()), key_prefix: Some("k".to_owned()), ..Filter::default() },
        Filter { signed_from: Some(Timestamp::from_unix(NOW + 2)), ..Filter::default() },
        Filter {
            signed_before: Some(Timestamp::from_unix(NOW + 2)),
            on_behalf_of: Some("t2".to_owned()),
            ..Filter::default()
        },
        Filter { operations: vec![Operation::ListObjectsV2], ..Filter::default() },
    ];
    let place_of = |number: &u64| {
        let url = urls.iter().find(|url| url.id.number == *number).unwrap();
        (url.usable_until(), *number)
    };
    for filter in filters {
        let mut wanted = super::place::numbers(&registry, filter.clone()).await;
        wanted.sort_by_key(place_of);
        assert!(wanted.len() > 20, "{filter:?}");
        for limit in [1, 7, 1000] {
            assert_eq!(scanned(&registry, &filter, limit).await, wanted, "{filter:?}");
        }
        assert_eq!(registry.count(ASKER, &filter).await.unwrap(), wanted.len() as u64);
    }
    let none = Filter { session: Some(RecordId { number: 9, ..sessions[0].id }), ..Filter::default() };
    assert_eq!(scanned(&registry, &none, 10).await, [0_u64; 0]);
    assert_eq!(registry.count(ASKER, &none).await.unwrap(), 0);
}

pub(crate) async fn a_scan_goes_on_after_what_is_written_meanwhile(place: Place) {
    let (registry, session) = place.with_session().await;
    let make = |seconds: u64| {
        let mut url = url(&registry, &session, request("k"));
        url.ttl = Ttl::new(seconds).unwrap();
        url
    };
    let urls: Vec<_> = [100, 200, 200, 300].map(make).into();
    registry.append(urls.iter().map(append).collect()).await.unwrap();
    let filter = Filter::default();
    let page = registry.scan(ASKER, &filter, None, 2).await.unwrap();
    assert_eq!(page.items.last().unwrap().url, urls[1]);
    let (before, same, later) = (make(50), make(200), make(250));
    registry.append([&before, &same, &later].map(append).into()).await.unwrap();
    let rest = registry.scan(ASKER, &filter, page.next, 10).await.unwrap();
    let numbers: Vec<_> = rest.items.iter().map(|record| record.url.id.number).collect();
    assert_eq!(numbers, [3, same.id.number, later.id.number, 4]);
}

/// As when all URLs of a session end with it.
#[tokio::test(start_paused = true)]
async fn a_scan_gets_through_more_rows_of_one_second_than_a_page_looks_at() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let first = url(&registry, &session, request("k"));
    registry.append(vec![append(&first)]).await.unwrap();
    registry.close().await;
    let copies = SCAN_ROWS as u64 * 2;
    let file = Connection::open(place.path()).unwrap();
    file.execute_batch(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= {copies}) \
         INSERT INTO urls SELECT i, session, signed_at, expires_in, usable_until, limited_by, operation, method, \
         bucket, key, query, headers, form, addressing, region, host, tagged, fingerprint, caller, pid, \
         CASE WHEN i IN (60000, 60001, {copies}) THEN 'rare' ELSE '' END, labels, replaces FROM n, urls; \
         UPDATE sessions SET urls_issued = {copies} + 1, last_url = {copies} + 1; \
         UPDATE registry SET summed_up_to = {copies} + 1"
    ))
    .unwrap();
    drop(file);
    let registry = place.open().await;
    let last = url(&registry, &session, request("k"));
    let last = IssuedUrl { on_behalf_of: "rare".to_owned(), ttl: Ttl::new(3601).unwrap(), ..last };
    registry.append(vec![append(&last)]).await.unwrap();
    let rare = Filter { on_behalf_of: Some("rare".to_owned()), ..Filter::default() };
    for limit in [1, 10] {
        assert_eq!(scanned(&registry, &rare, limit).await, [60_000, 60_001, copies, last.id.number]);
    }
    assert_eq!(registry.count(ASKER, &Filter::default()).await.unwrap(), copies + 2);
    let all = rows(&registry, &Filter::default(), Timestamp::from_unix(NOW), last.usable_until()).await;
    assert_eq!(all.iter().map(|tally| tally.urls).sum::<u64>(), copies + 2);
    let until_the_second = rows(&registry, &Filter::default(), Timestamp::EPOCH, first.usable_until()).await;
    assert_eq!(until_the_second.iter().map(|tally| tally.urls).sum::<u64>(), copies + 1);
}

/// Hosts of `photos`, with their regions.
async fn led(registry: &Registry) -> Vec<String> {
    let led = registry.led(ASKER, "photos").await.unwrap();
    led.into_iter().map(|led| format!("{} {}", led.host, led.region)).collect()
}

pub(crate) async fn tells_where_urls_of_a_bucket_lead_as_long_as_any_may_live(place: Place) {
    let (registry, session) = place.with_session().await;
    let to = |host: &str| IssuedUrl { host: host.to_owned(), ..url(&registry, &session, request("k")) };
    for host in ["a.example", "a.example", "b.example"] {
        registry.append(vec![append(&to(host))]).await.unwrap();
    }
    let attic = IssuedUrl { host: "c.example".to_owned(), ..url(&registry, &session, in_bucket("attic", "k")) };
    registry.append(vec![append(&attic)]).await.unwrap();
    let region = attic.region.as_str();
    let both = ["a.example", "b.example"].map(|host| format!("{host} {region}"));
    assert_eq!(led(&registry).await, both);
    registry.close().await;
    let registry = place.open().await;
    assert_eq!(led(&registry).await, both);
    registry.append(vec![append(&IssuedUrl { id: registry.next_url_id(), ..to("b.example") })]).await.unwrap();
    tokio::time::advance(Duration::from_secs(6 * 86_400)).await;
    let late =
        IssuedUrl { signed_at: Timestamp::from_unix(NOW + 6 * 86_400), id: registry.next_url_id(), ..to("b.example") };
    registry.append(vec![append(&late)]).await.unwrap();
    tokio::time::advance(Duration::from_secs(4 * 86_400)).await;
    assert_eq!(led(&registry).await, both[1..], "ten days ago somebody signed for the other");
    while registry.forget_ended().await.unwrap().is_behind {}
    assert_eq!(led(&registry).await, both[1..]);
}
