//! Why there is no URL. A refusal's reason is stable; docs/errors.md lists them.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why there is no URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody listens there, or this user may not open it.
    #[error("cannot reach presignd at {address}")]
    Unreachable {
        /// What was connected to.
        address: String,
        /// Why not.
        source: tonic::transport::Error,
    },
    /// The daemon said no.
    #[error(transparent)]
    Refused(Box<Refused>),
    /// The connection was lost, or time ran out before the daemon said anything.
    #[error("presignd did not answer: {}", .0.message())]
    Lost(Box<Status>),
    /// The answer is not one of presignd.
    #[error("presignd's answer cannot be used: {0}")]
    NoAnswer(&'static str),
}

/// What the daemon said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Stable, such as `SESSION_TOO_SHORT`.
    pub reason: String,
    /// gRPC's code.
    pub code: Code,
    /// For people: what is wrong, and what would be right.
    pub message: String,
    /// Fields that cannot be signed, each with what is wrong with it.
    pub fields: Vec<(String, String)>,
    /// What else is known, such as `identity` or `cause`.
    pub metadata: HashMap<String, String>,
    /// How long to wait, where the same call may do better later.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// The longest life that a URL signed now could have, where the life asked for was too long.
    pub fn longest_now(&self) -> Option<Duration> {
        self.seconds("longest_now_seconds")
    }

    /// The same with a session got first.
    pub fn longest_fresh(&self) -> Option<Duration> {
        self.seconds("longest_fresh_seconds")
    }

    fn seconds(&self, key: &str) -> Option<Duration> {
        self.metadata.get(key)?.parse().ok().map(Duration::from_secs)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "presignd refused: {} ({})", self.message, self.reason)
    }
}

impl std::error::Error for Refused {}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
            return Self::Lost(Box::new(status));
        };
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        Self::Refused(Box::new(Refused {
            reason: info.reason.clone(),
            code: status.code(),
            message: status.message().to_owned(),
            fields: violations.iter().map(|one| (one.field.clone(), one.description.clone())).collect(),
            metadata: info.metadata.clone(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        }))
    }
}

const DOMAIN: &str = "presignd";
