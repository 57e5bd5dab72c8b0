//! Callers of many kinds, all the time: those who stay, those who come for one call, those who ask, and those who hang up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use presignd::grpc::proto::{ListUrlsRequest, PresignBatchRequest, PresignRequest};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::process::{Daemon, get, presign};
use crate::support::eventually;

/// Callers at work.
pub(crate) struct Load {
    callers: JoinSet<()>,
    calls: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Load {
    pub(crate) async fn start(daemon: &Daemon) -> Self {
        let (calls, stop, mut callers) = (Arc::<AtomicUsize>::default(), CancellationToken::new(), JoinSet::new());
        let work = || (Arc::clone(&calls), stop.clone());
        let (mut signer, (done, end)) = (daemon.signer().await, work());
        callers.spawn(async move {
            for n in until(&end) {
                presign(&mut signer, named(n)).await.expect("it signs");
                done.fetch_add(1, Ordering::Relaxed);
                breathe().await;
            }
        });
        let (mut signer, (done, end)) = (daemon.signer().await, work());
        callers.spawn(async move {
            for n in until(&end) {
                let requests = (0..50).map(|at| get(&format!("{n}/{at}"))).collect();
                let answer = signer.presign_batch(PresignBatchRequest { requests }).await.expect("it signs");
                done.fetch_add(answer.into_inner().results.len(), Ordering::Relaxed);
                breathe().await;
            }
        });
        // A connection for each call, and some are dropped in the middle of it.
        let (socket, (done, end)) = (daemon.sign_socket(), work());
        callers.spawn(async move {
            for n in until(&end) {
                let channel = Daemon::channel(&socket).await;
                let mut signer = presignd::grpc::proto::signer_client::SignerClient::new(channel);
                let call = presign(&mut signer, get("once"));
                if n % 4 == 0 {
                    let _ = tokio::time::timeout(Duration::from_micros(fastrand::u64(..2000)), call).await;
                } else {
                    call.await.expect("it signs");
                }
                done.fetch_add(1, Ordering::Relaxed);
                breathe().await;
            }
        });
        let (mut registry, (done, end)) = (daemon.registry().await, work());
        callers.spawn(async move {
            for _ in until(&end) {
                registry.list_urls(ListUrlsRequest::default()).await.expect("a list");
                done.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { callers, calls, stop }
    }

    /// Until so many calls were answered.
    pub(crate) async fn until(&self, calls: usize) {
        eventually("callers are answered", async || (self.calls.load(Ordering::Relaxed) >= calls).then_some(())).await;
    }

    /// How many there were; panics where one failed.
    pub(crate) async fn stop(mut self) -> usize {
        self.stop.cancel();
        while let Some(ended) = self.callers.join_next().await {
            ended.expect("no call fails");
        }
        self.calls.load(Ordering::Relaxed)
    }
}

fn named(n: usize) -> PresignRequest {
    PresignRequest { request_id: format!("{n}"), ..get(&format!("named/{n}")) }
}

fn until(end: &CancellationToken) -> impl Iterator<Item = usize> {
    let end = end.clone();
    (0..).take_while(move |_| !end.is_cancelled())
}

/// So that the other tests of this machine get on too.
async fn breathe() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}
