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
        ("&X-Amz-Date", "&amp;X-Amz-Date", "HTML_ESCAPED"),
        ("s3.eu-central-1.", "s3.eu-west-1.", "REGION_DIFFERS"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=3600&X-Amz-Expires=60", "PARAMETER_REPEATED"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "SIGV4A"),
        ("&X-Amz-Signature=", "&Signature=", "SIGNATURE_MISSING"),
        ("aeeed9bb", "", "SIGNATURE_DAMAGED"),
        ("aeeed9bb", "AEEED9BB", "SIGNATURE_DAMAGED"),
    ];
    for (from, to, reason) in table {
        let changed = url().replace(from, to);
        assert!(reasons(&changed, "20261122T123000Z").contains(&reason), "{changed}");
    }
}

#[test]
fn a_sound_url_has_no_finding_but_what_everybody_should_know() {
    assert_eq!(reasons(&url(), "20261122T123000Z"), ["SESSION_MAY_END_SOONER", "HEADERS_REQUIRED"]);
}

/// However it was copied: shouted, escaped for a web page, with a customer's key among the parameters, or with a password.
#[test]
fn no_secret_is_shown_however_the_url_is_written() {
    let customer = url().replace("versionId=7", "x-amz-server-side-encryption-customer-key=topsecret");
    let password = url().replace("https://", "https://me:topsecret@");
    let shouted = url().replace("X-Amz-S", "X-AMZ-S");
    let encoded = url().replace("X-Amz-Sec", "X%2dAmz-Sec").replace("X-Amz-Sig", "%58-Amz-Sig");
    for text in [url().replace('&', "&amp;"), customer, password, shouted, encoded] {
        let shown =
            format!("{:?} {:?}", explain(&text, at("20261122T123000Z")), locate(&text).map(|found| found.signed_at));
        assert!(!shown.contains(SIGNATURE) && !shown.contains("secret"), "{shown}");
    }
}

#[test]
fn bucket_and_key_are_read_from_every_form_of_host() {
    for (host, path, wanted) in [
        ("photos.s3.eu-west-1.amazonaws.com", "/a/b", ("photos", "a/b")),
        ("PHOTOS.S3.EU-WEST-1.AMAZONAWS.COM", "/a", ("photos", "a")),
        ("my.photos.s3.dualstack.eu-west-1.amazonaws.com:443", "/a", ("my.photos", "a")),
        ("s3.eu-west-1.amazonaws.com", "/photos/a/b", ("photos", "a/b")),
        ("s3-fips.dualstack.us-gov-west-1.amazonaws.com", "/photos", ("photos", "")),
        ("photos.s3-accelerate.amazonaws.com", "/a", ("photos", "a")),
        ("photos.s3.cn-north-1.amazonaws.com.cn", "//a", ("photos", "/a")),
        ("photos.s3.us-isob-east-1.sc2s.sgov.gov", "/a", ("photos", "a")),
        ("logs-123456789012.s3-accesspoint.eu-west-1.amazonaws.com", "/a", ("logs-123456789012", "a")),
        ("logs--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "/a", ("logs--use1-az4--x-s3", "a")),
        ("bucket.vpce-1a2b-3c.s3.us-east-1.vpce.amazonaws.com", "/photos/a", ("photos", "a")),
        ("photos.bucket.vpce-1a2b-3c.s3.us-east-1.vpce.amazonaws.com", "/a", ("photos", "a")),
        ("vpce-1a2b-3c.s3.us-east-1.vpce.amazonaws.com", "/photos/a", ("photos", "a")),
        ("vpce-s.s3.us-east-1.amazonaws.com", "/a/b", ("vpce-s", "a/b")),
        ("my.vpce-s.s3.us-east-1.amazonaws.com", "/a", ("my.vpce-s", "a")),
        ("minio.example:9000", "/photos/a", ("photos", "a")),
        ("s3.example", "/", ("", "")),
    ] {
        let explained =
            explain(&format!("https://{host}{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256"), Timestamp::EPOCH).unwrap();
        assert_eq!((explained.bucket.as_str(), explained.key.as_str()), wanted, "{host}{path}");
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
fn a_url_of_sigv2_is_told_to_be_somebody_elses_and_of_two_urls_none_is_chosen() {
    let v2 =
        "https://photos.s3.amazonaws.com/cat.jpg?AWSAccessKeyId=AKIAEXAMPLE&Expires=1795435200&Signature=secret%3D";
    let refused = |text: &str| locate(text).unwrap_err().problem;
    for text in [v2.to_owned(), format!("<{v2}>"), format!("x \"GET /cat.jpg?{} HTTP/1.1\"", &v2[40..])] {
        assert!(refused(&text).contains("SigV2") && refused(&text).contains("another program"), "{text}");
    }
    let two = format!("{} {}", url(), url().replace("aeee", "beee"));
    assert!(refused(&two).contains("2 presigned URLs"), "{two}");
}

#[test]
fn what_stands_around_a_url_changes_nothing_and_the_referrer_of_a_log_line_is_not_taken_for_it() {
    let want = locate(&url()).unwrap();
    for text in [format!("<{}>", url()), format!("look: {}.", url()), format!("\"{}\"", url())] {
        assert_eq!(locate(&text).unwrap(), want, "{text}");
        assert_eq!(explain(&text, at("20261122T123000Z")), explain(&url(), at("20261122T123000Z")));
    }
    let query = url();
    let query = query.split_once('?').unwrap().1.replace(SIGNATURE, "XXX");
    let other = url().replace("cat.jpg", "dog.jpg").replace("20261122T120000Z", "20261122T120001Z");
    let line =
        format!("x [22/Nov/2026:12:00:00 +0000] \"GET /photos/a%20b/cat.jpg?{query} HTTP/1.1\" 200 - \"{other}\"");
    assert_eq!(locate(&line).unwrap().signed_at, at("20261122T120000Z"));
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
    assert!(!from_line.is_damaged);
    let told = |text: &str| locate(text).map(|found| (found.fingerprint.is_some(), found.is_damaged)).unwrap();
    assert_eq!(told(&line.replace(SIGNATURE, "XXXX")), (false, true));
    assert_eq!(told(&url().replace(SIGNATURE, &SIGNATURE[..63])), (false, true));
    assert_eq!(told(&url().replace("&X-Amz-Signature=", "&other=")), (false, false));
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

#[test]
fn a_url_that_a_mail_has_broken_is_located_and_explained_as_the_whole_one() {
    let (whole, now) = (url(), at("20261122T123000Z"));
    let quoted = whole.replace('=', "=3D").replace("&X-Amz-Date", "=\r\n&X-Amz-Date");
    for broken in [whole.replace("amazonaws", "amazon\n   aws"), quoted] {
        assert_eq!(locate(&format!("Look: <{broken}>.")).unwrap(), locate(&whole).unwrap(), "{broken}");
        assert_eq!(explain(&broken, now).unwrap(), explain(&whole, now).unwrap(), "{broken}");
    }
}
