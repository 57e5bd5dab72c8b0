//! A port that leads to a stand-in, and that can be shut: then the kernel refuses every connection, as where nobody
//! listens.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::support::free_port;

/// The port. Dropped, it is shut.
pub(crate) struct Relay {
    to: SocketAddr,
    address: SocketAddr,
    /// Does not listen, and keeps the port from everybody else.
    _kept: TcpSocket,
    open: JoinSet<()>,
}

impl Relay {
    /// Opens a free port.
    pub(crate) async fn to(to: SocketAddr) -> Self {
        let address = ([127, 0, 0, 1], free_port()).into();
        let mut relay = Self { to, address, _kept: bound(address), open: JoinSet::new() };
        relay.open().await;
        relay
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Shuts it, and cuts every connection through it.
    pub(crate) async fn shut(&mut self) {
        self.open.shutdown().await;
    }

    /// Opens it again.
    pub(crate) async fn open(&mut self) {
        self.shut().await;
        self.serve(bound(self.address).listen(64).expect("the port is ours"));
    }

    fn serve(&mut self, listener: TcpListener) {
        let to = self.to;
        self.open.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((mut client, _)) = listener.accept().await else { continue };
                connections.spawn(async move {
                    let Ok(mut server) = TcpStream::connect(to).await else { return };
                    // A peer that goes away is its own affair.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
    }
}

/// A socket of that port, beside others of this process.
fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseport(true).and_then(|()| socket.bind(address)).expect("nobody has taken the port");
    socket
}
