//! What a caller wants signed again, from the wire; and the answers.

use tonic::Status;

use super::issued::failure;
use super::{MAX_ITEMS, given, presigned, presigned_form, record_id, text, ttl};
use crate::grpc::proto;
use crate::grpc::proto::presign_result::Result as Either;
use crate::issuer::{Authority, Output};
use crate::resign::{Named, Order, Secrets, Successor, Which};
use crate::s3::Refused;

/// The ids that a caller names, with what is no id among them; `None` where it means a filter.
pub(in crate::grpc) fn resign_ids(wire: &proto::ResignRequest) -> Result<Option<Vec<Named>>, Refused> {
    match (wire.ids.len(), &wire.filter) {
        (0, None) => Err(Refused::new(
            "ids",
            "are missing: name records, or set filter (an empty one is everything outstanding)",
        )),
        (0, Some(_)) => Ok(None),
        (_, Some(_)) => Err(Refused::new("filter", "must be left out where ids name the records")),
        (_, None) if wire.event.is_some() => Err(Refused::new("event", "goes with a filter, and not with ids")),
        (count, None) if count > MAX_ITEMS => {
            Err(Refused::new("ids", format!("are {count}; {MAX_ITEMS} are the most of one call")))
        }
        (_, None) => {
            let named = |(at, text): (usize, &String)| {
                let id = record_id(&format!("ids[{at}]"), text);
                // It may be anything, a URL too.
                let most = if id.is_ok() { usize::MAX } else { MOST_SHOWN };
                Named { text: text.chars().take(most).collect(), id }
            };
            Ok(Some(wire.ids.iter().enumerate().map(named).collect()))
        }
    }
}

/// How they are to be signed. Fields are named as they stand in `ResignRequest`.
pub(in crate::grpc) fn order(wire: proto::ResignRequest, which: Which, authority: Authority) -> Result<Order, Refused> {
    let expires_in = wire.expires_in.map(|length| ttl("expires_in", length)).transpose()?;
    let at_least = wire.at_least.map(|length| ttl("at_least", length)).transpose()?;
    if let (Some(asked), Some(at_least)) = (expires_in, at_least)
        && at_least > asked
    {
        return Err(Refused::new("at_least", format!("is {at_least}, more than the {asked} of expires_in")));
    }
    let request_id = given(text("request_id", wire.request_id, MAX_ORDER_ID_BYTES)?);
    let secrets = Secrets::new(wire.secret_headers)?;
    Ok(Order { which, authority, expires_in, at_least, request_id, secrets })
}

/// One answer.
pub(in crate::grpc) fn resigned(id: String, answer: Result<Successor, Status>) -> proto::ResignResponse {
    let result = |either| Some(proto::PresignResult { result: Some(either) });
    let nothing = proto::ResignResponse { id, ..Default::default() };
    match answer {
        Ok(Successor::Standing(successor)) => proto::ResignResponse { standing: successor.to_string(), ..nothing },
        Ok(Successor::Signed(issued)) if matches!(issued.output, Output::Form { .. }) => {
            proto::ResignResponse { form: Some(presigned_form(*issued)), ..nothing }
        }
        Ok(Successor::Signed(issued)) => {
            proto::ResignResponse { result: result(Either::Response(presigned(*issued))), ..nothing }
        }
        Err(status) => proto::ResignResponse { result: result(Either::Failure(failure(&status))), ..nothing },
    }
}

/// With the id of a record behind it, it is a request id like any other.
const MAX_ORDER_ID_BYTES: usize = 64;
/// Characters given back of what is no id: as far as an id can reach.
const MOST_SHOWN: usize = 29;
