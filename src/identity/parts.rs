//! An identity and its parts: who is a tenant, and what is done to the part of one, or to all of them.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::error::{RenewError, VALIDATION};
use super::keeper::Keeper;
use super::replaced::Replaced;
use super::tenants::NoPart;
use super::{Identity, Live};
use crate::config::identity::PartitionBy;
use crate::session::Session;
use crate::time::Timestamp;

impl Identity {
    /// What tells its tenants apart; `None`: it signs for all with the same session.
    pub fn partition_by(&self) -> Option<&PartitionBy> {
        self.tenants.as_ref().map(|tenants| &tenants.partitions().by)
    }

    /// The part of a tenant, made where there is none; `None`: it has no parts, and signs itself.
    ///
    /// # Errors
    /// Says why there is none: never another tenant's instead.
    pub fn part(&self, tenant: &str) -> Result<Option<Arc<Self>>, NoPart> {
        self.tenants.as_ref().map(|tenants| tenants.part(tenant)).transpose()
    }

    /// The part of a tenant that has one.
    pub fn known_part(&self, tenant: &str) -> Option<Arc<Self>> {
        self.tenants.as_ref()?.find(tenant)
    }

    /// What signs: its parts by tenant, or itself.
    pub fn parts(self: &Arc<Self>) -> Vec<Arc<Self>> {
        self.tenants.as_ref().map_or_else(|| vec![Arc::clone(self)], |tenants| tenants.parts())
    }

    /// For whom alone it signs; empty for all.
    pub fn tenant(&self) -> &str {
        self.keeper.tenant()
    }

    /// A URL that it signed lives until then.
    pub fn serves_until(&self, ends_at: Timestamp) {
        if let Some(need) = self.keeper.need() {
            need.extend(ends_at);
        }
    }

    /// Every session that signs now, or would if the identity were not paused; one for each part.
    pub fn signing(&self) -> Vec<Arc<Live>> {
        match &self.tenants {
            Some(tenants) => tenants.parts().iter().filter_map(|part| part.signing_generation()).collect(),
            None => self.signing_generation().into_iter().collect(),
        }
    }

    /// Whether it can sign, as far as anybody knows. With parts it can before the first tenant has come.
    pub fn can_sign(&self) -> bool {
        match &self.tenants {
            Some(tenants) => !self.is_paused() && tenants.gauges.is_ready(),
            None => self.current().is_some(),
        }
    }

    /// Gets a session now, or one for each part.
    ///
    /// # Errors
    /// What the first attempt met that failed.
    pub async fn renew_all(&self) -> Result<(), Arc<RenewError>> {
        match &self.tenants {
            Some(tenants) => try_join_all(tenants.parts().iter().map(|part| part.renew())).await.map(drop),
            None => self.renew().await.map(drop),
        }
    }

    /// The same for a person: what comes signs, also where what signs now lives longer. Whoever asks may know what is wrong
    /// with that, and is told what else comes of it.
    ///
    /// # Errors
    /// As [`Self::renew_all`].
    pub async fn replace_all(&self) -> Result<Vec<Replaced>, Arc<RenewError>> {
        match &self.tenants {
            Some(tenants) => try_join_all(tenants.parts().iter().map(|part| part.keeper.replace())).await,
            None => self.keeper.replace().await.map(|replaced| vec![replaced]),
        }
    }

    /// Who keeps a session, if anybody does.
    pub(super) fn keeper_of(&self, session: &Session) -> Option<Arc<Keeper>> {
        match &self.tenants {
            Some(tenants) => Some(Arc::clone(&tenants.find(&session.facts.partition_of)?.keeper)),
            None => Some(Arc::clone(&self.keeper)),
        }
    }
}

impl From<NoPart> for Arc<RenewError> {
    fn from(none: NoPart) -> Self {
        Self::new(match none {
            NoPart::Refused(problem) => RenewError::new(VALIDATION, format!("the partition {problem}")),
            NoPart::Full { most, .. } => RenewError::new(VALIDATION, format!("all {most} partitions are taken")),
            NoPart::Gone(error) => return error,
        })
    }
}

/// A tenant that there is not: whether sessions can be had is tried in its name.
pub const NOBODY: &str = "presignd-check";
