//! The flags that `presign` and `post` share, and how their texts are read. What may be signed, the service decides.

use std::collections::HashMap;

use super::exit::Failure;
use super::length::Length;
use crate::grpc::proto::{Addressing, addressing::Style};

/// Who signs, for how long, and what is recorded of it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Signing {
    /// The identity that signs; left out, the only one or the configured default [alias: --profile]
    #[arg(long, alias = "profile", value_name = "NAME", default_value = "", hide_default_value = true)]
    pub identity: String,
    /// How long the URL should live: seconds, or a length such as 24h or 7d (at most 7 days) [default: 3600]
    #[arg(long, value_name = "LENGTH")]
    pub expires_in: Option<Length>,
    /// The shortest life that is of any use; what cannot reach it fails with exit code 3 [default: nine tenths of --expires-in]
    #[arg(long, value_name = "LENGTH")]
    pub at_least: Option<Length>,
    /// For whom you ask; recorded
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub on_behalf_of: String,
    /// A label to record; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// Makes a repeated call safe: the same id and request give the same URL for ten minutes
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub request_id: String,
}

/// Where the bucket is, and how it stands in the URL.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Place {
    /// Region of the bucket; left out, presignd finds it
    #[arg(long, value_name = "REGION", default_value = "", hide_default_value = true)]
    pub region: String,
    /// Refused: the endpoint belongs to the identity's configuration, since a caller who chose it could send signed requests anywhere
    #[arg(long, value_name = "URL", hide = true)]
    pub endpoint_url: Option<String>,
    /// Put the bucket into the host name
    #[arg(long, conflicts_with = "path_style")]
    pub virtual_host: bool,
    /// Put the bucket into the path
    #[arg(long)]
    pub path_style: bool,
    /// Use the endpoint for IPv4 and IPv6
    #[arg(long)]
    pub dual_stack: bool,
    /// Use the endpoint with validated cryptography
    #[arg(long)]
    pub fips: bool,
    /// Use Transfer Acceleration
    #[arg(long)]
    pub accelerate: bool,
}

impl Place {
    /// Refuses what a caller may not choose.
    pub fn check(&self) -> Result<(), Failure> {
        match self.endpoint_url {
            None => Ok(()),
            Some(_) => Err(Failure::usage("--endpoint-url is not the caller's to choose")
                .with("the endpoint belongs to the identity: set endpoint_url under [identity.NAME.s3] in the daemon's configuration, and pick that identity with --identity")),
        }
    }

    /// As the wire has it; `None` when nothing was said.
    pub fn addressing(&self) -> Option<Addressing> {
        let style = match (self.virtual_host, self.path_style) {
            (true, _) => Style::VirtualHost,
            (_, true) => Style::Path,
            _ => Style::Unspecified,
        };
        let (dual_stack, fips, accelerate) = (self.dual_stack, self.fips, self.accelerate);
        let said = dual_stack || fips || accelerate || style != Style::Unspecified;
        said.then_some(Addressing { style: style.into(), dual_stack, fips, accelerate })
    }
}

/// Bucket and key of `s3://bucket/key`, `bucket/key`, or an access point ARN in the bucket's place, as the AWS CLI reads
/// them. The key is taken byte for byte.
pub fn s3_uri(text: &str) -> Result<(String, String), String> {
    let rest = text.strip_prefix("s3://").unwrap_or(text);
    if rest.contains("://") {
        return Err(format!("must be s3://BUCKET/KEY, not {text}"));
    }
    let point = ["accesspoint/", "accesspoint:"].iter().find_map(|word| rest.find(word).map(|at| at + word.len()));
    let start = if rest.starts_with("arn:") { point.unwrap_or(0) } else { 0 };
    let end = rest[start..].find('/').map_or(rest.len(), |at| start + at);
    let (bucket, key) = (&rest[..end], rest[end..].strip_prefix('/').unwrap_or(""));
    if bucket.is_empty() {
        return Err("names no bucket; write s3://BUCKET/KEY".to_owned());
    }
    Ok((bucket.to_owned(), key.to_owned()))
}

/// `NAME=VALUE`, or `NAME` alone for an empty value.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    named(name, value)
}

/// `NAME=VALUE`; an empty value is written `NAME=`, since a name alone is more likely a slip.
pub fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    named(name, value)
}

/// `Name: value`, blanks around the value left out.
pub fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("must be NAME:VALUE")?;
    named(name.trim(), value.trim())
}

fn named(name: &str, value: &str) -> Result<(String, String), String> {
    if name.is_empty() { Err("has an empty name".to_owned()) } else { Ok((name.to_owned(), value.to_owned())) }
}

/// A map of pairs that were given one by one; a name given twice is a mistake.
pub fn map(flag: &str, pairs: &[(String, String)]) -> Result<HashMap<String, String>, Failure> {
    let mut map = HashMap::new();
    for (name, value) in pairs {
        if map.insert(name.clone(), value.clone()).is_some() {
            return Err(Failure::usage(format!("{flag} {name} is given twice")));
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_s3_uri_is_read_as_the_aws_cli_reads_it() {
        let point = "arn:aws:s3:eu-west-1:123456789012:accesspoint/films";
        let with_key = format!("s3://{point}/a/b");
        let table = [
            ("s3://bucket/key", "bucket", "key"),
            ("bucket/key", "bucket", "key"),
            ("s3://bucket", "bucket", ""),
            ("s3://bucket/", "bucket", ""),
            ("s3://bucket//key", "bucket", "/key"),
            ("s3://bucket/a/../b c%20?x=1#y", "bucket", "a/../b c%20?x=1#y"),
            ("s3://bucket/accesspoint/x", "bucket", "accesspoint/x"),
            (with_key.as_str(), point, "a/b"),
            (point, point, ""),
        ];
        for (text, bucket, key) in table {
            assert_eq!(s3_uri(text), Ok((bucket.to_owned(), key.to_owned())), "{text}");
        }
        for text in ["", "s3://", "s3:///key", "https://bucket.s3.amazonaws.com/key"] {
            assert!(s3_uri(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_header_keeps_the_colons_of_its_value() {
        assert_eq!(header("X-Time: 10:30 "), Ok(("X-Time".into(), "10:30".into())));
        assert!(header("content-type").is_err() && header(": x").is_err());
    }

    #[test]
    fn a_parameter_may_have_no_value_and_its_value_may_hold_equals_signs() {
        assert_eq!(pair("acl"), Ok(("acl".into(), String::new())));
        assert_eq!(pair("marker=a=b"), Ok(("marker".into(), "a=b".into())));
    }

    #[test]
    fn a_label_has_a_value_if_only_an_empty_one() {
        assert!(label("job").is_err() && label("=7").is_err());
        assert_eq!(label("job="), Ok(("job".into(), String::new())));
        assert_eq!(label("job=a=b"), Ok(("job".into(), "a=b".into())));
    }

    #[test]
    fn a_name_given_twice_is_a_mistake() {
        let twice = [("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        assert!(map("--label", &twice).is_err());
    }
}
