//! Questions by prefix, object, tenant, label and caller over many records, with the search file and without, and what the
//! file costs. `cargo bench --bench search`, or with another number of URLs behind `--`, and with a directory (`./…`) in
//! which they are kept for the next run.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to tell")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use presignd::access::Caller;
use presignd::clock::Clock;
use presignd::issued::{Filter, Fingerprint, IssuedUrl};
use presignd::registry::{Append, MAX_ROWS, Options, Pace, Registry};
use presignd::s3::form::Signable;
use presignd::s3::operation::Operation;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, ObjectKey, Region};
use presignd::session::lifetime::LimitedBy;
use presignd::session::{CredentialKind, Facts, IdentityName, IssueInterval, Session};
use presignd::telemetry::Metrics;
use presignd::time::{Timestamp, Ttl};

/// No search file.
const NEVER: Pace = Pace { run: 1 << 40, look_every: Duration::from_secs(86_400) };

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let urls: u64 = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let kept = std::env::args().skip(1).find(|argument| argument.contains('/')).map(PathBuf::from);
    let scratch = tempfile::tempdir().unwrap();
    let directory = kept.unwrap_or_else(|| scratch.path().to_owned());
    let path = directory.join("registry.db");
    let search = directory.join("registry.db-search");
    let clock = Clock::system();
    // What is outstanding is asked about one instant, or the answers would differ by what ends meanwhile.
    let now = clock.now();
    let (registry, _) = open(&path, &clock, NEVER).await;
    fill(&registry, &clock, urls).await;
    registry.close().await;
    let _ = std::fs::remove_file(&search);

    let (registry, _) = open(&path, &clock, NEVER).await;
    let scanned = answers(&registry, &clock, now, urls).await;
    registry.close().await;

    let begun = clock.monotonic();
    let (registry, metrics) = open(&path, &clock, Pace::default()).await;
    let run = i64::try_from(Pace::default().run).unwrap();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let behind = metrics.registry_search_behind.get();
        if search.exists() && behind < run {
            break;
        }
    }
    let took = clock.monotonic() - begun;
    let (of_registry, of_search) = (size(&path), size(&search));
    println!("{urls} records, {} MB; search file {} MB,", of_registry >> 20, of_search >> 20);
    println!("{:.1} bytes a record, built in {took:.1?}\n", of_search as f64 / urls as f64);
    let searched = answers(&registry, &clock, now, urls).await;
    println!("{:<34} {:>9} {:>12} {:>12}", "", "URLs", "scanned", "searched");
    for ((name, found, before), (_, again, after)) in scanned.iter().zip(&searched) {
        println!("{name:<34} {found:>9} {before:>12.1?} {after:>12.1?}");
        // What a scan had no time for, it did not answer.
        assert!(found == again || found == TIMED_OUT, "{name}: {found} and {again}");
    }
    println!("\nquestions that the search file helped with: {}", metrics.registry_searched.get());
    registry.close().await;
}

async fn open(path: &Path, clock: &Clock, search: Pace) -> (Registry, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new().unwrap());
    let options = Options { durable: false, search, ..Options::at(path) };
    (Registry::open(options, clock.clone(), metrics.clone()).await.unwrap(), metrics)
}

/// What was found, and the time that it took; the third of three, for what lies in memory.
async fn answers(registry: &Registry, clock: &Clock, now: Timestamp, urls: u64) -> Vec<(String, String, Duration)> {
    let of = |bucket: &str, prefix: &str| Filter {
        bucket: Some(bucket.to_owned()),
        key_prefix: Some(prefix.to_owned()),
        ..Filter::default()
    };
    // The one in the middle.
    let number = urls / 2 / 20_000 * 20_000;
    let filters = [
        ("object", of("bucket-0", &key(number))),
        ("prefix", of("bucket-0", &format!("{}/", number / 200_000))),
        ("prefix in any bucket", Filter { key_prefix: Some(key(number + 7)), ..Filter::default() }),
        ("on_behalf_of", Filter { on_behalf_of: Some("tenant-500".to_owned()), ..Filter::default() }),
        ("label", Filter { labels: vec![("job".to_owned(), "77".to_owned())], ..Filter::default() }),
        ("caller of a few", Filter { uid: Some(2000), ..Filter::default() }),
        ("caller of a tenth", Filter { uid: Some(1003), ..Filter::default() }),
        ("no such tenant", Filter { on_behalf_of: Some("nobody".to_owned()), ..Filter::default() }),
    ];
    let mut answers = Vec::new();
    for (name, filter) in filters {
        for kind in ["newest 500", "all, in order", "count", "outstanding now, counted"] {
            let mut last = (String::new(), Duration::ZERO);
            for _ in 0..3 {
                let begun = clock.monotonic();
                let found = ask(registry, now, &filter, kind).await;
                last = (found, clock.monotonic() - begun);
                if last.1 > Duration::from_secs(1) {
                    break;
                }
            }
            answers.push((format!("{name}: {kind}"), last.0, last.1));
        }
    }
    answers
}

async fn ask(registry: &Registry, now: Timestamp, filter: &Filter, kind: &str) -> String {
    match kind {
        "newest 500" => match registry.list(0, filter.clone(), 500, None).await {
            Ok(page) => page.len().to_string(),
            Err(_) => TIMED_OUT.to_owned(),
        },
        // Ten thousand at most.
        "all, in order" => {
            let (mut found, mut after) = (0, None);
            while found < 10_000 {
                let page = registry.scan(0, filter, after, 500).await.unwrap();
                after = page.next;
                found += page.items.len();
                if after.is_none() {
                    break;
                }
            }
            found.min(10_000).to_string()
        }
        "count" => registry.count(0, filter).await.unwrap().to_string(),
        _ => {
            let (mut found, mut after) = (0, None);
            let (from, to) = (now, now + Duration::from_secs(8 * 86_400));
            loop {
                let page = registry.slot_rows(0, filter, from, to, after).await.unwrap();
                found += page.items.iter().map(|tally| tally.urls).sum::<u64>();
                after = page.next;
                if after.is_none() {
                    return found.to_string();
                }
            }
        }
    }
}

/// Signed evenly over the last twenty days: six in ten for an hour, three for twelve, one for seven days. Twenty buckets, ten
/// callers and one who comes seldom, a thousand tenants, a thousand jobs.
async fn fill(registry: &Registry, clock: &Clock, urls: u64) {
    let present = registry.next_url_id().number - 1;
    let now = clock.now();
    let begins = now - SPAN;
    let facts = Facts {
        access_key_id: "ASIAGROWN".to_owned(),
        kind: CredentialKind::AssumeRole,
        partition: "aws".to_owned(),
        account: "123456789012".to_owned(),
        principal_arn: "arn:aws:sts::123456789012:assumed-role/web/presignd".to_owned(),
        principal_unique_id: "AROAROLE".to_owned(),
        session_name: "presignd".to_owned(),
        source_identity: String::new(),
        session_policy_sha256: String::new(),
        tags: Vec::new(),
        parent: None,
        parent_access_key_id: String::new(),
        issued: IssueInterval { not_before: Some(begins), not_after: begins },
        expires_at: None,
        expiry_is_exact: true,
        partition_of: String::new(),
    };
    let session = registry.enrol(&IdentityName::parse("web").unwrap(), facts).await.unwrap();
    let mut batch = Vec::with_capacity(MAX_ROWS);
    for number in present..urls {
        let age = SPAN.mul_f64(number as f64 / urls as f64);
        let life = [3600, 3600, 43_200, 3600, 3600, 43_200, 3600, 3600, 43_200, 604_800][(number % 10) as usize];
        batch.push(Append { url: url(registry, &session, begins + age, number, life), request: None });
        if batch.len() == MAX_ROWS || number + 1 == urls {
            registry.append(std::mem::take(&mut batch)).await.unwrap();
        }
    }
}

/// Ten thousand of a bucket begin alike.
fn key(number: u64) -> String {
    format!("{}/{:05}/object-{number}.jpg", number / 200_000, number * 7919 % 100_000)
}

fn url(registry: &Registry, session: &Session, signed_at: Timestamp, number: u64, life: u64) -> IssuedUrl {
    let operations = [Operation::GetObject, Operation::GetObject, Operation::PutObject];
    let bucket = Bucket::parse(&format!("bucket-{}", number % 20)).unwrap();
    let request = Request::of_operation(
        operations[usize::try_from(number % 3).unwrap()],
        bucket,
        Some(ObjectKey::parse(&key(number)).unwrap()),
        Vec::new(),
        Headers::new(Vec::new()).unwrap(),
        Addressing::default(),
    );
    let id = registry.next_url_id();
    let uid = if number % 1000 == 999 { 2000 } else { 1000 + u32::try_from(number % 10).unwrap() };
    IssuedUrl {
        id,
        session: session.id,
        what: Signable::Request(request.unwrap()),
        region: Region::parse("eu-central-1").unwrap(),
        host: "bucket.s3.eu-central-1.amazonaws.com".to_owned(),
        signed_at,
        ttl: Ttl::new(life).unwrap(),
        limited_by: LimitedBy::Request,
        tagged: false,
        fingerprint: Fingerprint::of(&id.to_string()),
        caller: Caller { uid, gid: 100, pid: None, executable: None },
        on_behalf_of: format!("tenant-{}", number * 31 % 1000),
        labels: vec![("job".to_owned(), (number * 17 % 1000).to_string())],
        replaces: None,
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map(|file| file.len()).unwrap_or_default()
}

/// In place of a number.
const TIMED_OUT: &str = "timed out";
const SPAN: Duration = Duration::from_secs(20 * 86_400);
