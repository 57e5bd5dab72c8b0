//! Profiles of keys and of roles: who asks STS, as whom, when, and what is promised of it.

use presignd::grpc::proto::{CredentialKind, PresignRequest, RenewIdentityRequest};

use crate::host::{Host, ready, refused, session_end, sign, usable_until};
use crate::process::{get, length, presign};
use crate::support::eventually;

const ROLE: &str = "arn:aws:iam::123456789012:role/team";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_profiles_is_walked_hop_by_hop_at_the_sts_of_the_identity() {
    let host = Host::new().await;
    let config = format!(
        "[profile top]\nrole_arn = {ROLE}/top\nsource_profile = mid\nexternal_id = abc\nduration_seconds = 1800\n\
         [profile mid]\nrole_arn = {ROLE}/mid\nsource_profile = base\nrole_session_name = alice\n"
    );
    host.write(".aws/config", &config);
    host.write(".aws/credentials", &host.static_profile("base", &host.world.user));
    let daemon = host.daemon(&host.identity("web", "source = \"profile\"\nprofile = \"top\"")).await;
    let web = ready(&daemon, "web").await;
    assert_eq!(web.sessions[0].kind(), CredentialKind::AssumeRole);
    assert!(web.sessions[0].principal_arn.contains(":assumed-role/top/presignd-"), "{web:?}");
    assert!(web.longest_fresh.is_some_and(|life| (1700..=1800).contains(&life.seconds)), "a role is minted at will");
    let calls = host.world.sts.calls();
    let told: Vec<_> = calls.iter().map(|call| call.parameters["RoleArn"].rsplit('/').next().unwrap_or("")).collect();
    assert_eq!(told, ["mid", "top"], "and nobody had to be asked whose the sessions are");
    assert_eq!(calls[0].access_key_id, host.world.user.access_key_id);
    assert_eq!(calls[0].parameters["RoleSessionName"], "alice");
    assert_eq!(
        (calls[1].parameters["ExternalId"].as_str(), calls[1].parameters["DurationSeconds"].as_str()),
        ("abc", "1800")
    );
    assert_eq!(calls[1].access_key_id, web.sessions[0].parent_access_key_id);
    let url = sign(&daemon, "web", 3600).await.expect("it has a session");
    assert_eq!((Some(usable_until(&url)), url.cautions.len()), (session_end(&url), 0));
    assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_over_the_environment_is_minted_when_it_is_asked_for_and_each_session_has_a_name_of_its_own() {
    let mut host = Host::new().await;
    // Its own end is not known, and need not be: it only asks.
    host.set_key(&host.role_session(3600));
    host.write(".aws/config", &format!("[profile env]\nrole_arn = {ROLE}/env\ncredential_source = Environment\n"));
    let daemon = host.daemon(&host.identity("web", "source = \"profile\"\nprofile = \"env\"")).await;
    ready(&daemon, "web").await;
    let mut admin = daemon.admin().await;
    admin.renew_identity(RenewIdentityRequest { name: "web".to_owned() }).await.expect("a role is minted at will");
    let names: Vec<_> = host.world.sts.calls().iter().map(|call| call.parameters["RoleSessionName"].clone()).collect();
    assert!(names.len() == 2 && names[0] != names[1], "{names:?}");
    // Whoever asks for a session has it, also where STS has begun to give shorter ones, and ends that by asking again.
    let ask = PresignRequest { identity: "web".into(), expires_in: Some(length(3500)), ..get("cat.jpg") };
    for (last, signs) in [(Some(std::time::Duration::from_secs(1200)), false), (None, true)] {
        host.world.sts.sessions_last(last);
        admin.renew_identity(RenewIdentityRequest { name: "web".to_owned() }).await.expect("a role is minted at will");
        assert_eq!(presign(&mut daemon.signer().await, ask.clone()).await.is_ok(), signs, "{last:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_key_of_a_profile_is_a_new_generation_and_the_old_stays_known() {
    let host = Host::new().await;
    let credentials =
        |user: &str| host.write(".aws/credentials", &host.static_profile("default", &host.world.keys.user(user)));
    credentials("one");
    let daemon = host.daemon(&host.identity("web", "source = \"profile\"")).await;
    let old = ready(&daemon, "web").await.sessions[0].reference.clone().expect("a session has a name");
    credentials("two");
    let web = eventually("the new key signs", async || {
        let web = daemon.identity("web").await;
        (web.sessions.len() == 2).then_some(web)
    })
    .await;
    assert!(web.sessions[0].principal_arn.ends_with(":user/two"), "{web:?}");
    assert_eq!(web.sessions[1].reference.as_ref().map(|session| &session.id), Some(&old.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_that_is_not_as_it_should_be_is_named() {
    let host = Host::new().await;
    let profiles = [
        ("nothing", String::new(), "no such profile"),
        ("half", "[profile half]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n".to_owned(), "only some of"),
        (
            "circle",
            format!(
                "[profile circle]\nrole_arn = {ROLE}/a\nsource_profile = back\n[profile back]\nrole_arn = {ROLE}/b\nsource_profile = circle\n"
            ),
            "in a circle: circle -> back -> circle",
        ),
        (
            "lost",
            format!("[profile lost]\nrole_arn = {ROLE}/a\nsource_profile = nobody\n"),
            "\"nobody\", which is not there",
        ),
        ("odd", format!("[profile odd]\nrole_arn = {ROLE}/a\ncredential_source = Moon\n"), "there are Environment"),
    ];
    host.write(".aws/config", &profiles.iter().map(|(_, text, _)| text.as_str()).collect::<String>());
    let identities: String = profiles
        .iter()
        .map(|(name, ..)| host.identity(name, &format!("source = \"profile\"\nprofile = \"{name}\"")))
        .collect();
    let daemon = host.daemon(&identities).await;
    for (name, _, words) in &profiles {
        let identity = refused(&daemon, name).await;
        assert_eq!(identity.last_failure_reason, "PROFILE");
        assert!(identity.last_failure.contains(words), "{}", identity.last_failure);
    }
}
