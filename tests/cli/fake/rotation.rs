//! Generations by rote.

use std::collections::HashMap;

use presignd::grpc::proto::*;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{Answer, Rote, Stream, generation, happening, identity};

/// Generation 3 drains: three times it is asked for, then it is drained.
#[tonic::async_trait]
impl rotation_server::Rotation for Rote {
    async fn drain(&self, request: Request<DrainRequest>) -> Answer<DrainResponse> {
        self.0.lock().unwrap().drains.push(request.into_inner());
        Ok(Response::new(DrainResponse { status: Some(generation(3, GenerationState::Draining, 1203)) }))
    }

    async fn cancel_drain(&self, request: Request<CancelDrainRequest>) -> Answer<CancelDrainResponse> {
        self.0.lock().unwrap().cancels.push(request.into_inner());
        Ok(Response::new(CancelDrainResponse { status: Some(generation(3, GenerationState::Active, 1203)) }))
    }

    async fn retire(&self, request: Request<RetireRequest>) -> Answer<RetireResponse> {
        if !request.into_inner().force {
            let details = ErrorDetails::with_error_info("URLS_OUTSTANDING", "presignd", HashMap::new());
            let message = "1203 URLs of generation 3 are outstanding";
            return Err(Status::with_error_details(Code::FailedPrecondition, message, details));
        }
        let status = Some(generation(3, GenerationState::Retired, 1203));
        Ok(Response::new(RetireResponse { status, breaks_urls: 1203, was_retired: false }))
    }

    async fn pause_identity(&self, request: Request<PauseIdentityRequest>) -> Answer<PauseIdentityResponse> {
        let one = Identity { state: IdentityState::Paused.into(), ..identity(&request.into_inner().identity) };
        Ok(Response::new(PauseIdentityResponse { identity: Some(one) }))
    }

    async fn resume_identity(&self, request: Request<ResumeIdentityRequest>) -> Answer<ResumeIdentityResponse> {
        Ok(Response::new(ResumeIdentityResponse { identity: Some(identity(&request.into_inner().identity)) }))
    }

    async fn rotation_status(&self, request: Request<RotationStatusRequest>) -> Answer<RotationStatusResponse> {
        let asked = {
            let mut seen = self.0.lock().unwrap();
            seen.statuses.push(request.into_inner());
            seen.statuses.len()
        };
        let third = match asked {
            1..3 => generation(3, GenerationState::Draining, 600),
            _ => generation(3, GenerationState::Drained, 0),
        };
        let mut renewed = generation(4, GenerationState::Active, 12);
        renewed.advice = "nothing to do: it is renewed by itself".into();
        Ok(Response::new(RotationStatusResponse { generations: vec![renewed, third] }))
    }

    async fn report_event(&self, request: Request<ReportEventRequest>) -> Answer<ReportEventResponse> {
        let event = request.into_inner().event;
        let is_typo = matches!(event.as_ref().and_then(|event| event.what.as_ref()), Some(event::What::KeyDeleted(_)));
        let unknown = Gap { reason: "NAME_UNKNOWN".into(), message: "Is that the right key?".into() };
        let gaps = if is_typo { vec![unknown] } else { Vec::new() };
        self.0.lock().unwrap().reported.extend(event);
        let totals = Some(Totals { ends: 42, may_end: 0, lives: 1161 });
        let stood = self.0.lock().unwrap().reported.len() > 1;
        Ok(Response::new(ReportEventResponse { event: Some(happening::reported(12)), totals, gaps, stood }))
    }

    async fn lift_event(&self, request: Request<LiftEventRequest>) -> Answer<LiftEventResponse> {
        let LiftEventRequest { id, in_error } = request.into_inner();
        match id.as_str() {
            "aaaaaaaa-12" if in_error => Ok(Response::new(LiftEventResponse { event: Some(happening::withdrawn(12)) })),
            "aaaaaaaa-12" => Ok(Response::new(LiftEventResponse { event: Some(happening::lifted(12)) })),
            id => Err(happening::refused(Code::NotFound, "EVENT_NOT_FOUND", &format!("no event has the id {id}"))),
        }
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        let mut events = vec![happening::seen(13), happening::reported(12)];
        if request.into_inner().with_lifted {
            events.push(happening::lifted(11));
        }
        Ok(Response::new(ListEventsResponse { events }))
    }

    type WatchStream = Stream<WatchResponse>;

    async fn watch(&self, request: Request<WatchRequest>) -> Answer<Stream<WatchResponse>> {
        let asked = request.into_inner();
        let answer = happening::watched(&asked);
        self.0.lock().unwrap().watched.push(asked);
        answer.map(|all| Response::new(tokio_stream::iter(all)))
    }
}
