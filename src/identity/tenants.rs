//! The tenants of one name, each with a part of the identity: sessions that sign for it alone. Bounded; a tenant that
//! needs nothing loses its place (docs/adr/0006).
//!
//! Never gives one tenant's part to another.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::{RELOADED, RenewError};
use super::gauges::Gauges;
use super::need::Need;
use super::{Identity, State, Status};
use crate::clock::Clock;
use crate::config::identity::Partitions;
use crate::registry::REQUEST_LIFE;

/// Why a tenant has no part.
#[derive(Debug)]
pub enum NoPart {
    /// Its name cannot be used; says why.
    Refused(String),
    /// Every place is taken by tenants that need theirs.
    Full {
        /// How many places there are.
        most: usize,
        /// When there may be one.
        retry_after: Duration,
    },
    /// Another configuration is in force.
    Gone(Arc<RenewError>),
}

/// Where parts come from, and who looks after them.
pub(super) trait Premises: Send + Sync {
    /// The part of a tenant; or what is wrong with its name.
    fn part(&self, tenant: &str, need: Need) -> Result<Arc<Identity>, String>;

    /// Does something until it ends.
    fn spawn(&self, renewing: Pin<Box<dyn Future<Output = ()> + Send>>);
}

pub(super) struct Tenants {
    partitions: Partitions,
    premises: Box<dyn Premises>,
    clock: Clock,
    pub(super) gauges: Arc<Gauges>,
    all: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    parts: BTreeMap<String, Arc<Identity>>,
    /// Another configuration is in force, and nobody gets a place here.
    is_retired: bool,
}

impl Tenants {
    pub(super) fn new(partitions: Partitions, premises: Box<dyn Premises>, clock: Clock, gauges: Arc<Gauges>) -> Self {
        Self { partitions, premises, clock, gauges, all: Mutex::default() }
    }

    pub(super) fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    /// The part of a tenant, which is needed from now on for a while.
    pub(super) fn part(self: &Arc<Self>, tenant: &str) -> Result<Arc<Identity>, NoPart> {
        let until = self.clock.now() + REQUEST_LIFE;
        let mut all = self.all();
        if all.is_retired {
            let message = "the configuration was reloaded meanwhile; ask again";
            return Err(NoPart::Gone(Arc::new(RenewError::new(RELOADED, message))));
        }
        if let Some(part) = all.parts.get(tenant) {
            part.keeper.ask(until);
            return Ok(Arc::clone(part));
        }
        let part = self.premises.part(tenant, Need::new(until)).map_err(NoPart::Refused)?;
        if all.parts.len() >= self.partitions.most {
            let last = self.make_room(&mut all).map_err(|retry_after| {
                let most = self.partitions.most;
                NoPart::Full { most, retry_after }
            })?;
            self.gone(&last);
        }
        all.parts.insert(tenant.to_owned(), Arc::clone(&part));
        self.run(Arc::clone(&part));
        Ok(part)
    }

    /// Begins with the parts of another configuration, whose sessions are those that this one would get.
    pub(super) fn take_over(self: &Arc<Self>, former: &Self) {
        let former: Vec<_> = former.parts();
        let mut all = self.all();
        for one in former {
            let (tenant, Some(need)) = (one.tenant(), one.keeper.need()) else { continue };
            let Ok(part) = self.premises.part(tenant, Need::new(need.until())) else { continue };
            part.keeper.take_over(&one.keeper);
            all.parts.insert(tenant.to_owned(), part);
        }
    }

    /// Begins to look after what was taken over.
    pub(super) fn run_all(self: &Arc<Self>) {
        self.parts().into_iter().for_each(|part| self.run(part));
    }

    /// Looks after a part until it is let go.
    fn run(self: &Arc<Self>, part: Arc<Identity>) {
        let tenants = Arc::clone(self);
        self.premises.spawn(Box::pin(async move { while part.keeper.run().await && !tenants.let_go(&part) {} }));
    }

    /// Takes the place of a part that nobody needs. `false`: somebody does, by now.
    fn let_go(&self, part: &Arc<Identity>) -> bool {
        let mut all = self.all();
        let Entry::Occupied(place) = all.parts.entry(part.tenant().to_owned()) else { return true };
        if !Arc::ptr_eq(place.get(), part) {
            return true;
        }
        if !part.keeper.is_over() {
            return false;
        }
        self.gone(&place.remove());
        true
    }

    /// Whoever waits there asks again.
    fn gone(&self, part: &Identity) {
        part.keeper.retire();
        self.gauges.remove(part.tenant());
    }

    /// Takes a part out whose place is needed more elsewhere; or says when there may be one.
    fn make_room(&self, all: &mut Places) -> Result<Arc<Identity>, Duration> {
        let now = self.clock.now();
        let free_at = |part: &Arc<Identity>| {
            let until = part.keeper.need()?.until();
            Some(if part.keeper.has_nothing() { until - REQUEST_LIFE + LEFT_ALONE } else { until })
        };
        let first = all.parts.values().filter_map(|part| Some((free_at(part)?, part.tenant().to_owned()))).min();
        match first {
            Some((at, tenant)) if at <= now => all.parts.remove(&tenant).ok_or(SOONEST),
            Some((at, _)) => Err(now.until(at).unwrap_or_default().clamp(SOONEST, LATEST)),
            None => Err(LATEST),
        }
    }

    /// The part of a tenant that has one.
    pub(super) fn find(&self, tenant: &str) -> Option<Arc<Identity>> {
        self.all().parts.get(tenant).cloned()
    }

    /// By tenant.
    pub(super) fn parts(&self) -> Vec<Arc<Identity>> {
        self.all().parts.values().cloned().collect()
    }

    /// Another configuration is in force.
    pub(super) fn retire(&self) {
        let mut all = self.all();
        all.is_retired = true;
        all.parts.values().for_each(|part| part.keeper.retire());
    }

    /// Its gate was closed or opened.
    pub(super) fn pause(&self, is_paused: bool) {
        self.gauges.pause(is_paused);
        self.parts().iter().for_each(|part| part.keeper.look());
    }

    /// How all of them are together.
    pub(super) fn status(&self, is_paused: bool) -> Status {
        let each: Vec<Status> = self.parts().iter().map(|part| part.status()).collect();
        let any = |state: State| each.iter().any(|one| one.state == state);
        let fails = any(State::RenewalFailing) || any(State::Unavailable) || any(State::SessionDead);
        let state = match any(State::Ready) || any(State::RenewalFailing) {
            _ if is_paused => State::Paused,
            true if fails => State::RenewalFailing,
            false if any(State::SessionDead) => State::SessionDead,
            false if fails => State::Unavailable,
            _ => State::Ready,
        };
        let mut sessions: Vec<_> = each.iter().flat_map(|one| one.sessions.iter().cloned()).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.generation));
        let headroom = each.iter().map(|one| one.headroom).max().unwrap_or_default();
        let next_renewal_at = each.iter().filter_map(|one| one.next_renewal_at).min();
        let worst = each.into_iter().filter(|one| one.failures > 0).max_by_key(|one| one.failures);
        let (failures, last_failure, last_failure_reason) =
            worst.map(|one| (one.failures, one.last_failure, one.last_failure_reason)).unwrap_or_default();
        Status { state, sessions, next_renewal_at, failures, last_failure, last_failure_reason, headroom }
    }

    fn all(&self) -> MutexGuard<'_, Places> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a tenant that got no session keeps its place from another, after it was last asked for.
const LEFT_ALONE: Duration = Duration::from_secs(30);
/// Least and most of what a caller is told to wait for a place.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(3600);
