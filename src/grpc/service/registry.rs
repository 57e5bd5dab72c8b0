//! `Registry`: what was issued, as far as the caller may see it.

use tonic::{Request, Response, Status};

use super::Services;
use crate::error::Error;
use crate::explain::{Located, explain, locate};
use crate::grpc::call::Call;
use crate::grpc::convert;
use crate::grpc::proto::registry_server::Registry;
use crate::grpc::proto::{
    ExplainUrlRequest, ExplainUrlResponse, FindUrlRequest, FindUrlResponse, GetUrlRequest, GetUrlResponse,
    ListUrlsRequest, ListUrlsResponse, UrlRecord,
};
use crate::issued::{Filter, Record};
use crate::s3::Refused;

#[tonic::async_trait]
impl Registry for Services {
    async fn get_url(&self, request: Request<GetUrlRequest>) -> Result<Response<GetUrlResponse>, Status> {
        let call = Call::of(&request)?;
        let url = self.got(&call, &request.get_ref().id).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(GetUrlResponse { url: Some(url) }))
    }

    async fn list_urls(&self, request: Request<ListUrlsRequest>) -> Result<Response<ListUrlsResponse>, Status> {
        let call = Call::of(&request)?;
        let page = self.page(&call, request.into_inner()).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(page))
    }

    async fn find_url(&self, request: Request<FindUrlRequest>) -> Result<Response<FindUrlResponse>, Status> {
        let call = Call::of(&request)?;
        let found = self.found(&call, request.into_inner().text).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(found))
    }

    async fn explain_url(&self, request: Request<ExplainUrlRequest>) -> Result<Response<ExplainUrlResponse>, Status> {
        let call = Call::of(&request)?;
        let explained = self.explained(&call, request.into_inner().url).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(explained))
    }
}

impl Services {
    async fn got(&self, call: &Call, id: &str) -> Result<UrlRecord, Error> {
        let record = self.record(call, id).await?;
        self.with_endings(call, record).await
    }

    /// The record with what was reported or seen to end it before its hard end.
    pub(super) async fn with_endings(&self, call: &Call, record: Record) -> Result<UrlRecord, Error> {
        let mut endings = self.assessor.endings(call.caller.uid, std::slice::from_ref(&record)).await?;
        Ok(convert::url_record_with(record, &endings.pop().unwrap_or_default()))
    }

    /// A record that the caller may see. Another's answers as one that does not exist.
    pub(super) async fn record(&self, call: &Call, id: &str) -> Result<Record, Error> {
        let id = convert::record_id("id", id)?;
        let record = self.issuer.registry().url(call.caller.uid, id).await.map_err(Error::registry)?;
        record.filter(|record| call.sees(record.url.caller.uid)).ok_or(Error::UrlNotFound)
    }

    async fn page(&self, call: &Call, asked: ListUrlsRequest) -> Result<ListUrlsResponse, Error> {
        let mut filter = convert::filter(asked.filter).map_err(|refused| refused_within("filter", refused))?;
        own_only(call, &mut filter)?;
        let size = convert::page_size(asked.page_size)?;
        let after = convert::read_page_token(&filter, &asked.page_token, self.issuer.registry().instance())?;
        let records = self.issuer.registry().list(call.caller.uid, filter.clone(), size, after).await;
        let records = records.map_err(Error::registry)?;
        Ok(convert::page(&filter, records, size))
    }

    async fn found(&self, call: &Call, text: String) -> Result<FindUrlResponse, Error> {
        let (located, rows) = self.located(call, text).await?;
        let endings = self.assessor.endings(call.caller.uid, &rows).await?;
        Ok(convert::found(&located, rows.into_iter().zip(endings).collect(), call.sees_all()))
    }

    /// The records behind a text that the caller may see: of one signature, or those that agree with a line of a log.
    pub(super) async fn located(&self, call: &Call, text: String) -> Result<(Located, Vec<Record>), Error> {
        let text = convert::pasted("text", text)?;
        let located = locate(&text).map_err(|refused| Refused::new("text", refused.problem))?;
        let (registry, uid) = (self.issuer.registry(), call.caller.uid);
        let (key, at) = (&located.access_key_id, located.signed_at);
        let rows = match located.fingerprint {
            Some(fingerprint) => registry.find_signature(uid, key, at, fingerprint).await,
            None => registry.find(uid, key, at).await,
        };
        let mut rows = rows.map_err(Error::registry)?;
        let agrees = |record: &Record| located.fingerprint.is_some() || located.agrees_with(&record.url);
        rows.retain(|record| call.sees(record.url.caller.uid) && agrees(record));
        Ok((located, rows))
    }

    async fn explained(&self, call: &Call, url: String) -> Result<ExplainUrlResponse, Error> {
        let url = convert::pasted("url", url)?;
        let now = self.issuer.clock().now();
        let explanation = explain(&url, now).map_err(|refused| Refused::new("url", refused.problem))?;
        // Best effort: a URL of another making, or one without a signature, has no record here.
        let record = match locate(&url) {
            Ok(located) if located.fingerprint.is_some() => self.found(call, url).await?.found.pop(),
            _ => None,
        };
        Ok(convert::explanation(explanation, record.and_then(|found| found.url)))
    }
}

/// On the signing socket a list is of the caller's own records, whatever it asks for.
pub(super) fn own_only(call: &Call, filter: &mut Filter) -> Result<(), Error> {
    if call.sees_all() {
        return Ok(());
    }
    if filter.uid.is_some_and(|uid| uid != call.caller.uid) {
        return Err(Error::NotAdmitted("records of other users are shown on the admin socket only"));
    }
    filter.uid = Some(call.caller.uid);
    Ok(())
}

pub(super) fn refused_within(message: &str, refused: Refused) -> Error {
    Refused::new(format!("{message}.{}", refused.field), refused.problem).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::access::Caller;
    use crate::grpc::bounds::Bounds;
    use crate::grpc::peer::{Door, Peer};

    fn call(door: Door) -> Call {
        let caller = Arc::new(Caller { uid: 7, gid: 7, pid: None, executable: None });
        Call::new(
            &Peer { caller, door, bounds: Bounds::free() },
            None,
            tokio::time::Instant::now(),
            Duration::from_secs(1),
        )
    }

    #[test]
    fn on_the_signing_socket_a_caller_sees_its_own_records_only() {
        let (sign, admin) = (call(Door::Sign), call(Door::Admin));
        assert!(sign.sees(7) && !sign.sees(8) && !sign.sees(0));
        assert!(admin.sees(7) && admin.sees(8));
        let mut filter = Filter::default();
        own_only(&sign, &mut filter).unwrap();
        assert_eq!(filter.uid, Some(7));
        let mut filter = Filter { uid: Some(8), ..Filter::default() };
        assert!(matches!(own_only(&sign, &mut filter), Err(Error::NotAdmitted(_))));
        own_only(&admin, &mut filter).unwrap();
        assert_eq!(filter.uid, Some(8));
    }
}
