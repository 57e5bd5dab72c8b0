//! What was signed, to the wire. The URL is moved out of its wiped buffer here: from now on its bytes are the caller's.

use prost::Message;
use tonic::Status;
use zeroize::Zeroizing;

use super::impact::wire_ending;
use super::{session_reference, wire_instant, wire_limit, wire_ttl};
use crate::grpc::proto;
use crate::issuer::{Caution, EndsEarly, Issued, Output};
use crate::session::RecordId;

/// The answer to `Presign`.
pub(in crate::grpc) fn presigned(issued: Issued) -> proto::PresignResponse {
    let Issued { record, session, output, cautions, ends_early } = issued;
    let (url, method, headers) = match output {
        Output::Url { mut url, method, headers } => (std::mem::take(&mut *url), method, headers),
        // A form is asked for and answered by a call of its own.
        Output::Form { url, .. } => (url, "POST", Vec::new()),
    };
    proto::PresignResponse {
        url,
        method: method.to_owned(),
        headers: shown(headers),
        id: record.id.to_string(),
        usable_until: Some(wire_instant(record.usable_until())),
        limited_by: wire_limit(record.limited_by),
        signed_at: Some(wire_instant(record.signed_at)),
        expires_in: Some(wire_ttl(record.ttl)),
        session: Some(session_reference(&session)),
        cautions: cautions.into_iter().map(caution).collect(),
        replaces: replaces(record.replaces),
        ends_early: ends_early.map(standing_event),
    }
}

/// The answer to `PresignPost`.
pub(in crate::grpc) fn presigned_form(issued: Issued) -> proto::PresignPostResponse {
    let Issued { record, session, output, cautions, ends_early } = issued;
    let (url, fields) = match output {
        Output::Form { url, fields } => (url, fields),
        Output::Url { mut url, .. } => (std::mem::take(&mut *url), Vec::new()),
    };
    proto::PresignPostResponse {
        url,
        fields: shown(fields),
        id: record.id.to_string(),
        usable_until: Some(wire_instant(record.usable_until())),
        limited_by: wire_limit(record.limited_by),
        signed_at: Some(wire_instant(record.signed_at)),
        session: Some(session_reference(&session)),
        replaces: replaces(record.replaces),
        cautions: cautions.into_iter().map(caution).collect(),
        ends_early: ends_early.map(standing_event),
    }
}

/// One item of a batch or a stream.
pub(in crate::grpc) fn result(answer: Result<Issued, Status>) -> proto::PresignResult {
    use proto::presign_result::Result as Either;
    let either = match answer {
        Ok(issued) => Either::Response(presigned(issued)),
        Err(status) => Either::Failure(failure(&status)),
    };
    proto::PresignResult { result: Some(either) }
}

/// `Failure` is a `google.rpc.Status` under another name, which is what the details of a status are.
pub(super) fn failure(status: &Status) -> proto::Failure {
    let details = proto::Failure::decode(status.details()).map(|failure| failure.details).unwrap_or_default();
    proto::Failure { code: status.code().into(), message: status.message().to_owned(), details }
}

fn shown(pairs: Vec<(String, Zeroizing<String>)>) -> std::collections::HashMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name, value.as_str().to_owned())).collect()
}

fn replaces(former: Option<RecordId>) -> String {
    former.map(|id| id.to_string()).unwrap_or_default()
}

fn standing_event(early: EndsEarly) -> proto::StandingEvent {
    proto::StandingEvent { id: early.event.to_string(), ending: Some(wire_ending(&early.ending)) }
}

fn caution(caution: Caution) -> i32 {
    let caution = match caution {
        Caution::KeyUnusableInBrowsers => proto::Caution::KeyUnusableInBrowsers,
        Caution::ExpiryUncertain => proto::Caution::ExpiryUncertain,
        Caution::NeedsCustomerKey => proto::Caution::NeedsCustomerKey,
        Caution::EndsEarly => proto::Caution::EndsEarly,
        Caution::MayEndEarly => proto::Caution::MayEndEarly,
    };
    caution.into()
}
