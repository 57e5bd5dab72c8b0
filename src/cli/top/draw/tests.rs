//! Frames over a backend that only remembers, at the sizes that terminals have.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::*;
use crate::cli::top::ask::{News, Told};
use crate::cli::top::happened::{Happened, Weight};
use crate::clock::Clock;
use crate::grpc::proto::{CredentialKind, GenerationState, GetStatusResponse, Observation, Session, SessionReference};

const NOW: i64 = 1_795_348_805;

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: NOW + seconds, nanos: 0 })
}

fn session(generation: u64, ends_in: Option<i64>, urls: u64) -> Session {
    let expires_at = ends_in.and_then(at);
    Session {
        reference: Some(SessionReference { generation, expires_at, ..Default::default() }),
        state: GenerationState::Active.into(),
        outstanding_urls: urls,
        last_url_ends_at: at(1800),
        ..Default::default()
    }
}

fn identity(name: &str, state: IdentityState, sessions: Vec<Session>) -> Identity {
    let (name, source) = (name.to_owned(), "assume-role".to_owned());
    Identity { name, source, state: state.into(), sessions, ..Default::default() }
}

fn told(identities: Vec<Identity>) -> Told {
    let status = GetStatusResponse {
        version: "1.2.3".into(),
        started_at: at(-7384),
        registry_writable: true,
        ..Default::default()
    };
    Told { status: Some(status), identities, now: NOW, at: Clock::system().monotonic() }
}

/// One of everything.
fn view() -> View {
    let web = identity("web", IdentityState::Ready, vec![session(7, Some(3599), 1203)]);
    let last_failure = "AssumeRole failed: AccessDenied: \u{1b}[2Jno".to_owned();
    let batch = identity("batch", IdentityState::RenewalFailing, vec![session(3, Some(300), 4), session(2, None, 0)]);
    let batch = Identity { last_failure, last_failure_reason: "ACCESS_DENIED".into(), ..batch };
    let mut view = View::new("/run/presignd/admin/admin.sock".into(), told(vec![web, batch]));
    let text = "renewal-failed  batch: no [ACCESS_DENIED]".to_owned();
    view.takes(News::Happened(Happened { at: NOW - 5, weight: Weight::Bad, text }));
    view
}

fn drawn(view: &View, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    terminal.backend().buffer().clone()
}

fn lines(view: &View, width: u16, height: u16) -> Vec<String> {
    let buffer = drawn(view, width, height);
    let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

#[test]
fn a_frame_of_80_by_24_shows_all_that_a_small_daemon_has() {
    let shown = [
        "presignd 1.2.3 up 2h 3m  /run/presignd/admin/admin.sock     2026-11-22T12:00:05Z",
        "2 of 2 identities sign; 1207 URLs outstanding, the last for 30m 0s",
        "batch: ACCESS_DENIED: AssumeRole failed: AccessDenied: \\u{1b}[2Jno",
        "IDENTITY       SOURCE           STATE             GEN  ENDS IN LONGEST     URLS",
        "web            assume-role      ready               7  59m 59s       -     1203",
        "batch          assume-role      renewal-failing     3    5m 0s       -        4",
        "SESSION OF                   GEN STATE     ENDS IN SEEN             URLS LAST URL",
        "batch                          3 active     5m 0s -                   4   30m 0s",
    ];
    let frame = lines(&view(), 80, 24);
    assert_eq!(frame[..8].iter().map(|line| squeezed(line)).collect::<Vec<_>>(), shown.map(squeezed));
    let rest = frame[8..].join("\n");
    assert!(rest.contains("never") && rest.contains("11-22 12:00:00 renewal-failed  batch"), "{rest}");
    assert!(frame[23].starts_with("q quit"), "{}", frame[23]);
    assert!(frame.iter().all(|line| line.chars().count() <= 80 && !line.contains('\u{1b}')));
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_ends_first_stands_first_and_what_never_ends_last() {
    let ends: Vec<_> = view().sessions().iter().map(|(_, one)| one.reference.as_ref().unwrap().generation).collect();
    assert_eq!(ends, [3, 7, 2]);
    let web = View { chosen: Some("web".into()), ..view() };
    assert_eq!(web.sessions().len(), 1, "of the chosen one alone");
    assert_eq!(trouble(&web), [""; 0], "and its trouble");
}

#[test]
fn a_daemon_without_identities_has_three_empty_panes() {
    let frame = lines(&View::new("s".into(), told(vec![])), 80, 24);
    assert!(frame[1].starts_with("0 of 0 identities sign; 0 URLs outstanding"), "{}", frame[1]);
    assert_eq!(frame.iter().filter(|line| *line == "none").count(), 3, "{frame:#?}");
}

#[test]
fn of_a_hundred_identities_the_chosen_one_is_in_view_wherever_it_stands() {
    let one = |at: i64| identity(&format!("id-{at:03}"), IdentityState::Ready, vec![session(1, Some(at + 60), 1)]);
    let mut hundred = View::new("s".into(), told((0..100).map(one).collect()));
    for chosen in [0, 50, 99] {
        let name = format!("id-{chosen:03}");
        hundred.chosen = Some(name.clone());
        let frame = lines(&hundred, 80, 24);
        assert!(frame[3..].iter().any(|line| line.starts_with(&name) && line.contains("assume-role")), "{frame:#?}");
        assert!(frame.iter().any(|line| line.starts_with("EVENT AT")), "events keep their place: {frame:#?}");
        assert!(frame[23].starts_with("q quit"));
    }
    let page = crate::cli::top::screen::page(&hundred, 80);
    assert!(page.contains("id-000") && page.contains("id-099") && !page.contains("q quit"), "{page}");
    assert!(page.lines().all(|line| line == line.trim_end()));
}

#[test]
fn a_daemon_that_is_gone_is_said_to_be_gone_and_shown_as_it_was_until_it_is_back() {
    let mut view = view();
    view.takes(News::Lost("cannot reach presignd at s: Connection refused".into()));
    let frame = lines(&view, 80, 24);
    assert!(frame[2].starts_with("cannot reach presignd at s: Connection refused; as it was 0s ago"), "{}", frame[2]);
    assert!(frame[5].starts_with("web"), "{frame:#?}");
    let back = view.told.clone();
    view.takes(News::Told(Box::new(back)));
    assert!(!lines(&view, 80, 24).join("\n").contains("cannot reach"));
}

#[test]
fn a_registry_that_cannot_be_written_is_not_overlooked() {
    let mut view = view();
    view.told.status.as_mut().unwrap().registry_writable = false;
    assert_eq!(lines(&view, 80, 24)[2], "the registry cannot be written, so nothing is signed");
}

#[test]
fn without_colour_no_cell_has_one_and_with_it_a_failing_identity_has() {
    let colours = |colour: bool| {
        let view = View { colour, ..view() };
        let buffer = drawn(&view, 80, 24);
        buffer.content().iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert_eq!(colours(false), 0);
    assert!(colours(true) > 20);
}

#[test]
fn a_narrow_terminal_leaves_out_whole_columns_what_is_needed_least_first() {
    let (least, all) = ("IDENTITY STATE ENDS IN", "IDENTITY SOURCE STATE GEN ENDS IN LONGEST URLS");
    for (width, of_identities, of_sessions) in [
        (19, "IDENTITY", "SESSION OF"),
        (30, "IDENTITY STATE", "SESSION OF GEN ENDS IN"),
        (40, least, "SESSION OF GEN ENDS IN URLS"),
        (46, "IDENTITY STATE ENDS IN URLS", "SESSION OF GEN STATE ENDS IN URLS"),
        (60, "IDENTITY STATE GEN ENDS IN URLS", "SESSION OF GEN STATE ENDS IN URLS LAST URL"),
        (70, "IDENTITY STATE GEN ENDS IN LONGEST URLS", "SESSION OF GEN STATE ENDS IN SEEN URLS LAST URL"),
        (80, all, "SESSION OF GEN STATE ENDS IN SEEN URLS LAST URL"),
        (100, all, "SESSION OF GEN STATE ENDS IN SEEN URLS LAST URL CREDENTIAL"),
    ] {
        let frame = lines(&view(), width, 24);
        for (first, heads) in [("IDENTITY", of_identities), ("SESSION", of_sessions)] {
            let line = frame.iter().find(|line| line.starts_with(first)).unwrap_or_else(|| panic!("{frame:#?}"));
            assert_eq!(squeezed(line), heads, "of {width}");
        }
    }
}

#[test]
fn at_every_width_a_number_or_a_time_is_whole_or_not_there_and_the_name_always_is() {
    let (observation, kind) = (Observation::Unobservable.into(), CredentialKind::AssumeRole.into());
    let session = Session { observation, kind, ..session(54_321, Some(3151), 87_654_321) };
    let one = identity("archives", IdentityState::RenewalFailing, vec![session]);
    let longest_now = Some(prost_types::Duration { seconds: 86_399, nanos: 0 });
    let view = View::new("/run/presignd/admin/admin.sock".into(), told(vec![Identity { longest_now, ..one }]));
    let of_identity = ["assume-role", "renewal-failing", "54321", "52m 31s", "23h 59m", "87654321"];
    let of_session = ["54321", "active", "52m 31s", "unobservable", "87654321", "30m 0s", "assume-role"];
    for width in 40..=100 {
        // Seconds pass while it is drawn at every width.
        let frame: Vec<_> = lines(&view, width, 24)
            .iter()
            .map(|line| line.replace("52m 30s", "52m 31s").replace("29m 59s", "30m 0s"))
            .collect();
        let rows: Vec<_> = frame.iter().filter(|line| line.starts_with("archives")).collect();
        assert_eq!(rows.len(), 2, "{width}: {frame:#?}");
        for (row, words) in rows.into_iter().zip([&of_identity[..], &of_session[..]]) {
            let left = words.iter().fold(&row["archives".len()..], |left, word| {
                let left = left.trim_start();
                left.strip_prefix(word).unwrap_or(left)
            });
            assert_eq!(left.trim(), "", "{width}: {row}");
            assert!(row.contains("52m 31s"), "{width}: when it ends is there at every width: {row}");
        }
        assert!(frame[0].contains(" up 2h 3m") || !frame[0].contains(" up"), "{width}: {}", frame[0]);
        let ends = ["identities sign", "URLs outstanding", "the last for 30m 0s"];
        assert!(ends.iter().any(|end| frame[1].ends_with(end)), "{width}: {}", frame[1]);
    }
}

#[test]
fn a_number_that_is_longer_than_its_column_is_not_cut_to_a_smaller_one() {
    let one = identity("web", IdentityState::Ready, vec![session(123_456, Some(300), 100_000_001)]);
    let frame = lines(&View::new("s".into(), told(vec![one])), 100, 24);
    for row in frame.iter().filter(|line| line.starts_with("web")) {
        assert!(row.matches('…').count() == 2 && !row.contains("23456") && !row.contains("00001"), "{row}");
    }
}

#[test]
fn no_terminal_is_too_small_to_draw_on() {
    for (width, height) in [(1, 1), (3, 2), (20, 5), (79, 3), (500, 1), (1, 100)] {
        lines(&view(), width, height);
    }
}

#[test]
fn heights_are_shared_so_that_nobody_goes_without_and_nothing_is_left() {
    for (height, wanted, got) in [
        (20, [3, 4, 2], [3, 4, 13]),
        (20, [101, 4, 2], [14, 4, 2]),
        (21, [101, 201, 50], [7, 7, 7]),
        (20, [101, 201, 50], [8, 6, 6]),
        (2, [3, 3, 3], [2, 0, 0]),
        (0, [3, 3, 3], [0, 0, 0]),
    ] {
        assert_eq!(share(height, wanted), got, "{height} {wanted:?}");
        assert_eq!(share(height, wanted).iter().sum::<u16>(), height);
    }
}
