//! Whether a name in an event is one that presignd has met: of what it signed, whoever signed it, or its identities.
//!
//! What is AWS's may well exist without presignd knowing it, so an unknown name is no error; but it may be a slip of the pen.

use super::Assessor;
use super::parents::Parents;
use crate::error::Error;
use crate::identity::Identities;
use crate::impact::concern::Concern;
use crate::impact::event::Event;
use crate::impact::outage::Outage;
use crate::impact::reason::Condition;
use crate::issued::Filter;

impl Assessor {
    /// Also true where the event has no name that could be known, such as an identity provider's.
    pub(super) async fn knows(&self, uid: u32, event: &Event, identities: Option<&Identities>) -> Result<bool, Error> {
        let concern = Concern::of(event);
        if let Some((bucket, key)) = concern.place() {
            let key_prefix = Some(key.to_owned()).filter(|key| !key.is_empty());
            let filter = Filter { bucket: Some(bucket.to_owned()), key_prefix, ..Filter::default() };
            if !self.has_record(uid, filter).await? {
                return Ok(false);
            }
        }
        if !concern.names_a_signer() {
            return Ok(true);
        }
        let mut parents = Parents::new(&self.registry, uid);
        for row in self.registry.sessions(uid, None).await.map_err(Error::registry)? {
            let line = parents.line(&row.session).await?;
            if concern.names(line.lineage()) {
                return Ok(true);
            }
        }
        if let Some(key) = concern.access_key_id() {
            // Its session may have ended.
            let filter = Filter { access_key_id: Some(key.to_owned()), ..Filter::default() };
            if self.has_record(uid, filter).await? {
                return Ok(true);
            }
        }
        match identities {
            // What may have to do with anybody at all, has not met this one.
            Some(identities) => {
                let of_anybody = [Condition::MintsWithKeyOfUser, Condition::MinterFallsUnder];
                let is_met = |outage: &Outage| !outage.conditions.iter().any(|one| of_anybody.contains(&one));
                let event = self.at_its_place(uid, event).await?;
                let holders = self.holders(uid, identities).await?;
                Ok(holders.concerned(&event, self.clock.now()).iter().any(is_met))
            }
            None => Ok(false),
        }
    }

    async fn has_record(&self, uid: u32, filter: Filter) -> Result<bool, Error> {
        let found = self.registry.list(uid, filter, 1, None).await.map_err(Error::registry)?;
        Ok(!found.is_empty())
    }
}
