//! What impact costs on a registry of a million outstanding URLs, beside a plain count by SQLite in the same run: a figure
//! alone says as much of the machine as of the program. `cargo bench --bench impact`, or with another number of URLs
//! behind `--`.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to tell")]

#[path = "yardstick/mod.rs"]
mod yardstick;

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use presignd::assess::{Assessor, Question};
use presignd::clock::Clock;
use presignd::impact::event::{Event, Object, Policy, Principal, SETTLES_WITHIN, Statement, What};
use presignd::issued::Filter;
use presignd::registry::{Append, MAX_ROWS, Registry};
use presignd::session::CredentialKind;
use presignd::time::Timestamp;

use yardstick::records::{enrol, open, url};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let urls = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let directory = tempfile::tempdir().unwrap();
    let (path, clock) = (directory.path().join("registry.db"), Clock::system());
    let registry = open(&path, &clock, false).await;
    let begun = clock.monotonic();
    fill(&registry, &clock, urls).await;
    println!("{urls} URLs recorded in {:.1?}, {} MB\n", clock.monotonic() - begun, size(&path) >> 20);

    let desk = Assessor::new(registry.clone(), clock.clone());
    let plain = measure(&clock, async || count(&path, clock.now(), KEY)).await;
    let told = |name: &str, urls: u64, took: Duration| {
        println!("{name:<58} {urls:>9} {took:>10.1?} {:>7.2}", took.as_secs_f64() / plain.1.as_secs_f64());
    };
    println!("{:<58} {:>9} {:>10} {:>7}", "", "URLs", "time", "ratio");
    told("SELECT count(*) of that key's outstanding URLs", plain.0, plain.1);
    for (name, what, by_on_behalf_of) in questions() {
        let event = Event { at: clock.now(), settles_within: SETTLES_WITHIN, endpoint: None, what };
        let question = Question { uid: 0, event, filter: Filter::default(), by_on_behalf_of };
        let (touched, took) = measure(&clock, async || {
            let totals = desk.assess(&question).await.unwrap().report.totals();
            totals.ends + totals.may_end
        })
        .await;
        told(name, touched, took);
    }
    let one = registry.list(0, Filter::default(), 1, None).await.unwrap().remove(0);
    let (ways, took) = measure(&clock, async || {
        u64::try_from(desk.contain(0, &one, 0, None).await.unwrap().containments.len()).unwrap()
    })
    .await;
    told("contain one URL (ways, each with its price)", ways, took);

    let event = Event { at: clock.now(), settles_within: SETTLES_WITHIN, endpoint: None, what: key_deleted() };
    let question = Question { uid: 0, event, filter: Filter::default(), by_on_behalf_of: false };
    let (before, begun) = (peak_memory(), clock.monotonic());
    let mut list = Box::pin(desk.list(question, true).await.unwrap());
    let mut listed = 0_u64;
    while let Some(one) = list.next().await {
        one.unwrap();
        listed += 1;
    }
    told("list everything, with what lives", listed, clock.monotonic() - begun);
    println!("\npeak memory before the list {before} MB, after it {} MB", peak_memory());
}

/// The median of five, and what the last of them found.
async fn measure(clock: &Clock, mut work: impl AsyncFnMut() -> u64) -> (u64, Duration) {
    let (mut times, mut found) = (Vec::new(), 0);
    for _ in 0..5 {
        let begun = clock.monotonic();
        found = work().await;
        times.push(clock.monotonic() - begun);
    }
    times.sort_unstable();
    (found, times[2])
}

/// What anybody would ask SQLite who has no tallies.
fn count(path: &Path, now: Timestamp, key: &str) -> u64 {
    let sql = "SELECT count(*) FROM urls WHERE usable_until > ?1 \
               AND session IN (SELECT number FROM sessions WHERE access_key_id = ?2)";
    let connection = rusqlite::Connection::open(path).unwrap();
    let urls: i64 = connection.query_row(sql, (now.unix(), key), |row| row.get(0)).unwrap();
    urls.unsigned_abs()
}

fn key_deleted() -> What {
    What::KeyDeleted { access_key_id: KEY.to_owned() }
}

fn questions() -> Vec<(&'static str, What, bool)> {
    let statement = Statement {
        policy: Policy::Bucket,
        principal_arn: String::new(),
        userid: String::new(),
        bucket: "bucket-3".to_owned(),
        key_prefix: String::new(),
        key: String::new(),
        actions: vec!["s3:GetObject".to_owned()],
    };
    let role = Principal { arn: ROLE.to_owned(), unique_id: String::new() };
    let object = Object {
        bucket: "bucket-3".to_owned(),
        key: "folder/3/object-3.jpg".to_owned(),
        version_id: String::new(),
        is_versioned: Some(false),
    };
    let denied = |statement: &Statement, signature_age: Option<Duration>| What::Denied {
        statement: statement.clone(),
        issued_before: None,
        signature_age,
    };
    let below = Statement { key_prefix: "folder/3/".to_owned(), ..statement.clone() };
    vec![
        ("key deleted", key_deleted(), false),
        ("role deleted", What::RoleDeleted(role), false),
        ("Deny on a bucket", denied(&statement, None), false),
        ("Deny below a prefix (reads the URLs below it)", denied(&below, None), false),
        ("object deleted (reads the URLs of that key)", What::ObjectDeleted(object), false),
        (
            "Deny of old signatures on a bucket (reads its URLs)",
            denied(&statement, Some(Duration::from_secs(600))),
            false,
        ),
        ("Deny on a bucket, by on_behalf_of (reads its URLs)", denied(&statement, None), true),
    ]
}

/// Two fifths of a user's key for up to seven days, the rest of fifty role sessions for up to twelve hours; twenty
/// buckets, ten callers, a thousand tenants.
async fn fill(registry: &Registry, clock: &Clock, urls: u64) {
    let now = clock.now();
    let mut sessions = vec![enrol(registry, "key", CredentialKind::LongTermKey, KEY.to_owned(), None, now).await];
    for number in 0..50 {
        let ends_at = Some(now + Duration::from_secs(43_200));
        sessions
            .push(enrol(registry, "web", CredentialKind::AssumeRole, format!("ASIA{number:016}"), ends_at, now).await);
    }
    let mut batch = Vec::with_capacity(MAX_ROWS);
    for number in 0..urls {
        let role = number % 5 >= 2;
        let session = if role { &sessions[1 + usize::try_from(number / 5 % 50).unwrap()] } else { &sessions[0] };
        let life = 60 + (number * 7919) % if role { 43_000 } else { 604_000 };
        batch.push(Append { url: url(registry, session, now, number, life), request: None });
        if batch.len() == MAX_ROWS || number + 1 == urls {
            registry.append(std::mem::take(&mut batch)).await.unwrap();
        }
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map(|file| file.len()).unwrap_or_default()
}

/// In MB, by what Linux says of this process; 0 elsewhere.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() >> 10
}

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const ROLE: &str = "arn:aws:iam::123456789012:role/web";
