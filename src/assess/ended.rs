//! Of what is outstanding by its hard ends, what events that stand have surely ended: counted, and told beside the rest.
//!
//! Takes nothing away. An event may be a mistake or be undone, and whoever ends a credential ends it for good.

use std::collections::HashMap;

use super::parents::Parents;
use super::standing::Standing;
use super::{Assessor, gap};
use crate::error::Error;
use crate::issued::Filter;
use crate::registry::{Tally, TallyFilter, slot_end};
use crate::session::RecordId;

/// Outstanding URLs of one session that have ended early.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many: exact for events that end all of a session, a bucket or an operation; of what depends on each URL (a key, or
    /// keys that begin alike) as many as some thousand rows tell.
    pub urls: u64,
    /// The events that ended them, newest first.
    pub by: Vec<RecordId>,
}

impl Ended {
    /// `event k3yd2a7q-5 stands`; empty where nothing has ended early.
    pub fn by_what(&self) -> String {
        match self.by.len() {
            0 => String::new(),
            1 => format!("{} stands", gap::named(&self.by)),
            _ => format!("{} stand", gap::named(&self.by)),
        }
    }

    fn add(&mut self, urls: u64, by: RecordId) {
        self.urls += urls;
        if !self.by.contains(&by) {
            self.by.push(by);
            self.by.sort_unstable_by_key(|id| std::cmp::Reverse(id.number));
        }
    }
}

impl Assessor {
    /// By session, of those that have any. Reads no tally while nothing stands.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn ended(&self, uid: u32, of: &TallyFilter) -> Result<HashMap<RecordId, Ended>, Error> {
        let mut ended = HashMap::new();
        if self.registry.stands().is_empty() {
            return Ok(ended);
        }
        let now = self.clock.now();
        let (standing, parents) = (Standing::of(&self.registry, now), Parents::new(&self.registry, uid));
        let mut looking = Looking { standing, parents, ended: &mut ended };
        let mut after = None;
        loop {
            let page = self.registry.tallies(uid, of, now, after).await.map_err(Error::registry)?;
            looking.take(page.items).await?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let (filter, end) = (Filter { usable_after: Some(now), ..Filter::from(of.clone()) }, slot_end(now));
        let mut after = None;
        loop {
            let page = self.registry.slot_rows(uid, &filter, now, end, after).await.map_err(Error::registry)?;
            looking.take(page.items).await?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let Looking { mut standing, mut parents, .. } = looking;
        for (session, by) in standing.ended_one_by_one(&self.registry, uid, &filter, &mut parents).await? {
            ended.entry(session).or_default().add(1, by);
        }
        Ok(ended)
    }
}

struct Looking<'a> {
    standing: Standing,
    parents: Parents,
    ended: &'a mut HashMap<RecordId, Ended>,
}

impl Looking<'_> {
    async fn take(&mut self, tallies: Vec<Tally>) -> Result<(), Error> {
        for Tally { session, bucket, operation, urls, .. } in tallies {
            let line = self.parents.line(&session).await?;
            if let Some(by) = self.standing.ended_by(&line, &bucket, operation) {
                self.ended.entry(session.id).or_default().add(urls, by);
            }
        }
        Ok(())
    }
}
