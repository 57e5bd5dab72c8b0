//! `Impact`: what an event does to what is outstanding. On the admin socket only.

use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::Services;
use super::registry::{own_only, refused_within};
use crate::assess::{Affected, Question};
use crate::error::Error;
use crate::grpc::call::Call;
use crate::grpc::convert;
use crate::grpc::proto::contain_request::Url;
use crate::grpc::proto::impact_server::Impact;
use crate::grpc::proto::{
    AssessRequest, AssessResponse, ContainRequest, ContainResponse, Event as WireEvent, ListAffectedRequest,
    ListAffectedResponse, UrlFilter,
};
use crate::impact::event::{Event, What};
use crate::issued::{Filter, Record};
use crate::s3::Refused;
use crate::time::Timestamp;

/// What the caller of `ListAffected` reads.
type Listed = Pin<Box<dyn Stream<Item = Result<ListAffectedResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Impact for Services {
    type ListAffectedStream = Listed;

    async fn assess(&self, request: Request<AssessRequest>) -> Result<Response<AssessResponse>, Status> {
        let call = Call::of(&request)?;
        let answer = self.assessed(&call, request.into_inner()).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(answer))
    }

    async fn list_affected(&self, request: Request<ListAffectedRequest>) -> Result<Response<Listed>, Status> {
        let call = Call::of(&request)?;
        let list = self.listed(&call, request.into_inner()).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(list))
    }

    async fn contain(&self, request: Request<ContainRequest>) -> Result<Response<ContainResponse>, Status> {
        let call = Call::of(&request)?;
        let answer = self.contained(&call, request.into_inner()).await.map_err(|error| call.failed(error))?;
        Ok(Response::new(answer))
    }
}

impl Services {
    async fn assessed(&self, call: &Call, asked: AssessRequest) -> Result<AssessResponse, Error> {
        // What is asked about as of now has not happened before.
        let now = self.issuer.clock().now();
        let question = self.asked(call, asked.event, asked.filter, asked.by_on_behalf_of, now)?;
        self.signer_is_known(call, &question.filter).await?;
        let rules = self.issuer.rules();
        let identities = &rules.identities;
        let answer = self.assessor.assess_among(&question, Some(identities), now).await?;
        let outages = self.assessor.outages(question.uid, &question.event, identities).await?;
        Ok(convert::assessed(question.event, answer, outages))
    }

    /// Reads on only as the caller takes, until it has taken all, goes away, has no time left, or the daemon stops.
    async fn listed(&self, call: &Call, asked: ListAffectedRequest) -> Result<Listed, Error> {
        let question = self.asked(call, asked.event, asked.filter, false, self.issuer.clock().now())?;
        self.signer_is_known(call, &question.filter).await?;
        let list = Box::pin(self.assessor.list(question, asked.with_living).await?);
        let (call, stop) = (call.clone(), self.stop.clone());
        let state = Some((list, call, stop));
        Ok(Box::pin(futures_util::stream::unfold(state, async |state| {
            let (mut list, call, stop) = state?;
            let next: Option<Result<Affected, Status>> = tokio::select! {
                biased;
                () = stop.cancelled() => Some(Err(Status::unavailable("presignd is stopping"))),
                () = call.out_of_time() => Some(Err(call.failed(Error::Deadline("the rest of the list")))),
                next = list.next() => next.map(|one| one.map_err(|error| call.failed(error))),
            };
            match next? {
                Ok(one) => Some((Ok(convert::affected(one)), Some((list, call, stop)))),
                Err(status) => Some((Err(status), None)),
            }
        })))
    }

    async fn contained(&self, call: &Call, asked: ContainRequest) -> Result<ContainResponse, Error> {
        call.must_be_admin(ADMIN_ONLY)?;
        let records = match asked.url {
            None => return Err(Refused::new("url", "is missing: give id or text").into()),
            Some(Url::Id(id)) => vec![self.record_and_no_session(call, &id).await?],
            Some(Url::Text(text)) => self.located(call, text).await?.1,
        };
        let others = records.len().saturating_sub(1);
        let record = records.into_iter().next().ok_or(Error::TextNotFound)?;
        let rules = self.issuer.rules();
        let answer = self.assessor.contain(call.caller.uid, &record, others, Some(&rules.identities)).await?;
        Ok(convert::contained(self.with_endings(call, record).await?, answer))
    }

    /// URLs and sessions have ids of one form.
    async fn record_and_no_session(&self, call: &Call, id: &str) -> Result<Record, Error> {
        let missing = match self.record(call, id).await {
            Err(Error::UrlNotFound) => convert::record_id("id", id)?,
            answer => return answer,
        };
        match self.issuer.registry().session(call.caller.uid, missing).await.map_err(Error::registry)? {
            Some(session) => {
                let whose = format!("is a session of {}, and no URL: presignd urls --session {id}", session.identity);
                Err(Refused::new("id", format!("{whose} lists what it signed")).into())
            }
            None => Err(Error::UrlNotFound),
        }
    }

    /// An identity that is not configured, and of which nothing is recorded from when it was, is a mistake. Records that
    /// the caller may not see tell it nothing.
    pub(super) async fn signer_is_known(&self, call: &Call, asked: &Filter) -> Result<(), Error> {
        let Some(name) = asked.identity.clone().filter(|name| self.identity(call, name).is_none()) else {
            return Ok(());
        };
        let mut filter = Filter { identity: Some(name.clone()), ..Filter::default() };
        own_only(call, &mut filter)?;
        let recorded = self.issuer.registry().list(call.caller.uid, filter, 1, None).await.map_err(Error::registry)?;
        if recorded.is_empty() { Err(Error::UnknownIdentity(name.to_string())) } else { Ok(()) }
    }

    /// Whoever names no instant and asks about what has happened, means it as it happened.
    fn asked(
        &self,
        call: &Call,
        event: Option<WireEvent>,
        filter: Option<UrlFilter>,
        by_on_behalf_of: bool,
        now: Timestamp,
    ) -> Result<Question, Error> {
        let names = |name: fn(&WireEvent) -> bool| event.as_ref().is_some_and(name);
        let (names_instant, names_length) =
            (names(|event| event.at.is_some()), names(|event| event.settles_within.is_some()));
        let mut question = self.question(call, event, filter, by_on_behalf_of, now)?;
        if let Some(stood) = self.assessor.as_it_stands(&question.event).filter(|_| !names_instant) {
            let settles_within = if names_length { question.event.settles_within } else { stood.settles_within };
            question.event = Event { settles_within, ..stood };
        }
        Ok(question)
    }

    pub(super) fn question(
        &self,
        call: &Call,
        event: Option<WireEvent>,
        filter: Option<UrlFilter>,
        by_on_behalf_of: bool,
        now: Timestamp,
    ) -> Result<Question, Error> {
        call.must_be_admin(ADMIN_ONLY)?;
        let event = convert::event(event, now)?;
        // An identity is of the configuration: one that is not there is a mistake.
        if let What::ComputeTerminated(name)
        | What::AssociationChanged(name)
        | What::SsoUserDisabled(name)
        | What::IdentityRenewed(name) = &event.what
        {
            self.identity(call, name).ok_or_else(|| Error::UnknownIdentity(name.to_string()))?;
        }
        let filter = convert::filter(filter).map_err(|refused| refused_within("filter", refused))?;
        Ok(Question { uid: call.caller.uid, event, filter, by_on_behalf_of })
    }
}

const ADMIN_ONLY: &str = "what an event does to everybody's URLs is told on the admin socket only";
