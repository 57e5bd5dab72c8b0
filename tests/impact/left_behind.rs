//! A registry that is there before the daemon is, as one that was stopped leaves it.

use std::sync::Arc;

use presignd::access::Caller;
use presignd::clock::Clock;
use presignd::grpc::proto::event::What as Wire;
use presignd::grpc::proto::{BucketEvent, Event};
use presignd::impact::event as domain;
use presignd::issued::{Fingerprint, IssuedUrl};
use presignd::registry::{Append, EventKind, MAX_ROWS, NewEvent, Options, Registry};
use presignd::s3::form::Signable;
use presignd::s3::operation::Method;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing as Place, Bucket, ObjectKey, Region};
use presignd::session::lifetime::LimitedBy as Limit;
use presignd::session::{CredentialKind as Kind, Facts, IdentityName, IssueInterval};
use presignd::telemetry::Metrics;
use presignd::time::Ttl;

use super::identities;
use super::process::World;

/// A registry as a daemon left it: URLs of a key that end one second after the other, and a second key that signed none.
pub(crate) async fn left_behind(world: &World, count: u64, happened: Option<domain::Event>) {
    let clock = Clock::system();
    let options = Options { durable: false, ..Options::at(world.registry()) };
    let registry = Registry::open(options, clock.clone(), Arc::new(Metrics::new().unwrap())).await.unwrap();
    let facts = Facts {
        access_key_id: world.user.access_key_id.clone(),
        kind: Kind::LongTermKey,
        partition: String::new(),
        account: String::new(),
        principal_arn: String::new(),
        principal_unique_id: String::new(),
        session_name: String::new(),
        source_identity: String::new(),
        session_policy_sha256: String::new(),
        tags: Vec::new(),
        parent: None,
        parent_access_key_id: String::new(),
        issued: IssueInterval { not_before: None, not_after: clock.now() },
        expires_at: None,
        expiry_is_exact: true,
        partition_of: String::new(),
    };
    let idle = Facts { access_key_id: "AKIAIDLE".to_owned(), ..facts.clone() };
    let session = registry.enrol(&IdentityName::parse("key").unwrap(), facts).await.unwrap();
    registry.enrol(&IdentityName::parse("idle").unwrap(), idle).await.unwrap();
    let (headers, bucket) = (Headers::new(Vec::new()).unwrap(), Bucket::parse("photos").unwrap());
    let key = Some(ObjectKey::parse("cat.jpg").unwrap());
    let what = Request::new(Method::Get, bucket, key, Vec::new(), headers, Place::default()).unwrap();
    let urls = (0..count).map(|number| {
        let id = registry.next_url_id();
        let url = IssuedUrl {
            id,
            session: session.id,
            what: Signable::Request(what.clone()),
            region: Region::parse("us-east-1").unwrap(),
            host: "photos.s3.us-east-1.amazonaws.com".to_owned(),
            signed_at: clock.now(),
            ttl: Ttl::new(3600 + number % 100_000).unwrap(),
            limited_by: Limit::Request,
            tagged: false,
            fingerprint: Fingerprint::of(&id.to_string()),
            caller: Caller { uid: 0, gid: 0, pid: None, executable: None },
            on_behalf_of: String::new(),
            labels: Vec::new(),
            replaces: None,
        };
        Append { url, request: None }
    });
    let urls: Vec<Append> = urls.collect();
    for rows in urls.chunks(MAX_ROWS) {
        registry.append(rows.to_vec()).await.unwrap();
    }
    if let Some(event) = happened {
        let body = serde_json::json!({ "event": event });
        registry.note(NewEvent::new(EventKind::EventHappened, body)).await.unwrap();
    }
    registry.close().await;
}

pub(crate) fn key_only(world: &World) -> String {
    identities(world).split("[identity.web]").next().unwrap().to_owned()
}

pub(crate) fn bucket_deleted() -> Option<Event> {
    Some(Event { what: Some(Wire::BucketDeleted(BucketEvent { bucket: "photos".into() })), ..Event::default() })
}
