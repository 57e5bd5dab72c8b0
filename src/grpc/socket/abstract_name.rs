//! A socket that is no file, in Linux's abstract namespace. No mode guards it: who may call is decided as everywhere, and
//! whoever shares the network namespace may connect.

use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::path::PathBuf;

use super::{BindError, Socket};
use crate::client::ABSTRACT;

impl Socket {
    /// Binds a name that is no file: everybody in the network namespace may connect, and it is gone with the process.
    ///
    /// # Errors
    /// When another process has the name, and when the kernel refuses. Needs a runtime.
    pub fn bind_abstract(name: &str) -> Result<Self, BindError> {
        let path = PathBuf::from(format!("{ABSTRACT}{name}"));
        let bound = net::SocketAddr::from_abstract_name(name).and_then(|address| {
            let listener = net::UnixListener::bind_addr(&address)?;
            Self::from_listener(listener)
        });
        bound.map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => BindError::InUse { path },
            _ => BindError::Io { path, doing: "bind", source },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_abstract_name_is_one_daemons_until_it_ends_and_leaves_no_file() {
        let name = format!("presignd-test-{}", std::process::id());
        let socket = Socket::bind_abstract(&name).unwrap();
        assert_eq!((socket.place(), socket.file().is_none()), (format!("unix-abstract:{name}"), true));
        let refused = Socket::bind_abstract(&name).unwrap_err();
        assert!(refused.to_string().starts_with(&format!("unix-abstract:{name} is in use")), "{refused}");
        let address = net::SocketAddr::from_abstract_name(&name).unwrap();
        net::UnixStream::connect_addr(&address).unwrap();
        drop(socket);
        net::UnixStream::connect_addr(&address).unwrap_err();
        Socket::bind_abstract(&name).unwrap();
    }
}
