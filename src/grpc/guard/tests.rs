//! The guard around a handler that never answers, and around one that answers at once.

use std::time::Duration;

use tonic::Code;
use tonic_types::StatusExt;
use tower_layer::Layer;

use super::*;
use crate::grpc::bounds::Bounds;
use crate::telemetry::GRPC_CODES;
use crate::time::Timestamp;

fn caller(uid: u32, gid: u32) -> Caller {
    Caller { uid, gid, pid: None, executable: None }
}

#[test]
fn the_admin_socket_admits_root_the_daemon_and_those_who_are_named() {
    let admins = Admins { own_uid: 500, uids: vec![7], gids: vec![70] };
    for (uid, gid) in [(0, 9), (500, 9), (7, 9), (9, 70)] {
        assert!(admins.admit(&caller(uid, gid)), "{uid} {gid}");
    }
    for (uid, gid) in [(9, 9), (70, 7), (501, 500), (9, 0)] {
        assert!(!admins.admit(&caller(uid, gid)), "{uid} {gid}");
    }
}

#[test]
fn an_unmapped_id_admits_nobody() {
    let admins = Admins { own_uid: OVERFLOW_ID, uids: vec![OVERFLOW_ID], gids: vec![OVERFLOW_ID] };
    assert!(!admins.admit(&caller(OVERFLOW_ID, OVERFLOW_ID)));
}

#[test]
fn every_code_has_its_name_in_the_metrics() {
    for (number, name) in GRPC_CODES.iter().enumerate() {
        let code = Code::from_i32(i32::try_from(number).unwrap());
        assert_eq!(code as usize, number);
        assert!(format!("{code:?}").starts_with(&name[..2]) || *name == "OK", "{name}");
    }
    assert_eq!(GRPC_CODES.len(), 17);
}

/// Answers at once with that status, or never.
#[derive(Clone)]
struct Handler(Option<Code>);

impl Service<http::Request<Body>> for Handler {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        assert!(request.extensions().get::<Call>().is_some(), "the guard names the caller");
        let answer = self.0.map(|code| Status::new(code, "").into_http());
        Box::pin(async move {
            match answer {
                Some(answer) => Ok(answer),
                None => std::future::pending().await,
            }
        })
    }
}

fn limits(call: u64) -> watch::Receiver<Limits> {
    let call = Duration::from_secs(call);
    let limits = Limits { batch_items: 1, stream_items: 1, calls_per_connection: 1, connections: 1, call, drain: call };
    watch::channel(limits).1
}

fn guarded(handler: Handler) -> (Guarded<Handler>, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new().unwrap());
    let clock = Clock::tokio(Timestamp::EPOCH);
    let admins = Admins { own_uid: 500, ..Admins::default() };
    (Guard::new(watch::channel(admins).1, clock, Arc::clone(&metrics), limits(30)).layer(handler), metrics)
}

fn request(door: Door, uid: u32, timeout: Option<&str>) -> http::Request<Body> {
    let mut request = http::Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static("/presignd.v1.Signer/Presign");
    request.extensions_mut().insert(Peer { caller: Arc::new(caller(uid, 1)), door, bounds: Bounds::free() });
    if let Some(timeout) = timeout {
        request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
    }
    request
}

fn code(response: &http::Response<Body>) -> Code {
    Status::from_header_map(response.headers()).unwrap().code()
}

fn handled(metrics: &Metrics, code: &str) -> u64 {
    metrics.grpc_handled.with_label_values(&["presignd.v1.Signer", "Presign", code]).get()
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_or_at_the_daemons() {
    let (mut guarded, metrics) = guarded(Handler(None));
    for (timeout, seconds) in [(Some("2S"), 2), (Some("1H"), 30), (None, 30), (Some("nonsense"), 30)] {
        let started = tokio::time::Instant::now();
        let response = guarded.call(request(Door::Sign, 7, timeout)).await.unwrap();
        assert_eq!(code(&response), Code::DeadlineExceeded);
        assert_eq!(started.elapsed().as_secs(), seconds, "{timeout:?}");
    }
    assert_eq!(handled(&metrics, "DeadlineExceeded"), 4);
}

#[tokio::test]
async fn a_stranger_at_the_admin_socket_is_denied_before_any_handler() {
    let (mut guarded, metrics) = guarded(Handler(None));
    let response = guarded.call(request(Door::Admin, 7, None)).await.unwrap();
    assert_eq!(code(&response), Code::PermissionDenied);
    drop(response);
    assert_eq!(handled(&metrics, "PermissionDenied"), 1);
}

#[tokio::test]
async fn admins_are_those_of_the_last_reload() {
    let (say, admins) = watch::channel(Admins { own_uid: 500, uids: vec![7], gids: vec![] });
    let metrics = Arc::new(Metrics::new().unwrap());
    let clock = Clock::tokio(Timestamp::EPOCH);
    let mut guarded = Guard::new(admins, clock, metrics, limits(30)).layer(Handler(Some(Code::Ok)));
    let answer = guarded.call(request(Door::Admin, 7, None)).await.unwrap();
    assert_ne!(code(&answer), Code::PermissionDenied);
    say.send_replace(Admins { own_uid: 500, uids: vec![8], gids: vec![] });
    let answer = guarded.call(request(Door::Admin, 7, None)).await.unwrap();
    assert_eq!(code(&answer), Code::PermissionDenied);
}

#[tokio::test(start_paused = true)]
async fn the_longest_call_is_that_of_the_last_reload() {
    let (say, bounds) = watch::channel(limits(30).borrow().clone());
    let (metrics, clock) = (Arc::new(Metrics::new().unwrap()), Clock::tokio(Timestamp::EPOCH));
    let mut guarded = Guard::new(watch::channel(Admins::default()).1, clock, metrics, bounds).layer(Handler(None));
    say.send_modify(|limits| limits.call = Duration::from_secs(3));
    let started = tokio::time::Instant::now();
    guarded.call(request(Door::Sign, 7, None)).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_call_that_its_caller_gave_up_is_counted_as_canceled() {
    let (mut guarded, metrics) = guarded(Handler(None));
    drop(guarded.call(request(Door::Sign, 7, None)));
    assert_eq!(handled(&metrics, "Canceled"), 1);
}

#[tokio::test]
async fn a_path_that_is_not_served_gets_no_label_of_its_own() {
    let (mut guarded, metrics) = guarded(Handler(Some(Code::Unimplemented)));
    let mut request = request(Door::Sign, 7, None);
    *request.uri_mut() = http::Uri::from_static("/presignd.v1.Nothing/Ask");
    let response = guarded.call(request).await.unwrap();
    assert_eq!(
        not_served(&response),
        "\"presignd.v1.Nothing/Ask\" is no method that this version serves; reflection lists those that are"
    );
    drop(response);
    assert_eq!(metrics.grpc_handled.with_label_values(&["unknown", "unknown", "Unimplemented"]).get(), 1);
    assert!(!metrics.encode().contains("Nothing"));
}

/// The words of an answer whose reason says that the call is not served.
fn not_served(response: &http::Response<Body>) -> String {
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(status.get_error_details().error_info().unwrap().reason, "NOT_SERVED");
    status.message().to_owned()
}

#[tokio::test]
async fn an_error_repeats_no_more_of_a_path_than_the_longest_method_has() {
    let (mut guarded, _) = guarded(Handler(None));
    let mut request = request(Door::Sign, 7, None);
    *request.uri_mut() = format!("/{}", "a".repeat(5000)).parse().unwrap();
    assert!(not_served(&guarded.call(request).await.unwrap()).len() < 300);
}

#[tokio::test(start_paused = true)]
async fn compressed_messages_are_refused_by_name_and_plain_ones_reach_the_handler() {
    let (mut guarded, _) = guarded(Handler(None));
    let mut ask = async |encoding: &'static str| {
        let mut request = request(Door::Sign, 7, None);
        request.headers_mut().insert("grpc-encoding", encoding.parse().unwrap());
        guarded.call(request).await.unwrap()
    };
    assert!(not_served(&ask("gzip").await).starts_with("messages compressed with \"gzip\" are not served"));
    assert_eq!(code(&ask("identity").await), Code::DeadlineExceeded, "the handler never answers");
}
