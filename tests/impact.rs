//! Impact over the wire of the real daemon: its totals and lists against a search of its registry's file, what is refused,
//! and lists whose readers are slow or gone.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

#[path = "support/daemon.rs"]
mod process;
mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use presignd::access::Caller;
use presignd::clock::Clock;
use presignd::grpc::proto::event::What as Wire;
use presignd::grpc::proto::impact_client::ImpactClient;
use presignd::grpc::proto::*;
use presignd::impact::ending::Verdict;
use presignd::impact::event::{self as domain, What};
use presignd::impact::report::{self, Report};
use presignd::impact::{Lineage, Subject, ending};
use presignd::issued::{Fingerprint, IssuedUrl, Record};
use presignd::registry::{self, Append, EventKind, MAX_ROWS, NewEvent, Options, Registry};
use presignd::s3::form::Signable;
use presignd::s3::operation::Method;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing as Place, Bucket, ObjectKey, Region};
use presignd::session::lifetime::LimitedBy as Limit;
use presignd::session::{CredentialKind as Kind, Facts, IdentityName, IssueInterval, RecordId, Session as Signed};
use presignd::telemetry::Metrics;
use presignd::time::{Timestamp, Ttl};
use process::{Daemon, World, connect, get, length, presign};
use rustix::process::Signal;
use support::{eventually, now};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A key, and what is minted from it.
fn identities(world: &World) -> String {
    let file = world.folder.path().join("key.json");
    let key = format!(r#"{{"AccessKeyId":"{}","SecretAccessKey":"{}"}}"#, world.user.access_key_id, world.user.secret);
    std::fs::write(&file, key).unwrap();
    let minted = |name: &str, source: &str| {
        format!(
            "[identity.{name}]\nsource = \"{source}\"\nbase = \"key\"\nduration = \"12h\"\n{}",
            world.services(name)
        )
    };
    format!(
        "[identity.key]\nsource = \"key-file\"\npath = \"{}\"\n{}{}{}{}",
        file.display(),
        world.services("key"),
        world.web("base = \"key\"\nduration = \"12h\""),
        minted("token", "session-token"),
        minted("federated", "federation-token"),
    )
}

async fn impact(daemon: &Daemon) -> ImpactClient<Channel> {
    ImpactClient::new(connect(&daemon.admin_socket()).await.unwrap()).max_decoding_message_size(32 << 20)
}

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

/// Signs URLs of every identity, for several buckets, operations, tenants and lives.
async fn sign(daemon: &Daemon) {
    let mut signer = daemon.signer().await;
    let operations = [Operation::GetObject, Operation::HeadObject, Operation::PutObject, Operation::DeleteObject];
    let requests = (0..1000_u64).map(|number| {
        let of = |count: u64| usize::try_from(number / 7 % count).unwrap();
        PresignRequest {
            identity: ["key", "web", "token", "federated"][usize::try_from(number % 4).unwrap()].to_owned(),
            request: Some(S3Request {
                operation: operations[of(4)].into(),
                bucket: ["photos", "films", "attic"][of(3)].to_owned(),
                key: format!("{}/{number}.jpg", ["cats", "dogs"][of(2)]),
                ..S3Request::default()
            }),
            expires_in: Some(length(if number % 50 == 0 { 1 } else { 600 + number * 37 })),
            at_least: Some(length(1)),
            on_behalf_of: format!("tenant-{}", number % 5),
            labels: HashMap::from([("colour".to_owned(), ["red", "blue"][of(2)].to_owned())]),
            ..PresignRequest::default()
        }
    });
    let batch = PresignBatchRequest { requests: requests.collect() };
    for result in signer.presign_batch(batch).await.unwrap().into_inner().results {
        assert!(matches!(result.result, Some(presign_result::Result::Response(_))), "{result:?}");
    }
}

/// The registry's file, read beside the daemon.
struct Searched {
    records: Vec<Record>,
    sessions: HashMap<RecordId, Arc<Signed>>,
}

impl Searched {
    fn of(world: &World) -> Self {
        let (mut records, mut sessions) = (Vec::new(), HashMap::new());
        registry::export(&world.registry(), |record| {
            sessions.insert(record.session.id, Arc::clone(&record.session));
            records.push(record);
            Ok(())
        })
        .unwrap();
        Self { records, sessions }
    }

    fn outstanding(&self, now: i64) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.url.usable_until().unix() > now)
    }

    fn ending(&self, event: &domain::Event, record: &Record) -> presignd::impact::ending::Ending {
        let parent = record.session.facts.parent.and_then(|id| self.sessions.get(&id));
        let by = Lineage { session: &record.session, parent: parent.map(|parent| &**parent) };
        ending(event, by, Subject::Url(&record.url)).unwrap()
    }

    fn session(&self, identity: &str) -> &Signed {
        self.sessions.values().find(|session| session.identity.as_str() == identity).unwrap()
    }
}

/// The same event in both languages.
fn events(searched: &Searched) -> Vec<(What, Wire)> {
    let (key, web) = (searched.session("key").facts.clone(), searched.session("web").facts.clone());
    let role = "arn:aws:iam::123456789012:role/team/web";
    let principal = |arn: &str| domain::Principal { arn: arn.to_owned(), unique_id: String::new() };
    let wire_principal = |arn: &str| PrincipalEvent { arn: arn.to_owned(), unique_id: String::new() };
    let spoken = domain::Statement {
        policy: domain::Policy::Bucket,
        principal_arn: web.principal_arn.clone(),
        userid: String::new(),
        bucket: "photos".to_owned(),
        key_prefix: "cats/".to_owned(),
        actions: vec!["s3:Get*".to_owned()],
    };
    let wire_spoken = Statement {
        policy: statement::Policy::Bucket.into(),
        principal_arn: web.principal_arn.clone(),
        userid: String::new(),
        bucket: "photos".to_owned(),
        key_prefix: "cats/".to_owned(),
        actions: vec!["s3:Get*".to_owned()],
    };
    let object = |key: &str| domain::Object {
        bucket: "films".to_owned(),
        key: key.to_owned(),
        version_id: String::new(),
        is_versioned: Some(false),
    };
    let wire_object = |key: &str| ObjectEvent {
        bucket: "films".to_owned(),
        key: key.to_owned(),
        version_id: String::new(),
        versioning: object_event::Versioning::Off.into(),
    };
    let before = web.issued.not_after.unix() + 1;
    let id = key.access_key_id.clone();
    vec![
        (What::KeyDeleted { access_key_id: id.clone() }, Wire::KeyDeleted(KeyEvent { access_key_id: id })),
        (What::UserDeleted(principal(&key.principal_arn)), Wire::UserDeleted(wire_principal(&key.principal_arn))),
        (
            What::SessionsRevoked { principal: principal(role), issued_before: Timestamp::from_unix(before) },
            Wire::SessionsRevoked(SessionsRevoked { principal: Some(wire_principal(role)), issued_before: at(before) }),
        ),
        (What::BucketDeleted { bucket: "attic".into() }, Wire::BucketDeleted(BucketEvent { bucket: "attic".into() })),
        (What::ObjectDeleted(object("cats/36.jpg")), Wire::ObjectDeleted(wire_object("cats/36.jpg"))),
        (What::RequesterPays { bucket: "films".into() }, Wire::RequesterPays(BucketEvent { bucket: "films".into() })),
        (
            What::Denied { statement: spoken.clone(), issued_before: None, signature_age: None },
            Wire::Denied(Deny { statement: Some(wire_spoken.clone()), ..Deny::default() }),
        ),
        (
            What::Denied {
                statement: domain::Statement { principal_arn: String::new(), ..spoken.clone() },
                issued_before: None,
                signature_age: Some(Duration::from_secs(3600)),
            },
            Wire::Denied(Deny {
                statement: Some(Statement { principal_arn: String::new(), ..wire_spoken.clone() }),
                issued_before: None,
                signature_age: Some(length(3600)),
            }),
        ),
        (What::AllowRemoved(spoken), Wire::AllowRemoved(AllowRemoved { statement: Some(wire_spoken) })),
    ]
}

/// Totals by name, of every kind of group.
fn named(report: &Report) -> BTreeMap<(String, String), (u64, u64, u64)> {
    let groups = report.groups().into_iter().map(|group| {
        let by = format!("{:?}", group.by).to_lowercase().replace("onbehalfof", "on_behalf_of");
        let report::Totals { ends, may_end, lives } = group.totals;
        ((by, group.name.unwrap_or_default()), (ends, may_end, lives))
    });
    groups.collect()
}

fn named_on_the_wire(groups: Vec<Group>) -> BTreeMap<(String, String), (u64, u64, u64)> {
    let groups = groups.into_iter().map(|group| {
        let by = group.by().as_str_name().trim_start_matches("BY_").to_lowercase();
        let Totals { ends, may_end, lives } = group.totals.unwrap();
        ((by, group.name), (ends, may_end, lives))
    });
    groups.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_daemon_says_of_an_event_is_what_each_record_says() {
    let world = World::new().await;
    let daemon = world.daemon(&identities(&world)).await;
    for name in ["key", "web", "token", "federated"] {
        eventually("every identity has a session", async || {
            (!daemon.identity(name).await.sessions.is_empty()).then_some(())
        })
        .await;
    }
    sign(&daemon).await;
    let searched = Searched::of(&world);
    let first_ends = searched.records.iter().map(|record| record.url.usable_until().unix()).min().unwrap();
    eventually("what lives for a second has ended", async || (now() > first_ends + 2).then_some(())).await;
    let mut impact = impact(&daemon).await;
    let started = now();
    let boundary = started.div_euclid(900) * 900 + 900;
    let mut losses = 0;
    for (what, wire) in events(&searched) {
        for happens in [started, started + 137, boundary, boundary + 3600, started - 1000] {
            let event = domain::Event {
                at: Timestamp::from_unix(happens),
                settles_within: domain::SETTLES_WITHIN,
                endpoint: None,
                what: what.clone(),
            };
            let mut expected = Report::new(&event, Timestamp::from_unix(now())).by_on_behalf_of();
            let mut touched = BTreeSet::new();
            for record in searched.outstanding(started) {
                let ending = searched.ending(&event, record);
                expected.add_url(&record.session, &record.url, &ending);
                if ending.verdict != Verdict::Lives {
                    touched.insert((record.url.id.to_string(), ending.reason.as_str().to_owned()));
                }
            }
            let wire = Event { at: at(happens), settles_within: None, what: Some(wire.clone()), ..Event::default() };
            let ask = AssessRequest { event: Some(wire.clone()), filter: None, by_on_behalf_of: true };
            let answer = impact.assess(ask).await.unwrap().into_inner();
            let report::Totals { ends, may_end, lives } = expected.totals();
            assert_eq!(answer.totals, Some(Totals { ends, may_end, lives }), "{event:?}");
            let last = expected.breaks_nothing_from().map(Timestamp::unix);
            assert_eq!(answer.breaks_nothing_from.map(|at| at.seconds), last, "{event:?}");
            assert_eq!(named_on_the_wire(answer.groups), named(&expected), "{event:?}");
            assert_eq!(answer.event.unwrap().settles_within, Some(length(300)), "what was left out is filled in");
            losses += ends + may_end;
            let ask = ListAffectedRequest { event: Some(wire), filter: None, with_living: false };
            let mut list = impact.list_affected(ask).await.unwrap().into_inner();
            let mut listed = BTreeSet::new();
            while let Some(one) = list.message().await.unwrap() {
                assert!(listed.insert((one.url.unwrap().id, one.ending.unwrap().reason)), "listed twice");
            }
            assert_eq!(listed, touched, "{event:?}");
        }
    }
    assert!(losses > 1000, "{losses}");
}

/// A registry as a daemon left it: URLs of a key that end one second after the other, and a second key that signed none.
async fn left_behind(world: &World, count: u64, happened: Option<domain::Event>) {
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

fn key_only(world: &World) -> String {
    identities(world).split("[identity.web]").next().unwrap().to_owned()
}

fn bucket_deleted() -> Option<Event> {
    Some(Event { what: Some(Wire::BucketDeleted(BucketEvent { bucket: "photos".into() })), ..Event::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_a_hundred_thousand_is_read_as_it_is_taken() {
    const MANY: u64 = 100_000;
    let world = World::new().await;
    left_behind(&world, MANY, None).await;
    let daemon = world.daemon(&key_only(&world)).await;
    let ask = ListAffectedRequest { event: bucket_deleted(), filter: None, with_living: false };
    let mut list = impact(&daemon).await.list_affected(ask).await.unwrap().into_inner();
    list.message().await.unwrap().unwrap();
    // Recorded while nobody takes from the list, and last by its end: it is listed only if the rest was not read ahead.
    let late = PresignRequest { expires_in: Some(length(604_800)), ..get("cat.jpg") };
    let late = presign(&mut daemon.signer().await, late).await.unwrap();
    let (mut listed, mut last) = (1, String::new());
    while let Some(one) = list.message().await.unwrap() {
        listed += 1;
        last = one.url.unwrap().id;
    }
    assert_eq!((listed, last), (MANY + 1, late.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_nobody_takes_from_holds_up_no_stop() {
    let world = World::new().await;
    left_behind(&world, 50_000, None).await;
    let daemon = world.daemon(&key_only(&world)).await;
    let ask = ListAffectedRequest { event: bucket_deleted(), filter: None, with_living: false };
    let mut list = impact(&daemon).await.list_affected(ask).await.unwrap().into_inner();
    list.message().await.unwrap().unwrap();
    daemon.signal(Signal::TERM);
    let ended = loop {
        match list.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a list that was cut off must not look whole"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable, "{ended}");
    assert!(daemon.end().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_says_what_was_reported_to_end_it() {
    let world = World::new().await;
    let what = What::BucketDeleted { bucket: "photos".into() };
    let event =
        domain::Event { at: Timestamp::from_unix(now()), settles_within: domain::SETTLES_WITHIN, endpoint: None, what };
    left_behind(&world, 1, Some(event)).await;
    let daemon = world.daemon(&key_only(&world)).await;
    let url = presign(&mut daemon.signer().await, get("cat.jpg")).await.unwrap();
    let mut registry = daemon.registry().await;
    let told = registry.get_url(GetUrlRequest { id: url.id }).await.unwrap().into_inner().url.unwrap();
    let found = registry.find_url(FindUrlRequest { text: url.url }).await.unwrap().into_inner().found;
    for record in [&told, found[0].url.as_ref().unwrap()] {
        let reasons: Vec<&str> = record.endings.iter().map(|ending| ending.reason.as_str()).collect();
        assert_eq!(reasons, ["BUCKET_DELETED"]);
    }
    let listed = registry.list_urls(ListUrlsRequest::default()).await.unwrap().into_inner().urls;
    assert!(listed.iter().all(|url| url.endings.is_empty()), "lists leave them out");
}

/// Code, reason and fields of a refusal.
fn refusal(status: &Status) -> (Code, String, Vec<String>) {
    let details = status.get_error_details();
    let fields = details.bad_request().map(|bad| bad.field_violations.iter().map(|one| one.field.clone()).collect());
    (status.code(), details.error_info().unwrap().reason.clone(), fields.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_malformed_unknown_or_asked_on_the_wrong_socket_is_refused_clearly() {
    let world = World::new().await;
    left_behind(&world, 1, None).await;
    let daemon = world.daemon(&key_only(&world)).await;
    let mut admin = impact(&daemon).await;
    let instance = Searched::of(&world).records[0].url.id.instance;
    let of = |what: Wire| Some(Event { what: Some(what), ..Event::default() });
    let session = |id: String| of(Wire::SessionExpired(SessionEvent { session_id: id }));
    let identity = |name: &str| of(Wire::IdentityRenewed(IdentityEvent { identity: name.to_owned() }));
    let role = |arn: &str| of(Wire::RoleDeleted(PrincipalEvent { arn: arn.to_owned(), unique_id: String::new() }));
    let denied = of(Wire::Denied(Deny { statement: Some(Statement::default()), ..Deny::default() }));
    let prefix = Some(UrlFilter { key_prefix: "k".repeat(2000), ..UrlFilter::default() });
    let table = [
        (None, None, "INVALID_FIELD", "event"),
        (Some(Event::default()), None, "INVALID_FIELD", "event.what"),
        (role("web"), None, "INVALID_FIELD", "event.role_deleted.arn"),
        (denied, None, "INVALID_FIELD", "event.denied.statement.policy"),
        (session("42".into()), None, "INVALID_FIELD", "event.session_expired.session_id"),
        (session("aaaaaaaa-1".into()), None, "SESSION_NOT_FOUND", ""),
        (session(format!("{instance}-999")), None, "SESSION_NOT_FOUND", ""),
        (identity("nobody"), None, "UNKNOWN_IDENTITY", ""),
        (bucket_deleted(), prefix, "INVALID_FIELD", "filter.key_prefix"),
    ];
    for (event, filter, reason, field) in table {
        let ask = AssessRequest { event: event.clone(), filter: filter.clone(), by_on_behalf_of: false };
        let assessed = refusal(&admin.assess(ask).await.unwrap_err());
        let ask = ListAffectedRequest { event, filter, with_living: false };
        let listed = refusal(&admin.list_affected(ask).await.unwrap_err());
        let fields: Vec<String> = Some(field.to_owned()).into_iter().filter(|field| !field.is_empty()).collect();
        assert_eq!((assessed.1.as_str(), &assessed.2), (reason, &fields));
        assert_eq!(assessed, listed);
    }
    let contain = |url| ContainRequest { url };
    let mut refused = async |url| {
        let (_, reason, fields) = refusal(&admin.contain(contain(url)).await.unwrap_err());
        (reason, fields.join(" "))
    };
    let by_id = |id: String| Some(contain_request::Url::Id(id));
    let by_text = |text: &str| Some(contain_request::Url::Text(text.to_owned()));
    let unknown = "https://h/k?X-Amz-Credential=AKIA/x&X-Amz-Date=20261122T120000Z&X-Amz-Signature=00";
    assert_eq!(refused(None).await, ("INVALID_FIELD".into(), "url".into()));
    assert_eq!(refused(by_id("x".into())).await, ("INVALID_FIELD".into(), "id".into()));
    assert_eq!(refused(by_id("aaaaaaaa-1".into())).await, ("URL_NOT_FOUND".into(), String::new()));
    assert_eq!(refused(by_id(format!("{instance}-999"))).await, ("URL_NOT_FOUND".into(), String::new()));
    let of_session = format!("{instance}-2");
    assert_eq!(refused(by_id(of_session.clone())).await, ("INVALID_FIELD".into(), "id".into()), "a session is no URL");
    assert_eq!(refused(by_text("nonsense")).await, ("INVALID_FIELD".into(), "text".into()));
    assert_eq!(refused(by_text(unknown)).await, ("URL_NOT_FOUND".into(), String::new()));
    let told = admin.contain(contain(by_id(of_session))).await.unwrap_err();
    assert!(told.message().contains("session of idle"), "{told}");

    let mut sign = ImpactClient::new(connect(&daemon.sign_socket()).await.unwrap());
    let not_admitted = |status: Status| assert_eq!(refusal(&status).1, "NOT_ADMITTED", "{status}");
    let ask = AssessRequest { event: bucket_deleted(), ..AssessRequest::default() };
    not_admitted(sign.assess(ask).await.unwrap_err());
    let ask = ListAffectedRequest { event: bucket_deleted(), ..ListAffectedRequest::default() };
    not_admitted(sign.list_affected(ask).await.unwrap_err());
    not_admitted(sign.contain(contain(by_id(format!("{instance}-1")))).await.unwrap_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaked_url_is_contained_by_its_text_as_by_its_id() {
    let world = World::new().await;
    left_behind(&world, 3, None).await;
    let daemon = world.daemon(&key_only(&world)).await;
    let url = presign(&mut daemon.signer().await, get("dog.jpg")).await.unwrap();
    let mut impact = impact(&daemon).await;
    let mut contained = async |url| impact.contain(ContainRequest { url: Some(url) }).await.unwrap().into_inner();
    let by_id = contained(contain_request::Url::Id(url.id.clone())).await;
    let by_text = contained(contain_request::Url::Text(url.url.clone())).await;
    assert_eq!(by_id.url.as_ref().map(|found| &found.id), Some(&url.id));
    assert_eq!(by_id.url, by_text.url);
    let prices = |answer: &ContainResponse| -> Vec<(u64, u64)> {
        answer.containments.iter().map(|one| (one.takes_along, one.may_take_along)).collect()
    };
    assert_eq!(prices(&by_id), prices(&by_text));
    assert_eq!(prices(&by_id)[0], (0, 0), "a deny of that object alone is the cheapest");
    let key = by_id
        .containments
        .iter()
        .find(|one| matches!(one.event.as_ref().and_then(|event| event.what.as_ref()), Some(Wire::KeyDeactivated(_))));
    let key = key.expect("a long-term key can be deactivated");
    assert_eq!(key.takes_along, 3);
    let stopped =
        |one: &Containment| -> Vec<String> { one.outages.iter().map(|outage| outage.identity.clone()).collect() };
    assert_eq!(stopped(key), ["key"], "who signs with that key can sign no more");
    let is_short = |outage: &Outage| outage.loss() == outage::Loss::ShortLinks;
    let costs = |one: &Containment| match one.outages.as_slice() {
        [] => 0,
        all if all.iter().all(is_short) => 1,
        _ => 2,
    };
    let costs: Vec<i32> = by_id.containments.iter().map(costs).collect();
    assert!(costs.is_sorted() && [0, 1, 2].iter().all(|cost| costs.contains(cost)), "{costs:?}");
    let short = by_id.containments.iter().find_map(|one| one.outages.iter().find(|outage| is_short(outage)));
    assert!(short.unwrap().life.unwrap().seconds >= 1, "as old as the URL is: {short:?}");
    assert!(key.steps.iter().any(|step| step.text.is_empty() && step.title.contains(&world.user.access_key_id)));
    let named = format!(" --endpoint-url {} ", world.s3.endpoint());
    let mut commands =
        by_id.containments.iter().flat_map(|one| &one.steps).filter(|step| step.text.starts_with("aws "));
    assert!(commands.all(|step| step.text.contains(&named)), "no command goes to AWS: {by_id:?}");
    assert!(by_id.gaps.iter().any(|gap| gap.reason == "OTHER_STORE"));
    let all = format!("{by_text:?}");
    assert!(!all.contains("X-Amz-Signature"), "the URL is not in the answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_ends_no_url_tells_whose_next_session_does_not_come() {
    let world = World::new().await;
    let daemon = world.daemon(&identities(&world)).await;
    eventually("the role has a session", async || (!daemon.identity("web").await.sessions.is_empty()).then_some(()))
        .await;
    let role = "arn:aws:iam::123456789012:role/team/web".to_owned();
    let what = Wire::TrustPolicyChanged(PrincipalEvent { arn: role, unique_id: String::new() });
    let event = Some(Event { what: Some(what), ..Event::default() });
    let ask = AssessRequest { event, ..AssessRequest::default() };
    let answer = impact(&daemon).await.assess(ask).await.unwrap().into_inner();
    let told: Vec<&str> = answer.outages.iter().map(|outage| outage.identity.as_str()).collect();
    assert_eq!((told, answer.breaks_nothing_from), (vec!["web"], None));
    let ends = daemon.identity("web").await.sessions[0].reference.clone().unwrap().expires_at;
    assert_eq!(answer.outages[0].at, ends, "it signs until its session ends");
}
