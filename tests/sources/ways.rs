//! The way to STS: proxies, a private authority, and the very hosts that are asked.

use presignd::grpc::proto::CredentialKind;

use crate::host::{Host, ready, refused, sign};
use crate::support::eventually;
use crate::support::internet::{Behind, Internet};

const ROLE: &str = "source = \"assume-role\"\nrole_arn = \"arn:aws:iam::123456789012:role/web\"";
/// Where nobody listens.
const DEAD: &str = "http://127.0.0.1:1";

/// AWS by its own names, behind a proxy that the host's environment names; the key of a user lies in the environment.
async fn behind_a_proxy() -> (Host, Internet) {
    let mut host = Host::new().await;
    let address = |url: String| url.trim_start_matches("http://").parse().expect("an address and a port");
    let behind = Behind { sts: address(host.world.sts.endpoint()), s3: host.world.s3.address() };
    let internet = Internet::start(behind).await;
    for (name, value) in internet.variables(host.world.folder.path()) {
        host.set(name, value);
    }
    host.set_key(&host.world.user.clone());
    (host, internet)
}

/// An identity whose S3 is on loopback, and whose STS is AWS's.
fn identity(host: &Host, name: &str, says: &str, sts: &str) -> String {
    let s3 = host.world.s3.endpoint();
    format!(
        "[identity.{name}]\nmin_pause = \"1s\"\n{says}\nsts = {{ {sts} }}\n\
         s3 = {{ endpoint_url = \"{s3}\", region = \"us-east-1\" }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sts_is_asked_through_the_proxy_and_trusted_by_the_bundle_and_by_nothing_else() {
    let (mut host, internet) = behind_a_proxy().await;
    let web = identity(&host, "web", ROLE, "region = \"eu-central-1\"");
    let daemon = host.daemon(&web).await;
    ready(&daemon, "web").await;
    assert_eq!(internet.asked(), ["sts.eu-central-1.amazonaws.com"], "and only once, by one connection");
    let url = sign(&daemon, "web", 60).await.expect("it has a session");
    assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200);
    daemon.stop().await;

    host.unset("AWS_CA_BUNDLE");
    let daemon = host.daemon(&web).await;
    let refusal = refused(&daemon, "web").await;
    assert_eq!(refusal.last_failure_reason, "NETWORK");
    assert!(refusal.last_failure.contains("UnknownIssuer"), "{}", refusal.last_failure);
    daemon.stop().await;

    host.set("HTTPS_PROXY", DEAD);
    let daemon = host.daemon(&web).await;
    assert_eq!(refused(&daemon, "web").await.last_failure_reason, "NETWORK");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_proxy_is_heeded_and_loopback_never_needs_it() {
    let mut host = Host::new().await;
    host.set_key(&host.world.user.clone());
    host.set("HTTP_PROXY", DEAD);
    // The same place as loopback, by a name for which proxies count.
    let sts = host.world.sts.endpoint().replace("127.0.0.1", "0.0.0.0");
    let web = identity(&host, "web", ROLE, &format!("endpoint_url = \"{sts}\""));
    let near = identity(&host, "near", ROLE, &format!("endpoint_url = \"{}\"", host.world.sts.endpoint()));
    let daemon = host.daemon(&(web.clone() + &near)).await;
    ready(&daemon, "near").await;
    assert_eq!(refused(&daemon, "web").await.last_failure_reason, "NETWORK");
    daemon.stop().await;
    for direct in ["0.0.0.0", "example.com, 0.0.0.0/8", "*"] {
        host.set("NO_PROXY", direct);
        let daemon = host.daemon(&web).await;
        ready(&daemon, "web").await;
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_of_sts_is_regional_and_has_fips_or_both_protocols_where_that_is_asked_for() {
    let (host, internet) = behind_a_proxy().await;
    let cases = [
        ("plain", "aws", "region = \"us-east-1\"", "sts.us-east-1.amazonaws.com"),
        ("far", "aws", "region = \"ap-southeast-2\"", "sts.ap-southeast-2.amazonaws.com"),
        ("fips", "aws", "region = \"us-east-1\", fips = true", "sts-fips.us-east-1.amazonaws.com"),
        ("dual", "aws", "region = \"eu-central-1\", dual_stack = true", "sts.eu-central-1.api.aws"),
        ("both", "aws", "region = \"us-west-2\", fips = true, dual_stack = true", "sts-fips.us-west-2.api.aws"),
        ("gov", "aws-us-gov", "region = \"us-gov-west-1\", fips = true", "sts.us-gov-west-1.amazonaws.com"),
        ("china", "aws-cn", "region = \"cn-north-1\"", "sts.cn-north-1.amazonaws.com.cn"),
    ];
    let identities = cases.map(|(name, partition, sts, _)| {
        identity(&host, name, &ROLE.replace("arn:aws:", &format!("arn:{partition}:")), sts)
    });
    let daemon = host.daemon(&identities.concat()).await;
    for (name, _, _, expected) in cases {
        let identity = ready(&daemon, name).await;
        assert_eq!(identity.sessions[0].kind(), CredentialKind::AssumeRole);
        assert!(internet.asked().iter().any(|host| host == expected), "{name}: {:?}", internet.asked());
    }
    let mut asked = internet.asked();
    asked.sort_unstable();
    asked.dedup();
    let mut expected: Vec<_> = cases.iter().map(|case| case.3).collect();
    expected.sort_unstable();
    assert_eq!(asked, expected, "and no other host");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sts_in_another_partition_than_the_role_is_not_asked() {
    let (mut host, internet) = behind_a_proxy().await;
    let china = ROLE.replace("arn:aws:", "arn:aws-cn:");
    let web = identity(&host, "web", &china, "");
    host.set("AWS_REGION", "eu-central-1");
    let daemon = host.daemon(&web).await;
    let refusal = refused(&daemon, "web").await;
    assert_eq!(refusal.last_failure_reason, "ENDPOINT");
    for words in ["aws-cn", "eu-central-1", "such as cn-north-1"] {
        assert!(refusal.last_failure.contains(words), "{}", refusal.last_failure);
    }
    assert_eq!(internet.asked(), [""; 0]);
    daemon.stop().await;
    // Where nothing names a region, the role does.
    host.set("AWS_REGION", "");
    let daemon = host.daemon(&web.replace(", region = \"us-east-1\"", "")).await;
    ready(&daemon, "web").await;
    assert_eq!(internet.asked(), ["sts.cn-north-1.amazonaws.com.cn"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_is_not_asked_whose_the_key_of_another_store_is() {
    let (host, internet) = behind_a_proxy().await;
    let file =
        serde_json::json!({ "AccessKeyId": host.world.user.access_key_id, "SecretAccessKey": host.world.user.secret });
    let file = host.write("key.json", &file.to_string());
    let file = format!("source = \"key-file\"\npath = \"{}\"\npoll = \"1s\"", file.display());
    let store = identity(&host, "store", &file, "") + &identity(&host, "chain", "source = \"default\"", "");
    let daemon = host.daemon(&store).await;
    for name in ["store", "chain"] {
        let identity = ready(&daemon, name).await;
        assert_eq!((identity.sessions.len(), identity.sessions[0].principal_arn.as_str()), (1, ""), "{name}");
        let url = sign(&daemon, name, 60).await.expect("it signs all the same");
        assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200, "{name}");
    }
    let log = daemon.log();
    for name in ["store", "chain"] {
        let told = |line: &&str| line.contains("stays unknown") && line.contains(&format!("\"{name}\""));
        assert_eq!(log.lines().filter(told).count(), 1, "{name} is told of once");
    }
    daemon.stop().await;
    let config = host.world.config();
    let (code, told) = host.cli(&["check", "--online", "--config", config.to_str().expect("UTF-8")]).await;
    assert!(code == 0 && told.contains("unknown"), "{code}: {told}");
    assert_eq!(internet.asked(), [""; 0]);

    // Of AWS's S3, by whatever endpoint, AWS knows the keys.
    let vpc = "https://bucket.vpce-1a2b-3c4d.s3.us-east-1.vpce.amazonaws.com";
    let daemon = host.daemon(&store.replace(&host.world.s3.endpoint(), vpc)).await;
    eventually("AWS says whose the key is", async || {
        let identity = daemon.identity("store").await;
        identity.sessions.first()?.principal_arn.ends_with(":user/deploy").then_some(())
    })
    .await;
    assert!(internet.asked().contains(&"sts.us-east-1.amazonaws.com".to_owned()), "{:?}", internet.asked());
}
