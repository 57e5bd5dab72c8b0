//! The beginning of keys in an event. A policy names keys by a pattern, so `*` and `?` are refused here, where they would be
//! taken for themselves and "nothing ends" be answered; a key that truly holds one is written as a policy writes it.
//!
//! Says nothing of filters: they choose among keys as they are.

use crate::s3::Refused;

/// Its own signs; `${*}`, `${?}` and `${$}` stand for theirs.
pub(super) fn read(wire: &str) -> Result<String, Refused> {
    let (mut keys, mut rest) = (String::with_capacity(wire.len()), wire);
    while let Some(sign) = rest.chars().next() {
        let escaped = ESCAPES.iter().find_map(|(escape, own)| Some((*own, rest.strip_prefix(escape)?)));
        let (own, after) = match escaped {
            Some(escaped) => escaped,
            None if matches!(sign, '*' | '?') => return Err(pattern()),
            None => (sign, &rest[sign.len_utf8()..]),
        };
        keys.push(own);
        rest = after;
    }
    Ok(keys)
}

/// As [`read`] understands it.
pub(super) fn wire(keys: &str) -> String {
    let (mut wire, mut rest) = (String::with_capacity(keys.len()), keys);
    while let Some(sign) = rest.chars().next() {
        let looks_escaped = || ESCAPES.iter().any(|(escape, _)| rest.starts_with(escape));
        match sign {
            '*' => wire.push_str("${*}"),
            '?' => wire.push_str("${?}"),
            '$' if looks_escaped() => wire.push_str("${$}"),
            sign => wire.push(sign),
        }
        rest = &rest[sign.len_utf8()..];
    }
    wire
}

fn pattern() -> Refused {
    let problem = "is how keys begin, and no pattern: leave out * and ? and what follows them (pub/, not pub/*); where keys \
                   truly hold one, write ${*} or ${?}, as in a policy";
    Refused::new("key_prefix", problem)
}

const ESCAPES: [(&str, char); 3] = [("${*}", '*'), ("${?}", '?'), ("${$}", '$')];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_is_refused() {
        for slip in ["pub/*", "pub/?a", "*", "${*}*"] {
            assert_eq!(read(slip).unwrap_err().field, "key_prefix", "{slip}");
        }
    }

    #[test]
    fn a_sign_that_keys_truly_hold_is_said_as_in_a_policy() {
        assert_eq!(read("a${*}b${?}c${$}{x}").unwrap(), "a*b?c${x}");
        assert_eq!(read("home/${aws:username}/$").unwrap(), "home/${aws:username}/$");
    }

    proptest! {
        #[test]
        fn whatever_begins_keys_comes_back_as_it_was(keys in "[*?${}a]{0,12}") {
            prop_assert_eq!(read(&wire(&keys)).unwrap(), keys);
        }
    }
}
