//! Keeps one identity in sessions: the only place that asks its source, one attempt at a time.
//!
//! Renews ahead of the end; a failure takes nothing away and is tried again with backoff. Never signs.

mod admit;
mod look;
mod needed;
mod stop;
mod waiting;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::control::Control;
use super::due::{self, Due, Now};
use super::error::{RenewError, TIMEOUT};
use super::gauges::{Gauges, Part};
use super::mint::{Mint, Minted};
use super::need::Need;
use super::pulse::Pulse;
use super::shelf::Shelf;
use super::{Live, State, Status};
use crate::clock::Clock;
use crate::config::probe::Canary;
use crate::registry::Registry;
use crate::session::generation::{Secret, has_no_end};
use crate::session::lifetime::{self, Fresh};
use crate::session::{IdentityName, RecordId, Session};
use crate::telemetry::Metrics;
use waiting::Ended;

/// See the room.
pub(super) struct Keeper {
    name: IdentityName,
    source: Box<dyn Mint>,
    pace: Pace,
    registry: Registry,
    clock: Clock,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    canaries: Vec<Canary>,
    /// Of the name, whatever the configuration.
    pub(super) control: Arc<Control>,
    state: Mutex<Kept>,
    /// Of whom its sessions are; empty: of all.
    tenant: String,
    /// `None`: always.
    need: Option<Need>,
    gauges: Arc<Gauges>,
    /// The number of the last attempt that somebody wants.
    wanted: AtomicU64,
    nudge: Notify,
    pub(super) pulse: Arc<Pulse>,
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
    /// A key that waits for AWS to confirm it.
    prepared: Option<Arc<Live>>,
    /// Another configuration is in force, and another keeper has the name.
    retired: bool,
    due: Due,
    /// An attempt came to its end, well or not.
    tried: bool,
    /// What was left of the session that the last attempt gave.
    given: Option<Duration>,
    failures: u32,
    last_failure: Option<Arc<RenewError>>,
    /// AWS does not know the key of the attempt under way, which signs all the same.
    unknown: Option<RenewError>,
    /// The number of the last attempt that is to give what signs, whatever lives longer.
    replaces: u64,
    headroom: Option<Duration>,
    /// It has been said that the configured headroom does not fit.
    warned: bool,
}

impl Kept {
    fn all(&self) -> impl Iterator<Item = &Arc<Live>> {
        self.shelf.all().chain(&self.prepared)
    }

    fn of_key(&self, access_key_id: &str) -> Option<Arc<Live>> {
        self.all().find(|live| live.session.facts.access_key_id == access_key_id).cloned()
    }

    fn of(&self, session: RecordId) -> Option<Arc<Live>> {
        self.all().find(|live| live.session.id == session).cloned()
    }
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
        let gauges = Arc::new(Gauges::new(name.clone(), Arc::clone(&metrics), false));
        Self {
            name,
            source,
            pace,
            registry,
            clock,
            metrics,
            stop,
            canaries: Vec::new(),
            control: Arc::default(),
            state: Mutex::default(),
            tenant: String::new(),
            need: None,
            gauges,
            wanted: AtomicU64::new(0),
            nudge: Notify::new(),
            pulse: Arc::default(),
            ended: watch::Sender::new(Ended::default()),
        }
    }

    /// The same for one tenant, whose gauges are those of all.
    pub(super) fn of_tenant(self, tenant: String, need: Need, gauges: Arc<Gauges>) -> Self {
        Self { tenant, need: Some(need), gauges, ..self }
    }

    /// The same under what operators decide of the name.
    pub(super) fn under(self, control: Arc<Control>) -> Self {
        Self { control, ..self }
    }

    /// The same with what its sessions are looked at with.
    pub(super) fn looked_at_with(self, canaries: Vec<Canary>) -> Self {
        Self { canaries, ..self }
    }

    /// Begins with the sessions of another keeper of the same source.
    pub(super) fn take_over(&self, former: &Self) {
        let (shelf, prepared, given, tried) = {
            let former = former.kept();
            (former.shelf.clone(), former.prepared.clone(), former.given, former.tried)
        };
        let mut kept = self.kept();
        (kept.shelf, kept.prepared, kept.given, kept.tried) = (shelf, prepared, given, tried);
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

    /// Any generation whose secret is here, also one that does not sign.
    pub(super) fn held(&self, session: RecordId) -> Option<Arc<Live>> {
        self.kept().of(session)
    }

    /// Whether nothing signs because what would was seen dead.
    pub(super) fn is_dead(&self) -> bool {
        let (now, kept) = (self.clock.now(), self.kept());
        kept.shelf.current(now).is_none() && kept.shelf.has_dead(now)
    }

    pub(super) fn secret_of(&self, session: RecordId) -> Secret {
        let kept = self.kept();
        let is_it = |live: &Arc<Live>| live.session.id == session;
        match kept.shelf.current(self.clock.now()) {
            Some(signs) if is_it(&signs) && kept.shelf.is_stand_in(session) => Secret::StandsIn,
            Some(signs) if is_it(&signs) => Secret::Signs,
            _ if kept.prepared.as_ref().is_some_and(is_it) => Secret::Waits,
            _ if kept.shelf.all().filter(|live| is_it(live)).any(|live| kept.shelf.is_dead(live)) => Secret::Dead,
            _ if kept.shelf.is_displaced(session) => Secret::Displaced,
            _ if kept.shelf.is_next(session) => Secret::Next,
            _ if kept.shelf.all().any(is_it) => Secret::Rests,
            // What is minted anew is never had again; what is read may be what was read before.
            None if self.source.fresh().is_none() && kept.tried => Secret::Missing,
            None if self.source.fresh().is_none() => Secret::Unread,
            _ => Secret::Gone,
        }
    }

    /// Keys that may be signing at this moment.
    pub(super) fn keys_in_use(&self) -> Vec<RecordId> {
        let kept = self.kept();
        let keys = kept.all().filter(|live| has_no_end(live.session.facts.kind) && live.gate.is_in_use());
        keys.map(|live| live.session.id).collect()
    }

    /// Forgets a secret.
    pub(super) fn forget(&self, session: RecordId) {
        let mut kept = self.kept();
        kept.prepared.take_if(|live| live.session.id == session);
        kept.shelf.take(session);
    }

    pub(super) fn fresh(&self) -> Option<Fresh> {
        let (fresh, given) = (self.source.fresh()?, self.kept().given);
        Some(given.map_or(fresh, |given| lifetime::as_given(fresh, given)))
    }

    pub(super) fn can_be_named(&self) -> bool {
        self.source.can_be_named()
    }

    pub(super) fn status(&self) -> Status {
        let (moment, kept) = (self.now(), self.kept());
        let now = moment.wall;
        let failure = kept.last_failure.as_deref();
        let state = match (kept.shelf.current(now).is_some(), kept.failures > 0) {
            _ if self.control.gate.is_closed() => State::Paused,
            (false, _) if kept.shelf.has_dead(now) => State::SessionDead,
            (true, false) => State::Ready,
            (true, true) => State::RenewalFailing,
            (false, true) => State::Unavailable,
            (false, false) => State::Starting,
        };
        Status {
            state,
            sessions: kept.shelf.sessions(now),
            next_renewal_at: kept.due.shown(moment).filter(|_| !self.idles(kept.due, moment)),
            failures: kept.failures,
            last_failure: failure.map(RenewError::to_string).unwrap_or_default(),
            last_failure_reason: failure.map_or("", RenewError::reason),
            headroom: kept.headroom.or(self.pace.headroom).unwrap_or_default(),
        }
    }

    pub(super) fn last_failure(&self) -> Option<Arc<RenewError>> {
        self.kept().last_failure.clone()
    }

    /// Until told to stop, or until nobody needs it: then `true`. A source that is being asked when it is told to stop is
    /// given up; what it has given is recorded first.
    pub(super) async fn run(&self) -> bool {
        self.first();
        // What was taken over is looked after from the beginning.
        let mut look_at = self.look_at();
        let mut not_before: Option<Instant> = None;
        let _running = self.pulse.running();
        loop {
            if self.is_over() {
                return true;
            }
            let due = self.kept().due;
            // Wakes for the end of the session too: the gauges must not call a dead one ready.
            let ends_at = self.current().and_then(|live| live.session.facts.expires_at);
            let next = if self.idles(due, self.now()) { Due::default() } else { due };
            let wall = [next.wall, ends_at, self.over_at()];
            self.pulse.waits(self.clock.monotonic());
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = self.clock.sleep_until(wall.into_iter().flatten().min()) => {}
                () = sleep_until([next.steady, look_at].into_iter().flatten().min()) => {}
                () = self.nudge.notified() => {}
                () = self.pulse.asked() => {}
            }
            self.pulse.works(self.clock.monotonic());
            self.measure();
            let done = self.ended.borrow().number;
            let (now, mut news) = (self.now(), false);
            if !self.is_called_for(done) {
                if look_at.is_none_or(|at| at > now.steady) {
                    continue;
                }
                let Some(found) = self.stop.run_until_cancelled(self.source.has_news()).await else { return false };
                news = found;
                if !news {
                    look_at = self.look_at();
                    continue;
                }
                not_before = not_before.filter(|_| !self.source.tells_changes());
            }
            let rest = self.rest(not_before.unwrap_or(now.steady));
            let Some(found) = self.stop.run_until_cancelled(rest).await else { return false };
            // What was due when the pause began may have been forgiven.
            if !(news || found || self.is_called_for(done)) {
                continue;
            }
            self.need.iter().for_each(Need::answer);
            self.pulse.works(self.clock.monotonic());
            let Some(outcome) = self.stop.run_until_cancelled(self.ask_source()).await else { return false };
            let outcome = match outcome {
                Ok(minted) => self.admit(minted).await,
                Err(error) => Err(error),
            };
            let outcome = outcome.map_err(Arc::new);
            not_before = Some(self.clock.monotonic() + self.pace.min_pause);
            self.settle(&outcome);
            look_at = if self.looks_after(&outcome) { self.look_at() } else { None };
            self.conclude(done + 1, outcome);
        }
    }

    async fn ask_source(&self) -> Result<Minted, RenewError> {
        let minted = timeout(ATTEMPT, self.source.mint()).await;
        minted.unwrap_or_else(|_| {
            Err(RenewError::new(TIMEOUT, "the source did not answer in time; presignd tries again by itself"))
        })
    }

    /// When the next attempt is due after one that gave `session`.
    fn next(&self, kept: &mut Kept, session: &Session, now: Now) -> Due {
        let headroom = due::headroom(session, self.pace.headroom);
        kept.headroom = headroom.map(|(headroom, _)| headroom);
        let half = headroom.filter(|(_, is_half)| *is_half).map(|(half, _)| half);
        if let Some(used) = half.filter(|_| !std::mem::replace(&mut kept.warned, true)) {
            let configured = self.pace.headroom.unwrap_or_default();
            warn!(identity = %self.name, ?configured, ?used, "no session is as long as the headroom; half of its life is used");
        }
        let unnamed = session.facts.principal_arn.is_empty() && self.source.can_be_named();
        Due::renewal(session, kept.headroom, fastrand::f64(), unnamed, now)
    }

    /// Notes how an attempt went, and says when the next is due.
    fn settle(&self, outcome: &Result<Arc<Live>, Arc<RenewError>>) {
        let label = if outcome.is_ok() { "ok" } else { "failed" };
        self.metrics.renewals.with_label_values(&[self.name.as_str(), label]).inc();
        let now = self.now();
        let mut kept = self.kept();
        kept.tried = true;
        let unknown = kept.unknown.take().map(Arc::new);
        kept.due = match outcome {
            Ok(live) => {
                (kept.failures, kept.last_failure) = (0, unknown);
                kept.given = live.session.left(now.wall);
                self.next(&mut kept, &live.session, now)
            }
            Err(error) => {
                kept.failures = kept.failures.saturating_add(1);
                kept.last_failure = Some(Arc::clone(error));
                let wait = due::backoff(kept.failures, fastrand::f64());
                let (failures, reason) = (kept.failures, error.reason());
                warn!(identity = %self.name, failures, reason, %error, ?wait, "could not get a session");
                Due::after(wait, now)
            }
        };
        debug!(identity = %self.name, next_at = ?kept.due.shown(now), "next attempt");
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.now(), steady: self.clock.monotonic() }
    }

    fn measure(&self) {
        let now = self.now();
        // Held to the end, so that nothing is told of a keeper that has retired.
        let kept = self.kept();
        if kept.retired {
            return;
        }
        let current = kept.shelf.current(now.wall).filter(|_| !self.control.gate.is_closed());
        let ends_at = current.as_ref().and_then(|live| live.session.facts.expires_at);
        let is_renewed = !self.idles(kept.due, now);
        let part = Part { signs: current.is_some(), fails: kept.failures > 0, ends_at: ends_at.filter(|_| is_renewed) };
        self.gauges.set(&self.tenant, part);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for that instant. `None` never comes.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The longest that one attempt may take. Each source bounds its own calls far below; this is for what it waits for, the
/// base's pause and the budget, which may delay a caller and must not fail it.
const ATTEMPT: Duration = Duration::from_secs(600);
