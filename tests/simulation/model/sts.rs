//! STS: who may mint what, for how long (2.1, 2.2), and with which words it refuses.

use super::act::Act;
use super::principal::{Credential, Kind, Whose};
use super::{Aws, Millis};

/// A refusal of STS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub code: &'static str,
    pub status: u16,
    pub message: &'static str,
    /// What was done that led to it.
    pub because: Option<usize>,
}

pub(crate) const ROLE_MAXIMUM: Refused = Refused {
    code: "ValidationError",
    status: 400,
    message: "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    because: None,
};
pub(crate) const CHAINING: Refused = Refused {
    code: "ValidationError",
    status: 400,
    message: "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    because: None,
};

type Given = Result<Credential, Refused>;

fn refused(code: &'static str, status: u16, because: Option<usize>) -> Refused {
    Refused { code, status, message: "as SEMANTICS.md has it", because }
}

impl Aws {
    /// Whose key it is, if it is good (gate 3). GetCallerIdentity asks no more, not even under a Deny of itself (1.7).
    pub(crate) fn caller(&self, now: Millis, access_key_id: &str, token: Option<&str>) -> Result<Credential, Refused> {
        let known = self.credentials.get(access_key_id).filter(|known| known.token.as_deref() == token);
        let Some(known) = known else { return Err(refused("InvalidClientTokenId", 403, None)) };
        if known.ends_at.is_some_and(|ends_at| now >= ends_at * 1000) {
            return Err(refused("ExpiredToken", 403, None));
        }
        match self.refuses(known, now) {
            Some(change) => Err(refused("InvalidClientTokenId", 403, Some(change))),
            None => Ok(known.clone()),
        }
    }

    pub(crate) fn assume_role(&mut self, now: Millis, by: &Credential, arn: &str, name: &str, seconds: i64) -> Given {
        let denied = |because| Err(refused("AccessDenied", 403, because));
        if let Some(change) = self.denies_everything(by, now) {
            return denied(Some(change));
        }
        // Federated users and root cannot call it (2.2).
        if matches!(by.whose, Whose::Federated { .. } | Whose::Root) {
            return denied(None);
        }
        let role = self.assumable(now, arn)?;
        // Sessions of roles, and those of GetSessionToken in practice (2.2).
        let chained = by.kind != Kind::LongTerm;
        let Some(seconds) = self.within(role, seconds)? else { return Err(ROLE_MAXIMUM) };
        if chained && seconds > 3600 {
            return Err(CHAINING);
        }
        Ok(self.add_session(Kind::Assumed, Whose::Role { role, session: name.to_owned() }, now, seconds))
    }

    /// Not chaining: it needs no AWS credentials (2.2).
    pub(crate) fn web_identity(&mut self, now: Millis, arn: &str, name: &str, seconds: i64) -> Given {
        if let Some(change) = self.standing(now, |act| matches!(act, Act::ProviderGone(_))) {
            return Err(refused("InvalidIdentityToken", 400, Some(change)));
        }
        let role = self.assumable(now, arn)?;
        let Some(seconds) = self.within(role, seconds)? else { return Err(ROLE_MAXIMUM) };
        Ok(self.add_session(Kind::Web, Whose::Role { role, session: name.to_owned() }, now, seconds))
    }

    pub(crate) fn session_token(&mut self, now: Millis, by: &Credential, seconds: i64) -> Given {
        self.long_term(by, seconds)?;
        Ok(self.add_session(Kind::SessionToken, by.whose.clone(), now, seconds))
    }

    pub(crate) fn federation_token(&mut self, now: Millis, by: &Credential, name: &str, seconds: i64) -> Given {
        self.long_term(by, seconds)?;
        let (Whose::User(user), None) = (&by.whose, self.denies_everything(by, now)) else {
            return Err(refused("AccessDenied", 403, self.denies_everything(by, now)));
        };
        let whose = Whose::Federated { user: *user, name: name.to_owned() };
        Ok(self.add_session(Kind::Federated, whose, now, seconds))
    }

    /// GetSessionToken and GetFederationToken: an IAM user's own key, 900 s to 36 h (2.1).
    fn long_term(&self, by: &Credential, seconds: i64) -> Result<(), Refused> {
        match by.kind {
            Kind::LongTerm if (900..=129_600).contains(&seconds) => Ok(()),
            Kind::LongTerm => Err(refused("ValidationError", 400, None)),
            _ => Err(refused("AccessDenied", 403, None)),
        }
    }

    /// The role of that ARN, if it is there and its trust policy lets the caller in.
    fn assumable(&self, now: Millis, arn: &str) -> Result<usize, Refused> {
        let denied = |because| refused("AccessDenied", 403, because);
        let role = self.role_of(arn).ok_or(denied(None))?;
        let shut = self.standing(now, |act| match act {
            Act::TrustEdited(shut) | Act::RoleGone(shut) => *shut == role,
            _ => false,
        });
        shut.map_or(Ok(role), |change| Err(denied(Some(change))))
    }

    /// What is in force at `now`, at once: minting is asked of IAM itself.
    pub(crate) fn standing(&self, now: Millis, is: impl Fn(&Act) -> bool) -> Option<usize> {
        let standing = |change: &&super::act::Change| {
            is(&change.what) && change.at <= now && change.undone.is_none_or(|undone| now < undone)
        };
        self.changes.iter().find(standing).map(|change| change.number)
    }

    /// `None`: above the role's maximum.
    fn within(&self, role: usize, seconds: i64) -> Result<Option<i64>, Refused> {
        if !(900..=43_200).contains(&seconds) {
            return Err(refused("ValidationError", 400, None));
        }
        Ok(Some(seconds).filter(|seconds| *seconds <= self.roles[role].maximum))
    }
}
