//! Reads bucket and key from host and path, by the host forms of SEMANTICS.md 3.6.

/// Bucket and key; the bucket is empty where the host is not AWS's and the path has none.
pub(super) fn bucket_and_key(host: &str, path: &str) -> (String, String) {
    let host = host.split(':').next().unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    if let Some(bucket) = bucket_in_host(host) {
        return (bucket.to_owned(), path.to_owned());
    }
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (bucket.to_owned(), key.to_owned())
}

/// Whether the host is one of AWS's.
pub(super) fn is_aws(host: &str) -> bool {
    let host = host.split(':').next().unwrap_or_default();
    SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
}

fn bucket_in_host(host: &str) -> Option<&str> {
    if !is_aws(host) {
        return None;
    }
    let service = service_at(host)?;
    let before = &host[..service.checked_sub(1)?];
    // A bucket may be called `vpce-…` too.
    if !host[service..].split('.').any(|label| label == "vpce") {
        return Some(before);
    }
    // An interface endpoint: `bucket.vpce-…` before the service, and a bucket before that in virtual-host style.
    match before.strip_prefix("vpce-").map(|_| 0).or_else(|| before.find(".vpce-")) {
        None => Some(before),
        Some(at) => before[..at].rsplit_once('.').map(|(bucket, _)| bucket),
    }
}

/// The region in one of AWS's host names, where it has one.
pub(super) fn region_in_host(host: &str) -> Option<&str> {
    let host = host.split(':').next().unwrap_or_default();
    let suffix = SUFFIXES.iter().find(|suffix| host.ends_with(**suffix))?;
    let service = host.get(service_at(host)?..host.len() - suffix.len())?;
    let mut labels = service.split('.').skip(1).filter(|label| !matches!(*label, "dualstack" | "vpce"));
    labels.next()
}

/// Where the label of the service begins: the last one that begins with `s3`. Before it stands the bucket, dots and all.
fn service_at(host: &str) -> Option<usize> {
    let mut found = None;
    let mut at = 0;
    for label in host.split('.') {
        if label == "s3" || label.starts_with("s3-") || label.starts_with("s3express-") {
            found = Some(at);
        }
        at += label.len() + 1;
    }
    found
}

const SUFFIXES: &[&str] = &[
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
];
