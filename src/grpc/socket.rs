//! A Unix socket of the daemon: bound so that no living one is stolen and no other file is harmed, seen by others only
//! once its mode is set, and removed when the daemon stops.
//!
//! Never decides who may call; `grpc::peer` says who does, and `access` what that allows.

mod abstract_name;
mod directory;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};
use rustix::process::geteuid;
use tokio::net::UnixListener;

use crate::client::ABSTRACT;

/// A listening socket. Dropping it removes its file, if this process made it and it is still the same file.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    bound: Option<Bound>,
}

/// What was made in the file system, and the lock that says that it is in use.
#[derive(Debug)]
struct Bound {
    file: SocketFile,
    /// Held for as long as the socket listens. The file stays: removing a lock file is a race of its own.
    _lock: File,
}

/// The file of a socket that this process has bound.
#[derive(Debug, Clone)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Socket {
    /// Binds `path` with permissions `mode`, making its directory where there is none. A directory of our own is open to
    /// those classes of users to whom `mode` opens the socket.
    ///
    /// The order makes it safe: the lock first, so that one process at a time goes on; then whatever lies at `path` is
    /// looked at; then the socket is made beside it, given its mode, and only then renamed to `path`.
    ///
    /// # Errors
    /// When a living socket or a file of another kind is at `path`, when its directory keeps out whom `mode` admits, and
    /// when the file system refuses. Needs a runtime.
    pub fn bind(path: &Path, mode: u32) -> Result<Self, BindError> {
        let failed = |doing: &'static str| move |source| BindError::Io { path: path.to_owned(), doing, source };
        let fresh = beside(path, FRESH);
        if fresh.as_os_str().len() > MAX_PATH_BYTES {
            return Err(BindError::TooLong { path: path.to_owned() });
        }
        directory::make(path, mode).map_err(failed("make the directory of"))?;
        let lock = lock(path)?;
        clear(path)?;
        directory::fit(path, mode)?;

        // A process that died here has left this name, and the lock says that nobody lives who uses it.
        remove_if_there(&fresh).map_err(failed("clear the way for"))?;
        let listener = net::UnixListener::bind(&fresh).map_err(failed("bind"))?;
        let made = (|| {
            let this = Opened::at(&fresh)?;
            // Where others may write, somebody may have put another file in its place.
            if !this.metadata.file_type().is_socket() || this.metadata.uid() != geteuid().as_raw() {
                return Err(io::Error::other("it is no longer the socket that this process bound"));
            }
            this.set_mode(mode)?;
            listener.set_nonblocking(true)?;
            fs::rename(&fresh, path)?;
            Ok((UnixListener::from_std(listener)?, (this.metadata.dev(), this.metadata.ino())))
        })();
        let (listener, identity) = made.map_err(failed("set up"))?;
        let file = SocketFile { path: path.to_owned(), identity };
        Ok(Self { listener, bound: Some(Bound { file, _lock: lock }) })
    }

    /// Takes over a socket that somebody else bound, such as systemd. Its file is theirs.
    ///
    /// # Errors
    /// When it cannot be made non-blocking. Needs a runtime.
    pub fn from_listener(listener: net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(listener)?, bound: None })
    }

    /// Its file; `None` when somebody else bound it, who then chooses its mode too.
    pub fn file(&self) -> Option<SocketFile> {
        self.bound.as_ref().map(|bound| bound.file.clone())
    }

    /// Where callers find it, for people.
    pub fn place(&self) -> String {
        // What is bound here has another name first.
        let own = self.bound.as_ref().map(|bound| bound.file.path.clone());
        let given = || {
            let address = self.listener.local_addr().ok()?;
            let name = address.as_abstract_name().map(|name| format!("{ABSTRACT}{}", name.escape_ascii()));
            name.map(PathBuf::from).or_else(|| address.as_pathname().map(Path::to_owned))
        };
        own.or_else(given).map_or_else(|| "a socket without a path".to_owned(), |path| path.display().to_string())
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl std::fmt::Display for SocketFile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.path.display().fmt(out)
    }
}

impl SocketFile {
    /// Gives the socket another mode while it listens, and a directory of our own the mode that goes with it.
    ///
    /// # Errors
    /// As [`Socket::bind`]; also when something else lies at its path by now.
    pub fn set_mode(&self, mode: u32) -> Result<(), BindError> {
        let failed = |source| BindError::Io { path: self.path.clone(), doing: "set the mode of", source };
        directory::fit(&self.path, mode)?;
        let this = Opened::at(&self.path).map_err(failed)?;
        if !self.is(&this.metadata) {
            return Err(failed(io::Error::other("it is no longer the socket that this process bound")));
        }
        this.set_mode(mode).map_err(failed)
    }

    /// Whether callers still find it at its path.
    pub fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|metadata| self.is(&metadata))
    }

    fn is(&self, metadata: &fs::Metadata) -> bool {
        (metadata.dev(), metadata.ino()) == self.identity
    }
}

/// A file held by its descriptor, so that it is this one and no other whose mode is set.
struct Opened {
    file: File,
    metadata: fs::Metadata,
}

impl Opened {
    fn at(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags((OFlags::PATH | OFlags::NOFOLLOW).bits().cast_signed());
        let file = options.open(path)?;
        let metadata = file.metadata()?;
        Ok(Self { file, metadata })
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        let this = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        fs::set_permissions(this, Permissions::from_mode(mode & 0o777))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.file.is_there() {
            // Nothing is lost when it cannot be removed: the next start finds it dead.
            let _ = fs::remove_file(&self.file.path);
        }
    }
}

/// A socket could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("{path} is in use: another presignd, or another program, listens there")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something lies there that is no socket, and is left alone.
    #[error("{path} exists and is no socket; presignd does not remove it")]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// Its directory keeps out everybody whom the socket's mode admits, and is not ours to change.
    #[error(
        "{} has mode {there:04o}, which keeps out all others whom the socket's mode {mode:04o} admits, and presignd does not \
         change it because it holds other files or belongs to somebody else: chmod it to {wanted:04o}, or set the socket's \
         mode to \"0600\"", directory.display()
    )]
    Closed {
        /// The directory.
        directory: PathBuf,
        /// Its mode.
        there: u32,
        /// The socket's mode.
        mode: u32,
        /// The mode that would do.
        wanted: u32,
    },
    /// The kernel's bound on socket names.
    #[error("{path} is too long for a socket: {MAX_SOCKET_PATH_BYTES} bytes are the most")]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("could not {doing} {path}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
}

fn lock(path: &Path) -> Result<File, BindError> {
    let failed = |source| BindError::Io { path: path.to_owned(), doing: "lock", source };
    // Its owner alone may open it, so nobody else can hold it and keep the daemon from starting.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    // Nor may what somebody else put there hold it up, as a FIFO does that nobody reads.
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let file = options.open(beside(path, LOCK)).map_err(failed)?;
    match rustix::fs::flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(BindError::InUse { path: path.to_owned() }),
        Err(error) => Err(failed(error.into())),
    }
}

/// Makes sure that nothing at `path` is worth keeping: nothing at all, or a socket that nobody listens on. Leaves the
/// dead socket where it is, since the rename will replace it.
fn clear(path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::Io { path: path.to_owned(), doing: "look at", source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(BindError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match net::UnixStream::connect(path) {
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        Ok(_) => Err(BindError::InUse { path: path.to_owned() }),
        // A full backlog is a sign of life too; anything else is not known to be dead.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(BindError::InUse { path: path.to_owned() }),
        Err(error) => Err(failed(error)),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The name under which a socket is made before it is shown.
const FRESH: &str = ".new";
const LOCK: &str = ".lock";
/// Of what belongs to a socket, itself among them, what is added to its path.
const BELONGING: [&str; 3] = ["", FRESH, LOCK];
/// `sun_path` holds 108 bytes with its end.
const MAX_PATH_BYTES: usize = 107;
/// The same for the path that is asked for, which is bound with four characters more.
const MAX_SOCKET_PATH_BYTES: usize = MAX_PATH_BYTES - FRESH.len();

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn socket_and_directory_get_their_modes_and_the_file_goes_with_the_socket() {
        let root = tempfile::tempdir().unwrap();
        for (mode, directory_mode) in [(0o666, 0o755), (0o660, 0o750), (0o600, 0o700)] {
            let path = root.path().join(format!("{mode:o}/deep/presignd.sock"));
            let socket = Socket::bind(&path, mode).unwrap();
            assert_eq!(mode_of(&path), mode);
            assert_eq!(mode_of(path.parent().unwrap()), directory_mode);
            net::UnixStream::connect(&path).unwrap();
            drop(socket);
            assert!(!path.exists());
        }
    }

    #[tokio::test]
    async fn a_directory_of_an_earlier_start_follows_the_configuration() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("sign/presignd.sock");
        for (mode, directory_mode) in [(0o600, 0o700), (0o666, 0o755), (0o600, 0o700)] {
            let socket = Socket::bind(&path, mode).unwrap();
            assert_eq!(mode_of(path.parent().unwrap()), directory_mode);
            // Whoever cannot have the socket changes nothing.
            assert!(matches!(Socket::bind(&path, 0o640), Err(BindError::InUse { .. })));
            assert_eq!(mode_of(path.parent().unwrap()), directory_mode);
            drop(socket);
        }
    }

    #[tokio::test]
    async fn a_listening_socket_takes_another_mode_and_no_other_file_does() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("sign/presignd.sock");
        let socket = Socket::bind(&path, 0o600).unwrap();
        let file = socket.file().unwrap();
        file.set_mode(0o666).unwrap();
        assert_eq!((mode_of(&path), mode_of(path.parent().unwrap())), (0o666, 0o755));
        net::UnixStream::connect(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(file.set_mode(0o600).is_err());
        let other = root.path().join("other");
        fs::write(&other, "").unwrap();
        let before = mode_of(&other);
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(file.set_mode(0o606).is_err());
        assert_eq!(mode_of(&other), before);
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("s");
        drop(net::UnixListener::bind(&path).unwrap());
        drop(net::UnixListener::bind(beside(&path, ".new")).unwrap());
        let _socket = Socket::bind(&path, 0o600).unwrap();
        net::UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn a_living_socket_is_not_stolen() {
        let root = tempfile::tempdir().unwrap();
        let (ours, theirs) = (root.path().join("ours"), root.path().join("theirs"));
        let _socket = Socket::bind(&ours, 0o600).unwrap();
        assert!(matches!(Socket::bind(&ours, 0o600), Err(BindError::InUse { .. })));
        // One that does not know our lock.
        let _listener = net::UnixListener::bind(&theirs).unwrap();
        assert!(matches!(Socket::bind(&theirs, 0o600), Err(BindError::InUse { .. })));
        net::UnixStream::connect(&ours).unwrap();
        net::UnixStream::connect(&theirs).unwrap();
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let (file, link) = (root.path().join("file"), root.path().join("link"));
        fs::write(&file, "precious").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            assert!(matches!(Socket::bind(path, 0o600), Err(BindError::NotASocket { .. })));
        }
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn a_socket_that_took_our_place_is_not_removed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("s");
        let socket = Socket::bind(&path, 0o600).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = net::UnixListener::bind(&path).unwrap();
        drop(socket);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn what_others_have_put_beside_the_socket_neither_holds_up_the_start_nor_gets_its_mode() {
        let root = tempfile::tempdir().unwrap();
        let (path, precious) = (root.path().join("s"), root.path().join("precious"));
        fs::write(&precious, "").unwrap();
        fs::set_permissions(&precious, Permissions::from_mode(0o600)).unwrap();
        for suffix in [FRESH, LOCK] {
            std::os::unix::fs::symlink(&precious, beside(&path, suffix)).unwrap();
        }
        let is_refused = || matches!(Socket::bind(&path, 0o666), Err(BindError::Io { doing: "lock", .. }));
        assert!(is_refused(), "a link to another file");
        fs::remove_file(beside(&path, LOCK)).unwrap();
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, beside(&path, LOCK), kind, 0o666.into(), 0).unwrap();
        assert!(is_refused(), "a FIFO that nobody reads");
        fs::remove_file(beside(&path, LOCK)).unwrap();
        let _socket = Socket::bind(&path, 0o666).unwrap();
        assert_eq!((mode_of(&path), mode_of(&precious)), (0o666, 0o600));
    }

    #[tokio::test]
    async fn a_path_over_the_bound_of_the_kernel_is_named() {
        let path = PathBuf::from(format!("/nowhere/{}", "x".repeat(MAX_SOCKET_PATH_BYTES)));
        assert!(matches!(Socket::bind(&path, 0o600), Err(BindError::TooLong { .. })));
    }
}
