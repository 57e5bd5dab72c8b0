//! Virtual time that passes when it is told to, and only after everything that was set going has come to rest. The
//! registry and files work in real time, on threads of their own; so time stands still while they do.

use std::sync::mpsc;
use std::time::Duration;

use presignd::clock::Clock;
use presignd::registry::Registry;
use presignd::session::{Facts, IdentityName};
use tokio::runtime::Runtime;
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::advance;

use crate::wire::Wire;

/// A runtime whose time is paused, with room for one blocking task beside the one that keeps time from leaping.
pub(crate) fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).max_blocking_threads(2).build().expect("a runtime")
}

/// Time.
pub(crate) struct StandStill {
    wire: Wire,
    clock: Clock,
    registry: Registry,
    /// What stands in the registry's queue behind all that was asked of it before.
    last: (IdentityName, Facts),
    _hold: Hold,
}

/// Keeps time from leaping for as long as it is there.
pub(crate) struct Hold(#[expect(dead_code, reason = "its end is what counts")] mpsc::Sender<()>);

/// From now on no timer goes off by itself: while a blocking task runs, tokio does not leap to the next one.
pub(crate) fn hold() -> Hold {
    let (release, held) = mpsc::channel::<()>();
    spawn_blocking(move || held.recv());
    Hold(release)
}

impl StandStill {
    /// Rests when the registry and what goes over the wire do.
    pub(crate) fn new(hold: Hold, wire: Wire, registry: Registry, last: (IdentityName, Facts)) -> Self {
        Self { wire, clock: Clock::system(), registry, last, _hold: hold }
    }

    /// Lets time pass, in steps that end where something happens to a call.
    pub(crate) async fn pass(&self, length: Duration) {
        let mut left = length;
        self.rest().await;
        while !left.is_zero() {
            let step = left.min(self.next()).max(LEAST);
            advance(step).await;
            self.rest().await;
            left = left.saturating_sub(step);
        }
    }

    fn next(&self) -> Duration {
        let now = self.clock.monotonic();
        let cloud = self.wire.cloud();
        let calls = cloud.under_way.values().map(|due| due.map_or(HANGING, |due| due.saturating_duration_since(now)));
        calls.min().unwrap_or(LONG)
    }

    /// Lets time pass until `done` says so. What is waited for may go through the registry.
    pub(crate) async fn pass_until(&self, mut done: impl FnMut() -> bool) {
        loop {
            self.wire.cloud().answered += 1;
            self.rest().await;
            if done() {
                return;
            }
            self.pass(self.next().clamp(LEAST, HANGING)).await;
        }
    }

    /// Until nothing moves any more: every task waits for time to pass.
    pub(crate) async fn rest(&self) {
        loop {
            // Each hop is a read of a file, or a thread that answers.
            for _ in 0..HOPS {
                for _ in 0..YIELDS {
                    yield_now().await;
                }
                spawn_blocking(|| ()).await.expect("it does nothing");
            }
            if std::mem::take(&mut self.wire.cloud().answered) == 0 {
                return;
            }
            let (name, facts) = self.last.clone();
            self.registry.enrol(&name, facts).await.expect("the registry takes it");
        }
    }
}

const LEAST: Duration = Duration::from_millis(1);
const HANGING: Duration = Duration::from_secs(1);
/// Timers go off as late as this: it is a busy machine.
const LONG: Duration = Duration::from_secs(120);
const HOPS: usize = 4;
const YIELDS: usize = 3;
