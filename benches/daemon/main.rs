//! What the daemon does per second, and how long a caller waits: the real program over its socket, beside a bare tonic
//! server of the same messages in the same run. `cargo bench --bench daemon -- OPTION…`:
//!
//! - `quick`: short rounds
//! - `records=10000000`: also with a registry of so many records, made where an earlier run has left none
//! - `no-store=PROGRAM`: also a daemon that was built to record nothing; `scripts/bench` builds one
//! - `python=PROGRAM`: also from Python with grpcio, beside boto3 in the same process
//!
//! The servers take turns in short rounds; client and server share the machine's cores.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to tell")]

mod bare;
#[path = "../yardstick/mod.rs"]
mod yardstick;
mod load;
#[path = "../../tests/support/daemon.rs"]
mod process;
mod server;
mod start;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use presignd::clock::Clock;

use load::{SHAPES, Shape};
use server::{Server, Setting};
use yardstick::figures::{quantile, tell};
use yardstick::{disk, records};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "bare") {
        return bare::serve(Path::new(&arguments[at + 1]), arguments[at + 2].parse().unwrap());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(&Options::read(&arguments)));
}

struct Options {
    quick: bool,
    records: Option<u64>,
    no_store: Option<PathBuf>,
    python: Option<PathBuf>,
}

impl Options {
    fn read(arguments: &[String]) -> Self {
        let of = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name));
        Self {
            quick: arguments.iter().any(|argument| argument == "quick"),
            records: of("records=").map(|number| number.parse().unwrap()),
            no_store: of("no-store=").map(PathBuf::from),
            python: of("python=").map(PathBuf::from),
        }
    }
}

async fn measure(options: &Options) {
    let clock = Clock::system();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = Path::new(env!("CARGO_BIN_EXE_presignd"));
    let mut servers = vec![Server::daemon("durable", program, None, "30d").await];
    let sample = load::sample(&servers[0].channel).await;
    for workers in [1, 2] {
        servers.push(Server::bare(workers, &sample).await);
    }
    if let Some(program) = &options.no_store {
        servers.push(Server::daemon("no store", program, None, "30d").await);
    }
    let grown = options.records.map(|number| (number, directory.join(format!("grown-{number}/registry.db"))));
    if let Some((number, path)) = &grown {
        records::grow(path, &clock, *number).await;
        servers.push(Server::daemon("many records", program, Some(path), "30d").await);
    }
    let (rounds, length) = if options.quick { (3, 1) } else { (5, 3) };
    run(&servers, &clock, rounds, Duration::from_secs(length)).await;
    if let Some(python) = &options.python {
        servers[0].python(python, options.quick).await;
    }
    for server in servers {
        server.end().await;
    }
    start::measure(program, None, &clock, "none").await;
    if let Some((_, path)) = &grown {
        retention(program, path, &clock, rounds, Duration::from_secs(length)).await;
        start::measure(program, Some(path), &clock, "many records").await;
    }
}

/// The same with retention at work: one of seven parts of the records are past it.
async fn retention(program: &Path, path: &Path, clock: &Clock, rounds: usize, length: Duration) {
    let server = [Server::daemon("retention at work", program, Some(path), "18d").await];
    run(&server, clock, rounds, length).await;
    let [server] = server;
    server.end().await;
}

async fn run(servers: &[Server], clock: &Clock, rounds: usize, length: Duration) {
    let mut settings: Vec<Setting> = Vec::new();
    for server in servers {
        settings.extend(SHAPES.iter().map(|shape| Setting::new(server, *shape)));
    }
    let mut syncs = Vec::new();
    for round in 0..=rounds {
        if round > 0 {
            let mut appends = disk::appends(Path::new(env!("CARGO_TARGET_TMPDIR")), clock, 300);
            syncs.push(quantile(&mut appends, 0.5));
        }
        for shape in SHAPES {
            for setting in settings.iter_mut().filter(|setting| setting.shape == shape) {
                // The first round warms up.
                let length = if round == 0 { length.min(Duration::from_secs(1)) } else { length };
                setting.measure(clock, length, round > 0).await;
            }
        }
    }
    tell(&format!("{}/append/p50", servers[0].name), "µs", &syncs);
    settings.iter().for_each(Setting::tell);
    for server in servers {
        server.tell_memory();
    }
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::Unary(1) => "unary alone",
            Self::Unary(_) => "unary 64",
            Self::Batch => "batch 100 x 4",
            Self::Stream => "stream",
        }
    }
}
