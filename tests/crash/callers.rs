//! Callers of every kind, at work until the daemon is gone: one by one, in batches, as a stream, with request ids and without,
//! and one who asks everything twice at once.

use std::sync::{Arc, Mutex};

use presignd::grpc::proto::signer_client::SignerClient;
use presignd::grpc::proto::{
    PresignBatchRequest, PresignRequest, PresignResponse, PresignResult, PresignStreamRequest, presign_result,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use crate::ledger::Seen;
use crate::process::{Daemon, get, length};
use crate::support::eventually;

/// Callers at work.
pub(crate) struct Callers {
    tasks: JoinSet<()>,
    seen: Notes,
}

type Notes = Arc<Mutex<Vec<Seen>>>;

impl Callers {
    /// They begin; back when they have got something. `life` makes their keys and request ids their own.
    pub(crate) async fn start(daemon: &Daemon, life: usize) -> Self {
        let (seen, mut tasks) = (Notes::default(), JoinSet::new());
        for caller in 0..6 {
            let (signer, seen) = (daemon.signer().await, Arc::clone(&seen));
            let name = format!("{life}/{caller}");
            match caller {
                0 => tasks.spawn(one_by_one(signer, format!("{name}-bare"), seen)),
                1 | 2 => tasks.spawn(one_by_one(signer, format!("{name}-named"), seen)),
                3 => tasks.spawn(in_batches(signer, format!("{name}-named"), seen)),
                4 => tasks.spawn(as_a_stream(signer, format!("{name}-named"), seen)),
                _ => tasks.spawn(twice_at_once(signer, format!("{name}-named"), seen)),
            };
        }
        let answered = || seen.lock().expect("no holder panics").iter().filter(|seen| seen.answer.is_some()).count();
        eventually("callers are answered", async || (answered() > 40).then_some(())).await;
        Self { tasks, seen }
    }

    /// Waits until each has noticed that the daemon is gone; all that they asked and got.
    pub(crate) async fn finish(mut self) -> Vec<Seen> {
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("callers do not panic");
        }
        std::mem::take(&mut self.seen.lock().expect("no holder panics"))
    }
}

/// A request for ten minutes, under an id that is its key where the name says so.
fn ask(name: &str, n: usize) -> PresignRequest {
    let key = format!("{name}/{n}");
    let request_id = if name.ends_with("named") { key.clone() } else { String::new() };
    PresignRequest { expires_in: Some(length(600)), request_id, ..get(&key) }
}

fn note(seen: &Notes, request: PresignRequest, answer: Option<PresignResponse>) {
    seen.lock().expect("no holder panics").push(Seen { request, answer });
}

async fn one_by_one(mut signer: SignerClient<Channel>, name: String, seen: Notes) {
    for n in 0.. {
        let asked = ask(&name, n);
        let answer = signer.presign(asked.clone()).await.ok().map(tonic::Response::into_inner);
        // The first failure is the daemon's end.
        let is_end = answer.is_none();
        note(&seen, asked, answer);
        if is_end {
            return;
        }
    }
}

async fn in_batches(mut signer: SignerClient<Channel>, name: String, seen: Notes) {
    for n in 0.. {
        let requests: Vec<_> = (0..20).map(|at| ask(&name, n * 20 + at)).collect();
        let Ok(answer) = signer.presign_batch(PresignBatchRequest { requests: requests.clone() }).await else {
            return requests.into_iter().for_each(|asked| note(&seen, asked, None));
        };
        for (asked, result) in requests.into_iter().zip(answer.into_inner().results) {
            note(&seen, asked, url(result));
        }
    }
}

async fn as_a_stream(mut signer: SignerClient<Channel>, name: String, seen: Notes) {
    let (send, requests) = mpsc::channel(16);
    let feed = name.clone();
    let feeding = tokio::spawn(async move {
        for n in 0.. {
            let request = PresignStreamRequest { sequence: n as u64, request: Some(ask(&feed, n)) };
            if send.send(request).await.is_err() {
                return n;
            }
        }
        0
    });
    let mut answered = 0;
    if let Ok(answers) = signer.presign_stream(ReceiverStream::new(requests)).await {
        let mut answers = answers.into_inner();
        while let Ok(Some(answer)) = answers.message().await {
            let n = usize::try_from(answer.sequence).expect("as it was sent");
            assert_eq!(n, answered, "answers keep the order of the requests");
            note(&seen, ask(&name, n), answer.result.and_then(url));
            answered += 1;
        }
    }
    let sent = feeding.await.expect("it does not panic");
    (answered..sent).for_each(|n| note(&seen, ask(&name, n), None));
}

async fn twice_at_once(signer: SignerClient<Channel>, name: String, seen: Notes) {
    for n in 0.. {
        let asked = ask(&name, n);
        let (mut first, mut second) = (signer.clone(), signer.clone());
        let answers = tokio::join!(first.presign(asked.clone()), second.presign(asked.clone()));
        let is_end = answers.0.is_err() || answers.1.is_err();
        for answer in [answers.0, answers.1] {
            note(&seen, asked.clone(), answer.ok().map(tonic::Response::into_inner));
        }
        if is_end {
            return;
        }
    }
}

fn url(result: PresignResult) -> Option<PresignResponse> {
    match result.result {
        Some(presign_result::Result::Response(url)) => Some(url),
        _ => None,
    }
}
