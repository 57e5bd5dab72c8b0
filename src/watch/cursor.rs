//! A place in what happened: a row of the registry's events, and maybe a URL that it concerns.

use std::fmt;

use crate::s3::Refused;
use crate::session::InstanceId;

/// `<registry>-<event>`, or `<registry>-<event>.<url>` within an event. For clients it has no parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Whose events.
    pub registry: InstanceId,
    /// The row that was told; 0 before the first.
    pub event: u64,
    /// The last of its URLs that was told, 0 for none of them yet; `None`: the row has been told to its end.
    pub url: Option<u64>,
}

impl Cursor {
    /// Reads its text form.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|number| digits && *number <= i64::MAX as u64)
        };
        let parts = text.split_once('-').and_then(|(registry, place)| {
            let (event, url) = match place.split_once('.') {
                Some((event, url)) => (event, Some(number(url)?)),
                None => (place, None),
            };
            let event = number(event).filter(|event| *event > 0 || url.is_none())?;
            Some(Self { registry: InstanceId::parse(registry)?, event, url })
        });
        parts.ok_or_else(not_ours)
    }

    /// The last row that was told to its end.
    pub(super) fn after(&self) -> u64 {
        if self.url.is_some() { self.event - 1 } else { self.event }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.registry, self.event)?;
        self.url.map_or(Ok(()), |url| write!(out, ".{url}"))
    }
}

pub(super) fn not_ours() -> Refused {
    Refused::new("cursor", "is not one that Watch gave out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written_and_nothing_else_is_one() {
        for text in ["k3vq7mza-0", "k3vq7mza-12", "k3vq7mza-12.0", "k3vq7mza-12.9223372036854775807"] {
            assert_eq!(Cursor::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "-1", "k3vq7mza", "k3vq7mza-", "k3vq7mza-+1", "k3vq7mza-0.1", "k3vq7mza-1.", "K3VQ7MZA-1"] {
            assert_eq!(Cursor::parse(text), Err(not_ours()), "{text}");
        }
        let (whole, inside) = (Cursor::parse("k3vq7mza-12").unwrap(), Cursor::parse("k3vq7mza-12.7").unwrap());
        assert_eq!((whole.after(), inside.after()), (12, 11));
    }
}
