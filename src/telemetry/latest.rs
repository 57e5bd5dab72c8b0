//! How the latest calls to AWS went, for who asks the daemon how it is. Words and an instant, never a secret: counters tell
//! how many, this tells what the last of them was told.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::session::IdentityName;
use crate::time::Timestamp;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As was wanted.
    Ok,
    /// There was an answer, and it was another.
    Refused,
    /// Nobody answered.
    Silent,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When it was over, by AWS's time.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// What was asked, and what came of it.
    pub message: String,
}

/// The latest of each kind.
#[derive(Debug, Default)]
pub struct Latest(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    sts: Option<Call>,
    region: Option<Call>,
    /// By identity and object; of configured identities alone.
    canaries: BTreeMap<IdentityName, BTreeMap<String, Call>>,
}

impl Latest {
    /// A call to STS is over.
    pub fn sts(&self, call: Call) {
        self.with(|all| all.sts = Some(call));
    }

    /// S3 was asked where a bucket is.
    pub fn region(&self, call: Call) {
        self.with(|all| all.region = Some(call));
    }

    /// An identity has read its canary, or tried to.
    pub fn canary(&self, identity: &IdentityName, object: String, call: Call) {
        self.with(|all| {
            let objects = all.canaries.entry(identity.clone()).or_default();
            // Reloads may have changed them many times.
            if objects.len() >= MAX_OBJECTS {
                objects.clear();
            }
            objects.insert(object, call)
        });
    }

    /// The latest call to STS.
    pub fn of_sts(&self) -> Option<Call> {
        self.with(|all| all.sts.clone())
    }

    /// The latest look-up of a region.
    pub fn of_region(&self) -> Option<Call> {
        self.with(|all| all.region.clone())
    }

    /// The latest look at a canary.
    pub fn of_canary(&self, identity: &IdentityName, object: &str) -> Option<Call> {
        self.with(|all| all.canaries.get(identity)?.get(object).cloned())
    }

    /// Nobody holds the identity any more.
    pub(super) fn forget(&self, identity: &IdentityName) {
        self.with(|all| all.canaries.remove(identity));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Calls) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Objects of one identity; more than a configuration holds.
const MAX_OBJECTS: usize = 64;
