//! What an event does to issued URLs: it ends them, may end them, or lets them live (SEMANTICS.md section 1).
//!
//! Decides from what a record holds and is told the time. Never asks AWS, never reads the registry, and never presents
//! as certain what SEMANTICS.md grades as unconfirmed.

mod actions;
pub mod concern;
pub mod contain;
pub mod ending;
pub mod event;
pub mod mend;
pub mod outage;
pub mod place;
mod principal;
pub mod reason;
pub mod report;
mod rules;
mod truth;

use crate::issued::IssuedUrl;
use crate::s3::operation::Operation;
use crate::session::Session;
use crate::time::{Timestamp, Ttl};
use ending::{Conditions, Ending, Grade, Verdict};
use event::Event;
use reason::Reason;
use rules::{Answer, When};

/// Whose signature stands in the URLs.
#[derive(Debug, Clone, Copy)]
pub struct Lineage<'a> {
    /// The session that signed.
    pub session: &'a Session,
    /// The session that minted it, where the registry knows it: by `facts.parent`, or any of the key
    /// `facts.parent_access_key_id`. Only this names the user to whom a federated session belongs; without it, what
    /// happens to a user "may" end federated sessions.
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
    let url = match subject {
        Subject::Url(url) => Some(url),
        Subject::Group { .. } => None,
    };
    if url.is_some_and(|url| url.usable_until() <= event.at) {
        return Some(lives(event.at, Reason::AlreadyEnded, Grade::Documented));
    }
    let answer = rules::answer(event, by.into(), subject)?;
    if answer.verdict == Verdict::Lives {
        return Some(lives(event.at, answer.reason, answer.grade));
    }
    let settled = event.at + event.settles_within;
    let (mut not_before, mut not_after) = match answer.when {
        When::Settled => (event.at, settled),
        When::At(at) => (at.max(event.at), at.max(event.at)),
        When::From(at) => (at.max(event.at), at.max(settled)),
        // No URL lives longer than that.
        When::Untold => (event.at, event.at + Ttl::MAX),
    };
    if let Some(url) = url {
        // One that is signed after the event is dead from its birth.
        not_before = not_before.max(url.signed_at);
        not_after = not_after.max(not_before).min(url.usable_until());
        if not_before >= url.usable_until() {
            return Some(lives(event.at, Reason::AlreadyEnded, Grade::Documented));
        }
    }
    let Answer { verdict, reason, conditions, reversible, bearer_errors, errors_grade, grade, .. } = answer;
    Some(Ending { verdict, reason, conditions, not_before, not_after, reversible, bearer_errors, errors_grade, grade })
}

fn lives(at: Timestamp, reason: Reason, grade: Grade) -> Ending {
    Ending {
        verdict: Verdict::Lives,
        reason,
        conditions: Conditions::NONE,
        not_before: at,
        not_after: at,
        reversible: false,
        bearer_errors: &[],
        errors_grade: Grade::Documented,
        grade,
    }
}
