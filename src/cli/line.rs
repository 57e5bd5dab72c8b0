//! One line of a batch: a JSON object with the fields of `PresignRequest` and `S3Request` side by side, or an `s3://`
//! URI alone. What a line leaves out, the flags of the command say.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::flags;
use super::length::Length;
use crate::grpc::proto::{Addressing, PresignRequest, addressing::Style};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Line {
    /// `s3://bucket/key`, in the place of `bucket` and `key`.
    uri: Option<String>,
    bucket: Option<String>,
    key: Option<String>,
    operation: Option<String>,
    method: Option<String>,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    addressing: Option<Host>,
    region: Option<String>,
    identity: Option<String>,
    expires_in: Option<Length>,
    at_least: Option<Length>,
    on_behalf_of: Option<String>,
    labels: BTreeMap<String, String>,
    request_id: Option<String>,
    tag_url: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Host {
    style: Option<HostStyle>,
    dual_stack: bool,
    fips: bool,
    accelerate: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum HostStyle {
    VirtualHost,
    Path,
}

/// Reads one line over what the flags say.
///
/// # Errors
/// Says what is wrong with the line; never shows its values, which may be SSE-C keys.
pub fn read(text: &str, flags: &PresignRequest) -> Result<PresignRequest, String> {
    let text = text.trim();
    let line = if text.starts_with("s3://") {
        Line { uri: Some(text.to_owned()), ..Line::default() }
    } else if text.starts_with('[') {
        // serde takes an array for the fields in their order, and an empty one for none of them.
        return Err("is not a request: an array; write an object for each line".to_owned());
    } else {
        serde_json::from_str(text).map_err(|error| format!("is not a request: {}", without_values(&error)))?
    };
    let mut request = flags.clone();
    let inner = request.request.get_or_insert_default();
    if let Some(uri) = line.uri {
        if line.bucket.is_some() || line.key.is_some() {
            return Err("has both uri and bucket or key".to_owned());
        }
        (inner.bucket, inner.key) = flags::s3_uri(&uri).map_err(|problem| format!("uri {problem}"))?;
    }
    // A line that names one of the two means that one: it does not have to fight the flags.
    match (line.operation, line.method) {
        (Some(_), Some(_)) => return Err("has both operation and method; give one of them".to_owned()),
        (Some(name), None) => {
            inner.operation = super::presign::operation(&name).map_err(|problem| format!("operation {problem}"))?;
            inner.method.clear();
        }
        (None, Some(method)) => (inner.operation, inner.method) = (0, method),
        (None, None) => {}
    }
    set(&mut inner.bucket, line.bucket);
    set(&mut inner.key, line.key);
    set(&mut inner.region, line.region);
    set(&mut request.identity, line.identity);
    set(&mut request.on_behalf_of, line.on_behalf_of);
    set(&mut request.request_id, line.request_id);
    set(&mut request.tag_url, line.tag_url);
    inner.query.extend(line.query);
    inner.headers.extend(line.headers);
    request.labels.extend(line.labels);
    if let Some(host) = line.addressing {
        inner.addressing = Some(host.wire());
    }
    request.expires_in = line.expires_in.map(Length::wire).or(request.expires_in);
    request.at_least = line.at_least.map(Length::wire).or(request.at_least);
    Ok(request)
}

fn set<T>(field: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *field = said;
    }
}

impl Host {
    fn wire(self) -> Addressing {
        let style = match self.style {
            None => Style::Unspecified,
            Some(HostStyle::VirtualHost) => Style::VirtualHost,
            Some(HostStyle::Path) => Style::Path,
        };
        let Self { dual_stack, fips, accelerate, .. } = self;
        Addressing { style: style.into(), dual_stack, fips, accelerate }
    }
}

/// serde quotes a value of the wrong type in backticks or quotation marks; field names stand in backticks as well, but
/// follow the word "field".
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: ")) {
        Some(rest) => match rest.rsplit_once(", expected ") {
            Some((_, expected)) => format!("a value of the wrong type, expected {expected}"),
            None => "a value of the wrong type".to_owned(),
        },
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::proto::{Operation, S3Request};

    fn flags() -> PresignRequest {
        let request =
            S3Request { operation: Operation::GetObject.into(), region: "eu-west-1".into(), ..Default::default() };
        PresignRequest { identity: "web".into(), request: Some(request), ..Default::default() }
    }

    #[test]
    fn a_line_says_what_it_wants_and_the_flags_say_the_rest() {
        let text = r#"{"bucket":"b","key":"k","operation":"put-object","expires_in":"1h","at_least":60,
            "headers":{"content-type":"text/plain"},"labels":{"job":"7"},"addressing":{"style":"path","fips":true},"tag_url":true}"#;
        let read = read(text, &flags()).unwrap();
        let inner = read.request.unwrap();
        assert_eq!((inner.bucket.as_str(), inner.key.as_str(), inner.region.as_str()), ("b", "k", "eu-west-1"));
        assert_eq!(
            (inner.operation, inner.headers["content-type"].as_str()),
            (Operation::PutObject.into(), "text/plain")
        );
        assert_eq!(inner.addressing.unwrap().style, i32::from(Style::Path));
        assert_eq!((read.expires_in.unwrap().seconds, read.at_least.unwrap().seconds), (3600, 60));
        assert_eq!((read.identity.as_str(), read.labels["job"].as_str(), read.tag_url), ("web", "7", true));
    }

    #[test]
    fn a_method_in_a_line_takes_the_place_of_the_flags_operation() {
        let inner = read(r#"{"uri":"s3://b/k","method":"PUT"}"#, &flags()).unwrap().request.unwrap();
        assert_eq!((inner.operation, inner.method.as_str(), inner.key.as_str()), (0, "PUT", "k"));
    }

    #[test]
    fn an_s3_uri_alone_is_a_line() {
        let inner = read("s3://b/a key\r", &flags()).unwrap().request.unwrap();
        assert_eq!((inner.bucket.as_str(), inner.key.as_str()), ("b", "a key"));
    }

    #[test]
    fn a_line_that_is_wrong_is_told_without_its_values() {
        let lines = [
            r#"{"bucket":"b","kye":"k"}"#,
            r#"{"uri":"s3://b/k","key":"k"}"#,
            r#"{"operation":"GetObject","method":"GET"}"#,
            r#"{"operation":"Nothing"}"#,
            r#"{"headers":"c2VjcmV0"}"#,
            r#"{"expires_in":"c2VjcmV0"}"#,
            "c2VjcmV0",
            "",
            "[]",
            r#" ["s3://b/k"]"#,
            r#"["s3://b/k","c2VjcmV0"]"#,
        ];
        for line in lines {
            let problem = read(line, &flags()).unwrap_err();
            assert!(!problem.contains("c2VjcmV0"), "{problem}");
        }
        assert!(read(lines[0], &flags()).unwrap_err().contains("kye"));
    }
}
