//! Instance and container metadata on loopback: the end of a session is the one that is written there.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use presignd::aws::{Aws, Environment};
use presignd::clock::Clock;
use presignd::config::{Config, Surroundings};
use presignd::identity::{Identities, Identity};
use presignd::registry::{Options, Registry};
use presignd::session::{CredentialKind, IdentityName};
use presignd::telemetry::Metrics;
use presignd::time::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Answers as both metadata services do, and keeps the heads of what it was asked.
#[derive(Clone, Default)]
struct Metadata {
    document: Arc<Mutex<String>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Metadata {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metadata = self.clone();
        tokio::spawn(async move {
            while let Ok((mut peer, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && peer.read_buf(&mut head).await.is_ok_and(|read| read > 0) {}
                let head = String::from_utf8_lossy(&head).into_owned();
                let body = metadata.answer(&head);
                metadata.heads.lock().unwrap().push(head);
                let length = body.len();
                let more = "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\nconnection: close";
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{more}\r\n\r\n{body}");
                let _ = peer.write_all(answer.as_bytes()).await;
            }
        });
        format!("http://{address}")
    }

    fn answer(&self, head: &str) -> String {
        if head.starts_with("PUT /latest/api/token") {
            "the-token".to_owned()
        } else if head.starts_with("GET /latest/meta-data/iam/security-credentials/ ") {
            "the-role".to_owned()
        } else {
            self.document.lock().unwrap().clone()
        }
    }

    fn serve(&self, number: u32, ends_at: Timestamp) {
        *self.document.lock().unwrap() = format!(
            r#"{{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"ASIAEXAMPLE{number:05}",
            "SecretAccessKey":"secret","Token":"token","Expiration":"{ends_at}"}}"#
        );
    }

    fn was_asked(&self, part: &str) -> bool {
        let part = part.to_ascii_lowercase();
        self.heads.lock().unwrap().iter().any(|head| head.to_ascii_lowercase().contains(&part))
    }
}

struct House {
    identity: Arc<Identity>,
    _dir: tempfile::TempDir,
}

/// One identity; its STS is a port where nobody listens.
async fn house(table: &str, environment: Environment) -> House {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("[sts]\nendpoint_url = \"http://127.0.0.1:1\"\n[identity.web]\nmin_pause = \"1s\"\n{table}");
    let surroundings = Surroundings { home: Some(dir.path().to_owned()), ..Surroundings::default() };
    let config = Config::parse(&text, &surroundings).unwrap();
    let (clock, metrics) = (Clock::system(), Arc::new(Metrics::new().unwrap()));
    let options = Options { durable: false, ..Options::at(dir.path().join("r.db")) };
    let registry = Registry::open(options, clock.clone(), Arc::clone(&metrics)).await.unwrap();
    let aws = Aws::new(clock, environment).unwrap();
    let stop = CancellationToken::new();
    let identities = Identities::start(&config, &aws, &registry, &metrics, &stop);
    let identity = identities.identity(&IdentityName::parse("web").unwrap()).unwrap();
    House { identity, _dir: dir }
}

fn soon(seconds: u64) -> Timestamp {
    Clock::system().now() + Duration::from_secs(seconds)
}

#[tokio::test]
async fn an_instance_signs_to_the_written_end_though_sts_cannot_name_it() {
    let metadata = Metadata::default();
    // Inside the SDK's own margin, where its provider would write another end.
    let ends_at = soon(120);
    metadata.serve(1, ends_at);
    let url = metadata.start().await;
    let house = house(&format!("source = \"instance\"\nendpoint_url = \"{url}\"\n"), Environment::default()).await;
    let facts = &house.identity.renew().await.unwrap().session.facts;
    assert_eq!(
        (facts.kind, facts.expires_at, facts.expiry_is_exact),
        (CredentialKind::Ec2Instance, Some(ends_at), true)
    );
    assert_eq!((facts.issued.not_before, facts.principal_arn.as_str()), (None, ""));
    assert!(metadata.was_asked("x-aws-ec2-metadata-token: the-token"));
    assert!(house.identity.fresh().is_none());
}

#[tokio::test]
async fn metadata_that_repeats_a_key_gives_one_generation_and_a_new_key_another() {
    let metadata = Metadata::default();
    metadata.serve(1, soon(3600));
    let url = metadata.start().await;
    let house = house(&format!("source = \"instance\"\nendpoint_url = \"{url}\"\n"), Environment::default()).await;
    for _ in 0..2 {
        assert_eq!(house.identity.renew().await.unwrap().session.generation, 1);
    }
    let old = house.identity.current().unwrap().session.id;
    metadata.serve(2, soon(7200));
    assert_eq!(house.identity.renew().await.unwrap().session.generation, 2);
    assert!(house.identity.live(old).is_some());
}

#[tokio::test]
async fn metadata_that_serves_ended_credentials_is_refused() {
    let metadata = Metadata::default();
    metadata.serve(1, Clock::system().now() - Duration::from_secs(60));
    let url = metadata.start().await;
    let house = house(&format!("source = \"instance\"\nendpoint_url = \"{url}\"\n"), Environment::default()).await;
    let refused = house.identity.renew().await.map(drop).unwrap_err();
    assert!(refused.reason() == "METADATA" && refused.to_string().contains("ended at"), "{refused}");
    assert!(house.identity.current().is_none());
}

#[tokio::test]
async fn a_container_shows_its_token_and_signs_to_the_written_end() {
    let metadata = Metadata::default();
    let ends_at = soon(300);
    metadata.serve(1, ends_at);
    let url = metadata.start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "of-the-pod\n").unwrap();
    let environment = Environment::from_iter([
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{url}/v1/credentials")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap().to_owned()),
    ]);
    let house = house("source = \"container\"\n", environment).await;
    let facts = &house.identity.renew().await.unwrap().session.facts;
    assert_eq!((facts.expires_at, facts.expiry_is_exact), (Some(ends_at), true));
    assert!(metadata.was_asked("GET /v1/credentials") && metadata.was_asked("authorization: of-the-pod"));
}
