//! Whose a session is, compared with the principals of events and policies (SEMANTICS.md 1.3 h, 1.4, 6.2).

use super::Lineage;
use super::ending::{Conditions, Grade};
use super::event::Principal;
use super::reason::Condition;
use super::truth::Truth;
use crate::session::{CredentialKind, Facts};

/// What stands behind an access key, as far as policies tell principals apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// A user's long-term key.
    UserKey,
    /// GetSessionToken of a user: the principal is the user.
    UserToken,
    /// GetFederationToken.
    Federated,
    /// A session of a role, whoever minted it.
    Role,
    /// Root's own key.
    RootKey,
    /// GetSessionToken of root: IAM policies cannot limit it.
    RootToken,
    /// Temporary credentials of which nobody told more.
    Unknown,
}

/// The nature of a session.
pub(super) fn nature(facts: &Facts) -> Nature {
    let resource = Arn::parse(&facts.principal_arn).map(|arn| arn.resource).unwrap_or_default();
    match facts.kind {
        CredentialKind::LongTermKey => Nature::UserKey,
        CredentialKind::Root => Nature::RootKey,
        CredentialKind::SessionToken if resource == "root" => Nature::RootToken,
        CredentialKind::SessionToken => Nature::UserToken,
        CredentialKind::FederationToken => Nature::Federated,
        CredentialKind::AssumeRole
        | CredentialKind::WebIdentity
        | CredentialKind::PodIdentity
        | CredentialKind::EcsTask
        | CredentialKind::Ec2Instance
        | CredentialKind::Lambda
        | CredentialKind::Sso => Nature::Role,
        CredentialKind::Temporary if resource.starts_with("assumed-role/") => Nature::Role,
        CredentialKind::Temporary => Nature::Unknown,
    }
}

/// Whether IAM's policies cannot bind the session, because it is root's.
pub(super) fn is_root(by: Lineage<'_>) -> bool {
    let root = |facts: &Facts| matches!(nature(facts), Nature::RootKey | Nature::RootToken);
    let minted_by_root = || by.parent.is_some_and(|parent| root(&parent.facts));
    root(&by.session.facts) || (nature(&by.session.facts) == Nature::Federated && minted_by_root())
}

/// Whether it is a session of the role that is meant.
pub(super) fn is_of_role(role: &Principal, facts: &Facts) -> Truth {
    match nature(facts) {
        Nature::Role => same(role, facts, "role/"),
        Nature::Unknown if !role.unique_id.starts_with(USER_ID) && !role.arn.contains(":user/") => unnamed(),
        _ => Truth::No,
    }
}

/// Whether what signs is the user's own: its key, a session token of it, or a federated session that it minted.
pub(super) fn is_of_user(user: &Principal, by: Lineage<'_>) -> Truth {
    let facts = &by.session.facts;
    match nature(facts) {
        Nature::UserKey | Nature::UserToken => same(user, facts, "user/"),
        Nature::Federated => match by.parent.map(|parent| &parent.facts) {
            Some(parent) if !parent.principal_arn.is_empty() => same(user, parent, "user/"),
            _ if elsewhere(&user.arn, facts) || user.unique_id.starts_with(ROLE_ID) => Truth::No,
            _ if user.arn.contains(":role/") => Truth::No,
            _ => Truth::maybe(Condition::MintedByThatUser, Grade::Documented),
        },
        Nature::Unknown if !user.unique_id.starts_with(ROLE_ID) && !user.arn.contains(":role/") => unnamed(),
        _ => Truth::No,
    }
}

/// Whether the unique ids alone decide.
pub(super) fn is_told_by_id(meant: &Principal, facts: &Facts) -> bool {
    !meant.unique_id.is_empty() && !facts.principal_unique_id.is_empty()
}

/// Unique ids decide where both are known: a role made again under its name has another. Names are unique within an
/// account whatever their path, which the ARN of a session omits.
fn same(meant: &Principal, facts: &Facts, sort: &str) -> Truth {
    if is_told_by_id(meant, facts) {
        return Truth::of(meant.unique_id == facts.principal_unique_id);
    }
    let arn = match Arn::parse(&meant.arn) {
        Some(arn) if !arn.resource.starts_with(sort) => return Truth::No,
        Some(arn) => arn,
        None if meant.unique_id.starts_with(if sort == "role/" { USER_ID } else { ROLE_ID }) => return Truth::No,
        None => return unnamed(),
    };
    let own_sort = if sort == "role/" { "assumed-role/" } else { sort };
    match Arn::parse(&facts.principal_arn) {
        Some(own) => {
            let sorted = own.resource.starts_with(own_sort);
            Truth::of(sorted && (own.partition, own.account, own.name()) == (arn.partition, arn.account, arn.name()))
        }
        None if !facts.account.is_empty() && facts.account != arn.account => Truth::No,
        None => unnamed(),
    }
}

/// Whether a Principal element names the session's principal; `*` and the empty text name everybody.
pub(super) fn is_named(text: &str, by: Lineage<'_>) -> Truth {
    let facts = &by.session.facts;
    if text.is_empty() || text == "*" {
        return Truth::YES;
    }
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return of_account(text, facts);
    }
    let Some(arn) = Arn::parse(text) else {
        // A policy shows the unique id of a principal that was deleted.
        let meant = Principal { arn: String::new(), unique_id: text.to_owned() };
        return is_of_role(&meant, facts).or(is_of_user(&meant, by));
    };
    if !facts.partition.is_empty() && facts.partition != arn.partition {
        return Truth::No;
    }
    let meant = Principal { arn: text.to_owned(), unique_id: String::new() };
    match arn.resource.split_once('/').map_or(arn.resource, |(sort, _)| sort) {
        "root" => of_account(arn.account, facts),
        "user" => is_of_user(&meant, by),
        "role" => is_of_role(&meant, facts),
        "assumed-role" | "federated-user" => of_session(text, &arn, facts),
        _ => Truth::No,
    }
}

/// The same in the Principal element of a bucket's policy. That it takes a session token for its user is inferred.
pub(super) fn is_named_by_bucket(text: &str, by: Lineage<'_>) -> Truth {
    let of_user = Arn::parse(text).is_some_and(|arn| arn.resource.starts_with("user/"));
    let inferred = of_user && nature(&by.session.facts) == Nature::UserToken;
    is_named(text, by).and(if inferred { Truth::Yes(Grade::Inferred) } else { Truth::YES })
}

/// Whether the condition key `aws:PrincipalArn` has this value: never the ARN of a session, for federated sessions
/// their own. An account names all that is its own, as where a control policy is attached.
pub(super) fn has_principal_arn(text: &str, by: Lineage<'_>) -> Truth {
    let resource = Arn::parse(text).map(|arn| arn.resource).unwrap_or_default();
    match nature(&by.session.facts) {
        Nature::Federated if resource.starts_with("user/") => Truth::No,
        _ if resource.starts_with("assumed-role/") => Truth::No,
        _ => is_named(text, by),
    }
}

/// Whether `aws:userid` has this value; `*` and `?` as `StringLike` reads them.
pub(super) fn has_userid(pattern: &str, facts: &Facts) -> Truth {
    if pattern.is_empty() {
        return Truth::YES;
    }
    let is_own = matches!(nature(facts), Nature::UserKey | Nature::UserToken | Nature::RootKey | Nature::RootToken);
    if is_own && pattern.contains(':') {
        // A user's is its unique id, root's its account: neither has a colon, whoever it is.
        return Truth::No;
    }
    let (id, name) = (&facts.principal_unique_id, &facts.session_name);
    let (known, userid, grade) = match nature(facts) {
        Nature::UserKey | Nature::UserToken => (!id.is_empty(), id.clone(), Grade::Unconfirmed),
        Nature::Role => (!id.is_empty() && !name.is_empty(), format!("{id}:{name}"), Grade::Unconfirmed),
        Nature::Federated => (!id.is_empty(), id.clone(), Grade::Field),
        Nature::RootKey | Nature::RootToken => (!facts.account.is_empty(), facts.account.clone(), Grade::Unconfirmed),
        Nature::Unknown => (false, String::new(), Grade::Unconfirmed),
    };
    match known {
        true if super::actions::glob(pattern, &userid) => Truth::Yes(grade),
        true => Truth::No,
        false => Truth::maybe(Condition::IsThatPrincipal, Grade::Unconfirmed),
    }
}

/// Every principal of an account.
pub(super) fn of_account(account: &str, facts: &Facts) -> Truth {
    if facts.account.is_empty() { unnamed() } else { Truth::of(facts.account == account) }
}

fn of_session(text: &str, arn: &Arn<'_>, facts: &Facts) -> Truth {
    let role = arn.resource.starts_with("assumed-role/");
    match nature(facts) {
        Nature::Role if !role => Truth::No,
        Nature::Federated if role => Truth::No,
        Nature::Role | Nature::Federated | Nature::Unknown if facts.principal_arn.is_empty() => unnamed(),
        Nature::Role | Nature::Federated | Nature::Unknown => Truth::of(facts.principal_arn == text),
        Nature::UserKey | Nature::UserToken | Nature::RootKey | Nature::RootToken => Truth::No,
    }
}

fn elsewhere(arn: &str, facts: &Facts) -> bool {
    Arn::parse(arn).is_some_and(|arn| !facts.account.is_empty() && facts.account != arn.account)
}

fn unnamed() -> Truth {
    Truth::Maybe(Conditions::of(Condition::IsThatPrincipal), Grade::Documented)
}

/// `arn:partition:service:region:account:resource`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arn<'a> {
    pub partition: &'a str,
    pub account: &'a str,
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, _service, _region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        (arn == "arn").then_some(Self { partition, account, resource })
    }

    /// Of a user or role without its path; of an assumed role that of the role.
    pub(super) fn name(&self) -> &'a str {
        match self.resource.strip_prefix("assumed-role/") {
            Some(rest) => rest.split('/').next().unwrap_or_default(),
            None => self.resource.rsplit('/').next().unwrap_or_default(),
        }
    }
}

/// How unique ids of users begin.
pub(super) const USER_ID: &str = "AIDA";
/// And those of roles.
pub(super) const ROLE_ID: &str = "AROA";
