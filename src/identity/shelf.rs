//! The generations of one identity whose secrets are in memory. Bounded; told the time.
//!
//! Never goes back: a generation in whose place another signed does not sign again, whatever becomes of that one, until
//! its source gives it anew or an operator lets it.

use std::sync::Arc;

use super::Live;
use super::gate::Gate;
use crate::session::{RecordId, Session};
use crate::time::Timestamp;

#[derive(Default, Clone)]
pub(super) struct Shelf {
    /// Newest last.
    all: Vec<Arc<Live>>,
    /// What the source gave last of what might sign,
    given: Option<RecordId>,
    /// and what signs in its place: a session that lives longer and signed before, or what an operator let sign again.
    preferred: Option<RecordId>,
    /// What the source gives and may not sign: it was stopped, or waits to be confirmed. It takes nobody's place.
    withheld: Option<RecordId>,
}

impl Shelf {
    /// Puts up what the source gave, in place of the same generation; those that have ended are wiped. The session that
    /// signs goes on if it lives longer, for it may be long that callers need, and nobody has asked for another; otherwise
    /// its time is over. A long-term key
    /// in whose place it comes signs no more, not even for who found it before.
    pub(super) fn put(&mut self, live: Arc<Live>, now: Timestamp) {
        let goes_on = self.outlives(&live, now).filter(|signs| signs.session.facts.expires_at.is_some());
        self.preferred = goes_on.map(|signs| signs.session.id).filter(|id| *id != live.session.id);
        (self.given, self.withheld) = (Some(live.session.id), None);
        self.stand(live, now);
    }

    /// The source gives this, which may not sign, and nothing else any more.
    pub(super) fn withhold(&mut self, given: RecordId) {
        self.withheld = Some(given);
    }

    /// Notes that what the source gives was stopped, if it is this; or that it may sign again.
    pub(super) fn stop(&mut self, id: RecordId, is_stopped: bool) {
        if self.given == Some(id) && self.withheld.is_none_or(|withheld| withheld == id) {
            self.withheld = Some(id).filter(|_| is_stopped);
        }
    }

    /// What the source gives, as far as is known since the start, whether or not it may sign.
    pub(super) fn gives(&self) -> Option<RecordId> {
        self.withheld.or(self.given)
    }

    /// Lets sign what the source gave last, although what signs lives longer.
    pub(super) fn supersede(&mut self, given: RecordId) {
        self.preferred.take_if(|_| self.given == Some(given));
    }

    /// Lets a generation sign that did not any more: a session as long as nothing that comes lives longer, a long-term key
    /// in the place of what the source gives, until that gives something once more. What the source gives itself has its
    /// place by right.
    pub(super) fn prefer(&mut self, live: Arc<Live>, now: Timestamp) {
        if self.withheld == Some(live.session.id) {
            (self.given, self.withheld) = (self.withheld, None);
        }
        self.preferred = Some(live.session.id).filter(|id| Some(*id) != self.given);
        self.stand(live, now);
    }

    /// Whether it is a long-term key that the source gives, and yet another was let sign in its place.
    pub(super) fn is_displaced(&self, id: RecordId) -> bool {
        let is_key = |live: &Arc<Live>| live.session.facts.expires_at.is_none();
        let is_given = self.withheld.is_none() && self.given == Some(id);
        self.preferred.is_some() && is_given && self.find(id).is_some_and(is_key)
    }

    /// Whether it is a session that signs as soon as the one that signs is stopped or seen dead: that came before it, and
    /// lives longer.
    pub(super) fn is_next(&self, id: RecordId) -> bool {
        let may_sign = |live: &Arc<Live>| live.session.facts.expires_at.is_some() && live.gate.is_passable();
        self.preferred.is_some() && self.given == Some(id) && self.find(id).is_some_and(may_sign)
    }

    /// Whether it was let sign in the place of such a key.
    pub(super) fn is_stand_in(&self, id: RecordId) -> bool {
        self.preferred == Some(id) && self.given.is_some_and(|given| self.is_displaced(given))
    }

    fn stand(&mut self, live: Arc<Live>, now: Timestamp) {
        self.keep(live, now);
        // Who has found a session goes on with it.
        let keys = self.all.iter().filter(|old| old.session.facts.expires_at.is_none());
        keys.filter(|old| !self.stands(old)).for_each(|old| _ = old.gate.close());
    }

    /// The same for a generation that does not sign.
    pub(super) fn keep(&mut self, live: Arc<Live>, now: Timestamp) {
        self.all.retain(|old| old.session.id != live.session.id && old.session.left(now).is_some());
        if self.all.len() >= MAX_GENERATIONS {
            // The one that serves least; its URLs live on.
            let least = self.all.iter().enumerate().min_by_key(|(_, old)| old.session.left(now)).map(|(at, _)| at);
            self.all.remove(least.unwrap_or_default());
        }
        self.all.push(live);
        self.all.sort_by_key(|live| live.session.generation);
    }

    /// The session that signs: what the source gave last, or the one that signed before, whichever lives longer. A long-term
    /// key has no end, so it stands only while it is what the source gives: otherwise somebody has put another in its place.
    pub(super) fn current(&self, now: Timestamp) -> Option<Arc<Live>> {
        self.longest(Gate::is_passable, now)
    }

    /// What mints for others: the session that signs, or one that would, had it not been denied what it signs.
    pub(super) fn lends(&self, now: Timestamp) -> Option<Arc<Live>> {
        self.current(now).or_else(|| self.longest(Gate::mints, now))
    }

    fn longest(&self, may: fn(&Gate) -> bool, now: Timestamp) -> Option<Arc<Live>> {
        let standing = self.all.iter().filter(|live| self.stands(live) && may(&live.gate));
        let living = standing.filter(|live| live.session.left(now).is_some());
        living.max_by_key(|live| (live.session.left(now), live.session.generation)).cloned()
    }

    /// The session that signs although that generation may, because it is better.
    pub(super) fn outlives(&self, live: &Live, now: Timestamp) -> Option<Arc<Live>> {
        let rank = |live: &Live| (live.session.left(now), live.session.generation);
        self.current(now).filter(|signs| rank(signs) > rank(live))
    }

    pub(super) fn live(&self, id: RecordId, now: Timestamp) -> Option<Arc<Live>> {
        self.find(id).filter(|live| live.session.left(now).is_some()).cloned()
    }

    fn find(&self, id: RecordId) -> Option<&Arc<Live>> {
        self.all.iter().find(|live| live.session.id == id)
    }

    /// Whether one that could sign otherwise was seen dead.
    pub(super) fn has_dead(&self, now: Timestamp) -> bool {
        self.all.iter().any(|live| self.is_dead(live) && live.session.left(now).is_some())
    }

    /// Whether that one could sign, had it not been seen dead.
    pub(super) fn is_dead(&self, live: &Arc<Live>) -> bool {
        live.gate.is_dead() && !live.gate.is_closed() && self.stands(live)
    }

    /// Newest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Live>> {
        self.all.iter().rev()
    }

    /// Takes a generation down.
    pub(super) fn take(&mut self, id: RecordId) {
        self.all.retain(|live| live.session.id != id);
        self.preferred.take_if(|preferred| *preferred == id);
    }

    /// Whether it may sign, as far as the source and operators go.
    pub(super) fn stands(&self, live: &Live) -> bool {
        let (id, is_key) = (Some(live.session.id), live.session.facts.expires_at.is_none());
        id == self.preferred.or(self.given) || (!is_key && id == self.given)
    }

    /// Newest first.
    pub(super) fn sessions(&self, now: Timestamp) -> Vec<Arc<Session>> {
        let living = self.all.iter().rev().filter(|live| live.session.left(now).is_some());
        living.map(|live| Arc::clone(&live.session)).collect()
    }
}

/// Generations of one identity in memory. At the least pause between mints the oldest would be gone before its end;
/// at ordinary lengths there are a handful.
pub(super) const MAX_GENERATIONS: usize = 256;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::identity::gate::Dead;
    use crate::identity::mint::{bare, credentials};
    use crate::session::{CredentialKind, IdentityName, InstanceId};
    use crate::signer::Signer;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(seconds)
    }

    /// A generation that ends after so many seconds; a long-term key, without.
    fn live(generation: u64, ends: Option<u64>) -> Arc<Live> {
        let key = format!("KEY{generation}");
        let mut facts = bare(&key, CredentialKind::AssumeRole, Timestamp::EPOCH);
        facts.expires_at = ends.map(at);
        let id = RecordId { instance: InstanceId::from_random(1), number: generation };
        let session = Arc::new(Session { id, identity: IdentityName::parse("web").unwrap(), generation, facts });
        Arc::new(Live { session, signer: Signer::new(credentials(&key, "secret", None)), gate: Arc::default() })
    }

    fn shelf(generations: &[(u64, Option<u64>)]) -> Shelf {
        let mut shelf = Shelf::default();
        generations.iter().for_each(|(generation, ends)| shelf.put(live(*generation, *ends), at(0)));
        shelf
    }

    fn current(shelf: &Shelf, now: u64) -> Option<u64> {
        shelf.current(at(now)).map(|live| live.session.generation)
    }

    fn of_key(shelf: &Shelf, key: &str) -> Option<Arc<Live>> {
        shelf.all().find(|live| live.session.facts.access_key_id == key).cloned()
    }

    #[test]
    fn the_longest_life_signs_and_of_equals_the_newest() {
        let shelf = shelf(&[(1, Some(900)), (2, Some(1800)), (3, Some(1800)), (4, Some(100))]);
        assert_eq!((current(&shelf, 0), current(&shelf, 1799), current(&shelf, 1800)), (Some(3), Some(3), None));
    }

    #[test]
    fn a_long_term_key_is_superseded_by_whatever_comes_after_it() {
        let mut shelf = shelf(&[(1, Some(900)), (2, None)]);
        assert_eq!(current(&shelf, 0), Some(2), "it has no end");
        shelf.put(live(3, Some(60)), at(0));
        assert_eq!(current(&shelf, 0), Some(3), "somebody has put another in its place, and not what the key followed");
        assert!(shelf.live(live(2, None).session.id, at(0)).is_some(), "URLs that it signed can be signed again");
        shelf.put(live(4, None), at(0));
        assert_eq!(current(&shelf, 0), Some(4));
        shelf.put(live(5, None), at(0));
        assert_eq!((current(&shelf, 0), current(&shelf, 5_000_000)), (Some(5), Some(5)));
    }

    #[test]
    fn a_key_that_somebody_puts_back_signs_again() {
        let mut shelf = shelf(&[(1, None), (2, None)]);
        shelf.put(live(1, None), at(0));
        assert_eq!((current(&shelf, 0), shelf.all.len()), (Some(1), 2), "and a generation is there once");
    }

    #[test]
    fn a_key_that_was_let_sign_again_displaces_what_the_source_gives_until_that_gives_something() {
        let (one, two) = (live(1, None), live(2, None));
        let mut shelf = shelf(&[(1, None), (2, None)]);
        let displaced = |shelf: &Shelf| [&one, &two].map(|live| shelf.is_displaced(live.session.id));
        let stands_in = |shelf: &Shelf| [&one, &two].map(|live| shelf.is_stand_in(live.session.id));
        shelf.prefer(Arc::clone(&one), at(0));
        assert_eq!((current(&shelf, 0), displaced(&shelf)), (Some(1), [false, true]));
        assert_eq!(stands_in(&shelf), [true, false]);
        shelf.put(Arc::clone(&two), at(0));
        assert_eq!(stands_in(&shelf), [false, false]);
        assert_eq!((current(&shelf, 0), displaced(&shelf)), (Some(2), [false, false]));
        shelf.prefer(Arc::clone(&two), at(0));
        assert_eq!(
            (current(&shelf, 0), displaced(&shelf)),
            (Some(2), [false, false]),
            "the source gives that very key"
        );
        shelf.prefer(Arc::clone(&one), at(0));
        shelf.take(one.session.id);
        assert_eq!(displaced(&shelf), [false, false], "nothing is in its place any more");
    }

    #[test]
    fn a_key_in_whose_place_another_came_lets_nobody_pass() {
        let (one, two) = (live(1, None), live(2, None));
        let mut shelf = Shelf::default();
        for (given, passes) in [(&one, [true, true]), (&two, [false, true])] {
            shelf.put(Arc::clone(given), at(0));
            assert_eq!([&one, &two].map(|live| live.gate.pass().is_some()), passes);
        }
        assert_eq!(current(&shelf, 0), Some(2));
    }

    #[test]
    fn what_another_followed_never_signs_again_by_itself() {
        type Turn = fn(&Gate) -> bool;
        let stops: [(&str, Turn, Turn); 2] =
            [("drained", Gate::close, Gate::open), ("seen dead", |gate| gate.bury(Dead::Key), Gate::revive)];
        for (how, stop, go_on) in stops {
            let mut shelf = shelf(&[(1, Some(900)), (2, Some(1800))]);
            let two = Arc::clone(&shelf.all[1]);
            stop(&two.gate);
            assert_eq!(current(&shelf, 0), None, "{how}: the first is still there");
            go_on(&two.gate);
            assert_eq!(current(&shelf, 0), Some(2), "{how}");
            stop(&two.gate);
            shelf.put(live(3, Some(1000)), at(0));
            go_on(&two.gate);
            assert_eq!(current(&shelf, 0), Some(3), "{how}: the second has been followed, though it lives longer");
            shelf.prefer(Arc::clone(&two), at(0));
            assert_eq!(current(&shelf, 0), Some(2), "{how}: an operator lets it");
            shelf.put(live(1, Some(900)), at(0));
            stop(&two.gate);
            assert_eq!(current(&shelf, 0), Some(1), "{how}: its source gives it anew");
            shelf.put(live(4, None), at(0));
            shelf.take(live(4, None).session.id);
            assert_eq!(current(&shelf, 0), None, "{how}: nor what was there before a key that is retired");
        }
    }

    #[test]
    fn a_session_that_comes_and_is_shorter_waits_until_the_longer_one_is_stopped() {
        let mut shelf = shelf(&[(1, Some(1800)), (2, Some(900)), (3, Some(1000))]);
        let is_next = |shelf: &Shelf| [1, 2, 3].map(|number| shelf.is_next(live(number, Some(1)).session.id));
        assert_eq!(
            (current(&shelf, 0), is_next(&shelf)),
            (Some(1), [false, false, true]),
            "a third followed the second"
        );
        shelf.all[0].gate.bury(Dead::Key);
        assert_eq!(current(&shelf, 0), Some(3));
        shelf.all[2].gate.bury(Dead::Denied);
        assert_eq!((current(&shelf, 0), is_next(&shelf)), (None, [false; 3]));
        shelf.all[0].gate.revive();
        assert_eq!(current(&shelf, 0), Some(1), "nothing has come meanwhile");
        shelf.put(live(4, Some(1900)), at(0));
        shelf.all[3].gate.close();
        assert_eq!(current(&shelf, 0), None);
    }

    #[test]
    fn a_shorter_session_that_somebody_asked_for_signs_at_once_and_the_longer_one_when_an_operator_lets_it() {
        let mut shelf = shelf(&[(1, Some(1800)), (2, Some(900))]);
        let (one, two) = (Arc::clone(&shelf.all[0]), Arc::clone(&shelf.all[1]));
        shelf.supersede(one.session.id);
        assert_eq!(current(&shelf, 0), Some(1), "it is not what came");
        shelf.supersede(two.session.id);
        assert_eq!((current(&shelf, 0), shelf.is_next(two.session.id)), (Some(2), false));
        two.gate.close();
        assert_eq!(current(&shelf, 0), None, "the first has been followed");
        two.gate.open();
        shelf.prefer(one, at(0));
        assert_eq!(current(&shelf, 0), Some(1));
    }

    #[test]
    fn what_is_only_kept_takes_nobodys_place() {
        let mut shelf = shelf(&[(1, None)]);
        let kept = live(2, None);
        kept.gate.close();
        shelf.keep(kept, at(0));
        shelf.keep(live(3, Some(900)), at(0));
        assert_eq!((current(&shelf, 0), shelf.all.len()), (Some(1), 3));
        shelf.all[0].gate.close();
        assert_eq!(current(&shelf, 0), None);
    }

    #[test]
    fn what_has_ended_is_wiped_by_the_next_and_found_no_more() {
        let mut shelf = shelf(&[(1, Some(60)), (2, Some(120))]);
        let first = live(1, None).session.id;
        assert!(shelf.live(first, at(59)).is_some() && shelf.live(first, at(60)).is_none());
        assert_eq!(shelf.sessions(at(60)).iter().map(|session| session.generation).collect::<Vec<_>>(), [2]);
        let weak = Arc::downgrade(&shelf.all[0]);
        shelf.put(live(3, Some(600)), at(60));
        assert!(weak.upgrade().is_none(), "and its secret with it");
        assert_eq!(shelf.sessions(at(60)).iter().map(|session| session.generation).collect::<Vec<_>>(), [3, 2]);
    }

    #[test]
    fn the_same_generation_takes_the_place_of_its_former_self() {
        let mut shelf = shelf(&[(1, Some(600)), (2, Some(900))]);
        shelf.put(live(2, Some(100)), at(0));
        assert_eq!((current(&shelf, 0), shelf.all.len()), (Some(2), 2), "and what it followed stays where it is");
        assert_eq!(of_key(&shelf, "KEY2").unwrap().session.left(at(0)), Some(Duration::from_secs(100)));
        assert!(of_key(&shelf, "KEY3").is_none());
    }

    #[test]
    fn a_full_shelf_lets_go_of_the_one_that_serves_least_and_never_of_the_newest() {
        let lives = (1..=MAX_GENERATIONS as u64).map(|generation| (generation, Some(10_000 - generation)));
        let mut shelf = shelf(&lives.collect::<Vec<_>>());
        shelf.put(live(1000, Some(1)), at(0));
        assert_eq!(shelf.all.len(), MAX_GENERATIONS);
        assert!(of_key(&shelf, &format!("KEY{MAX_GENERATIONS}")).is_none(), "it had the shortest life of those before");
        assert!(of_key(&shelf, "KEY1").is_some() && of_key(&shelf, "KEY1000").is_some());
    }
}
