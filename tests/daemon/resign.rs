//! Recorded requests signed again: whose, with what, and what a failure or a retry does to the rest.

use std::collections::HashMap;

use presignd::grpc::proto::impact_client::ImpactClient;
use presignd::grpc::proto::presign_post_request::Target;
use presignd::grpc::proto::presign_result::Result as Either;
use presignd::grpc::proto::signer_client::SignerClient;
use presignd::grpc::proto::{
    AssessRequest, Event, IdentityEvent, ListUrlsRequest, PresignBatchRequest, PresignPostRequest, PresignRequest,
    PresignResponse, RenewIdentityRequest, ResignRequest, ResignResponse, UrlFilter, event,
};
use rustix::process::Signal;
use tokio::process::Command;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::process::{Daemon, World, connect, get, length, presign};

async fn world() -> (World, Daemon) {
    let world = World::new().await;
    for key in ["a", "b", "c"] {
        world.s3.store().put("photos", key, key);
    }
    let daemon = world.daemon(&world.web("duration = \"1h\"\nmin_pause = \"1s\"")).await;
    (world, daemon)
}

pub(crate) async fn admin(daemon: &Daemon) -> SignerClient<Channel> {
    SignerClient::new(connect(&daemon.admin_socket()).await.expect("the daemon listens"))
}

pub(crate) async fn signed(daemon: &Daemon, request: PresignRequest) -> PresignResponse {
    presign(&mut daemon.signer().await, request).await.expect("it signs")
}

pub(crate) async fn resign(
    signer: &mut SignerClient<Channel>,
    asked: ResignRequest,
) -> Result<Vec<ResignResponse>, Status> {
    let mut stream = signer.resign(asked).await?.into_inner();
    let mut all = Vec::new();
    while let Some(one) = stream.message().await? {
        all.push(one);
    }
    Ok(all)
}

/// The new URLs, and the reasons of those that there are none of.
pub(crate) fn outcomes(answers: &[ResignResponse]) -> Vec<(String, Result<PresignResponse, String>)> {
    let outcome = |one: &ResignResponse| match one.result.clone().and_then(|result| result.result) {
        Some(Either::Response(signed)) => Ok(signed),
        Some(Either::Failure(failure)) => {
            let info = failure.details.iter().find(|detail| detail.type_url.ends_with("ErrorInfo"));
            let info: tonic_types::pb::ErrorInfo =
                prost::Message::decode(&info.expect("every failure has one").value[..]).expect("it is one");
            Err(info.reason)
        }
        None => Err("none".to_owned()),
    };
    answers.iter().map(|one| (one.id.clone(), outcome(one))).collect()
}

fn urls(answers: &[ResignResponse]) -> Vec<String> {
    outcomes(answers).into_iter().map(|(_, one)| one.expect("it was signed again").url).collect()
}

fn by_ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> ResignRequest {
    ResignRequest { ids: ids.into_iter().map(str::to_owned).collect(), ..ResignRequest::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_signed_again_by_the_present_session_and_one_that_is_not_there_stops_no_other() {
    let (world, daemon) = world().await;
    let labels = HashMap::from([("team".to_owned(), "web".to_owned())]);
    let first = PresignRequest { on_behalf_of: "ann".into(), labels: labels.clone(), tag_url: true, ..get("a") };
    let (first, second) = (signed(&daemon, first).await, signed(&daemon, get("b")).await);
    daemon.admin().await.renew_identity(RenewIdentityRequest { name: "web".into() }).await.expect("STS answers");

    let instance = first.id.split('-').next().expect("an id has two parts");
    let (unknown, foreign) = (format!("{instance}-99999"), "aaaaaaaa-1");
    let asked = by_ids([&*first.id, &*unknown, foreign, &*second.id, &*first.id]);
    let answers = resign(&mut daemon.signer().await, asked).await.expect("the stream ends well");
    let answers = outcomes(&answers);
    let ids: Vec<&str> = answers.iter().map(|(id, _)| &**id).collect();
    assert_eq!(ids, [&*first.id, &*unknown, foreign, &*second.id], "in order, each once");
    for (at, reason) in [(1, "URL_NOT_FOUND"), (2, "URL_NOT_FOUND")] {
        assert_eq!(answers[at].1.as_ref().map(drop), Err(&reason.to_owned()));
    }
    for (at, former) in [(0, &first), (3, &second)] {
        let new = answers[at].1.as_ref().expect("it was signed again");
        assert_eq!(new.replaces, former.id);
        assert_eq!(new.expires_in, former.expires_in, "the record's own life");
        let generations = [former, new].map(|one| one.session.as_ref().map_or(0, |session| session.generation));
        assert_eq!(generations, [1, 2]);
        assert_eq!(world.s3.fetch("GET", &new.url, [], "").await.status, 200);
    }
    let tagged = answers[0].1.as_ref().expect("it was signed again");
    assert!(tagged.url.contains(&format!("x-presignd-id={}", tagged.id)), "{}", tagged.url);
    let record = presignd::grpc::proto::GetUrlRequest { id: tagged.id.clone() };
    let record = daemon.registry().await.get_url(record).await.expect("it is recorded").into_inner().url;
    let record = record.expect("it is there");
    assert_eq!((record.on_behalf_of, record.labels, record.replaces), ("ann".into(), labels, first.id));
    assert!(!daemon.log().contains("X-Amz-Signature"), "no URL reaches the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_order_gives_the_same_urls_and_signs_nothing_anew() {
    let (_world, daemon) = world().await;
    for key in ["a", "b", "c"] {
        signed(&daemon, PresignRequest { expires_in: Some(length(600)), ..get(key) }).await;
    }
    let mut signer = daemon.signer().await;
    let filter = UrlFilter { bucket: "photos".into(), ..UrlFilter::default() };
    let order = ResignRequest { filter: Some(filter), request_id: "friday".into(), ..ResignRequest::default() };
    let first = urls(&resign(&mut signer, order.clone()).await.expect("the stream ends well"));
    assert_eq!(first.len(), 3, "a successor matches as well, and has none of its own");
    assert_eq!(urls(&resign(&mut signer, order.clone()).await.expect("and again")), first);

    let other = ResignRequest { expires_in: Some(length(300)), ..order.clone() };
    let refused = outcomes(&resign(&mut signer, other).await.expect("the stream ends well"));
    assert!(refused.iter().all(|(_, one)| one.as_ref().is_err_and(|reason| reason == "REQUEST_ID_REUSED")));
    let anew = ResignRequest { request_id: String::new(), ..order };
    let anew = resign(&mut signer, anew).await.expect("the stream ends well");
    assert_eq!((anew.len(), signed_of(&anew)), (6, 0), "a second Enter doubles nothing: {anew:?}");
}

/// How many were signed, and not left as they are.
fn signed_of(answers: &[ResignResponse]) -> usize {
    answers.iter().filter(|one| one.standing.is_empty()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_signed_again_is_left_until_another_session_signs_and_named_ids_are_always_signed() {
    let (_world, daemon) = world().await;
    let first = signed(&daemon, PresignRequest { expires_in: Some(length(600)), ..get("a") }).await;
    let order = || ResignRequest { filter: Some(UrlFilter::default()), ..ResignRequest::default() };
    let mut signer = daemon.signer().await;
    let one = resign(&mut signer, order()).await.expect("the stream ends well");
    let new = outcomes(&one)[0].1.clone().expect("it was signed again").id;
    for _ in 0..2 {
        let again = resign(&mut signer, order()).await.expect("the stream ends well");
        let standing: Vec<_> = again.iter().map(|one| (&*one.id, &*one.standing)).collect();
        assert_eq!(standing, [(&*first.id, &*new), (&*new, &*new)]);
    }
    let named = resign(&mut signer, by_ids([&*first.id])).await.expect("the stream ends well");
    assert_eq!(urls(&named).len(), 1);
    daemon.admin().await.renew_identity(RenewIdentityRequest { name: "web".into() }).await.expect("STS answers");
    let renewed = resign(&mut signer, order()).await.expect("the stream ends well");
    assert_eq!((renewed.len(), signed_of(&renewed)), (3, 2), "the ends of both lines: {renewed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_and_customer_keys_are_signed_again_as_they_were() {
    let (world, daemon) = world().await;
    let mut signer = daemon.signer().await;
    let form = PresignPostRequest {
        bucket: "photos".into(),
        target: Some(Target::KeyStartsWith("in/".into())),
        fields: HashMap::from([("Content-Type".to_owned(), "text/plain".to_owned())]),
        expires_in: Some(length(60)),
        ..PresignPostRequest::default()
    };
    let form = signer.presign_post(form).await.expect("it signs").into_inner();
    let key = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=";
    let name = "x-amz-server-side-encryption-customer-key";
    let mut sealed = get("a");
    if let Some(request) = &mut sealed.request {
        request.headers = [
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            (name, key),
            ("x-amz-server-side-encryption-customer-key-md5", "ZjQ0NjBiYjFhZjdmNWI3Yg=="),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    }
    let sealed = presign(&mut signer, sealed).await.expect("it signs");

    let asked = by_ids([&*form.id, &*sealed.id]);
    let without = resign(&mut signer, asked.clone()).await.expect("the stream ends well");
    let again = without[0].form.as_ref().expect("a form is answered as a form");
    assert_eq!(again.replaces, form.id);
    assert_eq!(again.fields.get("Content-Type"), form.fields.get("Content-Type"));
    assert_eq!(outcomes(&without)[1].1.as_ref().map(drop), Err(&"INVALID_FIELD".to_owned()));

    let with = ResignRequest { secret_headers: HashMap::from([(name.to_owned(), key.to_owned())]), ..asked };
    let with = resign(&mut signer, with).await.expect("the stream ends well");
    let new = outcomes(&with)[1].1.clone().expect("the key was given");
    let headers = new.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    assert_eq!(world.s3.fetch("GET", &new.url, headers, "").await.status, 200);
    let written = std::fs::read(world.registry()).expect("the registry is a file");
    assert!(!daemon.log().contains(key) && !written.windows(key.len()).any(|part| part == key.as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_says_too_little_or_too_much_is_refused_by_its_field() {
    let (_world, daemon) = world().await;
    let id = signed(&daemon, get("a")).await.id;
    let mut signer = daemon.signer().await;
    let both = ResignRequest { filter: Some(UrlFilter::default()), ..by_ids([&*id]) };
    let many = by_ids(std::iter::repeat_n(&*id, 1001));
    let long = ResignRequest { request_id: "x".repeat(65), ..by_ids([&*id]) };
    let least = ResignRequest { expires_in: Some(length(5)), at_least: Some(length(6)), ..by_ids([&*id]) };
    let secret = ResignRequest {
        secret_headers: HashMap::from([("x-amz-acl".to_owned(), "private".to_owned())]),
        ..by_ids([&*id])
    };
    for (asked, field) in [
        (ResignRequest::default(), "ids"),
        (both, "filter"),
        (many, "ids"),
        (long, "request_id"),
        (least, "at_least"),
        (secret, "secret_headers.x-amz-acl"),
    ] {
        let refused = resign(&mut signer, asked).await.expect_err(field);
        let fields = refused.get_details_bad_request().expect("it names a field").field_violations;
        assert_eq!((refused.code(), &*fields[0].field), (Code::InvalidArgument, field));
    }
    for identity in ["nosuch", "web"] {
        let filter = Some(UrlFilter { identity: identity.to_owned(), ..UrlFilter::default() });
        let refused = resign(&mut signer, ResignRequest { filter, ..ResignRequest::default() }).await;
        let told = refused.map(|answers| answers.len()).map_err(|status| (status.code(), status.message().to_owned()));
        match identity {
            "web" => assert_eq!(told, Ok(1)),
            _ => assert!(told.is_err_and(|(_, message)| message.contains("nosuch")), "it never was"),
        }
    }
    let stranger = UrlFilter { uid: Some(4711), ..UrlFilter::default() };
    let stranger = ResignRequest { filter: Some(stranger), ..ResignRequest::default() };
    let refused = resign(&mut signer, stranger).await.expect_err("another's records");
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_id_fails_in_its_place_and_stops_no_other() {
    let (_world, daemon) = world().await;
    let (a, b) = (signed(&daemon, get("a")).await.id, signed(&daemon, get("b")).await.id);
    let url = "https://photos.s3.us-east-1.amazonaws.com/a?X-Amz-Signature=deadbeef";
    let asked = by_ids([&*a, "nonsense", &*a, url, "", &*b]);
    let answers = resign(&mut daemon.signer().await, asked).await.expect("the stream ends well");
    let told = outcomes(&answers).into_iter().map(|(id, one)| (id, one.map(drop)));
    let wrong = || Err("INVALID_FIELD".to_owned());
    let shown = url[..29].to_owned();
    let want = [(a, Ok(())), ("nonsense".into(), wrong()), (shown, wrong()), (String::new(), wrong()), (b, Ok(()))];
    assert_eq!(told.collect::<Vec<_>>(), want);
    let failure = |at: usize| match answers[at].result.as_ref().and_then(|one| one.result.as_ref()) {
        Some(Either::Failure(failure)) => failure.message.clone(),
        other => panic!("{other:?}"),
    };
    assert!(failure(1).contains("ids[1]") && failure(2).contains("ids[3]"), "{} {}", failure(1), failure(2));
    assert!(!daemon.log().contains("deadbeef"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_tells_what_was_asked_for_on_behalf_of_nobody_from_the_rest() {
    let (_world, daemon) = world().await;
    let own = signed(&daemon, get("a")).await.id;
    let anns = signed(&daemon, PresignRequest { on_behalf_of: "ann".into(), ..get("a") }).await.id;
    for (of, wanted) in [(Some(""), vec![&own]), (Some("ann"), vec![&anns]), (Some("bob"), vec![])] {
        let filter = UrlFilter { on_behalf_of: of.map(str::to_owned), bucket: "photos".into(), ..UrlFilter::default() };
        let listed = ListUrlsRequest { filter: Some(filter.clone()), ..ListUrlsRequest::default() };
        let listed = daemon.registry().await.list_urls(listed).await.expect("a page").into_inner().urls;
        assert_eq!(listed.iter().map(|url| &url.id).collect::<Vec<_>>(), wanted, "{of:?}");
        let order = ResignRequest { filter: Some(filter), request_id: "x".into(), ..ResignRequest::default() };
        let answers = resign(&mut daemon.signer().await, order.clone()).await.expect("the stream ends well");
        assert_eq!(answers.iter().map(|one| &one.id).collect::<Vec<_>>(), wanted, "{of:?}");
        if let Some(former) = wanted.first() {
            let renewed = IdentityEvent { identity: "web".into() };
            let ask = |on_behalf_of: Option<&str>| AssessRequest {
                event: Some(Event { what: Some(event::What::IdentityRenewed(renewed.clone())), ..Event::default() }),
                filter: Some(UrlFilter { on_behalf_of: on_behalf_of.map(str::to_owned), ..UrlFilter::default() }),
                by_on_behalf_of: false,
            };
            let mut impact = ImpactClient::new(connect(&daemon.admin_socket()).await.expect("it listens"));
            let counted = impact.assess(ask(of)).await.expect("an answer").into_inner().totals.expect("totals");
            assert_eq!(counted.lives, 2, "{former} and its successor");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_bind_a_caller_and_no_operator() {
    let (world, daemon) = world().await;
    let id = signed(&daemon, get("a")).await.id;
    let uid = rustix::process::geteuid().as_raw();
    let films = format!("[[grant]]\nuid = {uid}\nbuckets = [\"films\"]\nidentities = [\"*\"]\noperations = [\"*\"]\n");
    world.write_config(&(films + &world.web("duration = \"1h\"\nmin_pause = \"1s\"")));
    daemon.signal(Signal::HUP);
    crate::support::eventually("the grant is in force", async || {
        let answers = resign(&mut daemon.signer().await, by_ids([&*id])).await.ok()?;
        (outcomes(&answers)[0].1.as_ref().err()? == "DENIED").then_some(())
    })
    .await;
    let answers = resign(&mut admin(&daemon).await, by_ids([&*id])).await.expect("the stream ends well");
    let url = &urls(&answers)[0];
    assert_eq!(world.s3.fetch("GET", url, [], "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_the_stream_after_what_was_signed_and_a_slow_reader_holds_it_back() {
    let (_world, daemon) = world().await;
    let mut signer = daemon.signer().await;
    for _ in 0..4 {
        let requests = (0..1000).map(|n| PresignRequest { expires_in: Some(length(600)), ..get(&format!("k/{n}")) });
        let batch = PresignBatchRequest { requests: requests.collect() };
        signer.presign_batch(batch).await.expect("it signs");
    }
    let everything = ResignRequest { filter: Some(UrlFilter::default()), ..ResignRequest::default() };
    let mut stream = signer.resign(everything).await.expect("it begins").into_inner();
    stream.message().await.expect("an answer").expect("there are many");
    daemon.signal(Signal::TERM);
    let mut answered = 1;
    let ended = loop {
        match stream.message().await {
            Ok(Some(_)) => answered += 1,
            Ok(None) => panic!("all {answered} were signed, though nobody read"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable, "{ended}");
    assert!(answered < 4000, "{answered}");
    assert_eq!(daemon.end().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_prints_a_line_for_each_record_and_tells_of_failures_apart() {
    let (world, daemon) = world().await;
    let (a, b) = (signed(&daemon, get("a")).await.id, signed(&daemon, get("b")).await.id);
    let run = async |arguments: &[&str], input: &str| {
        let input = {
            let path = world.folder.path().join("ids");
            std::fs::write(&path, input).expect("the folder is ours");
            std::fs::File::open(path).expect("it is there")
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_presignd"));
        command.arg("resign").args(arguments).stdin(input);
        command.env("PRESIGND_SOCKET", daemon.sign_socket()).env("PRESIGND_ADMIN_SOCKET", daemon.admin_socket());
        let output = command.output().await.expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let unknown = a.replace("-1", "-99999");
    let (code, out, told) = run(&["-"], &format!("{a}\n{unknown}\n\nxx\n{b}\n")).await;
    assert_eq!(code, Some(254), "{told}");
    assert!(told.contains("xx: line 4 is not an id"), "a malformed id stops no other, and blank lines count: {told}");
    let lines: Vec<(&str, &str)> = out.lines().filter_map(|line| line.split_once('\t')).collect();
    assert_eq!([lines[0].0, lines[1].0], [&*a, &*b]);
    assert_eq!(world.s3.fetch("GET", lines[1].1, [], "").await.status, 200);
    assert!(told.contains(&unknown) && told.contains("URL_NOT_FOUND") && told.contains("2 of 4"), "{told}");

    let (code, out, told) = run(&["--bucket", "photos", "--key-prefix", "a", "--output", "json", "--admin"], "").await;
    assert_eq!(code, Some(0), "{told}");
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.iter().any(|line| line["former"] == *a && line["standing"].is_string()), "{lines:?}");
    assert!(told.contains("2 left as they are") && told.contains("presignd resign ID"), "{told}");
    let (_, out, told) = run(&[&a, "--output", "json"], "").await;
    let line: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(line["former"] == *a && line["replaces"] == *a, "{line} {told}");
    for usage in [&[][..], &["--all", "k-1"], &["--all", "--output", "table"]] {
        assert_eq!(run(usage, "").await.0, Some(252), "{usage:?}");
    }
}
