//! `Rotation`: what operators decide of generations and identities. Admin socket only.

use tokio::time::timeout_at;
use tonic::{Request, Response, Status};

use super::Services;
use super::watcher::Told;
use crate::assess::GapReason;
use crate::error::Error;
use crate::grpc::call::Call;
use crate::grpc::convert::{
    decided, generation, generation_status, identity, named_generation, record_id, reported_event, wire_gap,
    wire_totals,
};
use crate::grpc::proto::rotation_server::Rotation;
use crate::grpc::proto::{
    CancelDrainRequest, CancelDrainResponse, DrainRequest, DrainResponse, Event as WireEvent, Identity,
    LiftEventRequest, LiftEventResponse, ListEventsRequest, ListEventsResponse, PauseIdentityRequest,
    PauseIdentityResponse, ReportEventRequest, ReportEventResponse, ResumeIdentityRequest, ResumeIdentityResponse,
    RetireRequest, RetireResponse, RotationStatusRequest, RotationStatusResponse, WatchRequest,
};
use crate::impact::event::What;
use crate::rotation::Retired;
use crate::s3::Refused;
use crate::session::IdentityName;

#[tonic::async_trait]
impl Rotation for Services {
    type WatchStream = Told;

    async fn drain(&self, request: Request<DrainRequest>) -> Result<Response<DrainResponse>, Status> {
        let call = Call::of(&request)?;
        let DrainRequest { identity, generation: number } = request.into_inner();
        let status = self.decide(&call, async {
            let drained = self.rotation.drain(call.caller.uid, decided(&identity)?, generation(number));
            drained.await
        });
        Ok(Response::new(DrainResponse { status: Some(generation_status(status.await?)) }))
    }

    async fn cancel_drain(
        &self,
        request: Request<CancelDrainRequest>,
    ) -> Result<Response<CancelDrainResponse>, Status> {
        let call = Call::of(&request)?;
        let CancelDrainRequest { identity, generation: number } = request.into_inner();
        let status = self.decide(&call, async {
            let cancelled = self.rotation.cancel_drain(call.caller.uid, decided(&identity)?, generation(number));
            cancelled.await
        });
        Ok(Response::new(CancelDrainResponse { status: Some(generation_status(status.await?)) }))
    }

    async fn retire(&self, request: Request<RetireRequest>) -> Result<Response<RetireResponse>, Status> {
        let call = Call::of(&request)?;
        let RetireRequest { identity, generation: number, force } = request.into_inner();
        let retired = self.decide(&call, async {
            let (identity, number) = (decided(&identity)?, named_generation(number)?);
            self.rotation.retire(call.caller.uid, identity, number, force).await
        });
        let retired = retired.await?;
        let Retired { status, breaks_urls, was_retired } = retired;
        let status = Some(generation_status(status));
        Ok(Response::new(RetireResponse { status, breaks_urls, was_retired }))
    }

    async fn pause_identity(
        &self,
        request: Request<PauseIdentityRequest>,
    ) -> Result<Response<PauseIdentityResponse>, Status> {
        let call = Call::of(&request)?;
        let identity = self.decide(&call, async {
            let name = decided(&request.get_ref().identity)?;
            self.rotation.pause(name.clone()).await?;
            self.one(&call, &name).await
        });
        Ok(Response::new(PauseIdentityResponse { identity: Some(identity.await?) }))
    }

    async fn resume_identity(
        &self,
        request: Request<ResumeIdentityRequest>,
    ) -> Result<Response<ResumeIdentityResponse>, Status> {
        let call = Call::of(&request)?;
        let identity = self.decide(&call, async {
            let name = decided(&request.get_ref().identity)?;
            self.rotation.resume(name.clone()).await?;
            self.one(&call, &name).await
        });
        Ok(Response::new(ResumeIdentityResponse { identity: Some(identity.await?) }))
    }

    async fn rotation_status(
        &self,
        request: Request<RotationStatusRequest>,
    ) -> Result<Response<RotationStatusResponse>, Status> {
        let call = Call::of(&request)?;
        let RotationStatusRequest { identity: name, with_retired } = request.into_inner();
        let statuses = self.decide(&call, async {
            let name = identity("identity", &name)?;
            self.rotation.status(call.caller.uid, name.as_ref(), with_retired).await
        });
        let generations = statuses.await?.into_iter().map(generation_status).collect();
        Ok(Response::new(RotationStatusResponse { generations }))
    }

    async fn report_event(
        &self,
        request: Request<ReportEventRequest>,
    ) -> Result<Response<ReportEventResponse>, Status> {
        let call = Call::of(&request)?;
        let reported = self.decide(&call, self.reported(&call, request.into_inner().event)).await?;
        Ok(Response::new(reported))
    }

    async fn lift_event(&self, request: Request<LiftEventRequest>) -> Result<Response<LiftEventResponse>, Status> {
        let call = Call::of(&request)?;
        let lifted = self.decide(&call, async {
            let LiftEventRequest { id, in_error } = request.get_ref();
            let id = record_id("id", id)?;
            match in_error {
                true => self.rotation.withdraw(call.caller.uid, id).await,
                false => self.rotation.lift(call.caller.uid, id).await,
            }
        });
        Ok(Response::new(LiftEventResponse { event: Some(reported_event(lifted.await?)) }))
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let call = Call::of(&request)?;
        let happened = self.decide(&call, self.rotation.happened(call.caller.uid, request.get_ref().with_lifted));
        Ok(Response::new(ListEventsResponse { events: happened.await?.into_iter().map(reported_event).collect() }))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Told>, Status> {
        let call = Call::of(&request)?;
        let told = self.watched(call.clone(), request.into_inner()).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(told))
    }
}

impl Services {
    /// For admins alone, and within the time of the call. A decision that is not waited for any more is carried out all the
    /// same.
    async fn decide<T>(&self, call: &Call, deciding: impl Future<Output = Result<T, Error>>) -> Result<T, Status> {
        let admitted = call.must_be_admin("generations, pauses and events are decided on the admin socket only");
        let decided = match admitted {
            Ok(()) => timeout_at(call.deadline, deciding).await,
            Err(error) => Ok(Err(error)),
        };
        let late = Error::Deadline("signatures under way to be recorded; what was decided is carried out");
        decided.unwrap_or(Err(late)).map_err(|error| call.failed(error))
    }

    /// What it does is counted before it is written down, so that an event which cannot be read leaves nothing.
    async fn reported(&self, call: &Call, event: Option<WireEvent>) -> Result<ReportEventResponse, Error> {
        let now = self.issuer.clock().now();
        let names = |name: fn(&WireEvent) -> bool| event.as_ref().is_some_and(name);
        let (names_instant, names_length) = (names(|one| one.at.is_some()), names(|one| one.settles_within.is_some()));
        let mut question = self.question(call, event, None, false, now)?;
        let former = self.rotation.reported_before(&question.event).await?;
        // Whoever says it again and no other instant, says the same.
        if let Some(former) = former.first().filter(|_| !names_instant) {
            question.event.at = former.at;
            if !names_length {
                question.event.settles_within = former.settles_within;
            }
        }
        if matches!(question.event.what, What::IdentityRenewed(_)) {
            let problem = "is nothing that happens at AWS: presignd writes down its own renewals, and Watch tells them";
            return Err(Refused::new("event.identity_renewed", problem).into());
        }
        let rules = self.issuer.rules();
        let answer = self.assessor.assess_among(&question, Some(&rules.identities), now).await?;
        let told = [GapReason::NameUnknown, GapReason::SeenAlive];
        let gaps = answer.gaps.into_iter().filter(|gap| told.contains(&gap.reason)).map(wire_gap).collect();
        let stood = former.contains(&question.event);
        let event = self.rotation.report(question.event).await?;
        Ok(ReportEventResponse {
            event: Some(reported_event(event)),
            totals: Some(wire_totals(answer.report.totals())),
            gaps,
            stood,
        })
    }

    async fn one(&self, call: &Call, name: &IdentityName) -> Result<Identity, Error> {
        let identity = self.identity(call, name).ok_or_else(|| Error::UnknownIdentity(name.as_str().to_owned()))?;
        self.described(call, &identity).await
    }
}
