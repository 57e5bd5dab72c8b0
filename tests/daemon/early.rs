//! What is signed while an event stands says so with its answer, whichever way it was asked for.

use presignd::grpc::proto::ending::Verdict;
use presignd::grpc::proto::presign_post_request::Target;
use presignd::grpc::proto::presign_result::Result as Either;
use presignd::grpc::proto::{
    Caution, LiftEventRequest, PresignBatchRequest, PresignPostRequest, PresignRequest, PresignStreamRequest,
    ResignRequest, S3Request, StandingEvent,
};

use crate::process::{Daemon, World, get, length, presign};
use crate::resign::{admin, resign};
use crate::watch::{denied, report, rotation, web};

/// What an answer says: its cautions, and of the event its name and verdict.
type Said = (Vec<Caution>, Option<(String, Verdict)>);

fn said(cautions: &[i32], early: Option<&StandingEvent>) -> Said {
    let cautions = cautions.iter().map(|one| Caution::try_from(*one).expect("a known caution")).collect();
    let verdict = |one: &StandingEvent| one.ending.as_ref().expect("it says how").verdict();
    (cautions, early.map(|one| (one.id.clone(), verdict(one))))
}

fn asked(key: &str) -> PresignRequest {
    PresignRequest { expires_in: Some(length(600)), request_id: key.to_owned(), ..get(key) }
}

/// Of each way to have something signed, what the answers say.
async fn every_way(daemon: &Daemon, former: &str) -> Vec<(&'static str, Said)> {
    let mut signer = daemon.signer().await;
    let mut all = Vec::new();
    for way in ["unary", "repeated"] {
        let one = presign(&mut signer, asked("one")).await.expect("it signs");
        assert_eq!(one.usable_until.expect("an end").seconds, one.signed_at.expect("a date").seconds + 600, "{way}");
        all.push((way, said(&one.cautions, one.ends_early.as_ref())));
    }
    let batch = PresignBatchRequest { requests: vec![asked("two"), asked("three")] };
    for one in signer.presign_batch(batch).await.expect("it signs").into_inner().results {
        let Some(Either::Response(one)) = one.result else { panic!("it signs") };
        all.push(("batch", said(&one.cautions, one.ends_early.as_ref())));
    }
    let stream = tokio_stream::iter([PresignStreamRequest { sequence: 1, request: Some(asked("four")) }]);
    let mut stream = signer.presign_stream(stream).await.expect("a stream").into_inner();
    let one = stream.message().await.expect("it goes on").expect("an answer").result;
    let Some(Either::Response(one)) = one.and_then(|one| one.result) else { panic!("it signs") };
    all.push(("stream", said(&one.cautions, one.ends_early.as_ref())));
    let form = PresignPostRequest {
        identity: "web".into(),
        bucket: "photos".into(),
        target: Some(Target::Key("five".into())),
        region: "us-east-1".into(),
        expires_in: Some(length(600)),
        ..Default::default()
    };
    let form = signer.presign_post(form).await.expect("it signs").into_inner();
    all.push(("form", said(&form.cautions, form.ends_early.as_ref())));
    for (way, mut client) in [("signed again", signer), ("signed again by an operator", admin(daemon).await)] {
        let again = ResignRequest { ids: vec![former.to_owned()], ..Default::default() };
        let again = resign(&mut client, again).await.expect("it begins").remove(0).result;
        let Some(Either::Response(one)) = again.and_then(|one| one.result) else { panic!("it signs") };
        all.push((way, said(&one.cautions, one.ends_early.as_ref())));
    }
    all
}

async fn reported(daemon: &Daemon) -> String {
    report(daemon, denied()).await.expect("it is written down").event.expect("it has a name").id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_signed_while_an_event_stands_says_so_and_keeps_its_hard_end() {
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let former = presign(&mut daemon.signer().await, asked("former")).await.expect("it signs").id;
    let nothing = |all: Vec<(&'static str, Said)>| {
        assert_eq!(all.len(), 8);
        all.into_iter().for_each(|(way, said)| assert_eq!(said, (vec![], None), "{way}"));
    };
    nothing(every_way(&daemon, &former).await);

    let event = reported(&daemon).await;
    let told = (vec![Caution::EndsEarly], Some((event.clone(), Verdict::Ends)));
    for (way, said) in every_way(&daemon, &former).await {
        assert_eq!(said, told, "{way}");
    }
    let elsewhere = S3Request { bucket: "films".into(), ..get("a").request.expect("a request") };
    let elsewhere = PresignRequest { request: Some(elsewhere), ..get("a") };
    let spared = presign(&mut daemon.signer().await, elsewhere).await.expect("it signs");
    assert_eq!(said(&spared.cautions, spared.ends_early.as_ref()), (vec![], None), "another bucket's");

    daemon.stop().await;
    let daemon = world.daemon(&web(&world)).await;
    for (way, said) in every_way(&daemon, &former).await {
        assert_eq!(said, told, "{way}, after a restart");
    }
    rotation(&daemon)
        .await
        .lift_event(LiftEventRequest { id: event, in_error: false })
        .await
        .expect("it can be undone");
    nothing(every_way(&daemon, &former).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_event_only_may_end_is_told_as_that_and_the_surest_comes_first() {
    use presignd::grpc::proto::event::What;
    let world = World::new().await;
    let daemon = world.daemon(&web(&world)).await;
    let account = presignd::grpc::proto::AccountEvent { account: "123456789012".into() };
    let closed = presignd::grpc::proto::Event { what: Some(What::AccountClosed(account)), ..Default::default() };
    let closed = report(&daemon, closed).await.expect("it is written down").event.expect("it has a name").id;
    let one = presign(&mut daemon.signer().await, asked("one")).await.expect("it signs");
    assert_eq!(
        said(&one.cautions, one.ends_early.as_ref()),
        (vec![Caution::MayEndEarly], Some((closed, Verdict::MayEnd)))
    );
    let surer = reported(&daemon).await;
    let one = presign(&mut daemon.signer().await, asked("one")).await.expect("it signs");
    assert_eq!(said(&one.cautions, one.ends_early.as_ref()), (vec![Caution::EndsEarly], Some((surer, Verdict::Ends))));
}
