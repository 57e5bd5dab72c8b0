//! The default chain: each of its links, in AWS's order, and no other principal in place of one that fails.

use presignd::grpc::proto::CredentialKind;

use crate::host::{Host, ready, refused, sign, usable_until, written};
use crate::metadata::Metadata;

const DEFAULT: &str = "source = \"default\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_link_that_has_credentials_signs_to_their_true_end() {
    let mut host = Host::new().await;
    let keys = [host.role_session(1000), host.role_session(1100), host.role_session(1300), host.role_session(1400)];
    let (container, instance) = (Metadata::serve(&keys[2]).await, Metadata::serve(&keys[3]).await);
    host.set_key(&keys[0]);
    host.set("AWS_CREDENTIAL_EXPIRATION", written(keys[0].ends_at.expect("a session ends")));
    let process = serde_json::json!({
        "Version": 1, "AccessKeyId": keys[1].access_key_id, "SecretAccessKey": keys[1].secret,
        "SessionToken": keys[1].token, "Expiration": written(keys[1].ends_at.expect("a session ends")),
    });
    host.write("answer", &process.to_string());
    host.write(".aws/config", "[default]\ncredential_process = cat answer\n");
    let token = host.write("token", "eyJhbGciOiJub25lIn0.e30.");
    host.set("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("UTF-8"));
    host.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod");
    host.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1", container.url()));
    host.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.url());
    host.set("AWS_EC2_METADATA_DISABLED", "false");
    host.world.sts.sessions_last(Some(std::time::Duration::from_secs(1200)));
    // What is taken away after each link, so that the next one is the first.
    let links = [
        (CredentialKind::Temporary, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"][..]),
        (CredentialKind::Temporary, &["the profile"]),
        (CredentialKind::WebIdentity, &["AWS_WEB_IDENTITY_TOKEN_FILE"]),
        (CredentialKind::EcsTask, &["AWS_CONTAINER_CREDENTIALS_FULL_URI"]),
        (CredentialKind::Ec2Instance, &[]),
    ];
    for (at, (kind, away)) in links.into_iter().enumerate() {
        let daemon = host.daemon(&host.identity("web", DEFAULT)).await;
        let web = ready(&daemon, "web").await;
        assert_eq!(web.sessions[0].kind(), kind, "link {at}");
        let url = sign(&daemon, "web", 7200).await.expect("it has a session");
        assert_eq!(url.cautions.len(), 0, "link {at}");
        let access_key_id = &url.session.as_ref().expect("a session signs").access_key_id;
        let key = host.world.keys.find(access_key_id).expect("a key of the stand-ins");
        assert_eq!(Some(usable_until(&url)), key.ends_at, "link {at}");
        assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200, "link {at}");
        match at {
            2 => assert_eq!(host.world.sts.count("AssumeRoleWithWebIdentity"), 1),
            _ => assert_eq!(key.access_key_id, keys[[0, 1, 9, 2, 3][at]].access_key_id, "link {at}"),
        }
        daemon.stop().await;
        for name in away {
            host.unset(name);
        }
        if at == 1 {
            host.write(".aws/config", "[default]\nregion = us-east-1\n");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_set_up_and_fails_is_not_passed_over() {
    let mut host = Host::new().await;
    let container = Metadata::serve(&host.role_session(3600)).await;
    host.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1", container.url()));
    host.write(".aws/config", "[default]\ncredential_process = exit 1\n");
    let daemon = host.daemon(&host.identity("web", DEFAULT)).await;
    assert_eq!(refused(&daemon, "web").await.last_failure_reason, "PROFILE");
    daemon.stop().await;

    host.write(".aws/config", "");
    host.set("AWS_PROFILE", "gone");
    let daemon = host.daemon(&host.identity("web", DEFAULT)).await;
    let web = refused(&daemon, "web").await;
    assert!(web.last_failure.contains("profile \"gone\""), "{}", web.last_failure);
    assert_eq!(container.count(), 0, "whoever stands behind them is not asked");
    daemon.stop().await;

    host.unset("AWS_PROFILE");
    let daemon = host.daemon(&host.identity("web", DEFAULT)).await;
    ready(&daemon, "web").await;
    daemon.stop().await;

    host.unset("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    let daemon = host.daemon(&host.identity("web", DEFAULT)).await;
    let web = refused(&daemon, "web").await;
    assert_eq!(web.last_failure_reason, "NO_CREDENTIALS", "{}", web.last_failure);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instance_credentials_behind_a_profile_keep_their_written_end_and_are_refused_after_it() {
    let mut host = Host::new().await;
    // Inside the margin within which the SDK's provider would write another end.
    let key = host.role_session(240);
    let instance = Metadata::serve(&key).await;
    host.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.url());
    host.set("AWS_EC2_METADATA_DISABLED", "false");
    host.write(
        ".aws/config",
        "[profile bare]\ncredential_source = Ec2InstanceMetadata\n\
         [profile role]\nrole_arn = arn:aws:iam::123456789012:role/web\ncredential_source = EC2InstanceMetadata\n",
    );
    let source = |name: &str| host.identity(name, &format!("source = \"profile\"\nprofile = \"{name}\""));
    let daemon = host.daemon(&(source("bare") + &source("role"))).await;
    ready(&daemon, "bare").await;
    let url = sign(&daemon, "bare", 3600).await.expect("it has a session");
    assert_eq!((Some(usable_until(&url)), url.cautions.len()), (key.ends_at, 0));
    ready(&daemon, "role").await;
    let url = sign(&daemon, "role", 3600).await.expect("it has a session");
    assert!(usable_until(&url) > key.ends_at.expect("a session ends") + 3000, "a role's end is that of STS");
    daemon.stop().await;

    instance.put(&host.role_session(-60));
    let daemon = host.daemon(&source("bare")).await;
    let bare = refused(&daemon, "bare").await;
    assert!(bare.last_failure.contains("ended at"), "{}", bare.last_failure);
}
