//! What another process of the daemon's own user sees of its memory, and what is left of it when it dies.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use rustix::process::Signal;
use tokio::process::Command;

use crate::process::{Daemon, World, get, presign};
use crate::support::eventually;

/// A program as a user who is not root, in the world's folder, which becomes theirs; with core dumps allowed.
fn as_user(world: &World, program: &[&str]) -> Daemon {
    for place in [world.folder.path(), &world.config(), &world.folder.path().join("log")] {
        if place.exists() {
            std::os::unix::fs::chown(place, Some(USER), Some(USER)).expect("root may");
        }
    }
    world.run("setpriv", |command| {
        command.args([
            "--reuid=12345",
            "--regid=12345",
            "--clear-groups",
            "sh",
            "-c",
            "ulimit -c unlimited; exec \"$@\"",
        ]);
        command.arg("sh").args(program)
    })
}

/// The daemon, from a copy that the user can reach.
async fn daemon(world: &World) -> Daemon {
    world.write_config(&world.web("duration = \"1h\""));
    let copy = world.folder.path().join("presignd");
    std::fs::copy(env!("CARGO_BIN_EXE_presignd"), &copy).expect("there is room for a copy");
    let (copy, config) = (copy.display().to_string(), world.config().display().to_string());
    let mut daemon = as_user(world, &[&copy, "serve", "--config", &config]);
    daemon.listening().await;
    daemon
}

/// Whether a command of the same user works on that process.
async fn works(command: &str, pid: i32) -> bool {
    let mut same_user = Command::new("setpriv");
    same_user.args(["--reuid=12345", "--regid=12345", "--clear-groups", "sh", "-c", command, "sh", &pid.to_string()]);
    same_user.output().await.expect("setpriv is part of util-linux").status.success()
}

const LOOKS: [&str; 5] = [
    "cat /proc/$1/environ",
    "exec 3</proc/$1/mem",
    "cat /proc/$1/maps",
    "ls /proc/$1/fd/",
    "timeout 1 strace -qq -p $1; [ $? = 124 ]",
];
const USER: u32 = 12345;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_another_process_of_the_same_user_reads_neither_memory_nor_environment_nor_attaches() {
    let world = World::new().await;
    let daemon = daemon(&world).await;
    let other = World::new().await;
    let anybody = as_user(&other, &["sleep", "1000"]);
    eventually("it sleeps", async || {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", anybody.pid())).ok()?;
        (name.trim() == "sleep").then_some(())
    })
    .await;
    for look in LOOKS {
        assert!(!works(look, daemon.pid()).await, "it works: {look}");
        // strace may be forbidden for every process, by Yama or in a container.
        assert!(look.contains("strace") || works(look, anybody.pid()).await, "it works with nobody: {look}");
    }
    presign(&mut daemon.signer().await, get("cat.jpg")).await.expect("it goes on signing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_a_daemon_that_dies_of_a_fault_leaves_no_core() {
    let files = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("the folder is there");
        entries.map(|entry| entry.expect("a readable entry").file_name().to_string_lossy().into_owned()).collect()
    };
    for fault in [Signal::SEGV, Signal::ABORT] {
        let world = World::new().await;
        let daemon = daemon(&world).await;
        // Rust's own handler lets the first SIGSEGV pass, to see whether it comes again.
        eventually("it dies", async || {
            daemon.signal(fault);
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).ok()?;
            stat.contains(") Z ").then_some(())
        })
        .await;
        let status = daemon.end().await;
        assert_eq!((status.signal(), status.core_dumped()), (Some(fault.as_raw()), false));
        assert!(!files(world.folder.path()).iter().any(|name| name.contains("core")), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_memory_is_locked_where_that_is_allowed_and_the_log_says_whether() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    let locked = |daemon: &Daemon| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("the kernel says so");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    let may = std::fs::read_to_string("/proc/self/status").expect("we run");
    let held = may.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("the kernel says so");
    let held = u64::from_str_radix(held.trim(), 16).expect("a set") >> 14 & 1 == 1;
    assert_eq!((locked(&daemon) > 0, daemon.log().contains("memory is locked")), (held, held));
    daemon.stop().await;

    // A bound that is far too small for all of it: nothing is locked, and memory can be had.
    let world = World::new().await;
    world.write_config(&world.web("duration = \"1h\""));
    let mut daemon = world.run("setpriv", |command| {
        command.args([
            "--bounding-set=-ipc_lock",
            "--inh-caps=-ipc_lock",
            "sh",
            "-c",
            "ulimit -l 64; exec \"$@\"",
            "sh",
        ]);
        command.arg(env!("CARGO_BIN_EXE_presignd")).arg("serve").arg("--config").arg(world.config())
    });
    daemon.listening().await;
    assert_eq!(locked(&daemon), 0);
    assert!(daemon.log().contains("LimitMEMLOCK=infinity"), "{}", daemon.log());
    presign(&mut daemon.signer().await, get("cat.jpg")).await.expect("it signs");
}
