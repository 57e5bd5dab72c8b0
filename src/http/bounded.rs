//! A listener with a bound on connections and on the life of each. Where there is no room, the oldest gives way: who
//! only holds connections open keeps nobody out.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(super) struct Bounded {
    listener: TcpListener,
    most: usize,
    life: Duration,
    /// One for each connection, oldest first; cancelled when it ends.
    open: VecDeque<CancellationToken>,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener, most: usize, life: Duration) -> Self {
        Self { listener, most, life, open: VecDeque::new() }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // axum's own accept retries what passes, such as a full table of descriptors.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        self.open.retain(|ended| !ended.is_cancelled());
        if self.open.len() >= self.most
            && let Some(oldest) = self.open.pop_front()
        {
            oldest.cancel();
        }
        let (ended, life) = (CancellationToken::new(), self.life);
        self.open.push_back(ended.clone());
        let end = ended.clone().run_until_cancelled_owned(sleep(life));
        let end = Box::pin(async move {
            end.await;
        });
        (Connection { stream, end, is_over: false, _ended: ended.drop_guard() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Reads as closed once its life is over. What was read before is still answered.
pub(super) struct Connection {
    stream: TcpStream,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
    _ended: DropGuard,
}

impl Connection {
    /// Stays true once it is.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        self.is_over = self.is_over || self.end.as_mut().poll(context).is_ready();
        self.is_over
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over(context) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

/// A peer that does not read what it asked for is cut off too.
impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending if self.is_over(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            written => written,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
