//! The configuration file, parsed once into types that cannot hold nonsense.
//!
//! Never reads a file or the environment: it is given the text and what surrounds the process. Holds no secret.

mod changes;
mod error;
mod file;
mod grants;
pub mod identity;
mod length;
mod places;
pub mod probe;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use error::Error;
pub use length::Length;
pub use places::Surroundings;

use crate::access::Grants;
use crate::session::IdentityName;

/// The whole configuration, with every default filled in.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the text came from, as an absolute path; `None` when from no file.
    pub file: Option<PathBuf>,
    /// Where the daemon listens for gRPC.
    pub sockets: Sockets,
    /// Where it answers Prometheus and probes.
    pub http: Http,
    /// Where records are kept.
    pub registry: Registry,
    /// What is logged, and how.
    pub log: Log,
    /// Where STS is, and how often it may be called.
    pub sts: identity::Sts,
    /// How often sessions are looked at.
    pub probe: probe::Probe,
    /// Every source of sessions by its name; never empty.
    pub identities: BTreeMap<IdentityName, identity::Identity>,
    /// Who signs when a caller names nobody; the only identity, when there is just one.
    pub default_identity: Option<IdentityName>,
    /// Who may sign what.
    pub grants: Grants,
    /// Bounds of the front door.
    pub limits: Limits,
}

/// `[sockets]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sockets {
    /// The signing socket.
    pub sign: PathBuf,
    /// Another signing socket beside it, by a name that is no file; `None` unless the file asks for one. Everybody in the
    /// network namespace can connect to it.
    pub sign_abstract: Option<String>,
    /// The admin socket, in a directory of its own.
    pub admin: PathBuf,
    /// Mode of the signing socket.
    pub sign_mode: u32,
    /// Mode of the admin socket.
    pub admin_mode: u32,
    /// Users that the admin socket admits beside root and the daemon's own; at most [`MAX_ADMINS`].
    pub admin_uids: Vec<u32>,
    /// Groups that the admin socket admits; at most [`MAX_ADMINS`].
    pub admin_gids: Vec<u32>,
}

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Address of metrics and probes; `None` for none. Loopback, unless the file says otherwise in so many words.
    pub listen: Option<SocketAddr>,
}

/// `[registry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// The database; what belongs to it lies beside it.
    pub path: PathBuf,
    /// How long a record is kept after its URL's hard end: [`MIN_RETENTION`] to [`MAX_RETENTION`].
    pub retention: Duration,
    /// Calls that may wait for the writer, 1 to [`MAX_QUEUE_CALLS`]; the next is refused.
    pub queue_calls: usize,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Form of a line.
    pub format: LogFormat,
    /// Levels, as `tracing` writes them: `info`, or `info,presignd::identity=debug`.
    pub filter: String,
}

/// Form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Items of one `PresignBatch`, 1 to 1,000.
    pub batch_items: usize,
    /// Items of one `PresignStream` that are signed and recorded together, 1 to 256.
    pub stream_items: usize,
    /// Calls that one connection may have open at the same time, 1 to 10,000.
    pub calls_per_connection: u32,
    /// Connections of each socket, 1 to 100,000; the next is closed at once.
    pub connections: usize,
    /// The longest that a call may take, whatever deadline its client sets: 1 s to 5 min.
    pub call: Duration,
    /// How long the daemon waits for calls under way when it is told to stop: 0 s to 5 min.
    pub drain: Duration,
}

impl Config {
    /// Reads a file and checks how its parts fit together. What it leaves out is as docs/configuration.md says.
    ///
    /// # Errors
    /// Names the key, the line where it is known, and what would be right.
    pub fn parse(text: &str, surroundings: &Surroundings) -> Result<Self, Error> {
        file::File::read(text)?.into_config(surroundings)
    }

    /// What a daemon without a file does: it signs with the default chain, as identity `default`, for root and its own
    /// user.
    ///
    /// # Errors
    /// When there is no place for the registry, because the process has no home.
    pub fn without_file(surroundings: &Surroundings) -> Result<Self, Error> {
        Self::parse("", surroundings)
    }
}

/// Users, or groups, that the admin socket admits by name.
pub const MAX_ADMINS: usize = 64;
/// Grants of one file.
pub const MAX_GRANTS: usize = 1000;
/// Identities, buckets, prefixes or operations of one grant.
pub const MAX_PER_GRANT: usize = 1000;
/// Groups that may wait for the registry's writer at most.
pub const MAX_QUEUE_CALLS: usize = 1_000_000;
/// A record outlives its URL for at least an hour, so that a leak that is noticed late can still be traced.
pub const MIN_RETENTION: Duration = Duration::from_secs(3600);
/// Ten years, as `"10y"` counts them: of 365.25 days.
pub const MAX_RETENTION: Duration = Duration::from_secs(3652 * 86_400 + 43_200);

#[cfg(test)]
mod tests;
