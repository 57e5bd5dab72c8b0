//! What an event does to issued URLs: it ends them, may end them, or lets them live (SEMANTICS.md section 1).
//!
//! Decides from what a record holds and is told the time. Never asks AWS, never reads the registry, and never presents
//! as certain what SEMANTICS.md grades as unconfirmed.

pub mod concern;
pub mod contain;
pub mod ending;
pub mod event;
pub mod outage;
pub mod reason;
pub mod report;

use crate::issued::IssuedUrl;
use crate::s3::operation::Operation;
use crate::session::Session;
use ending::Ending;
use event::Event;

/// Whose signature stands in the URLs.
#[derive(Debug, Clone, Copy)]
pub struct Lineage<'a> {
    /// The session that signed.
    pub session: &'a Session,
    /// The session that minted it, where the registry knows it (`session.facts.parent`). Only this names the user to
    /// whom a federated session belongs; without it, what happens to a user "may" end federated sessions.
    pub parent: Option<&'a Session>,
}

impl<'a> From<&'a Session> for Lineage<'a> {
    fn from(session: &'a Session) -> Self {
        Self { session, parent: None }
    }
}

/// What the question is about.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// One URL.
    Url(&'a IssuedUrl),
    /// URLs of which only this is known.
    Group {
        /// As callers named it.
        bucket: &'a str,
        /// What S3 is asked to do.
        operation: Operation,
    },
}

/// What the event does to URLs of a session. `None`, for a group only: that depends on the URL; ask for each.
///
/// A URL whose hard end comes no later than the event lives: nothing of it was left to end. The interval of a URL lies
/// within its own life; that of a group is the event's, and those of its URLs that end before it live, too.
pub fn ending<'a>(event: &Event, by: impl Into<Lineage<'a>>, subject: Subject<'_>) -> Option<Ending> {
    let _ = (event, by.into(), subject);
    None
}
