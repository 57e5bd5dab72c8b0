//! What is shown, and what keys do to it. Pure but for the time that has passed since the daemon was asked.

use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::ask::{News, Told};
use super::happened::Happened;
use crate::clock::Clock;
use crate::grpc::proto::{Identity, Session};

/// The whole of it.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Where the daemon is.
    pub(super) socket: String,
    /// What it said last.
    pub(super) told: Told,
    /// Why it does not answer now.
    pub(super) lost: Option<String>,
    /// Newest first.
    pub(super) events: VecDeque<Happened>,
    /// Of one identity alone, by its name.
    pub(super) chosen: Option<String>,
    pub(super) colour: bool,
}

/// What a key asks for beyond the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    AskNow,
    End,
    Interrupt,
}

impl View {
    pub(super) fn new(socket: String, told: Told) -> Self {
        Self { socket, told, lost: None, events: VecDeque::new(), chosen: None, colour: false }
    }

    pub(super) fn takes(&mut self, news: News) {
        match news {
            News::Told(told) => {
                self.told = *told;
                self.lost = None;
                // One that a reload took away is not chosen any more.
                if self.place().is_none() {
                    self.chosen = None;
                }
            }
            News::Lost(why) => self.lost = Some(why),
            News::Happened(one) => {
                self.events.push_front(one);
                self.events.truncate(MOST_EVENTS);
            }
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Act {
        if key.kind == KeyEventKind::Release {
            return Act::Nothing;
        }
        let all = self.told.identities.len();
        let last = all.checked_sub(1);
        let step = |by: isize| {
            let from = self.place().map_or(if by > 0 { -1 } else { all.cast_signed() }, usize::cast_signed);
            last.and_then(|last| usize::try_from((from + by).clamp(0, last.cast_signed())).ok())
        };
        let place = match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Act::Interrupt,
            KeyCode::Char('q') => return Act::End,
            KeyCode::Char('r') => return Act::AskNow,
            KeyCode::Esc => None,
            KeyCode::Down | KeyCode::Char('j') => step(1),
            KeyCode::Up | KeyCode::Char('k') => step(-1),
            KeyCode::PageDown => step(PAGE),
            KeyCode::PageUp => step(-PAGE),
            KeyCode::Home => Some(0),
            KeyCode::End => last,
            _ => return Act::Nothing,
        };
        self.chosen = place.and_then(|at| self.told.identities.get(at)).map(|one| one.name.clone());
        Act::Nothing
    }

    /// Which of the identities is chosen.
    pub(super) fn place(&self) -> Option<usize> {
        let chosen = self.chosen.as_ref()?;
        self.told.identities.iter().position(|one| one.name == *chosen)
    }

    /// Sessions with their identities, those that end first first; of the chosen identity, or of all.
    pub(super) fn sessions(&self) -> Vec<(&Identity, &Session)> {
        let of = |one: &&Identity| self.chosen.as_ref().is_none_or(|chosen| *chosen == one.name);
        let shown = self.told.identities.iter().filter(of);
        let mut all: Vec<_> = shown.flat_map(|one| one.sessions.iter().map(move |session| (one, session))).collect();
        // What has no end comes last.
        all.sort_by_key(|(_, session)| ends_at(session).unwrap_or(i64::MAX));
        all
    }

    /// AWS's time, as far as the daemon knows it.
    pub(super) fn now(&self) -> i64 {
        self.told.now.saturating_add(self.age())
    }

    /// Seconds since the daemon was asked.
    pub(super) fn age(&self) -> i64 {
        i64::try_from(Clock::system().monotonic().duration_since(self.told.at).as_secs()).unwrap_or(0)
    }
}

/// When a session ends; `None` for a long-term key.
pub(super) fn ends_at(session: &Session) -> Option<i64> {
    Some(session.reference.as_ref()?.expires_at.as_ref()?.seconds)
}

/// Events that are kept; more than any terminal shows.
const MOST_EVENTS: usize = 500;
/// How far a page key goes.
const PAGE: isize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn view(names: &[&str]) -> View {
        let one = |name: &&str| Identity { name: (*name).to_owned(), ..Identity::default() };
        let told =
            Told { status: None, identities: names.iter().map(one).collect(), now: 0, at: Clock::system().monotonic() };
        View::new("/run/admin.sock".into(), told)
    }

    fn press(view: &mut View, code: KeyCode) -> Act {
        view.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn keys_choose_an_identity_and_stop_at_both_ends() {
        let mut three = view(&["a", "b", "c"]);
        let mut chosen = |code| {
            press(&mut three, code);
            three.chosen.clone().unwrap_or_default()
        };
        assert_eq!([KeyCode::Down, KeyCode::Down, KeyCode::Down, KeyCode::Down].map(&mut chosen), ["a", "b", "c", "c"]);
        assert_eq!([KeyCode::Up, KeyCode::PageUp, KeyCode::End, KeyCode::Esc].map(&mut chosen), ["b", "a", "c", ""]);
        assert_eq!([KeyCode::Up, KeyCode::Home].map(&mut chosen), ["c", "a"]);
        let mut none = view(&[]);
        for code in [KeyCode::Down, KeyCode::Up, KeyCode::End, KeyCode::Home] {
            press(&mut none, code);
            assert_eq!(none.chosen, None, "{code:?}");
        }
    }

    #[test]
    fn q_ends_and_control_c_interrupts_and_c_alone_does_neither() {
        let mut one = view(&["a"]);
        assert_eq!(press(&mut one, KeyCode::Char('q')), Act::End);
        assert_eq!(one.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Act::Interrupt);
        assert_eq!(press(&mut one, KeyCode::Char('c')), Act::Nothing);
        assert_eq!(press(&mut one, KeyCode::Char('r')), Act::AskNow);
    }

    #[test]
    fn an_identity_that_is_gone_is_chosen_no_more() {
        let mut two = view(&["a", "b"]);
        press(&mut two, KeyCode::End);
        two.takes(News::Told(Box::new(view(&["b", "c"]).told)));
        assert_eq!(two.place(), Some(0), "it is the same one, elsewhere");
        two.takes(News::Told(Box::new(view(&["c"]).told)));
        assert_eq!(two.chosen, None);
    }

    #[test]
    fn a_daemon_that_comes_back_is_lost_no_more_and_what_it_said_stays_meanwhile() {
        let mut one = view(&["a"]);
        one.takes(News::Lost("gone".into()));
        assert_eq!((one.lost.as_deref(), one.told.identities.len()), (Some("gone"), 1));
        one.takes(News::Told(Box::new(view(&["b"]).told)));
        assert_eq!((one.lost.as_deref(), one.told.identities[0].name.as_str()), (None, "b"));
    }
}
