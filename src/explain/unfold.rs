//! Puts together URLs that mail and terminals have broken over several lines: folded, with blanks or the `>` of a quoted mail
//! before what goes on, or quoted-printable with its soft breaks.
//!
//! Joins a line to a URL only while the URL lacks a whole signature, so that no other line is taken for a part of it.

use std::borrow::Cow;

use super::is_whole;

/// The lines of a text that are not blank, each by its number, without the blanks and marks of quotation around it; a broken URL is one line, by the
/// number of its first.
pub fn lines(text: &str) -> Vec<(usize, String)> {
    let mut items: Vec<(usize, Vec<&str>)> = Vec::new();
    let lines = text.lines().map(unquoted).enumerate().filter(|(_, line)| !line.is_empty());
    for (at, line) in lines {
        match items.last_mut() {
            Some((_, parts)) if parts.len() < MOST_PARTS && goes_on(line) && is_broken(&joined(parts)) => {
                parts.push(line);
            }
            _ => items.push((at + 1, vec![line])),
        }
    }
    items.into_iter().map(|(number, parts)| (number, joined(&parts))).collect()
}

/// No URL and no line of a log begins with a `>`.
fn unquoted(line: &str) -> &str {
    line.trim().trim_start_matches(|c: char| c == '>' || c.is_whitespace())
}

/// The same as one text.
pub(super) fn unfolded(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\r']) && !is_quoted_printable(text) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<String> = lines(text).into_iter().map(|(_, line)| line).collect();
    Cow::Owned(lines.join("\n"))
}

fn joined(parts: &[&str]) -> String {
    let (last, before) = parts.split_last().expect("an item has a line");
    let soft = before.iter().map(|part| part.strip_suffix('=').unwrap_or(part)).chain([*last]).collect::<String>();
    if is_quoted_printable(&soft) { decoded(soft.strip_suffix('=').unwrap_or(&soft)) } else { parts.concat() }
}

/// A presigned URL has several `=`, and there each is written `=3D`.
fn is_quoted_printable(text: &str) -> bool {
    ["X-Amz-Algorithm=3D", "X-Amz-Credential=3D", "X-Amz-Date=3D"].iter().any(|name| text.contains(name))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        // Not from_str_radix alone: it would take a sign.
        let hex = hex.filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = hex.filter(|_| *first == b'=').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether it ends within a URL that has no whole signature yet.
fn is_broken(line: &str) -> bool {
    let Some((_, url)) = line.rsplit_once("://") else { return false };
    let signed =
        url.split_once("X-Amz-Signature=").and_then(|(_, signature)| signature.get(..64)).is_some_and(is_whole);
    !signed && !url.contains(|c: char| c.is_whitespace() || OUTSIDE.contains(&c))
}

/// Whether it can be a part of a URL, but not its beginning.
fn goes_on(line: &str) -> bool {
    let end = line.find(OUTSIDE).unwrap_or(line.len());
    end > 0 && !line.contains("://") && !line[..end].contains(char::is_whitespace)
}

/// Lines of one URL; mail breaks after some 76 bytes.
const MOST_PARTS: usize = 512;
const OUTSIDE: &[char] = &['<', '>', '"', '`', '\\'];

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> String {
        let signature = "0f".repeat(32);
        format!(
            "https://photos.s3.amazonaws.com/cat.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=1&X-Amz-Signature={signature}"
        )
    }

    fn texts(text: &str) -> Vec<String> {
        lines(text).into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn a_url_is_put_together_wherever_it_was_broken() {
        let url = url();
        for at in 10..url.len() {
            for between in ["\n", "\r\n", "\n    ", " \n\t", "\n> ", "\r\n>> > "] {
                let folded = format!("{}{between}{}", &url[..at], &url[at..]);
                assert_eq!(texts(&folded), [&*url], "{folded}");
            }
        }
        assert_eq!(texts(&format!("> ann wrote:\n>\n> {}\n> {}\n", &url[..40], &url[40..])), ["ann wrote:", &url]);
        let thrice = format!("see <{}\n {}\n {}>.", &url[..40], &url[40..90], &url[90..]);
        assert_eq!(texts(&thrice), [format!("see <{url}>.")]);
    }

    #[test]
    fn quoted_printable_is_decoded_with_its_soft_breaks_and_without() {
        let (url, encoded) = (url(), url().replace('=', "=3D"));
        assert_eq!((texts(&encoded), &*unfolded(&encoded)), (vec![url.clone()], &*url));
        let (mut folded, mut rest) = (String::new(), encoded.as_str());
        while rest.len() > 40 {
            // No break falls into an escape.
            let at = (38..=40).find(|at| !rest[at - 2..*at].contains('=')).expect("escapes are three long");
            folded += &format!("{}=\r\n", &rest[..at]);
            rest = &rest[at..];
        }
        assert_eq!(texts(&format!("{folded}{rest}\r\n")), [&*url], "{folded}{rest}");
    }

    #[test]
    fn what_is_whole_or_no_part_of_a_url_stays_a_line_of_its_own() {
        let url = url();
        for other in [&*url, "two words", "word", "<tag>", "https://a.example/"] {
            assert_eq!(texts(&format!("{url}\n{other}")), [&*url, other]);
        }
        assert_eq!(texts("one\n\n two \nthree"), ["one", "two", "three"]);
        assert_eq!(lines(&format!("\n{}\n{}\nnext", &url[..50], &url[50..])), [(2, url), (4, "next".to_owned())]);
        let broken = "https://a.example/k?X-Amz-Date=1";
        for other in ["two words", "https://b.example/?", "<br>"] {
            assert_eq!(texts(&format!("{broken}\n{other}")), [broken, other]);
        }
        assert_eq!(texts("versionId=3Dabc"), ["versionId=3Dabc"], "that is no encoding");
    }
}
