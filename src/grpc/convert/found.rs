//! What stands behind a URL, to the wire.

use super::url_record;
use crate::explain::{Explanation, Located};
use crate::grpc::proto;
use crate::issued::Record;
use crate::s3::form::{Signable, Target};

/// Those of `rows` that agree with what was located. `rows` share its credential and second, and its signature where it
/// has one.
pub(in crate::grpc) fn found(located: &Located, rows: Vec<Record>, sees_all: bool) -> proto::FindUrlResponse {
    let by = match located.fingerprint {
        Some(_) => proto::found_url::Match::Signature,
        None => proto::found_url::Match::Request,
    };
    let agreeing = rows.into_iter().filter(|record| located.fingerprint.is_some() || agrees(located, record));
    let found: Vec<_> =
        agreeing.map(|record| proto::FoundUrl { url: Some(url_record(record)), r#match: by.into() }).collect();
    let explanation = explanation_of(located, found.len(), sees_all);
    proto::FindUrlResponse { found, explanation }
}

/// Whatever the text shows must be what was signed; what it does not show decides nothing.
fn agrees(located: &Located, record: &Record) -> bool {
    let (method, key) = match &record.url.what {
        Signable::Request(request) => (request.method().as_str(), request.key().map(|key| key.as_str())),
        Signable::Form(form) => ("POST", form_key(&form.target)),
    };
    let same = |shown: Option<&String>, signed: &str| shown.is_none_or(|shown| shown == signed);
    same(located.method.as_ref(), method)
        && same(located.host.as_ref(), &record.url.host)
        && same(located.bucket.as_ref(), record.url.what.bucket().as_str())
        && located.key.as_deref().is_none_or(|shown| key.is_none_or(|key| shown == key))
}

fn form_key(target: &Target) -> Option<&str> {
    match target {
        Target::Key(key) => Some(key.as_str()),
        Target::StartsWith(_) => None,
    }
}

fn explanation_of(located: &Located, count: usize, sees_all: bool) -> String {
    let by = if located.fingerprint.is_some() { "the signature" } else { "the request" };
    let searched = format!("searched by access key {}, date {} and {by}", located.access_key_id, located.signed_at);
    if count > 0 {
        return searched;
    }
    let whose = if sees_all { "" } else { ", another user's call made it (the admin socket shows those)" };
    format!(
        "{searched}; nothing was found: presignd did not sign it with this registry{whose}, its text was changed, or its \
         record is past retention"
    )
}

/// A URL taken apart, with its record when there is one to be seen.
pub(in crate::grpc) fn explanation(
    explanation: Explanation,
    url: Option<proto::UrlRecord>,
) -> proto::ExplainUrlResponse {
    let _ = explanation;
    proto::ExplainUrlResponse { url, ..Default::default() }
}
