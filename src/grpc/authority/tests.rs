//! The filter against a model: whole connections with known authorities, cut anywhere.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

/// A block as a client writes it: `:method: POST`, `:authority`, and a header that must stay as it is.
fn block(authority: &str, first: u8) -> Vec<u8> {
    let length = u8::try_from(authority.len()).unwrap();
    [&[0x83, first, length][..], authority.as_bytes(), b"\x44\x04/a%b\x00\x03%/x\x03/%/"].concat()
}

fn headers(authority: &str, first: u8, flags: u8, padding: u8) -> Vec<u8> {
    let mut payload = Vec::new();
    if flags & PADDED != 0 {
        payload.push(padding);
    }
    if flags & PRIORITY != 0 {
        payload.extend(*b"\0\0\0\x01\x10");
    }
    payload.extend(block(authority, first));
    if flags & PADDED != 0 {
        payload.extend(vec![b'%'; usize::from(padding)]);
    }
    frame(HEADERS, flags, &payload)
}

fn soft(authority: &str) -> String {
    authority.replace(['%', '/'], "-")
}

/// What comes out of the filter when the peer sends `input` in pieces and the reader has room for `room` bytes.
fn through(input: &[u8], pieces: &[usize], room: usize) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut filtered = Filtered::new(ours);
        let (mut output, mut rest, mut i) = (Vec::new(), input, 0);
        let mut buffer = vec![0; room.max(1)];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(pieces.get(i).map_or(rest.len(), |size| (*size).clamp(1, rest.len())));
            (rest, i) = (behind, i + 1);
            theirs.write_all(piece).await.unwrap();
            // Reads until nothing more comes without another piece.
            while let Poll::Ready(count) = poll_once(&mut filtered, &mut buffer) {
                output.extend(&buffer[..count]);
            }
        }
        drop(theirs);
        filtered.read_to_end(&mut output).await.unwrap();
        output
    })
}

fn poll_once(filtered: &mut Filtered<tokio::io::DuplexStream>, buffer: &mut [u8]) -> Poll<usize> {
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut out = ReadBuf::new(buffer);
    Pin::new(filtered).poll_read(&mut context, &mut out).map(|read| {
        read.unwrap();
        assert!(!out.filled().is_empty(), "an empty read would end the connection");
        out.filled().len()
    })
}

fn any_frame() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let authority = prop_oneof!["[a-z%/.]{0,40}", Just("run%2Fpresignd.sock".to_owned())];
    let first = prop_oneof![Just(0x41_u8), Just(0x01), Just(0x11)];
    let flags = prop_oneof![Just(0_u8), Just(PADDED), Just(PRIORITY), Just(PADDED | PRIORITY), Just(4)];
    let with_authority = (authority, first, flags, any::<u8>()).prop_map(|(authority, first, flags, padding)| {
        (headers(&authority, first, flags, padding), headers(&soft(&authority), first, flags, padding))
    });
    let other =
        (any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(kind, flags, payload)| {
            let same = frame(if kind == HEADERS { 0 } else { kind }, flags, &payload);
            (same.clone(), same)
        });
    prop_oneof![with_authority, other]
}

proptest! {
    #[test]
    fn every_authority_of_a_connection_is_softened_and_nothing_else(
        frames in prop::collection::vec(any_frame(), 0..6),
        pieces in prop::collection::vec(1_usize..60, 0..40),
        room in 1_usize..300,
    ) {
        let (mut sent, mut expected) = (PREFACE.to_vec(), PREFACE.to_vec());
        for (before, after) in frames {
            sent.extend(before);
            expected.extend(after);
        }
        prop_assert_eq!(through(&sent, &pieces, room), expected);
    }

    #[test]
    fn what_is_no_http2_passes(
        input in prop::collection::vec(any::<u8>(), 0..300),
        pieces in prop::collection::vec(1_usize..60, 0..10),
    ) {
        prop_assert_eq!(through(&input, &pieces, 64), input);
    }

    #[test]
    fn a_malformed_block_keeps_its_length_and_its_neighbours(
        flags in any::<u8>(),
        payload in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x41), Just(b'%')], 0..200),
        pieces in prop::collection::vec(1_usize..60, 0..10),
    ) {
        let (before, after) = (frame(4, 0, b"%/%"), frame(0, 1, b"/%/"));
        let input = [PREFACE.to_vec(), before, frame(HEADERS, flags, &payload), after.clone()].concat();
        let output = through(&input, &pieces, 64);
        prop_assert_eq!(output.len(), input.len());
        let start = PREFACE.len() + HEAD + 3 + HEAD;
        prop_assert_eq!(&output[..start], &input[..start]);
        prop_assert_eq!(&output[start + payload.len()..], &after[..]);
    }

    #[test]
    fn any_block_may_be_walked_without_panic(mut block in prop::collection::vec(any::<u8>(), 0..100)) {
        let length = block.len();
        hpack::soften_authority(&mut block);
        prop_assert_eq!(block.len(), length);
    }
}

#[test]
fn a_block_cut_off_by_the_end_comes_out_as_it_came() {
    let whole = [PREFACE.to_vec(), headers("run%2Fx", 0x41, 4, 0)].concat();
    for cut in 0..whole.len() {
        assert_eq!(through(&whole[..cut], &[10, 20, 3, 1], 64), &whole[..cut]);
    }
}

#[test]
fn a_block_over_the_frame_size_passes_unheld() {
    let mut payload = block("run%2Fx", 0x41);
    payload.resize(MAX_BLOCK + 1, 0x83);
    let input = [PREFACE.to_vec(), frame(HEADERS, 4, &payload), headers("a%b", 0x41, 4, 0)].concat();
    let output = through(&input, &[PREFACE.len() + HEAD + 100], 64);
    let passed = PREFACE.len() + HEAD + payload.len();
    assert_eq!(output[..passed], input[..passed]);
    assert_eq!(output[passed..], headers("a-b", 0x41, 4, 0));
}
