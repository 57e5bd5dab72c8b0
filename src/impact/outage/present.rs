//! Whether the session that signs now falls under the event: what would become of a URL that it signs a moment later.

use super::{Holder, Reach, Recovery, Source};
use crate::impact::concern::Concern;
use crate::impact::ending::{Conditions, Ending, Verdict};
use crate::impact::event::{Event, Policy, Statement, What};
use crate::impact::reason::Condition;
use crate::impact::{Lineage, Subject, ending};
use crate::s3::operation::Operation;
use crate::time::Timestamp;

/// What it signs is dead.
pub(super) struct Dead {
    pub at: Timestamp,
    pub reach: Reach,
    pub conditions: Conditions,
    pub why: Why,
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
    NotAllowed,
    Expired,
    Closed,
}

/// Whether the present session of the holder falls under the event, from when on and for which requests.
pub(super) fn dead(event: &Event, holder: &Holder<'_>) -> Option<Dead> {
    let session = holder.session?;
    let (why, reach) = subject(&event.what)?;
    if why == Why::Closed {
        let own = matches!(&event.what, What::AccountClosed { account } if session.facts.account == *account);
        let conditions = Conditions::of(Condition::AccountShutOut);
        return own.then_some(Dead { at: event.at, reach, conditions, why });
    }
    let ending = of(event, Lineage { session, parent: holder.parent })?;
    // Later it signs no more, whatever happens.
    let signs = session.facts.expires_at.is_none_or(|ends| ending.not_before < ends);
    signs.then_some(Dead { at: ending.not_before, reach, conditions: ending.conditions, why })
}

/// What the event does to what a session signs, of what it speaks of at all; `None`: that lives.
pub(super) fn of(event: &Event, by: Lineage<'_>) -> Option<Ending> {
    let on = |event: &Event, bucket: &str, operation| ending(event, by, Subject::Group { bucket, operation });
    let Some(statement) = statement(&event.what) else {
        // These rules look at the session alone.
        return on(event, "", Operation::GetObject).filter(|ending| ending.verdict != Verdict::Lives);
    };
    let Statement { bucket, .. } = statement;
    // Of requests for keys that begin so, and of rights that not every URL needs: of those that do.
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
        What::AccountClosed { .. } => Why::Closed,
        // What is signed later lives as long as signatures may be old.
        What::Denied { signature_age: Some(_), .. } => return None,
        What::Denied { statement, issued_before, .. } => {
            return is_of_signer(statement, issued_before.is_some()).then(|| (Why::Denied, reach(statement)));
        }
        What::AllowRemoved(statement) => {
            return is_of_signer(statement, false).then(|| (Why::NotAllowed, reach(statement)));
        }
        // What befalls a bucket or an object befalls it whoever signs.
        What::KeyRotated { .. }
        | What::TrustPolicyChanged(_)
        | What::IdentityProviderRemoved { .. }
        | What::ComputeTerminated(_)
        | What::AssociationChanged(_)
        | What::SsoUserDisabled(_)
        | What::IdentityRenewed(_)
        | What::BucketDeleted { .. }
        | What::AccessPointDeleted { .. }
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
    of_principal || names || issued_before || statement.key_prefix.is_empty()
}

fn reach(statement: &Statement) -> Reach {
    let Statement { bucket, key_prefix, actions, .. } = statement;
    let whole = actions.is_empty() || actions.iter().any(|action| action == "*" || action.eq_ignore_ascii_case("s3:*"));
    if whole && bucket.is_empty() && key_prefix.is_empty() {
        return Reach::Everything;
    }
    let actions = if whole { Vec::new() } else { actions.clone() };
    Reach::Matching { bucket: bucket.clone(), key_prefix: key_prefix.clone(), actions }
}

/// The same for every key and every right.
pub(super) fn of_all_requests(what: &What) -> What {
    let mut what = what.clone();
    if let What::Denied { statement, .. } | What::AllowRemoved(statement) = &mut what {
        statement.key_prefix.clear();
        statement.actions.clear();
    }
    what
}

impl Why {
    /// A sentence.
    pub(super) fn message(self, holder: &Holder<'_>, recovery: &Recovery) -> &'static str {
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
            (Self::NotAllowed, _) if is_key => "the key that it signs with loses a permission",
            (Self::NotAllowed, _) => "the session that it signs with loses a permission",
            (Self::Expired, _) => "the session that it signs with ends",
            (Self::Closed, _) => "its account is closed; AWS does not say when it refuses requests",
        }
    }
}
