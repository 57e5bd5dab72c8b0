//! Which records an event can touch at all, so that a scan reads no others.

use super::Lineage;
use super::event::Event;
use crate::issued::Filter;
use crate::s3::operation::Operation;

/// A narrowing: whatever it leaves out, the event lets live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    event: Event,
}

impl Concern {
    /// Of an event.
    pub fn of(event: &Event) -> Self {
        Self { event: event.clone() }
    }

    /// Whether URLs of that session may be touched.
    pub fn touches_session<'a>(&self, by: impl Into<Lineage<'a>>) -> bool {
        let _ = (&self.event, by.into());
        true
    }

    /// Whether URLs of that bucket and operation may be touched.
    pub fn touches_place(&self, bucket: &str, operation: Operation) -> bool {
        let _ = (bucket, operation);
        true
    }

    /// The wanted records, narrowed as far as a filter can say it; `None`: the event touches nothing.
    pub fn narrow(&self, wanted: &Filter) -> Option<Filter> {
        Some(wanted.clone())
    }
}
