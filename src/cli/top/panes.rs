//! The rows of each pane, as words and colours. Pure.

use prost_types::Timestamp;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Cell;

use super::happened::Weight;
use super::view::{View, ends_at};
use crate::cli::identities::dash;
use crate::cli::out::plain;
use crate::cli::say;
use crate::grpc::proto::{GenerationState, Identity, IdentityState, Observation, Session};

/// A row: a cell for each column there is, also for those that are left out.
pub(super) type Cells = Vec<Cell<'static>>;

/// A row for each identity.
pub(super) fn identities(view: &View) -> Vec<Cells> {
    view.told.identities.iter().map(|one| identity(one, view)).collect()
}

fn identity(one: &Identity, view: &View) -> Cells {
    let signing =
        one.sessions.iter().find(|session| session.state() == GenerationState::Active && session.partition.is_empty());
    let generation = signing.and_then(|session| session.reference.as_ref()).map(|session| session.generation);
    let urls: u64 = one.sessions.iter().map(|session| session.outstanding_urls).sum();
    vec![
        text(&one.name),
        text(&one.source),
        view.word(say::state(one.state), colour_of(one.state())),
        generation.map_or_else(|| number(String::new()), |generation| count(generation, GENERATION)),
        view.end_of(signing),
        number(one.longest_now.as_ref().map(|length| brief(length.seconds)).unwrap_or_default()),
        count(urls, URLS),
    ]
}

/// A row for each session, those that end first first.
pub(super) fn sessions(view: &View) -> Vec<Cells> {
    view.sessions().into_iter().map(|(identity, session)| of_session(identity, session, view)).collect()
}

fn of_session(identity: &Identity, session: &Session, view: &View) -> Cells {
    let generation = session.reference.as_ref().map_or(0, |reference| reference.generation);
    let whose = match session.partition.as_str() {
        "" => identity.name.clone(),
        tenant => format!("{}/{tenant}", identity.name),
    };
    let (state, seen) = (say::generation_state(session.state), say::observation(session.observation));
    let of_state = match session.state() {
        GenerationState::Active => Color::Green,
        GenerationState::Dead => Color::Red,
        GenerationState::Draining => Color::Yellow,
        _ => Color::Reset,
    };
    let of_seen = match session.observation() {
        Observation::KeyDead | Observation::Denied => Color::Red,
        _ => Color::Reset,
    };
    let last = session.last_url_ends_at.as_ref().filter(|_| session.outstanding_urls > 0);
    vec![
        text(&whose),
        count(generation, GENERATION),
        view.word(state, of_state),
        view.end_of(Some(session)),
        view.word(seen, of_seen),
        count(session.outstanding_urls, URLS),
        number(last.map(|end| view.left(end.seconds)).unwrap_or_default()),
        text(&say::kind(session.kind)),
    ]
}

/// A row for each event, newest first.
pub(super) fn events(view: &View) -> Vec<Cells> {
    let row = |one: &super::happened::Happened| {
        let colour = match one.weight {
            Weight::Fine => Color::Reset,
            Weight::Notable => Color::Yellow,
            Weight::Bad => Color::Red,
        };
        vec![text(&one.when()), view.word(one.text.clone(), colour)]
    };
    view.events.iter().map(row).collect()
}

impl View {
    /// How long a session lives on; red where that is not long.
    fn end_of(&self, session: Option<&Session>) -> Cell<'static> {
        let Some(session) = session else { return number(String::new()) };
        let Some(end) = ends_at(session) else { return number("never".to_owned()) };
        let colour = if end - self.now() < SOON { Color::Red } else { Color::Reset };
        Cell::from(Line::from(self.left(end)).right_aligned()).style(self.painted(colour))
    }

    fn word(&self, word: String, colour: Color) -> Cell<'static> {
        Cell::from(plain(&dash(word)).into_owned()).style(self.painted(colour))
    }

    /// A colour, where colours are wanted; what is red stands out without them too.
    pub(super) fn painted(&self, colour: Color) -> Style {
        match (self.colour, colour) {
            (true, colour) => Style::new().fg(colour),
            (false, Color::Red) => Style::new().add_modifier(Modifier::BOLD),
            (false, _) => Style::new(),
        }
    }

    /// Until `end`.
    pub(super) fn left(&self, end: i64) -> String {
        match end.saturating_sub(self.now()) {
            left @ 1.. => brief(left),
            _ => "ended".to_owned(),
        }
    }
}

/// Of an identity, wherever it is named.
pub(super) fn colour_of(state: IdentityState) -> Color {
    match state {
        IdentityState::Ready => Color::Green,
        IdentityState::Starting | IdentityState::Paused | IdentityState::RenewalFailing => Color::Yellow,
        IdentityState::Unavailable | IdentityState::SessionDead => Color::Red,
        IdentityState::Unspecified => Color::Reset,
    }
}

/// What callers chose is escaped: a terminal obeys what it is sent.
fn text(text: &str) -> Cell<'static> {
    Cell::from(plain(&dash(text.to_owned())).into_owned())
}

fn number(text: String) -> Cell<'static> {
    Cell::from(Line::from(dash(text)).right_aligned())
}

/// A number, or a sign that it has more digits than its column: cut at the left, it would pass for a smaller one.
fn count(of: u64, room: u16) -> Cell<'static> {
    let digits = of.to_string();
    number(if digits.len() > usize::from(room) { "…".to_owned() } else { digits })
}

/// `6d 23h`, `1h 2m`, `3m 4s`: the two largest units.
pub(super) fn brief(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m {rest}s"),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// The end of the last URL of all.
pub(super) fn last_end(view: &View) -> Option<i64> {
    let all = view.told.identities.iter().flat_map(|one| &one.sessions).filter(|session| session.outstanding_urls > 0);
    all.filter_map(|session| session.last_url_ends_at.as_ref()).map(|at: &Timestamp| at.seconds).max()
}

/// Digits that a generation's column holds.
pub(super) const GENERATION: u16 = 5;
/// Digits that a column of URLs holds.
pub(super) const URLS: u16 = 8;
/// Ten minutes: when the daemon tells of a session that ends.
const SOON: i64 = 600;

#[cfg(test)]
mod tests {
    use super::brief;

    #[test]
    fn a_length_is_told_in_its_two_largest_units() {
        let told = [-1, 0, 59, 60, 3599, 3600, 86_399, 86_400, 604_800].map(brief);
        assert_eq!(told, ["0s", "0s", "59s", "1m 0s", "59m 59s", "1h 0m", "23h 59m", "1d 0h", "7d 0h"]);
    }
}
