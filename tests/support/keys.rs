//! The credentials that the stand-ins know: STS adds to them, S3 looks them up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::now;

/// One access key and what it belongs to.
#[derive(Clone)]
pub struct Key {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: String,
    pub secret: String,
    pub token: Option<String>,
    /// `None` for a long-term key.
    pub ends_at: Option<i64>,
    pub active: bool,
    /// Kept for [`Keys::secrets`] alone.
    pub deleted: bool,
    pub arn: String,
    /// As `GetCallerIdentity` gives it in `UserId`.
    pub user_id: String,
}

/// All keys, shared between stand-ins.
#[derive(Clone, Default)]
pub struct Keys(Arc<Mutex<BTreeMap<String, Key>>>, Arc<Mutex<BTreeSet<String>>>);

impl Keys {
    /// A long-term key of an IAM user.
    pub fn user(&self, name: &str) -> Key {
        self.keep(Key {
            access_key_id: format!("AKIA{}", letters(16)),
            secret: secret(40),
            token: None,
            ends_at: None,
            active: true,
            deleted: false,
            arn: format!("arn:aws:iam::{ACCOUNT}:user/{name}"),
            user_id: unique_id("AIDA", name),
        })
    }

    /// Temporary credentials that live until `ends_at`.
    pub fn session(&self, arn: String, user_id: String, ends_at: i64) -> Key {
        let token = format!("FwoGZXIvYXdzE/+{}==", secret(960));
        let (access_key_id, secret) = (format!("ASIA{}", letters(16)), secret(40));
        let (token, ends_at) = (Some(token), Some(ends_at));
        self.keep(Key { access_key_id, secret, token, ends_at, active: true, deleted: false, arn, user_id })
    }

    /// A key by its id.
    pub fn find(&self, access_key_id: &str) -> Option<Key> {
        self.lock().get(access_key_id).filter(|key| !key.deleted).cloned()
    }

    /// Makes a key inactive, as a person in the IAM console would.
    pub fn deactivate(&self, access_key_id: &str) {
        self.lock().get_mut(access_key_id).expect("a key that was made here").active = false;
    }

    /// Makes it active again.
    pub fn activate(&self, access_key_id: &str) {
        self.lock().get_mut(access_key_id).expect("a key that was made here").active = true;
    }

    /// Deletes a key, for good: from now on it never was.
    pub fn delete(&self, access_key_id: &str) {
        self.lock().get_mut(access_key_id).expect("a key that was made here").deleted = true;
    }

    /// Its time is over, whatever was told of it.
    pub fn expire(&self, access_key_id: &str) {
        self.lock().get_mut(access_key_id).expect("a key that was made here").ends_at = Some(now());
    }

    /// A policy denies a key everything in S3, or no more. STS does not care (SEMANTICS.md 1.7).
    pub fn deny(&self, access_key_id: &str, denied: bool) {
        let mut all = self.1.lock().expect("no holder panics");
        if denied {
            all.insert(access_key_id.to_owned())
        } else {
            all.remove(access_key_id)
        };
    }

    /// Whether a policy denies it.
    pub fn is_denied(&self, access_key_id: &str) -> bool {
        self.1.lock().expect("no holder panics").contains(access_key_id)
    }

    /// Every secret and token ever given out: what must be found nowhere.
    pub fn secrets(&self) -> Vec<String> {
        self.lock().values().flat_map(|key| [Some(key.secret.clone()), key.token.clone()]).flatten().collect()
    }

    /// Ids of all temporary keys, the newest last.
    pub fn sessions(&self) -> Vec<Key> {
        let mut sessions: Vec<Key> = self.lock().values().filter(|key| key.ends_at.is_some()).cloned().collect();
        sessions.sort_by_key(|key| key.ends_at);
        sessions
    }

    fn keep(&self, key: Key) -> Key {
        self.lock().insert(key.access_key_id.clone(), key.clone());
        key
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Key>> {
        self.0.lock().expect("no holder panics")
    }
}

impl Key {
    /// Whether it still signs, by the stand-in's clock.
    pub fn is_over(&self) -> bool {
        self.ends_at.is_some_and(|ends_at| ends_at <= now())
    }
}

/// The same name has the same unique id, as long as it is the same principal.
pub fn unique_id(prefix: &str, name: &str) -> String {
    let mut random = fastrand::Rng::with_seed(name.bytes().fold(7, |seed, byte| seed * 31 + u64::from(byte)));
    let rest: String = (0..17).map(|_| char::from(ALPHABET[random.usize(..ALPHABET.len())])).collect();
    format!("{prefix}{rest}")
}

fn letters(length: usize) -> String {
    (0..length).map(|_| char::from(ALPHABET[fastrand::usize(..ALPHABET.len())])).collect()
}

/// With the characters that must be percent-encoded in a URL.
fn secret(length: usize) -> String {
    (0..length)
        .map(|at| if at % 13 == 5 { ['/', '+'][fastrand::usize(..2)] } else { fastrand::alphanumeric() })
        .collect()
}

/// The account of every principal here.
pub const ACCOUNT: &str = "123456789012";
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
