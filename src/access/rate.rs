//! How often: a token bucket, told the time.

/// Signatures per second, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Refilled each second; 1 to [`MAX_PER_SECOND`].
    pub per_second: u32,
    /// Held at most; 1 to [`MAX_PER_SECOND`].
    pub burst: u32,
}

/// What one caller has left of one grant. Begins full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    /// Millionths of a token.
    left: u64,
    /// When `left` was right, in microseconds of a monotonic clock.
    at: u64,
}

impl TokenBucket {
    /// A full bucket at `now`, in microseconds of a monotonic clock.
    pub fn full(rate: Rate, now: u64) -> Self {
        Self { left: capacity(rate), at: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The microseconds until there is one; nothing is taken. A time before that of the last call counts as that time.
    pub fn take(&mut self, rate: Rate, now: u64) -> Result<(), u64> {
        self.refill(rate, now);
        match self.left.checked_sub(TOKEN) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err((TOKEN - self.left).div_ceil(u64::from(rate.per_second.max(1)))),
        }
    }

    /// When it is full again, if nothing more is taken: in microseconds, rounded up. Forgetting it then changes nothing,
    /// and forgetting it before gives its owner what is missing until then.
    pub fn full_at(&self, rate: Rate) -> u64 {
        let missing = capacity(rate).saturating_sub(self.left);
        self.at.saturating_add(missing.div_ceil(u64::from(rate.per_second.max(1))))
    }

    /// One token a second is one millionth a microsecond, so the sums are exact.
    fn refill(&mut self, rate: Rate, now: u64) {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let more = passed.saturating_mul(rate.per_second.into());
        self.left = self.left.saturating_add(more).min(capacity(rate));
    }
}

fn capacity(rate: Rate) -> u64 {
    u64::from(rate.burst) * TOKEN
}

const TOKEN: u64 = 1_000_000;

/// More than one daemon can sign.
pub const MAX_PER_SECOND: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_says_how_long_to_wait() {
        let rate = Rate { per_second: 4, burst: 2 };
        let mut bucket = TokenBucket::full(rate, 0);
        assert_eq!([bucket.take(rate, 0), bucket.take(rate, 0), bucket.take(rate, 0)], [Ok(()), Ok(()), Err(250_000)]);
        assert_eq!(bucket.take(rate, 249_999), Err(1));
        assert_eq!(bucket.take(rate, 250_000), Ok(()));
    }

    #[test]
    fn a_bucket_never_holds_more_than_its_burst() {
        let rate = Rate { per_second: 10, burst: 1 };
        let mut bucket = TokenBucket::full(rate, 0);
        assert_eq!(bucket.full_at(rate), 0);
        assert_eq!([bucket.take(rate, 60 * SECOND), bucket.take(rate, 60 * SECOND)], [Ok(()), Err(100_000)]);
        assert_eq!(bucket.full_at(rate), 60 * SECOND + 100_000);
    }

    proptest! {
        #[test]
        fn no_more_leaves_than_burst_and_time_allow(
            per_second in 1u32..50, burst in 1u32..50, waits in prop::collection::vec(0u64..300_000, 1..200),
        ) {
            let rate = Rate { per_second, burst };
            let mut bucket = TokenBucket::full(rate, 0);
            let (mut now, mut taken) = (0, 0u64);
            for wait in waits {
                now += wait;
                match bucket.take(rate, now) {
                    Ok(()) => taken += 1,
                    // Who waits as long as told is served.
                    Err(wait) => prop_assert_eq!(bucket.clone().take(rate, now + wait), Ok(())),
                }
            }
            prop_assert!(taken * SECOND <= u64::from(burst) * SECOND + now * u64::from(per_second));
        }
    }
}
