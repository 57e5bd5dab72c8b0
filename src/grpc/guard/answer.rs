//! The bodies of answers: one that is there in full takes its user's room until it is on the socket, and one that goes on takes a
//! fixed part of it until it ends.
//!
//! Never looks into a message.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use super::running::Running;
use crate::error::Error;
use crate::grpc::bounds::{MOST_OF_USER, Taken, Unread};
use crate::grpc::measured::Load;

/// The one answer of a call.
pub(super) struct Whole {
    data: Option<Bytes>,
    trailers: Option<http::HeaderMap>,
    _running: Running,
    _load: Arc<Load>,
}

/// The bytes of an answer with what they take of their user's room, until they are on the socket: h2 keeps them for as long as
/// their caller does not read, and when the body is long over.
struct Kept {
    data: Bytes,
    _taken: Taken,
    _unread: Unread,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Whole {
    /// What is there in full, as it is of every handler that has one answer.
    pub(super) async fn of(mut body: Body, mut running: Running, load: Arc<Load>) -> Result<Self, Status> {
        let (mut data, mut trailers) = (None, None);
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let frame = frame.inspect_err(|status| running.ends_with(status))?;
            match frame.into_data() {
                Ok(piece) => data = Some(behind(data, piece)),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        if let Some(trailers) = &trailers {
            running.ends_as(trailers);
        }
        let now = running.inside.clock.monotonic();
        let keep = |data: Bytes| {
            let taken = load.bounds.room.take(data.len()).ok_or(Error::TooMuchUnread { most: MOST_OF_USER })?;
            Ok(Bytes::from_owner(Kept { data, _taken: taken, _unread: load.bounds.gives(now) }))
        };
        let data = data.map(keep).transpose().map_err(|error: Error| Status::from(error));
        let data = data.inspect_err(|status| running.ends_with(status))?;
        Ok(Self { data, trailers, _running: running, _load: load })
    }
}

/// An answer comes in one piece, so nothing is copied.
fn behind(before: Option<Bytes>, piece: Bytes) -> Bytes {
    match before {
        None => piece,
        Some(before) => [before, piece].concat().into(),
    }
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let data = this.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| this.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A body whose trailers are read as they pass, for the status.
pub(super) struct Watched {
    pub(super) body: Body,
    pub(super) running: Running,
    pub(super) _taken: Option<Taken>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.running.ends_as(trailers);
                }
            }
            Some(Err(status)) => this.running.ends_with(status),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
