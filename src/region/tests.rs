//! Look-ups against a scripted connection under paused time, and one against HTTP on loopback.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use tokio::sync::Notify;
use tokio::time::advance;

use super::*;

/// Answers a status and perhaps a region, once it is let go.
#[derive(Debug, Default)]
struct Script {
    status: u16,
    region: Option<&'static str>,
    date: Option<&'static str>,
    refuses: bool,
    hold: Option<Arc<Notify>>,
    asked: Mutex<Vec<String>>,
    calls: AtomicUsize,
}

#[derive(Debug, Clone)]
struct Scripted(Arc<Script>);

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let script = Arc::clone(&self.0);
        script.calls.fetch_add(1, Ordering::SeqCst);
        script.asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        HttpConnectorFuture::new(async move {
            if let Some(hold) = &script.hold {
                hold.notified().await;
            }
            if script.refuses {
                return Err(ConnectorError::io("refused by the script".into()));
            }
            let mut answer = HttpResponse::new(script.status.try_into().unwrap(), SdkBody::empty());
            for (name, value) in [("x-amz-bucket-region", script.region), ("date", script.date)] {
                if let Some(value) = value {
                    answer.headers_mut().insert(name, value);
                }
            }
            Ok(answer)
        })
    }
}

fn scripted(script: Script) -> (Arc<Script>, Arc<Regions>) {
    let script = Arc::new(script);
    let http = SharedHttpConnector::new(Scripted(Arc::clone(&script)));
    let clock = Clock::tokio(Timestamp::from_unix(1_800_000_000));
    (script, Arc::new(Regions::new(http, clock, Arc::new(Metrics::new().unwrap()))))
}

fn found(region: &'static str) -> Script {
    Script { status: 403, region: Some(region), ..Script::default() }
}

fn photos() -> Bucket {
    Bucket::parse("photos").unwrap()
}

fn store(url: &str) -> S3 {
    S3 { endpoint_url: Some(url.to_owned()), ..S3::default() }
}

fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn any_answer_that_names_the_region_is_taken() {
    for status in [200, 301, 307, 400, 403, 404] {
        let (_, regions) = scripted(Script { status, ..found("eu-west-3") });
        assert_eq!(regions.of(&photos(), &S3::default()).await, Ok(region("eu-west-3")), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_region_is_an_error_that_says_what_to_do() {
    let (_, regions) = scripted(Script { status: 404, ..Script::default() });
    let error = regions.of(&photos(), &S3::default()).await.unwrap_err();
    assert_eq!(error, Error::BucketNotFound { bucket: "photos".into() });
    for named in [None, Some("no region/at all")] {
        let (_, regions) = scripted(Script { status: 503, region: named, ..Script::default() });
        let error = regions.of(&photos(), &S3::default()).await.unwrap_err();
        assert!(error.to_string().ends_with("give the region in the request"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_host_follows_from_the_configuration() {
    for (s3, asked) in [
        (S3::default(), "HEAD https://s3.us-east-1.amazonaws.com/photos"),
        (
            S3 { region: Some(region("cn-north-1")), ..S3::default() },
            "HEAD https://s3.cn-north-1.amazonaws.com.cn/photos",
        ),
        (store("http://store:9000/s3/"), "HEAD http://store:9000/s3/photos"),
    ] {
        let (script, regions) = scripted(found("eu-west-3"));
        regions.of(&photos(), &s3).await.unwrap();
        assert_eq!(*script.asked.lock().unwrap(), [asked]);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_what_is_known() {
    let (script, regions) = scripted(found("eu-west-3"));
    let point = Bucket::parse("arn:aws:s3:eu-central-1:123456789012:accesspoint/photos").unwrap();
    assert_eq!(regions.of(&point, &S3::default()).await, Ok(region("eu-central-1")));
    let garage = S3 { region: Some(region("garage")), ..store("http://store:3900") };
    assert_eq!(regions.of(&photos(), &garage).await, Ok(region("garage")));
    assert_eq!(script.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_region_is_remembered_for_an_hour_and_a_failure_not_at_all() {
    let (script, regions) = scripted(found("eu-west-3"));
    for _ in 0..3 {
        regions.of(&photos(), &S3::default()).await.unwrap();
        advance(Duration::from_secs(1000)).await;
    }
    assert_eq!(script.calls.load(Ordering::SeqCst), 1);
    advance(Duration::from_secs(600)).await;
    regions.of(&photos(), &S3::default()).await.unwrap();
    assert_eq!(script.calls.load(Ordering::SeqCst), 2);

    let (script, regions) = scripted(Script { status: 404, ..Script::default() });
    for _ in 0..2 {
        regions.of(&photos(), &S3::default()).await.unwrap_err();
    }
    assert_eq!(script.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn two_stores_may_hold_buckets_of_one_name() {
    let (script, regions) = scripted(found("eu-west-3"));
    for url in ["http://one:9000", "http://two:9000"] {
        regions.of(&photos(), &store(url)).await.unwrap();
    }
    assert_eq!(script.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn concurrent_questions_share_one_look_up_that_outlives_who_began_it() {
    let hold = Arc::new(Notify::new());
    let (script, regions) = scripted(Script { hold: Some(Arc::clone(&hold)), ..found("eu-west-3") });
    let ask = || {
        let regions = Arc::clone(&regions);
        tokio::spawn(async move { regions.of(&photos(), &S3::default()).await })
    };
    let (first, second, third) = (ask(), ask(), ask());
    tokio::task::yield_now().await;
    assert_eq!(script.calls.load(Ordering::SeqCst), 1);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    tokio::task::yield_now().await;
    hold.notify_one();
    assert_eq!(second.await.unwrap(), Ok(region("eu-west-3")));
    assert_eq!(third.await.unwrap(), Ok(region("eu-west-3")));
    assert!(lock(&regions.flights).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_everybody_left_leaves_nothing_behind() {
    let (_, regions) = scripted(Script { hold: Some(Arc::default()), ..found("eu-west-3") });
    let waited = timeout(Duration::from_secs(1), regions.of(&photos(), &S3::default())).await;
    assert!(waited.is_err());
    assert!(lock(&regions.flights).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_silent_or_refuses_is_named_without_its_path() {
    let silent = Script { hold: Some(Arc::default()), ..Script::default() };
    for (script, problem) in [
        (silent, "no answer in time"),
        (Script { refuses: true, ..Script::default() }, "io error: refused by the script"),
    ] {
        let (_, regions) = scripted(script);
        let s3 = store("http://store:9000/base");
        let Err(Error::Unreachable { host, problem: given, .. }) = regions.of(&photos(), &s3).await else {
            panic!("nobody answered");
        };
        assert_eq!((host.as_str(), given.as_str()), ("store:9000", problem));
    }
}

#[tokio::test(start_paused = true)]
async fn the_date_of_the_answer_teaches_the_clock() {
    let date = Some("Fri, 15 Jan 2027 08:01:40 GMT"); // 100 s after the clock's beginning
    let (_, regions) = scripted(Script { date, ..found("eu-west-3") });
    regions.of(&photos(), &S3::default()).await.unwrap();
    assert!((98..=102).contains(&regions.clock.offset_seconds()), "{}", regions.clock.offset_seconds());
}

#[tokio::test]
async fn a_redirect_over_real_http_is_read_and_not_followed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let moved = axum::http::Response::builder().status(301).header("location", "http://127.0.0.1:1/");
    let moved = moved.header("x-amz-bucket-region", "ap-southeast-2").body(String::new()).unwrap();
    let (parts, _) = moved.into_parts();
    let answer = axum::routing::head(async move || (parts.status, parts.headers));
    let server = tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/photos", answer)).await });
    let http = SharedHttpConnector::new(aws_smithy_http_client::Connector::builder().build_http());
    let regions = Regions::new(http, Clock::system(), Arc::new(Metrics::new().unwrap()));
    assert_eq!(regions.of(&photos(), &store(&endpoint)).await, Ok(region("ap-southeast-2")));
    server.abort();
}
