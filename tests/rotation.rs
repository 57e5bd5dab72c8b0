//! Rotation with the real daemon, the real command line, and an STS and an S3 that know which keys are good.

#[path = "rotation/never_back.rs"]
mod never_back;
#[path = "support/daemon.rs"]
mod process;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use presignd::grpc::proto::rotation_client::RotationClient;
use presignd::grpc::proto::{
    CancelDrainRequest, DrainRequest, GenerationState, GenerationStatus, IdentityState, KeyHold, ListUrlsRequest,
    PauseIdentityRequest, PresignRequest, PresignResponse, ResumeIdentityRequest, RetireRequest, RotationStatusRequest,
    UrlFilter,
};
use process::{Daemon, World, connect, get, length, presign};
use support::keys::Key;
use support::sts::Turn;
use support::{eventually, now};
use tokio::io::{AsyncBufReadExt, BufReader};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

async fn rotation(daemon: &Daemon) -> RotationClient<Channel> {
    RotationClient::new(connect(&daemon.admin_socket()).await.expect("the daemon listens"))
}

/// The generations of an identity, newest first.
async fn generations(daemon: &Daemon, identity: &str) -> Vec<GenerationStatus> {
    let asked = RotationStatusRequest { identity: identity.to_owned(), with_retired: true };
    let answer = rotation(daemon).await.rotation_status(asked).await.expect("an answer");
    answer.into_inner().generations
}

async fn generation(daemon: &Daemon, identity: &str, number: u64) -> Option<GenerationStatus> {
    let is_it = |status: &GenerationStatus| status.session.as_ref().is_some_and(|one| one.generation == number);
    generations(daemon, identity).await.into_iter().find(is_it)
}

async fn state(daemon: &Daemon, identity: &str, number: u64) -> Option<GenerationState> {
    generation(daemon, identity, number).await.map(|status| status.state())
}

fn put(folder: &Path, key: &Key) {
    let text = format!(r#"{{"AccessKeyId": "{}", "SecretAccessKey": "{}"}}"#, key.access_key_id, key.secret);
    let (new, file) = (folder.join("new"), folder.join("key"));
    std::fs::write(&new, text).expect("the folder can be written");
    std::fs::rename(new, file).expect("the folder can be written");
}

/// The identity `store`: a key in a file that somebody else rotates.
fn store(world: &World) -> String {
    let file = world.folder.path().join("key");
    format!(
        "[identity.store]\nsource = \"key-file\"\npath = \"{}\"\npoll = \"1s\"\nmin_pause = \"1s\"\n{}",
        file.display(),
        world.services("store")
    )
}

async fn sign(daemon: &Daemon, seconds: u64) -> Result<PresignResponse, Status> {
    let asked = PresignRequest { expires_in: Some(length(seconds)), at_least: Some(length(1)), ..get("cat.jpg") };
    presign(&mut daemon.signer().await, asked).await
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn end(url: &PresignResponse) -> i64 {
    url.usable_until.as_ref().expect("every URL has an end").seconds
}

/// Kinds of the rows that the registry holds of one generation, oldest first.
fn told(world: &World, generation: u64) -> Vec<String> {
    let file = rusqlite::Connection::open(world.registry()).expect("the registry is there");
    let sql = "SELECT kind FROM events WHERE json_extract(body, '$.session.generation') = ?1 ORDER BY number";
    let mut statement = file.prepare(sql).expect("the registry has events");
    let kinds = statement.query_map([generation.cast_signed()], |row| row.get(0)).expect("they can be read");
    kinds.collect::<Result<_, _>>().expect("they can be read")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_source_has_not_been_read_since_the_start_is_prepared_and_does_not_drain() {
    let world = World::new().await;
    put(world.folder.path(), &world.keys.user("one"));
    let daemon = world.daemon(&store(&world)).await;
    sign(&daemon, 600).await.expect("the key signs");
    daemon.kill().await;
    // The file is there, but nobody says whose the key is: for so long the source is being read.
    world.sts.stay(Turn::Hang);
    let daemon = world.daemon(&store(&world)).await;
    let status = generation(&daemon, "store", 1).await.expect("it is there");
    assert_eq!((status.state(), status.outstanding_urls), (GenerationState::Prepared, 1));
    assert!(status.advice.contains("has not been read since the daemon started"), "{}", status.advice);
    assert_eq!(daemon.identity("store").await.state(), IdentityState::Starting);
    world.sts.stay(Turn::Answer);
    eventually("it signs", async || (state(&daemon, "store", 1).await? == GenerationState::Active).then_some(())).await;
    assert_eq!(told(&world, 1).iter().filter(|kind| kind.starts_with("generation-")).count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_in_the_file_takes_over_without_breaking_a_link() {
    let world = World::new().await;
    world.s3.store().put("photos", "cat.jpg", "meow");
    let (one, two) = (world.keys.user("one"), world.keys.user("two"));
    put(world.folder.path(), &one);
    let daemon = world.daemon(&store(&world)).await;
    let mut old = vec![sign(&daemon, 12).await.expect("the first key signs")];

    // As AWS has it for a while after a key was made.
    world.keys.deactivate(&two.access_key_id);
    put(world.folder.path(), &two);
    eventually("the new key is prepared", async || {
        (state(&daemon, "store", 2).await? == GenerationState::Prepared).then_some(())
    })
    .await;
    let identity = daemon.identity("store").await;
    assert_eq!(
        (identity.state(), identity.last_failure_reason.as_str()),
        (IdentityState::RenewalFailing, "UNKNOWN_KEY")
    );
    old.push(sign(&daemon, 20).await.expect("the old key signs on"));
    assert_eq!(state(&daemon, "store", 1).await, Some(GenerationState::Active));

    world.keys.activate(&two.access_key_id);
    eventually("the new key signs", async || {
        (state(&daemon, "store", 2).await? == GenerationState::Active).then_some(())
    })
    .await;
    let new = sign(&daemon, 60).await.expect("the new key signs");
    assert_eq!(new.session.as_ref().map(|session| session.access_key_id.as_str()), Some(two.access_key_id.as_str()));
    let last = old.iter().map(end).max();
    let draining = generation(&daemon, "store", 1).await.expect("it is there");
    assert_eq!((draining.state(), draining.outstanding_urls > 0), (GenerationState::Draining, true));
    assert_eq!(draining.last_url_ends_at.as_ref().map(|at| at.seconds), last);
    assert_eq!(draining.safe_from, draining.last_url_ends_at);

    // A person waits for it, and the daemon is killed meanwhile.
    let mut waiting = tokio::process::Command::new(env!("CARGO_BIN_EXE_presignd"))
        .args(["drain", "store", "--generation", "1", "--wait", "--output", "json"])
        .env_clear()
        .env("PRESIGND_ADMIN_SOCKET", daemon.admin_socket())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let mut says = BufReader::new(waiting.stderr.take().expect("it is a pipe")).lines();
    let said = says.next_line().await.expect("it can be read").unwrap_or_default();
    assert!(said.contains("store 1 is draining: "), "{said}");
    eventually("it is written down", async || {
        told(&world, 1).iter().any(|kind| kind == "generation-draining").then_some(())
    })
    .await;
    let before = generation(&daemon, "store", 1).await.expect("it is there");
    daemon.kill().await;
    let daemon = world.daemon(&store(&world)).await;
    let after = generation(&daemon, "store", 1).await.expect("it is there");
    assert_eq!((after.since, after.last_url_ends_at), (before.since, before.last_url_ends_at));
    eventually("the new key signs again", async || {
        (state(&daemon, "store", 2).await? == GenerationState::Active).then_some(())
    })
    .await;
    for url in old.iter().filter(|url| end(url) > now() + 2) {
        assert_eq!(world.s3.fetch("GET", &url.url, [], "").await.status, 200, "URLs of the old key live");
    }

    let waited = waiting.wait_with_output().await.expect("it is our child");
    let out = String::from_utf8_lossy(&waited.stdout);
    assert!(waited.status.success() && out.contains("\"drained\""), "{out}");
    let drains = told(&world, 1).iter().filter(|kind| *kind == "generation-draining").count();
    assert_eq!(drains, 1, "waiting changes nothing");
    assert!(now() >= last.expect("there were URLs"), "it waited for the last of them");
    eventually("it is told", async || {
        (told(&world, 1).last().map(String::as_str) == Some("generation-drained")).then_some(())
    })
    .await;
    let drained = generation(&daemon, "store", 1).await.expect("it is there");
    assert!(drained.advice.starts_with(&format!("deactivate {} now", one.access_key_id)), "{}", drained.advice);
    world.keys.deactivate(&one.access_key_id);
    assert_eq!(world.s3.fetch("GET", &new.url, [], "").await.status, 200, "nothing that lives hung on the old key");
    eventually("metrics say so", async || {
        let metrics = daemon.metrics().await;
        let row = "presignd_generation_outstanding_urls{identity=\"store\",state=\"draining\"} 0";
        metrics.lines().any(|line| line == row).then_some(())
    })
    .await;
}

/// The real command line, over the admin socket: code, output, complaints.
async fn says(daemon: &Daemon, line: &str) -> (i32, String, String) {
    let answer = tokio::process::Command::new(env!("CARGO_BIN_EXE_presignd"))
        .args(line.split(' '))
        .env_clear()
        .env("PRESIGND_ADMIN_SOCKET", daemon.admin_socket())
        .env("PRESIGND_SOCKET", daemon.sign_socket())
        .output()
        .await
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (answer.status.code().unwrap_or(-1), text(&answer.stdout), text(&answer.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_two_identities_sign_with_is_free_when_both_are_done_and_nobody_mints_with_it() {
    let world = World::new().await;
    let (one, two) = (world.keys.user("one"), world.keys.user("two"));
    let (key, file) = (&one.access_key_id, world.folder.path().join("key"));
    put(world.folder.path(), &one);
    let other = format!(
        "[identity.p2]\nsource = \"key-file\"\npath = \"{}\"\npoll = \"1s\"\nmin_pause = \"1s\"\n{}",
        file.display(),
        world.services("p2")
    );
    let tables =
        format!("{}{other}{}", store(&world), world.web("base = \"p2\"\nduration = \"1h\"\nmin_pause = \"1s\""));
    let daemon = world.daemon(&tables).await;
    for line in ["store --expires-in 2s", "p2 --expires-in 10m", "web --expires-in 10m"] {
        let line = format!("presign s3://photos/cat.jpg --region us-east-1 --at-least 1s --identity {line}");
        eventually("it signs", async || (says(&daemon, &line).await.0 == 0).then_some(())).await;
    }

    let (code, out, err) = says(&daemon, "drain store").await;
    assert_eq!((code, err.as_str()), (0, ""));
    let goes_on = format!("do not deactivate {key} yet: p2 still signs with it (1 URL outstanding, the last ends ");
    let renewal = "web still gets its sessions with it: without it its next renewal fails, what those signed lives on";
    assert!(out.contains(&goes_on) && out.contains("drain that too") && out.contains(renewal), "{out}");
    let (code, out, err) = says(&daemon, "drain store --wait").await;
    assert_eq!((code, out.as_str()), (254, ""), "it has drained, and yet the key must not go: {err}");
    assert!(err.contains(&format!("others need {key}")) && err.contains(&goes_on), "{err}");
    let (_, out, _) = says(&daemon, "rotation store --output json").await;
    let all: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    let status = &all["generations"][0];
    assert_eq!((&status["state"], &status["last_url_ends_at"]), (&"drained".into(), &serde_json::Value::Null));
    assert_eq!((&status["others"][0]["identity"], &status["others"][0]["hold"]), (&"p2".into(), &"signs".into()));
    assert_eq!((&status["others"][1]["identity"], &status["others"][1]["hold"]), (&"web".into(), &"mints".into()));
    assert_eq!(status["safe_from"], status["others"][0]["last_url_ends_at"]);

    let (code, out, err) = says(&daemon, "retire store 1").await;
    assert!(err.starts_with(&format!("presignd: 1 outstanding URL breaks if {key} ends before ")), "{err}");
    assert!(code == 0 && out.contains(&format!("do not delete {key} yet: p2 still signs with it")), "{out}");
    let (code, _, err) = says(&daemon, "retire store 1").await;
    assert!(code == 0 && err.contains("store 1 is retired since ") && err.contains("nothing was changed"), "{err}");

    // With another key in the file, p2 and what is minted with it go on; what p2 signed is waited for.
    put(world.folder.path(), &two);
    eventually("the new key signs", async || (state(&daemon, "p2", 2).await? == GenerationState::Active).then_some(()))
        .await;
    let status = generation(&daemon, "store", 1).await.expect("it is there");
    let end = status.others.iter().find(|other| other.identity == "p2").expect("it has a URL").last_url_ends_at;
    assert_eq!((status.others.len(), status.safe_from), (1, end), "nobody mints with it: {status:?}");
    assert!(status.advice.starts_with("1 URL outstanding: deactivating"), "{}", status.advice);
    let status = generation(&daemon, "p2", 1).await.expect("it is there");
    assert!(
        status.advice.starts_with("wait until ") && status.advice.contains(": 1 URL ends by then"),
        "{}",
        status.advice
    );
    assert!(!told(&world, 1).iter().any(|kind| kind == "generation-drained"), "nothing has drained");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_base_that_was_stopped_is_free_and_whoever_got_sessions_with_it_is_named_with_its_end() {
    let world = World::new().await;
    let (one, two) = (world.keys.user("one"), world.keys.user("two"));
    put(world.folder.path(), &one);
    let tables = format!("{}{}", store(&world), world.web("base = \"store\"\nduration = \"1h\"\nmin_pause = \"1s\""));
    let daemon = world.daemon(&tables).await;
    let line = "presign s3://photos/cat.jpg --region us-east-1 --at-least 1s --expires-in 10m --identity web";
    eventually("it signs", async || (says(&daemon, line).await.0 == 0).then_some(())).await;
    let ends = daemon.web().await.sessions[0].reference.as_ref().and_then(|one| one.expires_at).expect("an end");
    let ends = presignd::time::Timestamp::from_unix(ends.seconds);
    let key = &one.access_key_id;
    let mints = async |key: &str| {
        let out = says(&daemon, "rotation store").await.1;
        (out.contains(key) && !out.contains("gets no next session")).then_some(())
    };
    mints(key).await.expect("its base signs");

    let cut_off = format!("; web gets no next session, because its base does not sign: it stops signing {ends} (");
    let (code, out, _) = says(&daemon, "drain store --wait").await;
    let now = format!("deactivate {key} now: nothing that presignd signed with it is outstanding{cut_off}");
    assert!(code == 0 && out.contains(&now), "{code} {out}");
    let own = "; store signs nothing until the drain is cancelled or its source gives another key";
    assert!(out.contains(own), "{out}");
    let (_, out, _) = says(&daemon, "rotation").await;
    assert!(out.contains(&now), "{out}");
    let status = generation(&daemon, "store", 1).await.expect("it is there");
    let [cut] = &status.others[..] else { panic!("one other: {status:?}") };
    assert_eq!((cut.hold(), cut.stops_at.map(|at| at.seconds)), (KeyHold::CutOff, Some(ends.unix())));
    eventually("it is told as drained, with whom that cuts off", async || {
        let free = daemon.metrics().await.contains("presignd_keys_to_deactivate{identity=\"store\"} 1");
        (free && told(&world, 1).iter().any(|kind| kind == "generation-drained")).then_some(())
    })
    .await;
    let (code, out, _) = says(&daemon, "retire store 1").await;
    assert!(code == 0 && out.contains(&format!("delete {key}: it is retired")) && out.contains(&cut_off), "{out}");

    // Another key in its file, and all is well; its retirement cuts off again, and the former key has no part in it.
    put(world.folder.path(), &two);
    eventually("the base signs", async || mints(&two.access_key_id).await).await;
    let (code, out, _) = says(&daemon, "retire store 2 --force").await;
    assert!(code == 0 && out.contains(&format!("delete {}: ", two.access_key_id)) && out.contains(&cut_off), "{out}");
    assert!(out.contains("; store signs nothing until its source gives another key"), "{out}");
    let (_, out, _) = says(&daemon, "rotation --with-retired").await;
    assert_eq!(out.matches("store signs nothing until").count(), 1, "of the last one only: {out}");
    assert_eq!(generation(&daemon, "store", 1).await.expect("it is there").others, []);
}

/// Callers that sign without a pause until told to stop, and count what fails.
struct Callers {
    tasks: tokio::task::JoinSet<Vec<Result<PresignResponse, Status>>>,
    calls: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Callers {
    async fn start(daemon: &Daemon) -> Self {
        let (calls, stop, mut tasks) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default(), tokio::task::JoinSet::new());
        for _ in 0..4 {
            let (calls, stop, mut signer) = (Arc::clone(&calls), Arc::clone(&stop), daemon.signer().await);
            tasks.spawn(async move {
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    answers.push(presign(&mut signer, get("cat.jpg")).await);
                    calls.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                answers
            });
        }
        Self { tasks, calls, stop }
    }

    /// Waits for so many more calls.
    async fn more(&self, count: usize) {
        let begun = self.calls.load(Ordering::Relaxed);
        eventually("they call", async || (self.calls.load(Ordering::Relaxed) >= begun + count).then_some(())).await;
    }

    async fn stop(mut self) -> Vec<Result<PresignResponse, Status>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(caller) = self.tasks.join_next().await {
            all.extend(caller.expect("callers do not panic"));
        }
        all
    }
}

/// How many records the registry has of a session, or of all.
async fn records(daemon: &Daemon, session: &str) -> usize {
    let mut registry = daemon.registry().await;
    let (mut count, mut page_token) = (0, String::new());
    loop {
        let filter = UrlFilter { session_id: session.to_owned(), ..UrlFilter::default() };
        let asked = ListUrlsRequest { filter: Some(filter), page_size: 1000, page_token };
        let page = registry.list_urls(asked).await.expect("an answer").into_inner();
        count += page.urls.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return count;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_url_is_signed_after_the_answer_to_a_pause() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    let daemon = world.daemon(&web).await;
    let once = PresignRequest { request_id: "order-7".to_owned(), expires_in: Some(length(600)), ..get("cat.jpg") };
    let first = presign(&mut daemon.signer().await, once.clone()).await.expect("it signs");
    let callers = Callers::start(&daemon).await;
    callers.more(200).await;
    let asked = PauseIdentityRequest { identity: "web".to_owned() };
    let paused = rotation(&daemon).await.pause_identity(asked).await.expect("it is paused").into_inner();
    assert_eq!(paused.identity.map(|one| one.state()), Some(IdentityState::Paused));
    let recorded = records(&daemon, "").await;
    callers.more(200).await;
    assert_eq!(records(&daemon, "").await, recorded);
    let answers = callers.stop().await;
    let signed = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(signed + 1, recorded, "what was recorded was answered");
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!((refused.code(), reason(refused).as_str()), (Code::FailedPrecondition, "IDENTITY_PAUSED"));
    }
    let repeated = presign(&mut daemon.signer().await, once.clone()).await.expect_err("no former URL either");
    assert_eq!(reason(&repeated), "IDENTITY_PAUSED");
    assert_eq!(daemon.probe("/readyz").await, 503, "nothing can be signed");

    daemon.kill().await;
    let daemon = world.daemon(&web).await;
    assert_eq!(daemon.web().await.state(), IdentityState::Paused, "it outlasts a restart");
    let refused = sign(&daemon, 10).await.expect_err("it is paused");
    assert_eq!(reason(&refused), "IDENTITY_PAUSED");
    let asked = ResumeIdentityRequest { identity: "web".to_owned() };
    rotation(&daemon).await.resume_identity(asked).await.expect("it is resumed");
    let again = presign(&mut daemon.signer().await, once).await.expect("it signs again");
    assert_eq!(again.replaces, first.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_session_signs_nothing_after_the_answer_and_no_call_notices() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"\nmin_pause = \"1s\"")).await;
    let callers = Callers::start(&daemon).await;
    callers.more(100).await;
    let mut rotation = rotation(&daemon).await;
    for expected in 1..4 {
        let asked = DrainRequest { identity: "web".to_owned(), generation: expected };
        let drained = rotation.drain(asked).await.expect("it is drained").into_inner().status.expect("it is told");
        let session = drained.session.clone().expect("it has a name");
        assert_eq!(session.generation, expected);
        let recorded = records(&daemon, &session.id).await;
        callers.more(50).await;
        assert_eq!(records(&daemon, &session.id).await, recorded);
        eventually("the next signs", async || {
            (state(&daemon, "web", expected + 1).await? == GenerationState::Active).then_some(())
        })
        .await;
    }
    callers.more(50).await;
    for answer in callers.stop().await {
        answer.expect("no call notices");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_are_for_admins_and_are_refused_with_reasons() {
    let world = World::new().await;
    put(world.folder.path(), &world.keys.user("one"));
    let daemon = world.daemon(&store(&world)).await;
    let url = sign(&daemon, 600).await.expect("it signs");
    let drain = || DrainRequest { identity: "store".to_owned(), generation: 1 };
    let mut callers = RotationClient::new(connect(&daemon.sign_socket()).await.expect("the daemon listens"));
    let refused = callers.drain(drain()).await.expect_err("callers do not decide");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "NOT_ADMITTED"));

    let mut admin = rotation(&daemon).await;
    let retire = |force| RetireRequest { identity: "store".to_owned(), generation: 1, force };
    let refused = admin.retire(retire(false)).await.expect_err("it signs");
    assert_eq!(reason(&refused), "GENERATION_SIGNS");
    admin.drain(drain()).await.expect("it is drained");
    let refused = admin.retire(retire(false)).await.expect_err("a URL is outstanding");
    let info = refused.get_details_error_info().expect("it has a reason");
    let told = |name: &str| info.metadata.get(name).map(String::as_str);
    assert_eq!((info.reason.as_str(), told("outstanding_urls")), ("URLS_OUTSTANDING", Some("1")));
    assert!(refused.message().starts_with("1 URL of generation 1 is outstanding until "), "{refused}");
    let refused = sign(&daemon, 10).await.expect_err("nothing signs");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "NOTHING_SIGNS"));
    let retired = admin.retire(retire(true)).await.expect("by force").into_inner();
    assert_eq!(retired.breaks_urls, 1);
    assert_eq!(url.session.map(|session| session.generation), Some(1));
    let cancel = CancelDrainRequest { identity: "store".to_owned(), generation: 1 };
    assert_eq!(reason(&admin.cancel_drain(cancel).await.expect_err("it is done")), "GENERATION_RETIRED");
    let unnamed = RetireRequest { generation: 0, ..retire(true) };
    let refused = admin.retire(unnamed).await.expect_err("which?");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    daemon.kill().await;

    // Nothing has a session: the daemon is up all the same.
    let daemon = world.spawn(&store(&world));
    eventually("it refuses the retired key", async || {
        let channel = connect(&daemon.admin_socket()).await.ok()?;
        let mut client = presignd::grpc::proto::identities_client::IdentitiesClient::new(channel);
        let asked = presignd::grpc::proto::GetIdentityRequest { name: "store".to_owned() };
        let identity = client.get_identity(asked).await.ok()?.into_inner().identity?;
        (identity.last_failure_reason == "RETIRED").then_some(())
    })
    .await;
    let refused = sign(&daemon, 10).await.expect_err("it never signs again");
    assert_eq!(reason(&refused), "NOTHING_SIGNS");
}
