//! A disk that is full, read-only or broken, under the real daemon. A caller gets an error and no URL; what was answered before
//! is there; and when the disk is well again, so is the daemon.

use std::path::PathBuf;
use std::process::Stdio;

use presignd::grpc::proto::{PresignBatchRequest, PresignRequest, PresignResponse};
use presignd::registry::verify;
use rustix::process::Signal;
use tokio::process::{Child, Command};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::ledger::{Ledger, Seen};
use crate::process::{Daemon, World, get, length, presign};
use crate::support::eventually;

/// Every system call of a kind on a file of the daemon fails, or is late, from now until this is dropped.
struct Fault {
    strace: Child,
}

impl Fault {
    /// `calls` as strace names them, such as `pwrite64`, on the file at `path`, and what it does to them, such as `error=EIO`.
    async fn begin(daemon: &Daemon, path: PathBuf, calls: &str, what: &str) -> Self {
        let pid = daemon.pid();
        let strace = Command::new("strace")
            .args(["-f", "-q", "-p", &pid.to_string(), "-P"])
            .arg(path)
            .args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{what}"), "-o", "/dev/null"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let strace = strace.expect("strace is installed");
        let tasks = format!("/proc/{pid}/task");
        eventually("strace has every thread of the daemon", async || {
            let mut threads = std::fs::read_dir(&tasks).ok()?.flatten();
            let traced =
                |status: String| status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"));
            threads.all(|one| std::fs::read_to_string(one.path().join("status")).is_ok_and(traced)).then_some(())
        })
        .await;
        Self { strace }
    }

    async fn end(mut self) {
        let pid = self.strace.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        rustix::process::kill_process(pid.expect("it runs"), Signal::TERM).expect("it is our child");
        self.strace.wait().await.expect("it is our child");
    }
}

fn ask(key: &str) -> PresignRequest {
    PresignRequest { expires_in: Some(length(600)), ..get(key) }
}

fn seen(answer: PresignResponse) -> Seen {
    Seen { request: PresignRequest::default(), answer: Some(answer) }
}

fn is_refusal_of_the_registry(status: &Status) -> bool {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    status.code() == Code::Unavailable && reason == Some("REGISTRY") && details.retry_info().is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace"]
async fn needs_root_a_disk_that_fails_gives_errors_and_loses_nothing_and_is_taken_up_again() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    let mut ledger = Ledger::default();
    let log = world.registry().with_extension("db-wal");
    // As a disk that breaks, is full, or was remounted read-only by the kernel says it.
    let faults = [
        ("pwrite64", "EIO"),
        ("pwrite64", "ENOSPC"),
        ("pwrite64", "EROFS"),
        ("fdatasync,fsync", "EIO"),
        ("fdatasync,fsync", "ENOSPC"),
    ];
    for (at, (calls, error)) in faults.into_iter().enumerate() {
        let daemon = world.daemon(&web).await;
        let mut signer = daemon.signer().await;
        let mut answered = Vec::new();
        for n in 0..10 {
            answered.push(seen(presign(&mut signer, ask(&format!("{at}/{n}"))).await.expect("it signs")));
        }
        let fault = Fault::begin(&daemon, log.clone(), calls, &format!("error={error}")).await;
        for n in 10..20 {
            let status = presign(&mut signer, ask(&format!("{at}/{n}"))).await.expect_err("nothing can be recorded");
            assert!(is_refusal_of_the_registry(&status), "{calls} {error}: {status:?}");
        }
        assert_eq!((daemon.probe("/readyz").await, daemon.probe("/livez").await), (503, 200), "{calls} {error}");
        assert!(daemon.log().contains("the registry could not write"));
        if at % 2 == 0 {
            fault.end().await;
            answered.push(seen(presign(&mut signer, ask(&format!("{at}/after"))).await.expect("it signs again")));
            assert_eq!(daemon.probe("/readyz").await, 200, "{calls} {error}");
        }
        // In the others, the fault lasts to the end.
        daemon.kill().await;
        ledger.life(answered);
        ledger.hold(&world.registry());
    }
    let daemon = world.daemon(&web).await;
    ledger.hold(&world.registry());
    assert!(daemon.stop().await.success());
    assert_eq!(verify(&world.registry()).expect("it can be read").problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace"]
async fn needs_root_a_disk_that_does_not_answer_makes_the_daemon_not_ready_until_it_does() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"\nmin_pause = \"1s\"")).await;
    let mut signer = daemon.signer().await;
    presign(&mut signer, ask("before")).await.expect("it signs");
    let log = world.registry().with_extension("db-wal");
    // Longer than a disk may take, shorter than callers wait.
    let fault = Fault::begin(&daemon, log, "fdatasync,fsync", "delay_enter=10000000").await;
    let waits = tokio::spawn(async move { presign(&mut signer, ask("meanwhile")).await });
    let ready = async |status| {
        eventually("readiness changes", async || (daemon.probe("/readyz").await == status).then_some(())).await;
    };
    ready(503).await;
    assert_eq!(daemon.probe("/livez").await, 200);
    waits.await.expect("no panic").expect("it was only late");
    fault.end().await;
    ready(200).await;
    assert!(daemon.log().contains("the registry cannot be written"), "it was told");
    assert!(daemon.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace"]
async fn needs_root_a_checkpoint_that_fails_costs_no_call_and_is_made_up_for() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    let daemon = world.daemon(&web).await;
    let mut signer = daemon.signer().await;
    let length_of_log = || std::fs::metadata(world.registry().with_extension("db-wal")).expect("a log").len();
    let failed = async || {
        let metrics = daemon.metrics().await;
        !metrics.contains("presignd_registry_errors_total{operation=\"checkpoint\"} 0\n")
    };
    let mut batches = 0;
    let mut batch = async || {
        batches += 1;
        let one =
            |n| PresignRequest { on_behalf_of: "x".repeat(256), ..ask(&format!("{batches}/{n}/{}", "k".repeat(900))) };
        let answer = signer.presign_batch(PresignBatchRequest { requests: (0..1000).map(one).collect() }).await;
        assert!(answer.expect("a checkpoint is nobody's call").into_inner().results.len() == 1000);
    };
    // The file itself takes nothing: what is committed stays in the log.
    let fault = Fault::begin(&daemon, world.registry(), "pwrite64", "error=EIO").await;
    while !failed().await {
        batch().await;
        assert!(length_of_log() < 512 << 20, "no checkpoint was tried");
    }
    // An emptied log is begun anew, which its head counts, or cut to nothing.
    let begun = || {
        let log = std::fs::read(world.registry().with_extension("db-wal")).expect("a log");
        log.get(12..16).map(<[u8]>::to_vec)
    };
    let before = begun();
    fault.end().await;
    while begun() == before {
        batch().await;
    }
    daemon.kill().await;
    let report = verify(&world.registry()).expect("it can be read");
    assert_eq!((report.urls, report.problems), (batches * 1000, Vec::new()));
}

/// The daemon in a mount namespace of its own, where the registry's folder is a small file system.
fn on_a_small_disk(world: &World, web: &str, megabytes: u32) -> Daemon {
    let state = world.registry().parent().expect("it lies in a folder").to_owned();
    std::fs::create_dir_all(&state).expect("it can be made");
    world.write_config(web);
    let script = format!("mount -t tmpfs -o size={megabytes}m,mode=700 none \"$0\" && exec \"$@\"");
    world.run("unshare", |command| {
        command.args(["--mount", "sh", "-c", &script]).arg(state);
        command.arg(env!("CARGO_BIN_EXE_presignd")).arg("serve").arg("--config").arg(world.config())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a file system of its own"]
async fn needs_root_a_full_disk_refuses_what_it_cannot_record_and_goes_on_when_there_is_room() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    let mut daemon = on_a_small_disk(&world, &web, 6);
    daemon.listening().await;
    // As the daemon sees it.
    let disk =
        PathBuf::from(format!("/proc/{}/root{}", daemon.pid(), world.registry().parent().expect("a folder").display()));
    std::fs::write(disk.join("somebody-else"), vec![1; 3 << 20]).expect("there is room");
    let mut signer = daemon.signer().await;
    let mut answered = Vec::new();
    let refusal = loop {
        let n = answered.len();
        assert!(n < 20_000, "{n} records fit where there is no room");
        match presign(&mut signer, ask(&format!("{n}/{}", "k".repeat(900)))).await {
            Ok(url) => answered.push(seen(url)),
            Err(status) => break status,
        }
    };
    assert!(is_refusal_of_the_registry(&refusal), "{refusal:?}");
    assert_eq!((daemon.probe("/readyz").await, daemon.probe("/livez").await), (503, 200));
    let before = answered.len();
    std::fs::remove_file(disk.join("somebody-else")).expect("it can be removed");
    // Nobody calls: it finds out by itself.
    eventually("it is ready again", async || (daemon.probe("/readyz").await == 200).then_some(())).await;
    for n in 0..50 {
        answered.push(seen(presign(&mut signer, ask(&format!("after/{n}"))).await.expect("it signs again")));
    }
    // What a kill at this moment would leave.
    daemon.signal(Signal::STOP);
    let copy = world.folder.path().join("copy.db");
    std::fs::copy(disk.join("registry.db"), &copy).expect("it can be read");
    std::fs::copy(disk.join("registry.db-wal"), copy.with_extension("db-wal")).expect("it can be read");
    daemon.kill().await;
    let mut ledger = Ledger::default();
    ledger.life(answered);
    ledger.hold(&copy);
    assert_eq!(verify(&copy).expect("it can be read").problems, [""; 0]);
    println!("{before} URLs until the disk was full");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a file system of its own"]
async fn needs_root_a_read_only_disk_is_told_at_start() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    assert!(world.daemon(&web).await.stop().await.success());
    let before = std::fs::read(world.registry()).expect("a file");
    let state = world.registry().parent().expect("it lies in a folder").to_owned();
    let daemon = world.run("unshare", |command| {
        let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
        command.args(["--mount", "sh", "-c", script]).arg(state);
        command.arg(env!("CARGO_BIN_EXE_presignd")).arg("serve").arg("--config").arg(world.config())
    });
    let log = world.folder.path().join("log");
    assert_eq!(daemon.end().await.code(), Some(253));
    let said = std::fs::read_to_string(log).expect("the log is UTF-8");
    assert!(said.contains("registry.db") && said.contains("Read-only file system"), "{said}");
    assert_eq!(std::fs::read(world.registry()).expect("a file"), before);
}
