//! Callers who want a session now wait for the next attempt to end: it is theirs together.
//!
//! Never asks the source: it tells the keeper that somebody waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::Keeper;
use crate::identity::Live;
use crate::identity::error::{RELOADED, RenewError, STOPPED};
use crate::identity::replaced::Replaced;

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
        self.after(seen, ended).await
    }

    /// The same, and what comes signs, also where what signs now lives longer.
    pub(in crate::identity) async fn replace(&self) -> Result<Replaced, Arc<RenewError>> {
        let mut ended = self.ended.subscribe();
        let (seen, former) = {
            let mut kept = self.kept();
            let seen = ended.borrow_and_update().number;
            kept.replaces = seen + 1;
            (seen, kept.shelf.current(self.clock.now()))
        };
        self.want();
        let live = self.after(seen, ended).await?;
        Ok(Replaced { session: Arc::clone(&live.session), former: former.map(|live| Arc::clone(&live.session)) })
    }

    /// Tells whoever waits how an attempt has ended. What it gave signs if somebody asked for that until now: nobody asks
    /// between the look and the word.
    pub(super) fn conclude(&self, number: u64, outcome: Result<Arc<Live>, Arc<RenewError>>) {
        self.measure();
        let mut kept = self.kept();
        if let Ok(live) = &outcome
            && kept.replaces == number
        {
            kept.shelf.supersede(live.session.id);
        }
        self.ended.send_replace(Ended { number, outcome: Some(outcome) });
        drop(kept);
        self.measure();
        self.control.news.notify_one();
    }

    /// How the first attempt ends that had not ended when that many had.
    async fn after(&self, seen: u64, mut ended: watch::Receiver<Ended>) -> Result<Arc<Live>, Arc<RenewError>> {
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
