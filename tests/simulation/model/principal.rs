//! Users, roles and the credentials that speak for them (1.1, 6.2).

use super::{Aws, HOME, Millis};

/// An IAM user. One that is made again under its name is another.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub name: String,
    pub unique_id: String,
}

/// An IAM role. One that is made again under its name is another, with the same ARN (1.3 h).
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub path: &'static str,
    pub name: String,
    pub unique_id: String,
    /// `MaxSessionDuration`, in seconds (2.1).
    pub maximum: i64,
    /// Of Identity Center: cannot be edited in IAM (1.3 g2).
    pub of_sso: bool,
}

/// The columns of the matrix (1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    LongTerm,
    SessionToken,
    Federated,
    Assumed,
    Web,
    Pod,
    Ecs,
    Ec2,
    Lambda,
    Sso,
    Root,
}

/// Whom a credential speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Long-term keys, and sessions of GetSessionToken.
    User(usize),
    /// Sessions of GetFederationToken, by the user that called.
    Federated {
        user: usize,
        name: String,
    },
    Role {
        role: usize,
        session: String,
    },
    Root,
}

/// An access key, of a user or of a session.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub access_key_id: String,
    pub secret: String,
    pub token: Option<String>,
    pub kind: Kind,
    pub whose: Whose,
    /// `aws:TokenIssueTime`, in whole seconds (4); long-term keys have none (1.3 g1).
    pub issued_at: Option<i64>,
    /// `Expiration`, in whole seconds.
    pub ends_at: Option<i64>,
}

impl User {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:iam::{HOME}:user/{}", self.name)
    }
}

impl Role {
    /// With its path; the ARN of a session leaves it out (6.2).
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:iam::{HOME}:role{}{}", self.path, self.name)
    }
}

impl Aws {
    pub(crate) fn add_user(&mut self, name: &str) -> usize {
        let number = self.users.len();
        self.users.push(User { name: name.to_owned(), unique_id: format!("AIDASIMULATED{number:07}") });
        number
    }

    pub(crate) fn add_role(&mut self, path: &'static str, name: &str, maximum: i64) -> usize {
        let number = self.roles.len();
        let of_sso = name.starts_with("AWSReservedSSO_");
        let unique_id = format!("AROASIMULATED{number:07}");
        self.roles.push(Role { path, name: name.to_owned(), unique_id, maximum, of_sso });
        number
    }

    /// The role of that ARN that was made last.
    pub(crate) fn role_of(&self, arn: &str) -> Option<usize> {
        self.roles.iter().rposition(|role| role.arn() == arn)
    }

    /// A long-term key, of a user or of root.
    pub(crate) fn add_key(&mut self, whose: Whose) -> String {
        let kind = if whose == Whose::Root { Kind::Root } else { Kind::LongTerm };
        self.give("AKIA", kind, whose, None).access_key_id
    }

    /// A session of so many seconds.
    pub(crate) fn add_session(&mut self, kind: Kind, whose: Whose, now: Millis, seconds: i64) -> Credential {
        let issued_at = now.div_euclid(1000);
        // `Expiration` is the issue time and the duration (6.2).
        self.give("ASIA", kind, whose, Some((issued_at, issued_at + seconds)))
    }

    fn give(&mut self, prefix: &str, kind: Kind, whose: Whose, life: Option<(i64, i64)>) -> Credential {
        self.given += 1;
        let access_key_id = format!("{prefix}SIM{:013}", self.given);
        let credential = Credential {
            secret: format!("secret-of-{access_key_id}-0123456789012345"),
            token: life.map(|_| format!("token-of-{access_key_id}")),
            access_key_id: access_key_id.clone(),
            kind,
            whose,
            issued_at: life.map(|(issued_at, _)| issued_at),
            ends_at: life.map(|(_, ends_at)| ends_at),
        };
        self.credentials.insert(access_key_id, credential.clone());
        credential
    }

    /// As GetCallerIdentity names the principal.
    pub(crate) fn arn(&self, credential: &Credential) -> String {
        match &credential.whose {
            Whose::User(user) => self.users[*user].arn(),
            Whose::Federated { name, .. } => format!("arn:aws:sts::{HOME}:federated-user/{name}"),
            Whose::Role { role, session } => {
                format!("arn:aws:sts::{HOME}:assumed-role/{}/{session}", self.roles[*role].name)
            }
            Whose::Root => format!("arn:aws:iam::{HOME}:root"),
        }
    }

    /// `aws:userid` (1.4).
    pub(crate) fn userid(&self, credential: &Credential) -> String {
        match &credential.whose {
            Whose::User(user) => self.users[*user].unique_id.clone(),
            Whose::Federated { name, .. } => format!("{HOME}:{name}"),
            Whose::Role { role, session } => format!("{}:{session}", self.roles[*role].unique_id),
            Whose::Root => HOME.to_owned(),
        }
    }
}

impl Credential {
    /// The user whose policies rule it: his own keys, his session tokens and his federated users (1.3 p).
    pub(crate) fn user(&self) -> Option<usize> {
        match &self.whose {
            Whose::User(user) | Whose::Federated { user, .. } => Some(*user),
            Whose::Role { .. } | Whose::Root => None,
        }
    }

    pub(crate) fn role(&self) -> Option<usize> {
        match &self.whose {
            Whose::Role { role, .. } => Some(*role),
            _ => None,
        }
    }
}
