//! An S3 request or a form, from the wire.

use super::operation::{method, operation};
use super::{Pairs, given, within};
use crate::grpc::proto;
use crate::s3::form::{Form, Target};
use crate::s3::request::{Headers, Request};
use crate::s3::{Addressing, Bucket, KeyPrefix, ObjectKey, Refused, Region, Style, traps};

/// The request, and the region when the caller names one. Fields are named as they stand in `S3Request`.
pub(super) fn request(wire: proto::S3Request) -> Result<(Request, Option<Region>), Refused> {
    let operation = operation("operation", wire.operation)?;
    let method = method("method", &wire.method)?;
    let bucket = Bucket::parse(&wire.bucket)?;
    let key = given(wire.key).map(|key| ObjectKey::parse(&key)).transpose()?;
    let query: Pairs = wire.query.into_iter().collect();
    let headers = Headers::new(wire.headers)?;
    let addressing = addressing(wire.addressing)?;
    let region = region(&wire.region)?;
    let request = match (operation, method) {
        (None, None) => return Err(Refused::new("operation", "is missing; name the operation or the method")),
        (None, Some(method)) => Request::new(method, bucket, key, query, headers, addressing)?,
        (Some(operation), None) => Request::of_operation(operation, bucket, key, query, headers, addressing)?,
        (Some(operation), Some(method)) => {
            let request = match operation.method() {
                Some(_) => Request::of_operation(operation, bucket, key, query, headers, addressing)?,
                None => Request::new(method, bucket, key, query, headers, addressing)?,
            };
            if request.method() != method {
                let problem =
                    format!("is {}, but {} needs {}", method.as_str(), operation.as_str(), request.method().as_str());
                return Err(Refused::new("method", problem));
            }
            if request.operation() != operation {
                let problem =
                    format!("is {}, but this request is {}", operation.as_str(), request.operation().as_str());
                return Err(Refused::new("operation", problem));
            }
            request
        }
    };
    traps::check(&request)?;
    Ok((request, region))
}

/// What a form needs, taken out of its message.
pub(super) struct FormParts {
    pub(super) bucket: String,
    pub(super) target: Option<proto::presign_post_request::Target>,
    pub(super) fields: std::collections::HashMap<String, String>,
    pub(super) fields_start_with: std::collections::HashMap<String, String>,
    pub(super) content_length_range: Option<proto::ContentLengthRange>,
    pub(super) addressing: Option<proto::Addressing>,
}

/// The form. Fields are named as they stand in `PresignPostRequest`.
pub(super) fn form(wire: FormParts) -> Result<Form, Refused> {
    use proto::presign_post_request::Target as Wire;
    let bucket = Bucket::parse(&wire.bucket)?;
    let target = match wire.target {
        None => return Err(Refused::new("key", "is missing; give key or key_starts_with")),
        Some(Wire::Key(key)) => Target::Key(ObjectKey::parse(&key)?),
        Some(Wire::KeyStartsWith(prefix)) => {
            let prefix = KeyPrefix::parse(&prefix);
            Target::StartsWith(prefix.map_err(|refused| Refused::new("key_starts_with", refused.problem))?)
        }
    };
    let range = wire.content_length_range.map(|range| (range.minimum, range.maximum));
    let exact: Pairs = wire.fields.into_iter().collect();
    let chosen: Pairs = wire.fields_start_with.into_iter().collect();
    // The form does not say which of its two lists a name stands in; the caller wants to know.
    let only_chosen: Vec<String> = chosen
        .iter()
        .filter(|(name, _)| exact.iter().all(|(other, _)| other != name))
        .map(|(name, _)| format!("fields.{name}"))
        .collect();
    Form::new(bucket, target, exact, chosen, range, addressing(wire.addressing)?).map_err(|refused| {
        if only_chosen.contains(&refused.field) {
            let name = refused.field.replacen("fields.", "fields_start_with.", 1);
            return Refused::new(name, refused.problem);
        }
        refused
    })
}

fn addressing(wire: Option<proto::Addressing>) -> Result<Addressing, Refused> {
    let Some(wire) = wire else { return Ok(Addressing::default()) };
    let style = match proto::addressing::Style::try_from(wire.style) {
        Ok(proto::addressing::Style::Unspecified) => Style::Auto,
        Ok(proto::addressing::Style::VirtualHost) => Style::VirtualHost,
        Ok(proto::addressing::Style::Path) => Style::Path,
        Err(_) => {
            return Err(within("addressing")(Refused::new("style", format!("is {}, which is no style", wire.style))));
        }
    };
    Ok(Addressing { style, dual_stack: wire.dual_stack, fips: wire.fips, accelerate: wire.accelerate })
}

pub(super) fn region(text: &str) -> Result<Option<Region>, Refused> {
    if text.is_empty() { Ok(None) } else { Region::parse(text).map(Some) }
}

/// The way back, for records.
pub(super) fn wire_addressing(addressing: Addressing) -> proto::Addressing {
    let style = match addressing.style {
        Style::Auto => proto::addressing::Style::Unspecified,
        Style::VirtualHost => proto::addressing::Style::VirtualHost,
        Style::Path => proto::addressing::Style::Path,
    };
    let Addressing { dual_stack, fips, accelerate, .. } = addressing;
    proto::Addressing { style: style.into(), dual_stack, fips, accelerate }
}
