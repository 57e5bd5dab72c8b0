//! What records add to the totals of sessions and to tallies: added up over some hundreds of records, so that a record alone
//! writes its own pages and no more, and many records of a kind cost one row.
//!
//! `registry.summed_up_to` tells which records the sums on disk hold: those up to that number, whatever happens. It moves on in
//! the transaction that adds them. Readers count the others from their rows (`ahead.rs`), and nothing is lost with memory.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::state::Statements;
use crate::registry::Error;
use crate::s3::operation::Operation;

/// A record that was written.
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

/// What the sums on disk lack.
pub(super) struct Sums {
    /// They hold the records up to this number.
    up_to: i64,
    /// Records after it,
    ahead: Vec<Written>,
    /// and such up to it that came when the sums had passed them. These belong to the group under way.
    late: Vec<Written>,
    /// How many of both are not of the call under way.
    before: (usize, usize),
}

impl Sums {
    /// As they are on disk.
    pub(super) fn read(connection: &Connection) -> Result<Self, Error> {
        let up_to = connection.query_row("SELECT summed_up_to FROM registry", [], |row| row.get(0))?;
        let mut statement = connection.prepare(
            "SELECT u.number, u.usable_until, u.session, (u.usable_until - 1) / 900, u.bucket, c.uid, u.operation \
             FROM urls u NOT INDEXED CROSS JOIN callers c ON c.number = u.caller WHERE u.number > ?1",
        )?;
        let mut rows = statement.query([up_to])?;
        let mut ahead = Vec::new();
        while let Some(row) = rows.next()? {
            let number = row.get(0)?;
            let bad = || Error::BadRow { id: format!("url {number}"), problem: "operation: is unknown".to_owned() };
            let operation = Operation::parse(row.get_ref(6)?.as_str().unwrap_or_default()).ok_or_else(bad)?.as_str();
            let (session, slot, bucket, uid) = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
            let kin = Kin { session, slot, bucket, uid, operation };
            ahead.push(Written { number, usable_until: row.get(1)?, kin });
        }
        let before = (ahead.len(), 0);
        Ok(Self { up_to, ahead, late: Vec::new(), before })
    }

    /// Notes a record of the group.
    pub(super) fn note(&mut self, written: Written) {
        if written.number > self.up_to { self.ahead.push(written) } else { self.late.push(written) }
    }

    /// Begins one call of the group.
    pub(super) fn mark(&mut self) {
        self.before = (self.ahead.len(), self.late.len());
    }

    /// Undoes it.
    pub(super) fn undo(&mut self) {
        self.ahead.truncate(self.before.0);
        self.late.truncate(self.before.1);
    }

    /// Ends the group: brings the sums on disk up to it where they must be, or where that is for many records at once.
    pub(super) fn end_group(&mut self, statements: &mut Statements<'_>) -> Result<(), Error> {
        if self.ahead.len() >= MOST_AHEAD {
            return self.bring_up(statements);
        }
        add(statements, std::mem::take(&mut self.late))
    }

    /// Adds all of it to the sums on disk, within the transaction of the group.
    pub(super) fn bring_up(&mut self, statements: &mut Statements<'_>) -> Result<(), Error> {
        let up_to = self.ahead.iter().map(|written| written.number).max();
        let mut all = std::mem::take(&mut self.late);
        all.append(&mut self.ahead);
        self.mark();
        add(statements, all)?;
        if let Some(up_to) = up_to {
            statements.summed.execute([up_to])?;
            self.up_to = up_to;
        }
        Ok(())
    }

    /// Whether the sums on disk hold all.
    pub(super) fn is_whole(&self) -> bool {
        self.ahead.is_empty() && self.late.is_empty()
    }
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

fn add(statements: &mut Statements<'_>, written: Vec<Written>) -> Result<(), Error> {
    let mut tallies: HashMap<Kin, Sum> = HashMap::new();
    for Written { number, usable_until, kin } in written {
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

/// Records that the sums on disk may lack between two groups: what a reader has to count by itself, in about a millisecond.
pub(super) const MOST_AHEAD: usize = 1024;
