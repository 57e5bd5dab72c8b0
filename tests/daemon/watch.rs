//! What happened, reported, lifted and watched: what a watcher hears, from where on, and what it may not.

use presignd::grpc::proto::event::What as Happening;
use presignd::grpc::proto::rotation_client::RotationClient;
use presignd::grpc::proto::statement::Policy;
use presignd::grpc::proto::watch_response::What;
use presignd::grpc::proto::{
    Deny, Event, GetUrlRequest, IdentityEvent, KeyEvent, LiftEventRequest, ListEventsRequest, PresignBatchRequest,
    PresignRequest, ReportEventRequest, ReportEventResponse, ResignRequest, Statement, UrlFilter, WatchRequest,
    WatchResponse, presign_result,
};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use crate::process::{Daemon, World, connect, get, length, presign};
use crate::support::{DEADLINE, eventually};

pub(crate) fn web(world: &World) -> String {
    world.web("duration = \"1h\"\nmin_pause = \"1s\"")
}

pub(crate) async fn rotation(daemon: &Daemon) -> RotationClient<Channel> {
    RotationClient::new(connect(&daemon.admin_socket()).await.expect("the daemon listens"))
}

pub(crate) async fn own(daemon: &Daemon) -> RotationClient<Channel> {
    RotationClient::new(connect(&daemon.sign_socket()).await.expect("the daemon listens"))
}

pub(crate) async fn signed(daemon: &Daemon, keys: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for key in keys {
        let asked = PresignRequest { expires_in: Some(length(600)), ..get(key) };
        ids.push(presign(&mut daemon.signer().await, asked).await.expect("it signs").id);
    }
    ids
}

/// A policy of the bucket that shuts everybody out.
pub(crate) fn denied() -> Event {
    let statement = Statement { policy: Policy::Bucket.into(), bucket: "photos".into(), ..Statement::default() };
    let denied = Deny { statement: Some(statement), ..Deny::default() };
    Event { what: Some(Happening::Denied(denied)), ..Event::default() }
}

fn deleted() -> Event {
    key_deleted("AKIAEXAMPLE")
}

pub(crate) fn key_deleted(id: &str) -> Event {
    Event { what: Some(Happening::KeyDeleted(KeyEvent { access_key_id: id.into() })), ..Event::default() }
}

pub(crate) async fn report(daemon: &Daemon, event: Event) -> Result<ReportEventResponse, Status> {
    let asked = ReportEventRequest { event: Some(event) };
    rotation(daemon).await.report_event(asked).await.map(tonic::Response::into_inner)
}

pub(crate) async fn watch(mut client: RotationClient<Channel>, cursor: &str) -> Streaming<WatchResponse> {
    let asked = WatchRequest { cursor: cursor.to_owned(), from_oldest: cursor.is_empty() };
    client.watch(asked).await.expect("there is a seat").into_inner()
}

pub(crate) async fn next(stream: &mut Streaming<WatchResponse>) -> WatchResponse {
    let next = timeout(DEADLINE, stream.message()).await.expect("it is told");
    next.expect("the stream goes on").expect("and does not end")
}

/// The next of which `wanted` makes something, with its cursor; what comes before is passed over.
pub(crate) async fn heard<T>(stream: &mut Streaming<WatchResponse>, wanted: impl Fn(What) -> Option<T>) -> (String, T) {
    loop {
        let one = next(stream).await;
        if let Some(found) = one.what.and_then(&wanted) {
            return (one.cursor, found);
        }
    }
}

pub(crate) fn happened(what: What) -> Option<String> {
    match what {
        What::EventHappened(reported) => Some(reported.id),
        _ => None,
    }
}

pub(crate) fn ends_early(what: What) -> Option<(String, String)> {
    match what {
        What::UrlEndsEarly(url) => Some((url.url_id, url.event_id)),
        _ => None,
    }
}

pub(crate) async fn endings(daemon: &Daemon, id: &str) -> usize {
    let asked = GetUrlRequest { id: id.to_owned() };
    let url = daemon.registry().await.get_url(asked).await.expect("it is there").into_inner().url;
    url.expect("it is there").endings.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reported_event_is_told_url_by_url_and_goes_on_within_itself_after_a_restart() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let ids = signed(&daemon, &["a", "b", "c"]).await;
    let mut mine = own(&daemon).await.watch(WatchRequest::default()).await.expect("there is a seat").into_inner();
    let first = next(&mut mine).await;
    assert!(first.what.is_none() && !first.cursor.is_empty(), "a stream begins with its place: {first:?}");

    let answer = report(&daemon, denied()).await.expect("it is written down");
    let totals = answer.totals.expect("it is counted");
    assert_eq!((totals.ends + totals.may_end, totals.lives), (3, 0));
    let event = answer.event.expect("it has an id").id;
    let (at_event, told) = heard(&mut mine, happened).await;
    assert_eq!(told, event);
    let mut urls = Vec::new();
    for _ in 0..3 {
        let (cursor, (url, of)) = heard(&mut mine, ends_early).await;
        assert_eq!(of, event);
        urls.push((cursor, url));
    }
    let mut sorted: Vec<&String> = urls.iter().map(|(_, url)| url).collect();
    sorted.sort();
    assert_eq!(sorted, ids.iter().collect::<Vec<_>>(), "each of its own, once");
    assert_eq!(endings(&daemon, &ids[0]).await, 1, "records say so");

    daemon.stop().await;
    let daemon = world.daemon(&web(&world)).await;
    for (from, rest) in [(&at_event, &urls[..]), (&urls[0].0, &urls[1..]), (&urls[1].0, &urls[2..])] {
        for client in [own(&daemon).await, rotation(&daemon).await] {
            let mut stream = watch(client, from).await;
            for (cursor, url) in rest {
                let again = heard(&mut stream, ends_early).await;
                assert_eq!((&again.0, &again.1.0), (cursor, url), "after {from}");
            }
        }
    }
    assert_eq!(endings(&daemon, &ids[0]).await, 1, "it stands over a restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_event_ends_is_signed_again_and_what_it_spares_is_not() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let ids = signed(&daemon, &["a", "b"]).await;
    let mut admin = presignd::grpc::proto::signer_client::SignerClient::new(
        connect(&daemon.admin_socket()).await.expect("the daemon listens"),
    );
    for (event, wanted) in [(deleted(), 0), (denied(), ids.len())] {
        let asked = ResignRequest {
            filter: Some(UrlFilter::default()),
            event: Some(event),
            request_id: "again".into(),
            ..ResignRequest::default()
        };
        let mut stream = admin.resign(asked).await.expect("it begins").into_inner();
        let mut answered = 0;
        while stream.message().await.expect("it goes on").is_some() {
            answered += 1;
        }
        assert_eq!(answered, wanted);
    }
    let asked =
        ResignRequest { filter: Some(UrlFilter::default()), event: Some(deleted()), ..ResignRequest::default() };
    let refused = daemon.signer().await.resign(asked).await.expect_err("an event is an operator's question");
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_report_again_is_answered_with_what_stands_until_that_is_lifted() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let at = |seconds| Event { at: Some(prost_types::Timestamp { seconds, nanos: 0 }), ..denied() };
    let id = async |seconds| report(&daemon, at(seconds)).await.expect("it is written down").event.expect("an id").id;
    let first = id(1_700_000_000).await;
    assert_eq!(id(1_700_000_000).await, first);
    assert_ne!(id(1_700_000_001).await, first, "it happened at another time");
    let lift = LiftEventRequest { id: first.clone(), in_error: false };
    rotation(&daemon).await.lift_event(lift).await.expect("it can be undone");
    assert_ne!(id(1_700_000_000).await, first, "it happened once more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_can_be_undone_is_lifted_and_one_that_cannot_stands() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let ids = signed(&daemon, &["a"]).await;
    let mut rotation = rotation(&daemon).await;
    let event = report(&daemon, denied()).await.expect("it is written down").event.expect("an id").id;
    let for_good = report(&daemon, deleted()).await.expect("it is written down").event.expect("an id").id;
    let mut list = async |with_lifted| {
        let listed = rotation.list_events(ListEventsRequest { with_lifted }).await.expect("a list").into_inner();
        listed.events.into_iter().map(|one| (one.id, one.lifted_at.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(list(false).await, [(for_good.clone(), false), (event.clone(), false)]);
    let mut client = self::rotation(&daemon).await;
    for _ in 0..2 {
        let lifted =
            client.lift_event(LiftEventRequest { id: event.clone(), in_error: false }).await.expect("it can be undone");
        assert!(lifted.into_inner().event.is_some_and(|event| event.lifted_at.is_some()), "lifting twice is no error");
    }
    assert_eq!(list(false).await, [(for_good.clone(), false)]);
    assert_eq!(list(true).await, [(for_good.clone(), false), (event.clone(), true)]);
    assert_eq!(endings(&daemon, &ids[0]).await, 0);
    let lifted = |what| match what {
        What::EventLifted(reported) => Some(reported.id),
        What::EventHappened(reported) => panic!("{} concerns nobody here any more", reported.id),
        _ => None,
    };
    assert_eq!(heard(&mut watch(own(&daemon).await, "").await, lifted).await.1, event);

    let instance = event.split('-').next().expect("an id has two parts");
    for (id, code, reason) in [
        (for_good.as_str(), Code::FailedPrecondition, "EVENT_IRREVERSIBLE"),
        (&format!("{instance}-99999"), Code::NotFound, "EVENT_NOT_FOUND"),
        ("aaaaaaaa-1", Code::NotFound, "EVENT_NOT_FOUND"),
        ("nonsense", Code::InvalidArgument, "INVALID_FIELD"),
    ] {
        let refused = client.lift_event(LiftEventRequest { id: id.to_owned(), in_error: false }).await.expect_err(id);
        let info = refused.get_details_error_info().expect("it says why");
        assert_eq!((refused.code(), info.reason.as_str()), (code, reason), "{refused}");
    }
    let ahead = prost_types::Timestamp { seconds: crate::support::now() + 3600, nanos: 0 };
    // It is presignd that renews, and nobody needs to tell it.
    let renewal = presignd::grpc::proto::event::What::IdentityRenewed(IdentityEvent { identity: "web".into() });
    for (event, field) in [
        (None, "event"),
        (Some(Event::default()), "event.what"),
        (Some(Event { at: Some(ahead), ..denied() }), "event.at"),
        (Some(Event { what: Some(renewal), ..Event::default() }), "event.identity_renewed"),
    ] {
        let refused = client.report_event(ReportEventRequest { event }).await.expect_err(field);
        let fields = refused.get_details_bad_request().expect("it names a field").field_violations;
        assert_eq!((refused.code(), &*fields[0].field), (Code::InvalidArgument, field));
    }
    let refused = own(&daemon).await.report_event(ReportEventRequest { event: Some(denied()) }).await;
    assert_eq!(refused.expect_err("an operator's business").code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_leads_nowhere_is_refused_and_one_that_is_too_old_says_so() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let event = report(&daemon, denied()).await.expect("it is written down").event.expect("an id").id;
    let instance = event.split('-').next().expect("an id has two parts").to_owned();
    let refused = async |daemon: &Daemon, asked: WatchRequest| {
        let refused = own(daemon).await.watch(asked).await.expect_err("it leads nowhere");
        let info = refused.get_details_error_info().expect("it says why");
        (refused.code(), info.reason, refused.message().to_owned())
    };
    for (cursor, word) in [
        ("nonsense".to_owned(), "is not one that Watch gave out"),
        ("aaaaaaaa-1".to_owned(), "is of registry aaaaaaaa"),
        (format!("{instance}-99999"), "is ahead"),
    ] {
        let (code, reason, message) = refused(&daemon, WatchRequest { cursor, from_oldest: false }).await;
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
        assert!(message.contains(word), "{message}");
    }
    let both = WatchRequest { cursor: event.clone(), from_oldest: true };
    assert_eq!(refused(&daemon, both).await.0, Code::InvalidArgument);

    daemon.stop().await;
    let file = rusqlite::Connection::open(world.registry()).expect("nobody has it open");
    file.execute("UPDATE events SET kept_until = 1", []).expect("a week goes by");
    drop(file);
    let daemon = world.daemon(&web(&world)).await;
    eventually("what is past its week is forgotten", async || {
        let old = WatchRequest { cursor: format!("{instance}-0"), from_oldest: false };
        let refused = own(&daemon).await.watch(old).await.err()?;
        (refused.code() == Code::OutOfRange).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_watches_so_often_at_once_and_a_watch_that_ended_makes_room() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let mut streams = Vec::new();
    for _ in 0..presignd::watch::MAX_WATCHERS {
        streams.push(watch(own(&daemon).await, "").await);
    }
    let full = own(&daemon).await.watch(WatchRequest::default()).await.expect_err("all seats are taken");
    assert_eq!(full.code(), Code::ResourceExhausted);
    streams.pop();
    eventually("there is room again", async || own(&daemon).await.watch(WatchRequest::default()).await.ok()).await;
    assert!(daemon.stop().await.success(), "a watch holds up no stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_who_reads_nothing_holds_up_nobody_and_misses_nothing() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let one = |n| PresignRequest { expires_in: Some(length(600)), ..get(&format!("k/{n}")) };
        let batch = PresignBatchRequest { requests: (0..1000).map(one).collect() };
        let results = daemon.signer().await.presign_batch(batch).await.expect("it signs").into_inner().results;
        ids.extend(results.into_iter().filter_map(|one| match one.result {
            Some(presign_result::Result::Response(signed)) => Some(signed.id),
            _ => None,
        }));
    }
    let mut slow = watch(own(&daemon).await, "").await;
    let first = report(&daemon, denied()).await.expect("it is written down").event.expect("an id").id;
    // Of another instant: the same report within a second is the same event.
    let earlier = Event { at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }), ..denied() };
    let second = report(&daemon, earlier).await.expect("it is written down").event.expect("an id").id;
    let mut quick = watch(own(&daemon).await, "").await;
    for stream in [&mut quick, &mut slow] {
        for event in [&first, &second] {
            assert_eq!(heard(stream, happened).await.1, *event);
            let mut told = Vec::new();
            for _ in &ids {
                let (_, (url, of)) = heard(stream, ends_early).await;
                assert_eq!(of, *event);
                told.push(url);
            }
            assert_eq!(told, ids, "each once, in the order of their ends");
        }
        signed(&daemon, &["on"]).await;
    }
}
