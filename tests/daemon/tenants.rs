//! One session for each tenant: whose URLs end with whose session, who is refused, and what a reload, a restart and an
//! operator's re-sign make of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use presignd::access::Caller;
use presignd::clock::Clock;
use presignd::grpc::proto::event::What;
use presignd::grpc::proto::group::By;
use presignd::grpc::proto::identities_client::IdentitiesClient;
use presignd::grpc::proto::impact_client::ImpactClient;
use presignd::grpc::proto::rotation_client::RotationClient;
use presignd::grpc::proto::signer_client::SignerClient;
use presignd::grpc::proto::{
    AssessRequest, ContainRequest, Deny, DrainRequest, Event, GenerationState, GetIdentityRequest, ListAffectedRequest,
    Observation, PauseIdentityRequest, PresignBatchRequest, PresignRequest, PresignResponse, RenewIdentityRequest,
    ResignRequest, ResumeIdentityRequest, RotationStatusRequest, Session, Statement, Totals, UrlFilter, WatchRequest,
    contain_request, outage, presign_result, statement::Policy, watch_response,
};
use presignd::issued::{Fingerprint, IssuedUrl};
use presignd::registry::{Append, Options, Registry};
use presignd::s3::form::Signable;
use presignd::s3::operation::Method;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, ObjectKey, Region};
use presignd::session::lifetime::LimitedBy;
use presignd::session::{CredentialKind, Facts, IdentityName, IssueInterval};
use presignd::telemetry::Metrics;
use presignd::time::Ttl;
use rustix::process::Signal;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::process::{Daemon, World, connect, get, length, presign};
use crate::support::sts::Turn;
use crate::support::{DEADLINE, eventually};

const BY_TENANT: &str = "min_pause = \"1s\"\npartition_by = \"on_behalf_of\"\n";

/// For ten minutes, for a tenant.
fn of(tenant: &str, key: &str) -> PresignRequest {
    PresignRequest { expires_in: Some(length(600)), on_behalf_of: tenant.to_owned(), ..get(key) }
}

async fn world() -> World {
    let world = World::new().await;
    ["a", "b", "c"].iter().for_each(|key| world.s3.store().put("photos", key, *key));
    world
}

/// Ready before any tenant has come.
async fn ready(world: &World, table: &str) -> Daemon {
    let daemon = world.spawn(&world.web(table));
    eventually("it is ready", async || (daemon.probe("/readyz").await == 200).then_some(())).await;
    daemon
}

async fn signed(daemon: &Daemon, request: PresignRequest) -> PresignResponse {
    presign(&mut daemon.signer().await, request).await.expect("it signs")
}

async fn refused(daemon: &Daemon, request: PresignRequest) -> Status {
    presign(&mut daemon.signer().await, request).await.map(drop).expect_err("it is refused")
}

/// Reason and fields.
fn told(status: &Status) -> (String, Vec<String>) {
    let details = status.get_error_details();
    let fields = details.bad_request().map(|bad| bad.field_violations.iter().map(|one| one.field.clone()).collect());
    (details.error_info().map(|info| info.reason.clone()).unwrap_or_default(), fields.unwrap_or_default())
}

fn id(signed: &PresignResponse) -> String {
    signed.session.as_ref().map(|session| session.id.clone()).expect("a session signed")
}

/// By tenant.
fn sessions(all: Vec<Session>) -> BTreeMap<String, Session> {
    all.into_iter().map(|session| (session.partition.clone(), session)).collect()
}

fn denied(principal_arn: &str, userid: &str) -> Option<Event> {
    let (policy, bucket) = (Policy::Bucket.into(), "photos".to_owned());
    let (principal_arn, userid) = (principal_arn.to_owned(), userid.to_owned());
    let statement = Statement { policy, principal_arn, userid, bucket, ..Statement::default() };
    Some(Event { what: Some(What::Denied(Deny { statement: Some(statement), ..Deny::default() })), ..Event::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_one_tenants_session_ends_that_tenants_urls_and_no_others_as_was_predicted() {
    let world = world().await;
    let policy =
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"},\"${presignd:partition}\"]}";
    let table = format!("{BY_TENANT}partition_tag = \"tenant\"\nsession_policy = '{policy}'\n");
    let daemon = ready(&world, &table).await;
    assert_eq!(world.sts.count("AssumeRole"), 0, "nothing is minted for nobody");
    let tenants = ["tenant-red", "tenant-blue", "tenant-green"];
    let requests = (0..30).map(|number| of(tenants[number % 3], ["a", "b", "c"][number / 3 % 3])).collect();
    let results = daemon.signer().await.presign_batch(PresignBatchRequest { requests }).await.expect("an answer");
    let urls: Vec<PresignResponse> = results
        .into_inner()
        .results
        .into_iter()
        .map(|one| match one.result {
            Some(presign_result::Result::Response(signed)) => signed,
            other => panic!("{other:?}"),
        })
        .collect();
    let own = sessions(daemon.web().await.sessions);
    assert_eq!(own.keys().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(tenants));
    for (number, url) in urls.iter().enumerate() {
        assert_eq!(own[tenants[number % 3]].reference.as_ref().map(|one| one.id.clone()), Some(id(url)));
    }

    let calls: Vec<_> = world.sts.calls().into_iter().filter(|call| call.action == "AssumeRole").collect();
    assert_eq!(calls.len(), 3, "one each");
    for (tenant, session) in &own {
        let call = calls.iter().find(|call| call.parameters["RoleSessionName"] == session.session_name);
        let asked = &call.expect("each session has a name of its own").parameters;
        let legal = |char: char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char);
        assert!((2..=64).contains(&session.session_name.len()) && session.session_name.chars().all(legal));
        assert!(!session.session_name.contains("tenant"), "{}", session.session_name);
        assert_eq!((asked["Tags.member.1.Key"].as_str(), &asked["Tags.member.1.Value"]), ("tenant", tenant));
        assert!(asked["Policy"].contains(&format!("\"{tenant}\"")), "{}", asked["Policy"]);
    }

    let red = own["tenant-red"].clone();
    let reds: BTreeSet<String> = urls.iter().step_by(3).map(|url| url.id.clone()).collect();
    let channel = connect(&daemon.admin_socket()).await.expect("it listens");
    let mut impact = ImpactClient::new(channel);
    let userid = format!("{}:{}", red.principal_unique_id, red.session_name);
    for event in [denied(&red.principal_arn, ""), denied("", &userid)] {
        let ask = AssessRequest { event: event.clone(), filter: None, by_on_behalf_of: true };
        let answer = impact.assess(ask).await.expect("an answer").into_inner();
        assert_eq!(answer.totals, Some(Totals { ends: 10, may_end: 0, lives: 20 }), "{event:?}");
        let touched =
            answer.groups.iter().filter(|group| group.by() == By::OnBehalfOf).map(|group| group.name.as_str());
        assert_eq!(touched.collect::<Vec<_>>(), ["tenant-red"]);
        let told = answer.outages.iter().map(|one| (one.partition.as_str(), one.recovery(), one.renew.join(",")));
        let red = ("tenant-red", outage::Recovery::Renewal, "web".to_owned());
        assert_eq!(told.collect::<Vec<_>>(), [red], "the others go on, and so does the tenant with its next session");
        let ask = ListAffectedRequest { event, filter: None, with_living: false };
        let mut list = impact.list_affected(ask).await.expect("a stream").into_inner();
        let mut listed = BTreeSet::new();
        while let Some(one) = list.message().await.expect("it goes on") {
            listed.insert(one.url.expect("a record").id);
        }
        assert_eq!(listed, reds);
    }
    for (identity, is_refused) in [("web", false), ("wbe", true)] {
        let filter = Some(UrlFilter { identity: identity.to_owned(), ..UrlFilter::default() });
        let event = denied("", &userid);
        let ask = AssessRequest { event: event.clone(), filter: filter.clone(), by_on_behalf_of: false };
        assert_eq!(impact.assess(ask).await.is_err_and(|status| status.message().contains("wbe")), is_refused);
        let ask = ListAffectedRequest { event, filter, with_living: false };
        assert_eq!(impact.list_affected(ask).await.is_err_and(|status| status.message().contains("wbe")), is_refused);
    }
    let one = ContainRequest { url: Some(contain_request::Url::Id(urls[0].id.clone())) };
    let contained = impact.contain(one).await.expect("an answer").into_inner().containments;
    let of_session = contained.iter().find(|one| one.takes_along == 9).expect("its session can be denied");
    assert!(of_session.steps.iter().any(|step| step.text.contains(&red.session_name)), "{:?}", of_session.steps);

    for (happened, red_status) in [(false, 200), (true, 403)] {
        world.keys.deny(&red.reference.as_ref().expect("a session").access_key_id, happened);
        for url in &urls {
            let status = world.s3.fetch("GET", &url.url, [], "").await.status;
            assert_eq!(status, if reds.contains(&url.id) { red_status } else { 200 });
        }
    }
    let mut rotation = RotationClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    let watch = WatchRequest { from_oldest: true, ..WatchRequest::default() };
    let mut news = rotation.watch(watch).await.expect("a stream").into_inner();
    let mut told = BTreeSet::new();
    while told.len() < 3 {
        let one = tokio::time::timeout(DEADLINE, news.message()).await.expect("it is told");
        let one = one.expect("it goes on").expect("more").what;
        told.extend(one.and_then(|what| match what {
            watch_response::What::SessionRenewed(session) => Some(session.id),
            _ => None,
        }));
    }
    assert_eq!(told, urls.iter().map(id).collect(), "each tenant's session is told");
    let metrics = daemon.metrics().await;
    assert!(metrics.contains("presignd_partitions{identity=\"web\"} 3"), "{metrics}");
    assert!(!metrics.contains("tenant-") && !daemon.log().contains("tenant-"), "tenants are data of callers");
    let mut sign = IdentitiesClient::new(connect(&daemon.sign_socket()).await.expect("it listens"));
    let seen = sign.get_identity(GetIdentityRequest { name: "web".into() }).await.expect("an answer").into_inner();
    assert_eq!(seen.identity.expect("it is there").sessions, [], "no caller sees other tenants");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_names_no_tenant_or_finds_no_place_is_refused_and_never_signed_for_with_anothers_session() {
    let world = world().await;
    let table = "min_pause = \"1s\"\npartition_by = \"label:team\"\npartition_tag = \"team\"\nmax_partitions = 1\n";
    let daemon = ready(&world, table).await;
    let of = |team: &str| PresignRequest { labels: HashMap::from([("team".into(), team.into())]), ..get("a") };
    let field = ("INVALID_FIELD".to_owned(), vec!["labels.team".to_owned()]);
    for (request, says) in [(get("a"), "missing"), (of(""), "missing"), (of("a*"), "letters")] {
        let status = refused(&daemon, request).await;
        assert_eq!((status.code(), told(&status)), (Code::InvalidArgument, field.clone()));
        assert!(status.message().contains(says), "{status}");
    }
    assert_eq!(world.sts.count("AssumeRole"), 0);

    world.sts.script([Turn::Fail(400, "PackedPolicyTooLarge")]);
    let status = refused(&daemon, of("red")).await;
    let info = status.get_error_details().error_info().cloned().expect("every error has one");
    assert_eq!((info.reason.as_str(), info.metadata["cause"].as_str()), ("NO_SESSION", "POLICY"), "{status}");
    let long = |team| PresignRequest { expires_in: Some(length(3000)), ..of(team) };
    signed(&daemon, long("red")).await;
    let status = refused(&daemon, of("blue")).await;
    assert_eq!((status.code(), told(&status).0.as_str()), (Code::ResourceExhausted, "PARTITIONS_FULL"));
    let details = status.get_error_details();
    let wait = details.retry_info().and_then(|info| info.retry_delay).expect("it says when");
    assert!(
        (Duration::from_secs(2900)..=Duration::from_secs(3000)).contains(&wait),
        "red's URL lives so long: {wait:?}"
    );
    assert_eq!(details.quota_failure().expect("it says what of").violations[0].subject, "identity:web");
    signed(&daemon, of("red")).await;
    assert_eq!(world.sts.count("AssumeRole"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_stay_apart_over_drains_pauses_reloads_and_restarts() {
    let world = world().await;
    let daemon = ready(&world, BY_TENANT).await;
    let (red, blue) = (signed(&daemon, of("red", "a")).await, signed(&daemon, of("blue", "b")).await);
    world.write_config(&world.web(&format!("{BY_TENANT}headroom = \"10m\"\nmax_partitions = 7\n")));
    daemon.signal(Signal::HUP);
    eventually("it is in force", async || (daemon.web().await.headroom? == length(600)).then_some(())).await;
    for (tenant, former) in [("red", &red), ("blue", &blue)] {
        assert_eq!(id(&signed(&daemon, of(tenant, "c")).await), id(former), "it goes on with its session");
    }

    let admin = || async { RotationClient::new(connect(&daemon.admin_socket()).await.expect("it listens")) };
    let (mut rotation, web) = (admin().await, || "web".to_owned());
    let open = rotation.drain(DrainRequest { identity: web(), generation: 0 }).await.expect_err("which?");
    assert_eq!(told(&open), ("INVALID_FIELD".into(), vec!["generation".into()]));
    let generation = red.session.as_ref().expect("it was signed").generation;
    let drained = rotation.drain(DrainRequest { identity: web(), generation }).await.expect("it drains").into_inner();
    let status = drained.status.expect("how it is");
    assert_eq!((status.state(), status.partition.as_str()), (GenerationState::Draining, "red"));
    let next = signed(&daemon, of("red", "a")).await;
    assert_ne!(id(&next), id(&red));
    assert_eq!(id(&signed(&daemon, of("blue", "b")).await), id(&blue));
    rotation.pause_identity(PauseIdentityRequest { identity: web() }).await.expect("it pauses");
    for tenant in ["red", "blue", "new"] {
        assert_eq!(told(&refused(&daemon, of(tenant, "a")).await).0, "IDENTITY_PAUSED");
    }
    rotation.resume_identity(ResumeIdentityRequest { identity: web() }).await.expect("it resumes");
    daemon.admin().await.renew_identity(RenewIdentityRequest { name: web() }).await.expect("all are renewed");
    assert_eq!(daemon.web().await.sessions.len(), 5, "two of blue's, three of red's");

    daemon.kill().await;
    let daemon = ready(&world, BY_TENANT).await;
    let rows = sessions(daemon.web().await.sessions);
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["blue", "red"], "the registry knows whose they are");
    eventually("their secrets are gone, and it says so", async || {
        let with_urls = daemon.web().await.sessions.into_iter().filter(|session| session.outstanding_urls > 0);
        with_urls.map(|session| session.observation()).all(|seen| seen == Observation::Unobservable).then_some(())
    })
    .await;
    let again = signed(&daemon, of("red", "a")).await;
    assert!([&red, &next, &blue].iter().all(|former| id(former) != id(&again)));
    let mut rotation = RotationClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    let ask = RotationStatusRequest { identity: web(), ..RotationStatusRequest::default() };
    let all = rotation.rotation_status(ask).await.expect("an answer").into_inner().generations;
    let active: Vec<_> = all.iter().filter(|one| one.state() == GenerationState::Active).collect();
    assert_eq!(active.iter().map(|one| one.partition.as_str()).collect::<Vec<_>>(), ["red"]);
    for url in [&red, &blue, &next, &again] {
        assert_eq!(world.s3.fetch("GET", &url.url, [], "").await.status, 200, "no link died");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_hides_no_tenant_that_would_sign_dead_links() {
    let world = world().await;
    let daemon = ready(&world, BY_TENANT).await;
    let urls = [signed(&daemon, of("red", "a")).await, signed(&daemon, of("blue", "b")).await];
    let red = sessions(daemon.web().await.sessions)["red"].principal_arn.clone();
    let mut impact = ImpactClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    let mut rotation = RotationClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    for is_paused in [false, true] {
        if is_paused {
            rotation.pause_identity(PauseIdentityRequest { identity: "web".into() }).await.expect("it pauses");
        }
        let ask = AssessRequest { event: denied(&red, ""), filter: None, by_on_behalf_of: false };
        let outages = impact.assess(ask).await.expect("an answer").into_inner().outages;
        let told = outages.iter().map(|one| (one.partition.as_str(), one.recovery(), one.renew.join(",")));
        let expected = [("red", outage::Recovery::Renewal, "web".to_owned())];
        assert_eq!(told.collect::<Vec<_>>(), expected, "paused: {is_paused}");
        let one = ContainRequest { url: Some(contain_request::Url::Id(urls[0].id.clone())) };
        let contained = impact.contain(one).await.expect("an answer").into_inner().containments;
        let costs = contained.iter().filter(|one| one.outages.iter().any(|outage| outage.partition == "red"));
        assert!(costs.count() > 0, "paused: {is_paused}: {contained:?}");
    }
}

/// What a daemon recorded that is gone: a URL of another user.
async fn left_behind(world: &World, uid: u32) -> String {
    let (clock, metrics) = (Clock::system(), Arc::new(Metrics::new().expect("declared well")));
    let registry = Registry::open(Options::at(world.registry()), clock.clone(), metrics).await.expect("it is ours");
    let facts = Facts {
        access_key_id: "ASIAFORMER".into(),
        kind: CredentialKind::AssumeRole,
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
        expires_at: Some(clock.now() + Duration::from_secs(3600)),
        expiry_is_exact: true,
        partition_of: uid.to_string(),
    };
    let session = registry.enrol(&IdentityName::parse("web").expect("a name"), facts).await.expect("it is taken");
    let (headers, place) = (Headers::new(Vec::new()).expect("none"), Addressing::default());
    let (bucket, key) = (Bucket::parse("photos").expect("a name"), ObjectKey::parse("a").expect("a key"));
    let what = Request::new(Method::Get, bucket, Some(key), Vec::new(), headers, place).expect("a request");
    let url = IssuedUrl {
        id: registry.next_url_id(),
        session: session.id,
        what: Signable::Request(what),
        region: Region::parse("us-east-1").expect("a region"),
        host: "photos.s3.us-east-1.amazonaws.com".to_owned(),
        signed_at: clock.now(),
        ttl: Ttl::new(600).expect("a length"),
        limited_by: LimitedBy::Request,
        tagged: false,
        fingerprint: Fingerprint::of("former"),
        caller: Caller { uid, gid: uid, pid: None, executable: None },
        on_behalf_of: String::new(),
        labels: Vec::new(),
        replaces: None,
    };
    let id = url.id.to_string();
    registry.append(vec![Append { url, request: None }]).await.expect("it is written");
    registry.close().await;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_signs_again_stays_with_the_caller_who_had_it_signed() {
    let world = world().await;
    let former = left_behind(&world, 4242).await;
    let daemon = ready(&world, "min_pause = \"1s\"\npartition_by = \"caller\"\n").await;
    let own = signed(&daemon, get("a")).await;
    let mut admin = SignerClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    let mut again = async |former: String| {
        let asked = ResignRequest { ids: vec![former], ..ResignRequest::default() };
        let mut answers = admin.resign(asked).await.expect("a stream").into_inner();
        let answer = answers.message().await.expect("it goes on").expect("one answer").result;
        let Some(presign_result::Result::Response(again)) = answer.and_then(|one| one.result) else {
            panic!("refused")
        };
        again
    };
    let once = again(former).await;
    let again = again(once.id).await;

    let all = daemon.web().await.sessions;
    let whose = |url: &PresignResponse| {
        let is_it = |one: &&Session| one.reference.as_ref().is_some_and(|one| one.id == id(url));
        all.iter().find(is_it).map(|one| one.partition.clone())
    };
    let uid = rustix::process::geteuid().as_raw().to_string();
    assert_eq!((whose(&own), whose(&again)), (Some(uid.clone()), Some("4242".to_owned())));
    let mut sign = IdentitiesClient::new(connect(&daemon.sign_socket()).await.expect("it listens"));
    let seen = sign.get_identity(GetIdentityRequest { name: "web".into() }).await.expect("an answer").into_inner();
    let seen: Vec<_> = seen.identity.expect("it is there").sessions.into_iter().map(|one| one.partition).collect();
    assert_eq!(seen, [uid], "a caller sees its own");
}
