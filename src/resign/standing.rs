//! Records that need no other successor: what a filter finds may have been signed again a moment ago. Who repeats an order
//! without a request id must not double what is outstanding. Never speaks of records that were named by their ids.

use std::collections::HashMap;
use std::time::Duration;

use super::source::{Found, Scope};
use super::{Order, Resigning, request_id};
use crate::assess::Assessor;
use crate::error::Error;
use crate::impact::ending::Verdict;
use crate::impact::event::Event;
use crate::issued::Record;
use crate::issuer::{Authority, Issuer};
use crate::registry::REQUEST_LIFE;
use crate::session::RecordId;

/// Successors of one group of records, by the record that they follow.
#[derive(Default)]
pub(super) struct Standing(HashMap<RecordId, RecordId>);

impl Standing {
    /// Those that live, and that the event of the order does not end, or that this order comes upon itself: of a chain of
    /// successors the last is signed again. One that this very order made, in an attempt before
    /// this one, is none: it is answered again, as a request id promises.
    ///
    /// What an operator had signed in place of a caller's URL is nothing that the caller has.
    pub(super) async fn of(
        issuer: &Issuer,
        uid: u32,
        order: &Order,
        event: Option<&Event>,
        scope: &Scope,
        found: &[Found],
    ) -> Result<Self, Error> {
        let mut standing = HashMap::new();
        let assessor = Assessor::new(issuer.registry().clone(), issuer.clock().clone());
        let formers: Vec<RecordId> = found.iter().filter_map(|one| Some(one.record.as_ref().ok()?.url.id)).collect();
        for successor in issuer.registry().successors(uid, &formers).await.map_err(Error::registry)? {
            let Some(former) = successor.url.replaces else { continue };
            if order.authority == Authority::Grants && successor.url.caller.uid != uid {
                continue;
            }
            if let Some(order) = &order.request_id {
                let made = issuer.registry().remembered(uid, &request_id(order, former)).await;
                if made.map_err(Error::registry)?.is_some() {
                    continue;
                }
            }
            let is_ended = match event {
                Some(event) => assessor.verdict(uid, event, &successor).await? == Verdict::Ends,
                None => false,
            };
            if !is_ended || scope.finds(&successor) {
                standing.insert(former, successor.url.id);
            }
        }
        Ok(Self(standing))
    }

    /// What makes another successor needless: the one that there is, or the record itself, when it is a successor of the
    /// last minutes and the session that made it would sign again. An event that ends it is reason enough to try.
    pub(super) fn instead_of(&self, resigning: &Resigning, record: &Record) -> Option<RecordId> {
        let Record { url, session } = record;
        if let Some(successor) = self.0.get(&url.id) {
            return Some(*successor);
        }
        let is_searched = resigning.source.is_searched() && resigning.event.is_none();
        let now = resigning.issuer.clock().now();
        if !is_searched || url.replaces.is_none() || url.signed_at + RECENT < now {
            return None;
        }
        let ask = resigning.ask(record.clone()).ok()?;
        let present = resigning.issuer.present_session(&resigning.caller, &ask)?;
        (present.id == session.id).then_some(url.id)
    }
}

/// As long as a request id would make the order safe.
const RECENT: Duration = REQUEST_LIFE;
