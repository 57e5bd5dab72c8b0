//! Finds the daemon's socket and speaks to it. Never listens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::Request;
use tonic::transport::Channel;

use super::exit::{Failure, chain};
use super::length::Length;
use super::out::Format;
use crate::client;
use crate::config::Surroundings;
use crate::grpc::proto::identities_client::IdentitiesClient;
use crate::grpc::proto::impact_client::ImpactClient;
use crate::grpc::proto::registry_client::RegistryClient;
use crate::grpc::proto::rotation_client::RotationClient;
use crate::grpc::proto::signer_client::SignerClient;

/// What verbs take that have a use for it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Common options")]
pub struct Globals {
    /// The daemon's signing socket [env: PRESIGND_SOCKET]
    #[arg(long, global = true, env = "PRESIGND_SOCKET", value_name = "PATH", hide_env = true)]
    pub socket: Option<PathBuf>,
    /// The daemon's admin socket [env: PRESIGND_ADMIN_SOCKET]
    #[arg(long, global = true, env = "PRESIGND_ADMIN_SOCKET", value_name = "PATH", hide_env = true)]
    pub admin_socket: Option<PathBuf>,
    /// Ask on the admin socket, which shows the records of every caller
    #[arg(long, global = true)]
    pub admin: bool,
    /// Form of the answer: text, table or json; each verb has a default that suits it
    #[arg(long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    pub output: Option<Format>,
    /// How long to wait for an answer [default: 60s]
    #[arg(long, global = true, value_name = "LENGTH", default_value = "60s", hide_default_value = true)]
    pub timeout: Length,
}

/// A connection to the daemon.
#[derive(Debug, Clone)]
pub struct Daemon {
    channel: Channel,
    timeout: Duration,
}

impl Globals {
    /// The socket to ask on.
    pub fn path(&self, around: &Surroundings, admin: bool) -> PathBuf {
        if admin {
            self.admin_socket.clone().unwrap_or_else(|| nearest(around, Surroundings::admin_socket))
        } else {
            self.socket.clone().unwrap_or_else(|| nearest(around, Surroundings::sign_socket))
        }
    }

    /// Connects to the signing socket, or to the admin socket with `--admin`.
    pub async fn connect(&self, around: &Surroundings) -> Result<Daemon, Failure> {
        self.connect_to(&self.path(around, self.admin), self.admin).await
    }

    /// Connects to the admin socket, for what is served there only.
    pub async fn connect_admin(&self, around: &Surroundings) -> Result<Daemon, Failure> {
        self.connect_to(&self.path(around, true), true).await
    }

    /// Connects to this very socket.
    pub async fn connect_to(&self, path: &Path, admin: bool) -> Result<Daemon, Failure> {
        let refuse = |why: &str, advice: &str| {
            Failure::surroundings(format!("cannot reach presignd at {}: {why}", path.display())).with(advice)
        };
        let name = path.to_str().ok_or_else(|| refuse("the path is not UTF-8", NOT_THERE))?;
        let endpoint = client::endpoint(name).map_err(|error| refuse(&chain(&error), NOT_THERE))?;
        // tonic answers "transport error"; the kernel's word is at the end of the chain.
        let channel = endpoint.connect_timeout(CONNECT).connect().await.map_err(|error| {
            let root = root(&error);
            let kind = root.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            refuse(&root.to_string(), advice(kind, admin))
        })?;
        Ok(Daemon { channel, timeout: self.timeout.duration() })
    }
}

impl Daemon {
    /// A call, with the time that the caller has for it.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    /// How long the caller waits for what comes next, where there is no saying how long all of it takes.
    pub fn patience(&self) -> Duration {
        self.timeout
    }

    /// The connection itself.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Signs.
    pub fn signer(&self) -> SignerClient<Channel> {
        SignerClient::new(self.channel()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// Tells of identities.
    pub fn identities(&self) -> IdentitiesClient<Channel> {
        IdentitiesClient::new(self.channel()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// Tells what an event does. Served on the admin socket.
    pub fn impact(&self) -> ImpactClient<Channel> {
        ImpactClient::new(self.channel()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// Decides of generations, and tells what happens. Served on the admin socket, but for the watch.
    pub fn rotation(&self) -> RotationClient<Channel> {
        RotationClient::new(self.channel()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// Tells of issued URLs.
    pub fn registry(&self) -> RegistryClient<Channel> {
        RegistryClient::new(self.channel()).max_decoding_message_size(LARGEST_ANSWER)
    }
}

/// Where a daemon may have put its socket: this user's own comes first; where there is none, the system's.
fn nearest(around: &Surroundings, socket: fn(&Surroundings) -> PathBuf) -> PathBuf {
    let own = socket(around);
    let system = socket(&Surroundings::default());
    if !own.exists() && system.exists() { system } else { own }
}

fn root<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last
}

/// A daemon that is there and lets nobody in has to be told apart from one that is not there.
pub(super) fn advice(kind: Option<std::io::ErrorKind>, admin: bool) -> &'static str {
    match (kind, admin) {
        (Some(std::io::ErrorKind::PermissionDenied), true) => {
            "your user may not open the admin socket: run this as root or the daemon's user, or have yourself named in its \
             [sockets] admin_uids or admin_gids"
        }
        (Some(std::io::ErrorKind::PermissionDenied), false) => {
            "your user may not open the signing socket: without a [[grant]] it is for the daemon's user and root; see \
             [sockets] sign_mode and who may pass the socket's directory"
        }
        _ => NOT_THERE,
    }
}

const NOT_THERE: &str = "start it with `presignd serve`, or name its socket with --socket or PRESIGND_SOCKET \
                         (--admin-socket, PRESIGND_ADMIN_SOCKET)";

const CONNECT: Duration = Duration::from_secs(5);
/// A thousand URLs with long session tokens and their headers.
const LARGEST_ANSWER: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_is_kept_out_is_not_told_to_start_a_second_daemon() {
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let kind = root(&denied).downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        assert!(advice(kind, true).contains("admin_uids") && !advice(kind, true).contains("presignd serve"));
        assert!(advice(kind, false).contains("sign_mode") && !advice(kind, false).contains("presignd serve"));
        for other in [None, Some(std::io::ErrorKind::NotFound), Some(std::io::ErrorKind::ConnectionRefused)] {
            assert_eq!((advice(other, true), advice(other, false)), (NOT_THERE, NOT_THERE));
        }
    }

    #[test]
    fn a_user_without_a_daemon_is_told_of_the_place_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let own = Surroundings { xdg_runtime_dir: Some(dir.path().into()), ..Default::default() };
        let missing = Path::new("/run/presignd/sign/presignd.sock").exists();
        let path = nearest(&own, Surroundings::sign_socket);
        assert!(missing || path == dir.path().join("presignd/sign/presignd.sock"), "{}", path.display());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(nearest(&own, Surroundings::sign_socket), path);
    }
}
