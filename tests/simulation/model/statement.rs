//! Statements of policies: which requests they match (1.4, 6.1, 6.4).

use super::principal::{Credential, Whose};
use super::used::{Asked, Use};
use super::{Aws, HOME, Millis};

/// Where a statement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Bucket,
    /// In a policy of the user or role, or in its boundary.
    User(usize),
    Role(usize),
    UserBoundary(usize),
    RoleBoundary(usize),
    /// Of the home account.
    Scp,
    /// Of the bucket's account.
    Rcp,
}

/// Of whom it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    Everybody,
    Account,
    User(usize),
    /// Stored as the unique id of the role that has the name then (1.3 h).
    Role(usize),
    Session {
        role: usize,
        session: String,
    },
    Federated(String),
    Userid(String),
}

/// A statement in one of the forms that a registry can decide.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub place: Place,
    pub who: Who,
    pub bucket: Option<&'static str>,
    pub prefix: String,
    pub actions: Vec<&'static str>,
    /// `aws:TokenIssueTime` earlier than this, in seconds.
    pub issued_before: Option<i64>,
    /// `s3:signatureAge` above this, in seconds.
    pub older_than: Option<i64>,
}

impl Statement {
    /// From when on it matches the request, apart from when it was written; `None`: never.
    pub(crate) fn matches(&self, aws: &Aws, used: &Use, credential: &Credential) -> Option<Millis> {
        let bound = self.binds(aws, used, credential) && self.speaks_of(aws, credential);
        // A long-term key has no issue time, and DateLessThan on an absent key is false (1.4, 6.1).
        let issued = self.issued_before.is_none_or(|before| credential.issued_at.is_some_and(|at| at < before));
        let asked = used.asked().iter().any(|asked| self.covers(asked));
        let from = self.older_than.map_or(Millis::MIN, |age| (used.date + age) * 1000 + 1);
        (bound && issued && asked).then_some(from)
    }

    /// Whether the policy is one of those that are evaluated for the request (6.1).
    fn binds(&self, aws: &Aws, used: &Use, credential: &Credential) -> bool {
        match self.place {
            Place::Bucket => true,
            // Role sessions are not bound by what stands on the user that minted them (1.3 p).
            Place::User(user) | Place::UserBoundary(user) => credential.user() == Some(user),
            Place::Role(role) | Place::RoleBoundary(role) => credential.role() == Some(role),
            Place::Scp => !aws.home_is_management,
            Place::Rcp => aws.buckets[used.bucket.as_str()].owner != HOME || !aws.home_is_management,
        }
    }

    /// Whether the credential's principal is one that it names.
    pub(crate) fn speaks_of(&self, aws: &Aws, credential: &Credential) -> bool {
        match &self.who {
            Who::Everybody | Who::Account => true,
            // Naming a user names his session tokens and all his federated users (1.4).
            Who::User(user) => credential.user() == Some(*user),
            Who::Role(role) => credential.role() == Some(*role),
            Who::Session { role, session } => credential.whose == Whose::Role { role: *role, session: session.clone() },
            Who::Federated(name) => matches!(&credential.whose, Whose::Federated { name: own, .. } if own == name),
            Who::Userid(userid) => aws.userid(credential) == *userid,
        }
    }

    fn covers(&self, asked: &Asked<'_>) -> bool {
        let action = self.actions.is_empty() || self.actions.iter().any(|pattern| glob(pattern, asked.action));
        let bucket = self.bucket.is_none_or(|bucket| bucket == asked.bucket);
        // An action on the bucket names the bucket's own ARN, which no prefix of keys matches (6.4).
        let key = self.prefix.is_empty() || asked.key.is_some_and(|key| key.starts_with(&self.prefix));
        action && bucket && key
    }

    /// The user on whom it stands, or whom it names.
    pub(crate) fn user(&self) -> Option<usize> {
        match (&self.place, &self.who) {
            (Place::User(user) | Place::UserBoundary(user), _) | (_, Who::User(user)) => Some(*user),
            _ => None,
        }
    }

    /// The role on which it stands, or that it names.
    pub(crate) fn role(&self) -> Option<usize> {
        match (&self.place, &self.who) {
            (Place::Role(role) | Place::RoleBoundary(role), _) => Some(*role),
            (_, Who::Role(role) | Who::Session { role, .. }) => Some(*role),
            _ => None,
        }
    }

    /// Denies everything to those it binds, as `AWSRevokeOlderSessions` and quarantine policies do.
    pub(crate) fn is_total(&self) -> bool {
        self.bucket.is_none() && self.prefix.is_empty() && self.actions.is_empty()
    }
}

/// `*` and `?` as IAM reads them.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    match pattern.as_bytes().first() {
        None => text.is_empty(),
        Some(b'*') => (0..=text.len()).any(|at| glob(&pattern[1..], &text[at..])),
        Some(b'?') => !text.is_empty() && glob(&pattern[1..], &text[1..]),
        Some(sign) => text.as_bytes().first() == Some(sign) && glob(&pattern[1..], &text[1..]),
    }
}
