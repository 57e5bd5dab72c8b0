//! A port that leads to a stand-in, and that can be shut: then the kernel refuses every connection, as where nobody
//! listens.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::free_port;

/// The port. Dropped, it is shut.
pub(crate) struct Relay {
    to: SocketAddr,
    address: SocketAddr,
    open: JoinSet<()>,
}

impl Relay {
    /// Opens a free port.
    pub(crate) async fn to(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", free_port())).await.expect("it is free");
        let address = listener.local_addr().expect("it is bound");
        let mut relay = Self { to, address, open: JoinSet::new() };
        relay.serve(listener);
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
        let listener = TcpListener::bind(self.address).await.expect("nobody has taken the port");
        self.serve(listener);
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
