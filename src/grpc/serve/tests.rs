//! The server over real sockets, with the services that need no desk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::*;
use crate::clock::Clock;

struct Front {
    _root: tempfile::TempDir,
    sign: PathBuf,
    admin: PathBuf,
    ready: watch::Sender<bool>,
    limits: watch::Sender<Limits>,
    stop: CancellationToken,
    metrics: Arc<Metrics>,
    running: JoinHandle<Result<(), ServeError>>,
}

fn front(connections: usize) -> Front {
    let root = tempfile::tempdir().unwrap();
    let (sign, admin) = (root.path().join("sign/s"), root.path().join("admin/a"));
    let sockets =
        vec![(Socket::bind(&sign, 0o666).unwrap(), Door::Sign), (Socket::bind(&admin, 0o600).unwrap(), Door::Admin)];
    let limits = Limits {
        batch_items: 1000,
        stream_items: 256,
        calls_per_connection: 100,
        connections,
        call: Duration::from_secs(60),
        drain: Duration::from_secs(60),
    };
    let (say_limits, limits) = watch::channel(limits);
    let metrics = Arc::new(Metrics::new().unwrap());
    let own = Admins { own_uid: rustix::process::geteuid().as_raw(), ..Admins::default() };
    let guard = Guard::new(watch::channel(own).1, Clock::system(), Arc::clone(&metrics), limits.clone());
    let ((health, health_server), (ready, seen)) = (tonic_health::server::health_reporter(), watch::channel(false));
    let mut routes = RoutesBuilder::default();
    routes.add_service(health_server).add_service(reflection().build_v1().unwrap());
    let (routes, stop) = (routes.routes(), CancellationToken::new());
    let until = stop.clone();
    let ranks: Ranks = Arc::new(|_, _, _| Rank::Known);
    let terms = Terms { limits, clock: Clock::system(), metrics: Arc::clone(&metrics), ranks, rooms: Rooms::default() };
    let running = tokio::spawn(async move {
        tokio::join!(run(routes, guard, sockets, terms, &until), report(health, seen, until.clone())).0
    });
    Front { _root: root, sign, admin, ready, limits: say_limits, stop, metrics, running }
}

async fn connect(path: &Path) -> Channel {
    Endpoint::from_shared(format!("unix:{}", path.display())).unwrap().connect().await.unwrap()
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// What Python's grpcio 1.85 sends, byte for byte but for the path and the headers that do not matter.
#[tokio::test]
async fn a_call_whose_authority_is_a_path_reaches_its_handler() {
    let front = front(8);
    let field = |name: &str, value: &str| {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        [&[0x40, length(name)][..], name, &[length(value)], value].concat()
    };
    let block = [
        field(":path", "/grpc.health.v1.Health/Check"),
        field(":authority", "run%2Fpresignd%2Fsign%2Fpresignd.sock"),
        b"\x83\x86".to_vec(),
        field("content-type", "application/grpc"),
        field("te", "trailers"),
    ]
    .concat();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let call = [preface, frame(4, 0, 0, b""), frame(1, 4, 1, &block), frame(0, 1, 1, b"\0\0\0\0\0")].concat();
    let mut stream = UnixStream::connect(&front.sign).await.unwrap();
    stream.write_all(&call).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.unwrap();
        assert_ne!(head[3], 3, "RST_STREAM");
        if head[3] == 0 {
            // SERVING or NOT_SERVING: the handler answered.
            assert_eq!(payload[..6], [0, 0, 0, 0, 2, 8]);
            return;
        }
    }
}

#[tokio::test]
async fn health_follows_readiness_and_a_stop_ends_those_who_watch() {
    let front = front(8);
    let mut client = HealthClient::new(connect(&front.sign).await);
    let request = HealthCheckRequest { service: served::SERVICES[0].to_owned() };
    let mut watched = client.watch(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    front.ready.send(true).unwrap();
    while seen.last() != Some(&1) {
        seen.push(watched.message().await.unwrap().unwrap().status);
    }
    front.ready.send(false).unwrap();
    assert_eq!(watched.message().await.unwrap().unwrap().status, 2);
    front.stop.cancel();
    while watched.message().await.unwrap().is_some() {}
    drop(client);
    front.running.await.unwrap().unwrap();
    assert!(!front.sign.exists() && !front.admin.exists());
}

#[tokio::test]
async fn reflection_names_only_what_is_served() {
    let front = front(8);
    let mut client = ServerReflectionClient::new(connect(&front.admin).await);
    let ask = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    let expected = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "presignd.v1.Daemon",
        "presignd.v1.Identities",
        "presignd.v1.Impact",
        "presignd.v1.Registry",
        "presignd.v1.Rotation",
        "presignd.v1.Signer",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_place_comes_back() {
    let front = front(1);
    let mut first = HealthClient::new(connect(&front.sign).await);
    first.check(HealthCheckRequest::default()).await.unwrap();
    let mut second = UnixStream::connect(&front.sign).await.unwrap();
    assert_eq!(second.read(&mut [0; 64]).await.unwrap(), 0);
    // The admin socket has places of its own.
    HealthClient::new(connect(&front.admin).await).check(HealthCheckRequest::default()).await.unwrap();
    drop(first);
    loop {
        let mut third = UnixStream::connect(&front.sign).await.unwrap();
        if third.read(&mut [0; 64]).await.unwrap() > 0 {
            return; // the server's settings
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_call_is_counted_with_its_code() {
    let front = front(8);
    let mut client = HealthClient::new(connect(&front.sign).await);
    client.check(HealthCheckRequest::default()).await.unwrap();
    client.check(HealthCheckRequest { service: "nobody".to_owned() }).await.unwrap_err();
    drop(client);
    front.stop.cancel();
    front.running.await.unwrap().unwrap();
    for code in ["OK", "NotFound"] {
        let handled = front.metrics.grpc_handled.with_label_values(&["grpc.health.v1.Health", "Check", code]);
        assert_eq!(handled.get(), 1, "{code}");
    }
    assert_eq!(front.metrics.grpc_started.with_label_values(&["grpc.health.v1.Health", "Check"]).get(), 2);
}

/// The bound of calls that a server names in its SETTINGS.
async fn calls_of(path: &Path) -> (UnixStream, u32) {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS come first");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let calls = settings.chunks(6).find(|setting| setting[..2] == [0, 3]).unwrap();
    (stream, u32::from_be_bytes(calls[2..].try_into().unwrap()))
}

#[tokio::test]
async fn other_limits_count_for_the_next_connection_and_end_none() {
    let front = front(16);
    let mut client = HealthClient::new(connect(&front.sign).await);
    client.check(HealthCheckRequest::default()).await.unwrap();
    let (held, calls) = calls_of(&front.sign).await;
    assert_eq!(calls, 100);
    for calls in [7, 8, 7] {
        front.limits.send_modify(|limits| limits.calls_per_connection = calls);
        let (dropped, now) = calls_of(&front.sign).await;
        assert_eq!(now, calls);
        drop(dropped);
        client.check(HealthCheckRequest::default()).await.unwrap();
    }
    front.limits.send_modify(|limits| limits.connections = 2);
    let mut refused = UnixStream::connect(&front.sign).await.unwrap();
    assert_eq!(refused.read(&mut [0; 64]).await.unwrap(), 0, "two are there already");
    client.check(HealthCheckRequest::default()).await.unwrap();
    drop((held, client));
    front.stop.cancel();
    front.running.await.unwrap().unwrap();
}
