//! The gate that every signature passes, until its record is durable. Who closes it lets nobody in any more, and can wait
//! until those are out who were in.

use std::sync::Arc;

use tokio::sync::watch;

/// One for each generation, and one for each name of an identity.
#[derive(Debug, Default)]
pub(super) struct Gate(watch::Sender<Seen>);

#[derive(Debug, Default)]
struct Seen {
    is_closed: bool,
    /// What AWS thinks of the session, whatever operators decide.
    dead: Option<Dead>,
    inside: usize,
}

/// Why what is behind it signs nothing of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    /// AWS does not know its key any more, which mints nothing either.
    Key,
    /// Every canary is denied to it. That tells of those objects only: STS says itself whether it may mint.
    Denied,
}

/// Somebody inside; out when it is dropped.
#[derive(Debug)]
pub(super) struct Passing(Arc<Gate>);

impl Gate {
    /// `None`: it is closed.
    pub(super) fn pass(self: &Arc<Self>) -> Option<Passing> {
        let mut passed = false;
        // Nobody waits for somebody to come in: no need to wake anyone.
        self.0.send_if_modified(|seen| {
            passed = !seen.is_closed && seen.dead.is_none();
            seen.inside += usize::from(passed);
            false
        });
        passed.then(|| Passing(Arc::clone(self)))
    }

    /// Lets nobody in from here on. Whether it was open.
    pub(super) fn close(&self) -> bool {
        self.0.send_if_modified(|seen| !std::mem::replace(&mut seen.is_closed, true))
    }

    /// Lets them in again. Whether it was closed.
    pub(super) fn open(&self) -> bool {
        self.0.send_if_modified(|seen| std::mem::replace(&mut seen.is_closed, false))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    /// Lets nobody in, because what is behind it signs nothing of use. Whether that, or the reason, is news.
    pub(super) fn bury(&self, why: Dead) -> bool {
        self.0.send_if_modified(|seen| seen.dead.replace(why) != Some(why))
    }

    /// Takes [`Self::bury`] back. Whether that is news.
    pub(super) fn revive(&self) -> bool {
        self.0.send_if_modified(|seen| seen.dead.take().is_some())
    }

    pub(super) fn is_dead(&self) -> bool {
        self.0.borrow().dead.is_some()
    }

    /// Whether it lets anybody in.
    pub(super) fn is_passable(&self) -> bool {
        let seen = self.0.borrow();
        !seen.is_closed && seen.dead.is_none()
    }

    /// Whether what is behind it may mint sessions for others.
    pub(super) fn mints(&self) -> bool {
        let seen = self.0.borrow();
        !seen.is_closed && seen.dead != Some(Dead::Key)
    }

    /// Whether anybody is inside, or may come in once the dead are seen alive.
    pub(super) fn is_in_use(&self) -> bool {
        let seen = self.0.borrow();
        !seen.is_closed || seen.inside > 0
    }

    /// Waits until nobody is inside. Who comes in meanwhile, because the gate is open, is waited for too.
    pub(super) async fn is_empty(&self) {
        let mut seen = self.0.subscribe();
        // Fails only when the gate is gone, and with it everybody inside.
        let _ = seen.wait_for(|seen| seen.inside == 0).await;
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.0.send_if_modified(|seen| {
            seen.inside -= 1;
            seen.inside == 0
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_closed_gate_lets_nobody_in_and_is_empty_when_the_last_is_out() {
        let gate = Arc::new(Gate::default());
        let (one, two) = (gate.pass().unwrap(), gate.pass().unwrap());
        assert!(gate.close() && !gate.close() && gate.is_closed());
        assert!(gate.pass().is_none());
        drop(one);
        assert_eq!(gate.is_empty().now_or_never(), None, "one is inside");
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.is_empty().await }
        });
        tokio::task::yield_now().await;
        drop(two);
        waiting.await.unwrap();
        assert!(gate.pass().is_none(), "it stays closed");
        assert!(gate.open() && !gate.open() && gate.pass().is_some());
    }

    #[test]
    fn who_is_dead_passes_nobody_and_is_no_decision_of_an_operator() {
        let gate = Arc::new(Gate::default());
        let bury = |why| gate.bury(why) && !gate.bury(why);
        assert!(bury(Dead::Denied) && gate.is_dead() && !gate.is_closed() && gate.pass().is_none());
        gate.close();
        assert!(gate.revive() && !gate.revive() && gate.pass().is_none(), "it stays closed");
        gate.open();
        assert!(gate.is_passable() && gate.pass().is_some());
    }

    #[test]
    fn who_is_only_denied_mints_until_its_key_is_dead_too_or_an_operator_closes_it() {
        let gate = Arc::new(Gate::default());
        for (why, mints) in [(Dead::Denied, true), (Dead::Key, false), (Dead::Denied, true)] {
            assert!(gate.bury(why), "that is news");
            assert_eq!((gate.mints(), gate.is_passable()), (mints, false), "{why:?}");
        }
        assert!(gate.close() && !gate.mints());
    }

    #[test]
    fn whoever_passes_while_it_is_closed_is_waited_for() {
        for _ in 0..200 {
            let gate = Arc::new(Gate::default());
            let signer = std::thread::spawn({
                let gate = Arc::clone(&gate);
                move || gate.pass()
            });
            gate.close();
            let is_empty = gate.is_empty().now_or_never().is_some();
            let passed = signer.join().unwrap();
            assert!(!(is_empty && passed.is_some()), "closed and empty, and yet somebody is inside");
        }
    }
}
