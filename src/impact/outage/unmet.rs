//! Identities for which the default chain's credentials mint, whose those are nobody told: whether the event may speak of
//! them. Never says "surely".

use super::next::Bar;
use super::{Holder, Recovery, Source, coming};
use crate::impact::actions;
use crate::impact::concern::Concern;
use crate::impact::ending::Conditions;
use crate::impact::event::{Event, Policy, Principal, Statement, What};
use crate::impact::principal::{Arn, ROLE_ID};
use crate::impact::reason::Condition;
use crate::session::CredentialKind;

/// Whether the event may keep the holder from its next session; `None` also where no default chain mints.
pub(super) fn barred(event: &Event, holder: &Holder<'_>, holders: &[Holder<'_>]) -> Option<Bar> {
    let Source::Minted { base: None, .. } = holder.source else { return None };
    let if_it_is = |condition, recovery, message| {
        Some(Bar { conditions: Conditions::of(condition), recovery, message, mended_by: None })
    };
    let falls_under = Condition::MinterFallsUnder;
    match &event.what {
        What::UserDeleted(user) if !is_role(user) => {
            if_it_is(Condition::MintsWithKeyOfUser, Recovery::None, "the user whose credentials it uses is deleted")
        }
        _ if is_long_term(holder) && (names_a_role(&event.what) || spares_keys(&event.what)) => None,
        _ if names_a_role(&event.what) && is_minted_here(event, holders) => None,
        What::RoleDeleted(_) => if_it_is(falls_under, Recovery::None, "the role whose credentials it uses is deleted"),
        What::RoleRecreated(_) | What::SessionsRevoked { .. } => {
            if_it_is(falls_under, Recovery::Rotation, "the credentials that mint its sessions are dead")
        }
        What::AllowRemoved(statement) if speaks_of_minting(statement, holder) => {
            let conditions = conditions(statement).and(Conditions::of(Condition::NoOtherAllow));
            let message = "its base may mint no more";
            Some(Bar { conditions, recovery: Recovery::None, message, mended_by: None })
        }
        What::Denied { statement, issued_before, signature_age: None } if speaks_of_minting(statement, holder) => {
            let recovery = if issued_before.is_some() { Recovery::Rotation } else { Recovery::None };
            let message = "its base is denied to mint its next session";
            Some(Bar { conditions: conditions(statement), recovery, message, mended_by: None })
        }
        _ => None,
    }
}

impl Bar {
    /// Whether it is one only if strangers' credentials are those that are meant.
    pub(super) fn is_of_strangers(&self) -> bool {
        let open = [Condition::MintsWithKeyOfUser, Condition::MinterFallsUnder];
        self.conditions.iter().any(|one| open.contains(&one))
    }
}

/// Whether it is about the call that mints, whoever makes it.
pub(super) fn speaks_of_minting(statement: &Statement, holder: &Holder<'_>) -> bool {
    let Source::Minted { kind, .. } = holder.source else { return false };
    let action = match kind {
        CredentialKind::SessionToken => "sts:GetSessionToken",
        CredentialKind::FederationToken => "sts:GetFederationToken",
        _ => "sts:AssumeRole",
    };
    let everywhere = statement.bucket.is_empty() && statement.keys_begin().is_empty();
    statement.policy != Policy::Bucket && everywhere && actions::names(&statement.actions, action)
}

/// A resource control policy hangs on the role that is assumed, the others on whoever assumes it.
fn conditions(statement: &Statement) -> Conditions {
    let [member, falls_under] = [Condition::MemberAccount, Condition::MinterFallsUnder].map(Conditions::of);
    let names_nobody = statement.principal_arn.is_empty() && statement.userid.is_empty();
    match statement.policy {
        Policy::Rcp if names_nobody => member,
        Policy::Rcp | Policy::Scp => member.and(falls_under),
        Policy::Bucket | Policy::Identity | Policy::Boundary => falls_under,
    }
}

/// Whether a user's or the root's own key minted its session, as its form tells.
fn is_long_term(holder: &Holder<'_>) -> bool {
    let minted = holder.session.or(holder.last);
    minted.is_some_and(|session| session.facts.parent_access_key_id.starts_with("AKIA"))
}

/// What was issued before an instant: a session, never a key.
fn spares_keys(what: &What) -> bool {
    matches!(what, What::SessionsRevoked { .. } | What::Denied { issued_before: Some(_), .. })
}

fn names_a_role(what: &What) -> bool {
    match what {
        What::RoleDeleted(_) | What::RoleRecreated(_) => true,
        What::SessionsRevoked { principal, .. } => is_role(principal),
        What::AllowRemoved(statement) | What::Denied { statement, .. } => {
            is_role_arn(&statement.principal_arn) || statement.userid.starts_with(ROLE_ID)
        }
        _ => false,
    }
}

fn is_role(principal: &Principal) -> bool {
    if principal.arn.is_empty() { principal.unique_id.starts_with(ROLE_ID) } else { is_role_arn(&principal.arn) }
}

fn is_role_arn(arn: &str) -> bool {
    let of_role =
        |arn: Arn<'_>| ["role/", "assumed-role/", "federated-user/"].iter().any(|sort| arn.resource.starts_with(sort));
    arn.starts_with(ROLE_ID) || Arn::parse(arn).is_some_and(of_role)
}

/// Whether presignd gets that role's sessions with other credentials, so that it is not the one whose credentials mint.
fn is_minted_here(event: &Event, holders: &[Holder<'_>]) -> bool {
    let concern = Concern::of(event);
    holders.iter().filter(|holder| holder.source != Source::Read).any(|holder| {
        let like = coming::like(holder, holders);
        like.is_some_and(|session| concern.names((&*session).into()))
    })
}
