//! The stand-ins themselves: an S3 that let a bad URL through would prove nothing.

mod support;

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use support::http::send;
use support::keys::{Key, Keys};
use support::s3::S3;
use support::sts::{Sts, Turn};

#[tokio::test]
async fn s3_takes_what_the_aws_crate_presigns_and_nothing_that_was_altered() {
    let keys = Keys::default();
    let s3 = S3::start(keys.clone()).await;
    s3.store().put("photos", "a b/ü+1.txt", "hello");
    let url = presign(&keys.user("web"), &format!("{}/photos/a%20b/%C3%BC%2B1.txt", s3.endpoint()), "us-east-1");
    let good = s3.fetch("GET", &url, [], "").await;
    assert_eq!((good.status, good.text().as_str()), (200, "hello"));
    for (what, altered) in [("path", url.replace("/photos/a", "/photos/b")), ("query", format!("{url}&versionId=2"))] {
        let bad = s3.fetch("GET", &altered, [], "").await;
        assert_eq!((bad.status, bad.code().as_str()), (403, "SignatureDoesNotMatch"), "{what}");
    }
    let bad = s3.fetch("DELETE", &url, [], "").await;
    assert_eq!(bad.code(), "SignatureDoesNotMatch");
    let bad = s3.fetch("GET", &url, [("x-amz-acl", "private")], "").await;
    assert_eq!((bad.status, bad.code().as_str()), (403, "AccessDenied"));
}

#[tokio::test]
async fn s3_knows_virtual_hosts_regions_and_inactive_keys() {
    let keys = Keys::default();
    let s3 = S3::start(keys.clone()).await;
    s3.place("photos", "eu-west-1");
    s3.store().put("photos", "cat.jpg", "meow");
    let user = keys.user("web");
    let at = "https://photos.s3.eu-west-1.amazonaws.com/cat.jpg";
    let right = s3.fetch("GET", &presign(&user, at, "eu-west-1"), [], "").await;
    assert_eq!(right.text(), "meow");
    let wrong = s3.fetch("GET", &presign(&user, at, "us-east-1"), [], "").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "AuthorizationQueryParametersError"));
    let head = s3.fetch("HEAD", "https://photos.s3.amazonaws.com/", [], "").await;
    assert_eq!(head.headers["x-amz-bucket-region"], "eu-west-1");
    keys.deactivate(&user.access_key_id);
    let dead = s3.fetch("GET", &presign(&user, at, "eu-west-1"), [], "").await;
    assert_eq!((dead.status, dead.code().as_str()), (403, "InvalidAccessKeyId"));
}

#[tokio::test]
async fn a_session_of_the_sts_signs_until_its_end_and_only_with_its_token() {
    let keys = Keys::default();
    let s3 = S3::start(keys.clone()).await;
    s3.store().put("photos", "cat.jpg", "meow");
    let at = format!("{}/photos/cat.jpg", s3.endpoint());
    let session = keys.session("arn".into(), "id".into(), support::now() + 3600);
    assert_eq!(s3.fetch("GET", &presign(&session, &at, "us-east-1"), [], "").await.status, 200);
    let stripped = Key { token: None, ..session.clone() };
    assert_eq!(s3.fetch("GET", &presign(&stripped, &at, "us-east-1"), [], "").await.code(), "InvalidAccessKeyId");
    let foreign = Key { token: Some("FwoG".into()), ..session };
    assert_eq!(s3.fetch("GET", &presign(&foreign, &at, "us-east-1"), [], "").await.code(), "InvalidToken");
    let ended = keys.session("arn".into(), "id".into(), support::now() - 1);
    let dead = s3.fetch("GET", &presign(&ended, &at, "us-east-1"), [], "").await;
    assert_eq!((dead.status, dead.code().as_str()), (400, "ExpiredToken"));
}

#[tokio::test]
async fn a_deny_of_one_session_ends_it_in_that_bucket_alone_and_a_deleted_key_is_unknown() {
    let keys = Keys::default();
    let s3 = S3::start(keys.clone()).await;
    let user = keys.user("web");
    let [one, other] = ["one", "other"].map(|arn| keys.session(arn.into(), "id".into(), support::now() + 3600));
    let places = [(&one, "photos"), (&one, "films"), (&other, "photos"), (&user, "photos")];
    let codes = async || {
        let mut codes = Vec::new();
        for (key, bucket) in places {
            s3.store().put(bucket, "cat.jpg", "meow");
            let url = presign(key, &format!("{}/{bucket}/cat.jpg", s3.endpoint()), "us-east-1");
            codes.push(s3.fetch("GET", &url, [], "").await.code());
        }
        codes
    };
    assert_eq!(codes().await, ["", "", "", ""]);
    s3.deny("photos", "one");
    keys.delete(&user.access_key_id);
    assert_eq!(codes().await, ["AccessDenied", "", "", "InvalidAccessKeyId"]);
    assert!(keys.secrets().contains(&user.secret), "what was given out must still be found nowhere");
}

#[tokio::test]
async fn the_sts_keeps_the_rules_on_durations_and_plays_its_script() {
    let keys = Keys::default();
    let user = keys.user("web");
    let sts = Sts::start(keys.clone()).await;
    let role = "Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/team/web&RoleSessionName=me&DurationSeconds=";
    let call = async |key: &Key, seconds: u32| {
        let authorization = format!("AWS4-HMAC-SHA256 Credential={}/x", key.access_key_id);
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(key.token.as_deref().map(|token| ("x-amz-security-token", token)));
        let address = sts.endpoint().trim_start_matches("http://").parse().unwrap();
        send(address, "POST", &sts.endpoint(), headers, format!("{role}{seconds}")).await
    };
    let good = call(&user, 7200).await;
    assert!(good.text().contains("assumed-role/web/me"), "{}", good.text());
    assert_eq!(call(&user, 899).await.code(), "ValidationError");
    let session = keys.sessions().pop().unwrap();
    assert!(call(&session, 7200).await.message().contains("role chaining"));
    sts.script([Turn::Fail(503, "ServiceUnavailable")]);
    assert_eq!(call(&user, 900).await.status, 503);
    sts.sessions_last(Some(Duration::from_secs(5)));
    assert_eq!(call(&user, 900).await.status, 200);
    assert_eq!(sts.count("AssumeRole"), 5);
}

/// As another program would sign: for one hour, with the crate of AWS.
#[expect(clippy::disallowed_methods, reason = "s3s checks expiry by the system clock")]
fn presign(key: &Key, url: &str, region: &str) -> String {
    let token = key.token.clone();
    let identity = aws_credential_types::Credentials::new(&key.access_key_id, &key.secret, token, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(3600));
    settings.percent_encoding_mode = aws_sigv4::http_request::PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = aws_sigv4::http_request::UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = aws_sigv4::http_request::PayloadChecksumKind::NoHeader;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .expect("all parameters are given");
    let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::UnsignedPayload).expect("a URL");
    let (instructions, _) = sign(request, &parameters.into()).expect("a request that can be signed").into_parts();
    let mut request = hyper::Request::builder().uri(url).body(()).expect("a URL");
    instructions.apply_to_request_http1x(&mut request);
    request.uri().to_string()
}
