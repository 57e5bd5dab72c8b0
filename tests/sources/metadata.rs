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
    document: Arc<Mutex<String>>,
}

impl Metadata {
    /// Serves the credentials of `key`, with its end.
    pub(crate) async fn serve(key: &Key) -> Self {
        let document = Arc::new(Mutex::new(String::new()));
        let metadata = Self { server: serve(Answers(Arc::clone(&document))).await, document };
        metadata.put(key);
        metadata
    }

    /// Serves those of another from now on.
    pub(crate) fn put(&self, key: &Key) {
        let json = serde_json::json!({
            "Code": "Success",
            "AccessKeyId": key.access_key_id,
            "SecretAccessKey": key.secret,
            "Token": key.token,
            "Expiration": written(key.ends_at.expect("a session ends")),
        });
        *self.document.lock().expect("no holder panics") = json.to_string();
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }
}

#[derive(Clone)]
struct Answers(Arc<Mutex<String>>);

impl AsyncAnswer<Full<Bytes>> for Answers {
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let body = match request.uri().path() {
            "/latest/api/token" => "the-token".to_owned(),
            "/latest/meta-data/iam/security-credentials/" => "the-role".to_owned(),
            _ => self.0.lock().expect("no holder panics").clone(),
        };
        let answer = Response::builder().header("x-aws-ec2-metadata-token-ttl-seconds", "21600");
        answer.body(Full::new(Bytes::from(body))).ok()
    }
}
