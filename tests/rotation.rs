//! Rotation with the real daemon, the real command line, and an STS and an S3 that know which keys are good.

#[path = "rotation/never_back.rs"]
mod never_back;
#[path = "rotation/others.rs"]
mod others;
#[path = "support/daemon.rs"]
mod process;
#[path = "rotation/stopped.rs"]
mod stopped;
mod support;

use std::path::Path;

use presignd::grpc::proto::rotation_client::RotationClient;
use presignd::grpc::proto::{
    CancelDrainRequest, DrainRequest, GenerationState, GenerationStatus, IdentityState, PresignRequest,
    PresignResponse, RetireRequest, RotationStatusRequest,
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
    let mut old = vec![sign(&daemon, 30).await.expect("the first key signs")];

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
    old.push(sign(&daemon, 40).await.expect("the old key signs on"));
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
    for url in old.iter().filter(|url| end(url) > now() + 10) {
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
