//! Promise 4: the registry is no treasure chest, and nothing else that leaves the process is one.

use presignd::grpc::proto::{FindUrlRequest, Operation, PresignPostRequest, PresignRequest, S3Request};

use crate::process::{World, get, length, presign};
use crate::support::eventually;
use crate::support::sts::Turn;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_token_or_signature_is_in_registry_log_metrics_or_errors() {
    let world = World::new().await;
    world.write_config("");
    let loud =
        world.places().replace("info,presignd=debug", "debug") + &world.web("duration = \"15m\"\nmin_pause = \"1s\"");
    std::fs::write(world.config(), &loud).expect("the folder can be written");
    let mut daemon =
        world.run(env!("CARGO_BIN_EXE_presignd"), |it| it.arg("serve").arg("--config").arg(world.config()));
    daemon.listening().await;
    let mut signer = daemon.signer().await;
    let mut registry = daemon.registry().await;

    let mut outside = String::new();
    let mut signatures = Vec::new();
    for n in 0..20 {
        let asked = PresignRequest { tag_url: n % 2 == 0, request_id: format!("r{n}"), ..get(&format!("k/{n}")) };
        let url = presign(&mut signer, asked.clone()).await.expect("it signs").url;
        presign(&mut signer, asked).await.expect("and signs again");
        let (_, signature) = url.split_once("X-Amz-Signature=").expect("every URL has one");
        signatures.push(signature.split('&').next().unwrap_or_default().to_owned());
        let found = registry.find_url(FindUrlRequest { text: url }).await.expect("it is found").into_inner();
        outside += &format!("{found:?}");
    }
    let form =
        PresignPostRequest { bucket: "photos".into(), expires_in: Some(length(60)), ..PresignPostRequest::default() };
    let form = PresignPostRequest {
        target: Some(presignd::grpc::proto::presign_post_request::Target::Key("f".into())),
        ..form
    };
    let form = signer.presign_post(form).await.expect("it signs").into_inner();
    let field = |name: &str| {
        form.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    signatures.extend(field("x-amz-signature"));
    let policy = field("policy").expect("a form has a policy");

    // Failures of every room, so that their words are among what is searched.
    let bad = [
        PresignRequest { identity: "nobody".into(), ..get("k") },
        PresignRequest { at_least: Some(length(86_400)), expires_in: Some(length(86_400)), ..get("k") },
        PresignRequest { request: None, ..get("k") },
        PresignRequest {
            request: Some(S3Request {
                operation: Operation::GetObject.into(),
                bucket: "NO".into(),
                ..S3Request::default()
            }),
            ..get("k")
        },
    ];
    for asked in bad {
        outside += &format!("{:?}", presign(&mut signer, asked).await.expect_err("it cannot be signed"));
    }
    for turn in [Turn::Fail(403, "AccessDenied"), Turn::Nonsense, Turn::Cut] {
        world.sts.stay(turn);
        let asked = presignd::grpc::proto::RenewIdentityRequest { name: "web".into() };
        outside += &format!("{:?}", daemon.admin().await.renew_identity(asked).await.expect_err("STS is away"));
        outside += &format!("{:?}", daemon.web().await);
    }
    world.sts.stay(Turn::Answer);
    eventually("renewals work again", async || (daemon.web().await.failures == 0).then_some(())).await;

    let key = signatures.clone();
    let customer_key = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=";
    let mut with_key = get("sse-c");
    if let Some(request) = &mut with_key.request {
        request.headers = [
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            ("x-amz-server-side-encryption-customer-key", customer_key),
            ("x-amz-server-side-encryption-customer-key-md5", "ZjQ0NjBiYjFhZjdmNWI3Yg=="),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    }
    presign(&mut signer, with_key).await.expect("it signs");

    let mut places: Vec<(String, Vec<u8>)> = vec![("metrics".into(), daemon.metrics().await.into())];
    places.push(("answers".into(), outside.into()));
    places.push(("log".into(), daemon.log().into()));
    for entry in std::fs::read_dir(world.registry().parent().expect("it lies in a folder")).expect("the folder") {
        let path = entry.expect("a readable entry").path();
        places.push((path.display().to_string(), std::fs::read(path).expect("a readable file")));
    }
    assert!(places.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty()), "the WAL was looked at");

    let mut secrets = world.keys.secrets();
    // A token may also stand as it does in a URL.
    let encoded: Vec<String> = secrets
        .iter()
        .map(|secret| percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string())
        .collect();
    secrets.extend(encoded);
    secrets.extend(key);
    secrets.push(customer_key.to_owned());
    secrets.push(policy);
    for (place, bytes) in &places {
        let text = String::from_utf8_lossy(bytes);
        for (at, secret) in secrets.iter().enumerate() {
            // The long ones may have been wrapped or cut: their first part betrays them.
            let part = &secret[..secret.len().min(24)];
            assert!(!text.contains(part), "secret {at} of {} is in {place}", secrets.len());
        }
        assert!(!text.contains("X-Amz-Signature="), "a URL is in {place}");
    }
    daemon.stop().await;
}
