//! One frame: two lines of summary, a line for trouble where there is some, three panes, a line of keys. Pure.
//!
//! A narrow terminal shows fewer columns, never part of a number or a time: `7m` in place of `47m` is a lie.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::panes::{self, Cells};
use super::view::View;
use crate::cli::{online, out, say};
use crate::grpc::proto::{Identity, IdentityState};

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let trouble = trouble(view);
    let head = u16::try_from(trouble.len()).unwrap_or(0) + 2;
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Length(head), Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    let mut lines = vec![title(view, top.width), summary(view, top.width)];
    lines.extend(trouble.into_iter().map(|line| Line::styled(line, view.painted(Color::Red))));
    frame.render_widget(Paragraph::new(lines), top);

    let (identities, sessions, events) = (panes::identities(view), panes::sessions(view), panes::events(view));
    let heights = share(middle.height, [&identities, &sessions, &events].map(|rows| wanted(rows)));
    let [one, other, third] = Layout::vertical(heights.map(Constraint::Length)).areas(middle);
    let mut state = TableState::new().with_selected(view.place());
    pane(frame, one, &IDENTITIES, identities, &mut state);
    pane(frame, other, &SESSIONS, sessions, &mut TableState::new());
    pane(frame, third, &EVENTS, events, &mut TableState::new());
    let keys = "q quit   up/down choose an identity   esc all   r ask now";
    frame.render_widget(Line::styled(keys, Style::new().add_modifier(Modifier::DIM)), bottom);
}

/// The height that shows all of it.
pub(super) fn whole(view: &View) -> u16 {
    let rows = [panes::identities(view), panes::sessions(view), panes::events(view)];
    let panes: u16 = rows.iter().map(|rows| wanted(rows)).fold(0, u16::saturating_add);
    panes.saturating_add(u16::try_from(trouble(view).len()).unwrap_or(0) + 3)
}

/// Its headings, and a line even where there is nothing.
fn wanted(rows: &[Cells]) -> u16 {
    u16::try_from(rows.len().max(1)).unwrap_or(u16::MAX).saturating_add(1)
}

/// Each pane gets what it wants up to a third; what others leave goes to the first that wants more; the last has the rest.
fn share(height: u16, wanted: [u16; 3]) -> [u16; 3] {
    let mut got = wanted.map(|wanted| wanted.min(height / 3));
    let mut left = height - got.iter().sum::<u16>();
    for (got, wanted) in got.iter_mut().zip(wanted) {
        let more = left.min(wanted - *got);
        *got += more;
        left -= more;
    }
    got[2] += left;
    got
}

/// Of its columns those that there is room for.
fn pane(frame: &mut Frame<'_>, area: Rect, columns: &[Column], rows: Vec<Cells>, state: &mut TableState) {
    let style = Style::new().add_modifier(Modifier::REVERSED);
    let shown: Vec<_> = columns.iter().map(|(_, _, from)| area.width >= *from).collect();
    let kept = || columns.iter().zip(&shown).filter(|(_, shown)| **shown).map(|(column, _)| *column);
    let head = Row::new(kept().map(|(head, ..)| head)).style(style);
    let widths = kept().map(|(_, width, _)| match width {
        0 => Constraint::Fill(1),
        width => Constraint::Length(width),
    });
    let cells = |row: Cells| Row::new(row.into_iter().zip(&shown).filter(|(_, shown)| **shown).map(|(cell, _)| cell));
    let rows = if rows.is_empty() { vec![Row::new(["none"])] } else { rows.into_iter().map(cells).collect() };
    let chosen = Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
    frame.render_stateful_widget(Table::new(rows, widths).header(head).row_highlight_style(chosen), area, state);
}

/// Who it is, and AWS's time at the right.
fn title(view: &View, width: u16) -> Line<'static> {
    let now = say::time(Some(&prost_types::Timestamp { seconds: view.now(), nanos: 0 }));
    let status = view.told.status.as_ref();
    let version = status.map_or("an older version".to_owned(), |status| status.version.clone());
    let up = status.and_then(|status| status.started_at.as_ref()).map(|at| panes::brief(view.now() - at.seconds));
    let up = up.map(|up| format!(" up {up}")).unwrap_or_default();
    let room = usize::from(width).saturating_sub(now.len() + 1);
    let name = fitting(room, [format!("presignd {version}"), up]);
    let name: String = format!("{name}  {}", out::plain(&view.socket)).chars().take(room).collect();
    Line::styled(format!("{name:room$} {now}"), Style::new().add_modifier(Modifier::BOLD))
}

/// The parts up to the first that has no room; the first of all is cut instead.
fn fitting<const N: usize>(room: usize, parts: [String; N]) -> String {
    let mut all = String::new();
    for part in parts {
        if !all.is_empty() && all.chars().count() + part.chars().count() > room {
            break;
        }
        all += &part;
    }
    all
}

/// What signs, what is outstanding, and the clock.
fn summary(view: &View, width: u16) -> Line<'static> {
    let all = &view.told.identities;
    let signs = |one: &&Identity| matches!(one.state(), IdentityState::Ready | IdentityState::RenewalFailing);
    let ready = all.iter().filter(signs).count();
    let urls = all.iter().flat_map(|one| &one.sessions).map(|session| session.outstanding_urls).sum();
    let last = panes::last_end(view).map(|end| format!(", the last for {}", view.left(end))).unwrap_or_default();
    let status = view.told.status.as_ref();
    let offset = status.and_then(|status| status.clock_offset.as_ref()).map(|offset| offset.seconds);
    let clock = offset.filter(|offset| *offset != 0).map(|offset| format!("; {}", online::told(Some(offset))));
    let signing = format!("{ready} of {} identities sign", all.len());
    let outstanding = format!("; {} outstanding", say::urls(urls));
    let text = fitting(usize::from(width), [signing, outstanding, last, clock.unwrap_or_default()]);
    let colour = if ready < all.len() { Color::Yellow } else { Color::Green };
    Line::styled(text, view.painted(colour))
}

/// That the daemon is gone, that nothing is recorded, and why an identity fails: the one that is chosen, else the first.
fn trouble(view: &View) -> Vec<String> {
    let lost = view.lost.as_ref().map(|why| format!("{why}; as it was {} ago", panes::brief(view.age())));
    let unwritable = view.told.status.as_ref().is_some_and(|status| !status.registry_writable);
    let unwritable = unwritable.then(|| "the registry cannot be written, so nothing is signed".to_owned());
    let chosen = view.place().map(|at| &view.told.identities[at]);
    let failing = match chosen {
        Some(chosen) => Some(chosen),
        None => view.told.identities.iter().find(|one| !one.last_failure.is_empty()),
    };
    let failing = failing.filter(|one| !one.last_failure.is_empty());
    let failing = failing.map(|one| format!("{}: {}: {}", one.name, one.last_failure_reason, one.last_failure));
    lost.into_iter().chain(unwritable).chain(failing).map(|line| out::plain(&line).into_owned()).collect()
}

/// Heading, width, and the width of the terminal from which on it is shown. A width of 0 takes what is left, which is never
/// fewer than nine cells beside others: what is needed least is left out first, and whose row it is never.
type Column = (&'static str, u16, u16);

const IDENTITIES: [Column; 7] = [
    ("IDENTITY", 0, 0),
    ("SOURCE", 16, 78),
    ("STATE", 15, 25),
    ("  GEN", panes::GENERATION, 54),
    (" ENDS IN", 8, 34),
    ("LONGEST", 7, 62),
    ("    URLS", panes::URLS, 46),
];
const SESSIONS: [Column; 8] = [
    ("SESSION OF", 0, 0),
    ("  GEN", panes::GENERATION, 30),
    ("STATE", 8, 46),
    (" ENDS IN", 8, 20),
    ("SEEN", 12, 68),
    ("    URLS", panes::URLS, 35),
    ("LAST URL", 8, 56),
    ("CREDENTIAL", 16, 100),
];
const EVENTS: [Column; 2] = [("EVENT AT", 14, 30), ("WHAT HAPPENED", 0, 0)];

#[cfg(test)]
mod tests;
