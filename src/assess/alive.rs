//! Whether presignd itself has seen a key or session alive that somebody says is dead: then perhaps the name is mistyped, or
//! what was done did not take.
//!
//! Takes nothing back: a person may know better, and says so.

use std::collections::HashMap;
use std::time::Duration;

use super::Assessor;
use super::gap::{Gap, GapReason};
use crate::error::Error;
use crate::impact::concern::Concern;
use crate::impact::event::Event;
use crate::registry::{KEY_ITSELF, Registry};
use crate::time::Timestamp;

/// When keys, of sessions too, were last seen alive.
pub struct SeenAlive(HashMap<String, Timestamp>);

impl SeenAlive {
    pub(super) async fn of(registry: &Registry, uid: u32) -> Result<Self, Error> {
        let mut keys = HashMap::new();
        for row in registry.sessions(uid, None).await.map_err(Error::registry)? {
            let seen = row.observed.as_ref().and_then(|observed| observed.alive_at.get(KEY_ITSELF).copied());
            let Some(seen) = seen else { continue };
            let last = keys.entry(row.session.facts.access_key_id.clone()).or_insert(seen);
            *last = seen.max(*last);
        }
        Ok(Self(keys))
    }

    /// When the key or session was last seen alive that is dead by the event; `None`: not since AWS surely enforces it, or it
    /// is about neither.
    pub fn since(&self, event: &Event) -> Option<Timestamp> {
        let seen = self.0.get(Concern::of(event).dead_key()?).copied();
        let settled = event.at + event.settles_within.max(LOOK);
        seen.filter(|seen| *seen > settled)
    }
}

impl Assessor {
    /// When keys, of sessions too, were last seen alive.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn seen_alive(&self, uid: u32) -> Result<SeenAlive, Error> {
        SeenAlive::of(&self.registry, uid).await
    }

    /// What to say of an event that presignd's own eyes contradict.
    pub(super) async fn contradicted(&self, uid: u32, event: &Event) -> Result<Option<Gap>, Error> {
        let Some(key) = Concern::of(event).dead_key() else { return Ok(None) };
        let seen = self.seen_alive(uid).await?.since(event);
        Ok(seen.map(|seen| {
            let message = format!(
                "presignd itself saw {key} alive at {seen}, though it is said to be dead since {}: perhaps another is meant, \
                 or what was done did not take.",
                event.at
            );
            Gap::new(GapReason::SeenAlive, message)
        }))
    }
}

/// A look and the event may be of one moment.
const LOOK: Duration = Duration::from_secs(1);
