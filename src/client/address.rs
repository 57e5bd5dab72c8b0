//! Where a daemon listens, as a path or as gRPC writes it. Never connects.

use tonic::transport::{Endpoint, Error};

/// What stands before the name of a socket that is no file.
pub const ABSTRACT: &str = "unix-abstract:";

/// What an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address<'a> {
    /// A file, by its path.
    File(&'a str),
    /// A socket that is no file, by its name alone.
    Abstract(&'a str),
}

impl<'a> Address<'a> {
    /// Reads `/run/presignd/sign/presignd.sock`, `unix:/run/…` or `unix-abstract:presignd`.
    pub fn read(address: &'a str) -> Self {
        match address.strip_prefix(ABSTRACT) {
            Some(name) => Self::Abstract(name),
            None => Self::File(address.strip_prefix("unix:").unwrap_or(address)),
        }
    }
}

/// Where to connect to, of an address as [`Address::read`] takes it.
///
/// # Errors
/// None that is known: what is no name of a socket fails when it is connected to.
pub fn endpoint(address: &str) -> Result<Endpoint, Error> {
    let path = match Address::read(address) {
        // As the kernel has it.
        Address::Abstract(name) => format!("\0{name}"),
        Address::File(path) => path.to_owned(),
    };
    Endpoint::from_shared(format!("unix:{path}"))
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    use super::*;

    /// Whether a connection to `address` comes to `listener`.
    async fn leads(address: &str, listener: UnixListener) -> bool {
        let accepted = tokio::task::spawn_blocking(move || listener.accept().is_ok());
        // Nobody speaks HTTP/2 there, so the connection may fail after it was made.
        let _ = endpoint(address).unwrap().connect().await;
        accepted.await.unwrap()
    }

    #[tokio::test]
    async fn a_socket_is_named_by_its_path_by_its_url_or_by_its_abstract_name() {
        let root = tempfile::tempdir().unwrap();
        for (at, prefix) in ["", "unix:", "unix://"].iter().enumerate() {
            let path = root.path().join(at.to_string());
            let listener = UnixListener::bind(&path).unwrap();
            assert!(leads(&format!("{prefix}{}", path.display()), listener).await, "{prefix}");
        }
        let name = format!("presignd-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        assert!(leads(&format!("unix-abstract:{name}"), UnixListener::bind_addr(&address).unwrap()).await);
    }
}
