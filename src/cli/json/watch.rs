//! What happened, as JSON: reported events, and what a watcher hears.

use serde_json::{Map, Value, json};

use super::impact::{ending, event, gaps, totals};
use super::{generation, optional, reference, time};
use crate::grpc::proto;
use crate::grpc::proto::watch_response::What;

/// An answer to `ReportEvent`.
pub fn report(answer: &proto::ReportEventResponse) -> Value {
    json!({
        "event": answer.event.as_ref().map(reported),
        "totals": answer.totals.as_ref().map(totals),
        "gaps": gaps(&answer.gaps),
        "stood": answer.stood,
    })
}

/// An event with what is known of its report.
pub fn reported(one: &proto::ReportedEvent) -> Value {
    json!({
        "id": one.id,
        "event": one.event.as_ref().map(event),
        "observed": one.observed,
        "recorded_at": time(&one.recorded_at),
        "lifted_at": time(&one.lifted_at),
        "cause": optional(&one.cause),
        "withdrawn": one.withdrawn.as_ref().map(|said| json!({
            "withdrawn_at": time(&said.withdrawn_at),
            "uid": said.uid,
        })),
        "seen_alive_at": time(&one.seen_alive_at),
    })
}

/// One of `Watch`: its place, its instant, and under its name what happened.
pub fn heard(one: &proto::WatchResponse) -> Value {
    let place = [("cursor", one.cursor.clone().into()), ("at", time(&one.at))];
    let what = one.what.as_ref().map(what);
    Map::from_iter(place.into_iter().chain(what).map(|(name, value)| (name.to_owned(), value))).into()
}

fn what(what: &What) -> (&'static str, Value) {
    let paused = |one: &proto::IdentityPaused| json!({"identity": one.identity});
    let value = match what {
        What::SessionRenewed(session) => reference(session),
        What::RenewalFailed(one) => json!({
            "identity": one.identity,
            "reason": one.reason,
            "message": one.message,
            "session_ends_at": time(&one.session_ends_at),
            "signs": one.signs,
            "partition": optional(&one.partition),
        }),
        What::SessionEnding(one)
        | What::GenerationDraining(one)
        | What::GenerationDrained(one)
        | What::GenerationRetired(one)
        | What::DrainCancelled(one) => generation(one),
        What::IdentityPaused(one) | What::IdentityResumed(one) => paused(one),
        What::EventHappened(one) | What::EventLifted(one) => reported(one),
        What::UrlEndsEarly(one) => json!({
            "url_id": one.url_id,
            "usable_until": time(&one.usable_until),
            "ending": one.ending.as_ref().map(ending),
            "event_id": one.event_id,
            "on_behalf_of": optional(&one.on_behalf_of),
        }),
    };
    (name(what), value)
}

/// The name of what happened, as in the proto.
pub fn name(what: &What) -> &'static str {
    match what {
        What::SessionRenewed(_) => "session_renewed",
        What::RenewalFailed(_) => "renewal_failed",
        What::SessionEnding(_) => "session_ending",
        What::GenerationDraining(_) => "generation_draining",
        What::GenerationDrained(_) => "generation_drained",
        What::GenerationRetired(_) => "generation_retired",
        What::DrainCancelled(_) => "drain_cancelled",
        What::IdentityPaused(_) => "identity_paused",
        What::IdentityResumed(_) => "identity_resumed",
        What::EventHappened(_) => "event_happened",
        What::EventLifted(_) => "event_lifted",
        What::UrlEndsEarly(_) => "url_ends_early",
    }
}
