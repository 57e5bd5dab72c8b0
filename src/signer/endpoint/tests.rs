//! The table of SEMANTICS.md 3.6, row by row; `tests/differential.rs` asks botocore about the same.

use super::*;

/// Scheme, host and path, or the field that is refused.
fn place(bucket: &str, key: &str, addressing: Addressing, region: &str, endpoint: &Endpoint) -> String {
    let key = (!key.is_empty()).then(|| ObjectKey::parse(key).unwrap());
    let target = Target {
        region: Region::parse(region).unwrap(),
        endpoint: endpoint.clone(),
        addressing: Addressing::default(),
    };
    match resolve(&Bucket::parse(bucket).unwrap(), key.as_ref(), addressing, &target) {
        Ok(place) => {
            let bucket = place.bucket_in_path.map_or_else(String::new, |bucket| format!("/{bucket}"));
            format!("{}://{}{}{bucket}", place.scheme, place.host, place.base)
        }
        Err(refused) => format!("refused {}", refused.field),
    }
}

/// `d` dual-stack, `f` FIPS, `a` accelerate, `p` path, `v` virtual host.
fn addressing(marks: &str) -> Addressing {
    let has = |mark: char| marks.contains(mark);
    let style = match (has('p'), has('v')) {
        (true, _) => Style::Path,
        (_, true) => Style::VirtualHost,
        _ => Style::Auto,
    };
    Addressing { style, dual_stack: has('d'), fips: has('f'), accelerate: has('a') }
}

const POINT: &str = "arn:aws:s3:eu-west-1:123456789012:accesspoint/logs";

#[test]
fn hosts_are_those_of_the_table() {
    for (bucket, key, marks, region, wanted) in [
        ("photos", "k", "", "eu-west-1", "photos.s3.eu-west-1.amazonaws.com"),
        ("photos", "", "", "us-east-1", "photos.s3.us-east-1.amazonaws.com"),
        ("photos", "k", "p", "eu-west-1", "s3.eu-west-1.amazonaws.com/photos"),
        ("photos", "", "p", "eu-west-1", "s3.eu-west-1.amazonaws.com/photos"),
        ("my.photos", "k", "", "eu-west-1", "s3.eu-west-1.amazonaws.com/my.photos"),
        ("My_Photos", "k", "", "us-east-1", "s3.us-east-1.amazonaws.com/My_Photos"),
        ("photos", "soap", "", "eu-west-1", "s3.eu-west-1.amazonaws.com/photos"),
        ("photos", "soap/x", "", "eu-west-1", "photos.s3.eu-west-1.amazonaws.com"),
        ("photos", "k", "d", "eu-west-1", "photos.s3.dualstack.eu-west-1.amazonaws.com"),
        ("photos", "k", "f", "us-east-2", "photos.s3-fips.us-east-2.amazonaws.com"),
        ("photos", "k", "fdp", "us-gov-west-1", "s3-fips.dualstack.us-gov-west-1.amazonaws.com/photos"),
        ("photos", "k", "a", "eu-west-1", "photos.s3-accelerate.amazonaws.com"),
        ("photos", "k", "ad", "eu-west-1", "photos.s3-accelerate.dualstack.amazonaws.com"),
        ("photos", "k", "", "cn-north-1", "photos.s3.cn-north-1.amazonaws.com.cn"),
        ("photos", "k", "", "eusc-de-east-1", "photos.s3.eusc-de-east-1.amazonaws.eu"),
        ("photos", "k", "", "us-iso-east-1", "photos.s3.us-iso-east-1.c2s.ic.gov"),
        ("photos", "k", "", "us-isob-east-1", "photos.s3.us-isob-east-1.sc2s.sgov.gov"),
        ("photos", "k", "", "eu-isoe-west-1", "photos.s3.eu-isoe-west-1.cloud.adc-e.uk"),
        ("photos", "k", "", "us-isof-south-1", "photos.s3.us-isof-south-1.csp.hci.ic.gov"),
        (POINT, "k", "", "eu-west-1", "logs-123456789012.s3-accesspoint.eu-west-1.amazonaws.com"),
        (POINT, "k", "fd", "eu-west-1", "logs-123456789012.s3-accesspoint-fips.dualstack.eu-west-1.amazonaws.com"),
        ("logs-abc-s3alias", "k", "", "eu-west-1", "logs-abc-s3alias.s3.eu-west-1.amazonaws.com"),
        // What cannot be combined is refused by the name of its field.
        ("photos", "k", "af", "eu-west-1", "refused addressing.fips"),
        ("photos", "k", "ap", "eu-west-1", "refused addressing.accelerate"),
        ("my.photos", "k", "a", "eu-west-1", "refused addressing.accelerate"),
        ("photos", "k", "a", "cn-north-1", "refused addressing.accelerate"),
        ("logs-abc-s3alias", "k", "a", "eu-west-1", "refused addressing.accelerate"),
        ("photos", "k", "f", "cn-north-1", "refused addressing.fips"),
        ("my.photos", "k", "v", "eu-west-1", "refused addressing.style"),
        ("photos", "soap", "v", "eu-west-1", "refused addressing.style"),
        (POINT, "k", "p", "eu-west-1", "refused addressing.style"),
        (POINT, "k", "a", "eu-west-1", "refused addressing.accelerate"),
        (POINT, "soap", "", "eu-west-1", "refused key"),
        (POINT, "k", "", "eu-west-2", "refused region"),
        ("arn:aws-cn:s3:eu-west-1:123456789012:accesspoint/logs", "k", "", "eu-west-1", "refused bucket"),
    ] {
        let got = place(bucket, key, addressing(marks), region, &Endpoint::Aws);
        assert_eq!(got.trim_start_matches("https://"), wanted, "{bucket} {key} {marks} {region}");
    }
}

#[test]
fn a_custom_endpoint_keeps_its_scheme_port_and_base_path() {
    for (endpoint, bucket, key, marks, wanted) in [
        ("http://127.0.0.1:9000", "photos", "k", "", "http://127.0.0.1:9000/photos"),
        ("http://[::1]:9000/", "photos", "k", "", "http://[::1]:9000/photos"),
        ("https://MinIO.example:443", "photos", "k", "", "https://minio.example/photos"),
        ("https://minio.example", "photos", "k", "v", "https://photos.minio.example"),
        ("https://minio.example:80/base/", "my.photos", "k", "", "https://minio.example:80/base/my.photos"),
        ("http://minio.example/base", "my.photos", "k", "v", "http://my.photos.minio.example/base"),
        ("https://minio.example", "my.photos", "k", "v", "refused addressing.style"),
        ("https://minio.example", "photos", "soap", "v", "refused addressing.style"),
        ("http://10.0.0.1", "photos", "k", "v", "refused addressing.style"),
        ("http://[::1]:9000", "photos", "k", "v", "refused addressing.style"),
        ("https://minio.example", "photos", "k", "d", "refused addressing.dual_stack"),
        ("https://minio.example", "photos", "k", "f", "refused addressing.fips"),
        ("https://minio.example", "photos", "k", "a", "refused addressing.accelerate"),
        ("https://vpce.example", POINT, "k", "", "refused bucket"),
    ] {
        let endpoint = Endpoint::parse(endpoint).unwrap();
        let got = place(bucket, key, addressing(marks), "eu-west-1", &endpoint);
        assert_eq!(got, wanted, "{endpoint:?} {bucket} {key} {marks}");
    }
}

#[test]
fn an_endpoint_that_is_no_plain_url_is_refused() {
    for url in [
        "",
        "minio",
        "ftp://minio",
        "http://",
        "http://a b",
        "http://u@h",
        "http://h?x",
        "http://h#x",
        "http://h:0",
        "http://h:99999",
        "http://h:",
        "http://h/%2e",
        "http://h/a/../b",
        "http://[::1",
        "http://h..i",
        "http://h:+80",
    ] {
        assert_eq!(Endpoint::parse(url).map_err(|refused| refused.field), Err("endpoint_url".to_owned()), "{url}");
    }
}

#[test]
fn a_region_that_credentials_of_the_partition_cannot_sign_for_is_refused() {
    let check = |endpoint: &Endpoint, region: &str, partition: &str| {
        endpoint.check_region(&Region::parse(region).unwrap(), partition)
    };
    for partition in PARTITIONS {
        check(&Endpoint::Aws, partition.home, partition.name).unwrap();
        let other = if partition.name == "aws" { "cn-north-1" } else { "eu-west-1" };
        let problem = check(&Endpoint::Aws, other, partition.name).unwrap_err();
        assert!(problem.contains(&format!("such as {}", partition.home)), "{problem}");
    }
    // Regions that do not exist yet, credentials that nobody has named, and partitions that are not known here.
    for (region, partition) in [
        ("eu-atlantis-12", "aws"),
        ("cn-north-1", ""),
        ("eu-west-1", ""),
        ("eu-west-1", "aws-new"),
        ("new-east-1", "aws-new"),
    ] {
        check(&Endpoint::Aws, region, partition).unwrap();
    }
    let store = Endpoint::parse("https://store.example").unwrap();
    for region in
        ["local", "aws-global", "s3", "eu", "eu-west", "eu-west-1a", "eu--1", "1-west-1", "eu-west-1-2", "auto"]
    {
        assert!(check(&Endpoint::Aws, region, "").is_err(), "{region}");
        check(&store, region, "aws").unwrap();
    }
}

#[test]
fn hosts_of_aws_are_told_from_others() {
    let is_of_aws = |url: &str| Endpoint::parse(url).unwrap().is_of_aws();
    assert!(Endpoint::Aws.is_of_aws());
    for url in [
        "https://s3.eu-west-1.amazonaws.com",
        "https://bucket.vpce-1a2b-3c4d.s3.us-east-1.vpce.amazonaws.com:443",
        "https://s3.cn-north-1.amazonaws.com.cn/base",
    ] {
        assert!(is_of_aws(url), "{url}");
    }
    for url in [
        "https://store.example:9000",
        "http://127.0.0.1:9000",
        "https://amazonaws.com.example",
        "http://xamazonaws.com",
    ] {
        assert!(!is_of_aws(url), "{url}");
    }
}
