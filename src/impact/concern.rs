//! Which records an event can touch at all, so that a scan reads no others.
//!
//! Leaves out only what the rules let live; `tests/impact_matrix/laws.rs` holds it to that.

use super::event::{Event, Principal, PublicAccess, What};
use super::place::reaches;
use super::principal::{is_of_role, is_of_user};
use super::truth::Truth;
use super::{Lineage, Subject, actions, rules};
use crate::issued::Filter;
use crate::s3::operation::Operation;

/// What an event may concern.
#[derive(Debug, Clone, Copy)]
pub struct Concern<'a> {
    event: &'a Event,
}

impl<'a> Concern<'a> {
    /// Of an event.
    pub fn of(event: &'a Event) -> Self {
        Self { event }
    }

    /// Whether it ends no URL at all, whatever it concerns.
    pub fn is_empty(&self) -> bool {
        match &self.event.what {
            What::KeyRotated { .. }
            | What::TrustPolicyChanged(_)
            | What::IdentityProviderRemoved { .. }
            | What::ComputeTerminated(_)
            | What::AssociationChanged(_)
            | What::SsoUserDisabled(_)
            | What::IdentityRenewed(_) => true,
            What::PublicAccessBlocked { setting, .. } => *setting == PublicAccess::BlockPublicPolicy,
            What::KeyDeactivated { .. }
            | What::KeyDeleted { .. }
            | What::SessionExpired(_)
            | What::SessionInvalidated { .. }
            | What::UserDeleted(_)
            | What::SessionsRevoked { .. }
            | What::RoleDeleted(_)
            | What::RoleRecreated(_)
            | What::AllowRemoved(_)
            | What::Denied { .. }
            | What::BucketDeleted { .. }
            | What::AccessPointDeleted { .. }
            | What::RequesterPays { .. }
            | What::ObjectDeleted(_)
            | What::ObjectOverwritten(_)
            | What::ObjectArchived(_)
            | What::KmsKeyDisabled { .. }
            | What::UploadEnded { .. }
            | What::AccountClosed { .. } => false,
        }
    }

    /// Whether URLs of that session may be touched.
    pub fn touches_session<'b>(&self, by: impl Into<Lineage<'b>>) -> bool {
        let by = by.into();
        if let Some(dead) = self.dead_key() {
            return by.session.facts.access_key_id == dead;
        }
        match &self.event.what {
            What::SessionExpired(session) => by.session.id == *session,
            What::UserDeleted(_) | What::SessionsRevoked { .. } | What::RoleDeleted(_) | What::RoleRecreated(_) => {
                // These rules look at the session alone.
                let any = Subject::Group { bucket: "", operation: Operation::GetObject };
                rules::answer(self.event, by, any).is_none_or(|answer| answer.verdict != super::Verdict::Lives)
            }
            What::AllowRemoved(statement) | What::Denied { statement, .. } => rules::binds(statement, by),
            _ => !self.is_empty(),
        }
    }

    /// The bucket or access point that the event names, and the beginning of the key, which may be empty.
    pub fn place(&self) -> Option<(&'a str, &'a str)> {
        Some((self.event.bucket()?, self.key_prefix().unwrap_or_default()))
    }

    /// The access key that the event names.
    pub fn access_key_id(&self) -> Option<&'a str> {
        match &self.event.what {
            What::KeyRotated { access_key_id } => Some(access_key_id),
            _ => self.dead_key(),
        }
    }

    /// The access key that is dead by the event.
    pub fn dead_key(&self) -> Option<&'a str> {
        match &self.event.what {
            What::KeyDeactivated { access_key_id }
            | What::KeyDeleted { access_key_id }
            | What::SessionInvalidated { access_key_id, .. } => Some(access_key_id),
            _ => None,
        }
    }

    /// Whether it names somebody who signs: a key, a principal or an account.
    pub fn names_a_signer(&self) -> bool {
        match &self.event.what {
            What::AllowRemoved(statement) | What::Denied { statement, .. } => {
                !(statement.userid.is_empty() && matches!(statement.principal_arn.as_str(), "" | "*"))
            }
            What::AccountClosed { .. } => true,
            what => self.access_key_id().is_some() || principal(what).is_some(),
        }
    }

    /// Whether that is whoever signed, or minted for, the session; what nobody told of a session names nobody.
    pub fn names(&self, by: Lineage<'_>) -> bool {
        let facts = &by.session.facts;
        let is = |truth| matches!(truth, Truth::Yes(_));
        match &self.event.what {
            What::AllowRemoved(statement) | What::Denied { statement, .. } => rules::binds(statement, by),
            What::AccountClosed { account } => facts.account == *account,
            what => {
                let key = self.access_key_id();
                let is_principal =
                    |whose, by: Lineage<'_>| is(is_of_role(whose, &by.session.facts)) || is(is_of_user(whose, by));
                let minted_by = |whose| by.parent.is_some_and(|parent| is_principal(whose, parent.into()));
                key.is_some_and(|key| facts.access_key_id == key || facts.parent_access_key_id == key)
                    || principal(what).is_some_and(|whose| is_principal(whose, by) || minted_by(whose))
            }
        }
    }

    /// Whether URLs of that bucket and operation may be touched.
    pub fn touches_place(&self, bucket: &str, operation: Operation) -> bool {
        let copies = matches!(operation, Operation::CopyObject | Operation::UploadPartCopy);
        let there = |meant: &str| reaches(meant, bucket) != Truth::No;
        match &self.event.what {
            What::AllowRemoved(statement) | What::Denied { statement, .. } => {
                actions::speaks_of(statement, Subject::Group { bucket, operation }, true) != Truth::No
            }
            What::BucketDeleted { bucket: meant } | What::KmsKeyDisabled { bucket: meant, .. } => {
                copies || there(meant)
            }
            What::ObjectDeleted(object) | What::ObjectOverwritten(object) | What::ObjectArchived(object) => {
                copies || (operation.is_on_object() && there(&object.bucket))
            }
            What::AccessPointDeleted { access_point: meant }
            | What::RequesterPays { bucket: meant }
            | What::PublicAccessBlocked { bucket: meant, .. }
            | What::UploadEnded { bucket: meant, .. } => there(meant),
            _ => !self.is_empty(),
        }
    }

    /// The beginning of the keys that may be touched; `None`: any. Says nothing of requests that copy (they read
    /// another key), of forms (they may leave their key open) and of DeleteObjects (its keys are in the body).
    pub fn key_prefix(&self) -> Option<&'a str> {
        let prefix: &str = match &self.event.what {
            What::AllowRemoved(statement) | What::Denied { statement, .. } => statement.keys_begin(),
            What::KmsKeyDisabled { key_prefix, .. } => key_prefix,
            What::ObjectDeleted(object) | What::ObjectOverwritten(object) | What::ObjectArchived(object) => &object.key,
            What::UploadEnded { key, .. } => key,
            _ => return None,
        };
        Some(prefix).filter(|prefix| !prefix.is_empty())
    }

    /// The wanted records, narrowed as far as a filter can say it; `None`: nothing of them can be touched.
    pub fn narrow(&self, wanted: &Filter) -> Option<Filter> {
        let mut narrow = wanted.clone();
        match (&self.event.what, self.dead_key()) {
            _ if self.is_empty() => return None,
            (_, Some(dead)) => {
                if wanted.access_key_id.as_ref().is_some_and(|own| own != dead) {
                    return None;
                }
                narrow.access_key_id = Some(dead.to_owned());
            }
            (What::SessionExpired(session), None) => {
                if wanted.session.is_some_and(|own| own != *session) {
                    return None;
                }
                narrow.session = Some(*session);
            }
            _ => {}
        }
        // What has ended by itself lives.
        narrow.usable_after = narrow.usable_after.max(Some(self.event.at));
        Some(narrow)
    }
}

fn principal(what: &What) -> Option<&Principal> {
    match what {
        What::UserDeleted(whose)
        | What::SessionsRevoked { principal: whose, .. }
        | What::RoleDeleted(whose)
        | What::RoleRecreated(whose)
        | What::TrustPolicyChanged(whose) => Some(whose),
        _ => None,
    }
}
