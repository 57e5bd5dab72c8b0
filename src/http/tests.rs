//! Over real sockets on loopback: what each path answers, when it stops, and that nobody can keep others out.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;

struct Served {
    address: SocketAddr,
    reasons: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

async fn served() -> Served {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (reasons, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
    let seen = Arc::clone(&reasons);
    let readiness = move || Readiness { reasons: seen.lock().unwrap().clone() };
    let metrics = Arc::new(Metrics::new().unwrap());
    let task = tokio::spawn(serve_and_drain(listener, metrics, readiness, stop.clone(), Duration::from_millis(50)));
    Served { address, reasons, stop, task }
}

async fn ask(address: SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn metrics_are_in_prometheus_own_format() {
    let served = served().await;
    let answer = ask(served.address, "GET /metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
    assert!(answer.contains("\npresignd_build_info{version="), "{answer}");
}

#[tokio::test]
async fn readiness_comes_and_goes_and_liveness_stays() {
    let served = served().await;
    assert!(ask(served.address, "GET /readyz").await.starts_with("HTTP/1.1 200 "));
    served.reasons.lock().unwrap().push("no identity can sign".to_owned());
    let answer = ask(served.address, "GET /readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.ends_with("{\"ready\":false,\"reasons\":[\"no identity can sign\"]}\n"), "{answer}");
    assert!(ask(served.address, "GET /livez").await.starts_with("HTTP/1.1 200 "));
    served.reasons.lock().unwrap().clear();
    assert!(ask(served.address, "GET /readyz").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn there_is_nothing_else() {
    let served = served().await;
    assert!(ask(served.address, "GET /").await.starts_with("HTTP/1.1 404 "));
    assert!(ask(served.address, "GET /metrics/x").await.starts_with("HTTP/1.1 404 "));
    assert!(ask(served.address, "POST /metrics").await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn it_stops_when_told_though_a_client_is_half_way_through_a_request() {
    let served = served().await;
    let mut half = TcpStream::connect(served.address).await.unwrap();
    half.write_all(b"GET /livez HT").await.unwrap();
    ask(served.address, "GET /livez").await;
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let served = served().await;
    let mut idle = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        idle.push(TcpStream::connect(served.address).await.unwrap());
    }
    // None of them has spoken, and none of their lives is over.
    let answer = tokio::time::timeout(Duration::from_secs(10), ask(served.address, "GET /livez")).await;
    assert!(answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")), "the idle ones keep others out");
    assert_eq!(idle[0].read(&mut [0]).await.unwrap_or(0), 0, "the oldest gave way");
}

#[tokio::test]
async fn a_connection_ends_with_its_life() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/livez", get(async || "ok"));
    let bounded = bounded::Bounded::new(listener, 2, Duration::from_millis(50));
    let task = tokio::spawn(axum::serve(bounded, router).into_future());
    let mut idle = TcpStream::connect(address).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(10), idle.read(&mut [0])).await;
    assert_eq!(closed.expect("it was closed").unwrap_or(0), 0);
    task.abort();
}
