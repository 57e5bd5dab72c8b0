//! The POST policy: conditions, their JSON, and the signature over its base64 (SEMANTICS.md 3.9).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::endpoint::Place;
use super::keys::SigningKey;
use super::{ALGORITHM, hex_into};
use crate::issued::Fingerprint;
use crate::s3::form::{Form, Target};
use crate::s3::{Bucket, Refused};
use crate::time::{Timestamp, Ttl};

/// A signed form. A secret: no `Debug`.
pub struct PresignedForm {
    /// The form's action.
    pub url: String,
    /// Its fields, `file` excepted, which comes after all of them.
    pub fields: Vec<(String, Zeroizing<String>)>,
    /// The host that was signed for.
    pub host: String,
    /// Recognises the form later.
    pub fingerprint: Fingerprint,
}

pub(super) fn presign(
    form: &Form,
    place: &Place<'_>,
    key: &SigningKey,
    token: Option<&Zeroizing<String>>,
    at: Timestamp,
    ttl: Ttl,
) -> Result<PresignedForm, Refused> {
    let Bucket::Name(bucket) = &form.bucket else {
        return Err(Refused::new("bucket", "is an access point; forms are signed for buckets and aliases only"));
    };
    let (target, target_condition) = match &form.target {
        // S3 fills the name in before it compares, so what comes before it is all that can be asked of the key.
        Target::Key(target) => match target.as_str().split_once(FILE_NAME) {
            Some((before, "")) => (target.as_str().to_owned(), json!(["starts-with", "$key", before])),
            Some(_) => {
                let problem = "must end with ${filename}: S3 cannot be told to insist on what follows it";
                return Err(Refused::new("key", problem));
            }
            None => (target.as_str().to_owned(), json!({ "key": target.as_str() })),
        },
        Target::StartsWith(prefix) => {
            (format!("{}{FILE_NAME}", prefix.as_str()), json!(["starts-with", "$key", prefix.as_str()]))
        }
    };
    let date = at.amz_date();
    let mut fields: Vec<(String, Zeroizing<String>)> = Vec::new();
    let mut conditions: Vec<Value> = vec![json!({ "bucket": bucket.as_str() }), target_condition];
    for (name, value) in &form.fields {
        fields.push((name.clone(), Zeroizing::new(value.clone())));
        // S3 looks at no such field, and so at no condition on one.
        if !name.to_ascii_lowercase().starts_with("x-ignore-") {
            conditions.push(json!({ name.as_str(): value }));
        }
    }
    for (name, prefix) in &form.starts_with {
        conditions.push(json!(["starts-with", format!("${name}"), prefix]));
    }
    if let Some((least, greatest)) = form.content_length_range {
        conditions.push(json!(["content-length-range", least, greatest]));
    }
    let credential = key.plain_credential.as_str();
    let token = token.map(|token| ("x-amz-security-token", token.as_str()));
    let signing = [("x-amz-algorithm", ALGORITHM), ("x-amz-credential", credential), ("x-amz-date", &date)];
    fields.push(("key".to_owned(), Zeroizing::new(target)));
    for (name, value) in signing.into_iter().chain(token) {
        fields.push((name.to_owned(), Zeroizing::new(value.to_owned())));
        conditions.push(json!({ name: value }));
    }
    let expiration = (at + ttl).to_string();
    let document = Zeroizing::new(json!({ "expiration": expiration, "conditions": conditions }).to_string());
    let policy = Zeroizing::new(STANDARD.encode(document.as_bytes()));
    let mut signature = Zeroizing::new(String::with_capacity(64));
    hex_into(&mut signature, &key.sign_policy(&policy));
    let fingerprint = Fingerprint::of(&signature);
    fields.push(("policy".to_owned(), policy));
    fields.push(("x-amz-signature".to_owned(), signature));
    if fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_BYTES {
        return Err(Refused::new("fields", "make a form of more than the 20,000 bytes that S3 takes beside the file"));
    }
    let path = place.bucket_in_path.map_or("/".to_owned(), |bucket| format!("/{bucket}"));
    let url = format!("{}://{}{}{path}", place.scheme, place.host, place.base);
    Ok(PresignedForm { url, fields, host: place.host.clone(), fingerprint })
}

/// What S3 replaces by the name of the file that the user picked.
const FILE_NAME: &str = "${filename}";
/// What a form may weigh beside its file (SEMANTICS.md 3.9).
const MAX_BYTES: usize = 20_000;
