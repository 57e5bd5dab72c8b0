//! Instants and lengths in whole seconds, as SigV4 counts them.
//!
//! Never reads a clock: `clock` does, and passes a [`Timestamp`] down.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An instant: whole seconds since 1970-01-01T00:00:00Z. Ordered; may lie before the epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The epoch itself.
    pub const EPOCH: Self = Self(0);

    /// From seconds since the epoch, held to the years 0000 to 9999, which every format here can write.
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(YEAR_0, YEAR_9999))
    }

    /// Seconds since the epoch.
    pub fn unix(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339, such as `2026-11-22T23:59:59Z`; fractions of a second are dropped (towards the past).
    ///
    /// # Errors
    /// When the text is not RFC 3339.
    pub fn parse_rfc3339(text: &str) -> Result<Self, NotATime> {
        OffsetDateTime::parse(text, &Rfc3339).map(|at| Self::from_unix(at.unix_timestamp())).map_err(|_| NotATime)
    }

    /// Reads the basic ISO form of `X-Amz-Date`, `20261122T235959Z`.
    ///
    /// # Errors
    /// When the text has another form or names no real instant.
    pub fn parse_amz_date(text: &str) -> Result<Self, NotATime> {
        let digits = |range: std::ops::Range<usize>| -> Result<i64, NotATime> {
            let part = text.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            part.and_then(|part| part.parse().ok()).ok_or(NotATime)
        };
        let marks = text.len() == 16 && text.as_bytes()[8] == b'T' && text.as_bytes()[15] == b'Z';
        if !marks {
            return Err(NotATime);
        }
        let month = u8::try_from(digits(4..6)?).ok().and_then(|month| time::Month::try_from(month).ok());
        let day = u8::try_from(digits(6..8)?).map_err(|_| NotATime)?;
        let year = i32::try_from(digits(0..4)?).map_err(|_| NotATime)?;
        let date = time::Date::from_calendar_date(year, month.ok_or(NotATime)?, day).map_err(|_| NotATime)?;
        let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
        if hour > 23 || minute > 59 || second > 59 {
            return Err(NotATime);
        }
        let midnight = date.midnight().assume_utc().unix_timestamp();
        Ok(Self(midnight + hour * 3600 + minute * 60 + second))
    }

    /// The form of `X-Amz-Date`: `20261122T235959Z`.
    pub fn amz_date(self) -> String {
        let at = self.calendar();
        let (hour, minute, second) = at.time().as_hms();
        let mut text = String::with_capacity(16);
        push_date(&mut text, at);
        text.push('T');
        [hour, minute, second].into_iter().for_each(|number| push_two(&mut text, number));
        text.push('Z');
        text
    }

    /// The date in a credential scope: `20261122`.
    pub fn scope_date(self) -> String {
        let mut text = String::with_capacity(8);
        push_date(&mut text, self.calendar());
        text
    }

    /// Days since the epoch, rounded down: names the day of a signing key.
    pub fn day(self) -> i64 {
        self.0.div_euclid(86_400)
    }

    /// The time left until `later`; `None` when it is not later.
    pub fn until(self, later: Self) -> Option<Duration> {
        u64::try_from(later.0 - self.0).ok().filter(|left| *left > 0).map(Duration::from_secs)
    }

    fn calendar(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0).expect("every Timestamp lies in the years 0000 to 9999")
    }
}

/// `20261122`, digit by digit: it is in every URL, and `format!` would take a tenth of the time that signing takes.
fn push_date(text: &mut String, at: OffsetDateTime) {
    let year = u32::try_from(at.year()).expect("every Timestamp lies in the years 0000 to 9999");
    let century = |years: u32| u8::try_from(years % 100).expect("it is below 100");
    [century(year / 100), century(year), at.month().into(), at.day()]
        .into_iter()
        .for_each(|number| push_two(text, number));
}

/// A number below 100.
fn push_two(text: &mut String, number: u8) {
    text.push(char::from(b'0' + number / 10));
    text.push(char::from(b'0' + number % 10));
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self::from_unix(self.0.saturating_add(i64::try_from(length.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, length: Duration) -> Self {
        Self::from_unix(self.0.saturating_sub(i64::try_from(length.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl Add<Ttl> for Timestamp {
    type Output = Self;

    fn add(self, ttl: Ttl) -> Self {
        self + ttl.duration()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = NotATime;

    fn try_from(text: String) -> Result<Self, NotATime> {
        Self::parse_rfc3339(&text)
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        at.to_string()
    }
}

/// RFC 3339 in UTC: `2026-11-22T23:59:59Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.calendar();
        let (hour, minute, second) = at.time().as_hms();
        let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// How long a URL may live: 1 to 604,800 whole seconds (SEMANTICS.md 2.1), the range of `X-Amz-Expires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(u32);

impl Ttl {
    /// One second.
    pub const MIN: Self = Self(1);
    /// Seven days, the most that S3 accepts.
    pub const MAX: Self = Self(604_800);
    /// What is signed for when the caller names no length: one hour, as the AWS CLI does.
    pub const DEFAULT: Self = Self(3600);

    /// # Errors
    /// When `seconds` is 0 or over 604,800.
    pub fn new(seconds: u64) -> Result<Self, NotATtl> {
        let seconds = u32::try_from(seconds).map_err(|_| NotATtl)?;
        if (Self::MIN.0..=Self::MAX.0).contains(&seconds) { Ok(Self(seconds)) } else { Err(NotATtl) }
    }

    /// The time from `now` to `end`, at most [`Ttl::MAX`]; `None` when less than a second is left.
    pub fn between(now: Timestamp, end: Timestamp) -> Option<Self> {
        let left = end.unix().saturating_sub(now.unix()).min(i64::from(Self::MAX.0));
        u32::try_from(left).ok().filter(|left| *left > 0).map(Self)
    }

    /// The same length, held to the range: for lengths that come from rules rather than from people.
    pub fn saturating(length: Duration) -> Option<Self> {
        let seconds = length.as_secs().min(u64::from(Self::MAX.0));
        u32::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Self)
    }

    /// Nine tenths, rounded up: the least that a caller is taken to need who names no `at_least`.
    pub fn nine_tenths(self) -> Self {
        Self((self.0 * 9).div_ceil(10))
    }

    /// Whole seconds.
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// The same as a [`Duration`].
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} s", self.0)
    }
}

/// The text is not a time of the wanted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time")]
pub struct NotATime;

/// The length is outside the range of [`Ttl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must lie between 1 and 604800 seconds (7 days)")]
pub struct NotATtl;

const YEAR_0: i64 = -62_167_219_200;
const YEAR_9999: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn amz_date_is_read_back_as_it_was_written(seconds in YEAR_0..=YEAR_9999) {
            let at = Timestamp::from_unix(seconds);
            prop_assert_eq!(Timestamp::parse_amz_date(&at.amz_date()), Ok(at));
            prop_assert_eq!(Timestamp::parse_rfc3339(&at.to_string()), Ok(at));
        }

        #[test]
        fn anything_may_be_parsed_without_panic(text in "\\PC{0,20}") {
            let _ = Timestamp::parse_amz_date(&text);
        }
    }

    #[test]
    fn an_instant_that_its_offset_carries_beyond_the_years_can_be_written() {
        for text in ["9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"] {
            assert!(Timestamp::parse_rfc3339(text).is_ok_and(|at| !at.to_string().is_empty()));
        }
    }

    #[test]
    fn a_ttl_lies_between_one_second_and_seven_days() {
        assert_eq!(Ttl::new(0), Err(NotATtl));
        assert_eq!(Ttl::new(604_801), Err(NotATtl));
        assert_eq!(Ttl::new(604_800), Ok(Ttl::MAX));
    }

    #[test]
    fn nine_tenths_never_become_nothing() {
        assert_eq!(Ttl::MIN.nine_tenths(), Ttl::MIN);
        assert_eq!(Ttl::new(3600).map(Ttl::nine_tenths), Ttl::new(3240));
    }
}
