//! Callers who want a session now wait for the next attempt to end: it is theirs together.
//!
//! Never asks the source: it tells the keeper that somebody waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Keeper;
use crate::identity::Live;
use crate::identity::error::{RELOADED, RenewError, STOPPED};

/// How the last attempt ended.
#[derive(Clone, Default)]
pub(in crate::identity) struct Ended {
    /// Counted from 1; 0 before the first has ended.
    pub number: u64,
    pub(super) outcome: Option<Result<Arc<Live>, Arc<RenewError>>>,
}

impl Keeper {
    pub(in crate::identity) async fn outcome(&self) -> Result<Arc<Live>, Arc<RenewError>> {
        let mut ended = self.ended.subscribe();
        loop {
            if let Some(outcome) = ended.borrow_and_update().outcome.clone() {
                return outcome;
            }
            tokio::select! {
                _ = ended.changed() => {}
                () = self.stop.cancelled() => return Err(self.stopped()),
            }
        }
    }

    pub(in crate::identity) async fn renew(&self) -> Result<Arc<Live>, Arc<RenewError>> {
        let mut ended = self.ended.subscribe();
        let seen = ended.borrow_and_update().number;
        self.want();
        loop {
            let changed = tokio::select! {
                changed = ended.changed() => changed.is_ok(),
                () = self.stop.cancelled() => false,
            };
            let Ended { number, outcome } = ended.borrow_and_update().clone();
            match outcome {
                Some(outcome) if number > seen => return outcome,
                _ if !changed => return Err(self.stopped()),
                _ => {}
            }
        }
    }

    /// Makes another attempt, for which nobody waits.
    pub(in crate::identity) fn want(&self) {
        self.wanted.fetch_max(self.ended.borrow().number + 1, Ordering::Relaxed);
        self.nudge.notify_one();
    }

    /// Looks at itself, because something that it measures has changed.
    pub(in crate::identity) fn look(&self) {
        self.nudge.notify_one();
    }

    fn stopped(&self) -> Arc<RenewError> {
        Arc::new(match self.kept().retired {
            true => RenewError::new(RELOADED, "the configuration was reloaded meanwhile; ask again"),
            false => RenewError::new(STOPPED, "the daemon is stopping"),
        })
    }
}
