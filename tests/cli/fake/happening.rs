//! What happens by rote: reported events, and watches. A watch from the oldest breaks off after its sixth line, as when the
//! daemon stops; a later one goes on after it, and is then told that its place is forgotten.

use std::collections::HashMap;

use presignd::grpc::proto::watch_response::What;
use presignd::grpc::proto::*;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::impact::{ends, key_gone};
use super::{at, generation, session};

pub(super) fn reported(number: u64) -> ReportedEvent {
    let (id, event) = (format!("aaaaaaaa-{number}"), Some(key_gone()));
    ReportedEvent { id, event, recorded_at: at(1), ..ReportedEvent::default() }
}

pub(super) fn seen(number: u64) -> ReportedEvent {
    let statement =
        Statement { policy: statement::Policy::Identity.into(), bucket: "films".into(), ..Default::default() };
    let denied = Deny { statement: Some(statement), ..Default::default() };
    let event = Event { what: Some(event::What::Denied(denied)), ..key_gone() };
    ReportedEvent { event: Some(event), observed: true, cause: "403 AccessDenied".into(), ..reported(number) }
}

pub(super) fn lifted(number: u64) -> ReportedEvent {
    ReportedEvent { lifted_at: at(2), ..reported(number) }
}

pub(super) fn withdrawn(number: u64) -> ReportedEvent {
    let withdrawn = Some(Withdrawal { withdrawn_at: at(2), uid: 1000 });
    ReportedEvent { withdrawn, ..lifted(number) }
}

pub(super) fn refused(code: Code, reason: &str, message: &str) -> Status {
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, "presignd", HashMap::new()))
}

pub(super) fn watched(asked: &WatchRequest) -> Result<Vec<Result<WatchResponse, Status>>, Status> {
    match asked.cursor.as_str() {
        "" if asked.from_oldest => {
            let stopping = Err(Status::unavailable("presignd is stopping"));
            Ok(lines(1, BEFORE).into_iter().map(Ok).chain([stopping]).collect())
        }
        "aaaaaaaa-6" => {
            let place = WatchResponse { cursor: asked.cursor.clone(), at: at(0), what: None };
            let old = Err(refused(Code::OutOfRange, "CURSOR_TOO_OLD", "it is forgotten"));
            Ok([Ok(place)].into_iter().chain(lines(7, AFTER).into_iter().map(Ok)).chain([old]).collect())
        }
        other => Err(refused(Code::InvalidArgument, "INVALID_FIELD", &format!("cursor: {other} is none"))),
    }
}

fn lines(first: u64, all: fn() -> Vec<Option<What>>) -> Vec<WatchResponse> {
    let line = |(number, what)| WatchResponse { cursor: format!("aaaaaaaa-{number}"), at: at(0), what };
    (first..).zip(all()).map(line).collect()
}

const BEFORE: fn() -> Vec<Option<What>> = || {
    let failed = RenewalFailed {
        identity: "web".into(),
        reason: "ACCESS_DENIED".into(),
        message: "not \u{1b}[31mauthorized".into(),
        session_ends_at: at(3600),
        signs: true,
        partition: String::new(),
    };
    vec![
        None,
        Some(What::SessionRenewed(session())),
        Some(What::RenewalFailed(failed)),
        Some(What::SessionEnding(generation(7, GenerationState::Active, 12))),
        Some(What::GenerationDraining(generation(3, GenerationState::Draining, 600))),
        Some(What::DrainCancelled(generation(3, GenerationState::Active, 600))),
    ]
};

const AFTER: fn() -> Vec<Option<What>> = || {
    let paused = IdentityPaused { identity: "web".into() };
    let early = EarlyEnd {
        url_id: "aaaaaaaa-1".into(),
        usable_until: at(3600),
        ending: Some(ends()),
        event_id: "aaaaaaaa-11".into(),
        on_behalf_of: "ann".into(),
    };
    vec![
        Some(What::GenerationDrained(generation(3, GenerationState::Drained, 0))),
        Some(What::GenerationRetired(generation(3, GenerationState::Retired, 0))),
        Some(What::IdentityPaused(paused.clone())),
        Some(What::IdentityResumed(paused)),
        Some(What::EventHappened(reported(11))),
        Some(What::UrlEndsEarly(early)),
        Some(What::EventLifted(lifted(11))),
        None,
    ]
};
