//! What a service manager gives and hears, without one: sockets that the daemon did not bind, a datagram socket that
//! listens to what it tells, and a watchdog. `tests/systemd` does the same under a real systemd.

#[path = "support/daemon.rs"]
mod process;
mod support;

use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use futures_util::poll;
use presignd::grpc::proto::signer_client::SignerClient;
use process::{Daemon, World, get, presign};
use rustix::process::Signal;
use support::sts::Turn;
use support::{DEADLINE, eventually};

/// Sockets as systemd would hold them, and what it hears.
struct Manager {
    sign: UnixListener,
    admin: UnixListener,
    heard: tokio::net::UnixDatagram,
}

impl Manager {
    fn new(world: &World) -> Self {
        let at = |name: &str| {
            let path = world.folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("the folder can be written");
            path
        };
        let heard = UnixDatagram::bind(at("notify")).expect("a socket");
        heard.set_nonblocking(true).expect("a socket");
        Self {
            sign: UnixListener::bind(at("sign/presignd.sock")).expect("a socket"),
            admin: UnixListener::bind(at("admin/admin.sock")).expect("a socket"),
            heard: tokio::net::UnixDatagram::from_std(heard).expect("a runtime"),
        }
    }

    /// Starts the daemon as systemd does: the admin socket is descriptor 3, the signing socket 4.
    fn start(&self, world: &World, names: &str, more: &[(&str, &str)]) -> Daemon {
        let stdio = |listener: &UnixListener| {
            Stdio::from(OwnedFd::from(listener.try_clone().expect("a descriptor can be shared")))
        };
        let script = "exec 3<&0 4<&1 </dev/null >/dev/null; export LISTEN_PID=$$; exec \"$@\"";
        world.run("sh", |sh| {
            sh.stdin(stdio(&self.admin)).stdout(stdio(&self.sign));
            sh.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", names).envs(more.iter().copied());
            sh.env("NOTIFY_SOCKET", world.folder.path().join("notify"));
            sh.args(["-c", script, "sh", env!("CARGO_BIN_EXE_presignd"), "serve", "--config"]).arg(world.config())
        })
    }

    /// The next thing that it hears and that begins with `what`.
    async fn hears(&self, what: &str) -> String {
        let hear = async {
            loop {
                let mut buffer = [0; 4096];
                let length = self.heard.recv(&mut buffer).await.expect("a message");
                let message = String::from_utf8(buffer[..length].to_vec()).expect("text");
                if message.starts_with(what) {
                    return message;
                }
            }
        };
        tokio::time::timeout(DEADLINE, hear).await.unwrap_or_else(|_| panic!("it never says {what}"))
    }

    /// Everything that was said until now is forgotten.
    fn forget(&self) {
        let mut buffer = [0; 4096];
        while self.heard.try_recv(&mut buffer).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_was_given_outlives_the_daemon_and_callers_wait_in_it() {
    let world = World::new().await;
    world.write_config(&world.web("duration = \"1h\""));
    let manager = Manager::new(&world);
    let mut daemon = manager.start(&world, NAMES, &[]);
    let (sign, admin) = (daemon.sign_socket(), daemon.admin_socket());
    daemon.listening().await;
    presign(&mut daemon.signer().await, get("a")).await.expect("it signs");
    assert!(daemon.stop().await.success());
    assert!(sign.exists() && admin.exists(), "they are not the daemon's to remove");

    // The kernel takes the connection.
    let mut client = SignerClient::new(Daemon::channel(&sign).await);
    let mut waiting = pin!(presign(&mut client, get("b")));
    assert!(poll!(&mut waiting).is_pending(), "nobody is there to answer");
    let mut next = manager.start(&world, NAMES, &[]);
    next.listening().await;
    waiting.await.expect("whoever waited is served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_cannot_be_told_apart_are_refused_by_name() {
    let world = World::new().await;
    world.write_config(&world.web("duration = \"1h\""));
    let manager = Manager::new(&world);
    for names in ["", "sign", "sign:sign", "presignd.socket:admin", "admin:sign:more"] {
        let ended = manager.start(&world, names, &[]).end().await;
        assert_eq!(ended.code(), Some(253), "{names:?}");
    }
    let log = std::fs::read_to_string(world.folder.path().join("log")).expect("it was told why");
    assert_eq!(log.matches("FileDescriptorName=").count(), 5, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manager_hears_of_start_state_reload_and_stop() {
    let world = World::new().await;
    world.write_config(&world.web("duration = \"1h\""));
    let manager = Manager::new(&world);
    let mut daemon = manager.start(&world, NAMES, &WATCHED);
    manager.hears("READY=1").await;
    daemon.listening().await;
    manager.hears("STATUS=signing: 1 of 1 identities ready; no URLs outstanding").await;
    manager.hears("WATCHDOG=1").await;
    presign(&mut daemon.signer().await, get("a")).await.expect("it signs");
    manager.hears("STATUS=signing: 1 of 1 identities ready; 1 URL outstanding, the last until ").await;

    std::fs::write(world.config(), "nonsense = 1").expect("the folder can be written");
    daemon.signal(Signal::HUP);
    let reloading = manager.hears("RELOADING=1\n").await;
    let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")?.parse::<u64>().ok());
    assert!(since.is_some_and(|since| since > 0), "{reloading}");
    manager.hears("READY=1").await;
    let told = manager.hears("STATUS=").await;
    assert!(told.contains("does not hold"), "{told}");
    world.write_config(&world.web("duration = \"1h\""));
    daemon.signal(Signal::HUP);
    manager.hears("READY=1").await;
    let told = manager.hears("STATUS=").await;
    assert!(!told.contains("does not hold"), "{told}");

    assert!(daemon.stop().await.success());
    let stopping = manager.hears("STOPPING=1").await;
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC="), "{stopping}");
}

/// In the order of [`Manager::start`].
const NAMES: &str = "admin:sign";
/// The patience is short only to be quick here.
const WATCHED: [(&str, &str); 1] = [("WATCHDOG_USEC", "2000000")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_watchdog_is_fed_though_sts_never_answers() {
    let world = World::new().await;
    world.sts.stay(Turn::Hang);
    world.write_config(&(world.web("duration = \"1h\"") + &world.web("").replace("identity.web", "identity.other")));
    let manager = Manager::new(&world);
    let _daemon = manager.start(&world, NAMES, &WATCHED);
    manager.hears("STATUS=NOT SIGNING: 0 of 2 identities ready (other starting, web starting)").await;
    manager.forget();
    for _ in 0..4 {
        manager.hears("WATCHDOG=1").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace"]
async fn needs_root_the_watchdog_starves_while_the_writer_is_stuck() {
    let world = World::new().await;
    world.write_config(&world.web("duration = \"1h\""));
    let manager = Manager::new(&world);
    let mut daemon = manager.start(&world, NAMES, &WATCHED);
    daemon.listening().await;
    manager.hears("WATCHDOG=1").await;
    // A disk that takes minutes for what it is given.
    let mut strace = tokio::process::Command::new("strace");
    strace.args(["-q", "-f", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_enter=300000000"]);
    strace.args(["-o", "/dev/null", "-p", &daemon.pid().to_string()]).stderr(Stdio::null()).kill_on_drop(true);
    let strace = strace.spawn().expect("strace is installed");
    eventually("strace has the daemon", async || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).ok()?;
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0")).then_some(())
    })
    .await;
    let (mut signer, log) = (daemon.signer().await, || daemon.log());
    let _stuck = tokio::spawn(async move { presign(&mut signer, get("a")).await });
    eventually("the writer is missed", async || {
        let log = log();
        let missed = log.lines().find(|line| line.contains("these do not answer"))?;
        assert!(missed.contains("the registry's writer") && !missed.contains("the renewal of"), "{missed}");
        Some(())
    })
    .await;
    manager.forget();
    // Twice its patience, in which nothing is to come.
    let fed = tokio::time::timeout(Duration::from_secs(4), manager.heard.readable());
    let mut buffer = [0; 4096];
    if fed.await.is_ok() {
        while let Ok(length) = manager.heard.try_recv(&mut buffer) {
            assert!(!buffer[..length].starts_with(b"WATCHDOG"), "it is fed while nothing can be recorded");
        }
    }
    // First, for whom it holds does not end.
    drop(strace);
    daemon.kill().await;
}
