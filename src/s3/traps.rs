//! Requests that can be signed and that S3 then refuses, whatever the bearer does (SEMANTICS.md 3.5).
//!
//! For what is asked anew. Never for records: what an older version signed must be readable.

use super::Refused;
use super::request::Request;

/// # Errors
/// Names the header or parameter, and what to do.
pub fn check(request: &Request) -> Result<(), Refused> {
    let queried = request.query().iter().map(|(name, _)| name.as_str()).find(|name| name.eq_ignore_ascii_case(OF_SDKS));
    let signed = request.headers().value(OF_SDKS).map(|_| format!("headers.{OF_SDKS}"));
    if let Some(field) = signed.or(queried.map(|name| format!("query.{name}"))) {
        let problem = "says that an SDK hashes the body, which nobody has when a URL is signed, and uploads fail; leave it \
                       out, or sign x-amz-checksum-sha256 or its like with the digest";
        return Err(Refused::new(field, problem));
    }
    for key in KEYS {
        if request.headers().value(key).is_none() {
            continue;
        }
        for part in [key.replace("-key", "-algorithm"), format!("{key}-md5")] {
            if request.headers().value(&part).is_none() {
                let problem = "is missing: S3 takes a key of SSE-C with its algorithm (AES256) and its MD5 only, and the \
                               bearer may add no x-amz- header that is not signed; sign all three";
                return Err(Refused::new(format!("headers.{part}"), problem));
            }
        }
    }
    Ok(())
}

/// A header that SDKs add to requests of their own.
const OF_SDKS: &str = "x-amz-sdk-checksum-algorithm";
/// Headers with a key of SSE-C.
const KEYS: [&str; 2] =
    ["x-amz-server-side-encryption-customer-key", "x-amz-copy-source-server-side-encryption-customer-key"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::operation::Method;
    use crate::s3::request::Headers;
    use crate::s3::{Addressing, Bucket, ObjectKey};

    /// The field that is refused; empty for none.
    fn refused(headers: &[&str], query: &[&str]) -> String {
        let pair = |name: &&str| ((*name).to_owned(), "v".to_owned());
        let headers = Headers::new(headers.iter().map(pair)).unwrap();
        let (bucket, key) = (Bucket::parse("photos").unwrap(), ObjectKey::parse("a").unwrap());
        let query = query.iter().map(pair).collect();
        let request = Request::new(Method::Put, bucket, Some(key), query, headers, Addressing::default()).unwrap();
        check(&request).map_or_else(|refused| refused.field, |()| String::new())
    }

    #[test]
    fn a_checksum_that_an_sdk_would_make_is_refused_wherever_it_stands() {
        assert_eq!(refused(&["X-Amz-Sdk-Checksum-Algorithm"], &[]), "headers.x-amz-sdk-checksum-algorithm");
        assert_eq!(refused(&[], &["X-Amz-Sdk-Checksum-Algorithm"]), "query.X-Amz-Sdk-Checksum-Algorithm");
        assert_eq!(refused(&["x-amz-checksum-sha256", "x-amz-checksum-algorithm"], &[]), "");
    }

    #[test]
    fn a_key_of_the_customers_needs_its_algorithm_and_its_md5() {
        for key in KEYS {
            let (algorithm, md5) = (key.replace("-key", "-algorithm"), format!("{key}-md5"));
            assert_eq!(refused(&[key, &md5], &[]), format!("headers.{algorithm}"));
            assert_eq!(refused(&[key, &algorithm], &[]), format!("headers.{md5}"));
            assert_eq!(refused(&[key, &algorithm, &md5], &[]), "");
            assert_eq!(refused(&[&algorithm], &[]), "", "the bearer may bring key and MD5");
        }
    }
}
