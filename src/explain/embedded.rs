//! Finds the one presigned URL that stands within other text: in brackets, in a sentence, in a string of JSON, or
//! percent-encoded, once or more often, as the parameter of another URL. Never chooses between two.

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
    match unescaped(text) {
        Some(plain) => only_in(&plain).map(|found| Cow::Owned(found.into_owned())),
        None => only_in(text),
    }
}

fn only_in(text: &str) -> Result<Cow<'_, str>, Refused> {
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
    let whole = Some(text).filter(|text| begins(text, &PLAIN) && is_one(text)).map(without_full_stop);
    let inner = move |scheme: &'static str| text.match_indices(scheme).map(move |(at, _)| (at, scheme));
    let plain = PLAIN.into_iter().flat_map(inner).map(|(at, _)| Cow::Borrowed(until(&text[at..], ENDS)));
    let encoded = text.match_indices('%').filter_map(move |(colon, _)| {
        let at = ["https", "http"].iter().find_map(|scheme| {
            let at = colon.checked_sub(scheme.len())?;
            text.get(at..colon)?.eq_ignore_ascii_case(scheme).then_some(at)
        })?;
        let part = until(until(&text[at..], ENDS), &['&', '#']);
        decoded(part).filter(|url| begins(url, &PLAIN)).map(Cow::Owned)
    });
    let none = whole.is_none();
    whole.map(Cow::Borrowed).into_iter().chain(plain.filter(move |_| none)).chain(encoded)
}

/// A URL within a URL within a URL is encoded as often.
fn decoded(part: &str) -> Option<String> {
    let mut text = part.to_owned();
    for _ in 0..MOST_TIMES {
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if text.contains("://") {
            return Some(text);
        }
    }
    None
}

/// What a string of JSON holds, where it writes what URLs have with escapes: `\u0026` for `&`, `\/` for `/`.
fn unescaped(text: &str) -> Option<String> {
    let (mut plain, mut rest, mut any) = (String::with_capacity(text.len()), text, false);
    while let Some((before, behind)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = behind.strip_prefix("u00").and_then(|code| code.get(..2));
        let code = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let escaped = code.and_then(|code| u8::from_str_radix(code, 16).ok()).map(char::from);
        (rest, any) = match escaped.filter(char::is_ascii_graphic) {
            Some(c) => {
                plain.push(c);
                (&behind["u0026".len()..], true)
            }
            None if behind.starts_with('/') => (behind, true),
            None => {
                plain.push('\\');
                (behind, any)
            }
        };
    }
    plain.push_str(rest);
    any.then_some(plain)
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
    text.split(ends).next().unwrap_or_default().trim_end_matches(STOPS)
}

/// The same of what may be a URL and nothing else: a signature, with which most end, has none of these.
fn without_full_stop(url: &str) -> &str {
    let last = url.rsplit(['?', '&']).next().unwrap_or_default();
    if last.starts_with("X-Amz-Signature=") { url.trim_end_matches(STOPS) } else { url }
}

/// How often a URL may be encoded.
const MOST_TIMES: usize = 4;
const STOPS: [char; 13] = ['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*', '_', '|'];
/// The last two are how people write a URL that nobody shall follow.
const PLAIN: [&str; 6] = ["https://", "http://", "HTTPS://", "HTTP://", "hxxps://", "hxxp://"];
const ENDS: &[char] = &[' ', '\t', '\n', '\r', '<', '>', '"', '`', '\\'];

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://a.example/k?X-Amz-Credential=AKIA%2F1&X-Amz-Date=1&X-Amz-Signature=ab";

    #[test]
    fn a_url_is_found_in_what_people_paste() {
        let encoded = percent_encoding::utf8_percent_encode(URL, percent_encoding::NON_ALPHANUMERIC).to_string();
        let twice = percent_encoding::utf8_percent_encode(&encoded, percent_encoding::NON_ALPHANUMERIC).to_string();
        let (json, slashes) = (URL.replace('&', "\\u0026"), URL.replace('/', "\\/").replace('=', "\\u003D"));
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
            format!("https://safe.example/?url={twice}&data=05"),
            format!("{{\"url\":\"{json}\"}}"),
            format!("{{\"url\":\"{slashes}\",\"text\":\"two\\nlines\"}}"),
            format!("{URL}."),
            format!("{URL}),"),
            redirect,
        ] {
            assert_eq!(only(&text).as_deref(), Ok(URL), "{text}");
        }
        let defanged = URL.replacen("https", "hxxps", 1);
        assert_eq!(only(&format!("do not follow {defanged}!")).as_deref(), Ok(&*defanged));
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
