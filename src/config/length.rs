//! A length of time as people write it.

use std::time::Duration;

/// `90s`, `15m`, `12h`, `30d`, `1h 30m`: whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Length(pub Duration);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match humantime::parse_duration(&text) {
            Ok(length) if length.subsec_nanos() == 0 => Ok(Self(length)),
            _ => {
                Err("is not a length of time in whole seconds; write it like \"90s\", \"15m\", \"12h\" or \"30d\""
                    .into())
            }
        }
    }
}
