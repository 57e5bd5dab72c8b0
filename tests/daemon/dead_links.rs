//! A session that an event kills goes on signing: that what it then signs is dead was said, and the command that was named
//! mends it.

use presignd::grpc::proto::event::What;
use presignd::grpc::proto::impact_client::ImpactClient;
use presignd::grpc::proto::outage::{Loss, Recovery};
use presignd::grpc::proto::rotation_client::RotationClient;
use presignd::grpc::proto::{
    AssessRequest, Deny, Event, Outage, PauseIdentityRequest, RenewIdentityRequest, ResumeIdentityRequest, Statement,
    statement::Policy,
};

use crate::process::{Daemon, World, connect, get, presign};
use crate::support::eventually;

/// Who signs dead links once that session is denied the bucket.
async fn told(daemon: &Daemon, session_arn: &str) -> Vec<Outage> {
    let (policy, bucket) = (Policy::Bucket.into(), "photos".to_owned());
    let statement = Statement { policy, principal_arn: session_arn.to_owned(), bucket, ..Statement::default() };
    let what = What::Denied(Deny { statement: Some(statement), ..Deny::default() });
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
