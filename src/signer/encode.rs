//! Percent-encoding as SigV4 wants it: everything but `A–Z a–z 0–9 - . _ ~`, upper-case hexadecimal (SEMANTICS.md 3.2).

/// Appends a query name or value; `/` becomes `%2F`.
pub(super) fn component(out: &mut String, text: &str) {
    encode(out, text, false);
}

/// Appends a path; `/` stays, nothing is normalised, nothing is encoded twice.
pub(super) fn path(out: &mut String, text: &str) {
    encode(out, text, true);
}

/// The most that encoding can make of a text.
pub(super) fn longest(text: &str) -> usize {
    text.len() * 3
}

fn encode(out: &mut String, text: &str, keeps_slash: bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let keeps = |byte: u8| UNRESERVED[usize::from(byte)] || (keeps_slash && byte == b'/');
    let mut rest = text;
    // Runs of plain characters are copied as one.
    while let Some(at) = rest.bytes().position(|byte| !keeps(byte)) {
        // A byte of a longer character is never kept, so `at` is at the character's first byte.
        let (plain, odd) = rest.split_at(at);
        out.push_str(plain);
        let length = odd.chars().next().map_or(0, char::len_utf8);
        for byte in odd[..length].bytes() {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        rest = &odd[length..];
    }
    out.push_str(rest);
}

const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let character = byte as u8;
        table[byte] = character.is_ascii_alphanumeric() || matches!(character, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        let mut out = String::new();
        path(&mut out, text);
        out
    }

    #[test]
    fn keys_are_encoded_as_the_table_of_semantics_says() {
        let table = [
            ("~a-b_c.d", "~a-b_c.d"),
            ("a/b//c", "a/b//c"),
            ("a b", "a%20b"),
            ("a+b", "a%2Bb"),
            ("100%", "100%25"),
            ("%20", "%2520"),
            (":=@,!*'()&$;", "%3A%3D%40%2C%21%2A%27%28%29%26%24%3B"),
            ("ä/é", "%C3%A4/%C3%A9"),
            ("a/../b/./c", "a/../b/./c"),
            ("\u{0}\n", "%00%0A"),
        ];
        for (key, wanted) in table {
            assert_eq!(encoded(key), wanted, "{key:?}");
        }
    }

    #[test]
    fn a_slash_in_a_query_is_encoded() {
        let mut out = String::new();
        component(&mut out, "a/b");
        assert_eq!(out, "a%2Fb");
    }
}
