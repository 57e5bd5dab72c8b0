//! `Resign`: one group after another, each only when the caller has taken the one before.

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream::unfold;
use tonic::Status;

use super::Services;
use super::registry::{own_only, refused_within};
use crate::error::Error;
use crate::grpc::call::Call;
use crate::grpc::convert;
use crate::grpc::proto::{ResignRequest, ResignResponse};
use crate::issuer::Authority;
use crate::resign::{Resigned, Resigning, Which};

/// What the caller of `Resign` reads.
pub(super) type Successors = Pin<Box<dyn Stream<Item = Result<ResignResponse, Status>> + Send>>;

/// An order and what of it the caller has not taken yet.
struct Answering {
    services: Services,
    call: Call,
    order: Resigning,
    answers: VecDeque<Resigned>,
    /// The reason that was logged last: one cause that fails a thousand records is one line in the log.
    logged: Option<&'static str>,
}

impl Services {
    /// Reads and signs on only as the caller takes, until all is signed, it goes away or has no time left, or the daemon
    /// stops. What was signed before that is still answered.
    pub(super) async fn resigned(&self, call: Call, asked: ResignRequest) -> Result<Successors, Error> {
        let authority = if call.sees_all() { Authority::Operator } else { Authority::Grants };
        let which = self.which(&call, &asked).await?;
        let order = convert::order(asked, which, authority)?;
        let order = Resigning::begin(self.issuer.clone(), call.caller.clone(), order).await?;
        let answering = Answering { services: self.clone(), call, order, answers: VecDeque::new(), logged: None };
        Ok(Box::pin(unfold(Some(answering), async |answering| {
            let mut answering = answering?;
            match answering.next().await? {
                Ok(answer) => Some((Ok(answer), Some(answering))),
                Err(status) => Some((Err(status), None)),
            }
        })))
    }

    async fn which(&self, call: &Call, asked: &ResignRequest) -> Result<Which, Error> {
        if let Some(ids) = convert::resign_ids(asked)? {
            return Ok(Which::Ids(ids));
        }
        if asked.event.is_some() {
            let question =
                self.question(call, asked.event.clone(), asked.filter.clone(), false, self.issuer.clock().now())?;
            self.signer_is_known(call, &question.filter).await?;
            return Ok(Which::Ending(Box::new(question.filter), Box::new(question.event)));
        }
        let mut filter = convert::filter(asked.filter.clone()).map_err(|refused| refused_within("filter", refused))?;
        own_only(call, &mut filter)?;
        self.signer_is_known(call, &filter).await?;
        Ok(Which::Outstanding(Box::new(filter)))
    }
}

impl Answering {
    async fn next(&mut self) -> Option<Result<ResignResponse, Status>> {
        loop {
            if let Some(Resigned { id, successor }) = self.answers.pop_front() {
                let answer = successor.map_err(|error| self.failed(error));
                return Some(Ok(convert::resigned(id, answer)));
            }
            if self.services.stop.is_cancelled() {
                return Some(Err(Status::unavailable("presignd is stopping")));
            }
            let now = self.services.issuer.clock().monotonic();
            if self.call.until.is_some_and(|until| until <= now) {
                return Some(Err(self.call.failed(Error::Deadline("the rest of the records"))));
            }
            let (most, longest) = {
                let limits = self.services.limits.borrow();
                (limits.stream_items, limits.call)
            };
            // Each group has its own time; the caller's deadline is for the whole stream.
            match self.order.next(most, self.call.again(now, longest).deadline).await {
                Ok(Some(group)) => self.answers.extend(group),
                Ok(None) => return None,
                Err(error) => return Some(Err(self.call.failed(error))),
            }
        }
    }

    fn failed(&mut self, error: Error) -> Status {
        let reason = Some(error.verdict().1);
        if std::mem::replace(&mut self.logged, reason) == reason { error.into() } else { self.call.failed(error) }
    }
}
