//! The URLs that an event concerns, one by one, in the order of their hard ends: an order in which one can go on.

use crate::assess::{Affected, Assessor, Question, Walk};
use crate::error::Error;
use crate::issued::Record;
use crate::time::Timestamp;

/// A row that is being spelled out.
pub(super) struct Spelling {
    /// Its number.
    pub(super) row: u64,
    /// When it was written down.
    pub(super) at: Timestamp,
    walk: Walk,
    is_placed: bool,
}

impl Spelling {
    /// From the beginning, or after a URL.
    pub(super) fn new(assessor: &Assessor, row: u64, at: Timestamp, question: Question, last: Option<Record>) -> Self {
        Self { row, at, is_placed: last.is_some(), walk: assessor.walk(question, last.as_ref()) }
    }

    /// Whether it begins after a URL.
    pub(super) fn is_placed(&self) -> bool {
        self.is_placed
    }

    /// Leaves out what has ended by then.
    pub(super) fn only_outstanding_at(&mut self, now: Timestamp) {
        self.walk.only_outstanding_at(now);
    }

    pub(super) async fn next(&mut self) -> Result<Option<Affected>, Error> {
        self.walk.next().await
    }
}
