//! One call: who asks, on which socket, until when; and what is logged of one that fails.
//!
//! Never reads the message.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Request, Status};

use super::peer::{Door, Peer};
use crate::access::Caller;
use crate::error::Error;

/// Set by the guard before a handler runs.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) caller: Arc<Caller>,
    pub(super) door: Door,
    /// When the caller stops waiting, if it said so.
    pub(super) until: Option<Instant>,
    /// When a single answer must be there.
    pub(super) deadline: Instant,
}

impl Call {
    /// # Errors
    /// When the call came past the guard, which no call does.
    pub(super) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        request.extensions().get().cloned().ok_or_else(|| Status::internal("the call has no caller"))
    }

    pub(super) fn new(peer: &Peer, until: Option<Instant>, now: Instant, most: Duration) -> Self {
        let latest = now + most;
        let deadline = until.map_or(latest, |until| until.min(latest));
        Self { caller: Arc::clone(&peer.caller), door: peer.door, until, deadline }
    }

    /// The same call with time for one more answer.
    pub(super) fn again(&self, now: Instant, most: Duration) -> Self {
        let latest = now + most;
        Self { deadline: self.until.map_or(latest, |until| until.min(latest)), ..self.clone() }
    }

    /// Until its caller stops waiting; for ever, where it did not say.
    pub(super) async fn out_of_time(&self) {
        match self.until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }

    /// Whether every record and every identity may be seen.
    pub(super) fn sees_all(&self) -> bool {
        self.door == Door::Admin
    }

    /// Whether a record of `uid` may be seen. What may not be seen does not exist.
    pub(super) fn sees(&self, uid: u32) -> bool {
        self.sees_all() || self.caller.uid == uid
    }

    /// Refuses what only the admin socket serves.
    pub(super) fn must_be_admin(&self, why: &'static str) -> Result<(), Error> {
        if self.sees_all() { Ok(()) } else { Err(Error::NotAdmitted(why)) }
    }

    /// The error as the wire carries it, logged once with its causes. The causes are the operator's business; the
    /// message is both's. Neither holds a URL, a key or a secret.
    pub(super) fn failed(&self, error: Error) -> Status {
        let (code, reason) = error.verdict();
        let Caller { uid, gid, pid, executable } = &*self.caller;
        let cause = &error as &dyn std::error::Error;
        match code {
            // Nothing but a person mends it.
            Code::DataLoss => tracing::error!(uid, gid, pid, executable, reason, error = cause, "a call failed"),
            Code::Unavailable | Code::Internal | Code::ResourceExhausted | Code::DeadlineExceeded => {
                tracing::warn!(uid, gid, pid, executable, reason, error = cause, "a call failed");
            }
            // A denial by grant was logged at the desk, with what was asked for.
            Code::PermissionDenied if !matches!(error, Error::Denied(_)) => {
                tracing::warn!(uid, gid, pid, executable, door = ?self.door, reason, error = cause, "denied");
            }
            _ => tracing::debug!(uid, gid, pid, executable, reason, error = cause, "a call failed"),
        }
        error.into()
    }
}

/// Reads `grpc-timeout`: at most eight digits and a unit. What is not one is no deadline, as gRPC has it.
pub(super) fn timeout(header: &str) -> Option<Duration> {
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u32 = digits.parse().ok()?;
    let unit = match unit {
        "H" => Duration::from_secs(3600),
        "M" => Duration::from_secs(60),
        "S" => Duration::from_secs(1),
        "m" => Duration::from_millis(1),
        "u" => Duration::from_micros(1),
        "n" => Duration::from_nanos(1),
        _ => return None,
    };
    unit.checked_mul(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::bounds::Bounds;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        assert_eq!(timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "5", "S", "-1S", "1.5S", "123456789S", "1s", "1µ", "+1S"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_deadline_lies_behind_the_longest_call() {
        let (now, most) = (Instant::now(), Duration::from_secs(30));
        let caller = Arc::new(Caller { uid: 1, gid: 1, pid: None, executable: None });
        let peer = Peer { caller, door: Door::Sign, bounds: Bounds::free() };
        let deadline = |until: Option<u64>| {
            let until = until.map(|seconds| now + Duration::from_secs(seconds));
            Call::new(&peer, until, now, most).deadline - now
        };
        assert_eq!(deadline(None), most);
        assert_eq!(deadline(Some(3600)), most);
        assert_eq!(deadline(Some(1)), Duration::from_secs(1));
    }
}
