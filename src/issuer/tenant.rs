//! Which tenant an ask is for, and the part of the identity that signs for it.
//!
//! An ask that names no tenant is refused, and so is one for which there is no part: it is never signed with another's
//! session.

use std::sync::Arc;

use super::Ask;
use crate::access::Caller;
use crate::config::identity::PartitionBy;
use crate::error::Error;
use crate::identity::{Identity, NoPart};
use crate::s3::Refused;

/// What signs for an ask: the identity, or its part.
///
/// # Errors
/// When the ask names no tenant, or there is no part for it.
pub(super) fn part(identity: Arc<Identity>, caller: &Caller, ask: &Ask) -> Result<Arc<Identity>, Error> {
    let Some(tenant) = tenant(&identity, caller, ask)? else { return Ok(identity) };
    match identity.part(&tenant) {
        Ok(part) => Ok(part.unwrap_or(identity)),
        Err(NoPart::Refused(problem)) => {
            let field = identity.partition_by().map(PartitionBy::field).unwrap_or_default();
            Err(Refused::new(field, problem).into())
        }
        Err(NoPart::Full { most, retry_after }) => {
            Err(Error::PartitionsFull { identity: identity.name().clone(), most, retry_after })
        }
        Err(NoPart::Gone(cause)) => {
            Err(Error::NoSession { identity: identity.name().clone(), cause: Some(cause), short: None })
        }
    }
}

/// The same for an ask that was signed before: a tenant that has lost its place has lost its sessions.
///
/// # Errors
/// [`Error::Superseded`] when there is no part.
pub(super) fn known_part(identity: Arc<Identity>, caller: &Caller, ask: &Ask) -> Result<Arc<Identity>, Error> {
    match tenant(&identity, caller, ask)? {
        Some(tenant) => identity.known_part(&tenant).ok_or(Error::Superseded),
        None => Ok(identity),
    }
}

fn tenant(identity: &Identity, caller: &Caller, ask: &Ask) -> Result<Option<String>, Error> {
    let Some(by) = identity.partition_by() else { return Ok(None) };
    let named = match by {
        PartitionBy::Caller => ask.in_place_of.unwrap_or(caller.uid).to_string(),
        PartitionBy::OnBehalfOf => ask.on_behalf_of.clone(),
        PartitionBy::Label(name) => {
            ask.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.clone()).unwrap_or_default()
        }
    };
    if named.is_empty() {
        let problem =
            format!("is missing or empty; identity {} has a session for each, so it must say whose", identity.name());
        return Err(Refused::new(by.field(), problem).into());
    }
    Ok(Some(named))
}
