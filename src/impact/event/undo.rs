//! Which events can be taken back at all. Whether that revives a certain URL, its rule says.

use super::What;
use crate::impact::place::keeps_its_host;

impl What {
    /// Whether somebody can undo it, so that it may be lifted. What was deleted for good and made again is something new,
    /// but where AWS or presignd brings the very same thing back, it is undone.
    pub fn can_be_undone(&self) -> bool {
        match self {
            Self::KeyDeactivated { .. }
            | Self::SessionsRevoked { .. }
            | Self::TrustPolicyChanged(_)
            | Self::IdentityProviderRemoved { .. }
            | Self::AssociationChanged(_)
            | Self::SsoUserDisabled(_)
            | Self::AllowRemoved(_)
            | Self::Denied { .. }
            | Self::RequesterPays { .. }
            | Self::PublicAccessBlocked { .. }
            | Self::ObjectOverwritten(_)
            | Self::ObjectArchived(_)
            | Self::KmsKeyDisabled { .. }
            | Self::AccountClosed { .. }
            // Made again, by its owner, it is where old signatures lead.
            | Self::BucketDeleted { .. } => true,
            Self::SessionInvalidated { expired, .. } => !expired,
            Self::AccessPointDeleted { access_point } => keeps_its_host(access_point),
            // A version is never given again.
            Self::ObjectDeleted(object) => object.version_id.is_empty(),
            Self::KeyDeleted { .. }
            | Self::KeyRotated { .. }
            | Self::UserDeleted(_)
            | Self::RoleDeleted(_)
            | Self::RoleRecreated(_)
            | Self::ComputeTerminated(_)
            | Self::SessionExpired(_)
            | Self::IdentityRenewed(_)
            | Self::UploadEnded { .. } => false,
        }
    }
}
