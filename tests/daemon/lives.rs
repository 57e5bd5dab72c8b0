//! Which lives the daemon tells of before anybody asks for one.

use presignd::grpc::proto::{GetIdentityRequest, Identity, LimitedBy};
use tonic::transport::Channel;

use crate::process::{Daemon, World};
use presignd::grpc::proto::identities_client::IdentitiesClient;

async fn web(channel: Channel) -> Identity {
    let asked = GetIdentityRequest { name: "web".into() };
    let answer = IdentitiesClient::new(channel).get_identity(asked).await.expect("it is there").into_inner();
    answer.identity.expect("it is described")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_told_of_no_life_that_its_grants_do_not_allow_it() {
    let world = World::new().await;
    let uid = rustix::process::geteuid().as_raw();
    let grant = |life: &str, uid: u32| {
        format!(
            "[[grant]]\nuid = {uid}\nidentities = [\"web\"]\nbuckets = [\"*\"]\noperations = [\"read\"]\nmax_expires_in = \"{life}\"\n"
        )
    };
    let grants = grant("10m", uid) + &grant("5m", uid) + &grant("7d", uid + 1);
    let daemon = world.daemon(&(world.web("duration = \"1h\"") + &grants)).await;
    let told = |one: &Identity| {
        let seconds = |length: Option<prost_types::Duration>| length.map_or(0, |length| length.seconds);
        let limits = (one.longest_now_limited_by(), one.longest_fresh_limited_by());
        (seconds(one.longest_now), seconds(one.longest_fresh), limits)
    };
    let its = web(Daemon::channel(&daemon.sign_socket()).await).await;
    assert_eq!(told(&its), (600, 600, (LimitedBy::Grant, LimitedBy::Grant)), "the longest of its own");
    let all = web(Daemon::channel(&daemon.admin_socket()).await).await;
    let (now, fresh, limits) = told(&all);
    assert!(now > 3500 && fresh > 3500, "the identity's own: {now} {fresh}");
    assert_eq!(limits, (LimitedBy::Session, LimitedBy::Session));
}
