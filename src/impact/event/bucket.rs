//! Which bucket an event is about, and where: names are given anew in each partition of AWS and at each store.

use super::{Event, What};
use crate::signer::realm::Realm;

impl Event {
    /// The bucket or access point that it names; `None` where it names none.
    pub fn bucket(&self) -> Option<&str> {
        let bucket = match &self.what {
            What::AllowRemoved(statement) | What::Denied { statement, .. } => &statement.bucket,
            What::BucketDeleted { bucket }
            | What::RequesterPays { bucket }
            | What::PublicAccessBlocked { bucket, .. }
            | What::KmsKeyDisabled { bucket, .. }
            | What::UploadEnded { bucket, .. } => bucket,
            What::AccessPointDeleted { access_point } => access_point,
            What::ObjectDeleted(object) | What::ObjectOverwritten(object) | What::ObjectArchived(object) => {
                &object.bucket
            }
            What::KeyDeactivated { .. }
            | What::KeyDeleted { .. }
            | What::KeyRotated { .. }
            | What::UserDeleted(_)
            | What::SessionsRevoked { .. }
            | What::RoleDeleted(_)
            | What::RoleRecreated(_)
            | What::TrustPolicyChanged(_)
            | What::IdentityProviderRemoved { .. }
            | What::ComputeTerminated(_)
            | What::AssociationChanged(_)
            | What::SsoUserDisabled(_)
            | What::SessionExpired(_)
            | What::SessionInvalidated { .. }
            | What::IdentityRenewed(_)
            | What::AccountClosed { .. } => return None,
        };
        Some(bucket.as_str()).filter(|bucket| !bucket.is_empty())
    }

    /// Whether what happens to its bucket may concern whoever signs for that place: by what was said, or by the ARN.
    pub(in crate::impact) fn may_be_at(&self, place: &Realm) -> bool {
        let told = || self.bucket().and_then(Realm::of_arn);
        self.endpoint.clone().or_else(told).is_none_or(|meant| meant == *place)
    }

    /// Whether both say the same, of the same place, of whatever instant.
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        self.what == other.what && self.endpoint == other.endpoint
    }

    /// The same, wherever a bucket has that name.
    #[must_use]
    pub fn anywhere(&self) -> Self {
        Self { endpoint: None, ..self.clone() }
    }

    /// The same, of a bucket at that place alone.
    #[must_use]
    pub fn at_place(&self, place: Realm) -> Self {
        Self { endpoint: Some(place), ..self.clone() }
    }
}
