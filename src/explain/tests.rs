//! What the explainer must get right.

use proptest::prelude::*;

use super::*;

const SIGNATURE: &str = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

fn url() -> String {
    format!(
        "https://photos.s3.eu-central-1.amazonaws.com/a%20b/cat.jpg?versionId=7&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=ASIAEXAMPLE%2F20261122%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20261122T120000Z\
         &X-Amz-Expires=3600&X-Amz-Security-Token=top%2Fsecret&X-Amz-SignedHeaders=host%3Bif-none-match\
         &X-Amz-Signature={SIGNATURE}"
    )
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_amz_date(text).unwrap()
}

fn reasons(url: &str, now: &str) -> Vec<&'static str> {
    explain(url, at(now)).unwrap().findings.iter().map(|finding| finding.reason).collect()
}

#[test]
fn a_url_is_taken_apart_without_its_secrets() {
    let explained = explain(&url(), at("20261122T123000Z")).unwrap();
    assert_eq!((explained.bucket.as_str(), explained.key.as_str()), ("photos", "a b/cat.jpg"));
    assert_eq!((explained.access_key_id.as_str(), explained.region.as_str()), ("ASIAEXAMPLE", "eu-central-1"));
    assert_eq!(explained.ends_at, Some(at("20261122T130000Z")));
    assert_eq!(explained.state, State::Usable);
    assert_eq!(explained.query, [("versionId".to_owned(), "7".to_owned())]);
    let shown = format!("{explained:?}");
    assert!(!shown.contains(SIGNATURE) && !shown.contains("secret"));
}

#[test]
fn the_end_is_the_first_second_that_is_over() {
    assert!(!reasons(&url(), "20261122T125959Z").contains(&"ENDED"));
    assert!(reasons(&url(), "20261122T130000Z").contains(&"ENDED"));
}

#[test]
fn what_s3_refuses_is_an_error() {
    let table = [
        ("X-Amz-Expires=3600", "X-Amz-Expires=604801", "EXPIRES_OUT_OF_RANGE"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=-1", "EXPIRES_OUT_OF_RANGE"),
        ("X-Amz-Date=20261122T120000Z", "X-Amz-Date=20261123T120000Z", "SCOPE_DATE_DIFFERS"),
        ("X-Amz-Date=20261122T120000Z", "X-Amz-Date=yesterday", "DATE_MALFORMED"),
        ("&X-Amz-Security-Token=top%2Fsecret", "", "TOKEN_MISSING"),
        ("host%3Bif-none-match", "if-none-match", "HOST_UNSIGNED"),
        ("X-Amz-Credential=ASIAEXAMPLE%2F20261122%2Feu-central-1%2Fs3%2Faws4_request&", "", "PARAMETER_MISSING"),
        ("a%20b/cat.jpg", "a/../cat.jpg", "KEY_UNUSABLE_IN_BROWSERS"),
    ];
    for (from, to, reason) in table {
        let changed = url().replace(from, to);
        assert!(reasons(&changed, "20261122T123000Z").contains(&reason), "{changed}");
    }
}

#[test]
fn sigv2_is_recognised() {
    let url = "https://s3.amazonaws.com/photos/cat.jpg?AWSAccessKeyId=AKIAEXAMPLE&Expires=1795348800&Signature=x";
    let explained = explain(url, at("20261122T120000Z")).unwrap();
    assert_eq!((explained.algorithm.as_str(), explained.bucket.as_str()), ("AWS", "photos"));
    assert!(explained.findings.iter().any(|finding| finding.reason == "SIGV2"));
}

#[test]
fn a_log_line_leads_to_the_same_place_as_the_url() {
    let target = url().split_once(".com").unwrap().1.to_owned();
    let line = format!(
        "79a5 photos [22/Nov/2026:12:00:01 +0000] 192.0.2.3 79a5 3E57 REST.GET.OBJECT a+b/cat.jpg \
         \"GET {target} HTTP/1.1\" 200 - 2662992 3462992 70 10 \"-\" \"curl/7.15.1\" -"
    );
    let (from_line, from_url) = (locate(&line).unwrap(), locate(&url()).unwrap());
    assert_eq!(from_line.fingerprint, from_url.fingerprint);
    assert_eq!((from_line.access_key_id, from_line.signed_at), (from_url.access_key_id, from_url.signed_at));
    assert!(locate(&line.replace(SIGNATURE, "XXXX")).unwrap().fingerprint.is_none());
}

proptest! {
    #[test]
    fn nothing_that_can_be_written_makes_it_panic(text in "(https://)?\\PC{0,200}", query in "[A-Za-z0-9&=%/.-]{0,200}") {
        let _ = explain(&text, Timestamp::EPOCH);
        let _ = explain(&format!("https://h/{text}?X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}"), Timestamp::EPOCH);
        let _ = locate(&text);
        let _ = locate(&format!("x \"GET /{query}?{query}\" y"));
    }
}
