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
    // The service label is the last one that begins with `s3`; before it stands the bucket, dots and all.
    let service = |label: &str| label == "s3" || label.starts_with("s3-");
    let mut end = None;
    let mut at = 0;
    for label in host.split('.') {
        if service(label) {
            end = Some(at);
        }
        at += label.len() + 1;
    }
    end.filter(|end| *end > 0).map(|end| &host[..end - 1])
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
