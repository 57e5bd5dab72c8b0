//! `presignd doctor` beside the real daemon: well, with an STS that refuses or is silent, and with a canary that is gone.

use std::path::Path;
use std::process::{Output, Stdio};

use presignd::grpc::proto::RenewIdentityRequest;
use serde_json::Value;
use tokio::process::Command;

use crate::process::{Daemon, World, get, presign};
use crate::support::eventually;
use crate::support::sts::Turn;

async fn doctor(daemon: &Daemon) -> (Option<i32>, Value) {
    doctor_at(daemon, daemon.sign_socket().to_str().expect("UTF-8")).await
}

async fn doctor_at(daemon: &Daemon, sign_socket: &str) -> (Option<i32>, Value) {
    doctor_of(daemon, sign_socket, &[], "/".as_ref()).await
}

async fn doctor_of(daemon: &Daemon, sign_socket: &str, more: &[&str], within: &Path) -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presignd"));
    command.args(["doctor", "--output", "json"]).args(more).current_dir(within).stdin(Stdio::null());
    command.env("PRESIGND_SOCKET", sign_socket).env("PRESIGND_ADMIN_SOCKET", daemon.admin_socket());
    let Output { status, stdout, .. } = command.output().await.expect("it starts");
    (status.code(), serde_json::from_slice(&stdout).expect("JSON"))
}

/// What it says once it finds nothing wrong: the daemon tells callers a moment after its start that it can sign.
async fn content(daemon: &Daemon) -> Value {
    let told = async || Some(doctor(daemon).await).filter(|(code, _)| *code == Some(0));
    eventually("the doctor is content", told).await.1
}

/// Outcome and message of a check.
fn of<'a>(told: &'a Value, check: &str) -> (&'a str, &'a str) {
    let checks = told["checks"].as_array().expect("checks");
    let one = checks.iter().find(|one| one["check"] == check).unwrap_or_else(|| panic!("no {check} in {told}"));
    (one["outcome"].as_str().expect("a word"), one["message"].as_str().expect("words"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_of_a_daemon_that_is_well_is_content_and_finds_its_files_by_itself() {
    let world = World::new().await;
    world.sts.ahead(3);
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    let told = content(&daemon).await;
    let config = world.config().display().to_string();
    assert_eq!(of(&told, "configuration"), ("passed", format!("{config} holds; identities: web").as_str()));
    let (outcome, message) = of(&told, "registry");
    assert!(outcome == "passed" && message.contains("takes records"), "{message}");
    assert!(of(&told, "sts").1.contains("AssumeRole: ok"), "{told:#}");
    let (outcome, message) = of(&told, "clock");
    assert!(outcome == "passed" && message.contains("ahead of this machine"), "{message}");
    assert_eq!((of(&told, "canaries").0, of(&told, "region look-up").0), ("skipped", "skipped"));
    assert!(of(&told, "daemon").1.ends_with("can sign and record"), "{told:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_takes_every_address_of_a_socket_that_other_verbs_take() {
    let world = World::new().await;
    let (daemon, by_name) = world.daemon_beside_a_name(&world.web("duration = \"1h\"")).await;
    content(&daemon).await;
    for address in [format!("unix:{}", daemon.sign_socket().display()), by_name] {
        let told = doctor_at(&daemon, &address).await.1;
        let (outcome, message) = of(&told, "signing socket");
        assert!(outcome == "passed" && message.contains(&address), "{message}");
        assert_eq!(of(&told, "daemon").0, "passed", "{told:#}");
        let told = doctor_at(&daemon, &format!("{address}-not")).await.1;
        assert_eq!(of(&told, "signing socket").0, "failed", "nobody is at {address}-not");
    }
    daemon.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemons_own_file_is_known_by_every_path_that_leads_to_it_and_a_copy_is_another() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    content(&daemon).await;
    let (config, socket) = (world.config(), daemon.sign_socket().to_str().expect("UTF-8").to_owned());
    let within = config.parent().expect("it lies in a folder");
    let name = config.file_name().and_then(|name| name.to_str()).expect("UTF-8");
    std::os::unix::fs::symlink(name, within.join("link.toml")).expect("the folder can be written");
    std::fs::copy(&config, within.join("copy.toml")).expect("the folder can be written");
    for (file, wanted) in [(name, "passed"), ("link.toml", "passed"), ("copy.toml", "failed")] {
        let (_, told) = doctor_of(&daemon, &socket, &["--config", file], within).await;
        assert_eq!(of(&told, "configuration").0, wanted, "{file}: {told:#}");
    }
    daemon.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sts_that_refuses_is_reached_and_one_that_is_silent_is_not() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"\nmin_pause = \"1s\"")).await;
    content(&daemon).await;
    let told_after = async |turn: Turn| {
        world.sts.stay(turn);
        let renewed = daemon.admin().await.renew_identity(RenewIdentityRequest { name: "web".into() }).await;
        assert!(renewed.is_err(), "STS does not give a session");
        let (code, told) = doctor(&daemon).await;
        assert_eq!((code, of(&told, "identity web").0), (Some(254), "failed"), "{told:#}");
        assert_eq!(of(&told, "daemon").0, "passed", "its session signs: {told:#}");
        told
    };
    let told = told_after(Turn::Fail(403, "AccessDenied")).await;
    assert!(of(&told, "identity web").1.contains("ACCESS_DENIED"), "{told:#}");
    let (outcome, message) = of(&told, "sts");
    assert!(outcome == "passed" && message.contains("AccessDenied"), "{message}");
    let told = told_after(Turn::Cut).await;
    let (outcome, message) = of(&told, "sts");
    assert!(outcome == "failed" && message.contains("no answer"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_is_told_as_it_was_read_last() {
    let world = World::new().await;
    let tables = "[probe]\ninterval = \"1s\"\nconfirm_after = \"1s\"\ncalls_per_minute = 6000\n";
    let canary = "\n[[identity.web.canary]]\nbucket = \"photos\"\nkey = \"canary\"\n";
    let daemon = world.daemon(&format!("{tables}{}{canary}", world.web("duration = \"1h\""))).await;
    let check = "canary web s3://photos/canary";
    assert_eq!(of(&doctor(&daemon).await.1, check).0, "skipped", "nothing is outstanding");
    presign(&mut daemon.signer().await, get("cat.jpg")).await.expect("the session lives");
    let read = async |outcome: &str| {
        eventually("it is read", async || {
            let (_, told) = doctor(&daemon).await;
            (of(&told, check).0 == outcome).then(|| of(&told, check).1.to_owned())
        })
        .await
    };
    let gone = read("failed").await;
    assert!(gone.contains("404"), "{gone}");
    world.s3.store().put("photos", "canary", "tweet");
    let there = read("passed").await;
    assert!(there.contains("GET s3://photos/canary: 20"), "{there}");
}
