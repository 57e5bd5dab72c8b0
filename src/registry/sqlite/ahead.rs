//! Records that the sums on disk do not hold yet: those with numbers after `registry.summed_up_to`. Whoever reads the sums adds
//! these, in the same view of the file, and has what is true of that view.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::registry::Error;

/// Which of `urls` they are.
pub(super) const AHEAD: &str = "number > (SELECT summed_up_to FROM registry)";

/// The sessions that they are of.
pub(super) const SESSIONS: &str =
    "(SELECT session FROM urls NOT INDEXED WHERE number > (SELECT summed_up_to FROM registry))";

/// What orders tallies of one session: slot, bucket, uid, operation.
pub(super) type Order = (i64, i64, u32, String);

/// URLs, and their last end.
pub(super) type Sum = (i64, i64);

/// Tallies of them by session: of those that end after `from`, the end of a slot.
pub(super) fn tallies(connection: &Connection, from: i64) -> Result<BTreeMap<i64, BTreeMap<Order, Sum>>, Error> {
    let mut statement = connection.prepare(
        "SELECT u.session, (u.usable_until - 1) / 900, u.bucket, c.uid, u.operation, count(*), max(u.usable_until) \
         FROM urls u NOT INDEXED CROSS JOIN callers c ON c.number = u.caller \
         WHERE u.number > (SELECT summed_up_to FROM registry) AND u.usable_until > ?1 GROUP BY 1, 2, 3, 4, 5",
    )?;
    let mut rows = statement.query(params![from])?;
    let mut tallies: BTreeMap<i64, BTreeMap<Order, Sum>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let order = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        tallies.entry(row.get(0)?).or_default().insert(order, (row.get(5)?, row.get(6)?));
    }
    Ok(tallies)
}
