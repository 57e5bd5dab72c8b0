//! Whether the session that signs when the event comes falls under it, be it there now or not: what would become of a URL
//! that it signs a moment later.

use std::time::Duration;

use super::{Holder, Loss, Reach, Recovery, Source, coming, next};
use crate::impact::concern::Concern;
use crate::impact::ending::{Conditions, Ending, Verdict};
use crate::impact::event::{Event, Policy, Statement, What};
use crate::impact::reason::Condition;
use crate::impact::{Lineage, Subject, ending};
use crate::s3::operation::Operation;
use crate::time::{Timestamp, Ttl};

/// What it signs is dead, or lives no longer than that.
pub(super) struct Dead {
    pub loss: Loss,
    pub at: Timestamp,
    pub reach: Reach,
    pub conditions: Conditions,
    pub why: Why,
    /// The session is not there yet.
    pub is_coming: bool,
}

/// Of which kind the event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Key,
    User,
    Revoked,
    Deleted,
    Recreated,
    Denied,
    TooOld,
    NotAllowed,
    Expired,
    Invalidated,
    Closed,
    BucketGone,
    PointGone,
}

/// Whether the present session of the holder falls under the event, from when on and for which requests.
pub(super) fn dead(event: &Event, holder: &Holder<'_>) -> Option<Dead> {
    ended(event, holder, Lineage { session: holder.session?, parent: holder.parent })
}

/// The same of the session that will have come by then.
pub(super) fn coming(event: &Event, holder: &Holder<'_>, holders: &[Holder<'_>], now: Timestamp) -> Option<Dead> {
    let session = &coming::coming(event, holder, holders, now)?;
    let parent = next::minter(holder, holders).or(holder.parent);
    Some(Dead { is_coming: true, ..ended(event, holder, Lineage { session, parent })? })
}

/// The same of any session of the holder.
pub(super) fn ended(event: &Event, holder: &Holder<'_>, by: Lineage<'_>) -> Option<Dead> {
    let session = by.session;
    let (why, reach) = subject(&event.what)?;
    if why == Why::Closed {
        let own = matches!(&event.what, What::AccountClosed { account } if session.facts.account == *account);
        let conditions = Conditions::of(Condition::AccountShutOut);
        return own.then_some(Dead { loss: Loss::DeadLinks, at: event.at, reach, conditions, why, is_coming: false });
    }
    if matches!(why, Why::BucketGone | Why::PointGone) {
        // Whoever signs.
        let (loss, conditions) = (Loss::DeadLinks, Conditions::NONE);
        return Some(Dead { loss, at: event.at, reach, conditions, why, is_coming: false });
    }
    let ending = of(event, by)?;
    // Later it signs no more, whatever happens.
    let signs = session.facts.expires_at.is_none_or(|ends| ending.not_before < ends);
    let loss = match &event.what {
        What::Denied { signature_age: Some(age), .. } if never_as_old(holder, *age) => return None,
        What::Denied { signature_age: Some(age), .. } => Loss::ShortLinks { life: *age },
        _ => Loss::DeadLinks,
    };
    let (at, conditions) = (ending.not_before, ending.conditions);
    signs.then_some(Dead { loss, at, reach, conditions, why, is_coming: false })
}

/// Whether nothing that it signs gets so old: no URL lives longer than its session, and those that presignd mints are each
/// as long as the last. Of other sources the next session may be longer.
fn never_as_old(holder: &Holder<'_>, age: Duration) -> bool {
    let minted = holder.source != Source::Read;
    age >= Ttl::MAX.duration() || coming::length(holder).is_some_and(|length| minted && age >= length)
}

/// What the event does to what a session signs, of what it speaks of at all; `None`: that lives.
pub(super) fn of(event: &Event, by: Lineage<'_>) -> Option<Ending> {
    // Whether it signs for the bucket's place, is asked before.
    let event = &event.anywhere();
    let on = |event: &Event, bucket: &str, operation| ending(event, by, Subject::Group { bucket, operation });
    let Some(statement) = statement(&event.what) else {
        // These rules look at the session alone.
        return on(event, "", Operation::GetObject).filter(|ending| ending.verdict != Verdict::Lives);
    };
    let Statement { bucket, .. } = statement;
    // Of requests for keys that begin so, of rights that not every URL needs, at an age that each reaches in its time: of
    // those that do.
    let matching = Event { what: of_all_requests(&event.what), ..event.clone() };
    let concern = Concern::of(event);
    let spoken_of = Operation::ALL.iter().copied().filter(|operation| concern.touches_place(bucket, *operation));
    let endings = spoken_of.filter_map(|operation| match on(event, bucket, operation) {
        None => on(&matching, bucket, operation),
        told => told,
    });
    endings.filter(|ending| ending.verdict != Verdict::Lives).min_by_key(|ending| ending.verdict)
}

/// Which kind of event it is that can make a session sign dead links, and which links.
fn subject(what: &What) -> Option<(Why, Reach)> {
    let why = match what {
        What::KeyDeactivated { .. } | What::KeyDeleted { .. } => Why::Key,
        What::UserDeleted(_) => Why::User,
        What::SessionsRevoked { .. } => Why::Revoked,
        What::RoleDeleted(_) => Why::Deleted,
        What::RoleRecreated(_) => Why::Recreated,
        What::SessionExpired(_) => Why::Expired,
        What::SessionInvalidated { .. } => Why::Invalidated,
        What::AccountClosed { .. } => Why::Closed,
        // A limit on whatever is signed there, now and later, and not what befalls some objects once.
        What::Denied { statement, signature_age: Some(_), .. } => return Some((Why::TooOld, reach(statement))),
        What::Denied { statement, issued_before, .. } => {
            return is_of_signer(statement, issued_before.is_some()).then(|| (Why::Denied, reach(statement)));
        }
        What::AllowRemoved(statement) => {
            return is_of_signer(statement, false).then(|| (Why::NotAllowed, reach(statement)));
        }
        What::BucketDeleted { bucket } => return Some((Why::BucketGone, all_of(bucket))),
        What::AccessPointDeleted { access_point } => return Some((Why::PointGone, all_of(access_point))),
        // What befalls an object, or some requests, befalls it whoever signs: that is no matter of an identity.
        What::KeyRotated { .. }
        | What::TrustPolicyChanged(_)
        | What::IdentityProviderRemoved { .. }
        | What::ComputeTerminated(_)
        | What::AssociationChanged(_)
        | What::SsoUserDisabled(_)
        | What::IdentityRenewed(_)
        | What::RequesterPays { .. }
        | What::PublicAccessBlocked { .. }
        | What::ObjectDeleted(_)
        | What::ObjectOverwritten(_)
        | What::ObjectArchived(_)
        | What::KmsKeyDisabled { .. }
        | What::UploadEnded { .. } => return None,
    };
    Some((why, Reach::Everything))
}

fn all_of(bucket: &str) -> Reach {
    Reach::Matching { bucket: bucket.to_owned(), key_prefix: String::new(), actions: Vec::new() }
}

/// Whether its sessions cannot mint either: what a statement keeps from minting, it names itself, and no bucket is asked.
pub(super) fn is_of_credentials(what: &What) -> bool {
    use What::{AccessPointDeleted, AllowRemoved, BucketDeleted, Denied};
    !matches!(what, Denied { .. } | AllowRemoved(_) | BucketDeleted { .. } | AccessPointDeleted { .. })
}

fn statement(what: &What) -> Option<&Statement> {
    match what {
        What::Denied { statement, .. } | What::AllowRemoved(statement) => Some(statement),
        _ => None,
    }
}

/// A statement about some keys of a bucket that names nobody is about these objects, as their deletion is; one that names
/// somebody, or a whole bucket, keeps identities from signing for it.
fn is_of_signer(statement: &Statement, issued_before: bool) -> bool {
    let of_principal = matches!(statement.policy, Policy::Identity | Policy::Boundary);
    let names = !matches!(statement.principal_arn.as_str(), "" | "*") || !statement.userid.is_empty();
    of_principal || names || issued_before || statement.keys_begin().is_empty()
}

fn reach(statement: &Statement) -> Reach {
    let Statement { bucket, actions, .. } = statement;
    let key_prefix = statement.keys_begin();
    let whole = actions.is_empty() || actions.iter().any(|action| action == "*" || action.eq_ignore_ascii_case("s3:*"));
    if whole && bucket.is_empty() && key_prefix.is_empty() {
        return Reach::Everything;
    }
    let actions = if whole { Vec::new() } else { actions.clone() };
    Reach::Matching { bucket: bucket.clone(), key_prefix: key_prefix.to_owned(), actions }
}

/// The same for every key, every right and every age.
pub(super) fn of_all_requests(what: &What) -> What {
    let mut what = what.clone();
    if let What::Denied { signature_age, .. } = &mut what {
        *signature_age = None;
    }
    if let What::Denied { statement, .. } | What::AllowRemoved(statement) = &mut what {
        statement.key_prefix.clear();
        statement.key.clear();
        statement.actions.clear();
    }
    what
}

impl Dead {
    /// Why, as a sentence.
    pub(super) fn message(&self, holder: &Holder<'_>, recovery: &Recovery) -> &'static str {
        match (self.why, recovery) {
            (Why::Revoked, _) if self.is_coming => "the session that it signs with by then is revoked, too",
            (Why::Recreated, _) if self.is_coming => {
                "the session that it signs with by then is of the role that was deleted"
            }
            (Why::Denied, Recovery::None) if self.is_coming => "every session that it gets is denied",
            (Why::Denied, _) if self.is_coming => "the session that it signs with by then is denied",
            (Why::NotAllowed, _) if self.is_coming => "every session that it gets lacks a permission",
            (why, _) => why.message(holder, recovery),
        }
    }
}

impl Why {
    fn message(self, holder: &Holder<'_>, recovery: &Recovery) -> &'static str {
        let reads = holder.source == Source::Read;
        let is_key = holder.session.is_some_and(|session| session.facts.expires_at.is_none());
        match (self, recovery) {
            (Self::Key, _) => "its own access key is dead; give it another",
            (Self::User, _) => "the user whose credentials it uses is deleted",
            (Self::Revoked, Recovery::Rotation) => {
                "its session is revoked, and its source hands that session out until it rotates by itself"
            }
            (Self::Revoked, _) => "the session that it signs with is revoked, too",
            (Self::Deleted, _) => "its role is deleted; no session of it can be had",
            (Self::Recreated, _) if reads => {
                "its session is of the role that was deleted, and its source hands it out further"
            }
            (Self::Recreated, _) => "the session that it signs with is of the role that was deleted",
            (Self::Denied, Recovery::None) if is_key => "the key that it signs with is denied",
            (Self::Denied, Recovery::None) => "the session that it signs with is denied, and so would the next be",
            (Self::Denied, Recovery::Rotation) => {
                "its session is denied, and its source hands that session out until it rotates by itself"
            }
            (Self::Denied, Recovery::Renewal { .. }) => "the session that it signs with is denied",
            (Self::TooOld, Recovery::None) => "the policy denies signatures older than that",
            (Self::TooOld, Recovery::Renewal { .. } | Recovery::Rotation) => {
                "the policy denies older signatures of the session that it signs with"
            }
            (Self::NotAllowed, _) if is_key => "the key that it signs with loses a permission",
            (Self::NotAllowed, _) => "the session that it signs with loses a permission",
            (Self::Expired, _) => "the session that it signs with ends",
            (Self::Invalidated, Recovery::Rotation) => {
                "AWS no longer accepts its session, and its source hands that session out until it rotates by itself"
            }
            (Self::Invalidated, _) => "AWS no longer accepts the session that it signs with",
            (Self::BucketGone, _) => "the bucket is deleted",
            (Self::PointGone, _) => "the access point is deleted",
            (Self::Closed, _) => "its account is closed; AWS does not say when it refuses requests",
        }
    }
}
