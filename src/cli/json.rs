//! The wire's messages as JSON. Field names are those of the proto; instants are RFC 3339, lengths whole seconds, enums
//! their names in lower case; what is absent is null. Stable: `out::VERSION` counts the breaks.

pub mod impact;
pub mod watch;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::say;
use crate::grpc::proto;

/// A map, sorted by name, so that the same answer is the same text.
pub fn sorted(map: &HashMap<String, String>) -> Value {
    json!(map.iter().collect::<BTreeMap<_, _>>())
}

fn time(at: &Option<prost_types::Timestamp>) -> Value {
    at.as_ref().map_or(Value::Null, |at| say::time(Some(at)).into())
}

fn length(length: &Option<prost_types::Duration>) -> Value {
    length.as_ref().map_or(Value::Null, |length| length.seconds.into())
}

fn optional(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// An answer to `Presign`.
pub fn presigned(signed: &proto::PresignResponse) -> Value {
    json!({
        "url": signed.url,
        "method": signed.method,
        "headers": sorted(&signed.headers),
        "id": signed.id,
        "usable_until": time(&signed.usable_until),
        "limited_by": say::limited_by(signed.limited_by),
        "signed_at": time(&signed.signed_at),
        "expires_in": length(&signed.expires_in),
        "session": signed.session.as_ref().map(reference),
        "cautions": cautions(&signed.cautions),
        "ends_early": signed.ends_early.as_ref().map(standing_event),
        "replaces": optional(&signed.replaces),
    })
}

fn cautions(cautions: &[i32]) -> Vec<String> {
    cautions.iter().map(|one| say::caution(*one)).collect()
}

fn standing_event(one: &proto::StandingEvent) -> Value {
    json!({"event_id": one.id, "ending": one.ending.as_ref().map(impact::ending)})
}

/// An answer to `PresignPost`.
pub fn form(signed: &proto::PresignPostResponse) -> Value {
    json!({
        "url": signed.url,
        "fields": sorted(&signed.fields),
        "id": signed.id,
        "usable_until": time(&signed.usable_until),
        "limited_by": say::limited_by(signed.limited_by),
        "signed_at": time(&signed.signed_at),
        "session": signed.session.as_ref().map(reference),
        "cautions": cautions(&signed.cautions),
        "ends_early": signed.ends_early.as_ref().map(standing_event),
        "replaces": optional(&signed.replaces),
    })
}

fn reference(session: &proto::SessionReference) -> Value {
    json!({
        "id": session.id,
        "identity": session.identity,
        "generation": session.generation,
        "access_key_id": session.access_key_id,
        "expires_at": time(&session.expires_at),
    })
}

/// An identity with its sessions.
pub fn identity(one: &proto::Identity) -> Value {
    json!({
        "name": one.name,
        "source": one.source,
        "state": say::state(one.state),
        "sessions": one.sessions.iter().map(session).collect::<Vec<_>>(),
        "longest_now": length(&one.longest_now),
        "longest_now_limited_by": optional(&say::limited_by(one.longest_now_limited_by)),
        "longest_fresh": length(&one.longest_fresh),
        "longest_fresh_limited_by": optional(&say::limited_by(one.longest_fresh_limited_by)),
        "next_renewal_at": time(&one.next_renewal_at),
        "failures": one.failures,
        "last_failure": optional(&one.last_failure),
        "last_failure_reason": optional(&one.last_failure_reason),
        "headroom": length(&one.headroom),
    })
}

fn session(one: &proto::Session) -> Value {
    json!({
        "reference": one.reference.as_ref().map(reference),
        "kind": say::kind(one.kind),
        "account": one.account,
        "principal_arn": one.principal_arn,
        "principal_unique_id": one.principal_unique_id,
        "session_name": one.session_name,
        "issued_not_before": time(&one.issued_not_before),
        "issued_not_after": time(&one.issued_not_after),
        "parent_access_key_id": optional(&one.parent_access_key_id),
        "signing": one.signing,
        "state": optional(&say::generation_state(one.state)),
        "partition": optional(&one.partition),
        "outstanding_urls": one.outstanding_urls,
        "last_url_ends_at": time(&one.last_url_ends_at),
        "observation": say::observation(one.observation),
        "observed_at": time(&one.observed_at),
    })
}

/// A session that was asked for.
pub fn renewed(one: &proto::RenewedSession) -> Value {
    json!({
        "session": one.session.as_ref().map(reference),
        "former": one.former.as_ref().map(reference),
        "caution": optional(&one.caution),
    })
}

/// How a generation is.
pub fn generation(one: &proto::GenerationStatus) -> Value {
    json!({
        "session": one.session.as_ref().map(reference),
        "kind": say::kind(one.kind),
        "state": say::generation_state(one.state),
        "since": time(&one.since),
        "outstanding_urls": one.outstanding_urls,
        "last_url_ends_at": time(&one.last_url_ends_at),
        "advice": one.advice,
        "safe_from": time(&one.safe_from),
        "partition": optional(&one.partition),
        "ended_early_urls": one.ended_early_urls,
        "ended_by": one.ended_by,
        "others": one.others.iter().map(key_holder).collect::<Vec<_>>(),
    })
}

fn key_holder(one: &proto::KeyHolder) -> Value {
    json!({
        "identity": one.identity,
        "generation": Some(one.generation).filter(|generation| *generation > 0),
        "hold": say::key_hold(one.hold),
        "since": time(&one.since),
        "outstanding_urls": one.outstanding_urls,
        "last_url_ends_at": time(&one.last_url_ends_at),
        "stops_at": time(&one.stops_at),
        "ended_early_urls": one.ended_early_urls,
    })
}

/// A record of the registry.
pub fn record(url: &proto::UrlRecord) -> Value {
    let request = url.request.as_ref().map(|request| {
        json!({
            "operation": optional(say::operation(request.operation)),
            "method": request.method,
            "bucket": request.bucket,
            "key": request.key,
            "query": sorted(&request.query),
            "headers": sorted(&request.headers),
            "addressing": request.addressing.as_ref().map(addressing),
            "region": request.region,
        })
    });
    let caller = url.caller.as_ref().map(|caller| {
        let pid = (caller.pid != 0).then_some(caller.pid);
        json!({"uid": caller.uid, "gid": caller.gid, "pid": pid, "executable": optional(&caller.executable)})
    });
    json!({
        "id": url.id,
        "session": url.session.as_ref().map(reference),
        "request": request,
        "signed_at": time(&url.signed_at),
        "expires_in": length(&url.expires_in),
        "usable_until": time(&url.usable_until),
        "limited_by": say::limited_by(url.limited_by),
        "caller": caller,
        "on_behalf_of": url.on_behalf_of,
        "labels": sorted(&url.labels),
        "replaces": optional(&url.replaces),
        "post_policy": optional(&url.post_policy),
        "host": url.host,
        "tagged": url.tagged,
        "endings": url.endings.iter().map(impact::ending).collect::<Vec<_>>(),
    })
}

/// The same in a listing, for which nobody looks for endings: `null`, and never the empty list, which says that there
/// is none.
pub fn listed(url: &proto::UrlRecord) -> Value {
    let mut listed = record(url);
    listed["endings"] = Value::Null;
    listed
}

fn addressing(one: &proto::Addressing) -> Value {
    let style = proto::addressing::Style::try_from(one.style).unwrap_or_default();
    json!({
        "style": optional(&say::name(style.as_str_name(), "STYLE")),
        "dual_stack": one.dual_stack,
        "fips": one.fips,
        "accelerate": one.accelerate,
    })
}

/// An answer to `FindUrl`.
pub fn found(answer: &proto::FindUrlResponse) -> Value {
    let found = answer.found.iter().map(|one| {
        let kind = proto::found_url::Match::try_from(one.r#match).unwrap_or_default();
        json!({"match": say::name(kind.as_str_name(), "MATCH"), "url": one.url.as_ref().map(record)})
    });
    json!({"found": found.collect::<Vec<_>>(), "explanation": answer.explanation})
}

/// An answer to `ExplainUrl`.
pub fn explanation(answer: &proto::ExplainUrlResponse) -> Value {
    let findings = answer
        .findings
        .iter()
        .map(|one| json!({"severity": severity(one.severity), "reason": one.reason, "message": one.message}));
    json!({
        "algorithm": answer.algorithm,
        "access_key_id": answer.access_key_id,
        "credential": answer.credential,
        "has_session_token": answer.has_session_token,
        "region": answer.region,
        "service": answer.service,
        "host": answer.host,
        "bucket": answer.bucket,
        "key": answer.key,
        "signed_at": time(&answer.signed_at),
        "expires_in": length(&answer.expires_in),
        "ends_at": time(&answer.ends_at),
        "state": answer.state,
        "signed_headers": answer.signed_headers,
        "query": sorted(&answer.query),
        "findings": findings.collect::<Vec<_>>(),
        "url": answer.url.as_ref().map(record),
    })
}

/// `note`, `warning` or `error`.
pub fn severity(value: i32) -> String {
    say::name(proto::finding::Severity::try_from(value).unwrap_or_default().as_str_name(), "SEVERITY")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::grpc::proto::DESCRIPTORS;

    /// The names of a message's fields.
    fn fields(message: &str) -> BTreeSet<String> {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
        let mut messages = files.iter().flat_map(|file| &file.message_type);
        let message = messages.find(|one| one.name() == message).unwrap();
        message.field.iter().map(|field| field.name().to_owned()).collect()
    }

    fn names(value: &Value) -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn a_listing_says_nothing_of_endings_that_nobody_looked_for() {
        let url = proto::UrlRecord { id: "a-1".into(), ..Default::default() };
        assert_eq!((&record(&url)["endings"], &listed(&url)["endings"]), (&json!([]), &Value::Null));
        assert_eq!(listed(&url)["id"], "a-1");
    }

    #[test]
    fn every_document_has_the_names_of_the_proto_and_no_others() {
        let session = proto::SessionReference::default();
        let url = record(&proto::UrlRecord {
            session: Some(session.clone()),
            request: Some(proto::S3Request { addressing: Some(proto::Addressing::default()), ..Default::default() }),
            caller: Some(proto::Caller::default()),
            ..Default::default()
        });
        let hit = proto::FoundUrl { url: Some(proto::UrlRecord::default()), ..Default::default() };
        let found = found(&proto::FindUrlResponse { found: vec![hit], ..Default::default() });
        let findings = vec![proto::Finding::default()];
        let told = explanation(&proto::ExplainUrlResponse { findings, ..Default::default() });
        let one = proto::Session { reference: Some(session), ..Default::default() };
        let web = identity(&proto::Identity { sessions: vec![one], ..Default::default() });
        let ending =
            || Some(proto::Ending { bearer_errors: vec![proto::BearerError::default()], ..Default::default() });
        let totals = Some(proto::Totals::default());
        let assessed = impact::assessed(&proto::AssessResponse {
            totals,
            effects: vec![proto::Effect { ending: ending(), ..Default::default() }],
            groups: vec![proto::Group { totals, ..Default::default() }],
            curve: vec![proto::CurvePoint::default()],
            gaps: vec![proto::Gap::default()],
            outages: vec![proto::Outage::default()],
            ..Default::default()
        });
        let steps = vec![proto::Step::default()];
        let containments =
            vec![proto::Containment { steps, outages: vec![proto::Outage::default()], ..Default::default() }];
        let contained = impact::contained(&proto::ContainResponse { containments, ..Default::default() });
        for (message, value) in [
            ("UrlRecord", &url),
            ("SessionReference", &url["session"]),
            ("S3Request", &url["request"]),
            ("Addressing", &url["request"]["addressing"]),
            ("Caller", &url["caller"]),
            ("FindUrlResponse", &found),
            ("FoundUrl", &found["found"][0]),
            ("UrlRecord", &found["found"][0]["url"]),
            ("ExplainUrlResponse", &told),
            ("Finding", &told["findings"][0]),
            ("Identity", &web),
            ("Session", &web["sessions"][0]),
            ("AssessResponse", &assessed),
            ("Totals", &assessed["totals"]),
            ("Effect", &assessed["effects"][0]),
            ("Ending", &assessed["effects"][0]["ending"]),
            ("BearerError", &assessed["effects"][0]["ending"]["bearer_errors"][0]),
            ("Group", &assessed["groups"][0]),
            ("CurvePoint", &assessed["curve"][0]),
            ("Gap", &assessed["gaps"][0]),
            ("Outage", &assessed["outages"][0]),
            ("ListAffectedResponse", &impact::affected(&proto::ListAffectedResponse::default())),
            ("ContainResponse", &contained),
            ("Containment", &contained["containments"][0]),
            ("Outage", &contained["containments"][0]["outages"][0]),
            ("Step", &contained["containments"][0]["steps"][0]),
            ("PresignResponse", &presigned(&proto::PresignResponse::default())),
            ("PresignPostResponse", &form(&proto::PresignPostResponse::default())),
        ] {
            let fields = fields(message);
            assert_eq!(names(value), fields, "{message}");
        }
    }
}
