//! What a caller wants signed, from the wire to the desk.

use super::request::{FormParts, form, region, request};
use super::{MAX_ON_BEHALF_OF_BYTES, MAX_REQUEST_ID_BYTES, given, identity, labels, lifetime, text, within};
use crate::grpc::proto;
use crate::issuer::{Ask, Authority};
use crate::s3::Refused;
use crate::s3::form::Signable;

/// A URL. Fields are named as they stand in `PresignRequest`.
pub(in crate::grpc) fn url_ask(wire: proto::PresignRequest) -> Result<Ask, Refused> {
    let identity = identity("identity", &wire.identity)?;
    let asked = wire.request.ok_or_else(|| Refused::new("request", "is missing"))?;
    let (request, region) = request(asked).map_err(within("request"))?;
    let (asked, at_least) = lifetime(wire.expires_in, wire.at_least)?;
    Ok(Ask {
        identity,
        what: Signable::Request(request),
        region,
        asked,
        at_least,
        on_behalf_of: text("on_behalf_of", wire.on_behalf_of, MAX_ON_BEHALF_OF_BYTES)?,
        labels: labels("labels", wire.labels)?,
        request_id: given(text("request_id", wire.request_id, MAX_REQUEST_ID_BYTES)?),
        tag: wire.tag_url,
        replaces: None,
        in_place_of: None,
        authority: Authority::Grants,
    })
}

/// A form. Fields are named as they stand in `PresignPostRequest`.
pub(in crate::grpc) fn form_ask(wire: proto::PresignPostRequest) -> Result<Ask, Refused> {
    let (asked, at_least) = lifetime(wire.expires_in, wire.at_least)?;
    let parts = FormParts {
        bucket: wire.bucket,
        target: wire.target,
        fields: wire.fields,
        fields_start_with: wire.fields_start_with,
        content_length_range: wire.content_length_range,
        addressing: wire.addressing,
    };
    Ok(Ask {
        identity: identity("identity", &wire.identity)?,
        what: Signable::Form(form(parts)?),
        region: region(&wire.region)?,
        asked,
        at_least,
        on_behalf_of: text("on_behalf_of", wire.on_behalf_of, MAX_ON_BEHALF_OF_BYTES)?,
        labels: labels("labels", wire.labels)?,
        request_id: given(text("request_id", wire.request_id, MAX_REQUEST_ID_BYTES)?),
        tag: false,
        replaces: None,
        in_place_of: None,
        authority: Authority::Grants,
    })
}
