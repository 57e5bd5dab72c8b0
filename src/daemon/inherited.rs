//! Sockets that somebody else has bound for the daemon, such as systemd: descriptors 3 and on, by `LISTEN_FDS`,
//! `LISTEN_PID` and `LISTEN_FDNAMES`.
//!
//! Never closes, unlinks or chmods what is not the daemon's own: such a socket outlives it, and callers wait in it.

use std::os::unix::net::UnixListener;
use std::path::Path;

use listenfd::ListenFd;
use rustix::net::sockopt;

use super::Error;
use crate::config::Sockets;
use crate::grpc::peer::Door;
use crate::grpc::socket::Socket;

/// The sockets that were handed over; those that were not are bound by the daemon itself.
#[derive(Debug, Default)]
pub struct Inherited {
    sign: Option<UnixListener>,
    admin: Option<UnixListener>,
}

/// Descriptors that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum InheritError {
    /// Which socket is which is told by their names.
    #[error(
        "was given {descriptors} descriptors and the names {names:?}; name each \"{SIGN}\" or \"{ADMIN}\" once, with \
         FileDescriptorName= in its socket unit"
    )]
    Names {
        /// How many there are.
        descriptors: usize,
        /// What `LISTEN_FDNAMES` says.
        names: String,
    },
    /// It is something else.
    #[error("the descriptor {name:?} that was given is no listening Unix stream socket (ListenStream= with a path)")]
    Kind {
        /// Its name.
        name: &'static str,
        /// Why not, where the kernel says so.
        source: Option<std::io::Error>,
    },
}

impl Inherited {
    /// Takes what the process was started with, once; `names` is `LISTEN_FDNAMES`. Before any thread is started, because the
    /// variables are taken away, so that no child takes them for its own.
    ///
    /// # Errors
    /// When descriptors were given that cannot be told apart or served.
    pub fn take(names: Option<&str>) -> Result<Self, InheritError> {
        let mut given = ListenFd::from_env();
        let mut taken = Self::default();
        let all: Vec<&str> = names.unwrap_or_default().split(':').filter(|name| !name.is_empty()).collect();
        let descriptors = given.len();
        let wrong = || InheritError::Names { descriptors, names: names.unwrap_or_default().to_owned() };
        if descriptors == 0 {
            return Ok(taken);
        }
        if all.len() != descriptors {
            return Err(wrong());
        }
        for (at, name) in all.iter().enumerate() {
            let (name, place) = match *name {
                SIGN if taken.sign.is_none() => (SIGN, &mut taken.sign),
                ADMIN if taken.admin.is_none() => (ADMIN, &mut taken.admin),
                _ => return Err(wrong()),
            };
            let kind = |source| InheritError::Kind { name, source };
            let listener = given.take_unix_listener(at).map_err(|error| kind(Some(error)))?.ok_or(kind(None))?;
            if !sockopt::socket_acceptconn(&listener).unwrap_or(false) {
                return Err(kind(None));
            }
            *place = Some(listener);
        }
        Ok(taken)
    }

    /// Every socket with its door: what was handed over, and what is bound where the configuration says.
    pub(super) fn or_bind(self, places: &Sockets) -> Result<Vec<(Socket, Door)>, Error> {
        let one = |name, given, path: &Path, mode| -> Result<Socket, Error> {
            let Some(listener) = given else { return Ok(Socket::bind(path, mode)?) };
            let kind = |source| InheritError::Kind { name, source: Some(source) };
            Ok(Socket::from_listener(listener).map_err(kind)?)
        };
        let sign = one(SIGN, self.sign, &places.sign, places.sign_mode)?;
        let admin = one(ADMIN, self.admin, &places.admin, places.admin_mode)?;
        let mut sockets = vec![(sign, Door::Sign), (admin, Door::Admin)];
        // What no mode of a file guards is for signing and never for operators.
        if let Some(name) = &places.sign_abstract {
            sockets.push((Socket::bind_abstract(name)?, Door::Sign));
        }
        Ok(sockets)
    }
}

const SIGN: &str = "sign";
const ADMIN: &str = "admin";
