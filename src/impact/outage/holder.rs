//! What an outage is asked of: an identity's session, where the next comes from, and what else is known of it.
//!
//! Decides nothing.

use std::sync::Arc;

use crate::session::{CredentialKind, IdentityName, Session};
use crate::signer::realm::Realm;
use crate::time::Timestamp;

/// A session of an identity, as far as its renewal goes. One that keeps a session for each tenant is as many of these.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// Its name.
    pub identity: &'a IdentityName,
    /// Where its sessions come from.
    pub source: Source<'a>,
    /// The partition of AWS or the store for which it signs.
    pub signs_for: &'a Realm,
    /// The session that signs now.
    pub session: Option<&'a Session>,
    /// When another is to take its place by itself, as far as that is planned.
    pub renews_at: Option<Timestamp>,
    /// Where there is none: the last that it had, as far as anybody remembers,
    pub last: Option<&'a Session>,
    /// and the one that was seen dead, so that it does not sign.
    pub dead: Option<&'a Session>,
    /// The session that minted it, or the last, where it is known.
    pub parent: Option<&'a Session>,
    /// What those that are based on it are given their sessions with, where it has none.
    pub lends: Lends<'a>,
    /// The long-term key that its source gives and with which it does not sign now, but will when that is read anew, after
    /// a restart at the latest.
    pub returns: Option<&'a Session>,
}

/// What an identity that signs nothing lends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lends<'a> {
    /// Whatever session comes.
    Whatever,
    /// One of these keys, with which it may come to sign by itself.
    Keys(&'a [Arc<Session>]),
    /// Nothing until somebody acts, whatever becomes of the keys and sessions that it had.
    Nothing,
}

/// Where sessions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// Minted with the credentials of a base; `None`: of the default chain.
    Minted {
        /// What is minted: AssumeRole, SessionToken or FederationToken.
        kind: CredentialKind,
        /// The identity whose credentials mint.
        base: Option<&'a IdentityName>,
        /// For AssumeRole.
        role_arn: Option<&'a str>,
    },
    /// AssumeRoleWithWebIdentity: minted with a token, with nobody's credentials.
    WebIdentity {
        /// `None`: of the environment.
        role_arn: Option<&'a str>,
    },
    /// Read where somebody else puts it: a file, the environment, a profile, instance or container metadata.
    Read,
}
