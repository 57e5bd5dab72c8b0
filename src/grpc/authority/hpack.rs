//! As much of HPACK (RFC 7541) as it takes to find a literal `:authority` in a header block and to replace characters
//! of it in place. Keeps no table: an entry that the client adds is added by h2, already softened.

/// Replaces `%` and `/` by `-` in the first literal field called `:authority`, whether it is named by index 1 or spelled
/// out (as C-core does). Stops at the first thing that is not whole or not HPACK.
pub(super) fn soften_authority(block: &mut [u8]) {
    let _ = find(block).map(|(huffman, start, end)| {
        let value = &mut block[start..end];
        if huffman { soften_coded(value) } else { soften_raw(value) }
    });
}

/// Whether the value is Huffman-coded, where it begins and where it ends.
fn find(block: &[u8]) -> Option<(bool, usize, usize)> {
    let mut i = 0;
    loop {
        let first = *block.get(i)?;
        let (prefix_bits, literal) = match first {
            0x80.. => (7, false),
            0x40..0x80 => (6, true),
            0x20..0x40 => (5, false), // a change of the table's size
            ..0x20 => (4, true),      // not to be indexed, or never
        };
        let (index, next) = integer(block, i, prefix_bits)?;
        i = next;
        if !literal {
            continue;
        }
        let mut named = index == AUTHORITY;
        if index == 0 {
            let (huffman, start, end) = string(block, i)?;
            named = block[start..end] == *if huffman { CODED_NAME } else { NAME };
            i = end;
        }
        let value = string(block, i)?;
        if named {
            return Some(value);
        }
        i = value.2;
    }
}

/// An integer and the place behind it (RFC 7541 section 5.1). `None` when it is cut off or over any length here.
fn integer(block: &[u8], at: usize, prefix_bits: u32) -> Option<(usize, usize)> {
    let mask = (1_usize << prefix_bits) - 1;
    let mut value = usize::from(*block.get(at)?) & mask;
    if value < mask {
        return Some((value, at + 1));
    }
    for (i, shift) in (at + 1..).zip([0, 7, 14]) {
        let byte = *block.get(i)?;
        value += usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, i + 1));
        }
    }
    None
}

/// Whether a string is Huffman-coded, where it begins and where it ends (section 5.2).
fn string(block: &[u8], at: usize) -> Option<(bool, usize, usize)> {
    let huffman = *block.get(at)? & 0x80 != 0;
    let (length, start) = integer(block, at, 7)?;
    let end = start + length;
    (end <= block.len()).then_some((huffman, start, end))
}

fn soften_raw(value: &mut [u8]) {
    for byte in value.iter_mut().filter(|byte| matches!(byte, b'%' | b'/')) {
        *byte = b'-';
    }
}

/// Walks code by code. HPACK's code is canonical: shorter codes are smaller when read from the left, so the next 30
/// bits alone tell how long the next code is, and no symbol needs to be known but three.
fn soften_coded(value: &mut [u8]) {
    let mut bit = 0;
    while bit < value.len() * 8 {
        let window = window(value, bit);
        let Some((_, length)) = LONGEST.iter().find(|(below, _)| window < *below) else {
            return; // the end-of-string symbol, which no string may hold
        };
        let code = window >> (30 - 6);
        if *length == 6 && bit + 6 <= value.len() * 8 && matches!(code, PERCENT | SLASH) {
            for i in (0..6).filter(|i| (code ^ DASH) >> (5 - i) & 1 == 1) {
                value[(bit + i) / 8] ^= 0x80 >> ((bit + i) % 8);
            }
        }
        bit += *length;
    }
}

/// The 30 bits from `bit` on, with ones behind the end, as HPACK pads.
fn window(value: &[u8], bit: usize) -> u32 {
    let bytes = (bit / 8..bit / 8 + 5).map(|i| value.get(i).copied().unwrap_or(0xff));
    let wide = bytes.fold(0_u64, |wide, byte| wide << 8 | u64::from(byte));
    (wide >> (10 - bit % 8) & 0x3fff_ffff) as u32
}

/// `:authority` in the static table.
const AUTHORITY: usize = 1;
const NAME: &[u8] = b":authority";
const CODED_NAME: &[u8] = b"\xb8\x3b\x53\x39\xec\x32\x7d\x7f";
const PERCENT: u32 = 0b01_0101;
const SLASH: u32 = 0b01_1000;
const DASH: u32 = 0b01_0110;

/// How many codes of each length RFC 7541 appendix B has.
const CODES: [(usize, u32); 21] = [
    (5, 10),
    (6, 26),
    (7, 32),
    (8, 6),
    (10, 5),
    (11, 3),
    (12, 2),
    (13, 6),
    (14, 2),
    (15, 3),
    (19, 3),
    (20, 8),
    (21, 13),
    (22, 26),
    (23, 29),
    (24, 12),
    (25, 4),
    (26, 15),
    (27, 19),
    (28, 29),
    (30, 4),
];

/// Thirty bits that are less than the first, and no less than the one before, begin with a code of this length. The
/// last code, end-of-string, is left out.
const LONGEST: [(u32, usize); 21] = {
    let mut table = [(0, 0); 21];
    let (mut i, mut below) = (0, 0);
    while i < table.len() {
        below += CODES[i].1 << (30 - CODES[i].0);
        table[i] = (below, CODES[i].0);
        i += 1;
    }
    table[20].0 -= 1;
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_complete() {
        assert_eq!(CODES.iter().map(|(_, count)| count).sum::<u32>(), 257);
        assert_eq!(LONGEST[20].0, (1 << 30) - 1);
    }

    /// Python's `hpack` coded these.
    #[test]
    fn percent_and_slash_become_dashes_in_a_coded_value() {
        for (before, after) in CODED {
            let mut value = hex::decode(before).unwrap();
            soften_coded(&mut value);
            assert_eq!(hex::encode(value), *after);
        }
    }

    #[test]
    fn a_code_that_the_end_cuts_off_is_left_alone() {
        // "0", "-", and five bits that padding would make a "%".
        let mut value = [0b0000_0010, 0b1100_1010];
        soften_coded(&mut value);
        assert_eq!(value, [0b0000_0010, 0b1100_1010]);
    }

    #[test]
    fn every_way_to_write_the_field_is_found() {
        let named =
            [&b"\x41"[..], b"\x01", b"\x11", b"\x40\x0a:authority", b"\x10\x88\xb8\x3b\x53\x39\xec\x32\x7d\x7f"];
        for name in named {
            // A change of the table's size, `:method: POST`, then a field with a name of its own.
            let mut block = b"\x3f\xe1\x1f\x83\x40\x01a\x03%/%".to_vec();
            block.extend([name, b"\x07a%2F/b.\x44\x02/%"].concat());
            soften_authority(&mut block);
            let expected = [b"\x3f\xe1\x1f\x83\x40\x01a\x03%/%", name, b"\x07a-2F-b.\x44\x02/%"].concat();
            assert_eq!(block, expected);
        }
    }

    #[test]
    fn an_integer_that_never_ends_is_none() {
        assert_eq!(integer(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0x01], 0, 7), None);
        assert_eq!(integer(&[0x7f, 0x80], 0, 7), None);
        assert_eq!(integer(&[0x1f, 0x9a, 0x0a], 0, 5), Some((1337, 3)));
    }

    const CODED: &[(&str, &str)] = &[
        ("b2da95161aec2a0d35522e8393af", "b2da96161aec2a0d35522e8393af"), // run%2Fpresignd.sock
        ("4d35aa2c3e55161f4c7b555618", "4d35ac2c3e56161f4b7b596596"),     // tmp%2Fx%2Fy/z%%//
        (
            "62cb6a62bb0a834d548c20d354c57615069aa91741c9d7", // /run/presignd/sign/presignd.sock
            "5acb6a5abb0a834d548b20d354b57615069aa91741c9d7",
        ),
        ("a0e41d139d09", "a0e41d139d09"), // localhost
        ("", ""),
        ("57", "5b"),                             // %
        ("ffc2bfffff731ffd", "ffc2dfffff72dffd"), // NUL % 0xff / ~
        ("18c6aaaaff", "18c6b2cb7f"),             // aaa%%%
    ];
}
