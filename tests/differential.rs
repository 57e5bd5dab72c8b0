//! What presignd signs, held against others who sign: the aws-sigv4 crate in this process, and botocore in another.
//!
//! The cases are random, but the same at every run: a failure names its case.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what cannot be unwrapped has failed")]

#[expect(unreachable_pub, reason = "modules of a test crate")]
mod differential {
    pub mod botocore;
    pub mod cases;
}

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use differential::botocore::{self, Answer};
use differential::cases::{self, Case, Kind};
use percent_encoding::percent_decode_str;
use presignd::s3::request::Request;
use serde_json::{Value, json};

#[test]
fn every_signature_is_that_of_the_aws_sigv4_crate() {
    for case in cases::requests(4000, 1) {
        let Kind::Request(request) = &case.kind else { unreachable!("no forms were asked for") };
        let presigned = case.sign_request(request);
        let (signed, signature) = presigned.url.rsplit_once("&X-Amz-Signature=").unwrap();
        assert_eq!(signature, aws_sigv4_signature(&case, request, signed, &presigned.host), "{case}");
    }
}

/// What the crate makes of the same request: the URL without what presignd added, signed anew.
fn aws_sigv4_signature(case: &Case, request: &Request, signed: &str, host: &str) -> String {
    let (address, query) = signed.split_once('?').unwrap();
    let own = ["Algorithm", "Credential", "Date", "Expires", "Security-Token", "SignedHeaders"];
    let given: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            !own.iter().any(|own| pair.strip_prefix("X-Amz-").is_some_and(|pair| pair.starts_with(&format!("{own}="))))
        })
        .collect();
    let url = if given.is_empty() { address.to_owned() } else { format!("{address}?{}", given.join("&")) };
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(u64::from(case.ttl.seconds())));
    let token = case.token.clone();
    let credentials =
        aws_credential_types::Credentials::new(cases::ACCESS_KEY_ID, cases::SECRET, token, None, "test").into();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(case.at.unix()).unwrap());
    let params = v4::SigningParams::builder()
        .identity(&credentials)
        .region(case.target.region.as_str())
        .name("s3")
        .time(at)
        .settings(settings)
        .build()
        .unwrap();
    let headers = request.headers().iter().chain([("host", host)]);
    let signable =
        SignableRequest::new(request.method().as_str(), url, headers, SignableBody::UnsignedPayload).unwrap();
    sign(signable, &params.into()).unwrap().signature().to_owned()
}

/// The URL's parameters by name, decoded.
fn parameters(url: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let query = url.split_once('?').unwrap().1;
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

#[test]
#[ignore = "needs PRESIGND_TEST_PYTHON; scripts/test sets it"]
fn every_parameter_is_that_of_botocores_query_signer() {
    let cases = cases::requests(2000, 2);
    let asked = cases.iter().map(|case| {
        let Kind::Request(request) = &case.kind else { unreachable!("no forms were asked for") };
        let presigned = case.sign_request(request);
        let (scheme, rest) = presigned.url.split_once("://").unwrap();
        let path = &rest[presigned.host.len()..rest.find('?').unwrap()];
        json!({
            "kind": "sign",
            "method": request.method().as_str(),
            "scheme": scheme,
            "host": presigned.host,
            // The oracle encodes it again by itself.
            "path": percent_decode_str(path).decode_utf8().unwrap(),
            "query": request.query(),
            "headers": request.headers().iter().collect::<Vec<_>>(),
            "region": case.target.region.as_str(),
            "at": case.at.amz_date(),
            "expires": case.ttl.seconds(),
            "token": case.token,
        })
    });
    for (case, answer) in cases.iter().zip(botocore::ask(asked)) {
        let Kind::Request(request) = &case.kind else { unreachable!("no forms were asked for") };
        same_url(case, &case.sign_request(request).url, &answer);
    }
}

#[test]
#[ignore = "needs PRESIGND_TEST_PYTHON; scripts/test sets it"]
fn every_address_is_that_of_botocores_endpoint_rules() {
    let cases = cases::addresses(700, 3);
    let asked = cases.iter().map(|case| {
        let Kind::Request(request) = &case.kind else { unreachable!("no forms were asked for") };
        let mut asked = case.addressing_for_botocore(request.addressing());
        asked["kind"] = json!("address");
        asked["operation"] = json!(request.operation().as_str());
        asked["bucket"] = json!(request.bucket().as_str());
        asked["key"] = json!(request.key().map(|key| key.as_str()));
        asked["query"] = json!(request.query());
        asked["headers"] = json!(request.headers().iter().collect::<Vec<_>>());
        asked
    });
    for (case, answer) in cases.iter().zip(botocore::ask(asked)) {
        let Kind::Request(request) = &case.kind else { unreachable!("no forms were asked for") };
        same_url(case, &case.sign_request(request).url, &answer);
    }
}

fn same_url(case: &Case, ours: &str, answer: &Answer) {
    let theirs = answer["url"].as_str().unwrap_or_else(|| panic!("botocore refuses {case}: {answer}"));
    // botocore leaves the scheme's own port in the URL, though not in the host it signs.
    let own_port = if theirs.starts_with("https:") { ":443/" } else { ":80/" };
    let address = theirs.split_once('?').unwrap().0.replacen(own_port, "/", 1);
    assert_eq!(ours.split_once('?').unwrap().0, address, "{case}");
    assert_eq!(parameters(ours), parameters(theirs), "{case}");
}

#[test]
#[ignore = "needs PRESIGND_TEST_PYTHON; scripts/test sets it"]
fn every_form_is_that_of_botocores_post_signer() {
    let cases = cases::forms(300, 4);
    let asked = cases.iter().map(|case| {
        let Kind::Form(form) = &case.kind else { unreachable!("only forms were asked for") };
        let mut asked = case.addressing_for_botocore(form.addressing);
        let signed = case.sign_form(form);
        let conditions = form.fields.iter().map(|(name, value)| json!({ name.as_str(): value }));
        let beginnings = form.starts_with.iter().map(|(name, text)| json!(["starts-with", format!("${name}"), text]));
        let range = form.content_length_range.map(|(least, most)| json!(["content-length-range", least, most]));
        asked["kind"] = json!("post");
        asked["bucket"] = json!(form.bucket.as_str());
        asked["key"] = json!(cases::form_key(form));
        asked["fields"] = json!(form.fields);
        asked["conditions"] = conditions.chain(beginnings).chain(range).collect();
        // The order of a policy is free, so botocore signs ours as well.
        asked["policy"] = json!(field(&signed, "policy"));
        asked
    });
    for (case, answer) in cases.iter().zip(botocore::ask(asked)) {
        let Kind::Form(form) = &case.kind else { unreachable!("only forms were asked for") };
        let signed = case.sign_form(form);
        assert_eq!(answer["signature_of_policy"], json!(field(&signed, "x-amz-signature")), "{case}");
        assert_eq!(answer["url"].as_str().map(|url| url.trim_end_matches('/')), Some(signed.url.trim_end_matches('/')));
        let policy = botocore::policy(field(&signed, "policy"));
        assert_eq!(policy["expiration"], answer["policy"]["expiration"], "{case}");
        assert_eq!(sorted(&policy["conditions"]), sorted(&answer["policy"]["conditions"]), "{case}");
        let ours: BTreeMap<&str, &str> =
            signed.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for (name, value) in answer["fields"].as_object().unwrap() {
            let differs = matches!(name.as_str(), "policy" | "x-amz-signature");
            assert!(differs || ours.get(name.as_str()).copied() == value.as_str(), "{name} of {case}");
        }
        assert_eq!(ours.len(), answer["fields"].as_object().unwrap().len(), "{case}");
    }
}

fn field<'a>(form: &'a presignd::signer::PresignedForm, name: &str) -> &'a str {
    form.fields.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str()).unwrap()
}

fn sorted(conditions: &Value) -> Vec<String> {
    let mut texts: Vec<String> = conditions.as_array().unwrap().iter().map(Value::to_string).collect();
    texts.sort();
    texts
}
