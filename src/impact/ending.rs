//! What becomes of a URL, and how well that is known.

use std::fmt;

use super::reason::{Condition, Reason};
use crate::time::Timestamp;

/// What an event does to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ending {
    /// In a word.
    pub verdict: Verdict,
    /// Why; names the rule.
    pub reason: Reason,
    /// For [`Verdict::MayEnd`]: it ends if all of these hold. Empty otherwise.
    pub conditions: Conditions,
    /// The URL ends at or after this; the event's instant, or a computed one. For [`Verdict::Lives`] without meaning.
    pub not_before: Timestamp,
    /// And at or before this.
    pub not_after: Timestamp,
    /// Whether undoing the event revives the URL until its hard end.
    pub reversible: bool,
    /// What the bearer sees; one of these. Empty where nothing is known of it.
    pub bearer_errors: &'static [BearerError],
    /// How well it is known what the bearer sees.
    pub errors_grade: Grade,
    /// How well the fact behind the verdict is known: the worst of those that it rests on.
    pub grade: Grade,
}

/// Three values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Surely.
    Ends,
    /// Under a condition that presignd cannot see.
    MayEnd,
    /// Not by this event.
    Lives,
}

/// An answer of S3 (SEMANTICS.md 1.5). A HEAD has no body, so its bearer sees the status alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BearerError {
    /// `Code` of the body.
    pub code: &'static str,
    /// HTTP status.
    pub http_status: u16,
}

/// As SEMANTICS.md grades facts; the later the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// D: AWS says so.
    Documented,
    /// F: seen in the field.
    Field,
    /// I: follows from documented rules.
    Inferred,
    /// U: not confirmed.
    Unconfirmed,
}

/// A set of [`Condition`]s, all of which must hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Conditions(u64);

impl Conditions {
    /// Nothing is left open.
    pub const NONE: Self = Self(0);

    /// This one alone.
    pub fn of(condition: Condition) -> Self {
        Self(1 << condition as u64)
    }

    /// These and those.
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether nothing is left open.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`Condition::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Condition> {
        Condition::ALL.iter().copied().filter(move |condition| self.0 & Self::of(*condition).0 != 0)
    }
}

/// "… and …": completes "it ends if".
impl fmt::Display for Conditions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, condition) in self.iter().enumerate() {
            let joint = if at == 0 { "" } else { ", and " };
            write!(out, "{joint}{}", condition.message())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Conditions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

const _: () = assert!(Condition::ALL.len() <= 64, "a set of conditions is a word of 64 bits");
