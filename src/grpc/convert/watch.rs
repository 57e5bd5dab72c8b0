//! From where somebody watches, and what is told.

use super::rotation::reference;
use super::{generation_status, reported_event, wire_ending, wire_instant};
use crate::grpc::proto;
use crate::grpc::proto::watch_response::What;
use crate::rotation::told::{RenewalFailed, Told};
use crate::s3::Refused;
use crate::session::IdentityName;
use crate::watch::{Cursor, From, Heard, News};

/// Fields are named as they stand in `WatchRequest`.
pub(in crate::grpc) fn watched_from(wire: &proto::WatchRequest) -> Result<From, Refused> {
    match (wire.cursor.as_str(), wire.from_oldest) {
        ("", false) => Ok(From::Now),
        ("", true) => Ok(From::Oldest),
        (_, true) => Err(Refused::new("from_oldest", "goes without a cursor, which says where to begin")),
        (cursor, false) => Cursor::parse(cursor).map(From::Cursor),
    }
}

/// One of `Watch`.
pub(in crate::grpc) fn heard(heard: Heard) -> proto::WatchResponse {
    let Heard { cursor, at, news } = heard;
    proto::WatchResponse { cursor: cursor.to_string(), at: Some(wire_instant(at)), what: news.map(what) }
}

fn what(news: News) -> What {
    let identity = |name: IdentityName| proto::IdentityPaused { identity: name.as_str().to_owned() };
    match news {
        News::Told(told) => match told {
            Told::SessionRenewed(session) => What::SessionRenewed(reference(session)),
            Told::RenewalFailed(failed) => What::RenewalFailed(renewal_failed(failed)),
            Told::SessionEnding(status) => What::SessionEnding(generation_status(status)),
            Told::GenerationDraining(status) => What::GenerationDraining(generation_status(status)),
            Told::DrainCancelled(status) => What::DrainCancelled(generation_status(status)),
            Told::GenerationDrained(status) => What::GenerationDrained(generation_status(status)),
            Told::GenerationRetired(status) => What::GenerationRetired(generation_status(status)),
            Told::IdentityPaused(name) => What::IdentityPaused(identity(name)),
            Told::IdentityResumed(name) => What::IdentityResumed(identity(name)),
        },
        News::Happened(reported) => What::EventHappened(reported_event(reported)),
        News::Lifted(reported) => What::EventLifted(reported_event(reported)),
        News::EndsEarly { affected, event } => {
            let url = affected.record.url;
            What::UrlEndsEarly(proto::EarlyEnd {
                url_id: url.id.to_string(),
                usable_until: Some(wire_instant(url.usable_until())),
                ending: Some(wire_ending(&affected.ending)),
                event_id: event.to_string(),
                on_behalf_of: url.on_behalf_of,
            })
        }
    }
}

fn renewal_failed(failed: RenewalFailed) -> proto::RenewalFailed {
    let RenewalFailed { identity, partition, reason, message, signs, session_ends_at } = failed;
    proto::RenewalFailed {
        identity: identity.as_str().to_owned(),
        reason,
        message,
        session_ends_at: session_ends_at.map(wire_instant),
        signs,
        partition,
    }
}
