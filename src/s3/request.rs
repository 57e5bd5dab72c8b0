//! An S3 request to be presigned: method, bucket, key, query and signed headers, checked once.

use std::fmt;

use zeroize::Zeroizing;

use super::operation::{Method, Operation};
use super::{Addressing, Bucket, ObjectKey, Refused};

/// What S3 will be asked. The operation always agrees with method, query and headers, because it is read from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    method: Method,
    operation: Operation,
    bucket: Bucket,
    key: Option<ObjectKey>,
    query: Vec<(String, String)>,
    headers: Headers,
    addressing: Addressing,
}

impl Request {
    /// Checks a request and reads its operation. `query` and `headers` may come in any order and leave sorted.
    ///
    /// # Errors
    /// Names the field that cannot be signed.
    pub fn new(
        method: Method,
        bucket: Bucket,
        key: Option<ObjectKey>,
        mut query: Vec<(String, String)>,
        headers: Headers,
        addressing: Addressing,
    ) -> Result<Self, Refused> {
        query.sort();
        check_query(&query)?;
        let copies = headers.value("x-amz-copy-source").is_some();
        let operation = Operation::of(method, key.is_some(), copies, &query);
        check_part(operation, &query)?;
        for (name, _) in headers.iter() {
            if query.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(Refused::new(format!("headers.{name}"), "stands in the query as well; give it once"));
            }
        }
        Ok(Self { method, operation, bucket, key, query, headers, addressing })
    }

    /// A request named by its operation: the method and the fixed parameters come from the table.
    ///
    /// # Errors
    /// When a parameter that the operation needs is missing, when method, query or headers make it another operation,
    /// and in every case of [`Request::new`].
    pub fn of_operation(
        operation: Operation,
        bucket: Bucket,
        key: Option<ObjectKey>,
        mut query: Vec<(String, String)>,
        headers: Headers,
        addressing: Addressing,
    ) -> Result<Self, Refused> {
        let method = operation.method().ok_or_else(|| {
            Refused::new("operation", format!("{} has no single method; name the method instead", operation.as_str()))
        })?;
        if operation.is_on_object() && key.is_none() {
            return Err(Refused::new("key", format!("is empty; {} needs one", operation.as_str())));
        }
        if !operation.is_on_object() && key.is_some() {
            return Err(Refused::new("key", format!("must be empty; {} acts on a bucket", operation.as_str())));
        }
        for name in operation.required_query() {
            if !query.iter().any(|(given, _)| given == name) {
                return Err(Refused::new(
                    format!("query.{name}"),
                    format!("is missing; {} needs it", operation.as_str()),
                ));
            }
        }
        for (name, value) in operation.fixed_query() {
            if !query.iter().any(|(given, _)| given == name) {
                query.push((name.to_owned(), value.to_owned()));
            }
        }
        let request = Self::new(method, bucket, key, query, headers, addressing)?;
        if request.operation != operation {
            let problem = format!(
                "is {}, but query and headers make the request {}; leave one of them out",
                operation.as_str(),
                request.operation.as_str()
            );
            return Err(Refused::new("operation", problem));
        }
        Ok(request)
    }

    /// The method that is signed.
    pub fn method(&self) -> Method {
        self.method
    }

    /// What S3 is asked to do.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The bucket, as the caller named it.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// The key; `None` for an operation on the bucket.
    pub fn key(&self) -> Option<&ObjectKey> {
        self.key.as_ref()
    }

    /// Unencoded parameters, sorted by name and value.
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// The value of the first parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The headers to be signed beside `host`.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Host forms.
    pub fn addressing(&self) -> Addressing {
        self.addressing
    }

    /// The bucket and key that the request copies from, when it copies. The value is percent-encoded and may begin
    /// with a slash; a `?versionId=` is cut off.
    pub fn copy_source(&self) -> Option<(String, String)> {
        let raw = self.headers.value("x-amz-copy-source")?;
        let path = raw.split_once('?').map_or(raw, |(path, _)| path);
        let path = percent_encoding::percent_decode_str(path.strip_prefix('/').unwrap_or(path)).decode_utf8_lossy();
        // An access point source is `ARN/object/KEY`; the ARN itself holds one slash.
        let split = if path.starts_with("arn:") { path.split_once("/object/") } else { path.split_once('/') };
        split.map(|(bucket, key)| (bucket.to_owned(), key.to_owned()))
    }

    /// The same request with headers added, such as an SSE-C key that a record does not hold.
    ///
    /// # Errors
    /// As [`Request::new`].
    pub fn with_headers(self, headers: Headers) -> Result<Self, Refused> {
        Self::new(self.method, self.bucket, self.key, self.query, headers, self.addressing)
    }
}

/// Headers to be signed: names in lower case, sorted and unique; values printable ASCII without blanks at the ends.
/// `Debug` shows names only, since a value may be an SSE-C key.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, Zeroizing<String>)>);

impl Headers {
    /// # Errors
    /// Names the header (`headers.NAME`) that may not be signed, is malformed, or is given twice.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Refused> {
        let mut headers = Vec::new();
        let mut bytes = 0;
        for (name, value) in pairs {
            let value = Zeroizing::new(value);
            let name = name.to_ascii_lowercase();
            check_header(&name, &value)?;
            bytes += name.len() + value.len();
            headers.push((name, value));
        }
        if headers.len() > MAX_PAIRS || bytes > MAX_HEADER_BYTES {
            return Err(Refused::new("headers", "hold more than 64 names or 8 KiB, which S3 does not take"));
        }
        headers.sort_by(|one, other| one.0.cmp(&other.0));
        if let Some(pair) = headers.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Refused::new(format!("headers.{}", pair[0].0), "is given twice"));
        }
        Ok(Self(headers))
    }

    /// Names and values, sorted by name. Values may be secret.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What a record may hold: all but SSE-C keys.
    pub fn recordable(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(name, _)| !is_secret(name))
    }

    /// Whether a value is left out of the record.
    pub fn has_secret(&self) -> bool {
        self.0.iter().any(|(name, _)| is_secret(name))
    }

    /// The value of a header, by its name in lower case.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find(|(given, _)| *given == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Headers whose value is a key of the customer's, and so never recorded (PRODUCT.md section 5).
fn is_secret(name: &str) -> bool {
    matches!(
        name,
        "x-amz-server-side-encryption-customer-key" | "x-amz-copy-source-server-side-encryption-customer-key"
    )
}

fn check_header(name: &str, value: &str) -> Result<(), Refused> {
    let refuse = |problem: &str| Err(Refused::new(format!("headers.{name}"), problem));
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(token) {
        return Err(Refused::new("headers", "hold a name that is not an HTTP header name"));
    }
    if UNSIGNABLE.contains(&name) {
        return refuse("may not be signed: presignd or the connection sets it, or proxies change it");
    }
    if value.len() > MAX_VALUE_BYTES || !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return refuse("must be at most 4,096 printable ASCII characters");
    }
    if value.starts_with(' ') || value.ends_with(' ') || value.contains("  ") {
        return refuse("must not begin or end with a blank or hold two in a row: HTTP libraries would change them");
    }
    let number = |range: std::ops::RangeInclusive<u64>| value.parse().is_ok_and(|number| range.contains(&number));
    match name {
        "content-length" if !number(0..=MAX_PUT_BYTES) => refuse("must be a number of bytes, at most 5 GiB"),
        "if-none-match" if value.is_empty() => refuse("must be * or an entity tag"),
        "x-amz-expected-bucket-owner" | "x-amz-source-expected-bucket-owner"
            if value.len() != 12 || !value.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            refuse("must be an account id of twelve digits")
        }
        "x-amz-request-payer" if value != "requester" => refuse("must be \"requester\""),
        _ => Ok(()),
    }
}

fn check_query(query: &[(String, String)]) -> Result<(), Refused> {
    if query.len() > MAX_PAIRS {
        return Err(Refused::new("query", "holds more than 64 parameters"));
    }
    for (name, value) in query {
        let refuse = |problem: &str| Err(Refused::new(format!("query.{name}"), problem));
        let control = |text: &str| text.chars().any(char::is_control);
        if name.is_empty() || name.len() > MAX_NAME_BYTES || control(name) {
            return Err(Refused::new("query", "holds a name that is empty, over 256 bytes, or has control characters"));
        }
        if value.len() > MAX_VALUE_BYTES || control(value) {
            return refuse("must be at most 4,096 bytes without control characters");
        }
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return refuse("belongs to the signature; presignd sets it");
        }
        if is_secret(&name.to_ascii_lowercase()) {
            return refuse("is a secret, which a URL would show and the registry keep; sign it as a header");
        }
        if name == "partNumber" && !value.parse().is_ok_and(|part: u32| (1..=10_000).contains(&part)) {
            return refuse("must lie between 1 and 10000");
        }
        if matches!(name.as_str(), "uploadId" | "versionId") && value.is_empty() {
            return refuse("is empty");
        }
    }
    match query.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Refused::new(format!("query.{}", pair[0].0), "is given twice")),
        None => Ok(()),
    }
}

/// A part number without its upload, or an upload to PUT to without its part, is not what anybody means.
fn check_part(operation: Operation, query: &[(String, String)]) -> Result<(), Refused> {
    let has = |name: &str| query.iter().any(|(given, _)| given == name);
    match operation {
        Operation::PutObject | Operation::CopyObject if has("partNumber") => {
            Err(Refused::new("query.uploadId", "is missing; a part belongs to an upload"))
        }
        Operation::OtherObject if has("uploadId") && !has("partNumber") => {
            Err(Refused::new("query.partNumber", "is missing; an upload is written part by part"))
        }
        _ => Ok(()),
    }
}

/// Set by the signer, by the connection, or on the way; signing one would make a URL that fails.
const UNSIGNABLE: &[&str] = &[
    "host",
    "authorization",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
    "x-amzn-trace-id",
    "x-forwarded-for",
];

/// Parameters of SigV4 and SigV2 signatures, and the tag that presignd adds when asked.
const RESERVED: &[&str] = &[
    "X-Amz-Algorithm",
    "X-Amz-Content-Sha256",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Region-Set",
    "X-Amz-S3session-Token",
    "AWSAccessKeyId",
    "Signature",
    "Expires",
    "x-presignd-id",
];

const MAX_PAIRS: usize = 64;
const MAX_NAME_BYTES: usize = 256;
const MAX_VALUE_BYTES: usize = 4096;
const MAX_HEADER_BYTES: usize = 8192;
/// One PUT takes at most 5 GiB.
const MAX_PUT_BYTES: u64 = 5 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> Bucket {
        Bucket::parse("photos").unwrap()
    }

    #[test]
    fn the_operation_is_read_from_what_is_signed() {
        for operation in Operation::ALL.iter().copied().filter(|operation| operation.method().is_some()) {
            let key = operation.is_on_object().then(|| ObjectKey::parse("cat.jpg").unwrap());
            let copies = matches!(operation, Operation::CopyObject | Operation::UploadPartCopy);
            let source = copies.then(|| ("x-amz-copy-source".to_owned(), "other/cat.jpg".to_owned()));
            let query = operation.required_query().map(|name| (name.to_owned(), "7".to_owned())).collect();
            let headers = Headers::new(source).unwrap();
            let request = Request::of_operation(operation, bucket(), key, query, headers, Addressing::default());
            assert_eq!(request.map(|request| request.operation()), Ok(operation));
        }
    }

    #[test]
    fn an_operation_that_the_query_contradicts_is_refused() {
        let key = ObjectKey::parse("cat.jpg").unwrap();
        let query = vec![("acl".to_owned(), String::new())];
        let refused = Request::of_operation(
            Operation::GetObject,
            bucket(),
            Some(key),
            query,
            Headers::default(),
            Addressing::default(),
        );
        assert_eq!(refused.unwrap_err().field, "operation");
    }

    #[test]
    fn a_secret_may_stand_in_a_header_but_not_in_the_query() {
        let key = ObjectKey::parse("cat.jpg").unwrap();
        let query = vec![("X-Amz-Server-Side-Encryption-Customer-Key".to_owned(), "c2VjcmV0".to_owned())];
        let refused = Request::new(Method::Put, bucket(), Some(key), query, Headers::default(), Addressing::default())
            .unwrap_err();
        assert!(refused.field.starts_with("query.") && !refused.problem.contains("c2VjcmV0"));
    }

    #[test]
    fn debug_of_headers_shows_no_value() {
        let pair = ("X-Amz-Server-Side-Encryption-Customer-Key".to_owned(), "c2VjcmV0".to_owned());
        let headers = Headers::new([pair]).unwrap();
        assert!(!format!("{headers:?}").contains("c2VjcmV0"));
        assert_eq!(headers.recordable().count(), 0);
    }
}
