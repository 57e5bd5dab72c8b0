//! Forgets what has ended: one small step, within a group, so that signers never wait long for it.

use std::collections::HashMap;

use rusqlite::params;

use super::append::forget_requests;
use super::state::State;
use crate::registry::{Error, FORGET_ROWS};
use crate::time::Timestamp;

/// Records whose hard end lies before `before`, oldest end first; when few are left, also sessions without URLs and
/// life. Tells how many records. Always writes a little, so that it shows whether writing works.
pub(super) fn forget(state: &mut State<'_>, before: Timestamp, now: Timestamp) -> Result<u64, Error> {
    forget_requests(state, now, FORGET_REQUESTS)?;
    let mut rows = 0;
    let mut last = 0;
    let mut sessions: HashMap<i64, i64> = HashMap::new();
    {
        let mut statement = state.connection.prepare(
            "DELETE FROM urls WHERE number IN (SELECT number FROM urls INDEXED BY urls_by_end WHERE usable_until < ?1 \
             ORDER BY usable_until LIMIT ?2) RETURNING number, session",
        )?;
        let mut deleted = statement.query(params![before.unix(), FORGET_ROWS as i64])?;
        while let Some(row) = deleted.next()? {
            last = last.max(row.get::<_, i64>(0)?);
            *sessions.entry(row.get(1)?).or_default() += 1;
            rows += 1;
        }
    }
    for (session, urls) in sessions {
        let sql = "UPDATE sessions SET urls_forgotten = urls_forgotten + ?2 WHERE number = ?1";
        state.connection.execute(sql, params![session, urls])?;
    }
    let sql = "UPDATE registry SET kept_at = ?1, last_forgotten = max(last_forgotten, ?2)";
    state.connection.execute(sql, params![now.unix(), last])?;
    if rows < FORGET_ROWS as u64 {
        forget_sessions(state, before)?;
    }
    Ok(rows)
}

/// A session stays while it has life, URLs, or sessions that it minted.
fn forget_sessions(state: &mut State<'_>, before: Timestamp) -> Result<(), Error> {
    let deleted = state.connection.execute(
        "DELETE FROM sessions WHERE number IN (SELECT number FROM sessions WHERE expires_at < ?1 \
         AND urls_issued = urls_forgotten \
         AND number NOT IN (SELECT parent FROM sessions WHERE parent IS NOT NULL) LIMIT ?2)",
        params![before.unix(), FORGET_ROWS as i64],
    )?;
    if deleted > 0 {
        state.drop_memory();
    }
    Ok(())
}

/// Request ids dropped in one step.
const FORGET_REQUESTS: i64 = 1000;
