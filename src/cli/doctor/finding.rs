//! What one check found, and how it is told. Never looks at anything itself.

use serde_json::{Value, json};

use crate::cli::identities::dash;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All is well.
    Passed,
    /// Somebody has to do something.
    Failed,
    /// It could not be looked at, or there is nothing to look at; the message says which.
    Skipped,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Its name; of several of a kind, with the name of what it looked at.
    pub(super) check: String,
    pub(super) outcome: Outcome,
    /// What is, or why it was not looked at.
    pub(super) message: String,
    /// What to do.
    pub(super) next: Option<String>,
}

impl Finding {
    pub(super) fn passed(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { check: check.into(), outcome: Outcome::Passed, message: message.into(), next: None }
    }

    pub(super) fn failed(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, ..Self::passed(check, message) }
    }

    pub(super) fn skipped(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Skipped, ..Self::passed(check, message) }
    }

    /// Says what to do.
    pub(super) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
        }
    }

    pub(super) fn as_json(&self) -> Value {
        json!({"check": self.check, "outcome": self.word(), "message": self.message, "next": self.next})
    }

    /// For scripts: always four fields.
    pub(super) fn fields(&self) -> [Vec<String>; 1] {
        let next = dash(self.next.clone().unwrap_or_default());
        [vec![self.word().to_owned(), self.check.clone(), self.message.clone(), next]]
    }

    /// For people: what to do stands below what was found.
    pub(super) fn lines(&self) -> Vec<Vec<String>> {
        let found = vec![self.word().to_owned(), self.check.clone(), self.message.clone()];
        let next = self.next.iter().map(|next| vec![String::new(), String::new(), format!("-> {next}")]);
        std::iter::once(found).chain(next).collect()
    }
}
