//! Records by rote.

use std::collections::HashMap;

use presignd::grpc::proto::*;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::impact::ends;
use super::{Answer, RECORDS, Rote, at, record};

#[tonic::async_trait]
impl registry_server::Registry for Rote {
    async fn get_url(&self, request: Request<GetUrlRequest>) -> Answer<GetUrlResponse> {
        match request.into_inner().id.as_str() {
            "aaaaaaaa-1" => Ok(Response::new(GetUrlResponse { url: Some(record(1)) })),
            _ => Err(Status::not_found("no such record")),
        }
    }

    async fn list_urls(&self, request: Request<ListUrlsRequest>) -> Answer<ListUrlsResponse> {
        let request = request.into_inner();
        let from: usize = request.page_token.parse().unwrap_or(0);
        let to = RECORDS.min(from + request.page_size as usize);
        self.0.lock().unwrap().lists.push(request);
        let next_page_token = if to < RECORDS { to.to_string() } else { String::new() };
        Ok(Response::new(ListUrlsResponse { urls: (from..to).map(record).collect(), next_page_token }))
    }

    async fn find_url(&self, request: Request<FindUrlRequest>) -> Answer<FindUrlResponse> {
        let text = request.into_inner().text;
        self.0.lock().unwrap().texts.push(text.clone());
        if text == "nothing of a URL" {
            let details = ErrorDetails::with_error_info("INVALID_FIELD", "presignd", HashMap::new());
            return Err(Status::with_error_details(Code::InvalidArgument, "text cannot be used", details));
        }
        let early = Ending { event_id: "aaaaaaaa-5".into(), ..ends() };
        let url = Some(UrlRecord { endings: vec![early], ..record(1) });
        let found = vec![FoundUrl { url, r#match: found_url::Match::Signature.into() }];
        Ok(Response::new(FindUrlResponse { found, explanation: "searched by credential and date".into() }))
    }

    async fn explain_url(&self, request: Request<ExplainUrlRequest>) -> Answer<ExplainUrlResponse> {
        self.0.lock().unwrap().texts.push(request.into_inner().url);
        Ok(Response::new(ExplainUrlResponse {
            algorithm: "AWS4-HMAC-SHA256".into(),
            credential: "temporary".into(),
            has_session_token: true,
            state: "usable".into(),
            ends_at: at(60),
            findings: vec![Finding {
                severity: finding::Severity::Warning.into(),
                reason: "KEY_UNUSABLE_IN_BROWSERS".into(),
                message: "the key has a dot segment".into(),
            }],
            ..Default::default()
        }))
    }
}
