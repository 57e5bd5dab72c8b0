//! An assessment in words: the verdict first, for somebody who was just woken; then why, where, and what the answer cannot
//! see. Eighty columns, no colours.

use super::verdict::{doubt, verdict};
use super::{curve, outages};
use crate::cli::out::{Sheet, plain};
use crate::cli::say;
use crate::grpc::proto::ending::{Grade, Verdict};
use crate::grpc::proto::group::By;
use crate::grpc::proto::{AssessResponse, Effect, Ending, Gap, Group, Totals};
pub(in crate::cli) use crate::session::generation::thousands as count;

/// All of it, for reading.
pub(super) fn page(answer: &AssessResponse) -> String {
    let mut page = wrapped(&verdict(answer), 0);
    page += &outages::page(&answer.outages, 0);
    if !answer.effects.is_empty() {
        page += "\n";
    }
    let mut effects: Vec<&Effect> = answer.effects.iter().collect();
    effects.sort_by_key(|effect| effect.ending.as_ref().map_or(0, |ending| ending.verdict));
    effects.into_iter().for_each(|effect| page += &told(effect));
    page += &groups(&answer.groups);
    let curve = curve::drawn(&answer.curve);
    if !curve.is_empty() && touched(&totals(answer)) > 0 {
        page += &format!("\n{}\n", curve.join("\n"));
    }
    // What was said first is not said twice.
    let gaps: Vec<&Gap> = answer.gaps.iter().filter(|gap| doubt(answer) != Some(*gap)).collect();
    if !gaps.is_empty() {
        page += "\nNot in this answer:\n";
        for gap in gaps {
            page += &bullet(&gap.message);
        }
    }
    page
}

/// The same as fields, for scripts.
pub(super) fn lines(answer: &AssessResponse) -> Sheet {
    let mut sheet = Sheet::new(&[]);
    let mut row = |cells: &[&str]| sheet.row(cells.iter().map(|cell| (*cell).to_owned()).collect());
    let Totals { ends, may_end, lives } = totals(answer);
    row(&["total", "ends", &ends.to_string()]);
    row(&["total", "may-end", &may_end.to_string()]);
    row(&["total", "lives", &lives.to_string()]);
    let from = answer.breaks_nothing_from.as_ref();
    row(&["breaks-nothing-from", if from.is_some() { "at" } else { "now" }, &say::time(from)]);
    for id in &answer.stands_as {
        row(&["stands-as", id]);
    }
    for effect in &answer.effects {
        let ending = effect.ending.clone().unwrap_or_default();
        row(&["effect", &say::verdict(ending.verdict), &effect.urls.to_string(), &ending.reason]);
    }
    for group in &answer.groups {
        let Totals { ends, may_end, .. } = group.totals.unwrap_or_default();
        let counts =
            [Some(ends), Some(may_end), living(group)].map(|urls| urls.map_or("-".to_owned(), |it| it.to_string()));
        row(&["group", &by(group.by), named(group), &counts[0], &counts[1], &counts[2]]);
    }
    for outage in &answer.outages {
        let mut cells = vec!["outage".to_owned(), outage.identity.clone()];
        cells.extend([say::time(outage.at.as_ref()), outage.message.clone()]);
        cells.extend(outages::cells(outage));
        row(&cells.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for gap in &answer.gaps {
        row(&["gap", &gap.reason, &gap.message]);
    }
    sheet
}

/// What happens to how many, and what the bearer sees.
fn told(effect: &Effect) -> String {
    let ending = effect.ending.clone().unwrap_or_default();
    let happens = match ending.verdict() {
        Verdict::Ends => "end",
        Verdict::MayEnd => "may end",
        _ => "live",
    };
    let mut text = format!("{happens}: {}", ending.message);
    if !ending.condition.is_empty() {
        text += &format!(" They end if {}.", ending.condition);
    }
    if ending.verdict() != Verdict::Lives {
        let seen = bearer_sees(&ending);
        text += &format!(" The bearer sees {seen}.");
        text += if ending.reversible { " Undone, they work again." } else { " For good." };
    }
    text += &format!(" [{}, {}]", ending.reason, grade(ending.grade));
    let urls = count(effect.urls);
    format!("{urls:>COUNTS$} {}", wrapped(&text, COUNTS + 1).trim_start())
}

/// `403 AccessDenied or 404 NoSuchKey`.
pub(in crate::cli) fn bearer_sees(ending: &Ending) -> String {
    let errors: Vec<_> = ending.bearer_errors.iter().map(|one| format!("{} {}", one.http_status, one.code)).collect();
    if errors.is_empty() { "an error that is not known".to_owned() } else { errors.join(" or ") }
}

/// How well a fact is known, in a word for people.
pub(in crate::cli) fn grade(grade: i32) -> &'static str {
    match Grade::try_from(grade).unwrap_or_default() {
        Grade::Documented => "documented",
        Grade::Field => "seen in the field",
        Grade::Inferred => "inferred",
        Grade::Unconfirmed | Grade::Unspecified => "unconfirmed",
    }
}

/// Of each kind those that lose the most.
fn groups(groups: &[Group]) -> String {
    let mut page = String::new();
    for kind in [By::Bucket, By::Identity, By::Session, By::Caller, By::OnBehalfOf, By::Operation] {
        let of_kind = groups.iter().filter(|group| group.by() == kind);
        let mut hit: Vec<&Group> = of_kind.filter(|group| touched(&group.totals.unwrap_or_default()) > 0).collect();
        hit.sort_by_key(|group| std::cmp::Reverse(touched(&group.totals.unwrap_or_default())));
        if hit.is_empty() {
            continue;
        }
        let heading: &'static str = match kind {
            By::Bucket => "BUCKET",
            By::Identity => "IDENTITY",
            By::Session => "SESSION",
            By::Caller => "CALLER",
            By::OnBehalfOf => "ON BEHALF OF",
            By::Operation | By::Unspecified => "OPERATION",
        };
        let mut sheet = Sheet::new(&["ENDS", "MAY END", "LIVES", heading]);
        for group in hit.iter().take(SHOWN) {
            let Totals { ends, may_end, .. } = group.totals.unwrap_or_default();
            let lives = living(group).map_or("-".to_owned(), count);
            sheet.row(vec![count(ends), count(may_end), lives, named(group).to_owned()]);
        }
        page += &format!("\n{}\n", sheet.table());
        if hit.len() > SHOWN {
            page += &format!("and {} more; --output json has the largest\n", hit.len() - SHOWN);
        }
        if kind == By::OnBehalfOf {
            page += "What lives was not read; with --on-behalf-of NAME it is counted.\n";
        }
    }
    page
}

/// How many of them live; not every group counts it.
pub(in crate::cli) fn living(group: &Group) -> Option<u64> {
    group.totals.filter(|_| group.by() != By::OnBehalfOf).map(|totals| totals.lives)
}

fn named(group: &Group) -> &str {
    match (group.name.as_str(), group.by()) {
        ("", By::OnBehalfOf) => "(nobody, or all others)",
        ("", _) => "(all others)",
        (name, _) => name,
    }
}

fn by(value: i32) -> String {
    say::name(By::try_from(value).unwrap_or_default().as_str_name(), "BY")
}

pub(super) fn totals(answer: &AssessResponse) -> Totals {
    answer.totals.unwrap_or_default()
}

pub(super) fn touched(totals: &Totals) -> u64 {
    totals.ends + totals.may_end
}

/// Lines of at most eighty columns, each indented; a word that is longer has its own line.
pub(in crate::cli) fn wrapped(text: &str, indent: usize) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in plain(text).split_whitespace() {
        let room = COLUMNS.saturating_sub(indent + line.chars().count() + 1);
        if !line.is_empty() && word.chars().count() > room {
            lines += &format!("{:indent$}{line}\n", "");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines + &format!("{:indent$}{line}\n", "")
}

/// The same behind a dash.
pub(in crate::cli) fn bullet(text: &str) -> String {
    format!("- {}", wrapped(text, 2).trim_start())
}

const COLUMNS: usize = 80;
/// Room for the number of URLs of an effect.
const COUNTS: usize = 9;
/// Groups of a kind that a page shows.
const SHOWN: usize = 8;

#[cfg(test)]
mod tests;
