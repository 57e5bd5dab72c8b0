//! The gates of SEMANTICS.md section 0 that s3s leaves to others: is the key known, is its session alive, is this the
//! right region, is every `x-amz-*` header signed.

use hyper::HeaderMap;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::host::{S3Host, VirtualHost};
use s3s::validation::NameValidation;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::super::keys::Keys;
use super::{Denials, HOME, Regions};

/// Looks keys up; a session that has ended is told from a key that never was.
pub(super) struct Known(pub(super) Keys);

#[async_trait::async_trait]
impl S3Auth for Known {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let unknown =
            || s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records.");
        let key = self.0.find(access_key).filter(|key| key.active).ok_or_else(unknown)?;
        if key.is_over() {
            return Err(refusal(S3ErrorCode::ExpiredToken, 400, "The provided token has expired."));
        }
        Ok(SecretKey::from(key.secret))
    }
}

/// The session token of a POST form, which stands in its body.
#[derive(Clone)]
pub(super) struct Token(pub(super) Option<String>);

/// What comes after the signature.
pub(super) struct Gates {
    pub(super) keys: Keys,
    pub(super) regions: Regions,
    pub(super) denials: Denials,
}

#[async_trait::async_trait]
impl S3Access for Gates {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = cx.credentials() else { return Err(s3_error!(AccessDenied, "Access Denied")) };
        let key = self.keys.find(&credentials.access_key).ok_or_else(|| s3_error!(InvalidAccessKeyId))?;
        let query = pairs(cx.uri().query().unwrap_or_default());
        let parameter = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let header = cx.headers().get("x-amz-security-token").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let presigned = parameter("X-Amz-Signature").is_some();
        let bucket = cx.s3_path().get_bucket_name().unwrap_or_default().to_owned();
        let signed = parameter("X-Amz-SignedHeaders").unwrap_or_default();
        let unsigned =
            cx.headers().keys().map(|name| name.as_str().to_owned()).find(|name| {
                presigned && name.starts_with("x-amz-") && !signed.split(';').any(|signed| signed == name)
            });
        let form = cx.extensions_mut().get::<Token>().cloned();
        let token = form.map_or_else(|| parameter("X-Amz-Security-Token").or(header), |Token(token)| token);
        if token != key.token {
            // S3 treats a temporary key without its token as a key that does not exist.
            return Err(match token {
                None => s3_error!(InvalidAccessKeyId),
                Some(_) => {
                    refusal(S3ErrorCode::InvalidToken, 400, "The provided token is malformed or otherwise invalid.")
                }
            });
        }
        if let Some(name) = unsigned {
            let text = format!("There were headers present in the request which were not signed: {name}");
            return Err(refusal(S3ErrorCode::AccessDenied, 403, &text));
        }
        let scope = parameter("X-Amz-Credential").unwrap_or_default();
        let (region, home) = (scope.split('/').nth(2).unwrap_or_default(), region_of(&self.regions, &bucket));
        if presigned && !bucket.is_empty() && region != home {
            let text = format!(
                "Error parsing the X-Amz-Credential parameter; the region '{region}' is wrong; expecting '{home}'"
            );
            return Err(refusal(S3ErrorCode::Custom("AuthorizationQueryParametersError".into()), 400, &text));
        }
        let statement = (bucket, key.arn);
        let denied_here = self.denials.lock().expect("no holder panics").contains(&statement);
        if denied_here || self.keys.is_denied(&key.access_key_id) {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        Ok(())
    }
}

fn refusal(code: S3ErrorCode, status: u16, text: &str) -> S3Error {
    let mut error = S3Error::with_message(code, text.to_owned());
    error.set_status_code(hyper::StatusCode::from_u16(status).expect("a legal status"));
    error
}

/// Virtual hosts of AWS's names, of `*.localhost`, and path style for everything else.
pub(super) struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let plain = VirtualHost::new(host);
        Ok(match bucket_of_host(host) {
            Some(bucket) => plain.with_bucket(bucket),
            None => plain,
        })
    }
}

/// What stands before the last label that is `s3` or begins with `s3-`.
pub(super) fn bucket_of_host(host: &str) -> Option<String> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let labels: Vec<&str> = name.split('.').collect();
    let at = labels.iter().rposition(|label| *label == "s3" || label.starts_with("s3-"))?;
    (at > 0).then(|| labels[..at].join("."))
}

/// Names are not in question here; the daemon's own rules are tested elsewhere.
pub(super) struct AnyName;

impl NameValidation for AnyName {
    fn validate_bucket_name(&self, name: &str) -> bool {
        !name.is_empty()
    }
}

pub(super) fn region_of(regions: &Regions, bucket: &str) -> String {
    regions.lock().expect("no holder panics").get(bucket).map_or(HOME, String::as_str).to_owned()
}

/// Whether a request is a form, and the token in it.
pub(super) enum Form {
    None,
    Checked(Option<String>),
}

pub(super) fn form_token(headers: &HeaderMap, body: &[u8]) -> Form {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/form-data") {
        return Form::None;
    }
    let text = String::from_utf8_lossy(body).into_owned();
    let name = text.to_ascii_lowercase().find("name=\"x-amz-security-token\"");
    let value = name.and_then(|at| text[at..].split_once("\r\n\r\n")).and_then(|(_, rest)| rest.split_once("\r\n"));
    Form::Checked(value.map(|(value, _)| value.to_owned()))
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let split = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    query.split('&').filter(|pair| !pair.is_empty()).map(split).collect()
}
