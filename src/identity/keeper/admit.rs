//! What becomes of credentials that the source gave: which generation they are, and whether it signs.
//!
//! A key that takes another's place signs once AWS has confirmed it; until then the other goes on. A generation that an
//! operator drained or retired does not sign, however often the source gives it.

use std::sync::{Arc, MutexGuard};

use tracing::{info, warn};

use super::{Keeper, Kept};
use crate::config::probe::all_denied;
use crate::identity::Live;
use crate::identity::error::{ENDED, REGISTRY, RenewError, UNKNOWN_KEY};
use crate::identity::gate::Dead;
use crate::identity::mint::Minted;
use crate::registry::{DAEMON, KEY_ITSELF, Observed, SessionRow};
use crate::session::generation::has_no_end;
use crate::session::{Facts, RecordId, Session};
use crate::signer::Signer;
use crate::time::Timestamp;

impl Keeper {
    /// A source that gives what it gave before gives the same session.
    pub(super) async fn admit(&self, mut minted: Minted) -> Result<Arc<Live>, RenewError> {
        let known = self.kept().of_key(&minted.facts.access_key_id);
        if let Some(live) = known.as_ref().filter(|live| same_secret(live, &minted)) {
            ends_no_later(&mut minted.facts, &live.session.facts);
        }
        let is_named = |facts: &&Facts| !facts.principal_arn.is_empty() || !self.source.can_be_named();
        let named = known.as_ref().map(|live| &live.session.facts).filter(is_named);
        let vouched = |facts: &Facts| !facts.expiry_is_exact && !minted.facts.expiry_is_exact;
        let same_end = named.is_some_and(|facts| facts.expires_at == minted.facts.expires_at || vouched(facts));
        let same = known.as_ref().filter(|live| same_end && same_secret(live, &minted));
        if let Some(live) = same.filter(|live| !live.gate.is_closed()) {
            let live = alive(Arc::clone(live), self.clock.now())?;
            self.put(&live);
            return not_dead(live);
        }
        let unconfirmed = self.confirm(&mut minted).await;
        // From here on: who decides meanwhile must not find it in the registry and take its secret for gone.
        let _deciding = self.control.deciding.lock().await;
        let session = self.registry.enrol(&self.name, minted.facts).await.map_err(|error| {
            let message = format!("the registry did not take the session, so it cannot sign: {error}");
            RenewError::new(REGISTRY, message)
        })?;
        // Who stopped the generation, or waits for its signatures, knows its gate.
        let gate = known.filter(|known| known.session.id == session.id).map(|known| Arc::clone(&known.gate));
        let live = Live { session, signer: Signer::new(minted.credentials), gate: gate.unwrap_or_default() };
        let live = alive(Arc::new(live), self.clock.now())?;
        self.must_not_be_stopped(&live).await?;
        if let Some(error) = unconfirmed {
            return Err(self.prepare(live, &error));
        }
        live.gate.open();
        let has_waited = self.kept().prepared.as_ref().is_some_and(|one| one.session.id == live.session.id);
        self.put(&live);
        if has_waited && let Err(error) = self.registry.signs_from_now(live.session.id).await {
            warn!(identity = %self.name, %error, "since when the key signs could not be written down");
        }
        let Session { id, generation, facts, .. } = &*live.session;
        let (kind, ends_at) = (facts.kind.as_str(), facts.expires_at);
        info!(identity = %self.name, session = %id, generation, kind, ?ends_at, principal = facts.principal_arn, "session");
        not_dead(live)
    }

    /// Asks AWS whose the credentials are, where their source did not say. Answers a failure that keeps them from
    /// signing: that of a key in whose place another signs well.
    async fn confirm(&self, minted: &mut Minted) -> Option<RenewError> {
        if !minted.facts.principal_arn.is_empty() {
            return None;
        }
        let error = self.source.name(minted).await.err()?;
        let is_other = |signs: &Arc<Live>| {
            signs.session.facts.access_key_id != minted.facts.access_key_id || !same_secret(signs, minted)
        };
        if has_no_end(minted.facts.kind) && self.current().is_some_and(|signs| is_other(&signs)) {
            return Some(error);
        }
        let access_key_id = &minted.facts.access_key_id;
        warn!(identity = %self.name, access_key_id, reason = error.reason(), %error, "the principal could not be named");
        // It may be of another partition, or of a store that AWS knows nothing of: so it signs, and it is told.
        self.kept().unknown = Some(error).filter(|error| error.reason() == UNKNOWN_KEY);
        None
    }

    /// Heeds what was decided of a generation, also before this daemon started. What is minted anew has no past.
    async fn must_not_be_stopped(&self, live: &Arc<Live>) -> Result<(), RenewError> {
        if self.source.fresh().is_some() {
            return Ok(());
        }
        let rows = self.registry.generations(DAEMON, &self.name, None).await.map_err(|error| {
            RenewError::new(REGISTRY, format!("the registry did not tell what was decided of the session: {error}"))
        })?;
        let Some(row) = rows.into_iter().find(|row| row.session.id == live.session.id) else { return Ok(()) };
        let Session { generation, facts, .. } = &*live.session;
        if row.retired_at.is_some() {
            drop(self.withhold(live.session.id));
            return Err(RenewError::retired(&facts.access_key_id, *generation));
        }
        // Before it signs anything; the room that looks lets it sign again.
        if let Some(why) = self.was_seen_dead(&row).await? {
            live.gate.bury(why);
        }
        // What was drained because another key took its place signs again when its source comes back to it.
        if row.drained_since.is_none() || row.replaced {
            return Ok(());
        }
        live.gate.close();
        self.withhold(live.session.id).shelf.keep(Arc::clone(live), self.clock.now());
        Err(RenewError::drained(&self.name, &facts.access_key_id, *generation))
    }

    /// Whether it was left dead: what was seen of its key says so, or events of its canaries that stand.
    async fn was_seen_dead(&self, row: &SessionRow) -> Result<Option<Dead>, RenewError> {
        if row.observed.as_ref().is_some_and(Observed::is_key_dead) {
            return Ok(Some(Dead::Key));
        }
        let standing = self.registry.standing(DAEMON).await.map_err(|error| {
            RenewError::new(REGISTRY, format!("the registry did not tell what was seen of the session: {error}"))
        })?;
        let own = || standing.iter().filter(|event| event.session == Some(row.session.id));
        let is_dead = |about: &str| own().any(|event| event.seen_dead() == Some(about));
        let denied = || all_denied(&self.canaries, is_dead).then_some(Dead::Denied);
        Ok(is_dead(KEY_ITSELF).then_some(Dead::Key).or_else(denied))
    }

    /// Keeps a key that AWS has not confirmed ready, and says why it waits.
    fn prepare(&self, live: Arc<Live>, error: &RenewError) -> RenewError {
        live.gate.close();
        let Session { generation, facts, .. } = &*live.session;
        let message = format!(
            "the new key {} (generation {generation}) does not sign yet, the old one does: {error}",
            facts.access_key_id
        );
        let mut kept = self.withhold(live.session.id);
        kept.prepared = Some(live);
        drop(kept);
        RenewError::new(error.reason(), message)
    }

    /// Remembers what the source gives: whoever is let sign in its place later signs only until that may.
    fn withhold(&self, given: RecordId) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept();
        kept.prepared.take_if(|live| live.session.id == given);
        kept.shelf.withhold(given);
        kept
    }

    /// What signs in the place of a generation, although that may sign too.
    pub(in crate::identity) fn outlived_by(&self, session: RecordId) -> Option<u64> {
        let (now, kept) = (self.clock.now(), self.kept());
        let other = kept.shelf.outlives(&*kept.of(session)?, now)?;
        Some(other.session.generation)
    }

    /// Ends the failure to get a generation that signs again: its source gives it, and nothing else was wrong.
    pub(in crate::identity) fn forgive(&self, session: RecordId) {
        let (now, mut kept) = (self.now(), self.kept());
        let signs = kept.shelf.current(now.wall).filter(|live| live.session.id == session);
        let failed = kept.last_failure.as_ref().and_then(|error| error.generation());
        if let Some(live) = signs.filter(|live| Some(live.session.generation) == failed) {
            (kept.failures, kept.last_failure) = (0, None);
            // Nothing is to be tried again: that would put it in the place of what an operator prefers meanwhile.
            kept.due = self.next(&mut kept, &live.session, now);
        }
    }

    fn put(&self, live: &Arc<Live>) {
        let mut kept = self.kept();
        kept.prepared = None;
        kept.shelf.put(Arc::clone(live), self.clock.now());
    }
}

fn alive(live: Arc<Live>, now: Timestamp) -> Result<Arc<Live>, RenewError> {
    if live.session.left(now).is_some() {
        return Ok(live);
    }
    let message = "the source gave credentials that have ended; see that it renews them, and that the clock is right";
    Err(RenewError::new(ENDED, message))
}

/// A source may go on giving a session that was seen dead for hours (SEMANTICS.md 1.3 g).
fn not_dead(live: Arc<Live>) -> Result<Arc<Live>, RenewError> {
    if live.gate.is_dead() { Err(RenewError::dead(&live.session)) } else { Ok(live) }
}

fn same_secret(live: &Live, minted: &Minted) -> bool {
    let (ours, theirs) = (live.signer.credentials(), &minted.credentials);
    ours.secret_access_key == theirs.secret_access_key && ours.session_token == theirs.session_token
}

/// AWS never changes when a session ends: the token says it. So the same secret ends when it was first said to end, unless
/// it is said to end earlier; a source that tells a later end each time stretches it.
fn ends_no_later(told: &mut Facts, known: &Facts) {
    let Some(ends_at) = known.expires_at.filter(|_| known.expiry_is_exact) else { return };
    if !told.expiry_is_exact || told.expires_at.is_none_or(|told| told > ends_at) {
        (told.expires_at, told.expiry_is_exact) = (Some(ends_at), true);
    }
}
