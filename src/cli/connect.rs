//! Finds the daemon's socket and speaks to it. Never listens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use super::exit::{Failure, chain};
use super::length::Length;
use super::out::Format;
use crate::grpc::proto::identities_client::IdentitiesClient;
use crate::grpc::proto::registry_client::RegistryClient;
use crate::grpc::proto::signer_client::SignerClient;

/// What every verb takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Globals {
    /// The daemon's signing socket
    #[arg(long, global = true, env = "PRESIGND_SOCKET", value_name = "PATH", hide_env_values = true)]
    pub socket: Option<PathBuf>,
    /// The daemon's admin socket
    #[arg(long, global = true, env = "PRESIGND_ADMIN_SOCKET", value_name = "PATH", hide_env_values = true)]
    pub admin_socket: Option<PathBuf>,
    /// Ask on the admin socket, which shows the records of every caller
    #[arg(long, global = true)]
    pub admin: bool,
    /// Form of the answer; each verb has a default that suits it
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub output: Option<Format>,
    /// How long to wait for an answer
    #[arg(long, global = true, value_name = "LENGTH", default_value = "60s")]
    pub timeout: Length,
}

/// Directories that the environment names, read once in `main`.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `$RUNTIME_DIRECTORY`, the first of them.
    pub runtime_directory: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
}

impl Places {
    /// Where a daemon may have put `socket`: the first that exists, or else the first. A person's own daemon comes
    /// before the system's.
    fn find(&self, socket: &str) -> PathBuf {
        let own =
            self.runtime_directory.clone().or_else(|| self.xdg_runtime_dir.as_ref().map(|at| at.join("presignd")));
        let all: Vec<PathBuf> = own.into_iter().chain([PathBuf::from(SYSTEM)]).map(|at| at.join(socket)).collect();
        all.iter().find(|path| path.exists()).unwrap_or(&all[0]).clone()
    }
}

/// A connection to the daemon.
#[derive(Debug, Clone)]
pub struct Daemon {
    channel: Channel,
    timeout: Duration,
}

impl Globals {
    /// The socket to ask on.
    pub fn path(&self, places: &Places, admin: bool) -> PathBuf {
        if admin {
            self.admin_socket.clone().unwrap_or_else(|| places.find(ADMIN))
        } else {
            self.socket.clone().unwrap_or_else(|| places.find(SIGN))
        }
    }

    /// Connects to the signing socket, or to the admin socket with `--admin`.
    pub async fn connect(&self, places: &Places) -> Result<Daemon, Failure> {
        self.connect_to(&self.path(places, self.admin)).await
    }

    /// Connects to the admin socket, for what is served there only.
    pub async fn connect_admin(&self, places: &Places) -> Result<Daemon, Failure> {
        self.connect_to(&self.path(places, true)).await
    }

    async fn connect_to(&self, path: &Path) -> Result<Daemon, Failure> {
        let refuse = |why: &str| {
            Failure::surroundings(format!("cannot reach presignd at {}: {why}", path.display()))
                .with("start it with `presignd serve`, or name its socket with --socket or PRESIGND_SOCKET (--admin-socket, PRESIGND_ADMIN_SOCKET)")
        };
        let name = path.to_str().ok_or_else(|| refuse("the path is not UTF-8"))?;
        let endpoint = Endpoint::from_shared(format!("unix:{name}")).map_err(|error| refuse(&chain(&error)))?;
        // tonic answers "transport error"; the kernel's word is at the end of the chain.
        let channel =
            endpoint.connect_timeout(CONNECT).connect().await.map_err(|error| refuse(root(&error).as_str()))?;
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

    /// Tells of issued URLs.
    pub fn registry(&self) -> RegistryClient<Channel> {
        RegistryClient::new(self.channel()).max_decoding_message_size(LARGEST_ANSWER)
    }
}

fn root(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

const SIGN: &str = "sign/presignd.sock";
const ADMIN: &str = "admin/admin.sock";
const SYSTEM: &str = "/run/presignd";
const CONNECT: Duration = Duration::from_secs(5);
/// A thousand URLs with long session tokens and their headers.
const LARGEST_ANSWER: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sockets_lie_where_the_daemon_puts_them() {
        let dir = tempfile::tempdir().unwrap();
        let own = Places { runtime_directory: None, xdg_runtime_dir: Some(dir.path().into()) };
        assert_eq!(own.find(SIGN), dir.path().join("presignd/sign/presignd.sock"));
        let unit = Places { runtime_directory: Some("/run/one".into()), ..own };
        assert_eq!(unit.find(ADMIN), Path::new("/run/one/admin/admin.sock"));
        assert_eq!(Places::default().find(SIGN), Path::new("/run/presignd/sign/presignd.sock"));
    }
}
