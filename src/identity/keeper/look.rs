//! When a keeper looks whether somebody has replaced what its source reads. It never asks the source for a session.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Keeper, sleep_until};
use crate::identity::Live;
use crate::identity::error::RenewError;

impl Keeper {
    /// When to look next. The pause is for attempts: where a look is no attempt, only `poll` counts.
    pub(super) fn look_at(&self) -> Option<Instant> {
        let least = if self.source.tells_changes() { None } else { Some(self.pace.min_pause) };
        self.source.poll().map(|poll| self.clock.monotonic() + poll.max(least.unwrap_or_default()))
    }

    /// Whether to look at all until the next attempt. After a failure that is due anyway; but backoff must not hide what
    /// somebody has mended meanwhile, and who put a key there that may not sign, puts another.
    pub(super) fn looks_after(&self, outcome: &Result<Arc<Live>, Arc<RenewError>>) -> bool {
        let waits_for_a_key =
            outcome.as_ref().map_or_else(|error| error.is_of_a_key() || error.is_of_the_dead(), |_| true);
        waits_for_a_key || self.source.tells_changes() || self.kept().prepared.is_some()
    }

    /// Waits out the pause, or until somebody has changed what the source reads: then `true`.
    pub(super) async fn rest(&self, until: Instant) -> bool {
        loop {
            let look_at = self.look_at().filter(|_| self.source.tells_changes());
            tokio::select! {
                () = sleep_until(Some(until)) => return false,
                () = sleep_until(look_at) => if self.source.has_news().await { return true },
            }
        }
    }
}
