//! Sessions and records to put into a registry.

#![expect(clippy::unwrap_used, reason = "what is made here is well-formed")]

use presignd::access::Caller;
use presignd::issued::{Fingerprint, IssuedUrl};
use presignd::registry::{Append, Registry, RequestId};
use presignd::s3::form::{Form, Signable, Target};
use presignd::s3::operation::Method;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, KeyPrefix, ObjectKey, Region, Style};
use presignd::session::lifetime::LimitedBy;
use presignd::session::{CredentialKind, Facts, IdentityName, IssueInterval, Session};
use presignd::time::{Timestamp, Ttl};

/// When every test begins.
pub(crate) const NOW: i64 = 1_800_000_000;

/// Who puts the questions.
pub(crate) const ASKER: u32 = 4711;

/// An identity's name.
pub(crate) fn name(text: &str) -> IdentityName {
    IdentityName::parse(text).unwrap()
}

/// Of a role's session that ends twelve hours from the beginning.
pub(crate) fn facts(access_key_id: &str) -> Facts {
    Facts {
        access_key_id: access_key_id.to_owned(),
        kind: CredentialKind::AssumeRole,
        partition: "aws".to_owned(),
        account: "123456789012".to_owned(),
        principal_arn: "arn:aws:sts::123456789012:assumed-role/web/presignd".to_owned(),
        principal_unique_id: "AROAEXAMPLE".to_owned(),
        session_name: "presignd".to_owned(),
        source_identity: String::new(),
        session_policy_sha256: String::new(),
        tags: vec![("team".to_owned(), "a \"b\"".to_owned())],
        parent: None,
        parent_access_key_id: "AKIAPARENT".to_owned(),
        issued: IssueInterval { not_before: None, not_after: Timestamp::from_unix(NOW) },
        expires_at: Some(Timestamp::from_unix(NOW + 12 * 3600)),
        expiry_is_exact: true,
        partition_of: String::new(),
    }
}

/// To get one object.
pub(crate) fn request(key: &str) -> Signable {
    in_bucket("photos", key)
}

/// To get one object of a bucket.
pub(crate) fn in_bucket(bucket: &str, key: &str) -> Signable {
    ask(Method::Get, bucket, Some(key), &[], &[], Addressing::default())
}

fn ask(
    method: Method,
    bucket: &str,
    key: Option<&str>,
    query: &[(&str, &str)],
    headers: &[(&str, &str)],
    addressing: Addressing,
) -> Signable {
    let own = |pairs: &[(&str, &str)]| -> Vec<_> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let bucket = Bucket::parse(bucket).unwrap();
    let key = key.map(|key| ObjectKey::parse(key).unwrap());
    let headers = Headers::new(own(headers)).unwrap();
    Signable::Request(Request::new(method, bucket, key, own(query), headers, addressing).unwrap())
}

/// One of each shape.
pub(crate) fn asks() -> Vec<Signable> {
    let everything = Addressing { style: Style::Path, dual_stack: true, fips: true, accelerate: true };
    let odd = "%_'\"\u{0}\u{1F408}/../\n";
    let form = |target, range| {
        let fields = vec![("Content-Type".to_owned(), "image/png".to_owned()), ("acl".to_owned(), String::new())];
        let starts = vec![("x-amz-meta-name".to_owned(), "${filename}".to_owned())];
        let bucket = Bucket::parse("photos").unwrap();
        Signable::Form(Form::new(bucket, target, fields, starts, range, everything).unwrap())
    };
    vec![
        request(odd),
        ask(Method::Get, "photos", None, &[("list-type", "2"), ("prefix", "a&b=\"c\"")], &[], Addressing::default()),
        ask(Method::Put, "Old_Bucket", Some("k"), &[("x-id", "")], &[("If-None-Match", "*")], everything),
        in_bucket("arn:aws:s3:eu-central-1:123456789012:accesspoint/own", "k"),
        form(Target::Key(ObjectKey::parse("up/${filename}").unwrap()), Some((0, u64::from(u32::MAX) * 5))),
        form(Target::StartsWith(KeyPrefix::parse("").unwrap()), None),
    ]
}

/// A put with an SSE-C key, which no record may hold.
pub(crate) fn with_customer_key(secret: &str) -> Signable {
    let headers = [
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-server-side-encryption-customer-key", secret),
        ("x-amz-copy-source-server-side-encryption-customer-key", secret),
    ];
    ask(Method::Put, "photos", Some("k"), &[], &headers, Addressing::default())
}

/// A record of an hour, signed at the beginning.
pub(crate) fn url(registry: &Registry, session: &Session, what: Signable) -> IssuedUrl {
    let id = registry.next_url_id();
    IssuedUrl {
        id,
        session: session.id,
        what,
        region: Region::parse("eu-central-1").unwrap(),
        host: "photos.s3.eu-central-1.amazonaws.com".to_owned(),
        signed_at: Timestamp::from_unix(NOW),
        ttl: Ttl::DEFAULT,
        limited_by: LimitedBy::Request,
        tagged: id.number.is_multiple_of(2),
        fingerprint: Fingerprint::of(&id.to_string()),
        caller: Caller { uid: 1000, gid: 100, pid: Some(7), executable: Some("/usr/bin/app".to_owned()) },
        on_behalf_of: "tenant-1".to_owned(),
        labels: vec![("kind".to_owned(), "a \"quoted\" ü".to_owned())],
        replaces: None,
    }
}

/// To be written, without a request id.
pub(crate) fn append(url: &IssuedUrl) -> Append {
    Append { url: url.clone(), request: None }
}

/// To be written under a request id.
pub(crate) fn under(url: &IssuedUrl, id: &str, asked: u8) -> Append {
    let request = RequestId { id: id.to_owned(), asked_sha256: [asked; 32], supersedes: None };
    Append { url: url.clone(), request: Some(request) }
}
