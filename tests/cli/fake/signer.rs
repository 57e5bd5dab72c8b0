//! URLs and identities by rote.

use std::collections::HashMap;

use presignd::grpc::proto::*;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

use super::{Answer, Rote, Stream, at, identity, length, session};

fn sign(request: &PresignRequest) -> Result<PresignResponse, Status> {
    let inner = request.request.clone().unwrap_or_default();
    let asked = request.expires_in.map_or(3600, |length| length.seconds);
    let (life, limited_by) = match inner.bucket.as_str() {
        "short" => return Err(too_short()),
        "denied" => {
            let details = ErrorDetails::with_error_info("DENIED", "presignd", HashMap::new());
            return Err(Status::with_error_details(Code::PermissionDenied, "no grant covers this bucket", details));
        }
        "cut" => (asked / 2, LimitedBy::Session),
        _ => (asked, LimitedBy::Request),
    };
    Ok(PresignResponse {
        url: format!("https://{}.s3.amazonaws.com/{}?X-Amz-Signature=00", inner.bucket, inner.key),
        method: "GET".into(),
        headers: inner.headers,
        id: "aaaaaaaa-9".into(),
        usable_until: at(life),
        limited_by: limited_by.into(),
        signed_at: at(0),
        expires_in: length(life),
        session: Some(session()),
        cautions: vec![],
        ends_early: None,
        replaces: String::new(),
    })
}

fn too_short() -> Status {
    let metadata = [("longest_now_seconds", "1800"), ("longest_fresh_seconds", "3595"), ("limited_by", "chaining")];
    let metadata = HashMap::from(metadata.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let details = ErrorDetails::with_error_info("SESSION_TOO_SHORT", "presignd", metadata);
    Status::with_error_details(Code::FailedPrecondition, "no URL can live for the 3240 s that are needed", details)
}

/// A record that is not signed again, and why.
fn not_signed_again(number: usize, reason: &str) -> ResignResponse {
    let status = super::happening::refused(Code::FailedPrecondition, reason, "it is of no use");
    let details: tonic_types::Status = prost::Message::decode(status.details()).unwrap();
    let (code, message) = (status.code().into(), status.message().to_owned());
    let failure = Failure { code, message, details: details.details };
    let result = Some(PresignResult { result: Some(presign_result::Result::Failure(failure)) });
    ResignResponse { id: format!("aaaaaaaa-{number}"), result, ..ResignResponse::default() }
}

#[tonic::async_trait]
impl signer_server::Signer for Rote {
    async fn presign(&self, request: Request<PresignRequest>) -> Answer<PresignResponse> {
        let request = request.into_inner();
        self.0.lock().unwrap().presigns.push(request.clone());
        if request.request.as_ref().is_some_and(|inner| inner.bucket == "slow") {
            std::future::pending::<()>().await;
        }
        sign(&request).map(Response::new)
    }

    async fn presign_batch(&self, request: Request<PresignBatchRequest>) -> Answer<PresignBatchResponse> {
        let requests = request.into_inner().requests;
        let results = requests.iter().map(|request| {
            let result = match sign(request) {
                Ok(signed) => presign_result::Result::Response(signed),
                Err(status) => {
                    let details: tonic_types::Status = prost::Message::decode(status.details()).unwrap();
                    let (code, message) = (status.code().into(), status.message().to_owned());
                    presign_result::Result::Failure(Failure { code, message, details: details.details })
                }
            };
            PresignResult { result: Some(result) }
        });
        let results = results.collect();
        self.0.lock().unwrap().presigns.extend(requests);
        Ok(Response::new(PresignBatchResponse { results }))
    }

    type PresignStreamStream = Stream<PresignStreamResponse>;

    async fn presign_stream(
        &self,
        _: Request<Streaming<PresignStreamRequest>>,
    ) -> Answer<Stream<PresignStreamResponse>> {
        Err(Status::unimplemented("by rote"))
    }

    async fn presign_post(&self, request: Request<PresignPostRequest>) -> Answer<PresignPostResponse> {
        self.0.lock().unwrap().posts.push(request.into_inner());
        Ok(Response::new(PresignPostResponse {
            url: "https://films.s3.amazonaws.com/".into(),
            fields: [("policy", "e30="), ("key", "a")].map(|(name, value)| (name.into(), value.into())).into(),
            usable_until: at(3600),
            limited_by: LimitedBy::Request.into(),
            session: Some(session()),
            ..Default::default()
        }))
    }

    type ResignStream = Stream<ResignResponse>;

    async fn resign(&self, request: Request<ResignRequest>) -> Answer<Stream<ResignResponse>> {
        let request = request.into_inner();
        let is_stuck = request.filter.as_ref().is_some_and(|filter| filter.bucket == "stuck");
        self.0.lock().unwrap().resigned.push(request);
        let reasons: &[&str] = if is_stuck { &["ENDS_TOO", "MAY_END_TOO", "MAY_END_TOO", "DENIED"] } else { &[] };
        let answers: Vec<_> =
            reasons.iter().zip(1..).map(|(reason, number)| Ok(not_signed_again(number, reason))).collect();
        Ok(Response::new(tokio_stream::iter(answers)))
    }
}

#[tonic::async_trait]
impl identities_server::Identities for Rote {
    async fn list_identities(&self, _: Request<ListIdentitiesRequest>) -> Answer<ListIdentitiesResponse> {
        Ok(Response::new(ListIdentitiesResponse { identities: vec![identity("web"), identity("batch")] }))
    }

    async fn get_identity(&self, request: Request<GetIdentityRequest>) -> Answer<GetIdentityResponse> {
        let identity = Some(identity(&request.into_inner().name));
        Ok(Response::new(GetIdentityResponse { identity }))
    }

    async fn renew_identity(&self, request: Request<RenewIdentityRequest>) -> Answer<RenewIdentityResponse> {
        let identity = Some(identity(&request.into_inner().name));
        Ok(Response::new(RenewIdentityResponse { identity, renewed: Vec::new() }))
    }
}
