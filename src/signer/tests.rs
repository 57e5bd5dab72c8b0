//! Properties of the signer that no vector shows.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::s3::operation::Method;
use crate::s3::request::Headers;
use crate::s3::{Addressing, Bucket, ObjectKey};

fn signer(token: Option<&str>) -> Signer {
    Signer::new(Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: Zeroizing::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
        session_token: token.map(|token| Zeroizing::new(token.to_owned())),
    })
}

fn get(key: &str, query: &[(&str, &str)]) -> Request {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (bucket, key) = (Bucket::parse("photos").unwrap(), ObjectKey::parse(key).unwrap());
    Request::new(Method::Get, bucket, Some(key), query, Headers::default(), Addressing::default()).unwrap()
}

fn target(region: &str) -> Target {
    Target {
        region: Region::parse(region).unwrap(),
        endpoint: endpoint::Endpoint::Aws,
        addressing: Addressing::default(),
    }
}

fn names(url: &str) -> Vec<&str> {
    let query = url.split_once('?').unwrap().1;
    query.split('&').map(|pair| pair.split_once('=').unwrap().0).collect()
}

const AT: Timestamp = Timestamp::EPOCH;

#[test]
fn parameters_stand_in_the_order_of_the_canonical_query() {
    let query = [("é", "1"), ("~", "2"), ("A", "3"), ("X-Amz-Meta-a", "4"), ("response-expires", "5")];
    let url = signer(Some("t/+=")).presign(&get("k", &query), &target("eu-west-1"), AT, Ttl::MIN, Some("i-1")).unwrap();
    let names = names(&url.url);
    let (signature, rest) = names.split_last().unwrap();
    assert_eq!(*signature, "X-Amz-Signature");
    assert!(rest.is_sorted(), "{rest:?}");
    assert_eq!(rest.len(), 6 + 5 + 1);
}

#[test]
fn a_tag_changes_the_signature_and_is_in_the_url() {
    let signer = signer(None);
    let sign = |tag| signer.presign(&get("k", &[]), &target("eu-west-1"), AT, Ttl::MIN, tag).unwrap();
    let (plain, one, two) = (sign(None), sign(Some("abcdefgh-1")), sign(Some("abcdefgh-2")));
    assert!(one.url.contains("&x-presignd-id=abcdefgh-1&"));
    assert!(!plain.url.contains("x-presignd-id"));
    assert_ne!(one.fingerprint(), two.fingerprint());
    assert_ne!(one.fingerprint(), plain.fingerprint());
}

#[test]
fn signing_twice_gives_the_same_bytes() {
    let (one, two) = (signer(Some("token")), signer(Some("token")));
    let url = |signer: &Signer| signer.presign(&get("k", &[]), &target("eu-west-1"), AT, Ttl::MAX, None).unwrap().url;
    assert_eq!(url(&one), url(&two));
    assert_eq!(url(&one), url(&one));
}

#[test]
fn a_scope_is_derived_once_for_its_day_and_region() {
    let signer = signer(None);
    let region = Region::parse("eu-west-1").unwrap();
    let scope = |at| signer.keys.of(&signer.credentials, at, &region);
    let morning = scope(AT);
    assert!(Arc::ptr_eq(&morning, &scope(AT + Duration::from_secs(86_399))));
    assert!(!Arc::ptr_eq(&morning, &scope(AT + Duration::from_secs(86_400))));
    assert!(Arc::ptr_eq(&morning, &scope(AT)));
}

#[test]
fn signing_keys_are_bounded_and_the_one_in_use_stays() {
    let signer = signer(None);
    let key = |region: &str| signer.keys.of(&signer.credentials, AT, &Region::parse(region).unwrap());
    let (used, unused) = (key("eu-west-1"), key("eu-west-2"));
    for number in 0..200 {
        key(&format!("r-{number}"));
        assert!(Arc::ptr_eq(&used, &key("eu-west-1")), "it was used a moment ago");
    }
    assert_eq!(signer.keys.len(), 17);
    assert!(!Arc::ptr_eq(&unused, &key("eu-west-2")), "the other had to go");
}

#[test]
fn the_buffer_is_never_outgrown() {
    let key = "\u{10ffff}".repeat(256);
    let query = [("é".repeat(128), "\u{10ffff}".repeat(1024))];
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let token = "/".repeat(4096);
    let request = get(&key, &query);
    let longest = Timestamp::from_unix(i64::MAX);
    let (signer, tag) = (signer(Some(&token)), "/".repeat(64));
    let url = signer.presign(&request, &target("eu-west-1"), longest, Ttl::MAX, Some(&tag)).unwrap();
    // A buffer that had to grow would have left a copy of the token behind.
    assert!(url.url.len() > 3 * (1024 + 256 + 4096 + 4096));
    assert!(url.url.len() <= signer.capacity(&request, &url.host, "host"));
}

fn vector_key(date: &str) -> Arc<keys::SigningKey> {
    let (signer, at) = (signer(None), Timestamp::parse_amz_date(date).unwrap());
    signer.keys.of(&signer.credentials, at, &Region::parse("us-east-1").unwrap())
}

/// From the hash of AWS's canonical requests to AWS's signatures.
#[test]
fn strings_to_sign_get_the_signatures_that_aws_has_published() {
    let key = vector_key("20130524T000000Z");
    macro_rules! vectors {
        ($($folder:literal)*) => {
            [$((
                include_str!(concat!("../../tests/vectors/", $folder, "/canonical-request.sha256")),
                include_str!(concat!("../../tests/vectors/", $folder, "/signature")),
            ),)*]
        };
    }
    for (hash, signature) in vectors!("presigned-get" "get-object" "put-object" "get-bucket-lifecycle" "list-objects") {
        let hash: [u8; 32] = hex::decode(hash).unwrap().try_into().unwrap();
        assert_eq!(hex::encode(key.sign("20130524T000000Z", &hash)), signature);
    }
}

#[test]
fn a_policy_gets_the_signature_that_aws_has_published() {
    let key = vector_key("20151229T000000Z");
    let policy = include_str!("../../tests/vectors/post-policy/policy.base64");
    assert_eq!(hex::encode(key.sign_policy(policy)), include_str!("../../tests/vectors/post-policy/signature"));
}

mod form {
    use std::collections::BTreeSet;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use super::*;
    use crate::s3::KeyPrefix;
    use crate::s3::form::{Form, Target as Keys};

    fn form(keys: Keys) -> Result<Form, Refused> {
        let fields =
            vec![("Content-Type".to_owned(), "image/png".to_owned()), ("x-ignore-a".to_owned(), "1".to_owned())];
        let starts_with = vec![("x-amz-meta-tag".to_owned(), "t".to_owned())];
        let (bucket, range) = (Bucket::parse("photos").unwrap(), Some((1, 9)));
        Form::new(bucket, keys, fields, starts_with, range, Addressing::default())
    }

    fn sign(keys: Keys) -> Result<(PresignedForm, Value), Refused> {
        let form = signer(Some("token")).presign_form(&form(keys)?, &target("eu-west-1"), AT, Ttl::DEFAULT)?;
        let policy = &form.fields.iter().find(|(name, _)| name == "policy").unwrap().1;
        let policy = serde_json::from_slice(&STANDARD.decode(policy.as_bytes()).unwrap()).unwrap();
        Ok((form, policy))
    }

    #[test]
    fn every_field_stands_under_a_condition() {
        let (form, policy) = sign(Keys::StartsWith(KeyPrefix::parse("up/").unwrap())).unwrap();
        let conditions = policy["conditions"].as_array().unwrap();
        let covered: BTreeSet<String> = conditions
            .iter()
            .map(|condition| match condition {
                Value::Object(exact) => exact.keys().next().unwrap().clone(),
                other => other[1].as_str().unwrap_or_default().trim_start_matches('$').to_owned(),
            })
            .collect();
        for (name, value) in &form.fields {
            let free = matches!(name.as_str(), "policy" | "x-amz-signature") || name.starts_with("x-ignore-");
            let exact = serde_json::json!({ name.as_str(): value.as_str() });
            assert!(free || name == "key" || conditions.contains(&exact), "{name} is under no condition");
        }
        for name in ["bucket", "x-amz-meta-tag"] {
            assert!(covered.contains(name));
        }
        assert!(conditions.contains(&serde_json::json!(["content-length-range", 1, 9])));
        assert!(conditions.contains(&serde_json::json!(["starts-with", "$key", "up/"])));
        assert_eq!(policy["expiration"], "1970-01-01T01:00:00Z");
        assert_eq!(form.url, "https://photos.s3.eu-west-1.amazonaws.com/");
    }

    #[test]
    fn one_key_is_an_exact_condition_and_filename_only_ends_a_key() {
        let key = |text: &str| Keys::Key(ObjectKey::parse(text).unwrap());
        let has = |policy: &Value, wanted: Value| policy["conditions"].as_array().unwrap().contains(&wanted);
        assert!(has(&sign(key("a/b")).unwrap().1, serde_json::json!({"key": "a/b"})));
        assert!(has(&sign(key("a/${filename}")).unwrap().1, serde_json::json!(["starts-with", "$key", "a/"])));
        assert_eq!(sign(key("a/${filename}.jpg")).map(|_| ()).map_err(|refused| refused.field), Err("key".to_owned()));
    }
}
