//! HTTP on loopback: a server for the stand-ins, and a client that sends a URL byte for byte, as a bearer would.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Serves until it is dropped; then every connection of it is cut.
pub struct Server {
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Starts a server on a free port. An answer of `None` cuts the connection.
pub async fn serve<F, B>(answer: F) -> Server
where
    F: AsyncAnswer<B>,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>, Data: Send> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let answer = answer.clone();
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer.clone();
                    async move { answer.answer(request).await.ok_or("the stand-in hangs up") }
                });
                // A client that goes away is its own affair.
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
            while connections.try_join_next().is_some() {}
        }
    });
    Server { address, _tasks: tasks }
}

/// What answers a request.
pub trait AsyncAnswer<B>: Clone + Send + Sync + 'static {
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Option<Response<B>>> + Send;
}

/// What a bearer gets.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// S3's error code; empty when the answer is not an error with a body.
    pub fn code(&self) -> String {
        element(&self.text(), "Code").unwrap_or_default()
    }

    /// S3's message.
    pub fn message(&self) -> String {
        element(&self.text(), "Message").unwrap_or_default()
    }
}

/// The text of the first XML element of that name.
pub fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.to_owned())
}

/// Uses a URL without touching a byte of it. Goes to `address`, whatever host the URL names.
pub async fn send<'a>(
    address: SocketAddr,
    method: &str,
    url: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: impl Into<Bytes>,
) -> Answer {
    let (_, rest) = url.split_once("://").expect("an absolute URL");
    let cut = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(cut);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let mut request = Request::builder().method(method).uri(path).header("host", host);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let body = body.into();
    if !body.is_empty() && !request.headers_ref().is_some_and(|headers| headers.contains_key("content-length")) {
        request = request.header("content-length", body.len());
    }
    let request = request.body(Full::new(body)).expect("a URL and headers that HTTP can carry");
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1 needs no handshake");
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.expect("the server answers");
    let (head, body) = answer.into_parts();
    let body = body.collect().await.expect("the whole body arrives").to_bytes();
    connection.abort();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

/// A plain GET, for `/metrics` and the like.
pub async fn get(url: &str) -> Answer {
    let host = url.trim_start_matches("http://").split('/').next().expect("there is always a first part");
    send(host.parse().expect("an address and a port"), "GET", url, [], Bytes::new()).await
}

/// A body that is there at once.
pub fn full(text: impl Into<Bytes>) -> http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible> {
    Full::new(text.into()).boxed_unsync()
}
