//! The first sentence of an assessment: how many URLs end, when, and what to wait for; of what has happened, that nothing is to
//! be waited for; of a name that nobody knows, that it may be mistyped.

use super::outages;
use super::told::{count, totals, touched};
use crate::cli::say;
use crate::grpc::proto::ending::Verdict;
use crate::grpc::proto::{AssessResponse, Ending, Gap, Totals};

/// One sentence, or two.
pub(super) fn verdict(answer: &AssessResponse) -> String {
    let outcome = outcome(answer);
    match doubt(answer) {
        Some(gap) => format!("{} If it is, {}", gap.message, uncapital(&outcome)),
        None => outcome,
    }
}

/// That the name may be mistyped. It stands before the verdict, which says nothing if it is.
pub(super) fn doubt(answer: &AssessResponse) -> Option<&Gap> {
    answer.gaps.iter().find(|gap| gap.reason == "NAME_UNKNOWN")
}

fn outcome(answer: &AssessResponse) -> String {
    let sums = totals(answer);
    let Totals { ends, may_end, lives } = sums;
    let all = ends + may_end + lives;
    let ago = ago(answer);
    if touched(&sums) == 0 && answer.gaps.iter().any(|gap| gap.reason == "FILTER_HIDES") {
        return "The event ends or may end URLs, but none of those that you chose: see below.".to_owned();
    }
    if touched(&sums) == 0 {
        let live = || format!("{} live{}", outstanding(lives, lives), if lives == 1 { "s" } else { "" });
        return match (all, ago) {
            (0, Some(_)) => "No outstanding URL matches, so none has died of it.".to_owned(),
            (0, None) if !answer.outages.is_empty() => "No outstanding URL matches, so none dies.".to_owned(),
            (0, None) => "No outstanding URL matches: the event breaks nothing.".to_owned(),
            (_, Some(_)) => format!("No link that is out now has died of it: {}.", live()),
            // What has ended already may come back, unless this ends it for good.
            (_, None) if answer.gaps.iter().any(|gap| gap.reason == "ENDED_BY_EVENT") => {
                format!("No link that is still alive dies: {}.", live())
            }
            (_, None) => format!("No link dies: {}.", live()),
        };
    }
    let what = happens(ends, may_end, all, has_ended(answer));
    let last = answer.breaks_nothing_from.as_ref();
    let from = if ago.is_some() { answer.assessed_at.as_ref() } else { happens_at(answer) };
    let left = last.zip(from).and_then(|(last, from)| u64::try_from(last.seconds - from.seconds).ok());
    let than = if ago.is_some() { "from now" } else { "later" };
    let left = left.map(|left| format!(" ({} {than})", say::seconds(left))).unwrap_or_default();
    let last = say::time(last);
    let whose = if touched(&sums) == 1 { "it" } else { "the last of them" };
    let advice = match ago {
        Some(ago) => past(answer, &ago),
        // Whatever instant was asked about.
        None if !answer.stands_as.is_empty() => format!("It has happened already: {}.", stands(answer)),
        None => {
            // What is signed later is not spared by waiting.
            let is_lasting = answer.outages.iter().any(outages::is_cut_short);
            let dies = if is_lasting { "that is out now dies" } else { "dies" };
            format!("Sign nothing new, wait until then, and no link {dies}.")
        }
    };
    capital(&format!("{what} {}; {whose} would have lived until {last}{left}. {advice}", when(answer)))
}

/// `42 of 1,203 outstanding URLs end, and 3 more may,`.
fn happens(ends: u64, may_end: u64, all: u64, has_ended: bool) -> String {
    match (ends, may_end, has_ended) {
        (0, may, false) => format!("{} may end", outstanding(may, all)),
        (0, may, true) => format!("{} may have ended", outstanding(may, all)),
        (ends, 0, false) => format!("{} end{}", outstanding(ends, all), if ends == 1 { "s" } else { "" }),
        (ends, 0, true) => format!("{} ended", outstanding(ends, all)),
        (ends, may, false) => {
            format!("{} end{}, and {} more may,", outstanding(ends, all), if ends == 1 { "s" } else { "" }, count(may))
        }
        (ends, may, true) => format!("{} ended, and {} more may have,", outstanding(ends, all), count(may)),
    }
}

/// What holds of an event that has happened, where waiting is no remedy.
fn past(answer: &AssessResponse, ago: &str) -> String {
    let stands = match answer.stands_as.is_empty() {
        true => String::new(),
        false => format!(" ({})", stands(answer)),
    };
    let saves = if touched(&totals(answer)) == 1 { "does not save it" } else { "saves none of them" };
    let rest = match ends_between(answer) {
        Some((_, last)) if !has_ended(answer) => format!(", though some may work until {}", say::time(Some(&last))),
        _ => String::new(),
    };
    format!("That happened {ago} ago{stands}: waiting {saves}{rest}.")
}

/// As what it was reported or seen.
fn stands(answer: &AssessResponse) -> String {
    match answer.stands_as.as_slice() {
        [one] => format!("event {one} stands"),
        many => format!("events {} stand", many.join(", ")),
    }
}

/// How long ago it happened; `None`: it is to come, or is asked about as of now.
fn ago(answer: &AssessResponse) -> Option<String> {
    let (at, now) = happens_at(answer).zip(answer.assessed_at.as_ref())?;
    let ago = u64::try_from(now.seconds - at.seconds).ok().filter(|ago| *ago > 0)?;
    Some(say::seconds(ago))
}

/// Whether all that it ends has ended by now.
fn has_ended(answer: &AssessResponse) -> bool {
    let last = ends_between(answer).map(|(_, last)| last.seconds);
    last.zip(answer.assessed_at.as_ref()).is_some_and(|(last, now)| last <= now.seconds)
}

fn happens_at(answer: &AssessResponse) -> Option<&prost_types::Timestamp> {
    answer.event.as_ref()?.at.as_ref()
}

/// As a sentence begins.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// As it goes on.
fn uncapital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

/// The first and the last instant at which one ends.
fn ends_between(answer: &AssessResponse) -> Option<(prost_types::Timestamp, prost_types::Timestamp)> {
    let ending = answer.effects.iter().filter_map(|effect| effect.ending.as_ref());
    let ending: Vec<&Ending> = ending.filter(|ending| ending.verdict() != Verdict::Lives).collect();
    let first = ending.iter().filter_map(|ending| ending.not_before).min_by_key(|at| at.seconds);
    let last = ending.iter().filter_map(|ending| ending.not_after).max_by_key(|at| at.seconds);
    first.zip(last)
}

/// From when to when they end.
pub(super) fn when(answer: &AssessResponse) -> String {
    let event = answer.event.clone().unwrap_or_default();
    let Some((first, last)) = ends_between(answer) else { return String::new() };
    let settled = event.at.as_ref().zip(event.settles_within.as_ref()).map(|(at, length)| at.seconds + length.seconds);
    match last.seconds - first.seconds {
        0 => format!("at {}", say::time(Some(&first))),
        _ if event.at == Some(first) && settled.is_some_and(|settled| last.seconds <= settled) => {
            format!("within {} of {}", say::length(event.settles_within.as_ref()), say::time(Some(&first)))
        }
        _ => format!("between {} and {}", say::time(Some(&first)), say::time(Some(&last))),
    }
}

/// `42 of 1,203 outstanding URLs`.
fn outstanding(some: u64, all: u64) -> String {
    match (some, all) {
        (1, 1) => "the one outstanding URL".to_owned(),
        (2, 2) => "both outstanding URLs".to_owned(),
        (some, all) if some == all => format!("all {} outstanding URLs", count(all)),
        (some, all) => format!("{} of {} outstanding URLs", count(some), count(all)),
    }
}
