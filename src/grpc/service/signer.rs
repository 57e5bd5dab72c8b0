//! `Signer`: from a message to the desk and back.

use tonic::{Request, Response, Status, Streaming};

use super::Services;
use super::resign::Successors;
use super::stream::Answers;
use crate::error::Error;
use crate::grpc::call::Call;
use crate::grpc::convert;
use crate::grpc::proto::signer_server::Signer;
use crate::grpc::proto::{
    PresignBatchRequest, PresignBatchResponse, PresignPostRequest, PresignPostResponse, PresignRequest,
    PresignResponse, PresignResult, PresignStreamRequest, ResignRequest,
};
use crate::issuer::{Ask, Issued};
use crate::s3::Refused;

#[tonic::async_trait]
impl Signer for Services {
    type PresignStreamStream = Answers;
    type ResignStream = Successors;

    async fn presign(&self, request: Request<PresignRequest>) -> Result<Response<PresignResponse>, Status> {
        let call = Call::of(&request)?;
        let ask = convert::url_ask(request.into_inner());
        let issued = self.issue_one(&call, ask).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(convert::presigned(issued)))
    }

    async fn presign_batch(
        &self,
        request: Request<PresignBatchRequest>,
    ) -> Result<Response<PresignBatchResponse>, Status> {
        let call = Call::of(&request)?;
        let requests = request.into_inner().requests;
        convert::item_count("requests", requests.len(), self.limits.borrow().batch_items)
            .map_err(|refused| call.failed(refused.into()))?;
        let results = self.issue_group(&call, requests).await;
        Ok(Response::new(PresignBatchResponse { results }))
    }

    async fn presign_stream(
        &self,
        request: Request<Streaming<PresignStreamRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(self.clone().answer_stream(call, request.into_inner())))
    }

    async fn presign_post(
        &self,
        request: Request<PresignPostRequest>,
    ) -> Result<Response<PresignPostResponse>, Status> {
        let call = Call::of(&request)?;
        let ask = convert::form_ask(request.into_inner());
        let issued = self.issue_one(&call, ask).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(convert::presigned_form(issued)))
    }

    async fn resign(&self, request: Request<ResignRequest>) -> Result<Response<Successors>, Status> {
        let call = Call::of(&request)?;
        let answers = self.resigned(call.clone(), request.into_inner()).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(answers))
    }
}

impl Services {
    async fn issue_one(&self, call: &Call, ask: Result<Ask, Refused>) -> Result<Issued, Error> {
        let ask = ask.map_err(|refused| self.refused(refused))?;
        let issued = self.issuer.issue(&call.caller, vec![ask], call.deadline).await;
        issued.into_iter().next().unwrap_or(Err(Error::Deadline("the desk")))
    }

    /// One result for each request, in order. Those that cannot be used fail alone; the others are one group.
    pub(super) async fn issue_group(&self, call: &Call, requests: Vec<PresignRequest>) -> Vec<PresignResult> {
        let (mut asks, mut refusals) = (Vec::with_capacity(requests.len()), Vec::with_capacity(requests.len()));
        for request in requests {
            match convert::url_ask(request) {
                Ok(ask) => {
                    asks.push(ask);
                    refusals.push(None);
                }
                Err(refused) => refusals.push(Some(self.refused(refused))),
            }
        }
        let mut issued = self.issuer.issue(&call.caller, asks, call.deadline).await.into_iter();
        let mut results = Vec::with_capacity(refusals.len());
        let mut logged = None;
        for refusal in refusals {
            let answer = match refusal {
                Some(error) => Err(error),
                None => issued.next().unwrap_or(Err(Error::Deadline("the desk"))),
            };
            // One cause that fails a thousand items is one line in the log.
            results.push(convert::result(answer.map_err(|error| {
                let reason = Some(error.verdict().1);
                if std::mem::replace(&mut logged, reason) == reason { error.into() } else { call.failed(error) }
            })));
        }
        results
    }

    /// Counts a refusal that the desk does not see.
    fn refused(&self, refused: Refused) -> Error {
        let error = Error::from(refused);
        self.metrics.refused(error.verdict().1);
        error
    }
}
