//! What S3 calls things: buckets, keys, regions, and the requests it can be asked.
//!
//! Values of these types are well-formed by construction. Never signs and never resolves: `signer` and `region` do.

pub mod form;
pub mod operation;
pub mod request;
pub mod traps;

use std::fmt;

/// A field that cannot be signed, and what to do about it. Never holds the value itself when it may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Refused {
    /// The field, by its name in the API: `bucket`, `key`, `headers.x-amz-acl`, …
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Refused {
    /// Names the field and the problem.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// A bucket as a caller may name it: by name (or access point alias, which S3 treats as a name), or by access point ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// A general purpose bucket, or an alias ending in `-s3alias`.
    Name(BucketName),
    /// An access point, addressed by a host of its own (SEMANTICS.md 3.6).
    AccessPoint(AccessPoint),
}

/// 3 to 255 characters of `A–Z a–z 0–9 . _ -`. Names with capitals or underscores, or over 63 characters, date from
/// before 2018 and are reachable in path style only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BucketName(String);

/// An access point of a region, from its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccessPoint {
    /// The whole ARN, as given.
    pub arn: String,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The region in the ARN, which is also the region that signs.
    pub region: Region,
    /// Twelve digits.
    pub account: String,
    /// Name of the access point.
    pub name: String,
}

impl Bucket {
    /// # Errors
    /// Names the `bucket` field when the text is neither a bucket name nor an access point ARN, or is one of the kinds
    /// that need more than SigV4 (multi-region access points, directory buckets, Outposts, Object Lambda).
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let refuse = |problem: &str| Err(Refused::new("bucket", problem));
        if text.starts_with("arn:") {
            return AccessPoint::parse(text).map(Self::AccessPoint);
        }
        if text.is_empty() {
            return refuse("is empty; name a bucket, an access point alias or an access point ARN");
        }
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if !(3..=255).contains(&text.len()) || !text.bytes().all(legal) {
            return refuse("must be 3 to 63 characters of a-z, 0-9, '.' and '-'");
        }
        let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !edge(text.bytes().next()) || !edge(text.bytes().next_back()) || text.contains("..") {
            return refuse("must begin and end with a letter or digit and hold no two dots in a row");
        }
        if text.parse::<std::net::Ipv4Addr>().is_ok() {
            return refuse("must not look like an IP address");
        }
        if text.ends_with("--x-s3") {
            return refuse(
                "is a directory bucket, whose requests need a CreateSession token; presignd does not sign them",
            );
        }
        Ok(Self::Name(BucketName(text.to_owned())))
    }

    /// The bucket as the caller named it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(BucketName(name)) => name,
            Self::AccessPoint(point) => &point.arn,
        }
    }
}

impl BucketName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name can be a DNS label or labels, so that a virtual host can carry it.
    pub fn is_dns_compatible(&self) -> bool {
        self.0.len() <= 63
            && self
                .0
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
            && !self.0.contains(".-")
            && !self.0.contains("-.")
    }
}

impl AccessPoint {
    fn parse(arn: &str) -> Result<Self, Refused> {
        let refuse = |problem: &str| Err(Refused::new("bucket", problem));
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, partition, service, region, account, resource] = parts[..] else {
            return refuse("is not an ARN of six parts");
        };
        let name = resource.strip_prefix("accesspoint/").or_else(|| resource.strip_prefix("accesspoint:"));
        match (service, name) {
            ("s3-object-lambda" | "s3-outposts", _) => {
                refuse("names an Object Lambda or Outposts access point, which presignd does not sign")
            }
            ("s3", Some(_)) if region.is_empty() => {
                refuse("is a multi-region access point, which needs SigV4a; presignd signs SigV4 only")
            }
            ("s3", Some(name)) => {
                let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                if !(3..=50).contains(&name.len()) || !name.bytes().all(label) {
                    return refuse("names an access point of 3 to 50 characters of a-z, 0-9 and '-'");
                }
                if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
                    return refuse("must hold an account id of twelve digits");
                }
                if !partition.starts_with("aws") {
                    return refuse("must begin with arn:aws");
                }
                let region = Region::parse(region)?;
                let (arn, partition) = (arn.to_owned(), partition.to_owned());
                Ok(Self { arn, partition, region, account: account.to_owned(), name: name.to_owned() })
            }
            _ => refuse("is an ARN, but not that of an access point (arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME)"),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// An object key: 1 to 1,024 bytes of UTF-8 (SEMANTICS.md 3.2), any characters, signed byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Longest key that S3 takes, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// # Errors
    /// Names the `key` field when it is empty or too long.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.is_empty() {
            return Err(Refused::new("key", "is empty; an operation on an object needs one"));
        }
        if text.len() > Self::MAX_BYTES {
            let problem = format!("is {} bytes long; S3 takes at most {}", text.len(), Self::MAX_BYTES);
            return Err(Refused::new("key", problem));
        }
        Ok(Self(text.to_owned()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a browser would rewrite the path and so break the signature: a `.` or `..` segment (SEMANTICS.md 3.2).
    pub fn is_unusable_in_browsers(&self) -> bool {
        self.0.split('/').any(|segment| matches!(segment, "." | ".."))
    }
}

/// The beginning of keys; the empty prefix is the beginning of every key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// # Errors
    /// Names `prefix` when it is longer than any key can be.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > ObjectKey::MAX_BYTES {
            return Err(Refused::new("prefix", "is longer than the 1,024 bytes of the longest key"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text begins with this prefix, byte for byte.
    pub fn covers(&self, text: &str) -> bool {
        text.starts_with(&self.0)
    }
}

/// An AWS region name such as `eu-central-1`, or what an S3-compatible store calls one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// # Errors
    /// Names the `region` field unless it is 1 to 63 characters of `a–z 0–9 -` (it becomes part of a host name).
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let edges = text.bytes().next().zip(text.bytes().next_back()).is_some_and(|(a, z)| a != b'-' && z != b'-');
        if edges && text.len() <= 63 && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Refused::new("region", "must be a region name such as eu-central-1"))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How the bucket stands in the URL (SEMANTICS.md 3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Addressing {
    /// Where the bucket's name goes.
    pub style: Style,
    /// IPv4 and IPv6.
    pub dual_stack: bool,
    /// Endpoints with validated cryptography.
    pub fips: bool,
    /// Transfer Acceleration.
    pub accelerate: bool,
}

impl Addressing {
    /// These forms, and `wider` ones where nothing is said.
    pub fn or(self, wider: Self) -> Self {
        Self {
            style: if self.style == Style::Auto { wider.style } else { self.style },
            dual_stack: self.dual_stack || wider.dual_stack,
            fips: self.fips || wider.fips,
            accelerate: self.accelerate || wider.accelerate,
        }
    }
}

/// Where the bucket's name goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Style {
    /// Virtual host; path for names that a TLS wildcard certificate or DNS does not cover.
    #[default]
    Auto,
    /// `bucket.s3.region.amazonaws.com/key`
    VirtualHost,
    /// `s3.region.amazonaws.com/bucket/key`
    Path,
}
