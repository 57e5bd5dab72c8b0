//! How much of each grant's rate each caller has spent. The rule is `access::rate`; here is the memory of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::access::rate::TokenBucket;
use crate::access::{Caller, GrantName, Permit};

/// One bucket for each grant and user.
pub(super) struct Rates {
    since: Instant,
    spent: Mutex<Spent>,
}

/// At most [`MAX_BUCKETS`].
#[derive(Default)]
struct Spent {
    buckets: HashMap<Key, Bucket>,
    /// Every bucket by the instant at which it is full again.
    by_full_at: BTreeSet<(u64, Key)>,
}

type Key = (GrantName, u32);

struct Bucket {
    tokens: TokenBucket,
    full_at: u64,
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
        let key = (permit.grant.clone(), caller.uid);
        let mut tokens = spent.take_out(&key).unwrap_or_else(|| TokenBucket::full(rate, now));
        let outcome = tokens.take(rate, now).map_err(Duration::from_micros);
        spent.put(key, Bucket { full_at: tokens.full_at(rate), tokens });
        outcome
    }
}

impl Spent {
    fn take_out(&mut self, key: &Key) -> Option<TokenBucket> {
        let Bucket { tokens, full_at } = self.buckets.remove(key)?;
        self.by_full_at.remove(&(full_at, key.clone()));
        Some(tokens)
    }

    /// Makes room by forgetting the bucket that is full first. One that is full already says no more than its absence;
    /// while none is, the one that goes gives back the least of what was spent, so whoever comes with many uids wins
    /// nothing for one that has spent more than they.
    fn put(&mut self, key: Key, bucket: Bucket) {
        if self.buckets.len() >= MAX_BUCKETS
            && let Some((_, first)) = self.by_full_at.pop_first()
        {
            self.buckets.remove(&first);
        }
        self.by_full_at.insert((bucket.full_at, key.clone()));
        self.buckets.insert(key, bucket);
    }
}

/// Grants times users that are remembered.
const MAX_BUCKETS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::rate::Rate;
    use crate::access::{BucketPattern, Grant, Grants, Identities, Operations, Who};
    use crate::s3::form::{Form, Signable, Target};
    use crate::s3::{Addressing, Bucket, KeyPrefix};
    use crate::session::IdentityName;
    use crate::time::Ttl;

    fn caller(uid: u32) -> Caller {
        Caller { uid, gid: uid, pid: None, executable: None }
    }

    fn permit(burst: u32) -> Permit {
        let grant = Grant {
            name: None,
            who: Who::Any,
            identities: Identities::All,
            buckets: vec![BucketPattern::StartsWith(String::new())],
            prefixes: vec![KeyPrefix::default()],
            operations: Operations::All,
            max_expires_in: Ttl::MAX,
            rate: Some(Rate { per_second: 1, burst }),
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
        let (rates, permit) = (Rates::new(now), permit(1));
        assert_eq!(rates.spend(&caller(1), &permit, now), Ok(()));
        assert_eq!(rates.spend(&caller(1), &permit, now), Err(Duration::from_secs(1)));
        assert_eq!(rates.spend(&caller(2), &permit, now), Ok(()));
        assert_eq!(rates.spend(&caller(1), &permit, now + Duration::from_secs(1)), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_users_neither_grows_the_memory_nor_gives_back_what_another_has_spent() {
        let now = Instant::now();
        let (rates, permit) = (Rates::new(now), permit(2));
        for _ in 0..2 {
            rates.spend(&caller(1), &permit, now).unwrap();
        }
        let flood = u32::try_from(MAX_BUCKETS).unwrap() * 2;
        for uid in 2..flood {
            rates.spend(&caller(uid), &permit, now).unwrap();
        }
        let held = |spent: &Spent| (spent.buckets.len(), spent.by_full_at.len());
        assert_eq!(held(&rates.spent.lock().unwrap()), (MAX_BUCKETS, MAX_BUCKETS));
        assert_eq!(rates.spend(&caller(1), &permit, now), Err(Duration::from_secs(1)));
        assert_eq!(held(&rates.spent.lock().unwrap()), (MAX_BUCKETS, MAX_BUCKETS));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_full_again_makes_room_first() {
        let now = Instant::now();
        let (rates, permit) = (Rates::new(now), permit(1));
        rates.spend(&caller(0), &permit, now).unwrap();
        let later = now + Duration::from_secs(1);
        for uid in 1..=u32::try_from(MAX_BUCKETS).unwrap() {
            rates.spend(&caller(uid), &permit, later).unwrap();
        }
        let spent = rates.spent.lock().unwrap();
        let has = |uid| spent.buckets.contains_key(&(permit.grant.clone(), uid));
        assert_eq!((has(0), has(1)), (false, true));
    }
}
