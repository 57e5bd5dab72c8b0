//! Rows f to h′ and p: what happens to a user or a role.

use super::credential::INVALID_KEY;
use super::{ACCESS_DENIED, Answer};
use crate::impact::Lineage;
use crate::impact::ending::{Conditions, Grade};
use crate::impact::event::Principal;
use crate::impact::principal::{Nature, is_of_role, is_of_user, is_told_by_id, nature};
use crate::impact::reason::{Condition, Reason};
use crate::impact::truth::Truth;
use crate::session::{CredentialKind, Facts, IssueInterval};
use crate::time::Timestamp;

/// Row f. Keys and policies go before the user does; what S3 then answers to sessions is not confirmed.
pub(super) fn user_deleted(user: &Principal, at: Timestamp, by: Lineage<'_>) -> Option<Answer> {
    let facts = &by.session.facts;
    let ends = match nature(facts) {
        Nature::UserKey => Answer::ends(Reason::UserDeleted, INVALID_KEY).errors_graded(Grade::Field),
        Nature::UserToken | Nature::Federated | Nature::Unknown => {
            Answer::ends(Reason::UserDeleted, ACCESS_DENIED).graded(Grade::Field).errors_graded(Grade::Unconfirmed)
        }
        Nature::Role => return Some(role_of_user(user, by)),
        Nature::RootKey | Nature::RootToken => return Some(Answer::lives(Reason::NotConcerned)),
    };
    let told = if nature(facts) == Nature::Federated { by.parent.map(|parent| &parent.facts) } else { Some(facts) };
    gone(ends, is_of_user(user, by), told.is_some_and(|told| is_told_by_id(user, told)), facts, at)
}

/// Rows f and p: a role's sessions answer for themselves.
fn role_of_user(user: &Principal, by: Lineage<'_>) -> Answer {
    match by.parent.map(|parent| is_of_user(user, parent.into())) {
        Some(Truth::No) => Answer::lives(Reason::NotConcerned),
        Some(_) | None => Answer::lives(Reason::RoleSessionOutlivesUser).graded(Grade::Inferred),
    }
}

/// Row g, with g1 and g2: the statement is keyed on the issue time, which long-term keys do not have.
pub(super) fn sessions_revoked(whose: &Principal, before: Timestamp, by: Lineage<'_>) -> Option<Answer> {
    let facts = &by.session.facts;
    let own = is_of_role(whose, facts).or(is_of_user(whose, by));
    let spared = match nature(facts) {
        _ if own == Truth::No => from_role(whose, by),
        Nature::UserKey => Some(Answer::lives(Reason::LongTermKeySpared)),
        Nature::Role if facts.kind == CredentialKind::Sso => Some(Answer::lives(Reason::SsoRoleSpared)),
        Nature::Role if whose.arn.contains(":role/aws-service-role/") => Some(Answer::lives(Reason::ServiceRoleSpared)),
        _ => None,
    };
    if spared.is_some() {
        return spared;
    }
    let issued = issued_before(facts, before);
    let reason = if matches!(issued, Truth::Maybe(..)) { Reason::IssueTimeUnknown } else { Reason::SessionRevoked };
    Answer::ends(reason, ACCESS_DENIED).reversible().if_so(issued.and(own), Reason::IssuedAfterRevocation)
}

/// Row h. The role's policies go before the role does; what S3 then answers is not confirmed.
pub(super) fn role_deleted(role: &Principal, at: Timestamp, by: Lineage<'_>) -> Option<Answer> {
    role_gone(Reason::RoleDeleted, role, at, by)
}

/// Row h′: the new role has another unique id, so nothing of the old one comes back.
pub(super) fn role_recreated(role: &Principal, at: Timestamp, by: Lineage<'_>) -> Option<Answer> {
    role_gone(Reason::RoleRecreated, role, at, by)
}

fn role_gone(reason: Reason, role: &Principal, at: Timestamp, by: Lineage<'_>) -> Option<Answer> {
    let facts = &by.session.facts;
    let own = is_of_role(role, facts);
    if own == Truth::No {
        return Some(from_role(role, by).unwrap_or(Answer::lives(Reason::NotConcerned)));
    }
    let ends = Answer::ends(reason, ACCESS_DENIED).graded(Grade::Inferred).errors_graded(Grade::Unconfirmed);
    gone(ends, own, is_told_by_id(role, facts), facts, at)
}

/// Row p′: what was minted from a session of the role lives by its own role.
fn from_role(role: &Principal, by: Lineage<'_>) -> Option<Answer> {
    let minted = by.parent.is_some_and(|parent| is_of_role(role, &parent.facts) != Truth::No);
    let reason = if minted { Reason::MintedFromRoleSurvives } else { Reason::NotConcerned };
    Some(Answer::lives(reason).graded(if minted { Grade::Inferred } else { Grade::Documented }))
}

/// Names can be given again: what was issued after a deletion is of the next to bear the name, unless the unique id
/// tells.
fn gone(ends: Answer, own: Truth, by_id: bool, facts: &Facts, at: Timestamp) -> Option<Answer> {
    match own {
        Truth::Yes(_) if !by_id => ends.if_so(own.and(existed(facts.issued, at)), Reason::IssuedAfterDeletion),
        _ => ends.if_so(own, Reason::NotConcerned),
    }
}

/// Whether a session was issued by what was deleted at that instant, as far as names tell.
fn existed(issued: IssueInterval, at: Timestamp) -> Truth {
    match issued.not_before {
        _ if issued.not_after <= at => Truth::YES,
        // The mint was under way: what is made anew takes longer than that to give sessions.
        Some(not_before) if not_before <= at => Truth::YES,
        Some(_) => Truth::No,
        None => Truth::maybe(Condition::IsOfTheDeleted, Grade::Inferred),
    }
}

/// `DateLessThan` on `aws:TokenIssueTime`: earlier, not equal; tokens carry whole seconds, as `before` does. STS does
/// not return the issue time, so it is an interval; no other identity is relied on (SEMANTICS.md 6.2, 8.6).
pub(super) fn issued_before(facts: &Facts, before: Timestamp) -> Truth {
    if matches!(nature(facts), Nature::UserKey | Nature::RootKey) {
        return Truth::No;
    }
    match facts.issued.not_before {
        _ if facts.issued.not_after < before => Truth::YES,
        Some(not_before) if not_before >= before => Truth::No,
        _ => Truth::Maybe(Conditions::of(Condition::IssuedBefore), Grade::Documented),
    }
}
