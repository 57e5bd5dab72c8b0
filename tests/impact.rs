//! Impact over the wire of the real daemon: its totals and lists against a search of its registry's file, what is refused,
//! and lists whose readers are slow or gone.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

#[path = "impact/counted.rs"]
mod counted;
#[path = "impact/left_behind.rs"]
mod left_behind;
#[path = "support/daemon.rs"]
mod process;
mod support;

use std::collections::HashMap;
use std::sync::Arc;

use left_behind::{bucket_deleted, key_only, left_behind};
use presignd::grpc::proto::event::What as Wire;
use presignd::grpc::proto::impact_client::ImpactClient;
use presignd::grpc::proto::*;
use presignd::impact::event::{self as domain, What};
use presignd::impact::{Lineage, Subject, ending};
use presignd::issued::Record;
use presignd::registry;
use presignd::session::{RecordId, Session as Signed};
use presignd::time::Timestamp;
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
    let ask = AssessRequest { event: bucket_deleted(), ..AssessRequest::default() };
    let stands_as = impact(&daemon).await.assess(ask).await.unwrap().into_inner().stands_as;
    for record in [&told, found[0].url.as_ref().unwrap()] {
        let reasons: Vec<&str> = record.endings.iter().map(|ending| ending.reason.as_str()).collect();
        assert_eq!(reasons, ["BUCKET_DELETED"]);
        assert_eq!(vec![record.endings[0].event_id.clone()], stands_as, "and which event does it");
    }
    let listed = registry.list_urls(ListUrlsRequest::default()).await.unwrap().into_inner().urls;
    assert!(listed.iter().all(|url| url.endings.is_empty()), "lists leave them out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_stands_is_answered_as_of_its_own_instant_unless_another_is_named() {
    let world = World::new().await;
    let what = What::BucketDeleted { bucket: "photos".into() };
    let happened = now() - 1000;
    let (settles_within, at_then) = (std::time::Duration::from_secs(60), Timestamp::from_unix(happened));
    let event = domain::Event { at: at_then, settles_within, endpoint: None, what };
    left_behind(&world, 3, Some(event)).await;
    let daemon = world.daemon(&key_only(&world)).await;
    let mut impact = impact(&daemon).await;
    let began = now();
    let mut asked = async |event: Option<Event>| {
        let ask = AssessRequest { event, ..AssessRequest::default() };
        impact.assess(ask).await.unwrap().into_inner()
    };
    let stood = asked(bucket_deleted()).await;
    let event = stood.event.clone().unwrap();
    assert_eq!((event.at, event.settles_within), (at(happened), Some(length(60))));
    assert_eq!((stood.stands_as.len(), stood.totals.unwrap().ends), (1, 3), "{stood:?}");
    assert!(stood.assessed_at.unwrap().seconds >= began);
    let ending = stood.effects[0].ending.clone().unwrap();
    assert_eq!((ending.not_before, ending.not_after), (at(happened), at(happened + 60)), "they died then, and not now");
    let named = bucket_deleted().map(|event| Event { at: at(happened + 500), ..event });
    let named = asked(named).await;
    assert_eq!((named.event.unwrap().at, named.stands_as), (at(happened + 500), stood.stands_as));
    let films = Wire::BucketDeleted(BucketEvent { bucket: "films".into() });
    let other = asked(Some(Event { what: Some(films), ..Event::default() })).await;
    assert!(other.stands_as.is_empty() && other.event.unwrap().at.unwrap().seconds >= began);
    let ask = ListAffectedRequest { event: bucket_deleted(), filter: None, with_living: false };
    let mut list = impact.list_affected(ask).await.unwrap().into_inner();
    let listed = list.message().await.unwrap().unwrap();
    // Signed after the event, they were dead from their birth.
    assert!(listed.ending.unwrap().not_after.unwrap().seconds <= now() && listed.ended_by.is_none());
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
