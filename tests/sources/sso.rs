//! IAM Identity Center: a portal on loopback, and the files that `aws sso login` leaves in the home.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use presignd::grpc::proto::CredentialKind;

use crate::host::{Host, ready, refused, session_end, sign, usable_until, written};
use crate::support::http::{AsyncAnswer, Server, serve};
use crate::support::keys::Keys;
use crate::support::now;

/// Gives out role credentials to whoever shows a token that it knows.
struct Portal {
    server: Server,
    state: Arc<State>,
}

struct State {
    keys: Keys,
    tokens: Mutex<Vec<String>>,
}

impl Portal {
    async fn start(host: &mut Host) -> Self {
        let state = Arc::new(State { keys: host.world.keys.clone(), tokens: Mutex::default() });
        let portal = Self { server: serve(Answers(Arc::clone(&state))).await, state };
        // As AWS's tools take it; presignd needs no key of its own for this.
        for name in ["AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"] {
            host.set(name, format!("http://{}", portal.server.address));
        }
        portal
    }

    fn know(&self, token: &str) {
        self.state.tokens.lock().expect("no holder panics").push(token.to_owned());
    }
}

#[derive(Clone)]
struct Answers(Arc<State>);

impl AsyncAnswer<Full<Bytes>> for Answers {
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        let token = head.headers.get("x-amz-sso_bearer_token").and_then(|token| token.to_str().ok());
        let known = |token: &str| self.0.tokens.lock().expect("no holder panics").iter().any(|known| known == token);
        let (status, json) = match head.uri.path() {
            "/federation/credentials" if token.is_some_and(known) => {
                assert_eq!(head.uri.query(), Some("role_name=Reader&account_id=123456789012"));
                let arn = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Reader_1/ann".to_owned();
                let key = self.0.keys.session(arn, "AROAREADER:ann".to_owned(), now() + 2400);
                let json = serde_json::json!({ "roleCredentials": {
                    "accessKeyId": key.access_key_id, "secretAccessKey": key.secret, "sessionToken": key.token,
                    "expiration": key.ends_at.expect("a session ends") * 1000,
                }});
                (200, json)
            }
            "/federation/credentials" => (401, serde_json::json!({ "message": "Session token not found or invalid" })),
            "/token" if text.contains("the-refresh-token") => {
                self.0.tokens.lock().expect("no holder panics").push("fresh".to_owned());
                (200, serde_json::json!({ "accessToken": "fresh", "expiresIn": 3600, "tokenType": "Bearer" }))
            }
            _ => (400, serde_json::json!({ "error": "invalid_request" })),
        };
        let answer = Response::builder().status(status).header("content-type", "application/json");
        answer.body(Full::new(Bytes::from(json.to_string()))).ok()
    }
}

const START: &str = "https://corp.awsapps.com/start";
/// SHA-1 of [`START`], and of the session's name.
const OLD_CACHE: &str = ".aws/sso/cache/a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json";
const CACHE: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
const SOURCE: &str = "source = \"profile\"\nprofile = \"corp\"";

fn write_profile(host: &Host) {
    let config = format!(
        "[profile corp]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = {START}\n"
    );
    host.write(".aws/config", &config);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_logs_in_lets_the_daemon_sign_to_the_end_that_the_portal_tells() {
    let mut host = Host::new().await;
    let portal = Portal::start(&mut host).await;
    write_profile(&host);
    let daemon = host.daemon(&host.identity("web", SOURCE)).await;
    let web = refused(&daemon, "web").await;
    assert_eq!(web.last_failure_reason, "PROFILE");
    assert!(web.last_failure.contains("aws sso login"), "{}", web.last_failure);

    portal.know("logged-in");
    let cached = serde_json::json!({
        "accessToken": "logged-in", "expiresAt": written(now() + 3600), "region": "eu-central-1", "startUrl": START,
    });
    host.write(CACHE, &cached.to_string());
    let web = ready(&daemon, "web").await;
    assert_eq!(web.sessions[0].kind(), CredentialKind::Sso);
    assert!(web.sessions[0].principal_arn.contains("AWSReservedSSO_Reader"), "{web:?}");
    assert!(web.longest_fresh.is_some_and(|life| (2300..=2400).contains(&life.seconds)), "{web:?}");
    let url = sign(&daemon, "web", 7200).await.expect("it has a session");
    let key = url.session.as_ref().and_then(|session| host.world.keys.find(&session.access_key_id));
    assert_eq!(Some(usable_until(&url)), key.and_then(|key| key.ends_at), "the end is the portal's");
    assert_eq!((session_end(&url), url.cautions.len()), (Some(usable_until(&url)), 0));
    assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200);
    assert!(!daemon.log().contains("logged-in"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_older_form_works_and_a_token_that_the_portal_does_not_take_asks_for_a_login() {
    let mut host = Host::new().await;
    let portal = Portal::start(&mut host).await;
    let config = format!(
        "[profile corp]\nsso_account_id = 123456789012\nsso_role_name = Reader\nsso_region = eu-central-1\n\
         sso_start_url = {START}\n"
    );
    host.write(".aws/config", &config);
    let cached = serde_json::json!({
        "accessToken": "old-form", "expiresAt": written(now() + 3600), "region": "eu-central-1", "startUrl": START,
    });
    host.write(OLD_CACHE, &cached.to_string());
    let daemon = host.daemon(&host.identity("web", SOURCE)).await;
    let web = refused(&daemon, "web").await;
    assert!(web.last_failure.contains("not found or invalid") && web.last_failure.contains("log in"), "{web:?}");
    assert!(!daemon.log().contains("old-form"));
    portal.know("old-form");
    ready(&daemon, "web").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_has_ended_is_refreshed_without_the_person() {
    let mut host = Host::new().await;
    let _portal = Portal::start(&mut host).await;
    write_profile(&host);
    let cached = serde_json::json!({
        "accessToken": "stale", "expiresAt": written(now() - 60), "region": "eu-central-1", "startUrl": START,
        "clientId": "id", "clientSecret": "secret", "registrationExpiresAt": written(now() + 86_400),
        "refreshToken": "the-refresh-token",
    });
    host.write(CACHE, &cached.to_string());
    let daemon = host.daemon(&host.identity("web", SOURCE)).await;
    ready(&daemon, "web").await;
    sign(&daemon, "web", 60).await.expect("it has a session");
    assert!(!daemon.log().contains("the-refresh-token"));
}
