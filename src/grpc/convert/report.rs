//! Events that happened, to the wire.

use super::{wire_event, wire_instant};
use crate::grpc::proto;
use crate::rotation::report::{Reported, Withdrawn};

/// An event with what is known of its report.
pub(in crate::grpc) fn reported_event(reported: Reported) -> proto::ReportedEvent {
    let Reported { id, event, observed, cause, recorded_at, lifted_at, withdrawn, seen_alive_at } = reported;
    proto::ReportedEvent {
        id: id.to_string(),
        event: Some(wire_event(event)),
        observed,
        recorded_at: Some(wire_instant(recorded_at)),
        lifted_at: lifted_at.map(wire_instant),
        cause,
        withdrawn: withdrawn
            .map(|Withdrawn { at, uid }| proto::Withdrawal { withdrawn_at: Some(wire_instant(at)), uid }),
        seen_alive_at: seen_alive_at.map(wire_instant),
    }
}
