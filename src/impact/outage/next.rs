//! The session that would come next: whether it can be had after the event, and whether what it signs would live.

use super::{Holder, Lends, Recovery, Source, coming, present, unmet};
use crate::impact::Lineage;
use crate::impact::ending::Conditions;
use crate::impact::event::{Event, Policy, Principal, Statement, What};
use crate::impact::principal::{Arn, is_of_role};
use crate::impact::reason::Condition;
use crate::impact::rules::forecast::{is_from_provider, is_handed_out, is_of_sign_in};
use crate::impact::truth::Truth;
use crate::session::{CredentialKind, ISSUE_IS_SURE_AFTER, IssueInterval, Session};
use crate::time::Timestamp;

/// Why no next session can be had.
pub(super) struct Bar {
    pub conditions: Conditions,
    pub recovery: Recovery,
    pub message: &'static str,
    /// Where another session of what mints mends it: by then it has one in any case.
    pub mended_by: Option<Timestamp>,
}

fn bar(message: &'static str) -> Bar {
    Bar { conditions: Conditions::NONE, recovery: Recovery::None, message, mended_by: None }
}

/// Whether the event keeps the holder from its next session.
pub(super) fn barred(event: &Event, holder: &Holder<'_>, holders: &[Holder<'_>]) -> Option<Bar> {
    let minter = minter(holder, holders);
    if let Some(bar) = known(event, holder, holders, minter) {
        return Some(bar);
    }
    if minter.is_none() { unmet::barred(event, holder, holders) } else { None }
}

/// As far as it is known whose credentials mint.
fn known(event: &Event, holder: &Holder<'_>, holders: &[Holder<'_>], minter: Option<&Session>) -> Option<Bar> {
    // With the credentials of a base, so that nothing which hands sessions out matters.
    let is_minted = matches!(holder.source, Source::Minted { .. });
    let like = coming::like(holder, holders);
    let facts = like.as_deref().map(|session| &session.facts);
    let is_meant = |identity| identity == holder.identity && !is_minted;
    match &event.what {
        What::KeyDeactivated { access_key_id } | What::KeyDeleted { access_key_id } => {
            mints(access_key_id, holder, holders).then(|| bar("the access key that mints its sessions is dead"))
        }
        What::UserDeleted(_) => {
            let conditions = present::of(event, minter?.into())?.conditions;
            Some(Bar { conditions, ..bar("the user whose credentials it uses is deleted") })
        }
        What::RoleDeleted(role) if assumes(role, holder) => {
            Some(bar("its role is deleted; no session of it can be had"))
        }
        What::TrustPolicyChanged(role) if assumes(role, holder) => {
            Some(bar("the role's trust policy lets nobody mint its next session"))
        }
        What::IdentityProviderRemoved { arn } if signed_in(arn, holder) => {
            Some(bar("the provider of its token is removed, if that is the one it uses"))
        }
        What::ComputeTerminated(identity) if is_meant(identity) && facts.is_none_or(is_handed_out) => {
            Some(bar("the compute that receives its sessions is gone"))
        }
        What::AssociationChanged(identity) if is_meant(identity) && facts.is_none_or(is_handed_out) => {
            Some(bar("its next session is of another role, or there is none"))
        }
        What::SsoUserDisabled(identity)
            if identity == holder.identity && holder.source == Source::Read && facts.is_none_or(is_of_sign_in) =>
        {
            Some(bar("its user can sign in no more"))
        }
        What::AllowRemoved(statement) => forbidden(event, statement, holder, holders, "its base may mint no more"),
        What::Denied { statement, signature_age: None, .. } => {
            forbidden(event, statement, holder, holders, "its base is denied to mint its next session")
        }
        _ => None,
    }
}

/// What mends a session that fell under the event, as far as the holder itself goes.
pub(super) fn recovery(event: &Event, holder: &Holder<'_>, holders: &[Holder<'_>]) -> Recovery {
    let Some(like) = coming::like(holder, holders) else { return Recovery::None };
    let from = surely_spared_from(event);
    let next = successor(event, holder, &like);
    let lives = present::of(event, Lineage { session: &next, parent: holder.parent }).is_none();
    match holder.source {
        _ if matches!(
            event.what,
            What::AccountClosed { .. } | What::BucketDeleted { .. } | What::AccessPointDeleted { .. }
        ) =>
        {
            Recovery::None
        }
        _ if !lives || holder.session.is_some_and(|session| session.facts.expires_at.is_none()) => Recovery::None,
        Source::Minted { .. } | Source::WebIdentity { .. } => {
            Recovery::Renewal { of: vec![holder.identity.clone()], from }
        }
        // Which role it hands out then nobody knows.
        Source::Read if matches!(event.what, What::RoleRecreated(_)) => Recovery::None,
        Source::Read => Recovery::Rotation,
    }
}

/// When its next session comes by itself, where that is spared and nobody else must be renewed first.
pub(super) fn planned(holder: &Holder<'_>, recovery: &Recovery) -> Option<Timestamp> {
    let Recovery::Renewal { of, from } = recovery else { return None };
    let alone = of.as_slice() == std::slice::from_ref(holder.identity);
    holder.renews_at.filter(|at| alone && at >= from)
}

/// From when on AWS issues sessions that the event does not concern, if there are such.
fn spared_from(event: &Event) -> Timestamp {
    match &event.what {
        What::SessionsRevoked { issued_before, .. } | What::Denied { issued_before: Some(issued_before), .. } => {
            event.at.max(*issued_before)
        }
        _ => event.at,
    }
}

/// From when on a session that is asked for is surely one of those: what is known of its issue is an interval, which may begin
/// before it was asked for.
fn surely_spared_from(event: &Event) -> Timestamp {
    match &event.what {
        What::SessionsRevoked { issued_before, .. } | What::Denied { issued_before: Some(issued_before), .. } => {
            event.at.max(*issued_before + ISSUE_IS_SURE_AFTER)
        }
        What::RoleRecreated(_) => event.at + ISSUE_IS_SURE_AFTER,
        _ => event.at,
    }
}

/// The session that follows, of those that the event does not concern where there are such.
fn successor(event: &Event, holder: &Holder<'_>, session: &Session) -> Session {
    next_of(event, session, holder.source == Source::Read)
}

/// The same of a session alone.
pub(in crate::impact) fn next_of(event: &Event, session: &Session, keeps_its_name: bool) -> Session {
    let issued = spared_from(event) + std::time::Duration::from_secs(1);
    coming::after(event, keeps_its_name, session, IssueInterval { not_before: Some(issued), not_after: issued })
}

/// Which of the holders mints for it.
fn base<'a, 'b>(holder: &Holder<'a>, holders: &'b [Holder<'a>]) -> Option<&'b Holder<'a>> {
    let Source::Minted { base: Some(base), .. } = holder.source else { return None };
    holders.iter().find(|one| one.identity == base)
}

/// What its next session is minted with: what its base signs with now, and not what minted the last one, for a base
/// whose key was rotated has another. `None`: it is not minted, or nobody knows.
pub(super) fn minter<'a>(holder: &Holder<'a>, holders: &[Holder<'a>]) -> Option<&'a Session> {
    let Source::Minted { base: named, .. } = holder.source else { return None };
    if named.is_some() || holder.session.is_some() {
        return base(holder, holders).and_then(|base| base.session).or(holder.parent);
    }
    let mut kin = kin(holders).peekable();
    if kin.peek().is_some() { kin.find_map(|one| one.parent) } else { holder.parent }
}

/// Those for which the default chain mints now. There is one, and what it gives them it gives to whoever asks next.
fn kin<'a, 'b>(holders: &'b [Holder<'a>]) -> impl Iterator<Item = &'b Holder<'a>> {
    let asks = |one: &&Holder<'_>| matches!(one.source, Source::Minted { base: None, .. });
    holders.iter().filter(asks).filter(|one| one.session.is_some())
}

/// Whether nobody can mint its next session until somebody acts, whatever the event does.
pub(super) fn is_cut_off(holder: &Holder<'_>, holders: &[Holder<'_>]) -> bool {
    let mut at = base(holder, holders);
    // No chain is longer than there are identities.
    for _ in holders {
        let Some(one) = at.filter(|one| one.session.is_none()) else { return false };
        if one.lends == Lends::Nothing {
            return true;
        }
        at = base(one, holders);
    }
    false
}

fn mints(key: &str, holder: &Holder<'_>, holders: &[Holder<'_>]) -> bool {
    let Source::Minted { base, .. } = holder.source else { return false };
    // What minted the last one has been stopped, or has ended: it mints no other.
    if let Some(lent_by) = self::base(holder, holders).filter(|base| base.session.is_none()) {
        let Lends::Keys(keys) = lent_by.lends else { return false };
        return keys.iter().any(|session| session.facts.access_key_id == key);
    }
    let by_parent = |session: &'_ Session| session.facts.parent_access_key_id == key;
    match (base, holder.session) {
        (None, Some(session)) => by_parent(session),
        (None, None) => {
            let mut kin = kin(holders).filter_map(|one| one.session).peekable();
            if kin.peek().is_some() { kin.any(by_parent) } else { holder.last.is_some_and(by_parent) }
        }
        (Some(_), own) => match minter(holder, holders) {
            Some(minter) => minter.facts.access_key_id == key,
            None => own.or(holder.last).is_some_and(by_parent),
        },
    }
}

/// Whether its sessions are of that role.
fn assumes(role: &Principal, holder: &Holder<'_>) -> bool {
    let by_session = coming::like(holder, &[]).map(|session| is_of_role(role, &session.facts));
    let configured = match holder.source {
        Source::Minted { role_arn, .. } | Source::WebIdentity { role_arn } => role_arn,
        Source::Read => None,
    };
    match (by_session, configured.and_then(Arn::parse), Arn::parse(&role.arn)) {
        (Some(Truth::Yes(_)), ..) => true,
        (_, Some(own), Some(meant)) => own.account == meant.account && own.name() == meant.name(),
        _ => false,
    }
}

/// Which provider a token is of is not recorded; one of another account it cannot be.
fn signed_in(provider: &str, holder: &Holder<'_>) -> bool {
    let like = coming::like(holder, &[]);
    let by_token = match holder.source {
        Source::WebIdentity { .. } => true,
        Source::Read => like.as_deref().is_some_and(|session| {
            session.facts.kind == CredentialKind::WebIdentity && is_from_provider(&session.facts)
        }),
        Source::Minted { .. } => false,
    };
    let account = like.as_deref().map(|session| session.facts.account.as_str()).filter(|account| !account.is_empty());
    let meant = Arn::parse(provider).map(|arn| arn.account);
    by_token && (account.is_none() || meant.is_none() || account == meant)
}

/// Whether a statement keeps the base from minting, with the session that it has or with any.
fn forbidden(
    event: &Event,
    statement: &Statement,
    holder: &Holder<'_>,
    holders: &[Holder<'_>],
    message: &'static str,
) -> Option<Bar> {
    let conditions = forbids(event, statement, holder, minter(holder, holders)?)?;
    let lent_by = base(holder, holders);
    let next = lent_by.and_then(|base| Some(successor(event, base, base.session?)));
    let lends_again = next.is_some_and(|next| forbids(event, statement, holder, &next).is_none());
    let Some(lent_by) = lent_by.filter(|_| lends_again) else { return Some(Bar { conditions, ..bar(message) }) };
    let recovery = recovery(event, lent_by, holders);
    let mended_by = planned(lent_by, &recovery).or(lent_by.session.and_then(|session| session.facts.expires_at));
    Some(Bar { conditions, recovery, message, mended_by })
}

/// Whether it denies that session the call that mints.
fn forbids(event: &Event, statement: &Statement, holder: &Holder<'_>, minter: &Session) -> Option<Conditions> {
    if !unmet::speaks_of_minting(statement, holder) {
        return None;
    }
    let whole = Event { what: present::of_all_requests(&event.what), ..event.clone() };
    let conditions = present::of(&whole, minter.into())?.conditions;
    // The resource is a role or a user, and no bucket.
    let of_role = Conditions::of(Condition::MemberAccount);
    Some(if statement.policy == Policy::Rcp { of_role } else { conditions })
}
