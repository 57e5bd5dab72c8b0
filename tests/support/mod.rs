//! What stands in for AWS: an STS and an S3 on loopback that know the same keys. Shared by tests and by the demo.
//!
//! No part of the daemon, and none of its code is used here: what checks a signature must not be what made it.

#![allow(dead_code, unreachable_pub, reason = "each test crate takes the part it needs")]

pub mod http;
pub mod internet;
pub mod keys;
pub mod s3;
pub mod sts;

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since the epoch, by this machine's clock: the stand-ins are AWS, and have a clock of their own.
#[expect(
    clippy::disallowed_methods,
    reason = "the stand-ins are another machine: they do not share the daemon's clock"
)]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970");
    i64::try_from(since.as_secs()).expect("and before the end of time")
}

/// Polls until `probe` gives something; panics with `what` when it does not within a generous deadline.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}"))
}

/// A port of loopback that is free, and stays so until somebody here listens: the kernel gives it to no connection, for
/// those it gives away lie above, and no other test takes it while this process lives.
pub fn free_port() -> u16 {
    let free = |port: &u16| is_ours(*port) && TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(10_000..30_000)).find(free).expect("loopback has a free port")
}

/// Takes a port among tests: a name in the kernel, which belongs to the first who binds it until that process ends.
fn is_ours(port: u16) -> bool {
    let name = SocketAddr::from_abstract_name(format!("presignd-test-port-{port}")).expect("a short name");
    UnixListener::bind_addr(&name).map(std::mem::forget).is_ok()
}

/// Long enough for a loaded machine; reached only by a test that fails.
pub const DEADLINE: Duration = Duration::from_secs(300);
