//! Where a bucket's name means one bucket: a partition of AWS, whatever host of it is asked, or another store.
//!
//! Never asks anybody; what hosts and regions tell is all there is. Two stores at one host, told apart by nothing but the
//! path of their endpoints, are one here: no record holds that path.

use std::borrow::Cow;
use std::fmt;

use super::endpoint::{Endpoint, partition_of, partition_of_host};
use crate::issued::IssuedUrl;
use crate::s3::{Refused, Region};

/// `aws`, `aws-cn`, …; or the host of another store, with its port unless that is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm(Cow<'static, str>);

impl Realm {
    /// Reads a partition of AWS, an endpoint's URL, or a host.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if let Some(partition) = super::endpoint::partition_named(text) {
            return Ok(Self(Cow::Borrowed(partition)));
        }
        let url = if text.contains("://") { Cow::Borrowed(text) } else { Cow::Owned(format!("https://{text}")) };
        Ok(Self::of_endpoint(&Endpoint::parse(&url)?, ""))
    }

    /// Where an identity signs for; `partition`, which may be empty, is that of its session.
    pub fn of_endpoint(endpoint: &Endpoint, partition: &str) -> Self {
        match endpoint {
            Endpoint::Aws => Self(super::endpoint::partition_named(partition).unwrap_or("aws").into()),
            Endpoint::Custom { authority, .. } => {
                Self(partition_of_host(authority).map_or_else(|| authority.clone().into(), Cow::Borrowed))
            }
        }
    }

    /// The partition in the ARN of an access point.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let partition = arn.strip_prefix("arn:")?.split(':').next()?;
        super::endpoint::partition_named(partition).map(|name| Self(Cow::Borrowed(name)))
    }

    /// Where URLs of the bucket lead that were signed for that host and region; its name may stand before a store's.
    pub fn of_host(host: &str, bucket: &str, region: &Region) -> Self {
        match partition_of_host(host) {
            Some(_) => Self(Cow::Borrowed(partition_of(region))),
            None => Self(behind(host, bucket).unwrap_or(host).to_owned().into()),
        }
    }

    /// Whether that is where such URLs lead. A host does not tell whether the bucket's name in it is the bucket, so both
    /// ways to read it fit.
    pub fn is_of(&self, host: &str, bucket: &str, region: &Region) -> bool {
        match partition_of_host(host) {
            Some(_) => self.0 == partition_of(region),
            None => self.0 == host || behind(host, bucket).is_some_and(|rest| self.0 == rest),
        }
    }

    /// Whether the URL leads there.
    pub fn has(&self, url: &IssuedUrl) -> bool {
        self.is_of(&url.host, url.what.bucket().as_str(), &url.region)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn behind<'a>(host: &'a str, bucket: &str) -> Option<&'a str> {
    host.strip_prefix(bucket)?.strip_prefix('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: &str, region: &str) -> String {
        Realm::of_host(host, "photos", &Region::parse(region).expect("a region")).to_string()
    }

    #[test]
    fn all_hosts_of_a_partition_of_aws_are_one_place() {
        for host in [
            "photos.s3.eu-central-1.amazonaws.com",
            "s3.eu-central-1.amazonaws.com",
            "photos.s3.dualstack.eu-central-1.amazonaws.com",
            "photos.s3-fips.us-east-1.amazonaws.com",
            "photos.s3-accelerate.amazonaws.com",
            "p-111122223333.s3-accesspoint.eu-central-1.amazonaws.com",
            "photos.bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com",
        ] {
            assert_eq!(of(host, "eu-central-1"), "aws", "{host}");
        }
        assert_eq!(of("photos.s3.us-gov-west-1.amazonaws.com", "us-gov-west-1"), "aws-us-gov");
        assert_eq!(of("photos.s3.cn-north-1.amazonaws.com.cn", "cn-north-1"), "aws-cn");
    }

    #[test]
    fn a_store_is_its_host_however_the_bucket_is_addressed() {
        assert_eq!(of("store.example:9000", "us-east-1"), "store.example:9000");
        assert_eq!(of("photos.store.example:9000", "us-east-1"), "store.example:9000");
        assert_ne!(of("store.example:9000", "us-east-1"), of("store.example:9001", "us-east-1"));
        assert_eq!(of("notamazonaws.com", "us-east-1"), "notamazonaws.com");
        let region = Region::parse("us-east-1").expect("a region");
        let own = Realm::parse("https://photos.example").expect("a host");
        assert!(own.is_of("photos.example", "photos", &region), "path style: the name before the dot is no bucket");
        assert!(own.is_of("photos.photos.example", "photos", &region));
        assert!(!own.is_of("example", "photos", &region));
    }

    #[test]
    fn a_place_is_named_by_a_partition_a_url_or_a_host() {
        let parse = |text: &str| Realm::parse(text).map(|realm| realm.to_string());
        for (text, told) in [
            ("aws", "aws"),
            ("aws-cn", "aws-cn"),
            ("https://s3.amazonaws.com", "aws"),
            ("https://s3.us-gov-west-1.amazonaws.com/", "aws-us-gov"),
            ("https://s3.cn-north-1.amazonaws.com.cn", "aws-cn"),
            ("http://127.0.0.1:9000/base", "127.0.0.1:9000"),
            ("https://Store.example:443", "store.example"),
            ("store.example:9000", "store.example:9000"),
        ] {
            assert_eq!(parse(text), Ok(told.to_owned()), "{text}");
        }
        for text in ["", "ftp://store.example", "https://user@store.example", "a b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
