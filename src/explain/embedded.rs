//! Finds the one presigned URL that stands within other text: in brackets, in a sentence, or percent-encoded as the
//! parameter of another URL. Never chooses between two.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::text::Parts;
use crate::s3::Refused;

/// The presigned URL in the text, or the text itself where it has none.
///
/// # Errors
/// When it has several: whoever is answered about one would take the others for harmless.
pub(super) fn only(text: &str) -> Result<Cow<'_, str>, Refused> {
    let text = text.trim();
    let mut found: Vec<Cow<'_, str>> = Vec::new();
    for candidate in candidates(text) {
        let is_presigned = Parts::of_url(&candidate).is_ok_and(|parts| parts.is_presigned());
        if is_presigned && !found.contains(&candidate) {
            found.push(candidate);
        }
    }
    match found.len() {
        0 => Ok(Cow::Borrowed(text)),
        1 => Ok(found.remove(0)),
        many => Err(Refused::new("text", format!("has {many} presigned URLs in it; give one"))),
    }
}

/// What begins as a URL does, up to where prose or markup goes on.
fn candidates(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    // A space in a key that nobody encoded belongs to the URL; one behind the query does not.
    let whole = Some(text).filter(|text| begins(text, &PLAIN) && is_one(text));
    let inner = move |scheme: &'static str| text.match_indices(scheme).map(move |(at, _)| (at, scheme));
    let plain = PLAIN.into_iter().flat_map(inner).map(|(at, _)| Cow::Borrowed(until(&text[at..], ENDS)));
    let encoded = ENCODED.into_iter().flat_map(inner).map(|(at, _)| {
        let part = until(until(&text[at..], ENDS), &['&', '#']);
        percent_decode_str(part).decode_utf8_lossy()
    });
    let none = whole.is_none();
    whole.map(Cow::Borrowed).into_iter().chain(plain.filter(move |_| none)).chain(encoded)
}

/// Whether nothing stands behind the query, and no other URL within it.
fn is_one(text: &str) -> bool {
    let query = text.split_once('?').map_or("", |(_, query)| query);
    !query.contains(ENDS) && PLAIN.iter().all(|scheme| !query.contains(scheme))
}

fn begins(text: &str, schemes: &[&str]) -> bool {
    schemes.iter().any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// Less the full stop of a sentence: a query of ours ends in none.
fn until<'a>(text: &'a str, ends: &[char]) -> &'a str {
    let part = text.split(ends).next().unwrap_or_default();
    part.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*', '_', '|'])
}

const PLAIN: [&str; 4] = ["https://", "http://", "HTTPS://", "HTTP://"];
const ENCODED: [&str; 4] = ["https%3A%2F%2F", "http%3A%2F%2F", "https%3a%2f%2f", "http%3a%2f%2f"];
const ENDS: &[char] = &[' ', '\t', '\n', '\r', '<', '>', '"', '`', '\\'];

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://a.example/k?X-Amz-Credential=AKIA%2F1&X-Amz-Date=1&X-Amz-Signature=ab";

    #[test]
    fn a_url_is_found_in_what_people_paste() {
        let encoded = percent_encoding::utf8_percent_encode(URL, percent_encoding::NON_ALPHANUMERIC).to_string();
        let redirect = format!("https://safe.example/?url={}&data=05", encoded.replace("%2E", "."));
        for text in [
            format!("<{URL}>"),
            format!("  {URL}\n"),
            format!("look at {URL}."),
            format!("[the cat]({URL})"),
            format!("<a href=\"{URL}\">{URL}</a>"),
            format!("{URL} and {URL}"),
            format!("see https://wiki.example/?page=1, then {URL}"),
            encoded.clone(),
            redirect,
        ] {
            assert_eq!(only(&text).as_deref(), Ok(URL), "{text}");
        }
        let spaced = URL.replace("/k?", "/a b?");
        assert_eq!(only(&spaced).as_deref(), Ok(&*spaced));
    }

    #[test]
    fn of_two_urls_none_is_chosen_and_what_has_none_stays_as_it_is() {
        let other = URL.replace("=ab", "=cd");
        for text in [format!("{URL} {other}"), format!("<{URL}><{other}>")] {
            assert!(only(&text).unwrap_err().problem.contains("2 presigned URLs"), "{text}");
        }
        for text in ["", "https://a.example/k?x=1 y", "<https://a.example>", "http://"] {
            assert_eq!(only(text).as_deref(), Ok(text));
        }
    }
}
