//! The beginning of keys in an event. A policy names keys by a pattern, so `*` and `?` are refused here, where they would be
//! taken for themselves and "nothing ends" be answered, and so is a policy variable such as `${aws:username}`, which stands for
//! something else in every request; a key that truly holds such signs is written as a policy writes it.
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
            None if rest.starts_with(VARIABLE) => return Err(variable()),
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
        match sign {
            '*' => wire.push_str("${*}"),
            '?' => wire.push_str("${?}"),
            '$' if rest.starts_with(VARIABLE) => wire.push_str("${$}"),
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

fn variable() -> Refused {
    let problem = "is how keys begin, and holds a policy variable, which stands for something else in every request: ask of each \
                   beginning that it may stand for; where keys truly hold ${, write ${$}{, as in a policy";
    Refused::new("key_prefix", problem)
}

/// How a policy variable begins, and each of the escapes.
const VARIABLE: &str = "${";

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
        assert_eq!(read("home/${$}{aws:username}/$").unwrap(), "home/${aws:username}/$");
    }

    #[test]
    fn a_policy_variable_is_refused_as_a_pattern_is() {
        for slip in ["${aws:username}/", "home/${aws:PrincipalTag/tenant, 'none'}/", "${", "${*}${aws:userid}"] {
            let refused = read(slip).unwrap_err();
            assert_eq!(refused.field, "key_prefix", "{slip}");
            assert!(refused.problem.contains("policy variable"), "{slip}: {}", refused.problem);
        }
    }

    proptest! {
        #[test]
        fn whatever_begins_keys_comes_back_as_it_was(keys in "[*?${}a]{0,12}") {
            prop_assert_eq!(read(&wire(&keys)).unwrap(), keys);
        }
    }
}
