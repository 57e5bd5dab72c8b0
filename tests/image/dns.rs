//! A name server on loopback that knows one name, which is 127.0.0.1. Whoever finds that name has asked it.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// Dropped, it is gone.
pub(crate) struct Names {
    address: Ipv4Addr,
    _tasks: JoinSet<()>,
}

/// Serves on port 53, which only root may take, of an address of loopback that nobody else uses.
pub(crate) async fn start(name: &'static str) -> Names {
    let address = Ipv4Addr::new(127, fastrand::u8(1..255), fastrand::u8(1..255), fastrand::u8(1..255));
    let socket = UdpSocket::bind((address, 53)).await.expect("root may take the port of DNS");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut question = [0; 512];
        loop {
            let (length, asker) = socket.recv_from(&mut question).await.expect("loopback does not fail");
            drop(socket.send_to(&answer(&question[..length], name), asker).await);
        }
    });
    Names { address, _tasks: tasks }
}

impl Names {
    /// What the container has as /etc/resolv.conf.
    pub(crate) fn resolv_conf(&self, folder: &Path) -> PathBuf {
        let path = folder.join("resolv.conf");
        std::fs::write(&path, format!("nameserver {}\n", self.address)).expect("the folder can be written");
        path
    }
}

/// RFC 1035: the question again, and its address where it is the name's IPv4 one.
fn answer(question: &[u8], name: &str) -> Vec<u8> {
    let asked: Vec<u8> =
        name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).chain([0]).collect();
    let end = HEADER + asked.len() + 4;
    let known = question.get(HEADER..HEADER + asked.len()).is_some_and(|it| it == asked);
    let address = known && question.get(end - 4..end) == Some(&[0, 1, 0, 1]);
    let code = if known { 0 } else { NO_SUCH_NAME };
    let mut reply = question[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(address), 0, 0, 0, 0]);
    // The question without what resolvers add to it.
    let mut at = HEADER;
    while question.get(at).is_some_and(|length| *length != 0) {
        at += usize::from(question[at]) + 1;
    }
    reply.extend(question.get(HEADER..at + 5).unwrap_or_default());
    if address {
        // A pointer to the name, type A, class IN, a minute, four bytes.
        reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    reply
}

const HEADER: usize = 12;
const NO_SUCH_NAME: u8 = 3;
