//! Who has which long-term key: AWS ends keys, not identities, and several may share one.
//!
//! Reads rows of sessions, never URLs. Decides nothing: `session::generation` says what may be done with a key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Rotation, Row, followed};
use crate::error::Error;
use crate::identity::Identity;
use crate::registry::SessionRow;
use crate::session::generation::{Hold, Holder, has_no_end};
use crate::session::{IdentityName, RecordId};

impl Rotation {
    /// Long-term keys that may be signing at this moment. To be asked before the registry is read: who signs while that is
    /// read, and stops before it is asked whether it signs, has signed what is not counted.
    pub(super) fn signing(&self) -> HashSet<RecordId> {
        self.identities().iter().flat_map(|identity| identity.keys_in_use()).collect()
    }

    /// Adds to rows of long-term keys who else has them.
    pub(super) async fn join(&self, uid: u32, signing: &HashSet<RecordId>, rows: &mut [Row]) -> Result<(), Error> {
        let key_of = |row: &SessionRow| row.session.facts.access_key_id.clone();
        let keys = rows.iter().filter(|row| has_no_end(row.row.session.facts.kind)).map(|row| key_of(&row.row));
        let keys: HashSet<String> = keys.collect();
        if keys.is_empty() {
            return Ok(());
        }
        let wanted: Vec<&str> = keys.iter().map(String::as_str).collect();
        let all = self.issuer.registry().of_keys(uid, &wanted).await.map_err(Error::registry)?;
        let mut by_key: HashMap<String, Vec<Holder>> = HashMap::new();
        for row in followed(all) {
            let holder = self.holder(&row, signing);
            by_key.entry(key_of(&row.row)).or_default().push(holder);
        }
        for identity in self.identities() {
            for key in self.mints_with(uid, &identity).await? {
                if keys.contains(&key) {
                    by_key.entry(key).or_default().push(minter(identity.name()));
                }
            }
        }
        let by_key: HashMap<String, Arc<[Holder]>> = by_key.into_iter().map(|(key, all)| (key, ordered(all))).collect();
        for row in rows.iter_mut().filter(|row| has_no_end(row.row.session.facts.kind)) {
            row.signed = signing.contains(&row.row.session.id);
            row.holders = by_key.get(&row.row.session.facts.access_key_id).cloned().unwrap_or_default();
        }
        Ok(())
    }

    fn identities(&self) -> Vec<Arc<Identity>> {
        let identities = &self.issuer.rules().identities;
        identities.names().filter_map(|name| identities.identity(name)).collect()
    }

    fn holder(&self, row: &Row, signing: &HashSet<RecordId>) -> Holder {
        let (session, now) = (&row.row.session, self.issuer.clock().now());
        let one = row.generation(self.secret_of(session), "");
        let hold = match Hold::of(one.state(now)) {
            Hold::Rests if signing.contains(&session.id) => Hold::Signs,
            hold => hold,
        };
        Holder {
            identity: session.identity.clone(),
            generation: Some(session.generation),
            session: Some(session.id),
            hold,
            since: Some(one.since(now)),
            outstanding_urls: row.row.outstanding,
            last_url_ends_at: row.row.last_url_ends_at,
        }
    }

    /// The keys with which an identity gets its next session, as far as is known: that of its base, or of whoever minted
    /// what it has.
    async fn mints_with(&self, uid: u32, identity: &Identity) -> Result<HashSet<String>, Error> {
        let base = identity.table().base().and_then(|base| self.identity(base));
        if let Some(live) = base.and_then(|base| base.signing_generation()) {
            return Ok(HashSet::from([live.session.facts.access_key_id.clone()]));
        }
        let signing = identity.signing();
        let mut parents: HashSet<String> =
            signing.iter().map(|live| live.session.facts.parent_access_key_id.clone()).collect();
        if parents.is_empty() && identity.fresh().is_some() {
            let newest =
                self.issuer.registry().generations(uid, identity.name(), None).await.map_err(Error::registry)?;
            parents.extend(newest.first().map(|row| row.session.facts.parent_access_key_id.clone()));
        }
        parents.remove("");
        Ok(parents)
    }
}

fn minter(identity: &IdentityName) -> Holder {
    Holder {
        identity: identity.clone(),
        generation: None,
        session: None,
        hold: Hold::Mints,
        since: None,
        outstanding_urls: 0,
        last_url_ends_at: None,
    }
}

/// Those that need it first; of those that do not, the one whose URLs live longest.
fn ordered(mut all: Vec<Holder>) -> Arc<[Holder]> {
    all.sort_by(|one, other| {
        let last = |holder: &Holder| std::cmp::Reverse(holder.last_end());
        (one.hold, last(one), &one.identity).cmp(&(other.hold, last(other), &other.identity))
    });
    all.into()
}
