//! Servers under load, each a process of its own, and what Linux says of them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use presignd::clock::Clock;
use presignd::grpc::proto::PresignResponse;
use prost::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tonic::transport::Channel;

use crate::load::{Shape, ask};
use crate::process::{Daemon, World, connect};
use crate::support::eventually;
use crate::yardstick::figures::{quantile, tell};

/// One of them, with a connection to it.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) channel: Channel,
    socket: PathBuf,
    pid: i32,
    kind: Kind,
}

enum Kind {
    Daemon(Box<(World, Daemon)>),
    Bare(Box<(Child, tempfile::TempDir)>),
}

impl Server {
    /// The daemon with AWS beside it, on an empty registry or on the one at `registry`.
    pub(crate) async fn daemon(name: &str, program: &Path, registry: Option<&Path>, retention: &str) -> Self {
        let world = World::new().await;
        configure(&world, registry, retention);
        let mut daemon = spawn(&world, program);
        daemon.listening().await;
        let socket = daemon.sign_socket();
        Self::connected(name, socket, Kind::Daemon(Box::new((world, daemon)))).await
    }

    /// A server that gives everybody the same answer.
    pub(crate) async fn bare(workers: usize, answer: &PresignResponse) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("bare.sock");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("bare").arg(&socket).arg(workers.to_string()).stdin(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&answer.encode_to_vec()).await.unwrap();
        Self::connected(&format!("bare, {workers} threads"), socket, Kind::Bare(Box::new((child, folder)))).await
    }

    async fn connected(name: &str, socket: PathBuf, kind: Kind) -> Self {
        let channel = eventually("it listens", async || connect(&socket).await.ok()).await;
        let pid = UnixStream::connect(&socket).await.unwrap().peer_cred().unwrap().pid().unwrap();
        Self { name: name.to_owned(), channel, socket, pid, kind }
    }

    /// The same from Python, beside boto3.
    pub(crate) async fn python(&self, python: &Path, quick: bool) {
        let source = env!("CARGO_MANIFEST_DIR");
        let mut command = Command::new(python);
        command.arg(format!("{source}/benches/daemon/python.py")).arg(format!("{source}/proto")).arg(&self.socket);
        command.args(quick.then_some("quick"));
        let output = command.stderr(Stdio::inherit()).output().await.unwrap();
        assert!(output.status.success(), "{}", output.status);
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (name, rounds) = line.split_once(':').unwrap();
            let rounds: Vec<f64> = rounds.split_whitespace().map(|value| value.parse().unwrap()).collect();
            tell(&format!("python/{name}"), "URLs/s", &rounds);
        }
    }

    /// Resident memory, and what of it is the program's own: pages of files are the system's to take back.
    pub(crate) fn tell_memory(&self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        for (name, line) in [("resident", "VmRSS:"), ("own memory", "RssAnon:")] {
            let value = status.lines().find_map(|text| text.strip_prefix(line)?.split_whitespace().next()).unwrap();
            tell(&format!("{}/{name}", self.name), "MB", &[value.parse::<f64>().unwrap() / 1024.0]);
        }
    }

    pub(crate) async fn end(self) {
        match self.kind {
            Kind::Daemon(both) => drop(both.1.stop().await),
            Kind::Bare(mut both) => both.0.kill().await.unwrap(),
        }
    }
}

/// As one would run it: nothing of each call is logged.
pub(crate) fn configure(world: &World, registry: Option<&Path>, retention: &str) {
    let path = registry.map_or_else(|| world.registry(), Path::to_owned);
    let folder = world.folder.path().display();
    let places = format!(
        "[sockets]\nsign = \"{folder}/sign/presignd.sock\"\nadmin = \"{folder}/admin/admin.sock\"\n\
         [registry]\npath = \"{}\"\nretention = \"{retention}\"\n",
        path.display()
    );
    std::fs::write(world.config(), places + &world.web("duration = \"12h\"")).unwrap();
}

pub(crate) fn spawn(world: &World, program: &Path) -> Daemon {
    world.run(program, |command| command.arg("serve").arg("--config").arg(world.config()))
}

/// A server under one shape of load, and a value of each figure for each round.
pub(crate) struct Setting<'a> {
    server: &'a Server,
    pub(crate) shape: Shape,
    rounds: [Vec<f64>; 6],
}

impl<'a> Setting<'a> {
    pub(crate) fn new(server: &'a Server, shape: Shape) -> Self {
        Self { server, shape, rounds: Default::default() }
    }

    pub(crate) async fn measure(&mut self, clock: &Clock, length: Duration, counts: bool) {
        let (cpu, written, began) = (cpu(self.server.pid), written(self.server.pid), clock.monotonic());
        let mut seen = ask(self.shape, &self.server.channel, clock, length).await;
        let seconds = (clock.monotonic() - began).as_secs_f64();
        if !counts {
            return;
        }
        let urls = seen.urls as f64;
        let values = [
            urls / seconds,
            (self::cpu(self.server.pid) - cpu) * 1e6 / urls,
            (self::written(self.server.pid) - written) / urls,
            quantile(&mut seen.times, 0.5),
            quantile(&mut seen.times, 0.99),
            quantile(&mut seen.times, 0.999),
        ];
        self.rounds.iter_mut().zip(values).for_each(|(rounds, value)| rounds.push(value));
    }

    pub(crate) fn tell(&self) {
        let figures = [
            ("rate", "URLs/s"),
            ("cpu", "µs/URL"),
            ("written", "bytes/URL"),
            ("p50", "µs"),
            ("p99", "µs"),
            ("p99.9", "µs"),
        ];
        for ((name, unit), rounds) in figures.iter().zip(&self.rounds) {
            if rounds.iter().all(|value| value.is_finite()) {
                tell(&format!("{}/{}/{name}", self.server.name, self.shape.name()), unit, rounds);
            }
        }
    }
}

/// Seconds of CPU time that a process has used.
fn cpu(pid: i32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    // The 14th and 15th fields of the file, in hundredths of a second.
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

/// Bytes that a process has had written to disk.
fn written(pid: i32) -> f64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok()).unwrap_or(f64::NAN)
}
