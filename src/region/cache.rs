//! What was found, for an hour: a bucket can be deleted and made again elsewhere. Told the time.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::s3::Region;

/// At most [`MAX_BUCKETS`], each for [`LIFE`].
#[derive(Default)]
pub(super) struct Cache(HashMap<String, (Region, Instant)>);

impl Cache {
    pub(super) fn get(&self, url: &str, now: Instant) -> Option<Region> {
        self.0.get(url).filter(|(_, ends_at)| now < *ends_at).map(|(region, _)| region.clone())
    }

    /// When there is no room, what has ended goes, and if nothing has, what ends first.
    pub(super) fn put(&mut self, url: String, region: Region, now: Instant) {
        if self.0.len() >= MAX_BUCKETS && !self.0.contains_key(&url) {
            self.0.retain(|_, (_, ends_at)| now < *ends_at);
            if self.0.len() >= MAX_BUCKETS {
                let first = self.0.iter().min_by_key(|(_, (_, ends_at))| *ends_at).map(|(url, _)| url.clone());
                first.and_then(|first| self.0.remove(&first));
            }
        }
        self.0.insert(url, (region, now + LIFE));
    }
}

pub(super) const MAX_BUCKETS: usize = 10_000;
pub(super) const LIFE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_full_cache_makes_room_by_what_ends_first() {
        let (mut cache, start) = (Cache::default(), Instant::now());
        let region = Region::parse("eu-central-1").unwrap();
        for i in 0..=MAX_BUCKETS {
            cache.put(i.to_string(), region.clone(), start + Duration::from_millis(i as u64));
        }
        assert_eq!(cache.0.len(), MAX_BUCKETS);
        assert_eq!((cache.get("0", start), cache.get("1", start)), (None, Some(region)));
    }
}
