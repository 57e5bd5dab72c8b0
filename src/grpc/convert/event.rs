//! Events, from the wire and back. Every field is checked here, so that a typing error is told and never answered with
//! "nothing ends".

mod parts;
mod prefix;
mod wire;

use super::{identity, instant, record_id, within};
use crate::grpc::proto;
use crate::grpc::proto::event::What as Wire;
use crate::impact::event::{Event, Principal, SETTLES_WITHIN, What};
use crate::s3::Refused;
use crate::session::IdentityName;
use crate::signer::realm::Realm;
use crate::time::Timestamp;

use parts::{access_point, kms_key, length, object, overwritten, principal, setting, statement, upload};
pub(in crate::grpc) use wire::wire_event;

/// Fields are named as they stand in the proto; what is left out is filled in.
pub(in crate::grpc) fn event(wire: Option<proto::Event>, now: Timestamp) -> Result<Event, Refused> {
    let wire = wire.ok_or_else(|| Refused::new("event", "is missing: say what happens"))?;
    let event = read(wire, now).and_then(|event| event.check().map(|()| event));
    event.map_err(within("event"))
}

fn read(wire: proto::Event, now: Timestamp) -> Result<Event, Refused> {
    let at = instant("at", wire.at)?.unwrap_or(now);
    let settles_within = length("settles_within", wire.settles_within)?.unwrap_or(SETTLES_WITHIN);
    let what = wire.what.ok_or_else(|| Refused::new("what", "is missing: set one of key_deactivated, denied, …"))?;
    let endpoint = Some(wire.endpoint.as_str()).filter(|text| !text.is_empty()).map(Realm::parse).transpose();
    let endpoint = endpoint.map_err(|refused| Refused::new("endpoint", refused.problem))?;
    let member = member(&what);
    Ok(Event { at, settles_within, endpoint, what: happening(what, at).map_err(within(member))? })
}

fn happening(wire: Wire, at: Timestamp) -> Result<What, Refused> {
    Ok(match wire {
        Wire::KeyDeactivated(proto::KeyEvent { access_key_id }) => What::KeyDeactivated { access_key_id },
        Wire::KeyDeleted(proto::KeyEvent { access_key_id }) => What::KeyDeleted { access_key_id },
        Wire::KeyRotated(proto::KeyEvent { access_key_id }) => What::KeyRotated { access_key_id },
        Wire::UserDeleted(user) => What::UserDeleted(principal(user)),
        Wire::SessionsRevoked(revoked) => What::SessionsRevoked {
            principal: principal(revoked.principal.unwrap_or_default()),
            issued_before: instant("issued_before", revoked.issued_before)?.unwrap_or(at),
        },
        Wire::RoleDeleted(role) => What::RoleDeleted(principal(role)),
        Wire::RoleRecreated(role) => What::RoleRecreated(principal(role)),
        Wire::TrustPolicyChanged(role) => What::TrustPolicyChanged(principal(role)),
        Wire::IdentityProviderRemoved(proto::ProviderEvent { arn }) => What::IdentityProviderRemoved { arn },
        Wire::ComputeTerminated(of) => What::ComputeTerminated(named(of)?),
        Wire::AssociationChanged(of) => What::AssociationChanged(named(of)?),
        Wire::SsoUserDisabled(of) => What::SsoUserDisabled(named(of)?),
        Wire::SessionExpired(of) => What::SessionExpired(record_id("session_id", &of.session_id)?),
        Wire::SessionInvalidated(proto::SessionInvalidated { access_key_id, expired }) => {
            What::SessionInvalidated { access_key_id, expired }
        }
        Wire::IdentityRenewed(of) => What::IdentityRenewed(named(of)?),
        Wire::AllowRemoved(removed) => What::AllowRemoved(statement(removed.statement)?),
        Wire::Denied(denied) => What::Denied {
            issued_before: instant("issued_before", denied.issued_before)?,
            signature_age: length("signature_age", denied.signature_age)?,
            statement: statement(denied.statement)?,
        },
        Wire::BucketDeleted(proto::BucketEvent { bucket }) => What::BucketDeleted { bucket },
        Wire::AccessPointDeleted(of) => What::AccessPointDeleted { access_point: access_point(of)? },
        Wire::RequesterPays(proto::BucketEvent { bucket }) => What::RequesterPays { bucket },
        Wire::PublicAccessBlocked(of) => What::PublicAccessBlocked { setting: setting(of.setting)?, bucket: of.bucket },
        Wire::ObjectDeleted(of) => What::ObjectDeleted(object(of)?),
        Wire::ObjectOverwritten(of) => What::ObjectOverwritten(overwritten(of)?),
        Wire::ObjectArchived(of) => What::ObjectArchived(object(of)?),
        Wire::KmsKeyDisabled(of) => kms_key(of)?,
        Wire::UploadEnded(of) => upload(of)?,
        Wire::AccountClosed(proto::AccountEvent { account }) => What::AccountClosed { account },
    })
}

fn named(of: proto::IdentityEvent) -> Result<IdentityName, Refused> {
    identity("identity", &of.identity)?.ok_or_else(|| Refused::new("identity", "is empty: name one"))
}

/// The name of a member of `Event.what`.
fn member(what: &Wire) -> &'static str {
    match what {
        Wire::KeyDeactivated(_) => "key_deactivated",
        Wire::KeyDeleted(_) => "key_deleted",
        Wire::KeyRotated(_) => "key_rotated",
        Wire::UserDeleted(_) => "user_deleted",
        Wire::SessionsRevoked(_) => "sessions_revoked",
        Wire::RoleDeleted(_) => "role_deleted",
        Wire::RoleRecreated(_) => "role_recreated",
        Wire::TrustPolicyChanged(_) => "trust_policy_changed",
        Wire::IdentityProviderRemoved(_) => "identity_provider_removed",
        Wire::ComputeTerminated(_) => "compute_terminated",
        Wire::AssociationChanged(_) => "association_changed",
        Wire::SsoUserDisabled(_) => "sso_user_disabled",
        Wire::SessionExpired(_) => "session_expired",
        Wire::SessionInvalidated(_) => "session_invalidated",
        Wire::IdentityRenewed(_) => "identity_renewed",
        Wire::AllowRemoved(_) => "allow_removed",
        Wire::Denied(_) => "denied",
        Wire::BucketDeleted(_) => "bucket_deleted",
        Wire::AccessPointDeleted(_) => "access_point_deleted",
        Wire::RequesterPays(_) => "requester_pays",
        Wire::PublicAccessBlocked(_) => "public_access_blocked",
        Wire::ObjectDeleted(_) => "object_deleted",
        Wire::ObjectOverwritten(_) => "object_overwritten",
        Wire::ObjectArchived(_) => "object_archived",
        Wire::KmsKeyDisabled(_) => "kms_key_disabled",
        Wire::UploadEnded(_) => "upload_ended",
        Wire::AccountClosed(_) => "account_closed",
    }
}

#[cfg(test)]
mod tests;
