//! How the daemon is, in the line that `systemctl status` shows. For people: nothing parses it, and no secret, URL, bucket
//! or caller is in it.

use std::fmt::Write as _;

use crate::identity::State;
use crate::registry::SessionRow;
use crate::time::Timestamp;

/// Of every session that the registry knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Outstanding {
    urls: u64,
    last_ends_at: Option<Timestamp>,
}

impl Outstanding {
    pub(super) fn of(rows: &[SessionRow]) -> Self {
        let living = rows.iter().filter(|row| row.outstanding > 0);
        let sum = |sum: Self, row: &SessionRow| Self {
            urls: sum.urls.saturating_add(row.outstanding),
            last_ends_at: sum.last_ends_at.max(row.last_url_ends_at),
        };
        living.fold(Self::default(), sum)
    }
}

/// The line. `outstanding` is `None` while the registry cannot be asked.
pub(super) fn line(
    identities: &[(String, State)],
    outstanding: Option<Outstanding>,
    writable: bool,
    refused: bool,
) -> String {
    let signs = |state: &State| matches!(state, State::Ready | State::RenewalFailing);
    let ready = identities.iter().filter(|(_, state)| signs(state)).count();
    let mut line = match (writable, ready) {
        (false, _) => "NOT SIGNING, the registry cannot be written: ".to_owned(),
        (true, 0) => "NOT SIGNING: ".to_owned(),
        (true, _) => "signing: ".to_owned(),
    };
    let _ = write!(line, "{ready} of {} identities ready", identities.len());
    let others: Vec<_> = identities.iter().filter(|(_, state)| *state != State::Ready).collect();
    let named: Vec<_> =
        others.iter().take(MOST_NAMED).map(|(name, state)| format!("{name} {}", word(*state))).collect();
    if !named.is_empty() {
        let more = others.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = write!(line, " ({}{more})", named.join(", "));
    }
    match outstanding {
        None => line += "; URLs could not be counted",
        Some(Outstanding { urls: 0, .. }) => line += "; no URLs outstanding",
        Some(Outstanding { urls, last_ends_at }) => {
            let _ = write!(line, "; {urls} URL{} outstanding", if urls == 1 { "" } else { "s" });
            if let Some(at) = last_ends_at {
                let _ = write!(line, ", the last until {at}");
            }
        }
    }
    if refused {
        line += "; the configuration on disk does not hold and is not in force, see the log";
    }
    line
}

fn word(state: State) -> &'static str {
    match state {
        State::Paused => "paused",
        State::Starting => "starting",
        State::Ready => "ready",
        State::RenewalFailing => "renewal failing",
        State::Unavailable => "unavailable",
        State::SessionDead => "session dead",
    }
}

/// More would not be read.
const MOST_NAMED: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(states: &[State]) -> Vec<(String, State)> {
        states.iter().enumerate().map(|(at, state)| (format!("id{at}"), *state)).collect()
    }

    #[test]
    fn a_person_reads_what_signs_what_does_not_and_what_is_outstanding() {
        let some = Some(Outstanding { urls: 1204, last_ends_at: Some(Timestamp::from_unix(1_795_694_400)) });
        let all = named(&[State::Ready, State::Unavailable]);
        assert_eq!(
            line(&all, some, true, false),
            "signing: 1 of 2 identities ready (id1 unavailable); 1204 URLs outstanding, the last until 2026-11-26T12:00:00Z"
        );
        let none = Some(Outstanding::default());
        assert_eq!(line(&all[..1], none, true, false), "signing: 1 of 1 identities ready; no URLs outstanding");
        assert!(line(&all[1..], none, true, false).starts_with("NOT SIGNING: 0 of 1"));
        assert!(line(&all, none, false, false).starts_with("NOT SIGNING, the registry cannot be written: 1 of 2"));
        assert!(line(&all, none, true, true).contains("does not hold"));
    }

    #[test]
    fn the_line_stays_a_line_however_many_identities_there_are() {
        let many = named(&[State::Starting; 256]);
        let line = line(&many, None, true, false);
        assert!(line.contains("(id0 starting, id1 starting, id2 starting and 253 more)"), "{line}");
        assert!(line.len() < 200 && !line.contains('\n'), "{line}");
    }
}
