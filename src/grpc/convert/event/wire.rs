//! An event, to the wire: with what was left out filled in.

use super::{Wire, prefix};
use crate::grpc::convert::{wire_instant, wire_length};
use crate::grpc::proto;
use crate::grpc::proto::object_event::Versioning;
use crate::grpc::proto::public_access_blocked::Setting;
use crate::grpc::proto::statement::Policy as WirePolicy;
use crate::impact::event::{Event, Object, Policy, Principal, PublicAccess, Statement, What};
use crate::session::IdentityName;

/// As a caller would have written it, with nothing left out.
pub(in crate::grpc) fn wire_event(event: Event) -> proto::Event {
    proto::Event {
        at: Some(wire_instant(event.at)),
        settles_within: Some(wire_length(event.settles_within)),
        what: Some(what(event.what)),
        endpoint: event.endpoint.map(|endpoint| endpoint.to_string()).unwrap_or_default(),
    }
}

fn what(what: What) -> Wire {
    match what {
        What::KeyDeactivated { access_key_id } => Wire::KeyDeactivated(proto::KeyEvent { access_key_id }),
        What::KeyDeleted { access_key_id } => Wire::KeyDeleted(proto::KeyEvent { access_key_id }),
        What::KeyRotated { access_key_id } => Wire::KeyRotated(proto::KeyEvent { access_key_id }),
        What::UserDeleted(user) => Wire::UserDeleted(principal(user)),
        What::SessionsRevoked { principal: whose, issued_before } => Wire::SessionsRevoked(proto::SessionsRevoked {
            principal: Some(principal(whose)),
            issued_before: Some(wire_instant(issued_before)),
        }),
        What::RoleDeleted(role) => Wire::RoleDeleted(principal(role)),
        What::RoleRecreated(role) => Wire::RoleRecreated(principal(role)),
        What::TrustPolicyChanged(role) => Wire::TrustPolicyChanged(principal(role)),
        What::IdentityProviderRemoved { arn } => Wire::IdentityProviderRemoved(proto::ProviderEvent { arn }),
        What::ComputeTerminated(name) => Wire::ComputeTerminated(identity(&name)),
        What::AssociationChanged(name) => Wire::AssociationChanged(identity(&name)),
        What::SsoUserDisabled(name) => Wire::SsoUserDisabled(identity(&name)),
        What::SessionExpired(id) => Wire::SessionExpired(proto::SessionEvent { session_id: id.to_string() }),
        What::SessionInvalidated { access_key_id, expired } => {
            Wire::SessionInvalidated(proto::SessionInvalidated { access_key_id, expired })
        }
        What::IdentityRenewed(name) => Wire::IdentityRenewed(identity(&name)),
        What::AllowRemoved(removed) => Wire::AllowRemoved(proto::AllowRemoved { statement: Some(statement(removed)) }),
        What::Denied { statement: denied, issued_before, signature_age } => Wire::Denied(proto::Deny {
            statement: Some(statement(denied)),
            issued_before: issued_before.map(wire_instant),
            signature_age: signature_age.map(wire_length),
        }),
        What::BucketDeleted { bucket } => Wire::BucketDeleted(proto::BucketEvent { bucket }),
        What::AccessPointDeleted { access_point } => Wire::AccessPointDeleted(proto::AccessPointEvent { access_point }),
        What::RequesterPays { bucket } => Wire::RequesterPays(proto::BucketEvent { bucket }),
        What::PublicAccessBlocked { bucket, setting: switched } => {
            Wire::PublicAccessBlocked(proto::PublicAccessBlocked { bucket, setting: setting(switched).into() })
        }
        What::ObjectDeleted(of) => Wire::ObjectDeleted(object(of)),
        What::ObjectOverwritten(of) => Wire::ObjectOverwritten(object(of)),
        What::ObjectArchived(of) => Wire::ObjectArchived(object(of)),
        What::KmsKeyDisabled { key_arn, bucket, key_prefix } => {
            Wire::KmsKeyDisabled(proto::KmsKeyDisabled { key_arn, bucket, key_prefix: prefix::wire(&key_prefix) })
        }
        What::UploadEnded { bucket, key, upload_id } => {
            Wire::UploadEnded(proto::UploadEnded { bucket, key, upload_id })
        }
        What::AccountClosed { account } => Wire::AccountClosed(proto::AccountEvent { account }),
    }
}

fn principal(of: Principal) -> proto::PrincipalEvent {
    proto::PrincipalEvent { arn: of.arn, unique_id: of.unique_id }
}

fn identity(name: &IdentityName) -> proto::IdentityEvent {
    proto::IdentityEvent { identity: name.as_str().to_owned() }
}

fn statement(of: Statement) -> proto::Statement {
    let policy = match of.policy {
        Policy::Bucket => WirePolicy::Bucket,
        Policy::Identity => WirePolicy::Identity,
        Policy::Scp => WirePolicy::Scp,
        Policy::Rcp => WirePolicy::Rcp,
        Policy::Boundary => WirePolicy::Boundary,
    };
    let Statement { principal_arn, userid, bucket, key_prefix, key, actions, .. } = of;
    let (key_prefix, key) = (prefix::wire(&key_prefix), prefix::wire(&key));
    proto::Statement { policy: policy.into(), principal_arn, userid, bucket, key_prefix, actions, key }
}

fn object(of: Object) -> proto::ObjectEvent {
    let versioning = match of.is_versioned {
        None => Versioning::Unspecified,
        Some(false) => Versioning::Off,
        Some(true) => Versioning::On,
    };
    let Object { bucket, key, version_id, .. } = of;
    proto::ObjectEvent { bucket, key, version_id, versioning: versioning.into() }
}

fn setting(of: PublicAccess) -> Setting {
    match of {
        PublicAccess::All => Setting::Unspecified,
        PublicAccess::BlockPublicAcls => Setting::BlockPublicAcls,
        PublicAccess::IgnorePublicAcls => Setting::IgnorePublicAcls,
        PublicAccess::BlockPublicPolicy => Setting::BlockPublicPolicy,
        PublicAccess::RestrictPublicBuckets => Setting::RestrictPublicBuckets,
    }
}
