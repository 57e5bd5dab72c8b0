//! `Rotation`: what operators decide of generations and identities. Admin socket only.

use tokio::time::timeout_at;
use tonic::{Request, Response, Status};

use super::Services;
use crate::error::Error;
use crate::grpc::call::Call;
use crate::grpc::convert::{decided, generation, generation_status, identity, named_generation};
use crate::grpc::proto::rotation_server::Rotation;
use crate::grpc::proto::{
    CancelDrainRequest, CancelDrainResponse, DrainRequest, DrainResponse, Identity, LiftEventRequest,
    LiftEventResponse, ListEventsRequest, ListEventsResponse, PauseIdentityRequest, PauseIdentityResponse,
    ReportEventRequest, ReportEventResponse, ResumeIdentityRequest, ResumeIdentityResponse, RetireRequest,
    RetireResponse, RotationStatusRequest, RotationStatusResponse, WatchRequest, WatchResponse,
};
use crate::session::IdentityName;

#[tonic::async_trait]
impl Rotation for Services {
    type WatchStream = tokio_stream::Empty<Result<WatchResponse, Status>>;

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
        let (status, breaks_urls) = (Some(generation_status(retired.status)), retired.breaks_urls);
        Ok(Response::new(RetireResponse { status, breaks_urls }))
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
        Err(Call::of(&request)?.failed(Error::Unserved("ReportEvent")))
    }

    async fn lift_event(&self, request: Request<LiftEventRequest>) -> Result<Response<LiftEventResponse>, Status> {
        Err(Call::of(&request)?.failed(Error::Unserved("LiftEvent")))
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        Err(Call::of(&request)?.failed(Error::Unserved("ListEvents")))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Call::of(&request)?.failed(Error::Unserved("Watch")))
    }
}

impl Services {
    /// For admins alone, and within the time of the call. A decision that is not waited for any more is carried out all the
    /// same.
    async fn decide<T>(&self, call: &Call, deciding: impl Future<Output = Result<T, Error>>) -> Result<T, Status> {
        let admitted = call.must_be_admin("generations and pauses are decided on the admin socket only");
        let decided = match admitted {
            Ok(()) => timeout_at(call.deadline, deciding).await,
            Err(error) => Ok(Err(error)),
        };
        let late = Error::Deadline("signatures under way to be recorded; what was decided is carried out");
        decided.unwrap_or(Err(late)).map_err(|error| call.failed(error))
    }

    async fn one(&self, call: &Call, name: &IdentityName) -> Result<Identity, Error> {
        let identity = self.identity(call, name).ok_or_else(|| Error::UnknownIdentity(name.as_str().to_owned()))?;
        self.described(call, &identity).await
    }
}
