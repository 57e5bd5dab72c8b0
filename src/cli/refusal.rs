//! Reads what a refused call says: `google.rpc` details into one clear line, the details that help, and JSON.

use std::collections::BTreeMap;
use std::error::Error;

use prost::Message;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::exit::{Exit, Failure};
use super::say;
use crate::grpc::proto;

/// A refusal, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub code: Code,
    /// The stable reason; empty where the answer did not come from presignd's own code.
    pub reason: String,
    /// For people.
    pub message: String,
    /// What the reason carries: `longest_now_seconds`, `limited_by`, …
    pub metadata: BTreeMap<String, String>,
    /// Fields and what is wrong with them.
    pub fields: Vec<(String, String)>,
    /// Other lines: preconditions and quotas.
    pub violations: Vec<String>,
    /// When to try again; part of a second is a whole one, for who comes back too early is refused again.
    pub retry_after_seconds: Option<u64>,
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let fields = details.bad_request().map(|bad| bad.field_violations.iter());
        let preconditions = details.precondition_failure().map(|failed| failed.violations.iter());
        let quotas = details.quota_failure().map(|failed| failed.violations.iter());
        Self {
            code: status.code(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            message: status.message().to_owned(),
            metadata: info.map(|info| info.metadata.clone().into_iter().collect()).unwrap_or_default(),
            fields: fields.into_iter().flatten().map(|one| (one.field.clone(), one.description.clone())).collect(),
            violations: (preconditions.into_iter().flatten().map(|one| one.description.clone()))
                .chain(quotas.into_iter().flatten().map(|one| one.description.clone()))
                .collect(),
            retry_after_seconds: (details.retry_info().and_then(|retry| retry.retry_delay))
                .map(|delay| delay.as_secs() + u64::from(delay.subsec_nanos() > 0)),
        }
    }
}

/// A failed item of a batch is a `google.rpc.Status` field for field.
impl From<&proto::Failure> for Refusal {
    fn from(failure: &proto::Failure) -> Self {
        let status = tonic_types::Status {
            code: failure.code,
            message: failure.message.clone(),
            details: failure.details.clone(),
        };
        let code = Code::from_i32(failure.code);
        Self::from(&Status::with_details(code, failure.message.clone(), status.encode_to_vec().into()))
    }
}

impl Refusal {
    /// The exit code: 3 where the only trouble is the length of the life.
    pub fn exit(&self) -> Exit {
        match self.reason.as_str() {
            TOO_SHORT => Exit::TooShort,
            _ => Exit::Refused,
        }
    }

    /// The lines below the message.
    pub fn details(&self) -> Vec<String> {
        let fields = self.fields.iter().map(|(field, problem)| format!("{field}: {problem}"));
        // A single one of them is often the message itself, or the end of it.
        let said = fields.chain(self.violations.iter().cloned()).filter(|line| !self.message.contains(line));
        let mut lines: Vec<String> = said.collect();
        for (name, value) in &self.metadata {
            // `longest_now_seconds` becomes "longest now: 30m".
            match name.strip_suffix("_seconds").zip(value.parse().ok()) {
                Some((name, seconds)) => lines.push(format!("{}: {}", name.replace('_', " "), say::seconds(seconds))),
                None => lines.push(format!("{}: {value}", name.replace('_', " "))),
            }
        }
        let after = self.retry_after_seconds.filter(|_| !self.message.contains("try again in"));
        lines.extend(after.map(|after| format!("try again in {}", say::seconds(after))));
        lines.extend((!self.reason.is_empty()).then(|| format!("reason: {}", self.reason)));
        lines
    }

    /// For a line of a batch's answer.
    pub fn json(&self) -> Value {
        let fields: Vec<Value> = self.fields.iter().map(|(f, d)| json!({"field": f, "description": d})).collect();
        json!({
            "code": code_name(self.code),
            "reason": self.reason,
            "message": self.message,
            "metadata": self.metadata,
            "fields": fields,
            "retry_after_seconds": self.retry_after_seconds,
        })
    }
}

/// A call that failed: refused by the service, or never answered by it.
impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let refusal = Refusal::from(&status);
        // A broken connection reaches us as a status too; its source tells it from the service's own words.
        let lost = status.source().is_some() && refusal.reason.is_empty();
        if lost && matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal) {
            return Self::surroundings(format!("the connection to presignd broke: {}", super::exit::chain(&status)));
        }
        if lost || (refusal.reason.is_empty() && status.code() == Code::Cancelled) {
            return Self::new(Exit::Other, format!("no answer in time: {}", status.message()));
        }
        let message = match (status.message(), status.code()) {
            ("", code) => format!("the service refused: {}", code_name(code)),
            (message, _) => message.to_owned(),
        };
        Self { exit: refusal.exit(), message, details: refusal.details() }
    }
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The reason that the AWS CLI has no exit code for.
const TOO_SHORT: &str = "SESSION_TOO_SHORT";

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    fn too_short() -> Status {
        let metadata = [("longest_now_seconds", "1800"), ("limited_by", "session")];
        let metadata: HashMap<_, _> = metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let details = ErrorDetails::with_error_info("SESSION_TOO_SHORT", "presignd", metadata);
        Status::with_error_details(Code::FailedPrecondition, "no URL can live for 3600 s", details)
    }

    #[test]
    fn a_session_that_is_too_short_has_an_exit_code_of_its_own_and_says_how_long_it_is() {
        let failure = Failure::from(too_short());
        assert_eq!((failure.exit as u8, failure.message.as_str()), (3, "no URL can live for 3600 s"));
        assert_eq!(failure.details, ["limited by: session", "longest now: 30m", "reason: SESSION_TOO_SHORT"]);
    }

    #[test]
    fn every_other_refusal_is_254_and_names_its_fields() {
        let details = ErrorDetails::with_bad_request_violation("key", "is empty");
        let failure = Failure::from(Status::with_error_details(Code::InvalidArgument, "bad request", details));
        assert_eq!((failure.exit as u8, &failure.details[..]), (254, &["key: is empty".to_owned()][..]));
    }

    #[test]
    fn a_field_that_the_message_tells_of_is_not_told_twice() {
        let details = ErrorDetails::with_bad_request_violation("key", "is empty");
        let failure = Failure::from(Status::with_error_details(Code::InvalidArgument, "key: is empty", details));
        assert_eq!((failure.message.as_str(), failure.details), ("key: is empty", vec![]));
    }

    #[test]
    fn when_to_try_again_is_rounded_up_and_told_once() {
        let refused = |message: &str, millis: u64| {
            let details = ErrorDetails::with_retry_info(Some(std::time::Duration::from_millis(millis)));
            Status::with_error_details(Code::ResourceExhausted, message, details)
        };
        for (millis, seconds) in [(405, 1), (1000, 1), (1900, 2)] {
            let status = refused("the rate is spent", millis);
            assert_eq!(Refusal::from(&status).retry_after_seconds, Some(seconds));
            assert_eq!(Failure::from(status).details, [format!("try again in {seconds}s")]);
        }
        let said = Failure::from(refused("the rate is spent; try again in 405ms", 405));
        assert_eq!(said.details, [""; 0]);
    }

    #[test]
    fn a_failed_item_of_a_batch_reads_as_its_status_would() {
        let status = too_short();
        let inner = tonic_types::Status::decode(status.details()).unwrap();
        let failure = proto::Failure { code: inner.code, message: inner.message, details: inner.details };
        assert_eq!(Refusal::from(&failure), Refusal::from(&status));
    }

    #[test]
    fn a_connection_that_breaks_is_not_the_service_refusing() {
        let broken = Status::from_error(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
        assert_eq!(Failure::from(broken).exit, Exit::Surroundings);
    }
}
