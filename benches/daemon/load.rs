//! Callers: how they ask, and what they note.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use presignd::clock::Clock;
use presignd::grpc::proto::signer_client::SignerClient;
use presignd::grpc::proto::{
    PresignBatchRequest, PresignRequest, PresignResponse, PresignStreamRequest, presign_result,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use crate::process::{get, length};

/// How callers ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// So many calls at a time, of one URL each.
    Unary(usize),
    /// Four calls at a time, of a hundred each.
    Batch,
    /// One bidirectional stream, as fast as it goes.
    Stream,
}

pub(crate) const SHAPES: [Shape; 4] = [Shape::Unary(1), Shape::Unary(64), Shape::Batch, Shape::Stream];

/// What callers saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) urls: u64,
    /// Of each call; of a stream none.
    pub(crate) times: Vec<Duration>,
}

/// An answer, for servers that only repeat it.
pub(crate) async fn sample(channel: &Channel) -> PresignResponse {
    SignerClient::new(channel.clone()).presign(request(&AtomicU64::new(0))).await.unwrap().into_inner()
}

/// Asks for so long, over one connection.
pub(crate) async fn ask(shape: Shape, channel: &Channel, clock: &Clock, for_so_long: Duration) -> Seen {
    let until = clock.monotonic() + for_so_long;
    let numbers = Arc::new(AtomicU64::new(0));
    let callers = match shape {
        Shape::Unary(callers) => callers,
        Shape::Batch => 4,
        Shape::Stream => 1,
    };
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (signer, clock, numbers) = (signer(channel), clock.clone(), Arc::clone(&numbers));
        tasks.spawn(async move {
            match shape {
                Shape::Unary(_) => unary(signer, &clock, until, &numbers).await,
                Shape::Batch => batches(signer, &clock, until, &numbers).await,
                Shape::Stream => stream(signer, &clock, until, numbers).await,
            }
        });
    }
    let mut all = Seen::default();
    for seen in tasks.join_all().await {
        all.urls += seen.urls;
        all.times.extend(seen.times);
    }
    all
}

type Signer = SignerClient<Channel>;

fn signer(channel: &Channel) -> Signer {
    SignerClient::new(channel.clone()).max_decoding_message_size(64 << 20)
}

async fn unary(mut signer: Signer, clock: &Clock, until: tokio::time::Instant, numbers: &AtomicU64) -> Seen {
    let mut seen = Seen::default();
    loop {
        let began = clock.monotonic();
        if began >= until {
            return seen;
        }
        signer.presign(request(numbers)).await.unwrap();
        seen.times.push(clock.monotonic() - began);
        seen.urls += 1;
    }
}

async fn batches(mut signer: Signer, clock: &Clock, until: tokio::time::Instant, numbers: &AtomicU64) -> Seen {
    let mut seen = Seen::default();
    loop {
        let requests = (0..100).map(|_| request(numbers)).collect();
        let began = clock.monotonic();
        if began >= until {
            return seen;
        }
        let answer = signer.presign_batch(PresignBatchRequest { requests }).await.unwrap().into_inner();
        seen.times.push(clock.monotonic() - began);
        let signed = |item: &&presignd::grpc::proto::PresignResult| {
            matches!(item.result, Some(presign_result::Result::Response(_)))
        };
        assert_eq!(answer.results.iter().filter(signed).count(), 100, "all are signed");
        seen.urls += 100;
    }
}

async fn stream(mut signer: Signer, clock: &Clock, until: tokio::time::Instant, numbers: Arc<AtomicU64>) -> Seen {
    let (ask, asked) = mpsc::channel(64);
    let watch = clock.clone();
    let asking = tokio::spawn(async move {
        let mut sequence = 0;
        while watch.monotonic() < until {
            ask.send(PresignStreamRequest { sequence, request: Some(request(&numbers)) }).await.unwrap();
            sequence += 1;
        }
    });
    let mut answers = signer.presign_stream(ReceiverStream::new(asked)).await.unwrap().into_inner();
    let mut seen = Seen::default();
    while let Some(answer) = answers.message().await.unwrap() {
        let is_signed = matches!(answer.result.unwrap().result, Some(presign_result::Result::Response(_)));
        assert!(is_signed, "all are signed");
        seen.urls += 1;
    }
    asking.await.unwrap();
    seen
}

/// One of a million keys, for an hour.
fn request(numbers: &AtomicU64) -> PresignRequest {
    let number = numbers.fetch_add(1, Ordering::Relaxed) % 1_000_000;
    let key = format!("2026/11/22/holiday-{number:07}.jpg");
    PresignRequest { expires_in: Some(length(3600)), on_behalf_of: "tenant-17".to_owned(), ..get(&key) }
}
