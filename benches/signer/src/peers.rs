//! presignd's signer and those of others, each used as its documents say and with everything built once that can be.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use presignd::s3::operation::Operation;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, ObjectKey, Region};
use presignd::session::Credentials;
use presignd::signer::endpoint::Endpoint;
use presignd::signer::{Presigned, Signer, Target};
use presignd::time::{Timestamp, Ttl};
use rusty_s3::S3Action;

use crate::{ACCESS_KEY_ID, AT, BUCKET, EXPIRES_IN, REGION, SECRET, Sign, Work};

/// With the request made anew for each URL, as the daemon does.
pub fn presignd(work: &Work) -> Sign {
    let keys = work.keys.clone();
    let (signer, target) = house(work);
    // As the daemon's answer takes it.
    Box::new(move |number| std::mem::take(&mut *sign_one(&signer, &target, &keys[number]).url))
}

fn house(work: &Work) -> (Signer, Target) {
    let signer = Signer::new(Credentials {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET.to_owned().into(),
        session_token: work.token.clone().map(Into::into),
    });
    let region = Region::parse(REGION).unwrap();
    (signer, Target { region, endpoint: Endpoint::Aws, addressing: Addressing::default() })
}

fn sign_one(signer: &Signer, target: &Target, key: &str) -> Presigned {
    let (bucket, key) = (Bucket::parse(BUCKET).unwrap(), ObjectKey::parse(key).unwrap());
    let (query, headers, addressing) = (Vec::new(), Headers::new([]).unwrap(), Addressing::default());
    let request = Request::of_operation(Operation::GetObject, bucket, Some(key), query, headers, addressing).unwrap();
    let (at, ttl) = (Timestamp::from_unix(AT), Ttl::new(EXPIRES_IN.into()).unwrap());
    signer.presign(&request, target, at, ttl, None).unwrap()
}

pub fn others(work: &Work) -> Vec<(&'static str, Sign)> {
    vec![("rusty-s3", rusty_s3(work)), ("aws-sigv4", aws_sigv4(work)), ("aws-sdk-s3", aws_sdk_s3(work))]
}

fn rusty_s3(work: &Work) -> Sign {
    let keys = work.keys.clone();
    let credentials = match &work.token {
        Some(token) => rusty_s3::Credentials::new_with_token(ACCESS_KEY_ID, SECRET, token),
        None => rusty_s3::Credentials::new(ACCESS_KEY_ID, SECRET),
    };
    let host = format!("https://s3.{REGION}.amazonaws.com").parse().unwrap();
    let bucket = rusty_s3::Bucket::new(host, rusty_s3::UrlStyle::VirtualHost, BUCKET, REGION).unwrap();
    let at = jiff::Timestamp::from_second(AT).unwrap();
    let life = Duration::from_secs(EXPIRES_IN.into());
    Box::new(move |number| bucket.get_object(Some(&credentials), &keys[number]).sign_with_time(life, &at).into())
}

fn aws_sigv4(work: &Work) -> Sign {
    let keys = work.keys.clone();
    let identity =
        aws_credential_types::Credentials::new(ACCESS_KEY_ID, SECRET, work.token.clone(), None, "bench").into();
    Box::new(move |number| {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(EXPIRES_IN.into()));
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("s3")
            .time(at())
            .settings(settings)
            .build()
            .unwrap();
        let url = format!("https://{BUCKET}.s3.{REGION}.amazonaws.com/{}", keys[number]);
        let request = SignableRequest::new("GET", url.as_str(), std::iter::empty(), SignableBody::UnsignedPayload);
        let (instructions, _) = sign(request.unwrap(), &parameters.into()).unwrap().into_parts();
        let mut request = http::Request::builder().uri(url).body(()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        request.uri().to_string()
    })
}

fn aws_sdk_s3(work: &Work) -> Sign {
    use aws_sdk_s3::config::{BehaviorVersion, Config, Region};
    use aws_sdk_s3::presigning::PresigningConfig;

    let keys = work.keys.clone();
    let credentials = aws_credential_types::Credentials::new(ACCESS_KEY_ID, SECRET, work.token.clone(), None, "bench");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .build();
    let client = aws_sdk_s3::Client::from_conf(config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    Box::new(move |number| {
        let life = Duration::from_secs(EXPIRES_IN.into());
        let presigning = PresigningConfig::builder().start_time(at()).expires_in(life).build().unwrap();
        let presigned = client.get_object().bucket(BUCKET).key(&keys[number]).presigned(presigning);
        runtime.block_on(presigned).unwrap().uri().to_owned()
    })
}

fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(AT.unsigned_abs())
}
