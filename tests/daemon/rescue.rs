//! A key will be killed: what that ends is signed again before it is, and every link that has a successor lives on.

use std::collections::HashMap;

use presignd::grpc::proto::event::What;
use presignd::grpc::proto::presign_result::Result as Either;
use presignd::grpc::proto::statement::Policy;
use presignd::grpc::proto::{
    Deny, Event, GetUrlRequest, KeyEvent, ListUrlsRequest, PresignRequest, PresignResponse, PrincipalEvent,
    RenewIdentityRequest, ReportEventRequest, ResignRequest, Statement, UrlFilter,
};
use tonic::Code;
use tonic_types::StatusExt;

use crate::process::{Daemon, World, get, length};
use crate::resign::{admin, outcomes, resign, signed};
use crate::support::eventually;
use crate::support::keys::Key;
use crate::watch::rotation;

fn put(world: &World, key: &Key) {
    let text = format!(r#"{{"AccessKeyId": "{}", "SecretAccessKey": "{}"}}"#, key.access_key_id, key.secret);
    let folder = world.folder.path();
    std::fs::write(folder.join("new"), text).expect("the folder can be written");
    std::fs::rename(folder.join("new"), folder.join("key")).expect("the folder can be written");
}

/// The identity `web`: the key in that file.
fn key_file(world: &World) -> String {
    let path = world.folder.path().join("key");
    format!(
        "[identity.web]\nsource = \"key-file\"\npath = \"{}\"\npoll = \"1s\"\nmin_pause = \"1s\"\n{}",
        path.display(),
        world.services("web")
    )
}

fn long(key: &str) -> PresignRequest {
    PresignRequest { expires_in: Some(length(600)), ..get(key) }
}

/// A GET of an object under a customer's key, which is not recorded, so that it cannot be signed again without it.
fn sealed() -> PresignRequest {
    let headers = [
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-server-side-encryption-customer-key", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="),
        ("x-amz-server-side-encryption-customer-key-md5", "ZjQ0NjBiYjFhZjdmNWI3Yg=="),
    ];
    let headers: HashMap<_, _> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let mut asked = long("b");
    asked.request.as_mut().expect("it asks for something").headers = headers;
    asked
}

async fn generation(daemon: &Daemon, number: u64) {
    eventually("the key in the file signs", async || {
        let sessions = daemon.web().await.sessions;
        let signing = sessions.iter().find(|session| session.signing)?;
        (signing.reference.as_ref()?.generation == number).then_some(())
    })
    .await;
}

async fn records(daemon: &Daemon) -> usize {
    let asked = ListUrlsRequest { page_size: 1000, ..ListUrlsRequest::default() };
    daemon.registry().await.list_urls(asked).await.expect("a page").into_inner().urls.len()
}

async fn endings(daemon: &Daemon, url: &PresignResponse) -> usize {
    let asked = GetUrlRequest { id: url.id.clone() };
    let record = daemon.registry().await.get_url(asked).await.expect("it is there").into_inner().url;
    record.expect("it is there").endings.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_death_of_a_key_ends_lives_on_under_the_next_and_one_failure_stops_no_other() {
    let world = World::new().await;
    for key in ["a", "b", "c", "d"] {
        world.s3.store().put("photos", key, key);
    }
    put(&world, &world.user);
    let daemon = world.daemon(&key_file(&world)).await;
    let (first, broken, last) =
        (signed(&daemon, long("a")).await, signed(&daemon, sealed()).await, signed(&daemon, long("c")).await);
    let order = || ResignRequest {
        filter: Some(UrlFilter::default()),
        event: Some(Event {
            what: Some(What::KeyDeactivated(KeyEvent { access_key_id: world.user.access_key_id.clone() })),
            ..Event::default()
        }),
        ..ResignRequest::default()
    };
    let too_early = outcomes(&resign(&mut admin(&daemon).await, order()).await.expect("the stream ends well"));
    let reasons: Vec<_> =
        too_early.iter().map(|(_, one)| one.as_ref().expect_err("the same key signs").as_str()).collect();
    assert_eq!(reasons, ["ENDS_TOO", "INVALID_FIELD", "ENDS_TOO"]);
    assert_eq!(records(&daemon).await, 3, "nothing is recorded that nobody gets");
    put(&world, &world.keys.user("deploy"));
    generation(&daemon, 2).await;
    let spared = signed(&daemon, long("d")).await;

    let order = || ResignRequest { request_id: "before the key dies".into(), ..order() };
    let answers = outcomes(&resign(&mut admin(&daemon).await, order()).await.expect("the stream ends well"));
    let of = |url: &PresignResponse| {
        let answer = answers.iter().find(|(id, _)| *id == url.id);
        answer.unwrap_or_else(|| panic!("{} was left out", url.id)).1.clone()
    };
    assert_eq!(answers.len(), 3, "what the event spares is not signed again: {answers:?}");
    assert_eq!(of(&broken).map(drop), Err("INVALID_FIELD".to_owned()));
    let successors = [of(&first).expect("it can be"), of(&last).expect("one failure stops no other")];
    for (new, former) in successors.iter().zip([&first, &last]) {
        assert_eq!((&new.replaces, new.session.as_ref().map(|session| session.generation)), (&former.id, Some(2)));
    }

    let count = records(&daemon).await;
    let again = outcomes(&resign(&mut admin(&daemon).await, order()).await.expect("the stream ends well"));
    let urls = |answers: &[(String, Result<PresignResponse, String>)]| {
        answers.iter().filter_map(|(_, one)| Some(one.as_ref().ok()?.url.clone())).collect::<Vec<_>>()
    };
    assert_eq!((urls(&again), records(&daemon).await), (urls(&answers), count), "repeated, it signs nothing");
    let anew = ResignRequest { request_id: String::new(), ..order() };
    let anew = resign(&mut admin(&daemon).await, anew).await.expect("the stream ends well");
    assert_eq!(anew.iter().filter(|one| !one.standing.is_empty()).count(), 2, "nor does another order: {anew:?}");
    assert_eq!(records(&daemon).await, count);

    world.keys.deactivate(&world.user.access_key_id);
    let asked = ReportEventRequest { event: order().event };
    rotation(&daemon).await.report_event(asked).await.expect("it is written down");
    for former in [&first, &last] {
        assert_eq!(world.s3.fetch("GET", &former.url, [], "").await.code(), "InvalidAccessKeyId");
        assert_eq!(endings(&daemon, former).await, 1);
    }
    for new in successors.iter().chain([&spared]) {
        assert_eq!(world.s3.fetch("GET", &new.url, [], "").await.status, 200);
        assert_eq!(endings(&daemon, new).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_request_that_was_signed_again_before_only_the_last_url_is_signed_again_when_an_event_ends_all() {
    let world = World::new().await;
    put(&world, &world.user);
    let daemon = world.daemon(&key_file(&world)).await;
    let first = signed(&daemon, long("a")).await;
    put(&world, &world.keys.user("deploy"));
    generation(&daemon, 2).await;
    let by_id = ResignRequest { ids: vec![first.id.clone()], ..ResignRequest::default() };
    let second = outcomes(&resign(&mut admin(&daemon).await, by_id).await.expect("the stream ends well"));
    let second = second[0].1.clone().expect("another key signs");
    put(&world, &world.keys.user("links"));
    generation(&daemon, 3).await;

    let gone = Event {
        what: Some(What::UserDeleted(PrincipalEvent { arn: world.user.arn.clone(), ..PrincipalEvent::default() })),
        ..Event::default()
    };
    for prefix in ["", "a"] {
        let filter = Some(UrlFilter { bucket: "photos".into(), key_prefix: prefix.to_owned(), ..UrlFilter::default() });
        let order = ResignRequest { filter, event: Some(gone.clone()), ..ResignRequest::default() };
        let answers = resign(&mut admin(&daemon).await, order).await.expect("the stream ends well");
        let standing = |id: &str| answers.iter().find(|one| one.id == id).map(|one| one.standing.clone());
        assert_eq!(standing(&first.id), Some(second.id.clone()), "{answers:?}");
        assert_eq!((answers.len(), records(&daemon).await), (2, 3), "one link is one link: {answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_none_is_refused_by_its_field_before_anything_is_signed() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    let url = signed(&daemon, long("a")).await;
    let key = |id: &str| Event {
        what: Some(What::KeyDeleted(KeyEvent { access_key_id: id.to_owned() })),
        ..Event::default()
    };
    let by_filter =
        |event| ResignRequest { filter: Some(UrlFilter::default()), event: Some(event), ..ResignRequest::default() };
    let by_id = ResignRequest { ids: vec![url.id], event: Some(key("AKIAEXAMPLE")), ..ResignRequest::default() };
    for (asked, field) in [
        (by_filter(Event::default()), "event.what"),
        (by_filter(key("")), "event.key_deleted.access_key_id"),
        (by_id, "event"),
    ] {
        let refused = resign(&mut admin(&daemon).await, asked).await.expect_err(field);
        let fields = refused.get_details_bad_request().expect("it names a field").field_violations;
        assert_eq!((refused.code(), &*fields[0].field), (Code::InvalidArgument, field));
    }
    assert_eq!(records(&daemon).await, 1);
}

/// A Deny that reaches whoever signs for the bucket, as far as that policy goes.
fn denied(policy: Policy) -> ResignRequest {
    let statement = Statement { policy: policy.into(), bucket: "photos".into(), ..Statement::default() };
    let what = What::Denied(Deny { statement: Some(statement), ..Deny::default() });
    let event = Some(Event { what: Some(what), ..Event::default() });
    ResignRequest { filter: Some(UrlFilter::default()), event, ..ResignRequest::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_event_may_end_is_not_signed_again_by_what_it_may_end_as_well_however_often_that_is_asked() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"\nmin_pause = \"1s\"")).await;
    let former = signed(&daemon, long("a")).await;
    let by_id = ResignRequest { ids: vec![former.id.clone()], ..ResignRequest::default() };
    let successor = outcomes(&resign(&mut admin(&daemon).await, by_id).await.expect("the stream ends well"));
    let successor = successor[0].1.clone().expect("a record that is named is signed again");
    let web = RenewIdentityRequest { name: "web".into() };
    daemon.admin().await.renew_identity(web).await.expect("STS answers");
    for _ in 0..3 {
        let answers = resign(&mut admin(&daemon).await, denied(Policy::Scp)).await.expect("the stream ends well");
        assert_eq!(answers[0].standing, successor.id, "it has a successor that lives");
        assert_eq!(outcomes(&answers)[1].1.as_ref().map(drop), Err(&"MAY_END_TOO".to_owned()));
        assert_eq!((answers.len(), records(&daemon).await), (2, 2), "nothing is doubled: {answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_an_event_is_for_everybody_nobody_is_sent_for_another_key_or_session() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    signed(&daemon, long("a")).await;
    for (policy, reason) in
        [(Policy::Bucket, "would end by the same event [DENIED]"), (Policy::Scp, "may end the new URL")]
    {
        let answers = resign(&mut admin(&daemon).await, denied(policy)).await.expect("the stream ends well");
        let Some(Either::Failure(failure)) = answers[0].result.clone().and_then(|one| one.result) else {
            panic!("it is not signed: {answers:?}")
        };
        let said = failure.message;
        assert!(said.contains(reason) && said.ends_with("whoever signs; no key or session mends that"), "{said}");
    }
}
