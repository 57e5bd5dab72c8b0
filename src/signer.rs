//! SigV4 for S3: the presigned URL and the POST policy, with the steps named as AWS names them.
//!
//! Pure: no IO, no clock. Never SigV2, never SigV4a. What does not change from one URL to the next (the encoded session
//! token, and per day and region the signing key and the credential scope) is derived once and kept with the session.

mod canonical;
mod encode;
pub mod endpoint;
mod keys;
mod post;
pub mod realm;

use zeroize::Zeroizing;

use crate::issued::Fingerprint;
use crate::s3::form::Form;
use crate::s3::request::Request;
use crate::s3::{Addressing, Refused, Region};
use crate::session::Credentials;
use crate::time::{Timestamp, Ttl};

pub use post::PresignedForm;

/// Where a request goes and in which scope it is signed.
#[derive(Debug, Clone)]
pub struct Target {
    /// The region in the credential scope: the bucket's own.
    pub region: Region,
    /// AWS, or a store that speaks S3.
    pub endpoint: endpoint::Endpoint,
    /// Host forms where the request says nothing else.
    pub addressing: Addressing,
}

/// Signs with one session's credentials. Holds secrets: no `Debug`; all are wiped when it is dropped.
pub struct Signer {
    credentials: Credentials,
    /// Percent-encoded once: it is the longest part of most URLs.
    token: Option<Zeroizing<String>>,
    keys: keys::SigningKeys,
}

/// A presigned URL. A secret: no `Debug`.
pub struct Presigned {
    /// The URL; its last 64 characters are the signature.
    pub url: Zeroizing<String>,
    /// The host that was signed.
    pub host: String,
    /// Headers that the bearer must send beside `host`, with these values.
    pub headers: Vec<(String, Zeroizing<String>)>,
}

impl Presigned {
    /// Recognises the URL later.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.url[self.url.len() - SIGNATURE_CHARACTERS..])
    }
}

impl Signer {
    /// Takes the credentials in.
    pub fn new(credentials: Credentials) -> Self {
        let token = credentials.session_token.as_ref().map(|token| {
            let mut encoded = Zeroizing::new(String::with_capacity(encode::longest(token)));
            encode::component(&mut encoded, token);
            encoded
        });
        Self { credentials, token, keys: keys::SigningKeys::default() }
    }

    /// The credentials, for minting a session from them.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The presigned URL of a request: `X-Amz-Date` is `at`, `X-Amz-Expires` is `ttl`. `tag` becomes the signed parameter
    /// `x-presignd-id`, which S3 ignores and its access log shows (SEMANTICS.md 3.3).
    ///
    /// # Errors
    /// Names the field that the endpoint cannot serve.
    pub fn presign(
        &self,
        request: &Request,
        target: &Target,
        at: Timestamp,
        ttl: Ttl,
        tag: Option<&str>,
    ) -> Result<Presigned, Refused> {
        let place = endpoint::resolve(request.bucket(), request.key(), request.addressing(), target)?;
        let region = place.region;
        let key = self.keys.of(&self.credentials, at, region);
        let (date, expires) = (at.amz_date(), ttl.seconds().to_string());
        let signed_headers = canonical::signed_headers(request.headers());
        let mut encoded_headers = String::with_capacity(encode::longest(&signed_headers));
        encode::component(&mut encoded_headers, &signed_headers);

        let mut url = Zeroizing::new(String::with_capacity(self.capacity(request, &place.host, &encoded_headers)));
        for part in [place.scheme, "://", &place.host] {
            url.push_str(part);
        }
        let path_at = url.len();
        url.push_str(place.base);
        canonical::path(&mut url, &place, request.key());
        let path_ends = url.len();
        url.push('?');
        let query_at = url.len();
        let signing = [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &key.credential),
            ("X-Amz-Date", &date),
            ("X-Amz-Expires", &expires),
            ("X-Amz-Security-Token", self.token.as_ref().map_or("", |token| token.as_str())),
            ("X-Amz-SignedHeaders", &encoded_headers),
        ];
        let signing = signing.into_iter().filter(|(name, _)| self.token.is_some() || *name != "X-Amz-Security-Token");
        canonical::query(&mut url, request.query(), tag, signing);

        let canonical_request = canonical::Request {
            method: request.method().as_str(),
            path: &url[path_at..path_ends],
            query: &url[query_at..],
            host: &place.host,
            headers: request.headers(),
            signed_headers: &signed_headers,
        };
        let signature = key.sign(&date, &canonical_request.sha256());
        url.push_str("&X-Amz-Signature=");
        hex_into(&mut url, &signature);
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned())));
        Ok(Presigned { headers: headers.collect(), url, host: place.host })
    }

    /// A signed POST policy that ends at `at + ttl`.
    ///
    /// # Errors
    /// Names the field that the endpoint cannot serve.
    pub fn presign_form(
        &self,
        form: &Form,
        target: &Target,
        at: Timestamp,
        ttl: Ttl,
    ) -> Result<PresignedForm, Refused> {
        let place = endpoint::resolve(&form.bucket, None, form.addressing, target)?;
        let key = self.keys.of(&self.credentials, at, place.region);
        let token = self.credentials.session_token.as_ref();
        post::presign(form, &place, &key, token, at, ttl)
    }

    /// Room for the whole URL, so that its buffer never grows: growing would leave copies of the token behind.
    fn capacity(&self, request: &Request, host: &str, encoded_headers: &str) -> usize {
        let key = request.key().map_or(0, |key| encode::longest(key.as_str()));
        let query: usize = request.query().iter().map(|(n, v)| encode::longest(n) + encode::longest(v) + 2).sum();
        let token = self.token.as_ref().map_or(0, |token| token.len());
        let bucket = encode::longest(request.bucket().as_str());
        host.len() + bucket + key + query + token + encoded_headers.len() + FIXED_PARTS
    }
}

fn hex_into(out: &mut String, bytes: &[u8; 32]) {
    let mut text = [0; SIGNATURE_CHARACTERS];
    hex::encode_to_slice(bytes, &mut text).expect("two characters for each byte");
    out.push_str(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"));
}

/// The only algorithm that presignd signs with.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SIGNATURE_CHARACTERS: usize = 64;
/// More than scheme, base path, credential scope, names of parameters, tag and signature ever take.
const FIXED_PARTS: usize = 1024;

#[cfg(test)]
mod tests;
