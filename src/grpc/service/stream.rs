//! `PresignStream`: takes what is there, signs it as one group, answers in order, and only then takes more.
//!
//! So at most two groups are in memory for each stream, however fast its caller writes or slow it reads.

use futures_util::FutureExt;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::Services;
use crate::error::Error;
use crate::grpc::call::Call;
use crate::grpc::proto::{PresignStreamRequest, PresignStreamResponse};

/// What the caller reads.
pub(super) type Answers = ReceiverStream<Result<PresignStreamResponse, Status>>;

impl Services {
    /// Runs until the caller has ended its side or gone away, or the daemon stops.
    pub(super) fn answer_stream(self, call: Call, mut asked: Streaming<PresignStreamRequest>) -> Answers {
        let (answers, read) = mpsc::channel(self.limits.borrow().stream_items);
        let work = async move {
            loop {
                let first = tokio::select! {
                    biased;
                    () = answers.closed() => return,
                    () = self.stop.cancelled() => {
                        let _ = answers.send(Err(Status::unavailable("presignd is stopping"))).await;
                        return;
                    }
                    () = call.out_of_time() => {
                        let _ = answers.send(Err(call.failed(Error::Deadline("the next request")))).await;
                        return;
                    }
                    first = asked.message() => first,
                };
                let (group, end) = self.gather(first, &mut asked);
                if self.answer_group(&call, group, &answers).await.is_none() {
                    return; // nobody reads any more
                }
                match end {
                    None => {}
                    Some(Ok(())) => return,
                    Some(Err(status)) => {
                        let _ = answers.send(Err(status)).await;
                        return;
                    }
                }
            }
        };
        tokio::spawn(work);
        ReceiverStream::new(read)
    }

    /// The first request and those that have arrived behind it; and how the stream ended, if it did.
    fn gather(&self, first: Read, asked: &mut Streaming<PresignStreamRequest>) -> (Vec<PresignStreamRequest>, End) {
        let most = self.limits.borrow().stream_items;
        let mut group = Vec::new();
        let (mut next, mut bytes) = (Some(first), 0);
        while let Some(read) = next {
            match read {
                Ok(Some(request)) => {
                    bytes += request.encoded_len();
                    group.push(request);
                }
                Ok(None) => return (group, Some(Ok(()))),
                Err(status) => return (group, Some(Err(status))),
            }
            next = if group.len() < most && bytes < GROUP_BYTES { asked.message().now_or_never() } else { None };
        }
        (group, None)
    }

    async fn answer_group(
        &self,
        call: &Call,
        group: Vec<PresignStreamRequest>,
        answers: &mpsc::Sender<Result<PresignStreamResponse, Status>>,
    ) -> Option<()> {
        if group.is_empty() {
            return Some(());
        }
        let (sequences, requests): (Vec<_>, Vec<_>) =
            group.into_iter().map(|item| (item.sequence, item.request.unwrap_or_default())).unzip();
        // Each group has its own time; the caller's deadline is for the whole stream.
        let longest = self.limits.borrow().call;
        let results = self.issue_group(&call.again(self.issuer.clock().monotonic(), longest), requests).await;
        for (sequence, result) in sequences.into_iter().zip(results) {
            answers.send(Ok(PresignStreamResponse { sequence, result: Some(result) })).await.ok()?;
        }
        Some(())
    }
}

/// Of requests that are signed together, and one more.
const GROUP_BYTES: usize = 128 << 10;

type Read = Result<Option<PresignStreamRequest>, Status>;
/// `None` while the caller may send more.
type End = Option<Result<(), Status>>;
