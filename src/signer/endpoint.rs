//! Which host is signed: the rules of SEMANTICS.md 3.6, and S3-compatible stores with an endpoint of their own.

use super::Target;
use crate::s3::{Addressing, Bucket, BucketName, ObjectKey, Refused, Region, Style};

/// AWS, or a store that speaks S3.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Endpoint {
    /// AWS's own hosts, by region and partition.
    #[default]
    Aws,
    /// What `endpoint_url` names. Set by the configuration only, never by a caller.
    Custom {
        /// `https` or `http`.
        scheme: String,
        /// Host, with its port unless that is the scheme's own.
        authority: String,
        /// Path before the bucket: empty, or beginning with `/` and not ending with one.
        base_path: String,
    },
}

impl Endpoint {
    /// Reads an `endpoint_url`.
    ///
    /// # Errors
    /// When it is not `http://` or `https://` with a host, or carries user info, query or fragment.
    pub fn parse(url: &str) -> Result<Self, Refused> {
        let refuse = |problem: &str| Err(Refused::new("endpoint_url", problem));
        let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
        else {
            return refuse("must begin with https:// or http://");
        };
        let (authority, base_path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let own_port = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(own_port).unwrap_or(authority);
        if !is_authority(authority) {
            return refuse("must name a host, and a port if need be, and nothing else before the path");
        }
        // What a URL would encode, and what programs would collapse, cannot be signed as it stands.
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if !base_path.bytes().all(legal) || base_path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return refuse("must have a path of letters, digits, '-', '.', '_' and '~' only, or none");
        }
        let base_path = base_path.trim_end_matches('/').to_owned();
        Ok(Self::Custom { scheme: scheme.to_owned(), authority: authority.to_ascii_lowercase(), base_path })
    }

    /// Whether AWS answers there: at its own hosts, and at those of VPC endpoints.
    pub fn is_of_aws(&self) -> bool {
        let Self::Custom { authority, .. } = self else { return true };
        partition_of_host(authority).is_some()
    }

    /// Whether S3 could take, in that region, what credentials of that partition sign; an empty partition is not known.
    /// A store of its own names its regions as it likes. Which regions there are, only AWS knows.
    ///
    /// # Errors
    /// Says what is wrong with the region.
    pub fn check_region(&self, region: &Region, partition: &str) -> Result<(), String> {
        if *self != Self::Aws {
            return Ok(());
        }
        if !has_form_of_aws(region) {
            return Err(format!("is {region}, which is not the name of a region of AWS, such as eu-central-1"));
        }
        let of = partition_of(region);
        match home_of(partition) {
            Some(home) if of != partition => Err(format!(
                "is {region}, in partition {of}, but the credentials that sign are of {partition}, and none work in two \
                 partitions; use a region of {partition}, such as {home}, or an identity of {of}"
            )),
            _ => Ok(()),
        }
    }
}

/// `eu-central-1`, `us-gov-west-1`: a partition's beginning, words, and a number.
fn has_form_of_aws(region: &Region) -> bool {
    let parts: Vec<&str> = region.as_str().split('-').collect();
    let [first, words @ .., number] = &parts[..] else { return false };
    let letters = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    first.len() >= 2 && letters(first) && !words.is_empty() && words.iter().all(|word| letters(word)) && digits(number)
}

/// Where a request goes.
pub(super) struct Place<'a> {
    pub scheme: &'a str,
    pub host: String,
    /// Path before everything else.
    pub base: &'a str,
    /// Path style: the bucket begins the path.
    pub bucket_in_path: Option<&'a str>,
    /// The region that signs.
    pub region: &'a Region,
}

/// Finds host and path for a bucket.
pub(super) fn resolve<'a>(
    bucket: &'a Bucket,
    key: Option<&ObjectKey>,
    addressing: Addressing,
    target: &'a Target,
) -> Result<Place<'a>, Refused> {
    let addressing = addressing.or(target.addressing);
    match (&target.endpoint, bucket) {
        (Endpoint::Aws, Bucket::Name(name)) => aws(name, key, addressing, &target.region),
        (Endpoint::Aws, Bucket::AccessPoint(point)) => {
            refuse_if(addressing.accelerate, "accelerate", "does not work with access points")?;
            refuse_if(addressing.style == Style::Path, "style", "cannot be path for an access point")?;
            if key.is_some_and(|key| key.as_str() == "soap") {
                return Err(Refused::new(
                    "key",
                    "\"soap\" is reached in path style only, which access points have not",
                ));
            }
            if target.region != point.region {
                let problem = format!("is {}, but the access point is in {}", target.region, point.region);
                return Err(Refused::new("region", problem));
            }
            let partition = Partition::of(&point.region);
            if point.partition != partition.name {
                let problem =
                    format!("names the partition {}, but its region is in {}", point.partition, partition.name);
                return Err(Refused::new("bucket", problem));
            }
            refuse_if(addressing.fips && !partition.fips, "fips", "has no endpoints in this region's partition")?;
            let (fips, stack) = (if addressing.fips { "-fips" } else { "" }, stack(addressing));
            let suffix = partition.suffix;
            let (name, account, region) = (&point.name, &point.account, &point.region);
            let host = format!("{name}-{account}.s3-accesspoint{fips}{stack}.{region}.{suffix}");
            Ok(Place { scheme: "https", host, base: "", bucket_in_path: None, region })
        }
        (Endpoint::Custom { .. }, Bucket::AccessPoint(_)) => {
            Err(Refused::new("bucket", "is an access point, which a custom endpoint_url does not serve"))
        }
        (Endpoint::Custom { scheme, authority, base_path }, Bucket::Name(name)) => {
            let Addressing { style, dual_stack, fips, accelerate } = addressing;
            for (set, field) in [(dual_stack, "dual_stack"), (fips, "fips"), (accelerate, "accelerate")] {
                refuse_if(set, field, "does not work with a custom endpoint_url")?;
            }
            let virtual_host = style == Style::VirtualHost;
            refuse_if(virtual_host && is_address(authority), "style", "cannot be virtual-host for an IP address")?;
            // Without TLS no certificate minds a name with dots.
            let covered = name.is_dns_compatible() && (scheme == "http" || !name.as_str().contains('.'));
            refuse_if(virtual_host && !covered, "style", "cannot be virtual-host for this bucket's name")?;
            let soap = key.is_some_and(|key| key.as_str() == "soap");
            refuse_if(virtual_host && soap, "style", "cannot be virtual-host for the key \"soap\"")?;
            let host = if virtual_host { format!("{}.{authority}", name.as_str()) } else { authority.clone() };
            let bucket_in_path = (!virtual_host).then_some(name.as_str());
            Ok(Place { scheme, host, base: base_path, bucket_in_path, region: &target.region })
        }
    }
}

fn aws<'a>(
    name: &'a BucketName,
    key: Option<&ObjectKey>,
    addressing: Addressing,
    region: &'a Region,
) -> Result<Place<'a>, Refused> {
    let partition = Partition::of(region);
    refuse_if(addressing.fips && !partition.fips, "fips", "has no endpoints in this region's partition")?;
    refuse_if(
        addressing.dual_stack && !partition.dual_stack,
        "dual_stack",
        "has no endpoints in this region's partition",
    )?;
    let (suffix, stack) = (partition.suffix, stack(addressing));
    // A wildcard certificate covers one label, and S3 reads the key `soap` as something else on a virtual host.
    let needs_path =
        !name.is_dns_compatible() || name.as_str().contains('.') || key.is_some_and(|key| key.as_str() == "soap");
    if addressing.accelerate {
        refuse_if(addressing.fips, "fips", "does not work with accelerate")?;
        refuse_if(
            addressing.style == Style::Path || needs_path,
            "accelerate",
            "needs virtual-host style and a bucket name without dots",
        )?;
        refuse_if(name.as_str().ends_with("-s3alias"), "accelerate", "does not work with access points")?;
        refuse_if(!partition.accelerate, "accelerate", "is not offered in this region's partition")?;
        let host = format!("{}.s3-accelerate{stack}.{suffix}", name.as_str());
        return Ok(Place { scheme: "https", host, base: "", bucket_in_path: None, region });
    }
    refuse_if(
        addressing.style == Style::VirtualHost && needs_path,
        "style",
        "cannot be virtual-host: the TLS certificate or DNS does not cover this bucket's name, or S3 the key \"soap\"",
    )?;
    let service = if addressing.fips { "s3-fips" } else { "s3" };
    let path = addressing.style == Style::Path || needs_path;
    // An alias has no path form.
    refuse_if(path && name.as_str().ends_with("-s3alias"), "style", "cannot be path for an access point alias")?;
    let (label, dot, bucket_in_path) = if path { ("", "", Some(name.as_str())) } else { (name.as_str(), ".", None) };
    // Put together as one: this is done for every URL.
    let host = [label, dot, service, stack, ".", region.as_str(), ".", suffix].concat();
    Ok(Place { scheme: "https", host, base: "", bucket_in_path, region })
}

fn stack(addressing: Addressing) -> &'static str {
    if addressing.dual_stack { ".dualstack" } else { "" }
}

fn refuse_if(refused: bool, field: &str, problem: &str) -> Result<(), Refused> {
    if refused { Err(Refused::new(format!("addressing.{field}"), problem)) } else { Ok(()) }
}

/// A host name or an address, with a port or without.
fn is_authority(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        // The last colon of `[::1]` is not that of a port.
        Some((host, port)) if !port.ends_with(']') => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            if !digits || port.parse().unwrap_or(0u16) == 0 {
                return false;
            }
            host
        }
        _ => authority,
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(legal);
    is_address(host) || host.len() <= 253 && host.split('.').all(label)
}

/// Whether a host, with a port or without, is an IP address: nothing can stand before it.
fn is_address(authority: &str) -> bool {
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => authority.split(':').next().is_some_and(|host| host.parse::<std::net::Ipv4Addr>().is_ok()),
    }
}

/// A group of regions with names and credentials of its own (AWS's endpoint rules, SEMANTICS.md 3.6).
struct Partition {
    name: &'static str,
    /// Where its services are that have one place.
    home: &'static str,
    prefix: &'static str,
    suffix: &'static str,
    fips: bool,
    dual_stack: bool,
    accelerate: bool,
}

impl Partition {
    fn of(region: &Region) -> &'static Self {
        let fits = |partition: &&Self| region.as_str().starts_with(partition.prefix);
        PARTITIONS.iter().find(fits).expect("the last partition's prefix is empty")
    }
}

/// The partition of a region, such as `aws-cn`.
pub fn partition_of(region: &Region) -> &'static str {
    Partition::of(region).name
}

/// The same name, where there is such a partition.
pub(super) fn partition_named(name: &str) -> Option<&'static str> {
    PARTITIONS.iter().find(|known| known.name == name).map(|known| known.name)
}

/// The partition of a host of AWS, with a port or without; `None` for all others. Two share their suffix, and then the
/// region in the host tells.
pub(super) fn partition_of_host(authority: &str) -> Option<&'static str> {
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    let is_of = |of: &&Partition| host.strip_suffix(of.suffix).is_some_and(|rest| rest.ends_with('.'));
    let named = |of: &&Partition| host.split('.').any(|label| !of.prefix.is_empty() && label.starts_with(of.prefix));
    // The last has the suffix, and no prefix.
    let mut of_suffix = PARTITIONS.iter().filter(is_of);
    of_suffix.clone().find(named).or_else(|| of_suffix.next_back()).map(|of| of.name)
}

/// The home region of a partition; `None` for one that is not known here.
pub fn home_of(partition: &str) -> Option<&'static str> {
    PARTITIONS.iter().find(|known| known.name == partition).map(|known| known.home)
}

/// The suffix of AWS's host names in a region's partition, such as `amazonaws.com`.
pub fn dns_suffix(region: &Region) -> &'static str {
    Partition::of(region).suffix
}

const fn partition(
    [name, home, prefix, suffix]: [&'static str; 4],
    fips: bool,
    dual_stack: bool,
    accelerate: bool,
) -> Partition {
    Partition { name, home, prefix, suffix, fips, dual_stack, accelerate }
}

const PARTITIONS: &[Partition] = &[
    partition(["aws-cn", "cn-north-1", "cn-", "amazonaws.com.cn"], false, true, false),
    partition(["aws-us-gov", "us-gov-west-1", "us-gov-", "amazonaws.com"], true, true, true),
    partition(["aws-iso-b", "us-isob-east-1", "us-isob-", "sc2s.sgov.gov"], true, false, true),
    partition(["aws-iso-f", "us-isof-south-1", "us-isof-", "csp.hci.ic.gov"], true, false, true),
    partition(["aws-iso-e", "eu-isoe-west-1", "eu-isoe-", "cloud.adc-e.uk"], true, false, true),
    partition(["aws-iso", "us-iso-east-1", "us-iso-", "c2s.ic.gov"], true, false, true),
    partition(["aws-eusc", "eusc-de-east-1", "eusc-", "amazonaws.eu"], true, true, true),
    partition(["aws", "us-east-1", "", "amazonaws.com"], true, true, true),
];

#[cfg(test)]
mod tests;
