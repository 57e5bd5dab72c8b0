//! How much of each grant's rate each caller has spent. The rule is `access::rate`; here is the memory of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::access::rate::{Rate, TokenBucket};
use crate::access::{Caller, GrantName, Permit};

/// One bucket for each grant and user.
pub(super) struct Rates {
    since: Instant,
    spent: Mutex<HashMap<(GrantName, u32), (Rate, TokenBucket)>>,
}

impl Rates {
    pub(super) fn new(since: Instant) -> Self {
        Self { since, spent: Mutex::default() }
    }

    /// Takes one signature out of what the permit's rate allows; else how long until there is room.
    pub(super) fn spend(&self, caller: &Caller, permit: &Permit, now: Instant) -> Result<(), Duration> {
        let Some(rate) = permit.rate else { return Ok(()) };
        let now = u64::try_from(now.duration_since(self.since).as_micros()).unwrap_or(u64::MAX);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= MAX_BUCKETS {
            // A full bucket says no more than its absence.
            spent.retain(|_, (rate, bucket)| !bucket.is_full(*rate, now));
        }
        let key = (permit.grant.clone(), caller.uid);
        let (known, bucket) = spent.entry(key).or_insert_with(|| (rate, TokenBucket::full(rate, now)));
        // A reload may have given the grant another rate.
        *known = rate;
        bucket.take(rate, now).map_err(Duration::from_micros)
    }
}

/// Buckets beyond which full ones are dropped.
const MAX_BUCKETS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{BucketPattern, Grant, Grants, Identities, Operations, Who};
    use crate::s3::form::{Form, Signable, Target};
    use crate::s3::{Addressing, Bucket, KeyPrefix};
    use crate::session::IdentityName;
    use crate::time::Ttl;

    fn caller(uid: u32) -> Caller {
        Caller { uid, gid: uid, pid: None, executable: None }
    }

    fn permit() -> Permit {
        let grant = Grant {
            name: None,
            who: Who::Any,
            identities: Identities::All,
            buckets: vec![BucketPattern::StartsWith(String::new())],
            prefixes: vec![KeyPrefix::default()],
            operations: Operations::All,
            max_expires_in: Ttl::MAX,
            rate: Some(Rate { per_second: 1, burst: 1 }),
        };
        let target = Target::StartsWith(KeyPrefix::default());
        let bucket = Bucket::parse("photos").unwrap();
        let form = Form::new(bucket, target, Vec::new(), Vec::new(), None, Addressing::default()).unwrap();
        let identity = IdentityName::parse("web").unwrap();
        Grants::new(0, vec![grant]).decide(&caller(1), &identity, &Signable::Form(form)).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_users_rate_is_not_another_users() {
        let now = Instant::now();
        let (rates, permit) = (Rates::new(now), permit());
        assert_eq!(rates.spend(&caller(1), &permit, now), Ok(()));
        assert_eq!(rates.spend(&caller(1), &permit, now), Err(Duration::from_secs(1)));
        assert_eq!(rates.spend(&caller(2), &permit, now), Ok(()));
        assert_eq!(rates.spend(&caller(1), &permit, now + Duration::from_secs(1)), Ok(()));
    }
}
