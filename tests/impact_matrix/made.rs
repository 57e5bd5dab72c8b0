//! Sessions of every kind, and URLs that they signed.

use std::sync::Arc;
use std::time::Duration;

use presignd::access::Caller;
use presignd::impact::event::{Event, Object, Policy, Principal, Statement, What};
use presignd::impact::{Lineage, Subject, ending, ending::Ending};
use presignd::issued::{Fingerprint, IssuedUrl};
use presignd::s3::form::{Form, Signable, Target};
use presignd::s3::operation::{Method, Operation};
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, KeyPrefix, ObjectKey, Region};
use presignd::session::lifetime::LimitedBy;
use presignd::session::{CredentialKind, Facts, IdentityName, InstanceId, IssueInterval, RecordId, Session};
use presignd::time::{Timestamp, Ttl};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const USER_ARN: &str = "arn:aws:iam::111122223333:user/ops/bob";
pub(crate) const USER_ID: &str = "AIDABOB";
pub(crate) const USER_KEY: &str = "AKIABOB";
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/app/Signer";
pub(crate) const ROLE_ID: &str = "AROASIGNER";
pub(crate) const SESSION_ARN: &str = "arn:aws:sts::111122223333:assumed-role/Signer/presignd-x-2";
pub(crate) const FEDERATED_ARN: &str = "arn:aws:sts::111122223333:federated-user/presignd-x-1";
pub(crate) const BUCKET: &str = "photos";
pub(crate) const KEY: &str = "cats/one.jpg";

/// When the URLs of these tests were signed; sessions were issued some minutes before.
pub(crate) const SIGNED: Timestamp = Timestamp::EPOCH;
pub(crate) const ISSUED: (i64, i64) = (-300, -298);
/// When events happen.
pub(crate) const AT: i64 = 600;
pub(crate) const SETTLES: u64 = 300;
/// When sessions end.
pub(crate) const SESSION_END: i64 = 43_200;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds)
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The columns of SEMANTICS.md 1.2, in its order.
pub(crate) const COLUMNS: [CredentialKind; 11] = [
    CredentialKind::LongTermKey,
    CredentialKind::SessionToken,
    CredentialKind::FederationToken,
    CredentialKind::AssumeRole,
    CredentialKind::WebIdentity,
    CredentialKind::PodIdentity,
    CredentialKind::EcsTask,
    CredentialKind::Ec2Instance,
    CredentialKind::Lambda,
    CredentialKind::Sso,
    CredentialKind::Root,
];

pub(crate) fn id(number: u64) -> RecordId {
    RecordId { instance: InstanceId::from_random(1), number }
}

pub(crate) fn identity(name: &str) -> IdentityName {
    IdentityName::parse(name).expect("well-formed")
}

/// A session, and the one that minted it.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) session: Session,
    pub(crate) parent: Option<Arc<Session>>,
}

impl Signed {
    pub(crate) fn by(&self) -> Lineage<'_> {
        Lineage { session: &self.session, parent: self.parent.as_deref() }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.session.facts);
        self
    }

    pub(crate) fn ending(&self, event: &Event, url: &IssuedUrl) -> Ending {
        ending(event, self.by(), Subject::Url(url)).expect("a URL always has an answer")
    }
}

pub(crate) fn facts(kind: CredentialKind) -> Facts {
    let (arn, unique_id, name) = match kind {
        CredentialKind::LongTermKey | CredentialKind::SessionToken => (USER_ARN, USER_ID, ""),
        CredentialKind::FederationToken => (FEDERATED_ARN, "111122223333:presignd-x-1", "presignd-x-1"),
        CredentialKind::Sso => ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Ops_1/ann", "AROASSO", "ann"),
        CredentialKind::Ec2Instance => ("arn:aws:sts::111122223333:assumed-role/Signer/i-0abc", ROLE_ID, "i-0abc"),
        CredentialKind::AssumeRole
        | CredentialKind::WebIdentity
        | CredentialKind::PodIdentity
        | CredentialKind::EcsTask
        | CredentialKind::Lambda => (SESSION_ARN, ROLE_ID, "presignd-x-2"),
        CredentialKind::Root => ("arn:aws:iam::111122223333:root", ACCOUNT, ""),
        CredentialKind::Temporary => ("", "", ""),
    };
    let long_term = matches!(kind, CredentialKind::LongTermKey | CredentialKind::Root);
    let minted =
        matches!(kind, CredentialKind::SessionToken | CredentialKind::FederationToken | CredentialKind::AssumeRole);
    let key = match kind {
        CredentialKind::LongTermKey => USER_KEY.to_owned(),
        CredentialKind::Root => "AKIAROOT".to_owned(),
        kind => format!("ASIA-{}", kind.as_str()),
    };
    let named = |text: &str| if arn.is_empty() { String::new() } else { text.to_owned() };
    Facts {
        access_key_id: key,
        kind,
        partition: named("aws"),
        account: named(ACCOUNT),
        principal_arn: arn.to_owned(),
        principal_unique_id: unique_id.to_owned(),
        session_name: name.to_owned(),
        source_identity: String::new(),
        session_policy_sha256: String::new(),
        tags: Vec::new(),
        parent: minted.then(|| id(1)),
        parent_access_key_id: if minted { USER_KEY.to_owned() } else { String::new() },
        issued: IssueInterval { not_before: Some(at(ISSUED.0)), not_after: at(ISSUED.1) },
        expires_at: (!long_term).then(|| at(SESSION_END)),
        expiry_is_exact: true,
        partition_of: String::new(),
    }
}

/// A session of that kind. What can be minted from a user's key was minted from bob's.
pub(crate) fn signed(kind: CredentialKind) -> Signed {
    let session =
        |number: u64, facts: Facts| Session { id: id(number), identity: identity("web"), generation: 1, facts };
    let facts_of = facts(kind);
    let parent = facts_of.parent.is_some().then(|| Arc::new(session(1, facts(CredentialKind::LongTermKey))));
    Signed { session: session(2, facts_of), parent }
}

/// A session of role B, minted from a session of the role [`ROLE_ARN`].
pub(crate) fn chained() -> Signed {
    let parent = Arc::new(signed(CredentialKind::EcsTask).session);
    let mut chained = signed(CredentialKind::AssumeRole).with(|facts| {
        facts.principal_arn = "arn:aws:sts::111122223333:assumed-role/B/presignd-x-3".to_owned();
        facts.principal_unique_id = "AROAB".to_owned();
        facts.parent_access_key_id = "ASIA-ecs-task".to_owned();
    });
    chained.parent = Some(parent);
    chained
}

pub(crate) fn issued(what: Signable, ttl: u64) -> IssuedUrl {
    IssuedUrl {
        id: id(7),
        session: id(2),
        what,
        region: Region::parse("eu-central-1").expect("well-formed"),
        host: "photos.s3.eu-central-1.amazonaws.com".to_owned(),
        signed_at: SIGNED,
        ttl: Ttl::new(ttl).expect("well-formed"),
        limited_by: LimitedBy::Request,
        tagged: false,
        fingerprint: Fingerprint([0; 16]),
        caller: Caller { uid: 1000, gid: 1000, pid: None, executable: None },
        on_behalf_of: String::new(),
        labels: Vec::new(),
        replaces: None,
    }
}

/// A URL of an hour.
pub(crate) struct Ask {
    pub(crate) operation: Operation,
    pub(crate) bucket: &'static str,
    pub(crate) key: Option<&'static str>,
    pub(crate) query: Vec<(&'static str, &'static str)>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

pub(crate) fn ask(operation: Operation) -> Ask {
    let key = operation.is_on_object().then_some(KEY);
    let upload = operation.required_query().map(|name| (name, "7"));
    let copies = matches!(operation, Operation::CopyObject | Operation::UploadPartCopy);
    let headers = if copies { vec![("x-amz-copy-source", "attic/old.jpg")] } else { Vec::new() };
    Ask { operation, bucket: BUCKET, key, query: upload.collect(), headers }
}

impl Ask {
    pub(crate) fn query(mut self, name: &'static str, value: &'static str) -> Self {
        self.query.retain(|(given, _)| *given != name);
        self.query.push((name, value));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.retain(|(given, _)| *given != name);
        self.headers.push((name, value));
        self
    }

    pub(crate) fn bucket(self, bucket: &'static str) -> Self {
        Self { bucket, ..self }
    }

    pub(crate) fn key(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }

    pub(crate) fn url(&self) -> IssuedUrl {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let bucket = Bucket::parse(self.bucket).expect("well-formed");
        let key = self.key.map(|key| ObjectKey::parse(key).expect("well-formed"));
        let (query, headers) = (owned(&self.query), Headers::new(owned(&self.headers)).expect("well-formed"));
        let addressing = Addressing::default();
        let request = match (self.operation, self.operation.method()) {
            (Operation::OtherObject, _) => {
                let mut query = query;
                query.push(("torrent".to_owned(), String::new()));
                Request::new(Method::Get, bucket, key, query, headers, addressing)
            }
            (Operation::OtherBucket, _) => {
                let query = vec![("abac".to_owned(), String::new())];
                Request::new(Method::Get, bucket, None, query, headers, addressing)
            }
            (operation, _) => Request::of_operation(operation, bucket, key, query, headers, addressing),
        };
        let request = request.expect("well-formed");
        assert_eq!(request.operation(), self.operation);
        issued(Signable::Request(request), 3600)
    }
}

pub(crate) fn get() -> IssuedUrl {
    ask(Operation::GetObject).url()
}

/// A form of an hour, for a key or for keys that begin so.
pub(crate) fn form(target: &str, open: bool, fields: &[(&str, &str)]) -> IssuedUrl {
    let target = if open {
        Target::StartsWith(KeyPrefix::parse(target).expect("well-formed"))
    } else {
        Target::Key(ObjectKey::parse(target).expect("well-formed"))
    };
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let bucket = Bucket::parse(BUCKET).expect("well-formed");
    let form = Form::new(bucket, target, fields, Vec::new(), None, Addressing::default()).expect("well-formed");
    issued(Signable::Form(form), 3600)
}

pub(crate) fn event(what: What) -> Event {
    Event { at: at(AT), settles_within: seconds(SETTLES), endpoint: None, what }
}

pub(crate) fn principal(arn: &str) -> Principal {
    Principal { arn: arn.to_owned(), unique_id: String::new() }
}

/// Speaks of everything.
pub(crate) fn statement(policy: Policy) -> Statement {
    Statement {
        policy,
        principal_arn: String::new(),
        userid: String::new(),
        bucket: String::new(),
        key_prefix: String::new(),
        key: String::new(),
        actions: Vec::new(),
    }
}

pub(crate) fn deny(statement: Statement) -> What {
    What::Denied { statement, issued_before: None, signature_age: None }
}

pub(crate) fn object(version_id: &str, is_versioned: Option<bool>) -> Object {
    Object { bucket: BUCKET.to_owned(), key: KEY.to_owned(), version_id: version_id.to_owned(), is_versioned }
}
