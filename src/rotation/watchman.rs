//! Watches over generations: marks keys in whose place others came, tells what happens, and keeps the gauges.
//!
//! Looks when something may have changed, at the second at which the next thing is due, and now and then. Whatever it finds
//! is compared with what was told before, so a restart in between neither loses nor repeats anything.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::log::{Change, Log};
use super::told::{RenewalFailed, Told};
use super::{GenerationStatus, Reference, Rotation, Row, followed, is_given};
use crate::error::{Error, Unchanged};
use crate::identity::Identity;
use crate::registry::{DAEMON, EVENT_LIFE, EventKind, Mark, TallyFilter};
use crate::session::RecordId;
use crate::session::generation::{Holder, Secret, State, has_no_end};
use crate::telemetry::Metrics;
use crate::time::Timestamp;

impl Rotation {
    /// Until told to stop.
    pub async fn watch_over(self, metrics: Arc<Metrics>, stop: CancellationToken) {
        let mut written = self.issuer.registry().subscribe_events();
        let mut log = Log::default();
        loop {
            written.mark_unchanged();
            let due = match self.look(&mut log, &metrics).await {
                Ok(due) => due,
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "could not watch over generations; tried again soon"
                    );
                    None
                }
            };
            let identities = Arc::clone(&self.issuer.rules().identities);
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = written.changed() => {}
                () = identities.news() => {}
                () = self.issuer.clock().sleep_until(due) => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Looks once. Answers when the next thing is due.
    async fn look(&self, log: &mut Log, metrics: &Metrics) -> Result<Option<Timestamp>, Error> {
        log.read(self.issuer.registry()).await?;
        self.watch_renewals(log).await?;
        let signing = self.signing();
        let rows = self.issuer.registry().sessions(DAEMON, None).await.map_err(Error::registry)?;
        let mut rows = self.at_home(followed(rows));
        self.join(DAEMON, &signing, &mut rows, None).await?;
        let known: HashSet<_> = rows.iter().map(|row| row.row.session.id).collect();
        let mut due = Vec::new();
        for row in &rows {
            if self.settle_keys(row).await? {
                continue; // What was written wakes us again.
            }
            due.extend(self.watch_row(log, row).await?);
        }
        for (session, change) in log.on_their_way() {
            if !known.contains(&session) {
                self.watch_ended(log, session, &change).await?;
            }
        }
        log.keep_only(|session| known.contains(&session));
        let mut ended = self.assessor().ended(DAEMON, &TallyFilter::default()).await?;
        rows.iter_mut().for_each(|row| row.ended = ended.remove(&row.row.session.id).unwrap_or_default());
        self.measure(&rows, metrics);
        Ok(due.into_iter().min())
    }

    /// Tells of sessions that came, and of those that could not be had.
    async fn watch_renewals(&self, log: &mut Log) -> Result<(), Error> {
        let identities = Arc::clone(&self.issuer.rules().identities);
        let all = identities.names().filter_map(|name| identities.identity(name));
        let parts: Vec<_> = all.flat_map(|identity| identity.parts()).collect();
        for identity in &parts {
            let (name, tenant, status) = (identity.name(), identity.tenant(), identity.status());
            let signs = identity.signing_generation();
            if let Some(live) = signs.as_ref().filter(|live| !log.told_renewed(live.session.id)) {
                self.tell(Told::SessionRenewed(Reference::from(&*live.session))).await?;
            }
            let reason = status.last_failure_reason;
            if status.failures == 0 {
                log.works(name, tenant);
            } else if !log.told_failing(name, tenant, reason) {
                let failed = RenewalFailed {
                    identity: name.clone(),
                    partition: tenant.to_owned(),
                    reason: reason.to_owned(),
                    message: status.last_failure.chars().take(MAX_MESSAGE).collect(),
                    signs: signs.is_some(),
                    session_ends_at: signs.and_then(|live| live.session.facts.expires_at),
                };
                self.tell(Told::RenewalFailed(failed)).await?;
            }
        }
        log.keep_failing(|name, tenant| parts.iter().any(|part| part.name() == name && part.tenant() == tenant));
        Ok(())
    }

    /// A key in whose place another signs is drained; one that its source came back to is not any more. Whether anything
    /// was written.
    async fn settle_keys(&self, row: &Row) -> Result<bool, Error> {
        let session = &row.row.session;
        if !has_no_end(session.facts.kind) || row.row.retired_at.is_some() {
            return Ok(false);
        }
        let Some(own) = self.identity(&session.identity) else { return Ok(false) };
        let wanted = |own: &Identity| match (row.row.drained_since, own.secret_of(session)) {
            (None, Secret::Rests | Secret::Gone) if own.signing_generation().is_some() => {
                Some(Mark::Drain { replaced: true })
            }
            (Some(_), secret) if row.row.replaced && is_given(secret) => Some(Mark::CancelDrain),
            _ => None,
        };
        if wanted(&own).is_none() {
            return Ok(false);
        }
        // Looked at again while nobody else decides.
        let _deciding = own.decide().await;
        let now = self.row(DAEMON, &session.identity, session.generation).await?;
        let same = (now.row.drained_since, now.row.retired_at) == (row.row.drained_since, row.row.retired_at);
        let Some(mark) = wanted(&own).filter(|_| same) else { return Ok(true) };
        let told = if mark == Mark::CancelDrain { Told::DrainCancelled } else { Told::GenerationDraining };
        if mark != Mark::CancelDrain && timeout(AT_REST, own.generation_at_rest(session)).await.is_err() {
            return Ok(false); // Signatures are under way: next time.
        }
        self.mark(DAEMON, &now, mark, told).await?;
        Ok(true)
    }

    /// Tells what became of one generation. Answers when it has to be looked at again.
    async fn watch_row(&self, log: &Log, row: &Row) -> Result<Option<Timestamp>, Error> {
        let status = self.told(row);
        let (now, session) = (self.issuer.clock().now(), &row.row.session);
        let mut due = None;
        if row.row.drained_since.is_some() && row.row.retired_at.is_none() {
            match status.state {
                State::Draining => due = status.last_url_ends_at,
                // What may be no key at all waits for nobody.
                State::Drained if row.is_unconfirmed => {}
                // Others have its key: nobody may take it for free before they are done with that.
                State::Drained if !is_free(&status) => due = status.safe_from,
                State::Drained => self.tell_drained(log, row, &status).await?,
                _ => {}
            }
        }
        let Some(ends_at) = session.facts.expires_at else { return Ok(due) };
        let soon = ends_at - ENDING_SOON;
        if status.outstanding_urls > 0 && status.state != State::Retired && !log.told_ending(session.id) {
            if now < soon {
                due = due.into_iter().chain([soon]).min();
            } else {
                let row = self.row(DAEMON, &session.identity, session.generation).await?;
                self.tell(Told::SessionEnding(self.told(&row))).await?;
            }
        }
        Ok(due.into_iter().chain(row.row.drained_since.map(|_| ends_at)).min())
    }

    /// Tells it once, when nothing of it can come any more.
    async fn tell_drained(&self, log: &Log, row: &Row, status: &GenerationStatus) -> Result<(), Error> {
        let told = log.change_of(row.row.session.id);
        let is_told = matches!(told, Some(EventKind::GenerationDrained | EventKind::GenerationRetired));
        // Who was away for so long has lost its place anyway.
        let since = status.others.iter().filter_map(Holder::done_since).chain(status.since).max();
        let is_old = since.is_some_and(|since| since + EVENT_LIFE <= self.issuer.clock().now());
        if is_told || is_old {
            return Ok(());
        }
        let session = &row.row.session;
        if let Some(own) = self.identity(&session.identity)
            && timeout(AT_REST, own.generation_at_rest(session)).await.is_err()
        {
            return Ok(());
        }
        let again = self.told(&self.row(DAEMON, &session.identity, session.generation).await?);
        if again.state == State::Drained && is_free(&again) {
            self.tell(Told::GenerationDrained(again)).await?;
        }
        Ok(())
    }

    /// A session that was drained has come to its own end.
    async fn watch_ended(&self, log: &mut Log, session: RecordId, change: &Change) -> Result<(), Error> {
        match self.row(DAEMON, &change.identity, change.generation).await {
            Ok(row) => {
                let status = self.told(&row);
                if status.state == State::Retired {
                    self.tell(Told::GenerationRetired(status)).await?;
                }
                Ok(())
            }
            // Nobody asks for it any more: it ended while no daemon ran, and is forgotten.
            Err(Error::Unchanged(Unchanged::Unknown { .. })) => {
                log.forget(session);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn tell(&self, told: Told) -> Result<(), Error> {
        self.issuer.registry().note(told.event()).await.map(drop).map_err(Error::registry)
    }

    fn measure(&self, rows: &[Row], metrics: &Metrics) {
        let mut sums: BTreeMap<_, BTreeMap<State, (u64, Option<Timestamp>)>> = BTreeMap::new();
        for name in self.issuer.rules().identities.names() {
            sums.insert(name.clone(), State::ALL.iter().map(|state| (*state, (0, None))).collect());
        }
        let mut free: BTreeMap<_, u64> = sums.keys().map(|name| (name.clone(), 0)).collect();
        let mut early = free.clone();
        for row in rows {
            let status = self.told(row);
            let waits = has_no_end(status.kind) && status.state == State::Drained && !row.is_unconfirmed;
            if waits && is_free(&status) {
                free.entry(status.session.identity.clone()).and_modify(|keys| *keys += 1);
            }
            early.entry(status.session.identity.clone()).and_modify(|urls| *urls += status.ended_early_urls);
            let states = sums.get_mut(&status.session.identity);
            if let Some((urls, last)) = states.and_then(|states| states.get_mut(&status.state)) {
                *urls += status.outstanding_urls;
                *last = (*last).max(status.last_url_ends_at);
            }
        }
        free.iter().for_each(|(identity, keys)| metrics.free_keys(identity, *keys));
        early.iter().for_each(|(identity, urls)| metrics.ended_early(identity, *urls));
        for (identity, states) in &sums {
            states.iter().for_each(|(state, (urls, last))| metrics.outstanding(identity, *state, *urls, *last));
        }
    }
}

/// Whether nobody else needs its key, nor has URLs outstanding with it.
fn is_free(status: &GenerationStatus) -> bool {
    status.safe_from.is_none() && !status.others.iter().any(Holder::needs_it)
}

/// How long before a session's end it is told, where URLs of it are outstanding: time enough to sign them again.
pub(super) const ENDING_SOON: Duration = Duration::from_secs(600);
/// How old gauges may be.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Characters of a failure that are told.
const MAX_MESSAGE: usize = 1000;
/// How long signatures under way are waited for at one look.
const AT_REST: Duration = Duration::from_secs(5);
