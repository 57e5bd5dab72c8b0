//! A read filter that makes an `:authority` palatable: gRPC C-core, Java and Swift send the socket's percent-encoded
//! path (`run%2Fpresignd.sock`), which h2 answers with RST_STREAM (hyperium/h2#487). `%` and `/` become `-`, which is as
//! long as they are, raw and Huffman-coded, so that no length anywhere changes (docs/adr/0002-authority.md).
//!
//! Never judges: what it does not understand passes unchanged, for h2 to refuse. Never changes the number of bytes, and
//! never looks at anything but the blocks of HEADERS frames.

mod hpack;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// A stream whose read half is filtered. Its write half is the stream's own.
#[derive(Debug)]
pub struct Filtered<S> {
    stream: S,
    at: At,
    /// A block that came in pieces. Its first `have` bytes are here; they are given out when all of it is.
    held: Vec<u8>,
    have: usize,
    /// How much of `held` has been given out.
    given: usize,
}

/// Where in the connection the next byte to be read stands.
#[derive(Debug)]
enum At {
    /// In the client preface, after so many bytes.
    Preface(usize),
    /// In the head of a frame, of which so many bytes were seen.
    Head([u8; HEAD], usize),
    /// In the payload of a frame that passes: so many bytes are left.
    Passing(usize),
    /// At the payload of a HEADERS frame, or in the midst of it when `held` has begun.
    Block { flags: u8, length: usize },
    /// `held` is whole and is being given out; then comes the head of a frame.
    Giving,
    /// This is not HTTP/2, or it has ended: everything passes.
    Open,
}

impl<S> Filtered<S> {
    /// Filters from the first byte of a connection on.
    pub fn new(stream: S) -> Self {
        Self { stream, at: At::Preface(0), held: Vec::new(), have: 0, given: 0 }
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream itself, to be written to: what is read past the filter is lost to it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Whether the peer has yet to finish the client preface, with which HTTP/2 begins.
    pub fn in_preface(&self) -> bool {
        matches!(self.at, At::Preface(_))
    }

    /// Walks bytes that were just read, rewriting in place. Gives back how many of them may be passed on; the others
    /// are the beginning of a block and are held.
    fn walk(&mut self, bytes: &mut [u8]) -> usize {
        let mut i = 0;
        while i < bytes.len() {
            match &mut self.at {
                At::Preface(seen) => {
                    if bytes[i] != PREFACE[*seen] {
                        self.at = At::Open;
                        continue;
                    }
                    *seen += 1;
                    i += 1;
                    if *seen == PREFACE.len() {
                        self.at = At::Head([0; HEAD], 0);
                    }
                }
                At::Head(head, seen) => {
                    head[*seen] = bytes[i];
                    *seen += 1;
                    i += 1;
                    if *seen == HEAD {
                        self.at = after_head(*head);
                    }
                }
                At::Passing(left) => {
                    let passed = (*left).min(bytes.len() - i);
                    *left -= passed;
                    i += passed;
                    if *left == 0 {
                        self.at = At::Head([0; HEAD], 0);
                    }
                }
                At::Block { flags, length } => {
                    let rest = &mut bytes[i..];
                    let Some(block) = rest.get_mut(..*length) else {
                        self.have = rest.len();
                        self.held.resize(*length, 0);
                        self.held[..rest.len()].copy_from_slice(rest);
                        return i;
                    };
                    rewrite(block, *flags);
                    i += *length;
                    self.at = At::Head([0; HEAD], 0);
                }
                At::Giving | At::Open => return bytes.len(),
            }
        }
        bytes.len()
    }
}

fn after_head(head: [u8; HEAD]) -> At {
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    match (head[3], length) {
        (_, 0) => At::Head([0; HEAD], 0),
        // A longer one is over the frame size that the server announces; h2 refuses it.
        (HEADERS, 1..=MAX_BLOCK) => At::Block { flags: head[4], length },
        _ => At::Passing(length),
    }
}

/// Finds the header block within the payload of a HEADERS frame (RFC 9113 section 6.2). When the block goes on in
/// CONTINUATION frames, this part of it is walked as far as its fields are whole: pseudo-headers come first, so an
/// `:authority` beyond it is not what any client sends, and passes.
fn rewrite(payload: &mut [u8], flags: u8) {
    let (before, after) = match payload.first() {
        Some(padding) if flags & PADDED != 0 => (1, usize::from(*padding)),
        _ => (0, 0),
    };
    let before = before + if flags & PRIORITY == 0 { 0 } else { PRIORITY_BYTES };
    let end = payload.len().saturating_sub(after);
    if let Some(block) = payload.get_mut(before..end) {
        hpack::soften_authority(block);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Filtered<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            match this.at {
                At::Giving => {
                    let ready = &this.held[this.given..this.have];
                    let count = ready.len().min(out.remaining());
                    out.put_slice(&ready[..count]);
                    this.given += count;
                    if this.given == this.have {
                        // A block is rare enough that its buffer need not outlive it: idle connections stay small.
                        (this.held, this.have, this.given) = (Vec::new(), 0, 0);
                        this.at = At::Head([0; HEAD], 0);
                    }
                    return Poll::Ready(Ok(()));
                }
                // Only this block is read, so that nothing behind it needs to be held.
                At::Block { flags, length } if this.have > 0 => {
                    let mut missing = ReadBuf::new(&mut this.held[this.have..]);
                    ready!(Pin::new(&mut this.stream).poll_read(context, &mut missing))?;
                    let count = missing.filled().len();
                    this.have += count;
                    if this.have == length {
                        rewrite(&mut this.held, flags);
                    }
                    // A block that the end of the connection cuts off is given out as it came.
                    if count == 0 || this.have == length {
                        this.at = At::Giving;
                    }
                }
                _ => {
                    let before = out.filled().len();
                    ready!(Pin::new(&mut this.stream).poll_read(context, out))?;
                    let fresh = &mut out.filled_mut()[before..];
                    if fresh.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    let passed = this.walk(fresh);
                    out.set_filled(before + passed);
                    // Nothing read would say that the connection has ended.
                    if passed > 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length, type, flags and stream of a frame.
const HEAD: usize = 9;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// A dependency and a weight.
const PRIORITY_BYTES: usize = 5;
/// The largest block that is walked, and so the most that is held: HTTP/2's smallest and usual frame size.
const MAX_BLOCK: usize = 16_384;

#[cfg(test)]
mod tests;
