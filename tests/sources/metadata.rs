//! What stands beside a machine or a pod: instance metadata and a container's credentials endpoint, both at one address.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::host::written;
use crate::support::http::{AsyncAnswer, Server, serve};
use crate::support::keys::Key;

/// The stand-in. Dropped, it is gone.
pub(crate) struct Metadata {
    server: Server,
    says: Says,
}

/// What it answers to who asks for the credentials, and how often somebody did.
type Says = Arc<Mutex<(u16, String, usize)>>;

impl Metadata {
    /// Serves the credentials of `key`, with its end.
    pub(crate) async fn serve(key: &Key) -> Self {
        let says = Says::default();
        let metadata = Self { server: serve(Answers(Arc::clone(&says))).await, says };
        metadata.put(key);
        metadata
    }

    /// Serves those of another from now on.
    pub(crate) fn put(&self, key: &Key) {
        self.say(200, &document(key, &written(key.ends_at.expect("a session ends"))).to_string());
    }

    /// Answers with that status and body from now on.
    pub(crate) fn say(&self, status: u16, body: &str) {
        let mut says = self.says.lock().expect("no holder panics");
        (says.0, says.1) = (status, body.to_owned());
    }

    /// How often the credentials were asked for.
    pub(crate) fn count(&self) -> usize {
        self.says.lock().expect("no holder panics").2
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }
}

/// The document of a key, with an end that may be a lie.
pub(crate) fn document(key: &Key, ends_at: &str) -> serde_json::Value {
    serde_json::json!({
        "Code": "Success",
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret,
        "Token": key.token,
        "Expiration": ends_at,
    })
}

#[derive(Clone)]
struct Answers(Says);

impl AsyncAnswer<Full<Bytes>> for Answers {
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let (status, body) = match request.uri().path() {
            "/latest/api/token" => (200, "the-token".to_owned()),
            "/latest/meta-data/iam/security-credentials/" => (200, "the-role".to_owned()),
            _ => {
                let mut says = self.0.lock().expect("no holder panics");
                says.2 += 1;
                (says.0, says.1.clone())
            }
        };
        let answer = Response::builder().status(status).header("x-aws-ec2-metadata-token-ttl-seconds", "21600");
        answer.body(Full::new(Bytes::from(body))).ok()
    }
}
