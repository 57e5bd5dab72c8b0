//! A length of time as people write it: `3600` as the AWS CLI does, `24h` or `7d` as everybody else. Whole seconds.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// Whole seconds. Says nothing of what is allowed: the service knows the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Length(u64);

impl Length {
    /// As the wire has it.
    pub fn wire(self) -> prost_types::Duration {
        prost_types::Duration { seconds: i64::try_from(self.0).unwrap_or(i64::MAX), nanos: 0 }
    }

    /// As the standard library has it.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self).map_err(|_| "is longer than time itself".to_owned());
        }
        match humantime::parse_duration(text) {
            Ok(length) if length.subsec_nanos() == 0 => Ok(Self(length.as_secs())),
            Ok(_) => Err("must be whole seconds".to_owned()),
            Err(_) => Err("must be seconds, or a length such as 90s, 15m, 24h or 7d".to_owned()),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a number of seconds, or a text such as \"24h\"")]
enum Written {
    Seconds(u64),
    Text(String),
}

impl TryFrom<Written> for Length {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Seconds(seconds) => Ok(Self(seconds)),
            Written::Text(text) => text.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_as_the_aws_cli_reads_them_and_lengths_as_people_write_them() {
        for (text, seconds) in [("604800", 604_800), ("0", 0), ("24h", 86_400), ("7d", 604_800), ("1h30m", 5400)] {
            assert_eq!(text.parse(), Ok(Length(seconds)), "{text}");
        }
        for text in ["", "-1", "1.5", "500ms", "soon", "99999999999999999999"] {
            assert!(text.parse::<Length>().is_err(), "{text}");
        }
    }
}
