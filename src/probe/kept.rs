//! What is believed of one session: of its key, and of each canary. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::belief::{Belief, Edge};
use super::happened::About;
use super::reading::Sight;
use super::{Due, Seen};
use crate::config::probe::{Canary, all_denied};
use crate::identity::Dead;
use crate::registry::{EventRow, SessionRow};
use crate::session::Session;
use crate::time::Timestamp;

/// See the file.
#[derive(Clone)]
pub(super) struct Kept {
    /// Which it is.
    pub session: Arc<Session>,
    /// When it is looked at next.
    pub due: Due,
    /// By [`About::text`].
    beliefs: BTreeMap<String, Belief>,
    /// The events that say so, by what they are about.
    said: BTreeMap<String, u64>,
}

impl Kept {
    /// As it was left: what this room said of it and still stands, or what it observed where no event could say it; and when
    /// it was last seen alive.
    pub(super) fn new(row: &SessionRow, standing: &[EventRow], due: Due) -> Self {
        let own = standing.iter().filter(|event| event.session == Some(row.session.id));
        let own = own.filter_map(|event| Some((event.seen_dead()?.to_owned(), event.number)));
        let said: BTreeMap<String, u64> = own.collect();
        let alive_at: BTreeMap<String, Timestamp> =
            row.observed.iter().flat_map(|observed| observed.alive_at.clone()).collect();
        let seen = row.observed.as_ref().and_then(|observed| Seen::parse(&observed.state));
        let key_is_dead = (seen == Some(Seen::KeyDead)).then(|| About::Key.text());
        let dead: BTreeSet<String> = said.keys().cloned().chain(key_is_dead).collect();
        let before = |about: &String| Belief::before(dead.contains(about), alive_at.get(about).copied());
        let beliefs = alive_at.keys().chain(&dead).map(|about| (about.clone(), before(about))).collect();
        Self { session: Arc::clone(&row.session), due, beliefs, said }
    }

    /// Remembers the event that says what is believed.
    pub(super) fn says(&mut self, about: &str, event: u64) {
        self.said.insert(about.to_owned(), event);
    }

    /// Events of its own that do not stand any more, with what they were about.
    pub(super) fn missing(&self, standing: &[EventRow]) -> Vec<(String, u64)> {
        let stands = |number: &u64| standing.iter().any(|row| row.number == *number);
        let missing = self.said.iter().filter(|(_, number)| !stands(number));
        missing.map(|(about, number)| (about.clone(), *number)).collect()
    }

    /// It lives again.
    pub(super) fn said_no_more(&mut self, about: &str) {
        self.said.remove(about);
    }

    /// Somebody took it back, and knows better until it is seen again. When it was seen alive stays true.
    pub(super) fn believe_no_more(&mut self, about: &str) {
        self.said.remove(about);
        if let Some(belief) = self.beliefs.get_mut(about) {
            *belief = Belief::before(false, belief.alive_at());
        }
    }

    /// When each thing was last seen alive, by [`About::text`].
    pub(super) fn alive_at(&self) -> BTreeMap<String, Timestamp> {
        let seen = self.beliefs.iter().filter_map(|(about, belief)| Some((about.clone(), belief.alive_at()?)));
        seen.collect()
    }

    /// Canaries that the configuration does not name any more are not asked about.
    pub(super) fn keep_to(&mut self, canaries: &[Canary]) {
        let names: Vec<String> = canaries.iter().map(|canary| About::Canary(canary).text()).collect();
        self.beliefs.retain(|about, _| *about == About::Key.text() || names.contains(about));
    }

    pub(super) fn sees(&mut self, about: About<'_>, sight: Sight, now: Timestamp) -> Option<Edge> {
        self.beliefs.entry(about.text()).or_default().sees(sight, now)
    }

    pub(super) fn was_alive(&self, about: About<'_>) -> bool {
        self.beliefs.get(&about.text()).is_some_and(|belief| belief.was_alive())
    }

    pub(super) fn is_suspected(&self) -> bool {
        self.beliefs.values().any(|belief| belief.is_suspected())
    }

    /// In a word; `None` while nothing was seen.
    pub(super) fn seen(&self) -> Option<Seen> {
        let any = |is: fn(Belief) -> bool| self.beliefs.values().any(|belief| is(*belief));
        match () {
            () if self.is_dead(&About::Key.text()) => Some(Seen::KeyDead),
            () if any(Belief::is_dead) => Some(Seen::Denied),
            () if any(Belief::was_alive) => Some(Seen::Alive),
            () => None,
        }
    }

    /// Why nothing that it signs can be expected to work: its key is dead, or every canary is denied. `None`: it can.
    pub(super) fn signs_no_more(&self, canaries: &[Canary]) -> Option<Dead> {
        let denied = || all_denied(canaries, |about| self.is_dead(about)).then_some(Dead::Denied);
        self.is_dead(&About::Key.text()).then_some(Dead::Key).or_else(denied)
    }

    /// Whether its key was seen dead, where AWS has said whose that is: then no other has that id.
    pub(super) fn has_dead_key(&self) -> bool {
        !self.session.facts.principal_arn.is_empty() && self.is_dead(&About::Key.text())
    }

    fn is_dead(&self, about: &str) -> bool {
        self.beliefs.get(about).is_some_and(|belief| belief.is_dead())
    }
}
