//! Sessions that STS makes shorter than they were asked for: by chaining, and by the maximum of a role.

use presignd::grpc::proto::{LimitedBy, PresignRequest};
use tonic_types::StatusExt;

use crate::host::{Host, ready, sign, usable_until};
use crate::process::{Daemon, get, length, presign};
use crate::support::now;

const ROLE: &str = "source = \"assume-role\"\nrole_arn = \"arn:aws:iam::123456789012:role/web\"\nduration = \"12h\"";

/// The identity says an hour and why, a URL that lives as long as can be too, and one that needs more is refused for it.
async fn is_limited_to_an_hour(host: &Host, daemon: &Daemon, limit: LimitedBy) {
    let web = ready(daemon, "web").await;
    assert!(web.longest_fresh.is_some_and(|life| (3500..=3600).contains(&life.seconds)), "{web:?}");
    assert_eq!(web.longest_fresh_limited_by(), limit);
    let url = sign(daemon, "web", 6 * 3600).await.expect("a second is enough");
    assert!((now() + 3500..=now() + 3600).contains(&usable_until(&url)));
    assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200);
    let ask = PresignRequest { identity: "web".into(), expires_in: Some(length(6 * 3600)), ..get("cat.jpg") };
    let status = presign(&mut daemon.signer().await, ask).await.expect_err("nothing reaches nine tenths of six hours");
    let told = status.get_details_error_info().expect("every error has a reason");
    let word = if limit == LimitedBy::Chaining { "chaining" } else { "role-maximum" };
    assert_eq!((told.reason.as_str(), told.metadata["limited_by"].as_str()), ("SESSION_TOO_SHORT", word));
    let asked: Vec<_> = host.world.sts.calls().iter().map(|call| call.parameters["DurationSeconds"].clone()).collect();
    assert_eq!(asked[..2], ["43200", "3600"], "twelve hours first, then one");
    assert!(asked[2..].iter().all(|seconds| seconds == "3600"), "what STS refused is not asked for again: {asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_over_a_session_in_the_environment_is_chained() {
    let mut host = Host::new().await;
    // The file cannot show that there is a session; STS tells.
    host.set_key(&host.role_session(3600));
    let daemon = host.daemon(&host.identity("web", ROLE)).await;
    is_limited_to_an_hour(&host, &daemon, LimitedBy::Chaining).await;
    assert!(daemon.log().contains("asking for one hour instead"));
    let (_, table) = host.cli(&["identities"]).await;
    assert!(table.contains("chaining"), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_over_a_base_whose_profile_is_a_role_is_chained() {
    let host = Host::new().await;
    let role = "role_arn = arn:aws:iam::123456789012:role/first\nsource_profile = user\n";
    host.write(".aws/config", &format!("[profile first]\n{role}"));
    host.write(".aws/credentials", &host.static_profile("user", &host.world.user));
    let base = host.identity("first", "source = \"profile\"\nprofile = \"first\"");
    let daemon = host.daemon(&(base + &host.identity("web", &format!("{ROLE}\nbase = \"first\"")))).await;
    let web = ready(&daemon, "web").await;
    assert_eq!(web.longest_fresh_limited_by(), LimitedBy::Chaining);
    let first = ready(&daemon, "first").await;
    let key = &first.sessions[0].reference.as_ref().expect("a session has a name").access_key_id;
    assert_eq!(&web.sessions[0].parent_access_key_id, key, "minted by the profile's session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_allows_an_hour_is_asked_for_an_hour() {
    let mut host = Host::new().await;
    host.set_key(&host.world.user.clone());
    host.world.sts.role_maximum(3600);
    let daemon = host.daemon(&host.identity("web", ROLE)).await;
    is_limited_to_an_hour(&host, &daemon, LimitedBy::RoleMaximum).await;
}
