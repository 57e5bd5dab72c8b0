//! What is believed of one thing: a death is believed when it is seen twice in a row, life at once. Pure.

use super::reading::Sight;
use crate::time::Timestamp;

/// What is known of one thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Belief {
    is_dead: bool,
    alive_at: Option<Timestamp>,
    suspected_at: Option<Timestamp>,
}

/// A change of mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// It died between two looks.
    Died {
        /// When it was last seen alive; `None`: never.
        after: Option<Timestamp>,
        /// When it was first seen dead.
        by: Timestamp,
    },
    /// It lives after all.
    Revived,
}

impl Belief {
    /// What was believed before a restart, and when it was last seen alive.
    pub(super) fn before(is_dead: bool, alive_at: Option<Timestamp>) -> Self {
        Self { is_dead, alive_at, suspected_at: None }
    }

    /// Takes in what was seen. Whatever says nothing comes between two sightings, and takes the first back.
    pub(super) fn sees(&mut self, sight: Sight, now: Timestamp) -> Option<Edge> {
        let suspected_at = self.suspected_at.take();
        match sight {
            Sight::Nothing => None,
            Sight::Alive => {
                self.alive_at = Some(now);
                std::mem::replace(&mut self.is_dead, false).then_some(Edge::Revived)
            }
            Sight::Dead | Sight::Expired if self.is_dead => None,
            Sight::Dead | Sight::Expired => match suspected_at {
                None => {
                    self.suspected_at = Some(now);
                    None
                }
                Some(by) => {
                    self.is_dead = true;
                    Some(Edge::Died { after: self.alive_at, by })
                }
            },
        }
    }

    /// Whether it is believed dead.
    pub(super) fn is_dead(self) -> bool {
        self.is_dead
    }

    /// Whether a second look decides.
    pub(super) fn is_suspected(self) -> bool {
        self.suspected_at.is_some()
    }

    /// When it was last seen alive.
    pub(super) fn alive_at(self) -> Option<Timestamp> {
        self.alive_at
    }

    /// Whether it was ever seen alive, or it could not have died.
    pub(super) fn was_alive(self) -> bool {
        self.alive_at.is_some() || self.is_dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Sight::{Alive, Dead, Nothing};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    /// What each sight, a second after the other, changes.
    fn edges(sights: &[Sight]) -> Vec<Option<Edge>> {
        let mut belief = Belief::default();
        sights.iter().zip(1..).map(|(sight, second)| belief.sees(*sight, at(second))).collect()
    }

    #[test]
    fn a_death_is_believed_when_it_is_seen_twice_and_once_only() {
        let died = Some(Edge::Died { after: Some(at(1)), by: at(2) });
        assert_eq!(edges(&[Alive, Dead, Dead, Dead]), [None, None, died, None]);
        assert_eq!(edges(&[Dead, Dead]), [None, Some(Edge::Died { after: None, by: at(1) })]);
    }

    #[test]
    fn what_was_seen_alive_before_a_restart_died_since() {
        let mut before = Belief::before(false, Some(at(7)));
        assert!(before.was_alive() && !before.is_dead());
        assert_eq!(before.sees(Dead, at(20)), None);
        assert_eq!(before.sees(Dead, at(21)), Some(Edge::Died { after: Some(at(7)), by: at(20) }));
    }

    #[test]
    fn whatever_comes_between_takes_the_first_sight_back() {
        assert_eq!(edges(&[Alive, Dead, Alive, Dead, Nothing, Dead]), [None; 6]);
        assert_eq!(edges(&[Nothing, Nothing, Nothing]), [None; 3]);
    }

    #[test]
    fn life_is_believed_at_once_and_silence_revives_nobody() {
        let died = Some(Edge::Died { after: None, by: at(1) });
        assert_eq!(edges(&[Dead, Dead, Nothing, Alive, Alive]), [None, died, None, Some(Edge::Revived), None]);
        let mut before = Belief::before(true, None);
        assert_eq!((before.sees(Dead, at(1)), before.sees(Dead, at(2))), (None, None), "it is no news");
        assert!(before.is_dead() && before.was_alive() && !before.is_suspected());
        assert_eq!(before.sees(Alive, at(3)), Some(Edge::Revived));
    }
}
