//! Forgets what has ended: one small step, within a group, so that signers never wait long for it.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::params;

use super::append::forget_requests;
use super::hosts;
use super::state::State;
use crate::registry::tally::slot_of;
use crate::registry::{Error, FORGET_ROWS, Forgotten};
use crate::time::Timestamp;

/// Records whose hard end lies before `before`, oldest end first; when few are left, also sessions without URLs and
/// life; slots that have passed, and events past their time. Always writes a little, so that it shows whether writing
/// works.
pub(super) fn forget(state: &mut State<'_>, before: Timestamp, now: Timestamp) -> Result<Forgotten, Error> {
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
        hosts::forget(state.connection, now)?;
    }
    let slots_behind = forget_tallies(state, now)?;
    let events_behind = forget_events(state, now)?;
    Ok(Forgotten { urls: rows, is_behind: rows >= FORGET_ROWS as u64 || slots_behind || events_behind })
}

/// Slots that passed a while ago: nobody asks for them again, unless the clock is set back. Tells whether there may be
/// more.
fn forget_tallies(state: &mut State<'_>, now: Timestamp) -> Result<bool, Error> {
    // From session to session by the table's own order, which is by session and then by slot.
    let deleted = state.connection.execute(
        "WITH RECURSIVE s (session) AS (SELECT min(session) FROM tallies UNION ALL \
           SELECT (SELECT min(session) FROM tallies WHERE session > s.session) FROM s WHERE s.session IS NOT NULL) \
         DELETE FROM tallies WHERE (session, slot, bucket, uid, operation) IN \
         (SELECT t.session, t.slot, t.bucket, t.uid, t.operation FROM s CROSS JOIN tallies t \
           ON t.session = s.session AND t.slot < ?1 LIMIT ?2)",
        params![slot_of(now - SET_BACK), FORGET_TALLIES],
    )?;
    Ok(deleted as i64 >= FORGET_TALLIES)
}

/// Tells whether there may be more.
fn forget_events(state: &mut State<'_>, now: Timestamp) -> Result<bool, Error> {
    let mut statement = state.connection.prepare(
        "DELETE FROM events WHERE number IN (SELECT number FROM events WHERE kept_until <= ?1 \
         ORDER BY kept_until LIMIT ?2) RETURNING number",
    )?;
    let numbers = statement.query_map(params![now.unix(), FORGET_ROWS as i64], |row| row.get(0))?;
    let numbers: Vec<i64> = numbers.collect::<rusqlite::Result<_>>()?;
    if let Some(last) = numbers.iter().max() {
        let sql = "UPDATE registry SET last_event_forgotten = max(last_event_forgotten, ?1)";
        state.connection.execute(sql, [last])?;
    }
    Ok(numbers.len() >= FORGET_ROWS)
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
        let orphans = "DELETE FROM observed WHERE session NOT IN (SELECT number FROM sessions)";
        state.connection.execute(orphans, [])?;
        state.drop_memory();
    }
    Ok(())
}

/// Request ids dropped in one step.
const FORGET_REQUESTS: i64 = 1000;
/// Tallies dropped in one step.
const FORGET_TALLIES: i64 = 500;
/// How far the clock may be set back before what is outstanding is counted short.
const SET_BACK: Duration = Duration::from_secs(3600);
