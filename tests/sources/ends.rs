//! No signature without a known end (docs/adr/0003-ends.md).

use presignd::grpc::proto::{Caution, CredentialKind, IdentityState};

use crate::host::{Host, ready, refused, session_end, sign, usable_until, written};
use crate::support::{eventually, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporary_credentials_without_an_end_do_not_sign_until_somebody_vouches_for_a_life() {
    let mut host = Host::new().await;
    host.set_key(&host.role_session(7200));
    let identity = host.identity("web", "source = \"environment\"");
    let daemon = host.daemon(&identity).await;
    let web = refused(&daemon, "web").await;
    assert_eq!(web.last_failure_reason, "END_UNKNOWN");
    for word in ["AWS_CREDENTIAL_EXPIRATION", "assume_life = \"15m\""] {
        assert!(web.last_failure.contains(word), "{}", web.last_failure);
    }
    let status = sign(&daemon, "web", 60).await.expect_err("its end is not known");
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
    assert!(daemon.log().contains("END_UNKNOWN"));
    let (_, told) = host.cli(&["identities", "web"]).await;
    assert!(told.contains("END_UNKNOWN: the credentials are temporary"), "{told}");
    let config = host.world.config();
    let (code, told) = host.cli(&["check", "--online", "--config", config.to_str().expect("UTF-8")]).await;
    assert!(code == 254 && told.contains("END_UNKNOWN"), "{code}: {told}");
    daemon.stop().await;

    let vouched = identity.replace("\"environment\"", "\"environment\"\nassume_life = \"15m\"");
    let daemon = host.daemon(&vouched).await;
    ready(&daemon, "web").await;
    let url = sign(&daemon, "web", 3600).await.expect("somebody vouches for it");
    assert_eq!(url.cautions, [i32::from(Caution::ExpiryUncertain)]);
    assert!(usable_until(&url) <= now() + 900 && session_end(&url) == Some(usable_until(&url)));
    assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200);
    daemon.stop().await;

    let since = now();
    eventually("another second", async || (now() > since).then_some(())).await;
    let daemon = host.daemon(&vouched).await;
    ready(&daemon, "web").await;
    let again = sign(&daemon, "web", 3600).await.expect("somebody vouches for it");
    assert_eq!(session_end(&again), session_end(&url), "a restart makes no life longer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_told_is_promised_to_the_second_and_without_caution() {
    let mut host = Host::new().await;
    let (lying, filed) = (host.role_session(1800), host.role_session(1900));
    host.set_key(&lying);
    host.set("AWS_CREDENTIAL_EXPIRATION", written(lying.ends_at.expect("a session ends")));
    let json = serde_json::json!({
        "Version": 1,
        "AccessKeyId": filed.access_key_id,
        "SecretAccessKey": filed.secret,
        "SessionToken": filed.token,
        "Expiration": written(filed.ends_at.expect("a session ends")),
    });
    let file = host.write("key.json", &json.to_string());
    let filed_source = format!("source = \"key-file\"\npath = \"{}\"", file.display());
    let identities = host.identity("web", "source = \"environment\"")
        + &host.identity("chain", "source = \"default\"")
        + &host.identity("file", &filed_source);
    let daemon = host.daemon(&identities).await;
    for (name, key) in [("web", &lying), ("chain", &lying), ("file", &filed)] {
        ready(&daemon, name).await;
        let url = sign(&daemon, name, 7200).await.expect("its end is known");
        assert_eq!((Some(usable_until(&url)), url.cautions.len()), (key.ends_at, 0), "{name}");
        assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_a_profile_a_file_or_lambda_tells_no_end() {
    let mut host = Host::new().await;
    host.set_key(&host.role_session(3600));
    host.set("AWS_LAMBDA_FUNCTION_NAME", "thumbnails");
    host.write(".aws/credentials", &host.static_profile("default", &host.role_session(3600)));
    let file = host.write("key.ini", &host.static_profile("default", &host.role_session(3600)));
    let file = format!("source = \"key-file\"\npath = \"{}\"", file.display());
    let sources = [
        ("profile", "source = \"profile\""),
        ("lambda", "source = \"environment\""),
        ("chain", "source = \"default\""),
        ("file", file.as_str()),
    ];
    let identities = sources.map(|(name, source)| host.identity(name, source)).concat();
    let daemon = host.daemon(&identities).await;
    for (name, _) in sources {
        assert_eq!(refused(&daemon, name).await.last_failure_reason, "END_UNKNOWN", "{name}");
    }
    daemon.stop().await;

    let daemon = host.daemon(&identities.replace("min_pause", "assume_life = \"10m\"\nmin_pause")).await;
    for (name, _) in sources {
        let identity = ready(&daemon, name).await;
        let url = sign(&daemon, name, 60).await.expect("somebody vouches for it");
        assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200, "{name}");
        let kind = identity.sessions[0].kind();
        assert_eq!(kind == CredentialKind::Lambda, matches!(name, "lambda" | "chain"), "{name}: {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expiration_that_is_no_time_is_named_and_one_that_has_passed_signs_nothing() {
    for (text, reason) in [("tomorrow".to_owned(), "ENVIRONMENT"), (written(now() - 60), "ENDED")] {
        let mut host = Host::new().await;
        host.set_key(&host.role_session(3600));
        host.set("AWS_CREDENTIAL_EXPIRATION", text);
        let daemon = host.daemon(&host.identity("web", "source = \"environment\"")).await;
        let web = refused(&daemon, "web").await;
        assert_eq!((web.state(), web.last_failure_reason.as_str()), (IdentityState::Unavailable, reason));
    }
}
