//! Somebody who would fill the daemon's memory: with messages that are never whole, and with answers that are never read.

use presignd::grpc::proto::PresignBatchRequest;
use prost::Message;

use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, NONE, Wire, block, frame, message};
use crate::neighbour::Street;
use crate::process::get;
use crate::user::{self, GRANTS};

const PRESIGN: &str = "/presignd.v1.Signer/Presign";
const STREAM: &str = "/presignd.v1.Signer/PresignStream";
const BATCH: &str = "/presignd.v1.Signer/PresignBatch";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_who_sends_long_messages_by_halves_has_room_for_a_few_and_for_no_longer_than_a_call_takes() {
    let street = Street::new(&format!("[limits]\ncall = \"6s\"\n{GRANTS}")).await;
    user::open(&street.world);
    let half = message(4 << 20, b"the rest never comes");
    let mut wires = Vec::new();
    for path in [STREAM, BATCH] {
        let mut wire =
            Wire::over(user::connect(&street.daemon.sign_socket()).await.expect("it listens"), 1 << 20).await;
        for _ in 0..20 {
            let stream = wire.stream();
            let call = [frame(HEADERS, END_HEADERS, stream, &block(path, &[])), frame(DATA, NONE, stream, &half)];
            assert!(wire.send(&call.concat()).await, "a message is refused, not the connection");
        }
        wires.push(wire);
    }
    // Of forty messages of 4 MiB each, 32 MiB hold eight.
    wires[1].until_ended(20).await;
    wires[0].until_ended(12).await;
    street.while_signing(50).await;
    wires[0].until_ended(8).await;
    street.nobody_noticed(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_who_reads_no_answers_is_sent_away_when_they_fill_its_room() {
    let street = Street::new(GRANTS).await;
    user::open(&street.world);
    let socket = street.daemon.sign_socket();
    let key = format!("public/{}", "a".repeat(1_000));
    let asked = PresignBatchRequest { requests: vec![get(&key); 40] }.encode_to_vec();
    let asked = message(u32::try_from(asked.len()).expect("it is short"), &asked);
    let mut readers = Vec::new();
    // Answers of some 100 kB each.
    for _ in 0..15 {
        let mut wire = Wire::over(user::connect(&socket).await.expect("it listens"), 1).await;
        // Once a call has ended, the daemon has opened its windows.
        let (stream, empty) = (wire.stream(), message(0, b""));
        let call = [frame(HEADERS, END_HEADERS, stream, &block(PRESIGN, &[])), frame(DATA, END_STREAM, stream, &empty)];
        assert!(wire.send(&call.concat()).await, "it is taken");
        wire.until_ended(1).await;
        for _ in 0..40 {
            let stream = wire.stream();
            let mut call = frame(HEADERS, END_HEADERS, stream, &block(BATCH, &[]));
            let parts: Vec<_> = asked.chunks(16_384).collect();
            for (at, part) in parts.iter().enumerate() {
                let flags = if at + 1 == parts.len() { END_STREAM } else { NONE };
                call.extend(frame(DATA, flags, stream, part));
            }
            assert!(wire.send(&call).await, "calls are taken");
        }
        readers.push(wire);
    }
    let mut last = readers.pop().expect("there are some");
    last.until_ended(1).await;
    street.while_signing(100).await;
    drop((readers, last));
    let mut visitor = user::signer(&socket).await;
    let asked = get("public/a");
    crate::support::eventually("who reads again has room again", async || visitor.presign(asked.clone()).await.ok())
        .await;
    street.nobody_noticed(128).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_on_which_nothing_is_asked_ends_at_its_callers_deadline() {
    let street = Street::new("").await;
    let mut wire = Wire::connect(&street.daemon.sign_socket(), 1 << 20).await;
    let stream = wire.stream();
    assert!(wire.send(&frame(HEADERS, END_HEADERS, stream, &block(STREAM, &[("grpc-timeout", "200m")]))).await);
    wire.until_ended(1).await;
    street.nobody_noticed(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_million_empty_parts_takes_no_more_memory_than_it_is_long() {
    let street = Street::new("").await;
    let whole = message(4 << 20, &[0x0a, 0].repeat(2 << 20));
    let mut signer = street.daemon.signer().await;
    for path in [BATCH, "/presignd.v1.Signer/Resign"] {
        let mut wire = Wire::connect(&street.daemon.sign_socket(), 1 << 20).await;
        let stream = wire.stream();
        assert!(wire.send(&frame(HEADERS, END_HEADERS, stream, &block(path, &[]))).await, "it is taken");
        let parts: Vec<_> = whole.chunks(16_384).collect();
        for (at, part) in parts.iter().enumerate() {
            let flags = if at + 1 == parts.len() { END_STREAM } else { NONE };
            wire.make_room(part.len()).await;
            assert!(wire.send(&frame(DATA, flags, stream, part)).await, "it is taken");
        }
        wire.until_ended(1).await;
    }
    let requests = vec![get("a"); 1_000];
    let signed = signer.presign_batch(PresignBatchRequest { requests }).await.expect("a thousand are few").into_inner();
    assert_eq!(signed.results.len(), 1_000);
    street.nobody_noticed(48).await;
}
