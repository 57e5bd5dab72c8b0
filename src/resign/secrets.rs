//! SSE-C keys, which records leave out and a re-sign needs again. Never shown, never kept past the call.

use crate::s3::Refused;
use crate::s3::form::Signable;
use crate::s3::request::Headers;

/// Keys that the caller gave again, for every record that needs one.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Headers);

impl Secrets {
    /// # Errors
    /// Names what is no key, or malformed, as `secret_headers.NAME`.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Refused> {
        let of_the_call = |refused: Refused| Refused::new(format!("secret_{}", refused.field), refused.problem);
        let headers = Headers::new(pairs).map_err(of_the_call)?;
        if let Some((name, _)) = headers.recordable().next() {
            return Err(Refused::new(
                format!("secret_headers.{name}"),
                "is no customer key of SSE-C: what else was signed, the record holds, and it cannot be changed",
            ));
        }
        Ok(Self(headers))
    }

    /// What was recorded, with the keys that it was signed with.
    ///
    /// # Errors
    /// Names the key that is missing.
    pub(super) fn fill(&self, what: Signable) -> Result<Signable, Refused> {
        let Signable::Request(request) = what else { return Ok(what) };
        let needed = KEYS.iter().filter(|(algorithm, _)| request.headers().value(algorithm).is_some());
        let needed: Vec<&str> = needed.map(|(_, key)| *key).collect();
        if needed.is_empty() {
            return Ok(Signable::Request(request));
        }
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut headers: Vec<(String, String)> = request.headers().recordable().map(owned).collect();
        for name in needed {
            let Some(key) = self.0.value(name) else {
                return Err(Refused::new(
                    format!("secret_headers.{name}"),
                    "is missing: this URL was signed with a customer key of SSE-C, which is not recorded",
                ));
            };
            headers.push((name.to_owned(), key.to_owned()));
        }
        // Headers wipe their values; the texts made here become those values, and are not copied again.
        Ok(Signable::Request(request.with_headers(Headers::new(headers)?)?))
    }
}

/// The header that says that there is a key, and the key's own.
const KEYS: [(&str, &str); 2] = [
    ("x-amz-server-side-encryption-customer-algorithm", "x-amz-server-side-encryption-customer-key"),
    (
        "x-amz-copy-source-server-side-encryption-customer-algorithm",
        "x-amz-copy-source-server-side-encryption-customer-key",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::operation::Method;
    use crate::s3::request::Request;
    use crate::s3::{Addressing, Bucket, ObjectKey};

    fn recorded(algorithms: &[&str]) -> Signable {
        let headers = algorithms.iter().map(|name| ((*name).to_owned(), "AES256".to_owned()));
        let (bucket, key) = (Bucket::parse("photos").unwrap(), ObjectKey::parse("a").unwrap());
        let headers = Headers::new(headers).unwrap();
        let request = Request::new(Method::Get, bucket, Some(key), Vec::new(), headers, Addressing::default());
        Signable::Request(request.unwrap())
    }

    fn names(what: &Signable) -> Vec<&str> {
        what.headers().unwrap().iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_key_goes_to_the_records_that_were_signed_with_one_and_to_no_other() {
        let [(algorithm, key), (copied, copied_key)] = KEYS;
        let secrets = Secrets::new([(key.to_owned(), "c2VjcmV0".to_owned())]).unwrap();
        assert_eq!(names(&secrets.fill(recorded(&[])).unwrap()), Vec::<&str>::new());
        assert_eq!(names(&secrets.fill(recorded(&[algorithm])).unwrap()), [algorithm, key]);
        let refused = secrets.fill(recorded(&[algorithm, copied])).unwrap_err();
        assert_eq!(refused.field, format!("secret_headers.{copied_key}"));
    }

    #[test]
    fn nothing_but_a_key_is_taken_and_no_key_is_shown() {
        for name in ["x-amz-acl", "host", "not a name"] {
            let refused = Secrets::new([(name.to_owned(), "c2VjcmV0".to_owned())]).unwrap_err();
            assert!(refused.field.starts_with("secret_headers"), "{refused:?}");
        }
        let secrets = Secrets::new([(KEYS[0].1.to_owned(), "c2VjcmV0".to_owned())]).unwrap();
        assert!(!format!("{secrets:?}").contains("c2VjcmV0"));
    }
}
