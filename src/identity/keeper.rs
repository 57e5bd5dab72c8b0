//! Keeps one identity in sessions: the only place that asks its source, one attempt at a time.
//!
//! Renews ahead of the end; a failure takes nothing away and is tried again with backoff. Callers who want a session
//! now wait for the next attempt to end: it is theirs together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::error::{ENDED, REGISTRY, RELOADED, RenewError, STOPPED, TIMEOUT};
use super::mint::{Mint, Minted};
use super::shelf::Shelf;
use super::{Live, State, Status};
use crate::clock::Clock;
use crate::registry::Registry;
use crate::session::lifetime::{self, Fresh};
use crate::session::{Facts, IdentityName, RecordId, Session};
use crate::signer::Signer;
use crate::telemetry::Metrics;
use crate::time::Timestamp;

/// See the room.
pub(super) struct Keeper {
    name: IdentityName,
    source: Box<dyn Mint>,
    pace: Pace,
    registry: Registry,
    clock: Clock,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    state: Mutex<Kept>,
    /// The number of the last attempt that somebody wants.
    wanted: AtomicU64,
    nudge: Notify,
    /// The last attempt that has ended.
    pub(super) ended: watch::Sender<Ended>,
}

/// When to renew, as the table says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub headroom: Option<Duration>,
    pub min_pause: Duration,
}

/// What the lock holds; right after every statement.
#[derive(Default)]
struct Kept {
    shelf: Shelf,
    /// Another configuration is in force, and another keeper has the name.
    retired: bool,
    next_at: Option<Timestamp>,
    failures: u32,
    last_failure: String,
    last_failure_reason: &'static str,
    headroom: Option<Duration>,
}

#[derive(Clone, Default)]
pub(super) struct Ended {
    pub number: u64,
    outcome: Option<Result<Arc<Live>, Arc<RenewError>>>,
}

impl Keeper {
    pub(super) fn new(
        name: IdentityName,
        source: Box<dyn Mint>,
        pace: Pace,
        registry: Registry,
        clock: Clock,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Self {
        let (state, wanted, nudge) = (Mutex::default(), AtomicU64::new(0), Notify::new());
        let ended = watch::Sender::new(Ended::default());
        Self { name, source, pace, registry, clock, metrics, stop, state, wanted, nudge, ended }
    }

    /// Begins with the sessions of another keeper of the same source.
    pub(super) fn take_over(&self, former: &Self) {
        let shelf = former.kept().shelf.clone();
        self.kept().shelf = shelf;
    }

    /// Renews no more and tells no more of itself. Who waits is told to ask the one that came after.
    pub(super) fn retire(&self) {
        self.kept().retired = true;
        self.stop.cancel();
    }

    pub(super) fn current(&self) -> Option<Arc<Live>> {
        self.kept().shelf.current(self.clock.now())
    }

    pub(super) fn live(&self, session: RecordId) -> Option<Arc<Live>> {
        self.kept().shelf.live(session, self.clock.now())
    }

    pub(super) fn fresh(&self) -> Option<Fresh> {
        self.source.fresh()
    }

    pub(super) fn can_be_named(&self) -> bool {
        self.source.can_be_named()
    }

    pub(super) fn status(&self) -> Status {
        let (now, kept) = (self.clock.now(), self.kept());
        let state = match (kept.shelf.current(now).is_some(), kept.failures > 0) {
            (true, false) => State::Ready,
            (true, true) => State::RenewalFailing,
            (false, true) => State::Unavailable,
            (false, false) => State::Starting,
        };
        Status {
            state,
            sessions: kept.shelf.sessions(now),
            next_renewal_at: kept.next_at,
            failures: kept.failures,
            last_failure: kept.last_failure.clone(),
            last_failure_reason: kept.last_failure_reason,
            headroom: kept.headroom.or(self.pace.headroom).unwrap_or_default(),
        }
    }

    pub(super) async fn outcome(&self) -> Result<Arc<Live>, Arc<RenewError>> {
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

    pub(super) async fn renew(&self) -> Result<Arc<Live>, Arc<RenewError>> {
        let mut ended = self.ended.subscribe();
        let seen = ended.borrow_and_update().number;
        self.wanted.fetch_max(seen + 1, Ordering::Relaxed);
        self.nudge.notify_one();
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

    fn stopped(&self) -> Arc<RenewError> {
        Arc::new(match self.kept().retired {
            true => RenewError::new(RELOADED, "the configuration was reloaded meanwhile; ask again"),
            false => RenewError::new(STOPPED, "the daemon is stopping"),
        })
    }

    /// Until told to stop. A source that is being asked then is given up; what it has given is recorded first.
    pub(super) async fn run(&self) {
        let mut due = self.first();
        // What was taken over is looked after from the beginning.
        let mut look_at = self.look_at();
        let mut not_before: Option<Instant> = None;
        loop {
            // Wakes for the end of the session too: the gauges must not call a dead one ready.
            let ends_at = self.current().and_then(|live| live.session.facts.expires_at);
            let wake_at = [due, look_at, ends_at].into_iter().flatten().min();
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.clock.sleep_until(wake_at) => {}
                () = self.nudge.notified() => {}
            }
            self.measure();
            let done = self.ended.borrow().number;
            let is_over = |at: Option<Timestamp>| at.is_some_and(|at| at <= self.clock.now());
            if !is_over(due) && self.wanted.load(Ordering::Relaxed) <= done {
                if !is_over(look_at) {
                    continue;
                }
                let Some(news) = self.stop.run_until_cancelled(self.source.has_news()).await else { return };
                if !news {
                    look_at = self.look_at();
                    continue;
                }
            }
            if let Some(not_before) = not_before {
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = tokio::time::sleep_until(not_before) => {}
                }
            }
            let Some(outcome) = self.stop.run_until_cancelled(self.ask()).await else { return };
            let outcome = match outcome {
                Ok(minted) => self.admit(minted).await,
                Err(error) => Err(error),
            };
            not_before = Some(self.clock.monotonic() + self.pace.min_pause);
            due = self.settle(&outcome);
            // After a failure the next attempt is due anyway.
            look_at = if outcome.is_ok() { self.look_at() } else { None };
            self.measure();
            let outcome = Some(outcome.map_err(Arc::new));
            self.ended.send_replace(Ended { number: done + 1, outcome });
        }
    }

    async fn ask(&self) -> Result<Minted, RenewError> {
        let minted = timeout(ATTEMPT, self.source.mint()).await;
        minted.unwrap_or_else(|_| {
            Err(RenewError::new(TIMEOUT, "the source did not answer in time; presignd tries again by itself"))
        })
    }

    /// A source that gives what it gave before gives the same session.
    async fn admit(&self, mut minted: Minted) -> Result<Arc<Live>, RenewError> {
        let known = self.kept().shelf.of_key(&minted.facts.access_key_id);
        let is_named = |facts: &&Facts| !facts.principal_arn.is_empty() || !self.source.can_be_named();
        let named = known.as_ref().map(|live| &live.session.facts).filter(is_named);
        let vouched = |facts: &Facts| !facts.expiry_is_exact && !minted.facts.expiry_is_exact;
        let same_end = named.is_some_and(|facts| facts.expires_at == minted.facts.expires_at || vouched(facts));
        if let Some(live) = known.filter(|live| same_end && same_secret(live, &minted)) {
            return alive(live, self.clock.now());
        }
        if minted.facts.principal_arn.is_empty() {
            self.source.name(&mut minted).await;
        }
        let enrolled = self.registry.enrol(&self.name, minted.facts).await;
        let session = enrolled.map_err(|error| {
            let message = format!("the registry did not take the session, so it cannot sign: {error}");
            RenewError::new(REGISTRY, message)
        })?;
        let live = alive(Arc::new(Live { session, signer: Signer::new(minted.credentials) }), self.clock.now())?;
        self.kept().shelf.put(Arc::clone(&live), self.clock.now());
        let Session { id, generation, facts, .. } = &*live.session;
        let (kind, ends_at) = (facts.kind.as_str(), facts.expires_at);
        info!(identity = %self.name, session = %id, generation, kind, ?ends_at, principal = facts.principal_arn, "session");
        Ok(live)
    }

    /// When the first attempt is due: at once, unless there is a session that was taken over.
    fn first(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut kept = self.kept();
        kept.next_at = match kept.shelf.current(now) {
            Some(live) => self.next(&mut kept, &live.session, now),
            None => Some(now),
        };
        kept.next_at
    }

    /// When the next attempt is due after one that gave `session`.
    fn next(&self, kept: &mut Kept, session: &Session, now: Timestamp) -> Option<Timestamp> {
        let headroom = headroom(session, self.pace.headroom);
        kept.headroom = headroom;
        let ahead = headroom.and_then(|headroom| {
            let early = headroom + headroom.mul_f64(fastrand::f64() * JITTER);
            lifetime::renew_at(session, early)
        });
        let unnamed = session.facts.principal_arn.is_empty() && self.source.can_be_named();
        let unnamed = unnamed.then_some(now + NAME_AGAIN);
        // A source that repeats itself is asked now and then, not in a loop.
        let ahead = ahead.map(|at| if at > now { at } else { now + repeat(session, now) });
        let next = [ahead, unnamed].into_iter().flatten().min();
        next.map(|at| at.max(now + self.pace.min_pause))
    }

    /// Notes how an attempt went, and says when the next is due.
    fn settle(&self, outcome: &Result<Arc<Live>, RenewError>) -> Option<Timestamp> {
        let label = if outcome.is_ok() { "ok" } else { "failed" };
        self.metrics.renewals.with_label_values(&[self.name.as_str(), label]).inc();
        let now = self.clock.now();
        let mut kept = self.kept();
        kept.next_at = match outcome {
            Ok(live) => {
                kept.failures = 0;
                kept.last_failure.clear();
                kept.last_failure_reason = "";
                self.next(&mut kept, &live.session, now)
            }
            Err(error) => {
                kept.failures = kept.failures.saturating_add(1);
                kept.last_failure = error.to_string();
                kept.last_failure_reason = error.reason();
                let wait = backoff(kept.failures);
                let (failures, reason) = (kept.failures, error.reason());
                warn!(identity = %self.name, failures, reason, %error, ?wait, "could not get a session");
                Some(now + wait)
            }
        };
        debug!(identity = %self.name, next_at = ?kept.next_at, "next attempt");
        kept.next_at
    }

    /// When to look whether somebody has replaced what the source reads.
    fn look_at(&self) -> Option<Timestamp> {
        self.source.poll().map(|poll| self.clock.now() + poll.max(self.pace.min_pause))
    }

    fn measure(&self) {
        // Held to the end, so that nothing is told of a keeper that has retired.
        let kept = self.kept();
        if kept.retired {
            return;
        }
        let current = kept.shelf.current(self.clock.now());
        let ends_at = current.as_ref().and_then(|live| live.session.facts.expires_at).map_or(0, Timestamp::unix);
        self.metrics.session_expiry_timestamp_seconds.with_label_values(&[self.name.as_str()]).set(ends_at);
        self.metrics.identity_ready.with_label_values(&[self.name.as_str()]).set(i64::from(current.is_some()));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn alive(live: Arc<Live>, now: Timestamp) -> Result<Arc<Live>, RenewError> {
    if live.session.left(now).is_some() {
        return Ok(live);
    }
    let message = "the source gave credentials that have ended; see that it renews them, and that the clock is right";
    Err(RenewError::new(ENDED, message))
}

fn same_secret(live: &Live, minted: &Minted) -> bool {
    let (ours, theirs) = (live.signer.credentials(), &minted.credentials);
    ours.secret_access_key == theirs.secret_access_key && ours.session_token == theirs.session_token
}

/// What was configured, where the session is longer than that, else half of its life. `None` for a life without end.
fn headroom(session: &Session, configured: Option<Duration>) -> Option<Duration> {
    let life = session.facts.issued.not_after.until(session.facts.expires_at?)?;
    Some(configured.filter(|headroom| *headroom < life).unwrap_or(life / 2))
}

/// How long a source that repeats itself is left alone: a tenth of what is left, within bounds.
fn repeat(session: &Session, now: Timestamp) -> Duration {
    (session.left(now).unwrap_or_default() / 10).clamp(REPEAT_LEAST, REPEAT_MOST)
}

/// Full jitter: anything up to a bound that doubles with each failure, at least a second.
fn backoff(failures: u32) -> Duration {
    let bound = BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(BACKOFF_MOST);
    Duration::from_secs(1).max(bound.mul_f64(fastrand::f64()))
}

/// The longest that one attempt may take. Each source bounds its own calls far below; this is for what it waits for, the
/// base's pause and the budget, which may delay a caller and must not fail it.
const ATTEMPT: Duration = Duration::from_secs(600);
/// Part of the headroom by which a renewal may come earlier, so that many daemons do not come together.
const JITTER: f64 = 0.1;
const BACKOFF_FIRST: Duration = Duration::from_secs(2);
const BACKOFF_MOST: Duration = Duration::from_secs(300);
const REPEAT_LEAST: Duration = Duration::from_secs(15);
const REPEAT_MOST: Duration = Duration::from_secs(300);
/// When to ask again who a key belongs to.
const NAME_AGAIN: Duration = Duration::from_secs(600);
