//! Records for a registry: one at a time, or by the million through the writer that every URL goes through.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use presignd::access::Caller;
use presignd::clock::Clock;
use presignd::issued::{Fingerprint, IssuedUrl};
use presignd::registry::{Append, MAX_ROWS, Options, Registry};
use presignd::s3::form::Signable;
use presignd::s3::operation::Operation;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, ObjectKey, Region};
use presignd::session::lifetime::LimitedBy;
use presignd::session::{CredentialKind, Facts, IdentityName, IssueInterval, Session};
use presignd::telemetry::Metrics;
use presignd::time::{Timestamp, Ttl};

/// A registry at `path`; one that is not durable leaves the disk to the system.
pub async fn open(path: &Path, clock: &Clock, durable: bool) -> Registry {
    let options = Options { durable, ..Options::at(path) };
    Registry::open(options, clock.clone(), Arc::new(Metrics::new().unwrap())).await.unwrap()
}

/// Brings the registry at `path` to so many records, from wherever an earlier run has left it: signed evenly over
/// [`SPAN`] before it was made, six in ten for an hour, three for twelve, one for seven days.
pub async fn grow(path: &Path, clock: &Clock, records: u64) {
    let registry = open(path, clock, false).await;
    let (present, last) = count(path);
    let begins = registry.created_at() - SPAN;
    let session = enrol(&registry, "web", CredentialKind::AssumeRole, "ASIAGROWN".to_owned(), None, clock.now()).await;
    let mut batch = Vec::with_capacity(MAX_ROWS);
    for at in 0..records.saturating_sub(present) {
        let number = last + at + 1;
        let age = SPAN.mul_f64((number % records) as f64 / records as f64);
        let life = [3600, 3600, 43_200, 3600, 3600, 43_200, 3600, 3600, 43_200, 604_800][(number % 10) as usize];
        batch.push(Append { url: url(&registry, &session, begins + age, number, life), request: None });
        if batch.len() == MAX_ROWS {
            registry.append(std::mem::take(&mut batch)).await.unwrap();
        }
        if number.is_multiple_of(1_000_000) {
            println!("{number} records");
        }
    }
    registry.append(batch).await.unwrap();
    registry.close().await;
}

/// How many records there are, and the number of the last.
pub fn count(path: &Path) -> (u64, u64) {
    let file = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT count(*), coalesce(max(number), 0) FROM urls";
    let found: (i64, i64) = file.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    (found.0.unsigned_abs(), found.1.unsigned_abs())
}

/// A session of a user's key, where it has no end, or of a role.
pub async fn enrol(
    registry: &Registry,
    identity: &str,
    kind: CredentialKind,
    access_key_id: String,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Arc<Session> {
    let long_term = expires_at.is_none();
    let facts = Facts {
        kind,
        partition: "aws".to_owned(),
        account: "123456789012".to_owned(),
        principal_arn: if long_term { USER } else { SESSION }.to_owned(),
        principal_unique_id: if long_term { "AIDAUSER" } else { "AROAROLE" }.to_owned(),
        session_name: if long_term { String::new() } else { access_key_id.clone() },
        access_key_id,
        source_identity: String::new(),
        session_policy_sha256: String::new(),
        tags: Vec::new(),
        parent: None,
        parent_access_key_id: String::new(),
        issued: IssueInterval { not_before: Some(now), not_after: now },
        expires_at,
        expiry_is_exact: true,
        partition_of: String::new(),
    };
    registry.enrol(&IdentityName::parse(identity).unwrap(), facts).await.unwrap()
}

/// One of a session's URLs: twenty buckets, ten callers, a thousand tenants.
pub fn url(registry: &Registry, session: &Session, signed_at: Timestamp, number: u64, life: u64) -> IssuedUrl {
    let operations = [Operation::GetObject, Operation::GetObject, Operation::PutObject];
    let bucket = Bucket::parse(&format!("bucket-{}", number % 20)).unwrap();
    let key = ObjectKey::parse(&format!("folder/{}/object-{number}.jpg", number % 100)).unwrap();
    let request = Request::of_operation(
        operations[usize::try_from(number % 3).unwrap()],
        bucket,
        Some(key),
        Vec::new(),
        Headers::new(Vec::new()).unwrap(),
        Addressing::default(),
    );
    let id = registry.next_url_id();
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
        caller: Caller { uid: u32::try_from(1000 + number % 10).unwrap(), gid: 100, pid: None, executable: None },
        on_behalf_of: format!("tenant-{}", number % 1000),
        labels: Vec::new(),
        replaces: None,
    }
}

/// Over how long the records of a grown registry were signed.
pub const SPAN: Duration = Duration::from_secs(20 * 86_400);
const USER: &str = "arn:aws:iam::123456789012:user/links";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/web/presignd";
