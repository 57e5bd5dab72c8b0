//! What events that stand have ended of what generations signed, and others with the same key: a key is ended for all of
//! them, so one sentence speaks of all.
//!
//! Counts; decides nothing.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Rotation, Row};
use crate::assess::{Assessor, Ended};
use crate::error::Error;
use crate::registry::TallyFilter;
use crate::session::RecordId;
use crate::session::generation::Holder;

impl Rotation {
    pub(super) fn assessor(&self) -> Assessor {
        Assessor::new(self.issuer.registry().clone(), self.issuer.clock().clone())
    }

    /// Adds to rows what has ended early, of themselves and of others that have their key. `ended` is what is known of
    /// sessions; those of others that are missing are asked for.
    pub(super) async fn add_ended(
        &self,
        uid: u32,
        rows: &mut [Row],
        ended: &mut HashMap<RecordId, Ended>,
    ) -> Result<(), Error> {
        if self.issuer.registry().stands().is_empty() {
            return Ok(());
        }
        let own: Vec<RecordId> = rows.iter().map(|row| row.row.session.id).collect();
        for session in rows.iter().flat_map(|row| with_urls(&row.holders)).collect::<Vec<_>>() {
            if !own.contains(&session) && !ended.contains_key(&session) {
                let of = TallyFilter { session: Some(session), ..TallyFilter::default() };
                let found = self.assessor().ended(uid, &of).await?.remove(&session);
                ended.insert(session, found.unwrap_or_default());
            }
        }
        for row in rows {
            row.ended = ended.get(&row.row.session.id).cloned().unwrap_or_default();
            if with_urls(&row.holders).any(|session| ended.get(&session).is_some_and(|ended| ended.urls > 0)) {
                row.add_ended_of_others(ended);
            }
        }
        Ok(())
    }
}

impl Row {
    fn add_ended_of_others(&mut self, ended: &HashMap<RecordId, Ended>) {
        let mut of_key = self.ended.clone();
        let mut holders = self.holders.to_vec();
        for holder in &mut holders {
            let Some(of) = holder.session.and_then(|session| ended.get(&session)) else { continue };
            holder.ended_early_urls = of.urls.min(holder.outstanding_urls);
            of_key.by.extend(&of.by);
        }
        of_key.by.sort_unstable_by_key(|id| std::cmp::Reverse(id.number));
        of_key.by.dedup();
        self.key_ended_by = of_key.by_what();
        self.holders = Arc::from(holders);
    }
}

/// The sessions of those that have outstanding URLs.
fn with_urls(holders: &[Holder]) -> impl Iterator<Item = RecordId> {
    holders.iter().filter(|holder| holder.outstanding_urls > 0).filter_map(|holder| holder.session)
}
