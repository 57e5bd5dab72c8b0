//! What the service manager is told: that the daemon serves, reloads or stops, how it is in one line that a person reads,
//! and, while every renewal task and the registry's writer answer, that it is alive.
//!
//! Nothing here waits for AWS: a watchdog that did would restart a daemon because of a network, and cost it its sessions.

mod status;

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, warn};

use crate::identity::Pulse;
use crate::issuer::Issuer;
use crate::registry::DAEMON;
use status::{Outstanding, line};

/// Tells it, for as long as this lives. Where there is no service manager nothing is told.
pub(super) struct Notify {
    /// Whether the configuration that was read last does not hold.
    refused: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Notify {
    /// Says that the daemon serves.
    pub(super) fn ready(issuer: &Arc<Issuer>) -> Self {
        let (refused, told) = watch::channel(false);
        let mut tasks = JoinSet::new();
        if std::env::var_os("NOTIFY_SOCKET").is_some() {
            tell(&[NotifyState::Ready]);
            tasks.spawn(tell_status(Arc::clone(issuer), told));
            if let Some(patience) = sd_notify::watchdog_enabled() {
                tasks.spawn(feed(Arc::clone(issuer), patience));
            }
        }
        Self { refused, tasks }
    }

    /// Says that the daemon reloads, until [`Self::reloaded`].
    pub(super) fn reloading(&self) {
        // The time tells this reload from an earlier one.
        let Ok(now) = NotifyState::monotonic_usec_now() else { return };
        tell(&[NotifyState::Reloading, now]);
    }

    /// Says how it went: it serves in any case.
    pub(super) fn reloaded(&self, holds: bool) {
        self.refused.send_replace(!holds);
        tell(&[NotifyState::Ready]);
    }

    /// Says that the daemon stops, and how long it may take: longer than the service manager grants by itself, where the
    /// configuration lets calls drain for longer.
    pub(super) fn stopping(mut self, most: Duration) {
        self.tasks.abort_all();
        let most = u32::try_from(most.as_micros()).unwrap_or(u32::MAX);
        let status = NotifyState::Status("stopping: calls under way are finished, new ones wait or are refused");
        tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(most), status]);
    }
}

/// A service manager that does not listen is nothing that the daemon could mend.
fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        warn!(%error, "the service manager could not be told");
    }
}

/// Tells how the daemon is, each time that it changes.
async fn tell_status(issuer: Arc<Issuer>, refused: watch::Receiver<bool>) {
    let mut told = String::new();
    let (mut outstanding, mut rounds) = (None, 0_u32);
    loop {
        if rounds.is_multiple_of(COUNT_EVERY) {
            let rows = issuer.registry().sessions(DAEMON, None).await.ok();
            outstanding = rows.map(|rows| Outstanding::of(&rows));
        }
        rounds = rounds.wrapping_add(1);
        let identities = Arc::clone(&issuer.rules().identities);
        let all = identities.names().filter_map(|name| identities.identity(name));
        let states: Vec<_> = all.map(|identity| (identity.name().to_string(), identity.status().state)).collect();
        let now = line(&states, outstanding, issuer.registry().is_writable(), *refused.borrow());
        if now != told {
            tell(&[NotifyState::Status(&now)]);
            told = now;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Feeds the watchdog four times in its patience, while everything answers that must live.
async fn feed(issuer: Arc<Issuer>, patience: Duration) {
    loop {
        let asked = issuer.clock().monotonic();
        let missing = missing(&issuer, patience / 2).await;
        if missing.is_empty() {
            tell(&[NotifyState::Watchdog]);
        } else {
            error!(?missing, "these do not answer; the service manager will restart the daemon unless they do");
        }
        tokio::time::sleep_until(asked + patience / 4).await;
    }
}

/// Whatever does not answer in time.
async fn missing(issuer: &Issuer, patience: Duration) -> Vec<String> {
    let identities = Arc::clone(&issuer.rules().identities);
    let all = identities.names().filter_map(|name| identities.identity(name));
    let pulses: Vec<(String, Arc<Pulse>)> =
        all.flat_map(|identity| identity.pulses().map(move |pulse| (identity.name().to_string(), pulse))).collect();
    let (clock, asked) = (issuer.clock(), issuer.clock().monotonic());
    pulses.iter().for_each(|(_, pulse)| pulse.ask());
    let answered = tokio::time::timeout(patience, issuer.registry().ping()).await;
    let writer = (!matches!(answered, Ok(Ok(())))).then(|| "the registry's writer".to_owned());
    let silent = |(_, pulse): &&(String, Arc<Pulse>)| !pulse.answers(asked, clock.monotonic());
    while pulses.iter().any(|one| silent(&one)) && asked.elapsed() < patience {
        tokio::time::sleep(ANSWER).await;
    }
    let renewals = pulses.iter().filter(silent).map(|(name, _)| format!("the renewal of {name}"));
    writer.into_iter().chain(renewals.take(MOST_NAMED)).collect()
}

/// How late the line may be.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// URLs are counted by the registry, so less often: every so many looks.
const COUNT_EVERY: u32 = 5;
/// How soon an answer is looked for again.
const ANSWER: Duration = Duration::from_millis(20);
/// The log does not take a line of a thousand tenants.
const MOST_NAMED: usize = 8;
