//! A session that an event kills goes on signing: that what it then signs is dead was said, and the command that was named
//! mends it. Who has no session at that moment signs with the next, of which the same was said.

use presignd::grpc::proto::event::What;
use presignd::grpc::proto::impact_client::ImpactClient;
use presignd::grpc::proto::outage::{Loss, Recovery};
use presignd::grpc::proto::rotation_client::RotationClient;
use presignd::grpc::proto::{
    AssessRequest, ContainRequest, Deny, Event, KeyEvent, ListEventsRequest, Observation, Outage, PauseIdentityRequest,
    PresignRequest, PrincipalEvent, RenewIdentityRequest, ResumeIdentityRequest, Session, SessionInvalidated,
    SessionsRevoked, Statement, contain_request, statement::Policy,
};

use crate::probe::QUICK;
use crate::process::{Daemon, World, connect, get, length, presign};
use crate::support::eventually;

/// Who signs dead links once that session is denied the bucket.
async fn told(daemon: &Daemon, session_arn: &str) -> Vec<Outage> {
    let (policy, bucket) = (Policy::Bucket.into(), "photos".to_owned());
    let statement = Statement { policy, principal_arn: session_arn.to_owned(), bucket, ..Statement::default() };
    let what = What::Denied(Deny { statement: Some(statement), ..Deny::default() });
    stopped(daemon, what).await
}

async fn stopped(daemon: &Daemon, what: What) -> Vec<Outage> {
    let event = Some(Event { what: Some(what), ..Event::default() });
    let mut impact = ImpactClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    let asked = AssessRequest { event, ..AssessRequest::default() };
    impact.assess(asked).await.expect("an answer").into_inner().outages
}

/// What the bearer of a URL that is signed now sees.
async fn fetched(world: &World, daemon: &Daemon) -> u16 {
    let signed = presign(&mut daemon.signer().await, get("a")).await.expect("it signs");
    world.s3.fetch("GET", &signed.url, [], "").await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_session_signs_dead_links_as_was_said_until_it_is_renewed_as_was_said() {
    let world = World::new().await;
    world.s3.store().put("photos", "a", "a");
    let daemon = world.daemon(&world.web("min_pause = \"1s\"\n")).await;
    let session = eventually("a session", async || daemon.web().await.sessions.into_iter().next()).await;
    assert_eq!(fetched(&world, &daemon).await, 200);

    let before = told(&daemon, &session.principal_arn).await;
    let [one] = before.as_slice() else { panic!("one identity signs with it: {before:?}") };
    assert_eq!((one.identity.as_str(), one.loss(), one.recovery()), ("web", Loss::DeadLinks, Recovery::Renewal));
    assert_eq!((one.bucket.as_str(), one.condition.as_str()), ("photos", ""));
    assert!(one.at.is_some() && one.at == one.renew_from, "from the event on: {one:?}");
    world.s3.deny("photos", &session.principal_arn);
    assert_eq!(fetched(&world, &daemon).await, 403, "presignd asks nobody, and signs on");

    let mut rotation = RotationClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    let identity = "web".to_owned();
    rotation.pause_identity(PauseIdentityRequest { identity: identity.clone() }).await.expect("it pauses");
    let identities = |told: Vec<Outage>| -> Vec<String> { told.into_iter().map(|one| one.identity).collect() };
    let paused = told(&daemon, &session.principal_arn).await;
    assert_eq!(identities(paused), ["web"], "resumed, it would sign with that very session");
    rotation.resume_identity(ResumeIdentityRequest { identity }).await.expect("it resumes");

    for name in &one.renew {
        daemon.admin().await.renew_identity(RenewIdentityRequest { name: name.clone() }).await.expect("it is renewed");
    }
    assert_eq!(fetched(&world, &daemon).await, 200);
    assert_eq!(told(&daemon, &session.principal_arn).await, [], "what signs now is another session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_whose_sessions_a_restart_took_are_named_for_what_befalls_their_next() {
    const ROLE: &str = "arn:aws:iam::123456789012:role/team/web";
    let world = World::new().await;
    let table = world.web("min_pause = \"1s\"\npartition_by = \"on_behalf_of\"\n");
    let daemon = world.spawn(&table);
    eventually("it is ready", async || (daemon.probe("/readyz").await == 200).then_some(())).await;
    let request = PresignRequest { on_behalf_of: "red".to_owned(), ..get("a") };
    let signed = presign(&mut daemon.signer().await, request).await.expect("it signs");
    let session = daemon.web().await.sessions.remove(0);
    daemon.kill().await;
    let daemon = world.spawn(&table);
    eventually("it is ready", async || (daemon.probe("/readyz").await == 200).then_some(())).await;

    let fate = |told: &[Outage]| told.iter().map(|one| (one.identity.clone(), one.loss())).collect::<Vec<_>>();
    let (dead, none) = ([("web".to_owned(), Loss::DeadLinks)], [("web".to_owned(), Loss::NoSession)]);
    let key = KeyEvent { access_key_id: session.parent_access_key_id.clone() };
    assert!(!key.access_key_id.is_empty());
    assert_eq!(fate(&stopped(&daemon, What::KeyDeactivated(key)).await), none, "it mints for whoever comes next");
    let former = session.reference.expect("it has an id");
    let (ends, other) = (former.expires_at, KeyEvent { access_key_id: former.access_key_id });
    assert_eq!(fate(&stopped(&daemon, What::KeyDeactivated(other)).await), []);
    assert_eq!(fate(&told(&daemon, ROLE).await), dead);
    assert_eq!(fate(&told(&daemon, &session.principal_arn).await), [], "the next has another name");
    let principal = Some(PrincipalEvent { arn: ROLE.to_owned(), ..PrincipalEvent::default() });
    let soon = stopped(&daemon, What::SessionsRevoked(SessionsRevoked { principal, issued_before: ends })).await;
    assert_eq!(fate(&soon), dead);
    assert_eq!(soon[0].recovery(), Recovery::Renewal);

    let mut impact = ImpactClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    let url = Some(contain_request::Url::Id(signed.id));
    let ways = impact.contain(ContainRequest { url }).await.expect("an answer");
    let ways = ways.into_inner().containments;
    let by_age = ways.iter().filter(|way| {
        let what = way.event.as_ref().and_then(|event| event.what.as_ref());
        matches!(what, Some(What::Denied(deny)) if deny.signature_age.is_some())
    });
    let short = vec![("web".to_owned(), Loss::ShortLinks)];
    assert_eq!(by_age.map(|way| fate(&way.outages)).collect::<Vec<_>>(), [short], "what they sign next is cut short");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_whose_session_is_over_sooner_than_was_told_stops_alone_and_until_it_asks_again() {
    let world = World::new().await;
    let table = world.web("duration = \"1h\"\nmin_pause = \"1s\"\npartition_by = \"on_behalf_of\"\n");
    let daemon = world.spawn(&format!("{QUICK}{table}"));
    eventually("it is ready", async || (daemon.probe("/readyz").await == 200).then_some(())).await;
    let ask = async |tenant: &str| {
        let tenant = PresignRequest { on_behalf_of: tenant.to_owned(), expires_in: Some(length(600)), ..get("a") };
        presign(&mut daemon.signer().await, tenant).await.expect("it signs").session.expect("it has one").access_key_id
    };
    let (red, _) = (ask("red").await, ask("blue").await);
    world.keys.expire(&red);
    let is_dead = |one: &Session| one.observation() == Observation::KeyDead;
    eventually("it is seen", async || daemon.web().await.sessions.iter().any(is_dead).then_some(())).await;

    let over = || What::SessionInvalidated(SessionInvalidated { access_key_id: red.clone(), expired: true });
    let told = async || -> Vec<_> {
        let told = stopped(&daemon, over()).await.into_iter();
        told.map(|one| (one.partition.clone(), one.loss(), one.at)).collect()
    };
    assert_eq!(told().await, [("red".to_owned(), Loss::NoSession, None)], "blue goes on");
    let mut rotation = RotationClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
    let events = rotation.list_events(ListEventsRequest::default()).await.expect("an answer").into_inner().events;
    let seen: Vec<_> = events.iter().filter_map(|one| one.event.as_ref()?.what.clone()).collect();
    assert_eq!(seen, [over()], "what was seen says that it never comes back");
    assert_ne!(ask("red").await, red);
    assert_eq!(told().await, [], "it signs with another session");
}
