//! Instants as people write them: `now`, RFC 3339, or a length from now.

use std::str::FromStr;
use std::time::Duration;

use crate::cli::length::Length;
use crate::time::Timestamp;

/// An instant, perhaps relative to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// `now`.
    Now,
    /// `2026-11-22T14:02:00Z`.
    At(Timestamp),
    /// `-30m`.
    Ago(Duration),
    /// `+30m`.
    Ahead(Duration),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let length = |text: &str| match text.parse().map(Length::duration)? {
            length if length > LONGEST => Err("is longer than a hundred years".to_owned()),
            length => Ok(length),
        };
        if text == "now" {
            return Ok(Self::Now);
        }
        if let Some(ahead) = text.strip_prefix('+') {
            return length(ahead).map(Self::Ahead);
        }
        if let Some(ago) = text.strip_prefix('-') {
            return length(ago).map(Self::Ago);
        }
        let at = Timestamp::parse_rfc3339(text).map(Self::At);
        at.map_err(|_| "must be now, a time such as 2026-11-22T23:59:59Z, or a length from now such as -30m".to_owned())
    }
}

impl When {
    /// The instant, on the wire.
    pub fn resolved(self, now: Timestamp) -> prost_types::Timestamp {
        let at = match self {
            Self::Now => now,
            Self::At(at) => at,
            Self::Ago(ago) => now - ago,
            Self::Ahead(ahead) => now + ahead,
        };
        prost_types::Timestamp { seconds: at.unix(), nanos: 0 }
    }

    /// The same; `None` for now, which the daemon's clock tells better.
    pub fn wire(self, now: Timestamp) -> Option<prost_types::Timestamp> {
        (self != Self::Now).then(|| self.resolved(now))
    }
}

/// Instants beyond would become the last one that can be written.
const LONGEST: Duration = Duration::from_secs(36_525 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_now_a_time_or_a_length_from_now() {
        let resolved = |text: &str| text.parse::<When>().unwrap().resolved(Timestamp::from_unix(10_000)).seconds;
        let told = ["now", "1970-01-01T00:00:07Z", "-30m", "+2h", "+60"].map(resolved);
        assert_eq!(told, [10_000, 7, 8_200, 17_200, 10_060]);
        assert_eq!(When::Now.wire(Timestamp::EPOCH), None);
        for text in ["", "yesterday", "30m", "-soon", "2026-11-22", "+9999999999999d", "-36526d"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }
}
