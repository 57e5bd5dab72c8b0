//! HTTP/2 by the byte, for what no well-behaved client sends.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// A connection that has said its preface and SETTINGS, and reads only when told to.
pub(crate) struct Wire {
    stream: UnixStream,
    next: u32,
    /// Bytes that the one call that is long may still send.
    room: usize,
}

/// Kinds of frames (RFC 9113, section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags.
pub(crate) const NONE: u8 = 0;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Of a client.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Wire {
    /// `window` bytes of answers may come on each stream, and as many on the whole connection.
    pub(crate) async fn connect(socket: &Path, window: u32) -> Self {
        Self::over(UnixStream::connect(socket).await.expect("the daemon listens"), window).await
    }

    /// The same on a connection that is there.
    pub(crate) async fn over(mut stream: UnixStream, window: u32) -> Self {
        stream.write_all(PREFACE).await.expect("it is read");
        let mut wire = Self { stream, next: 1, room: 65_535 };
        let settings = [&4_u16.to_be_bytes()[..], &window.to_be_bytes()].concat();
        let mut hello = frame(SETTINGS, NONE, 0, &settings);
        hello.extend(frame(SETTINGS, END_STREAM, 0, &[])); // the same bit says that this one acknowledges
        hello.extend(frame(WINDOW_UPDATE, NONE, 0, &window.to_be_bytes()));
        assert!(wire.send(&hello).await, "it is read");
        wire
    }

    /// The number of a stream that nothing was sent on.
    pub(crate) fn stream(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    /// Whether the daemon still takes it.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads until the daemon takes so many bytes more of the only call.
    pub(crate) async fn make_room(&mut self, bytes: usize) {
        while self.room < bytes {
            let (kind, _, stream, payload) = self.read().await;
            let more = <[u8; 4]>::try_from(payload).map_or(0, u32::from_be_bytes);
            self.room += if kind == WINDOW_UPDATE && stream != 0 { more as usize } else { 0 };
        }
        self.room -= bytes;
    }

    /// Reads until so many calls have ended. Fails when the daemon ends the connection instead.
    pub(crate) async fn until_ended(&mut self, calls: usize) {
        let mut ended = 0;
        while ended < calls {
            let (kind, flags, ..) = self.read().await;
            ended += usize::from(kind == HEADERS && flags & END_STREAM != 0);
        }
    }

    /// A frame's kind, flags, stream and payload.
    async fn read(&mut self) -> (u8, u8, u32, Vec<u8>) {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.expect("the daemon goes on");
        let [high, middle, low, kind, flags, a, b, c, d] = head;
        let mut payload = vec![0; usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)];
        self.stream.read_exact(&mut payload).await.expect("the daemon goes on");
        assert!(kind != GOAWAY, "the daemon ends the connection: {payload:?}");
        (kind, flags, u32::from_be_bytes([a, b, c, d]), payload)
    }

    /// Reads and throws away what comes, until the daemon hangs up.
    pub(crate) async fn until_closed(mut self) {
        let mut bytes = vec![0; 64 << 10];
        while self.stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    }
}

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A block of headers that calls a method, and what else is wanted.
pub(crate) fn block(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let own = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    own.iter().chain(more).flat_map(|(name, value)| literal(name, value)).collect()
}

/// Written out in full, never indexed (RFC 7541, section 6.2.3).
pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0x10];
    for text in [name, value] {
        let mut left = text.len();
        if left < 127 {
            bytes.push(u8::try_from(left).expect("it is short"));
        } else {
            bytes.push(127);
            left -= 127;
            while left >= 128 {
                bytes.push(u8::try_from(left % 128).expect("seven bits") | 128);
                left /= 128;
            }
            bytes.push(u8::try_from(left).expect("seven bits"));
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// A message as gRPC frames it, saying that it is `length` bytes long.
pub(crate) fn message(length: u32, bytes: &[u8]) -> Vec<u8> {
    [&[0][..], &length.to_be_bytes(), bytes].concat()
}
