//! What becomes of a URL, and how well that is known.

use crate::time::Timestamp;

/// What an event does to a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ending {
    /// In a word.
    pub verdict: Verdict,
    /// Why; names the rule.
    pub reason: Reason,
    /// For [`Verdict::MayEnd`]: when it does end. Empty otherwise.
    pub condition: &'static str,
    /// The URL ends at or after this; the event's instant, or a computed one. For [`Verdict::Lives`] without meaning.
    pub not_before: Timestamp,
    /// And at or before this.
    pub not_after: Timestamp,
    /// Whether undoing the event revives the URL until its hard end.
    pub reversible: bool,
    /// What the bearer sees. Empty where nothing is known of it.
    pub bearer_errors: &'static [BearerError],
    /// How well the fact behind the verdict is known.
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

/// An answer of S3 (SEMANTICS.md 1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BearerError {
    /// `Code` of the body.
    pub code: &'static str,
    /// HTTP status.
    pub http_status: u16,
}

/// As SEMANTICS.md grades facts.
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

/// Why a URL ends, may end or lives. Each has a stable name and a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The event does not concern it.
    NotConcerned,
}
