//! An S3 on loopback that believes nothing: the s3s crate checks signatures and expiry, the gates here check what it
//! does not know: session tokens and their end, inactive keys, regions, and headers that should have been signed.

mod gates;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};
use s3s::Body;
use s3s::service::{S3Service, S3ServiceBuilder};

use super::http::{Answer, AsyncAnswer, Server, element, send, serve};
use super::keys::Keys;

pub use store::Store;

/// The stand-in. Dropped, it is gone, and its connections with it.
pub struct S3 {
    server: Server,
    store: Store,
    state: Arc<State>,
}

struct State {
    service: S3Service,
    regions: Regions,
    denials: Denials,
    seen: Mutex<Vec<Seen>>,
}

/// Where buckets are; those not listed are in [`HOME`].
type Regions = Arc<Mutex<BTreeMap<String, String>>>;

/// What the buckets' policies deny: a bucket, and the ARN in the statement's Principal element.
type Denials = Arc<Mutex<BTreeSet<(String, String)>>>;

/// A request that came, and what it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub host: String,
    /// The path as it came over the wire, without the query.
    pub path: String,
    pub status: u16,
    /// S3's error code, where the answer had one.
    pub code: String,
}

impl S3 {
    /// Starts on a free port; knows the keys that STS issues.
    pub async fn start(keys: Keys) -> Self {
        let (store, regions, denials) = (Store::default(), Regions::default(), Denials::default());
        let mut builder = S3ServiceBuilder::new(store.clone());
        builder.set_auth(gates::Known(keys.clone()));
        builder.set_access(gates::Gates { keys, regions: Arc::clone(&regions), denials: Arc::clone(&denials) });
        builder.set_host(gates::Hosts);
        builder.set_validation(gates::AnyName);
        let state = Arc::new(State { service: builder.build(), regions, denials, seen: Mutex::default() });
        Self { server: serve(Handler(Arc::clone(&state))).await, store, state }
    }

    /// For `endpoint_url`: path style, because the host is an address.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// The same with a name under which buckets can be virtual hosts.
    pub fn named_endpoint(&self) -> String {
        format!("http://s3.localhost:{}", self.server.address.port())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The objects.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Puts a bucket into a region other than [`HOME`].
    pub fn place(&self, bucket: &str, region: &str) {
        self.state.regions.lock().expect("no holder panics").insert(bucket.to_owned(), region.to_owned());
    }

    /// Puts a Deny into a bucket's policy: everything in it, for the user or session of that ARN. Nobody waits for it here.
    pub fn deny(&self, bucket: &str, principal_arn: &str) {
        let statement = (bucket.to_owned(), principal_arn.to_owned());
        self.state.denials.lock().expect("no holder panics").insert(statement);
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("no holder panics").clone()
    }

    /// Uses a presigned URL, with the headers the bearer must send.
    pub async fn fetch<'a>(
        &self,
        method: &str,
        url: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: impl Into<Bytes>,
    ) -> Answer {
        send(self.server.address, method, url, headers, body).await
    }
}

#[derive(Clone)]
struct Handler(Arc<State>);

impl AsyncAnswer<Body> for Handler {
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Body>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
        let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
        let answer = match self.region_of_unsigned_head(&head, &host) {
            Some(answer) => answer,
            None => match gates::form_token(&head.headers, &body) {
                gates::Form::Checked(token) => {
                    let mut request = Request::from_parts(head, Body::from(body));
                    request.extensions_mut().insert(gates::Token(token));
                    self.0.service.call(request).await.ok()?
                }
                gates::Form::None => self.0.service.call(Request::from_parts(head, Body::from(body))).await.ok()?,
            },
        };
        let (head, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let status = head.status.as_u16();
        let code = if status < 400 { None } else { element(&String::from_utf8_lossy(&body), "Code") };
        let seen = Seen { method, host, path, status, code: code.unwrap_or_default() };
        self.0.seen.lock().expect("no holder panics").push(seen);
        Some(Response::from_parts(head, Body::from(body)))
    }
}

impl Handler {
    /// S3 tells the region of a bucket to everybody, in the header of a refusal.
    fn region_of_unsigned_head(&self, head: &hyper::http::request::Parts, host: &str) -> Option<Response<Body>> {
        let signed =
            head.headers.contains_key("authorization") || head.uri.query().is_some_and(|q| q.contains("X-Amz-"));
        if head.method != "HEAD" || signed {
            return None;
        }
        let path = head.uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let bucket = gates::bucket_of_host(host).unwrap_or_else(|| path.to_owned());
        let region = gates::region_of(&self.0.regions, &bucket);
        let answer = Response::builder().status(403).header("x-amz-bucket-region", region).body(Body::empty());
        Some(answer.expect("all parts are legal"))
    }
}

/// Where buckets are unless they are placed elsewhere.
pub const HOME: &str = "us-east-1";
