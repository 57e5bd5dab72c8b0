//! Records and sessions, to the wire.

use serde_json::json;

use super::operation::wire_operation;
use super::request::wire_addressing;
use super::{wire_instant, wire_limit, wire_ttl};
use crate::access::Caller;
use crate::grpc::proto;
use crate::issued::Record;
use crate::s3::form::{Form, Signable, Target};
use crate::s3::request::Request;
use crate::session::Session;
use crate::time::Timestamp;

/// A record: never its URL, which it does not hold.
pub fn url_record(record: Record) -> proto::UrlRecord {
    let (usable_until, limited_by) = (record.usable_until(), record.limited_by());
    let Record { url, session } = record;
    let (mut request, post_policy) = match &url.what {
        Signable::Request(request) => (wire_request(request), String::new()),
        Signable::Form(form) => (wire_form(form), policy(form, url.usable_until())),
    };
    request.region = url.region.as_str().to_owned();
    proto::UrlRecord {
        id: url.id.to_string(),
        session: Some(session_reference(&session)),
        request: Some(request),
        signed_at: Some(wire_instant(url.signed_at)),
        expires_in: Some(wire_ttl(url.ttl)),
        usable_until: Some(wire_instant(usable_until)),
        limited_by: wire_limit(limited_by),
        caller: Some(caller(url.caller)),
        on_behalf_of: url.on_behalf_of,
        labels: url.labels.into_iter().collect(),
        replaces: url.replaces.map(|id| id.to_string()).unwrap_or_default(),
        post_policy,
        host: url.host,
        tagged: url.tagged,
        endings: Vec::new(),
    }
}

/// The session that signed.
pub(in crate::grpc) fn session_reference(session: &Session) -> proto::SessionReference {
    proto::SessionReference {
        identity: session.identity.as_str().to_owned(),
        generation: session.generation,
        access_key_id: session.facts.access_key_id.clone(),
        expires_at: session.facts.expires_at.map(wire_instant),
        id: session.id.to_string(),
    }
}

fn wire_request(request: &Request) -> proto::S3Request {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    proto::S3Request {
        operation: wire_operation(request.operation()),
        method: request.method().as_str().to_owned(),
        bucket: request.bucket().as_str().to_owned(),
        key: request.key().map(|key| key.as_str().to_owned()).unwrap_or_default(),
        query: request.query().iter().cloned().collect(),
        headers: request.headers().recordable().map(owned).collect(),
        addressing: Some(wire_addressing(request.addressing())),
        region: String::new(),
    }
}

fn wire_form(form: &Form) -> proto::S3Request {
    let key = match &form.target {
        Target::Key(key) => key.as_str(),
        Target::StartsWith(_) => "",
    };
    proto::S3Request {
        operation: wire_operation(crate::s3::operation::Operation::PostObject),
        method: "POST".to_owned(),
        bucket: form.bucket.as_str().to_owned(),
        key: key.to_owned(),
        addressing: Some(wire_addressing(form.addressing)),
        ..Default::default()
    }
}

/// The conditions that were signed, with their end. Those that name the credential are left out: the session does, and
/// a token is a secret.
fn policy(form: &Form, ends_at: Timestamp) -> String {
    let mut conditions = vec![json!({ "bucket": form.bucket.as_str() })];
    conditions.push(match &form.target {
        Target::Key(key) => match key.as_str().split_once(FILE_NAME) {
            Some((before, _)) => json!(["starts-with", "$key", before]),
            None => json!({ "key": key.as_str() }),
        },
        Target::StartsWith(prefix) => json!(["starts-with", "$key", prefix.as_str()]),
    });
    conditions.extend(form.fields.iter().map(|(name, value)| json!({ name: value })));
    conditions.extend(form.starts_with.iter().map(|(name, start)| json!(["starts-with", format!("${name}"), start])));
    conditions.extend(form.content_length_range.map(|(least, most)| json!(["content-length-range", least, most])));
    json!({ "expiration": ends_at.to_string(), "conditions": conditions }).to_string()
}

fn caller(caller: Caller) -> proto::Caller {
    let Caller { uid, gid, pid, executable } = caller;
    proto::Caller { uid, gid, pid: pid.unwrap_or(0), executable: executable.unwrap_or_default() }
}

/// In a form's key: the name of the file that the user picks.
const FILE_NAME: &str = "${filename}";
