//! Whose next renewal fails: events that may end no URL, and stop an identity from signing all the same (SEMANTICS.md
//! rows i and q to t, and 1.3 g).

use std::collections::BTreeMap;

use super::actions;
use super::ending::Verdict;
use super::event::{Event, Policy, Principal, Statement, What};
use super::principal::{Arn, has_principal_arn, has_userid, is_named, is_of_role};
use super::truth::Truth;
use super::{Subject, rules};
use crate::s3::operation::Operation;
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
    /// The session that minted it, where it is known.
    pub parent: Option<&'a Session>,
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

/// An identity that gets no next session, or none that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Which.
    pub identity: IdentityName,
    /// When it stops signing what works; `None`: it has no session now. The earliest such moment: what is based on
    /// others that are based on others may get one more session while they still have one.
    pub at: Option<Timestamp>,
    /// Why, as a sentence.
    pub message: &'static str,
}

/// Identities that the event keeps from their next session, in the order given. Whoever is based on such an identity
/// is kept from it, too.
pub fn outages(event: &Event, holders: &[Holder<'_>]) -> Vec<Outage> {
    let mut found: BTreeMap<&IdentityName, Outage> = BTreeMap::new();
    for holder in holders {
        // A long-term key needs no renewal.
        let renews = holder.session.is_none_or(|session| session.facts.expires_at.is_some());
        let outage =
            own(event, holder, minter(holder, holders)).filter(|(stops, _)| renews || matches!(stops, Stops::AtOnce));
        if let Some((stops, message)) = outage {
            let outage = Outage { identity: holder.identity.clone(), at: stops.of(event, holder), message };
            found.insert(holder.identity, outage);
        }
    }
    // Bases of bases: each round reaches one step further, and no chain is longer than there are identities.
    for _ in holders {
        let mut further = Vec::new();
        for holder in holders.iter().filter(|holder| !found.contains_key(holder.identity)) {
            let Source::Minted { base: Some(base), .. } = holder.source else { continue };
            if let Some(of_base) = found.get(base) {
                let own_end = Stops::AtItsEnd.of(event, holder);
                // As long as its base has a session, it gets another.
                let at = own_end.map(|end| of_base.at.map_or(end, |base_end| end.max(base_end)));
                let message = "the identity on which it is based gets no next session";
                further.push((holder.identity, Outage { identity: holder.identity.clone(), at, message }));
            }
        }
        if further.is_empty() {
            break;
        }
        found.extend(further);
    }
    holders.iter().filter_map(|holder| found.get(holder.identity).cloned()).collect()
}

/// When an identity stops.
#[derive(Clone, Copy)]
enum Stops {
    /// What it signs from then on is dead from its birth.
    AtOnce,
    /// Its session runs out and none follows.
    AtItsEnd,
}

impl Stops {
    fn of(self, event: &Event, holder: &Holder<'_>) -> Option<Timestamp> {
        let session = holder.session?;
        match self {
            Self::AtOnce => Some(event.at),
            Self::AtItsEnd => Some(session.facts.expires_at.unwrap_or(event.at).max(event.at)),
        }
    }
}

/// What its next session is minted with: what its base signs with now, and not what minted the last one, for a base
/// whose key was rotated has another. `None`: it is not minted, or nobody knows.
fn minter<'a>(holder: &Holder<'a>, holders: &[Holder<'a>]) -> Option<&'a Session> {
    let Source::Minted { base, .. } = holder.source else { return None };
    let of_base = base.and_then(|base| holders.iter().find(|one| one.identity == base)?.session);
    of_base.or(holder.parent)
}

fn own(event: &Event, holder: &Holder<'_>, minter: Option<&Session>) -> Option<(Stops, &'static str)> {
    // With the credentials of a base, so that nothing which hands sessions out matters.
    let is_minted = matches!(holder.source, Source::Minted { .. });
    match &event.what {
        What::KeyDeactivated { access_key_id } | What::KeyDeleted { access_key_id } => {
            key_killed(access_key_id, holder, minter)
        }
        What::UserDeleted(_) => dies(event, holder, minter, "the user whose credentials it uses is deleted"),
        What::SessionsRevoked { .. } if holder.source == Source::Read => {
            // Metadata goes on handing out the revoked session until its own rotation.
            dies(
                event,
                holder,
                minter,
                "its session is revoked, and its source hands that session out until it rotates by itself",
            )
        }
        What::RoleDeleted(role) if assumes(role, holder) => {
            Some((Stops::AtOnce, "its role is deleted; no session of it can be had"))
        }
        What::RoleRecreated(role) if holder.source == Source::Read && assumes(role, holder) => {
            Some((Stops::AtOnce, "its session is of the role that was deleted, and its source hands it out further"))
        }
        What::TrustPolicyChanged(role) if assumes(role, holder) => {
            Some((Stops::AtItsEnd, "the role's trust policy lets nobody mint its next session"))
        }
        What::IdentityProviderRemoved { arn } if signed_in(arn, holder) => {
            Some((Stops::AtItsEnd, "the provider of its token is removed, if that is the one it uses"))
        }
        What::ComputeTerminated(identity) if identity == holder.identity && !is_minted => {
            Some((Stops::AtItsEnd, "the compute that receives its sessions is gone"))
        }
        What::AssociationChanged(identity) if identity == holder.identity && !is_minted => {
            Some((Stops::AtItsEnd, "its next session is of another role, or there is none"))
        }
        What::SsoUserDisabled(identity) if identity == holder.identity && holder.source == Source::Read => {
            Some((Stops::AtItsEnd, "its user can sign in no more"))
        }
        What::AllowRemoved(statement) if forbids_mint(statement, holder, minter) => {
            Some((Stops::AtItsEnd, "its base may mint no more, unless another policy allows it"))
        }
        What::Denied { statement, issued_before: None, signature_age: None } if denies_all(statement) => {
            let message = "what it signs with is denied everything, and so would its next session be";
            dies(event, holder, None, message).or_else(|| {
                forbids_mint(statement, holder, minter)
                    .then_some((Stops::AtItsEnd, "its base is denied to mint its next session"))
            })
        }
        What::Denied { statement, issued_before: None, signature_age: None }
            if forbids_mint(statement, holder, minter) =>
        {
            Some((Stops::AtItsEnd, "its base is denied to mint its next session"))
        }
        What::AccountClosed { account } if holder.session.is_some_and(|session| session.facts.account == *account) => {
            Some((Stops::AtOnce, "its account is closed; AWS does not say when it refuses requests"))
        }
        What::SessionsRevoked { .. }
        | What::RoleDeleted(_)
        | What::RoleRecreated(_)
        | What::TrustPolicyChanged(_)
        | What::IdentityProviderRemoved { .. }
        | What::ComputeTerminated(_)
        | What::AssociationChanged(_)
        | What::SsoUserDisabled(_)
        | What::AllowRemoved(_)
        | What::Denied { .. }
        | What::AccountClosed { .. }
        | What::KeyRotated { .. }
        | What::SessionExpired(_)
        | What::IdentityRenewed(_)
        | What::BucketDeleted { .. }
        | What::AccessPointDeleted { .. }
        | What::RequesterPays { .. }
        | What::PublicAccessBlocked { .. }
        | What::ObjectDeleted(_)
        | What::ObjectOverwritten(_)
        | What::ObjectArchived(_)
        | What::KmsKeyDisabled { .. }
        | What::UploadEnded { .. } => None,
    }
}

fn key_killed(key: &str, holder: &Holder<'_>, minter: Option<&Session>) -> Option<(Stops, &'static str)> {
    let facts = &holder.session?.facts;
    if facts.access_key_id == key && facts.expires_at.is_none() {
        return Some((Stops::AtOnce, "its own access key is dead; give it another"));
    }
    let mints = minter.map_or(&facts.parent_access_key_id, |minter| &minter.facts.access_key_id) == key;
    let minted = matches!(holder.source, Source::Minted { .. }) && mints;
    minted.then_some((Stops::AtItsEnd, "the access key that mints its sessions is dead"))
}

/// Whether the event ends what the identity signs now.
fn dies(
    event: &Event,
    holder: &Holder<'_>,
    minter: Option<&Session>,
    message: &'static str,
) -> Option<(Stops, &'static str)> {
    let by = super::Lineage { session: holder.session?, parent: holder.parent };
    let any = Subject::Group { bucket: "", operation: Operation::GetObject };
    if rules::answer(event, by, any).is_some_and(|answer| answer.verdict == Verdict::Ends) {
        return Some((Stops::AtOnce, message));
    }
    // A role that the user assumes goes on, but for its next session.
    let dead = rules::answer(event, minter?.into(), any).is_some_and(|answer| answer.verdict == Verdict::Ends);
    dead.then_some((Stops::AtItsEnd, message))
}

/// Whether its sessions are of that role.
fn assumes(role: &Principal, holder: &Holder<'_>) -> bool {
    let by_session = holder.session.map(|session| is_of_role(role, &session.facts));
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
    let by_token = match holder.source {
        Source::WebIdentity { .. } => true,
        Source::Read => holder.session.is_some_and(|session| session.facts.kind == CredentialKind::WebIdentity),
        Source::Minted { .. } => false,
    };
    let account = holder.session.map(|session| session.facts.account.as_str()).filter(|account| !account.is_empty());
    let meant = Arn::parse(provider).map(|arn| arn.account);
    by_token && (account.is_none() || meant.is_none() || account == meant)
}

/// Whether a statement leaves nothing to a user or a role, whichever session comes next. Of less, such as all of S3,
/// nothing is said: what is based on the identity goes on.
fn denies_all(statement: &Statement) -> bool {
    let of_principal = matches!(statement.policy, Policy::Identity | Policy::Boundary);
    let lasts = Arn::parse(&statement.principal_arn)
        .is_some_and(|arn| arn.resource.starts_with("user/") || arn.resource.starts_with("role/"));
    let everywhere = statement.userid.is_empty() && statement.bucket.is_empty() && statement.key_prefix.is_empty();
    let whole = statement.actions.is_empty() || statement.actions.iter().any(|action| action == "*");
    of_principal && lasts && everywhere && whole
}

/// Whether a statement keeps the base from minting.
fn forbids_mint(statement: &Statement, holder: &Holder<'_>, minter: Option<&Session>) -> bool {
    let Source::Minted { kind, .. } = holder.source else { return false };
    let action = match kind {
        CredentialKind::SessionToken => "sts:GetSessionToken",
        CredentialKind::FederationToken => "sts:GetFederationToken",
        _ => "sts:AssumeRole",
    };
    let Some(minter) = minter else { return false };
    let speaks = match statement.policy {
        Policy::Bucket => return false,
        Policy::Identity | Policy::Boundary => is_named(&statement.principal_arn, minter.into()),
        Policy::Scp | Policy::Rcp => has_principal_arn(&statement.principal_arn, minter.into()),
    };
    let everywhere = statement.bucket.is_empty() && statement.key_prefix.is_empty();
    // Sessions that presignd mints are each called otherwise, so their `aws:userid` ends with them. What others hand out
    // keeps its name: that of an instance, a task or a person.
    let renamed = matches!(minter.facts.kind, CredentialKind::AssumeRole | CredentialKind::WebIdentity);
    let lasts = statement.userid.is_empty() || !renamed;
    let is_meant = lasts && has_userid(&statement.userid, &minter.facts) != Truth::No;
    everywhere && is_meant && speaks != Truth::No && actions::names(&statement.actions, action)
}
