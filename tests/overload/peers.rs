//! Peers that speak HTTP/2 badly, or half of it, or far too much of it.

use presignd::grpc::proto::PresignBatchRequest;
use prost::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, NONE, PREFACE, RST_STREAM, Wire, block, frame, literal,
    message,
};
use crate::neighbour::Street;
use crate::process::get;

const PRESIGN: &str = "/presignd.v1.Signer/Presign";
const BATCH: &str = "/presignd.v1.Signer/PresignBatch";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_take_nothing_from_anybody() {
    let street = Street::new("").await;
    let socket = street.daemon.sign_socket();
    let mut open = Vec::new();
    for said in [&b""[..], &PREFACE[..9], PREFACE, b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        for _ in 0..50 {
            let mut stream = UnixStream::connect(&socket).await.expect("there is a place");
            // What is no HTTP/2 may be hung up on at its first byte.
            let _ = stream.write_all(said).await;
            open.push(stream);
        }
    }
    street.while_signing(100).await;
    drop(open);
    street.nobody_noticed(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_much_and_reads_nothing_holds_up_nobody() {
    let street = Street::new("").await;
    let socket = street.daemon.sign_socket();
    let asked = PresignBatchRequest { requests: vec![get("much"); 100] }.encode_to_vec();
    let asked = message(u32::try_from(asked.len()).expect("it is short"), &asked);
    let mut readers = Vec::new();
    // Without a window the answers wait with the calls; with all there is, between the calls and the socket.
    for window in [0x7fff_ffff - 0xffff, 1].repeat(5) {
        let mut wire = Wire::connect(&socket, window).await;
        // As many as the window of a connection takes before the daemon has opened it again.
        for _ in 0..20 {
            let stream = wire.stream();
            let mut call = frame(HEADERS, END_HEADERS, stream, &block(BATCH, &[]));
            let (last, first) = {
                let mut parts = asked.chunks(16_384).rev();
                (parts.next().expect("a part"), parts.rev())
            };
            for part in first {
                call.extend(frame(DATA, NONE, stream, part));
            }
            call.extend(frame(DATA, END_STREAM, stream, last));
            assert!(wire.send(&call).await, "calls are taken");
        }
        readers.push(wire);
    }
    street.while_signing(200).await;
    drop(readers);
    street.nobody_noticed(128).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giant_truncated_and_senseless_messages_are_their_senders_fault_alone() {
    let street = Street::new("").await;
    let socket = street.daemon.sign_socket();
    let noise: Vec<u8> = (0..16_000).map(|_| fastrand::u8(..)).collect();
    let mut wires = Vec::new();
    for round in 0..50 {
        let mut wire = Wire::connect(&socket, 65_535).await;
        for (body, end) in [
            (message(u32::MAX, b"the rest never comes"), NONE),
            (message(u32::MAX, &noise), END_STREAM),
            (message(16_000, &noise), END_STREAM),
            (message(100, b"cut short"), END_STREAM),
            (vec![0, 0], END_STREAM),
            ([&[7][..], &noise].concat(), END_STREAM),
            (Vec::new(), END_STREAM),
        ] {
            let stream = wire.stream();
            let path = if round % 2 == 0 { PRESIGN } else { BATCH };
            let call = [frame(HEADERS, END_HEADERS, stream, &block(path, &[])), frame(DATA, end, stream, &body)];
            assert!(wire.send(&call.concat()).await, "a message is refused, not the connection");
        }
        wires.push(wire);
    }
    street.while_signing(100).await;
    drop(wires);
    street.nobody_noticed(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_headers_ends_its_own_connection() {
    let street = Street::new("").await;
    let socket = street.daemon.sign_socket();
    let (long, many) = ("a".repeat(12_000), literal("x-filler", "b").repeat(1_000));
    let (mut large, mut endless) = (Wire::connect(&socket, 65_535).await, Wire::connect(&socket, 65_535).await);
    for _ in 0..1_000 {
        let stream = large.stream();
        let call = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(PRESIGN, &[("x-long", &long)]));
        if !large.send(&call).await {
            break;
        }
    }
    let stream = endless.stream();
    let mut taken = endless.send(&frame(HEADERS, NONE, stream, &block(PRESIGN, &[]))).await;
    let mut sent = 0;
    while taken && sent < 10_000 {
        taken = endless.send(&frame(CONTINUATION, NONE, stream, &many)).await;
        sent += 1;
    }
    assert!(!taken, "120 MB of headers without an end were taken");
    endless.until_closed().await;
    street.while_signing(100).await;
    drop(large);
    street.nobody_noticed(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_back_half_of_the_calls_has_answers_to_the_others() {
    let street = Street::new("").await;
    let mut wire = Wire::connect(&street.daemon.sign_socket(), 1 << 24).await;
    let asked = get("kept").encode_to_vec();
    let asked = message(u32::try_from(asked.len()).expect("it is short"), &asked);
    let cancel = 8_u32.to_be_bytes();
    for _ in 0..20 {
        let mut calls = Vec::new();
        for _ in 0..60 {
            let (kept, taken_back) = (wire.stream(), wire.stream());
            calls.extend(frame(HEADERS, END_HEADERS, kept, &block(PRESIGN, &[])));
            calls.extend(frame(DATA, END_STREAM, kept, &asked));
            calls.extend(frame(HEADERS, END_HEADERS, taken_back, &block(PRESIGN, &[])));
            calls.extend(frame(RST_STREAM, NONE, taken_back, &cancel));
        }
        assert!(wire.send(&calls).await, "calls are taken");
        wire.until_ended(60).await;
    }
    street.nobody_noticed(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_end_their_own_connection() {
    let street = Street::new("").await;
    let mut wire = Wire::connect(&street.daemon.sign_socket(), 65_535).await;
    let (mut taken, mut sent) = (true, 0);
    while taken && sent < 100_000 {
        let stream = wire.stream();
        let cancel = 8_u32.to_be_bytes();
        let call = frame(HEADERS, END_HEADERS, stream, &block(PRESIGN, &[]));
        taken = wire.send(&[call, frame(RST_STREAM, NONE, stream, &cancel)].concat()).await;
        sent += 1;
    }
    println!("{sent} calls were taken and taken back");
    assert!(!taken, "a connection that only takes back is ended");
    street.while_signing(100).await;
    street.nobody_noticed(64).await;
}
