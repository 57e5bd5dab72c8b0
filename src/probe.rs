//! Looks whether sessions with URLs outstanding still live, with those very sessions, and says so when one is dead.
//!
//! Reads answers as SEMANTICS.md 1.5 and 1.7 say and never more; what says nothing changes nothing. Never ends anything
//! itself, and never signs a URL that leaves the house.

mod ask;
mod belief;
mod happened;
mod kept;
mod reading;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use ask::Asker;
use happened::{About, Former};
use kept::Kept;

use crate::aws::Aws;
use crate::clock::Clock;
use crate::config::probe::Probe;
use crate::identity::{Dead, Identities, Identity, Live, State};
use crate::region::Regions;
use crate::registry::{DAEMON, Error, EventRow, KEY_DEAD, NewEvent, Registry, SessionRow};
use crate::session::{RecordId, Session};
use crate::telemetry::Metrics;

/// What was seen of a session; the state that the registry keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Its key lives, and no canary is denied.
    Alive,
    /// AWS does not know its key any more.
    KeyDead,
    /// Its key lives as far as is known, and a canary is denied.
    Denied,
    /// Its secret is gone, so nobody can look.
    Unobservable,
}

impl Seen {
    const ALL: [Self; 4] = [Self::Alive, Self::KeyDead, Self::Denied, Self::Unobservable];

    /// As it is written in the registry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::KeyDead => KEY_DEAD,
            Self::Denied => "denied",
            Self::Unobservable => "unobservable",
        }
    }

    /// The reverse of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|seen| seen.as_str() == text)
    }

    fn is_dead(self) -> bool {
        matches!(self, Self::KeyDead | Self::Denied)
    }
}

/// What a reload replaces.
#[derive(Clone)]
pub struct Watched {
    /// Whose sessions are looked at.
    pub identities: Arc<Identities>,
    /// How often.
    pub probe: Probe,
}

/// The one that looks.
pub struct Prober {
    asker: Asker,
    registry: Registry,
    clock: Clock,
    metrics: Arc<Metrics>,
    watched: watch::Receiver<Watched>,
    /// Of sessions that have URLs outstanding; at most as many as one answer of the registry holds.
    kept: HashMap<RecordId, Kept>,
}

impl Prober {
    /// Has seen nothing yet. `regions` finds where canaries are.
    pub fn new(
        aws: Aws,
        regions: Regions,
        registry: Registry,
        metrics: Arc<Metrics>,
        watched: watch::Receiver<Watched>,
    ) -> Self {
        let clock = aws.clock.clone();
        let asker = Asker::new(aws, regions, Arc::clone(&metrics));
        Self { asker, registry, clock, metrics, watched, kept: HashMap::new() }
    }

    /// Until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut watched = self.watched.clone();
        loop {
            let now = watched.borrow_and_update().clone();
            let wait = match stop.run_until_cancelled(self.pass(&now)).await {
                None => return,
                Some(Ok(wait)) => wait,
                Some(Err(error)) => {
                    warn!(%error, "what was seen of sessions could not be read or written down; it is tried again");
                    LIST_EVERY
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                Ok(()) = watched.changed() => {}
            }
        }
    }

    /// Looks at every session whose turn has come, and says how long to wait for the next.
    async fn pass(&mut self, watched: &Watched) -> Result<Duration, Error> {
        let Watched { identities, probe } = watched;
        let rows = self.registry.sessions(DAEMON, None).await?;
        let standing = self.registry.standing(DAEMON).await?;
        let now = self.clock.now();
        let alive: Vec<&SessionRow> = rows.iter().filter(|row| row.session.left(now).is_some()).collect();
        self.kept.retain(|id, _| alive.iter().any(|row| row.session.id == *id));
        let mut due = Vec::new();
        for row in alive {
            let id = row.session.id;
            let identity = identities.identity(&row.session.identity);
            let live = identity.as_ref().and_then(|identity| identity.held(&row.session));
            match (identity, live) {
                (Some(identity), Some(live)) => {
                    self.forget_what_was_taken_back(id, &standing).await?;
                    if self.remember(row, &identity, &standing, probe) {
                        self.registry.signs_from_now(id).await?;
                    }
                    if probe.enabled && (row.outstanding > 0 || live.is_dead()) {
                        due.push((id, identity, live));
                    }
                }
                // Its source may not have been read yet.
                (Some(identity), None)
                    if identity.partition_by().is_none() && identity.status().state == State::Starting => {}
                _ if row.outstanding > 0 => self.cannot_be_seen(row).await?,
                _ => {}
            }
        }
        self.count(identities);
        due.sort_by_key(|(id, ..)| self.kept.get(id).map(|kept| kept.due));
        let mut has_died = false;
        for (id, identity, live) in due {
            if self.kept.get(&id).is_none_or(|kept| kept.due > self.clock.monotonic()) {
                break;
            }
            has_died |= self.look(&identity, &live, probe).await?;
            self.count(identities);
        }
        if has_died {
            // Others may have the same key.
            return Ok(SHORTEST);
        }
        let next = self.kept.values().map(|kept| kept.due).min();
        let until = next.map_or(LIST_EVERY, |at| at.saturating_duration_since(self.clock.monotonic()));
        Ok(until.clamp(SHORTEST, LIST_EVERY.min(probe.interval).max(SHORTEST)))
    }

    /// Takes over what was believed of a session when it is met for the first time since the start, or again with another
    /// configuration's identity. Whether it signs again because of that.
    fn remember(&mut self, row: &SessionRow, identity: &Identity, standing: &[EventRow], probe: &Probe) -> bool {
        let id = row.session.id;
        let due = self.clock.monotonic() + probe.interval;
        let canaries = identity.canaries();
        let kept = self.kept.entry(id).or_insert_with(|| Kept::new(row, standing, due));
        kept.keep_to(canaries);
        kept.due = kept.due.min(due);
        let own = kept.signs_no_more(canaries);
        let why = own.or_else(|| self.is_dead_elsewhere(&row.session).then_some(Dead::Key));
        // Nobody would ever revive it while nobody looks.
        if let Some(why) = why.filter(|_| probe.enabled) {
            identity.bury(&row.session, why);
            return false;
        }
        identity.revive(&row.session)
    }

    /// Whether another identity has the same key, and that was seen dead there. This one is looked at for itself from then on.
    fn is_dead_elsewhere(&self, session: &Session) -> bool {
        let (id, facts) = (session.id, &session.facts);
        let has_it = |other: &Session| other.id != id && other.facts.access_key_id == facts.access_key_id;
        let mut others = self.kept.values().filter(|kept| has_it(&kept.session));
        !facts.principal_arn.is_empty() && others.any(Kept::has_dead_key)
    }

    /// What a person lifted or withdrew is believed no more, and looked at soon. An event that only ran out of its time is.
    async fn forget_what_was_taken_back(&mut self, id: RecordId, standing: &[EventRow]) -> Result<(), Error> {
        let Some(kept) = self.kept.get_mut(&id) else { return Ok(()) };
        for (about, number) in kept.missing(standing) {
            let rows = self.registry.events(DAEMON, number - 1, 1).await?;
            if rows.iter().any(|row| row.number == number && row.lifted_at.is_some()) {
                info!(session = %id, about, "what was seen of it was taken back; it is looked at again");
                kept.believe_no_more(&about);
                kept.due = self.clock.monotonic();
            }
        }
        Ok(())
    }

    /// Asks everything that can be asked of one session, and takes the answers in. Whether its key was seen dead just now.
    async fn look(&mut self, identity: &Identity, live: &Live, probe: &Probe) -> Result<bool, Error> {
        let session = &live.session;
        // What cannot be written down is not believed yet, and is seen again.
        let Some(mut kept) = self.kept.get(&session.id).cloned() else { return Ok(false) };
        let answers = self.asker.ask(identity, live, probe, |about| kept.was_alive(about)).await;
        let now = self.clock.now();
        let mut changes = Vec::new();
        for answer in &answers {
            if let Some(edge) = kept.sees(answer.about, answer.sight, now) {
                changes.push((answer, edge));
            }
        }
        let wait = if kept.is_suspected() { probe.confirm_after } else { probe.interval };
        kept.due = self.clock.monotonic() + wait;
        let (seen, gone) = (kept.seen(), kept.signs_no_more(identity.canaries()));
        let gone = gone.or_else(|| self.is_dead_elsewhere(session).then_some(Dead::Key));
        // Before anything waits for the disk: each URL signed meanwhile would be a dead one.
        let turned = gone.map_or_else(|| identity.revive(session), |why| identity.bury(session, why));
        for (answer, edge) in &changes {
            let (cause, about) = (&answer.cause, answer.about.text());
            match edge {
                belief::Edge::Died { by, .. } => {
                    warn!(identity = %identity.name(), session = %session.id, about, cause, first_seen = %by, "seen dead");
                    let former = Former::of(&self.registry.happened(DAEMON).await?, session.id, &about);
                    if let Some(event) = happened::died(session, answer, *edge, former)
                        && let Some(number) = self.note(event).await?
                    {
                        kept.says(&about, number);
                    }
                }
                belief::Edge::Revived => {
                    info!(identity = %identity.name(), session = %session.id, about, cause, "seen alive again");
                    self.lift(session.id, &about).await?;
                    kept.said_no_more(&about);
                }
            }
        }
        if turned {
            let generation = session.generation;
            let (signs, mints) = (gone.is_none(), gone != Some(Dead::Key));
            info!(identity = %identity.name(), generation, signs, mints, "what was seen decides whether it signs");
        }
        let has_died = turned && gone == Some(Dead::Key);
        let alive_at = kept.alive_at();
        self.kept.insert(session.id, kept);
        let mut said = answers.iter().filter(|answer| answer.says(seen)).map(|answer| answer.cause.as_str());
        let said = seen.map(Seen::as_str).zip(said.next_back());
        if said.is_none() && answers.iter().all(|answer| answer.sight != reading::Sight::Alive) {
            return Ok(has_died);
        }
        self.registry.looked(session.id, said, alive_at, turned && gone.is_none()).await?;
        Ok(has_died)
    }

    /// Where no more events may stand, the state says it alone.
    async fn note(&self, event: NewEvent) -> Result<Option<u64>, Error> {
        match self.registry.note(event).await {
            Err(error @ Error::TooManyStanding) => {
                warn!(%error, "what was seen is a state of the session and no event");
                Ok(None)
            }
            noted => noted.map(|row| Some(row.number)),
        }
    }

    /// Lifts what this room said of a session, whether now or before a restart.
    async fn lift(&self, session: RecordId, about: &str) -> Result<(), Error> {
        for row in self.registry.standing(DAEMON).await? {
            if row.session == Some(session) && row.seen_dead() == Some(about) {
                let event = happened::lifted(&row);
                self.registry.lift(row.number, self.clock.now(), event).await?;
            }
        }
        Ok(())
    }

    /// What was seen of it last goes on to count when it was seen dead.
    async fn cannot_be_seen(&self, row: &SessionRow) -> Result<(), Error> {
        let before = row.observed.as_ref().and_then(|observed| Seen::parse(&observed.state));
        if before.is_some_and(|seen| seen.is_dead() || seen == Seen::Unobservable) {
            return Ok(());
        }
        let session = &row.session;
        let (identity, generation, outstanding) = (&session.identity, session.generation, row.outstanding);
        info!(%identity, generation, outstanding, "unobservable: its secret is gone, and its URLs live on");
        self.registry.observe(session.id, Seen::Unobservable.as_str(), "its secret is gone", None).await.map(drop)
    }

    fn count(&self, identities: &Identities) {
        for name in identities.names() {
            let Some(identity) = identities.identity(name) else { continue };
            let held = self.kept.values().filter(|kept| kept.session.identity == *name);
            let held = held.filter(|kept| identity.held(&kept.session).is_some());
            let dead = held.filter(|kept| kept.seen().is_some_and(Seen::is_dead)).count();
            let gauge = self.metrics.sessions_seen_dead.with_label_values(&[name.as_str()]);
            gauge.set(i64::try_from(dead).unwrap_or(i64::MAX));
        }
    }
}

/// How late a session with its first URL is noticed.
const LIST_EVERY: Duration = Duration::from_secs(10);
/// However short the interval, the registry has other work to do.
const SHORTEST: Duration = Duration::from_millis(250);

/// When a session is looked at next.
type Due = Instant;

/// One answer, about one thing.
struct Answer<'a> {
    about: About<'a>,
    sight: reading::Sight,
    /// The call and what came of it, without a secret.
    cause: String,
}

impl Answer<'_> {
    /// Whether it bears out what is believed now.
    fn says(&self, seen: Option<Seen>) -> bool {
        match (seen, self.about) {
            (Some(Seen::Alive), _) => self.sight == reading::Sight::Alive,
            (Some(Seen::KeyDead), About::Key) | (Some(Seen::Denied), About::Canary(_)) => self.sight.is_dead(),
            _ => false,
        }
    }
}
