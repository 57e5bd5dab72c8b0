//! Whose next renewal fails: events that end no URL, and stop an identity from signing later.

use super::event::Event;
use crate::session::{CredentialKind, IdentityName, Session};
use crate::time::Timestamp;

/// An identity, as far as its renewal goes.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// Its name.
    pub identity: &'a IdentityName,
    /// Where its sessions come from.
    pub source: Source<'a>,
    /// The session that signs now.
    pub session: Option<&'a Session>,
}

/// Where sessions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// Minted from the credentials of a base; `None`: of the default chain.
    Minted {
        /// What is minted.
        kind: CredentialKind,
        /// The identity whose credentials mint.
        base: Option<&'a IdentityName>,
        /// For AssumeRole.
        role_arn: Option<&'a str>,
    },
    /// AssumeRoleWithWebIdentity: minted with a token, by nobody's credentials.
    WebIdentity {
        /// `None`: of the environment.
        role_arn: Option<&'a str>,
    },
    /// Read where somebody else puts it: a file, the environment, a profile, instance or container metadata.
    Read,
}

/// An identity that gets no next session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Which.
    pub identity: IdentityName,
    /// When it stops signing; `None`: it has no session now.
    pub at: Option<Timestamp>,
    /// Why, as a sentence.
    pub message: &'static str,
}

/// Identities that the event keeps from their next session, in the order given.
pub fn outages(event: &Event, holders: &[Holder<'_>]) -> Vec<Outage> {
    let _ = (event, holders);
    Vec::new()
}
