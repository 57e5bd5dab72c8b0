//! The session that a holder will have: made after the one that it has or had last, or after its configuration alone.
//!
//! Never says whether it can be had, nor what an event does to it.

use std::borrow::Cow;
use std::time::Duration;

use super::{Holder, Source};
use crate::impact::event::{Event, What};
use crate::impact::principal::{Arn, Nature, ROLE_ID, nature};
use crate::session::{CredentialKind, Facts, InstanceId, IssueInterval, RecordId, Session};
use crate::time::Timestamp;

/// Whether another session has taken its place by itself when the event comes. What a source gives may be the same again.
pub(super) fn is_renewed_before(event: &Event, holder: &Holder<'_>) -> bool {
    holder.source != Source::Read
        && holder.session.is_some()
        && holder.renews_at.is_some_and(|renewed| renewed + SURELY < event.at)
}

/// The session with which the holder signs when the event comes, where that is none of now: there is none, it has run out
/// by then, or another has taken its place. `None`: it is one of now, or nobody knows what comes.
pub(super) fn coming(event: &Event, holder: &Holder<'_>, holders: &[Holder<'_>], now: Timestamp) -> Option<Session> {
    let signs = |session: &Session| session.facts.expires_at.is_none_or(|ends| ends > event.at);
    if holder.session.is_some_and(signs) && !is_renewed_before(event, holder) {
        return None;
    }
    let like = like(holder, holders)?;
    // What somebody put into a file he may take out again, or put another there.
    let comes_by_itself = like.facts.expires_at.is_some() && like.facts.kind != CredentialKind::Temporary;
    if holder.source == Source::Read && !comes_by_itself {
        return None;
    }
    let first = now + SECOND;
    // A tenant may come at that very moment; the others are renewed ahead.
    let is_renewed = holder.session.is_some_and(|session| session.facts.partition_of.is_empty());
    let last = if is_renewed { event.at - SECOND } else { event.at };
    Some(after(
        event,
        holder.source == Source::Read,
        &like,
        IssueInterval { not_before: Some(first), not_after: last.max(first) },
    ))
}

/// What its sessions are like, as far as that is known: from them, from its configuration, or from whose user mints them.
pub(super) fn like<'a>(holder: &Holder<'a>, holders: &[Holder<'_>]) -> Option<Cow<'a, Session>> {
    let configured = || {
        let mut session = configured(holder)?;
        be_of_user(&mut session.facts, holder, holders);
        Some(Cow::Owned(session))
    };
    known(holder).map(Cow::Borrowed).or_else(configured)
}

/// The session that it has, or the last that it had.
fn known<'a>(holder: &Holder<'a>) -> Option<&'a Session> {
    let last = || holder.last.filter(|last| is_of_source(holder, &last.facts));
    holder.session.or_else(last)
}

/// How long its sessions are, as far as that is known.
pub(super) fn length(holder: &Holder<'_>) -> Option<Duration> {
    let like = known(holder)?;
    like.facts.issued.not_before?.until(like.facts.expires_at?)
}

/// The one that follows. Those that presignd mints are each called otherwise, so what names one by its name or its
/// `aws:userid` spares the next; those of others keep theirs: that of an instance, a task or a person.
pub(super) fn after(event: &Event, keeps_its_name: bool, session: &Session, issued: IssueInterval) -> Session {
    let mut next = session.clone();
    next.id.number = u64::MAX;
    let facts = &mut next.facts;
    facts.access_key_id.clear();
    facts.issued = issued;
    facts.expires_at = None;
    let is_of_new_role = matches!(event.what, What::RoleRecreated(_)) && issued.not_before > Some(event.at);
    if is_of_new_role && !facts.principal_unique_id.is_empty() {
        facts.principal_unique_id = format!("{ROLE_ID}{NEXT}");
    }
    if keeps_its_name {
        return next;
    }
    let former = std::mem::replace(&mut facts.session_name, NEXT.to_owned());
    let renamed = |text: &str| text.strip_suffix(&former).map(|start| format!("{start}{NEXT}"));
    match facts.kind {
        CredentialKind::AssumeRole | CredentialKind::WebIdentity | CredentialKind::FederationToken
            if !former.is_empty() =>
        {
            facts.principal_arn = renamed(&facts.principal_arn).unwrap_or_default();
            // A federated user's is its name.
            facts.principal_unique_id =
                renamed(&facts.principal_unique_id).unwrap_or_else(|| facts.principal_unique_id.clone());
        }
        _ => facts.session_name = former,
    }
    next
}

/// Whether the configuration, which may be another by now, still gives sessions of that kind and role.
fn is_of_source(holder: &Holder<'_>, facts: &Facts) -> bool {
    let (kind, role_arn) = match holder.source {
        Source::Minted { kind, role_arn, .. } => (kind, role_arn),
        Source::WebIdentity { role_arn } => (CredentialKind::WebIdentity, role_arn),
        Source::Read => return true,
    };
    let is_of_role = match (role_arn.and_then(Arn::parse), Arn::parse(&facts.principal_arn)) {
        (Some(role), Some(own)) => (role.account, role.name()) == (own.account, own.name()),
        _ => true,
    };
    facts.kind == kind && is_of_role
}

/// What the configuration alone says of its sessions.
fn configured(holder: &Holder<'_>) -> Option<Session> {
    let (kind, role_arn) = match holder.source {
        Source::Minted { kind, role_arn, .. } => (kind, role_arn),
        Source::WebIdentity { role_arn } => (CredentialKind::WebIdentity, role_arn),
        Source::Read => return None,
    };
    let role = role_arn.and_then(Arn::parse);
    let of_role =
        |role: Arn<'_>| format!("arn:{}:sts::{}:assumed-role/{}/{NEXT}", role.partition, role.account, role.name());
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let facts = Facts {
        access_key_id: String::new(),
        kind,
        partition: text(role.map(|role| role.partition)),
        account: text(role.map(|role| role.account)),
        principal_arn: role.map(of_role).unwrap_or_default(),
        principal_unique_id: String::new(),
        session_name: NEXT.to_owned(),
        source_identity: String::new(),
        session_policy_sha256: String::new(),
        tags: Vec::new(),
        parent: None,
        parent_access_key_id: String::new(),
        issued: IssueInterval { not_before: None, not_after: Timestamp::EPOCH },
        expires_at: None,
        expiry_is_exact: false,
        partition_of: String::new(),
    };
    let id = RecordId { instance: InstanceId::from_random(0), number: u64::MAX };
    Some(Session { id, identity: holder.identity.clone(), generation: u64::MAX, facts })
}

/// A session token is its user's, and a federated user lives in its user's account: it is told by what mints it.
fn be_of_user(facts: &mut Facts, holder: &Holder<'_>, holders: &[Holder<'_>]) {
    let is_token = facts.kind == CredentialKind::SessionToken;
    if !is_token && facts.kind != CredentialKind::FederationToken {
        return;
    }
    let Some(user) = minting_user(holder, holders) else { return };
    (facts.partition, facts.account) = (user.partition.clone(), user.account.clone());
    if is_token {
        (facts.principal_arn, facts.principal_unique_id) =
            (user.principal_arn.clone(), user.principal_unique_id.clone());
        facts.session_name.clear();
    } else if !user.account.is_empty() {
        let Facts { partition, account, .. } = user;
        facts.principal_arn = format!("arn:{partition}:sts::{account}:federated-user/{NEXT}");
        facts.principal_unique_id = format!("{account}:{NEXT}");
    }
}

/// Whose key mints: that of the base, or of the one default chain, as far as others that it minted for tell.
fn minting_user<'a>(holder: &Holder<'a>, holders: &[Holder<'a>]) -> Option<&'a Facts> {
    let is_user = |facts: &&Facts| {
        matches!(nature(facts), Nature::UserKey | Nature::RootKey | Nature::UserToken | Nature::RootToken)
    };
    let Source::Minted { base, .. } = holder.source else { return None };
    let told = |one: &Holder<'a>| match base {
        Some(base) if one.identity == base => one.session.or(one.last).map(|session| &session.facts),
        Some(_) => None,
        None if matches!(one.source, Source::Minted { base: None, .. }) => {
            let parent = one.parent.map(|parent| &parent.facts);
            parent.or(one.session.or(one.last).map(|session| &session.facts))
        }
        None => None,
    };
    holders.iter().filter_map(told).find(is_user)
}

/// What the next session is called; no name that AWS gives looks so.
const NEXT: &str = "(next)";
/// A renewal that is tried once more when it fails is done by then.
const SURELY: Duration = Duration::from_secs(60);
/// As exactly as instants are known here.
const SECOND: Duration = Duration::from_secs(1);
