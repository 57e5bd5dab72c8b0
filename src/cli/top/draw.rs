//! One frame: two lines of summary, a line for trouble where there is some, three panes, a line of keys. Pure.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::panes;
use super::view::View;
use crate::cli::{online, out, say};
use crate::grpc::proto::{Identity, IdentityState};

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let trouble = trouble(view);
    let head = u16::try_from(trouble.len()).unwrap_or(0) + 2;
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Length(head), Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    let mut lines = vec![title(view, top.width), summary(view)];
    lines.extend(trouble.into_iter().map(|line| Line::styled(line, view.painted(Color::Red))));
    frame.render_widget(Paragraph::new(lines), top);

    let with_kind = middle.width >= WIDE;
    let (identities, sessions, events) =
        (panes::identities(view), panes::sessions(view, with_kind), panes::events(view));
    let heights = share(middle.height, [&identities, &sessions, &events].map(|rows| wanted(rows)));
    let [one, other, third] = Layout::vertical(heights.map(Constraint::Length)).areas(middle);
    let mut state = TableState::new().with_selected(view.place());
    pane(frame, one, &IDENTITIES, identities, &mut state);
    let columns: Vec<_> = SESSIONS.into_iter().filter(|(head, _)| with_kind || *head != KIND).collect();
    pane(frame, other, &columns, sessions, &mut TableState::new());
    pane(frame, third, &EVENTS, events, &mut TableState::new());
    let keys = "q quit   up/down choose an identity   esc all   r ask now";
    frame.render_widget(Line::styled(keys, Style::new().add_modifier(Modifier::DIM)), bottom);
}

/// The height that shows all of it.
pub(super) fn whole(view: &View) -> u16 {
    let rows = [panes::identities(view), panes::sessions(view, true), panes::events(view)];
    let panes: u16 = rows.iter().map(|rows| wanted(rows)).fold(0, u16::saturating_add);
    panes.saturating_add(u16::try_from(trouble(view).len()).unwrap_or(0) + 3)
}

/// Its headings, and a line even where there is nothing.
fn wanted(rows: &[Row<'_>]) -> u16 {
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

fn pane(
    frame: &mut Frame<'_>,
    area: Rect,
    columns: &[(&'static str, u16)],
    rows: Vec<Row<'static>>,
    state: &mut TableState,
) {
    let style = Style::new().add_modifier(Modifier::REVERSED);
    let head = Row::new(columns.iter().map(|(head, _)| *head)).style(style);
    let widths = columns.iter().map(|(_, width)| match width {
        0 => Constraint::Fill(1),
        width => Constraint::Length(*width),
    });
    let rows = if rows.is_empty() { vec![Row::new(["none"])] } else { rows };
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
    let name = format!("presignd {version}{up}  {}", out::plain(&view.socket));
    let room = usize::from(width).saturating_sub(now.len() + 1);
    let name: String = name.chars().take(room).collect();
    Line::styled(format!("{name:room$} {now}"), Style::new().add_modifier(Modifier::BOLD))
}

/// What signs, what is outstanding, and the clock.
fn summary(view: &View) -> Line<'static> {
    let all = &view.told.identities;
    let signs = |one: &&Identity| matches!(one.state(), IdentityState::Ready | IdentityState::RenewalFailing);
    let ready = all.iter().filter(signs).count();
    let urls = all.iter().flat_map(|one| &one.sessions).map(|session| session.outstanding_urls).sum();
    let last = panes::last_end(view).map(|end| format!(", the last for {}", view.left(end))).unwrap_or_default();
    let status = view.told.status.as_ref();
    let offset = status.and_then(|status| status.clock_offset.as_ref()).map(|offset| offset.seconds);
    let clock = offset.filter(|offset| *offset != 0).map(|offset| format!("; {}", online::told(Some(offset))));
    let text = format!(
        "{ready} of {} identities sign; {} outstanding{last}{}",
        all.len(),
        say::urls(urls),
        clock.unwrap_or_default()
    );
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

/// Headings and widths; 0 takes what is left.
const IDENTITIES: [(&str, u16); 7] =
    [("IDENTITY", 0), ("SOURCE", 16), ("STATE", 15), ("  GEN", 5), (" ENDS IN", 8), ("LONGEST", 7), ("    URLS", 8)];
const SESSIONS: [(&str, u16); 8] = [
    ("SESSION OF", 0),
    ("  GEN", 5),
    ("STATE", 8),
    (" ENDS IN", 8),
    ("SEEN", 12),
    ("    URLS", 8),
    ("LAST URL", 8),
    (KIND, 16),
];
const EVENTS: [(&str, u16); 2] = [("EVENT AT", 14), ("WHAT HAPPENED", 0)];
const KIND: &str = "CREDENTIAL";
/// Columns from which on there is room for the kind.
const WIDE: u16 = 100;

#[cfg(test)]
mod tests;
