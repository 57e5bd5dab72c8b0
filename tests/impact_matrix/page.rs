//! docs/impact.md has every reason and every condition, in the words of the code, and no other.

use presignd::impact::reason::{Condition, Reason};

const PAGE: &str = include_str!("../../docs/impact.md");

/// The lines of a section that begin so.
fn listed<'a>(section: &str, start: &str) -> Vec<&'a str> {
    let (_, rest) = PAGE.split_once(&format!("\n## {section}\n")).expect("the page has that section");
    let text = rest.split("\n## ").next().unwrap_or_default();
    text.lines().filter(|line| line.starts_with(start)).collect()
}

#[test]
fn the_page_lists_every_reason_in_the_words_of_the_code() {
    let told = Reason::ALL.iter().map(|reason| format!("| `{}` | {} |", reason.as_str(), reason.message()));
    assert_eq!(listed("Reasons", "| `"), told.collect::<Vec<_>>());
}

#[test]
fn the_page_lists_every_condition_in_the_words_of_the_code() {
    let told = Condition::ALL.iter().map(|condition| format!("- {}", condition.message()));
    assert_eq!(listed("Conditions", "- "), told.collect::<Vec<_>>());
}

#[test]
fn no_two_reasons_share_a_name() {
    let mut names: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Reason::ALL.len());
    let shaped = |name: &&str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    assert!(names.iter().all(shaped));
}
