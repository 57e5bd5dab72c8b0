//! Builds the rooms bottom up, runs them side by side, drains them together.
//!
//! Decides nothing about a call: it owns the order in which things start, reload and stop.

mod inherited;
mod memory;
mod notify;
mod reload;
mod running;

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use crate::aws::Environment;
use crate::clock::Clock;
use crate::config::{Config, Surroundings};
use crate::{aws, config, grpc, registry, telemetry};
use notify::Notify;

pub use inherited::{InheritError, Inherited};
pub use running::Running;

/// Why the daemon did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that cannot be.
    #[error("{}", path.as_ref().map_or("without a file".to_owned(), |path| path.display().to_string()))]
    Config {
        /// Which file; `None` without one.
        path: Option<PathBuf>,
        /// What it says.
        source: config::Error,
    },
    /// The log's filter.
    #[error(transparent)]
    Log(#[from] telemetry::SubscribeError),
    /// A metric is declared wrongly.
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
    /// The registry cannot be used as it is.
    #[error(transparent)]
    Registry(#[from] registry::OpenError),
    /// No way to talk to AWS.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// A socket cannot be bound.
    #[error(transparent)]
    Socket(#[from] grpc::socket::BindError),
    /// A socket was handed over that cannot be served.
    #[error(transparent)]
    Inherited(#[from] InheritError),
    /// The metrics' address cannot be bound.
    #[error("cannot listen on {address} for metrics; change [http] listen")]
    Http {
        /// Which address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The kernel does not let signals be handled.
    #[error("cannot handle signals: {0}")]
    Signals(std::io::Error),
    /// A part ended that should run as long as the daemon.
    #[error("{0} ended by itself; the log says why")]
    Ended(&'static str),
}

/// Reads the configuration at `path`; without one, the default chain on per-user sockets.
///
/// # Errors
/// When the file cannot be read or does not hold.
pub fn load(path: Option<&Path>, around: &Surroundings) -> Result<Config, Error> {
    let config = match path {
        None => Config::without_file(around),
        Some(path) => {
            let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
            let text = std::fs::read_to_string(path).map_err(unreadable)?;
            let file = std::path::absolute(path).ok();
            Config::parse(&text, around).map(|config| Config { file, ..config })
        }
    };
    // Only the subscriber knows what a filter is.
    let checked = config.and_then(|config| telemetry::check_filter(&config.log.filter).map(|()| config));
    checked.map_err(|source| Error::Config { path: path.map(Path::to_owned), source })
}

/// Runs the daemon until SIGTERM or SIGINT, then drains it. SIGHUP reads the configuration again.
///
/// # Errors
/// When it cannot start, or when a part of it ends by itself.
pub async fn serve(
    path: Option<PathBuf>,
    around: Surroundings,
    environment: Environment,
    inherited: Inherited,
) -> Result<(), Error> {
    let kept = memory::keep();
    // Before anything else: a signal without a handler ends the process.
    let on = |kind| signal(kind).map_err(Error::Signals);
    let (mut terminate, mut interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let mut hang_up = on(SignalKind::hangup())?;
    let config = load(path.as_deref(), &around)?;
    let log = telemetry::subscribe(&config.log)?;
    kept.tell();
    raise_open_files();
    let mut running = Running::start_on(inherited, config, environment, Clock::system()).await?;
    running.filters(log);
    info!(version = env!("CARGO_PKG_VERSION"), "presignd is up");
    let notify = Notify::ready(running.issuer());
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            _ = hang_up.recv() => {
                notify.reloading();
                notify.reloaded(running.reload(path.as_deref(), &around));
            }
            ended = running.first_to_end() => break Some(ended),
        }
    };
    notify.stopping(running.longest_stop());
    running.stop().await;
    match ended {
        None => Ok(()),
        Some(part) => {
            error!(part, "a part of the daemon ended, so all of it ends");
            Err(Error::Ended(part))
        }
    }
}

/// Many systems begin with 1,024 descriptors and allow far more to those who ask; each connection takes one.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the bound of open files could not be raised");
    }
}
