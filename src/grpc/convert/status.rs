//! How calls to AWS went, to the wire.

use super::wire_instant;
use crate::grpc::proto;
use crate::telemetry::latest::{Call, Outcome};

/// One call.
pub(in crate::grpc) fn latest_call(call: Call) -> proto::LatestCall {
    let outcome = match call.outcome {
        Outcome::Ok => proto::CallOutcome::Ok,
        Outcome::Refused => proto::CallOutcome::Refused,
        Outcome::Silent => proto::CallOutcome::Silent,
    };
    proto::LatestCall { at: Some(wire_instant(call.at)), outcome: outcome.into(), message: call.message }
}
