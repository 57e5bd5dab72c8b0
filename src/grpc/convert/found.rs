//! What stands behind a URL, to the wire.

use prost_types::Duration;

use super::{url_record_with, wire_instant};
use crate::assess::EarlyEnd;
use crate::explain::{Explanation, Finding, Located, Severity};
use crate::grpc::proto;
use crate::issued::Record;

/// What was located, each record with how it ends early. The rows share its credential and second, and its signature
/// where it has one; else they agree with the rest of it.
pub(in crate::grpc) fn found(
    located: &Located,
    rows: Vec<(Record, Vec<EarlyEnd>)>,
    sees_all: bool,
) -> proto::FindUrlResponse {
    let by = match located.fingerprint {
        Some(_) => proto::found_url::Match::Signature,
        None => proto::found_url::Match::Request,
    };
    let found = rows
        .into_iter()
        .map(|(record, endings)| proto::FoundUrl { url: Some(url_record_with(record, &endings)), r#match: by.into() });
    let found: Vec<_> = found.collect();
    let explanation = explanation_of(located, found.len(), sees_all);
    proto::FindUrlResponse { found, explanation }
}

fn explanation_of(located: &Located, count: usize, sees_all: bool) -> String {
    let by = match (located.fingerprint, located.is_damaged) {
        (Some(_), _) => "the signature",
        (None, false) => "the request (the text carries no signature)",
        (None, true) => "the request (the signature in the text is damaged or masked)",
    };
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
pub fn explanation(told: Explanation, url: Option<proto::UrlRecord>) -> proto::ExplainUrlResponse {
    let seconds = |seconds: u64| Duration { seconds: i64::try_from(seconds).unwrap_or(i64::MAX), nanos: 0 };
    proto::ExplainUrlResponse {
        algorithm: told.algorithm,
        access_key_id: told.access_key_id,
        credential: told.credential.to_owned(),
        has_session_token: told.has_session_token,
        region: told.region,
        service: told.service,
        host: told.host,
        bucket: told.bucket,
        key: told.key,
        signed_at: told.signed_at.map(wire_instant),
        expires_in: told.expires_in.map(seconds),
        ends_at: told.ends_at.map(wire_instant),
        state: told.state.as_str().to_owned(),
        signed_headers: told.signed_headers,
        query: told.query.into_iter().collect(),
        findings: told.findings.into_iter().map(finding).collect(),
        url,
    }
}

fn finding(finding: Finding) -> proto::Finding {
    let severity = match finding.severity {
        Severity::Note => proto::finding::Severity::Note,
        Severity::Warning => proto::finding::Severity::Warning,
        Severity::Error => proto::finding::Severity::Error,
    };
    proto::Finding { severity: severity.into(), reason: finding.reason.to_owned(), message: finding.message.to_owned() }
}
