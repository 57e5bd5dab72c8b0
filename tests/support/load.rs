//! Callers that sign without a pause, and remember every URL they get and the first failure.

#![allow(dead_code, unreachable_pub, reason = "each test crate takes the part it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use presignd::grpc::proto::PresignResponse;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::process::{Daemon, get, presign};

/// Callers at work.
pub struct Load {
    callers: JoinSet<Result<Vec<PresignResponse>, Status>>,
    signed: Arc<AtomicUsize>,
    failed: Arc<AtomicBool>,
    stop: CancellationToken,
}

impl Load {
    /// Two callers on connections of their own.
    pub async fn start(daemon: &Daemon, key: &str, seconds: u64) -> Self {
        let (signed, failed) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (stop, mut callers) = (CancellationToken::new(), JoinSet::new());
        for _ in 0..2 {
            let mut signer = daemon.signer().await;
            let mut asked = get(key);
            asked.expires_in = Some(crate::process::length(seconds));
            let (signed, failed, stop) = (Arc::clone(&signed), Arc::clone(&failed), stop.clone());
            callers.spawn(async move {
                let mut urls = Vec::new();
                while !stop.is_cancelled() {
                    let answer = presign(&mut signer, asked.clone()).await;
                    urls.push(answer.inspect_err(|_| failed.store(true, Ordering::Relaxed))?);
                    signed.fetch_add(1, Ordering::Relaxed);
                    // A breath, so that the other tests of this machine get on too.
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                Ok(urls)
            });
        }
        Self { callers, signed, failed, stop }
    }

    /// How many URLs there are so far.
    pub fn signed(&self) -> usize {
        self.signed.load(Ordering::Relaxed)
    }

    /// Whether a caller got a failure; [`Self::stop`] tells which.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Everything they got, or the first failure.
    pub async fn stop(mut self) -> Result<Vec<PresignResponse>, Status> {
        self.stop.cancel();
        let mut all = Vec::new();
        while let Some(caller) = self.callers.join_next().await {
            all.extend(caller.expect("callers do not panic")?);
        }
        all.sort_by_key(|url| url.signed_at.map(|at| at.seconds));
        Ok(all)
    }
}
