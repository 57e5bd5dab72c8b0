//! The body of a request, in which no message is longer than the daemon takes: the lengths that stand before the messages
//! are looked at as they pass, and the first that is too long ends the call with a clear error. One that comes in pieces
//! takes its user's room until the next begins or the call ends, and its pieces come within the longest time of a call.
//!
//! Never looks into a message. tonic has the first of these bounds, and words of its own for it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use super::bounds::{Bounds, MOST_OF_USER, Taken};
use super::call::Call;
use crate::error::Error;

/// The body.
pub(super) struct Measured {
    body: Body,
    call: Call,
    load: Arc<Load>,
    lengths: Lengths,
    /// Which message the room was taken for, and how long its rest is waited for.
    piecemeal: Option<(u64, Pin<Box<Sleep>>)>,
    /// What was found behind messages that had to go first.
    too_long: Option<usize>,
}

/// What a call takes of its user's room for what it asks, until it ends.
pub(super) struct Load {
    pub(super) bounds: Arc<Bounds>,
    /// The longest time of a call.
    pub(super) most: Duration,
    message: Mutex<Option<Taken>>,
}

impl Load {
    pub(super) fn new(bounds: Arc<Bounds>, most: Duration) -> Self {
        Self { bounds, most, message: Mutex::default() }
    }

    /// In place of what the message before took.
    fn take(&self, bytes: usize) -> Result<(), Error> {
        let mut message = self.message.lock().unwrap_or_else(PoisonError::into_inner);
        *message = None;
        *message = Some(self.bounds.room.take(bytes).ok_or(Error::TooMuchUnread { most: MOST_OF_USER })?);
        Ok(())
    }
}

impl Measured {
    pub(super) fn new(body: Body, call: Call, load: Arc<Load>) -> Self {
        Self { body, call, load, lengths: Lengths::default(), piecemeal: None, too_long: None }
    }

    /// Of a message whose end has not come yet.
    fn is_piecemeal(&mut self) -> Result<(), Error> {
        let Lengths { begun, length, left, .. } = self.lengths;
        if left == 0 {
            self.piecemeal = None;
        } else if self.piecemeal.as_ref().is_none_or(|(of, _)| *of != begun) {
            self.load.take(length)?;
            self.piecemeal = Some((begun, Box::pin(tokio::time::sleep(self.load.most))));
        }
        Ok(())
    }

    fn refuse(&self, found: usize) -> Status {
        self.call.failed(Error::MessageTooLarge { found, most: MAX_MESSAGE_BYTES })
    }
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Some(found) = this.too_long.take() {
            return Poll::Ready(Some(Err(this.refuse(found))));
        }
        let frame = match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Pending => {
                let is_late = |(_, patience): &mut (u64, Pin<Box<Sleep>>)| patience.as_mut().poll(context).is_ready();
                return match this.piecemeal.as_mut().is_some_and(is_late) {
                    true => Poll::Ready(Some(Err(this.call.failed(Error::Deadline("the rest of a message"))))),
                    false => Poll::Pending,
                };
            }
            other => return other,
        };
        let mut data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
        };
        match this.lengths.walk(&data) {
            Ok(()) => {
                let passes = this.is_piecemeal().map(|()| Frame::data(data));
                Poll::Ready(Some(passes.map_err(|error| this.call.failed(error))))
            }
            Err(TooLong { found, at: 0 }) => Poll::Ready(Some(Err(this.refuse(found)))),
            Err(TooLong { found, at }) => {
                this.too_long = Some(found);
                data.truncate(at);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.too_long.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Where in a sequence of messages the next byte stands.
#[derive(Debug, Default)]
struct Lengths {
    /// Bytes of a message's head that were seen, and the length as far as they tell it.
    seen: usize,
    length: usize,
    /// Bytes of the message itself that are to come.
    left: usize,
    /// Messages that have begun.
    begun: u64,
}

/// A length beyond the bound.
#[derive(Debug, PartialEq, Eq)]
struct TooLong {
    found: usize,
    /// How many bytes come before its message's head.
    at: usize,
}

impl Lengths {
    fn walk(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let (mut i, mut began) = (0, 0);
        while i < bytes.len() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len() - i);
                (self.left, i) = (self.left - passed, i + passed);
                began = i;
                continue;
            }
            self.length = if self.seen == 0 { 0 } else { self.length << 8 | usize::from(bytes[i]) };
            (self.seen, i) = (self.seen + 1, i + 1);
            if self.seen == HEAD {
                (self.seen, self.left, self.begun) = (0, self.length, self.begun + 1);
                if self.left > MAX_MESSAGE_BYTES {
                    return Err(TooLong { found: self.left, at: began });
                }
                began = i;
            }
        }
        Ok(())
    }
}

/// The usual bound of gRPC, and room for a thousand requests of 4 KiB.
pub(super) const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// Whether it is compressed, and four bytes of length.
const HEAD: usize = 5;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let head = u32::try_from(length).unwrap().to_be_bytes();
        [&[0][..], &head, &vec![0xff; length.min(70_000)]].concat()
    }

    proptest! {
        #[test]
        fn the_first_length_beyond_the_bound_is_found_wherever_the_pieces_end(
            before in prop::collection::vec(0usize..70_000, 0..5), over in 1usize..1000, cut in 1usize..5000,
        ) {
            let good: Vec<u8> = before.iter().flat_map(|length| message(*length)).collect();
            let all = [good.clone(), message(MAX_MESSAGE_BYTES + over)].concat();
            let (mut lengths, mut passed) = (Lengths::default(), 0);
            for piece in all.chunks(cut) {
                match lengths.walk(piece) {
                    Ok(()) => passed += piece.len(),
                    Err(TooLong { found, at }) => {
                        prop_assert_eq!(found, MAX_MESSAGE_BYTES + over);
                        // Of the head itself some bytes may have passed, and of what comes before it all.
                        prop_assert!((good.len()..good.len() + HEAD).contains(&(passed + at)));
                        return Ok(());
                    }
                }
            }
            prop_assert!(false, "it was not found");
        }
    }

    #[test]
    fn a_message_of_the_greatest_length_passes() {
        assert_eq!(Lengths::default().walk(&message(MAX_MESSAGE_BYTES)), Ok(()));
    }
}
