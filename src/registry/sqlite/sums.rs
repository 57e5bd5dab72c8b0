//! What a group of records adds to the totals of sessions and to tallies: summed over the whole group, so that many
//! records of a kind cost one row.

use std::collections::HashMap;

use rusqlite::params;

use super::state::Statements;
use crate::registry::Error;

/// A record that was written within the group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    pub(super) number: i64,
    pub(super) usable_until: i64,
    pub(super) kin: Kin,
}

/// What records of one tally share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Kin {
    pub(super) session: i64,
    pub(super) slot: i64,
    pub(super) bucket: i64,
    pub(super) uid: u32,
    pub(super) operation: &'static str,
}

/// Records of one session, or of one tally.
struct Sum {
    urls: i64,
    last_end: i64,
    first: i64,
    last: i64,
}

impl Sum {
    const NOTHING: Self = Self { urls: 0, last_end: i64::MIN, first: i64::MAX, last: i64::MIN };

    fn add(&mut self, urls: i64, last_end: i64, first: i64, last: i64) {
        self.urls += urls;
        self.last_end = self.last_end.max(last_end);
        self.first = self.first.min(first);
        self.last = self.last.max(last);
    }
}

/// Adds all of it to what is on disk, within the transaction of the records.
pub(super) fn write(statements: &mut Statements<'_>, written: &[Written]) -> Result<(), Error> {
    let mut tallies: HashMap<Kin, Sum> = HashMap::new();
    for Written { number, usable_until, kin } in written.iter().copied() {
        tallies.entry(kin).or_insert(Sum::NOTHING).add(1, usable_until, number, number);
    }
    let mut sessions: HashMap<i64, Sum> = HashMap::new();
    for (kin, sum) in tallies {
        sessions.entry(kin.session).or_insert(Sum::NOTHING).add(sum.urls, sum.last_end, sum.first, sum.last);
        let Kin { session, slot, bucket, uid, operation } = kin;
        statements.tally.execute(params![session, slot, bucket, uid, operation, sum.urls, sum.last_end])?;
    }
    for (session, sum) in sessions {
        statements.session.execute(params![session, sum.urls, sum.last_end, sum.first, sum.last])?;
    }
    Ok(())
}
