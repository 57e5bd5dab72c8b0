//! Signing keys: derived once for each day and region, kept with the session that owns the secret.

use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{ALGORITHM, hex_into};
use crate::s3::Region;
use crate::session::Credentials;
use crate::time::Timestamp;

/// The keys of one secret, the last used first. Bounded: the one that was not used for longest goes when an eighteenth
/// region or day comes.
#[derive(Default)]
pub(super) struct SigningKeys(Mutex<Vec<Arc<SigningKey>>>);

/// The key of one day and region, and the texts that go with it.
pub(super) struct SigningKey {
    day: i64,
    region: Region,
    /// `20261122/eu-central-1/s3/aws4_request`
    pub scope: String,
    /// Access key id and scope, percent-encoded: the value of `X-Amz-Credential` in a query.
    pub credential: String,
    /// The same, as it stands in a form.
    pub plain_credential: String,
    /// HMAC keyed with the signing key; cloned for each signature, so that the key is hashed in once.
    mac: Hmac<Sha256>,
}

impl SigningKeys {
    pub(super) fn of(&self, credentials: &Credentials, at: Timestamp, region: &Region) -> Arc<SigningKey> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keys.iter().position(|key| key.day == at.day() && key.region == *region);
        let place = known.unwrap_or_else(|| {
            keys.truncate(MAX_KEYS - 1);
            keys.push(Arc::new(SigningKey::derive(credentials, at, region)));
            keys.len() - 1
        });
        keys[..=place].rotate_right(1);
        Arc::clone(&keys[0])
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl SigningKey {
    fn derive(credentials: &Credentials, at: Timestamp, region: &Region) -> Self {
        let date = at.scope_date();
        let secret = Zeroizing::new(format!("AWS4{}", credentials.secret_access_key.as_str()));
        let mut key = Zeroizing::new(hmac(secret.as_bytes(), date.as_bytes()));
        for step in [region.as_str(), SERVICE, TERMINATOR] {
            *key = hmac(key.as_slice(), step.as_bytes());
        }
        let scope = format!("{date}/{}/{SERVICE}/{TERMINATOR}", region.as_str());
        let plain_credential = format!("{}/{scope}", credentials.access_key_id);
        let mut credential = String::new();
        super::encode::component(&mut credential, &plain_credential);
        Self { day: at.day(), region: region.clone(), scope, credential, plain_credential, mac: keyed(key.as_slice()) }
    }

    /// The signature over the string to sign: algorithm, date, scope, hash of the canonical request.
    pub(super) fn sign(&self, amz_date: &str, canonical_request_sha256: &[u8; 32]) -> [u8; 32] {
        let mut hash = String::with_capacity(64);
        hex_into(&mut hash, canonical_request_sha256);
        let mut mac = self.mac.clone();
        for part in [ALGORITHM, "\n", amz_date, "\n", &self.scope, "\n", &hash] {
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// The signature over a POST policy, which is signed as it stands.
    pub(super) fn sign_policy(&self, policy: &str) -> [u8; 32] {
        self.mac.clone().chain_update(policy.as_bytes()).finalize().into_bytes().into()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    keyed(key).chain_update(data).finalize().into_bytes().into()
}

const SERVICE: &str = "s3";
const TERMINATOR: &str = "aws4_request";
/// One region for most, a few around midnight; each costs some 300 bytes.
const MAX_KEYS: usize = 17;
