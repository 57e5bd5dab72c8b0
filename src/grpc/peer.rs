//! Who is at the other end of a connection, as the kernel says it, and the connection itself.
//!
//! Never believes what a caller says of itself.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::Sleep;
use tonic::transport::server::Connected;
use tracing::warn;

use super::accept::Place;
use super::authority::Filtered;
use super::bounds::Bounds;
use crate::access::Caller;
use crate::clock::Clock;

/// The socket a call came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// For those who sign: their own records, the identities of their grants.
    Sign,
    /// For operators: everything.
    Admin,
}

/// What every call knows of its connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The process that asked, resolved once, when it connected.
    pub caller: Arc<Caller>,
    /// Where it came in.
    pub door: Door,
    /// What it may take of the daemon's memory.
    pub(super) bounds: Arc<Bounds>,
}

/// An accepted connection: filtered on the way in, and counted until it ends.
pub struct Connection {
    stream: Filtered<UnixStream>,
    peer: Peer,
    /// Runs out on a peer that connects and says nothing. Afterwards HTTP/2's pings tell who is alive.
    patience: Option<Pin<Box<Sleep>>>,
    /// The longest that an answer may wait to be read, and the span of time in which that was looked at last.
    unread: (Duration, usize),
    clock: Clock,
    _place: Place,
}

impl Connection {
    /// # Errors
    /// When the kernel does not name the peer.
    pub(super) fn new(stream: UnixStream, door: Door, place: Place, call: Duration, clock: Clock) -> io::Result<Self> {
        let caller = Arc::new(caller(&stream)?);
        let patience = Some(Box::pin(tokio::time::sleep(PATIENCE)));
        let bounds = Arc::new(Bounds::new(place.room(), clock.monotonic()));
        let (stream, peer) = (Filtered::new(stream), Peer { caller, door, bounds });
        Ok(Self { stream, peer, patience, unread: (call, 0), clock, _place: place })
    }

    /// Who it is.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl Connection {
    /// Whether it leaves answers unread for longer than any call may take. Looked at when something is heard of it, which
    /// pings see to.
    fn leaves_unread(&mut self) -> bool {
        let (now, bounds) = (self.clock.monotonic(), &self.peer.bounds);
        let (most, looked) = &mut self.unread;
        let span = bounds.span(now);
        std::mem::replace(looked, span) != span && bounds.is_late(now, *most)
    }
}

/// The executable is read here because `/proc` can tell it only while the process lives and before its number is used
/// again. It is for the record and for people: no grant depends on it.
fn caller(stream: &UnixStream) -> io::Result<Caller> {
    let credentials = stream.peer_cred()?;
    // 0 is what a peer outside of our process namespace looks like.
    let pid = credentials.pid().filter(|pid| *pid > 0);
    let executable = pid.and_then(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok());
    let executable = executable.and_then(|path| path.into_os_string().into_string().ok());
    let printable = |path: &String| path.len() <= MAX_EXECUTABLE_BYTES && !path.chars().any(char::is_control);
    Ok(Caller { uid: credentials.uid(), gid: credentials.gid(), pid, executable: executable.filter(printable) })
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.patience.take_if(|_| !this.stream.in_preface());
        if this.patience.as_mut().is_some_and(|patience| patience.as_mut().poll(context).is_ready()) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if this.leaves_unread() {
            let Caller { uid, pid, executable, .. } = &*this.peer.caller;
            warn!(uid, pid, executable, "answers were not read within limits.call; their connection is closed");
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut this.stream).poll_read(context, out)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream.get_mut()).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream.get_mut()).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream.get_mut()).poll_shutdown(context)
    }
}

/// Longer paths are left out of the record rather than cut.
const MAX_EXECUTABLE_BYTES: usize = 1024;
/// A place is not kept for longer for a peer that does not speak.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::grpc::accept::Rank;
    use crate::time::Timestamp;

    #[tokio::test]
    async fn the_kernel_names_the_caller() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let caller = caller(&ours).unwrap();
        assert_eq!(caller.uid, rustix::process::geteuid().as_raw());
        assert_eq!(caller.pid, Some(std::process::id().cast_signed()));
        assert_eq!(
            caller.executable,
            std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_leaves_an_answer_unread_for_longer_than_a_call_may_take_loses_its_connection() {
        for (reads, is_kept) in [(true, true), (false, false)] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let (call, clock) = (Duration::from_secs(30), Clock::tokio(Timestamp::EPOCH));
            let place = super::super::accept::Places::default().take(0, Rank::Own, 2).unwrap();
            let mut connection = Connection::new(ours, Door::Sign, place, call, clock.clone()).unwrap();
            let unread = Some(connection.peer().bounds.gives(clock.monotonic())).filter(|_| !reads);
            let mut read = [0; 64];
            theirs.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
            while connection.read(&mut read).await.unwrap() == read.len() {}
            tokio::time::advance(Duration::from_secs(80)).await;
            theirs.write_all(b"ping").await.unwrap();
            assert_eq!(connection.read(&mut read).await.is_ok(), is_kept);
            drop(unread);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_loses_its_place() {
        let mut places = super::super::accept::Places::default();
        let mut read = [0; 64];
        for (said, patient) in
            [(&b""[..], false), (b"PRI * HTTP/2.0\r\n\r\n", false), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true)]
        {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let place = places.take(0, Rank::Own, 1).unwrap();
            let (call, clock) = (Duration::from_secs(30), Clock::system());
            let mut connection = Connection::new(ours, Door::Sign, place, call, clock).unwrap();
            theirs.write_all(said).await.unwrap();
            let talk = async {
                while connection.read(&mut read).await? > 0 {}
                io::Result::Ok(())
            };
            let outcome = tokio::time::timeout(PATIENCE * 2, talk).await;
            assert_eq!(outcome.is_err(), patient, "{outcome:?}");
        }
        assert!(places.take(0, Rank::Own, 1).is_some(), "each gave its place back");
    }
}
