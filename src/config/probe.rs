//! The `[probe]` table and the canaries of identities: how often presignd looks whether its URLs still work, and at what.

use std::time::Duration;

use serde::Deserialize;

use super::{Error, Length};
use crate::s3::{Bucket, ObjectKey};

/// `[probe]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Whether anything is asked at all.
    pub enabled: bool,
    /// How often each session is asked: 1 s to 1 d.
    pub interval: Duration,
    /// What lies between a first sight of death and the second, which is believed: 1 s to 10 min.
    pub confirm_after: Duration,
    /// Calls a minute over all sessions, to STS and S3 together, 1 to 6000. Beyond them sessions wait for their turn.
    pub calls_per_minute: u32,
}

/// An object that an identity can always read, unless somebody takes the right away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Where it lies.
    pub bucket: Bucket,
    /// Its key.
    pub key: ObjectKey,
}

impl Canary {
    /// `s3://bucket/key`.
    pub fn text(&self) -> String {
        format!("s3://{}/{}", self.bucket.as_str(), self.key.as_str())
    }
}

/// Whether every canary is denied, of those that there are: one of several tells of its own bucket only.
pub fn all_denied(canaries: &[Canary], is_denied: impl Fn(&str) -> bool) -> bool {
    !canaries.is_empty() && canaries.iter().all(|canary| is_denied(&canary.text()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProbeTable {
    enabled: Option<bool>,
    interval: Option<Length>,
    confirm_after: Option<Length>,
    calls_per_minute: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CanaryTable {
    bucket: String,
    key: String,
}

impl ProbeTable {
    pub(super) fn check(self) -> Result<Probe, Error> {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let length = super::file::length;
        let calls = super::file::number("probe.calls_per_minute", self.calls_per_minute, DEFAULT_CALLS, 1..=6000)?;
        Ok(Probe {
            enabled: self.enabled.unwrap_or(true),
            interval: length("probe.interval", self.interval, minute, second..=1440 * minute)?,
            confirm_after: length("probe.confirm_after", self.confirm_after, 10 * second, second..=10 * minute)?,
            calls_per_minute: calls,
        })
    }
}

/// The canaries of one identity, whose table is called `table`.
pub(in crate::config) fn canaries(table: &str, given: Vec<CanaryTable>) -> Result<Vec<Canary>, Error> {
    if given.len() > MAX_CANARIES {
        let problem = format!("has {} tables; at most {MAX_CANARIES} are taken", given.len());
        return Err(Error::new(format!("{table}.canary"), problem));
    }
    let one = |canary: CanaryTable| {
        let wrong = |key: &str, problem: String| Error::new(format!("{table}.canary.{key}"), problem);
        let bucket = Bucket::parse(&canary.bucket).map_err(|refused| wrong("bucket", refused.problem))?;
        let key = ObjectKey::parse(&canary.key).map_err(|refused| wrong("key", refused.problem))?;
        Ok(Canary { bucket, key })
    };
    let canaries: Vec<Canary> = given.into_iter().map(one).collect::<Result<_, Error>>()?;
    for (at, canary) in canaries.iter().enumerate() {
        if canaries[..at].contains(canary) {
            let problem = format!("names s3://{}/{} twice", canary.bucket.as_str(), canary.key.as_str());
            return Err(Error::new(format!("{table}.canary"), problem));
        }
    }
    Ok(canaries)
}

/// Canaries of one identity.
pub const MAX_CANARIES: usize = 8;
/// Half of what STS is asked in a minute, so that probing never keeps a session from being renewed.
const DEFAULT_CALLS: u32 = 30;
