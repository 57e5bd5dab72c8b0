//! Sessions with what hangs below them. What is outstanding comes from tallies and, for the slot that is under way, from
//! the index of hard ends; what tallies do not hold yet comes from its rows. All are read once for all sessions of an answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::ahead::AHEAD;
use super::rows::{self, SESSION, SESSION_COLUMNS};
use crate::registry::generation::{Observed, SessionRow};
use crate::registry::tally::{first_slot, slot_end};
use crate::registry::{Error, MAX_PAGE};
use crate::session::{IdentityName, InstanceId};
use crate::time::Timestamp;

/// Sessions with life before a number, newest first.
pub(super) fn sessions(
    connection: &Connection,
    instance: InstanceId,
    identity: Option<&IdentityName>,
    before: Option<u64>,
    now: Timestamp,
) -> Result<Vec<SessionRow>, Error> {
    // No URL outlives its session.
    let which = "(s.expires_at IS NULL OR s.expires_at > ?1) \
                 AND (?5 IS NULL OR s.identity = ?5) AND s.number < ?6 ORDER BY s.number DESC";
    let identity = identity.map_or(Value::Null, |name| Value::Text(name.as_str().to_owned()));
    rows(connection, instance, now, which, [identity, bound(before)])
}

/// Sessions of one identity before a generation, newest first.
pub(super) fn generations(
    connection: &Connection,
    instance: InstanceId,
    identity: &IdentityName,
    before: Option<u64>,
    now: Timestamp,
) -> Result<Vec<SessionRow>, Error> {
    let which = "s.identity = ?5 AND s.generation < ?6 ORDER BY s.generation DESC";
    let values = [Value::Text(identity.as_str().to_owned()), bound(before)];
    rows(connection, instance, now, which, values)
}

/// Sessions of access keys, which stand in a JSON array, before a number, newest first.
pub(super) fn of_keys(
    connection: &Connection,
    instance: InstanceId,
    keys: String,
    before: Option<u64>,
    now: Timestamp,
) -> Result<Vec<SessionRow>, Error> {
    let which = "s.access_key_id IN (SELECT value FROM json_each(?5)) AND s.number < ?6 ORDER BY s.number DESC";
    rows(connection, instance, now, which, [Value::Text(keys), bound(before)])
}

fn bound(before: Option<u64>) -> Value {
    Value::Integer(before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX))
}

/// Identities that must not sign.
pub(super) fn paused(connection: &Connection) -> Result<Vec<(IdentityName, Timestamp)>, Error> {
    let mut statement = connection.prepare("SELECT identity, since FROM paused ORDER BY identity")?;
    let mut rows = statement.query([])?;
    let mut paused = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, since): (String, i64) = (row.get(0)?, row.get(1)?);
        let bad = |_| Error::BadRow { id: "paused".to_owned(), problem: "identity: is no name".to_owned() };
        paused.push((IdentityName::parse(&name).map_err(bad)?, Timestamp::from_unix(since)));
    }
    Ok(paused)
}

fn rows(
    connection: &Connection,
    instance: InstanceId,
    now: Timestamp,
    which: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<SessionRow>, Error> {
    let sql = format!(
        "WITH under_way AS MATERIALIZED (SELECT session, count(*) AS urls FROM urls INDEXED BY urls_by_end \
           WHERE usable_until > ?1 AND usable_until <= ?2 GROUP BY session), \
         ahead AS MATERIALIZED (SELECT session, sum(usable_until > ?2) AS urls, max(usable_until) AS last_end \
           FROM urls NOT INDEXED WHERE {AHEAD} GROUP BY session) \
         SELECT {SESSION}, s.enrolled_at, {LAST_END}, s.drained_since, s.retired_at, s.retired_by_force, s.replaced, \
           o.state, o.cause, o.at, o.since, o.otherwise_at, o.alive, \
           CASE WHEN {LAST_END} > ?1 THEN \
             coalesce((SELECT urls FROM under_way w WHERE w.session = s.number), 0) + \
             coalesce((SELECT sum(urls) FROM tallies t WHERE t.session = s.number AND t.slot >= ?3), 0) + \
             coalesce(a.urls, 0) \
           ELSE 0 END, s.signs_since \
         FROM sessions s LEFT JOIN observed o ON o.session = s.number LEFT JOIN ahead a ON a.session = s.number WHERE {which} LIMIT ?4"
    );
    let bounds = [now.unix(), slot_end(now).unix(), first_slot(now), MAX_PAGE as i64].map(Value::Integer);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(bounds.into_iter().chain(values)))?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        sessions.push(session(row, instance, now)?);
    }
    Ok(sessions)
}

/// The last hard end of a session, by the sums and by what they do not hold yet.
const LAST_END: &str = "max(coalesce(s.last_url_ends_at, a.last_end), coalesce(a.last_end, s.last_url_ends_at))";

/// `{"key": 1795348800}`.
fn alive_at(sights: &str) -> Result<BTreeMap<String, Timestamp>, Error> {
    let seconds: BTreeMap<String, i64> = serde_json::from_str(sights).map_err(|_| {
        let problem = "alive: is no JSON of what was seen alive when".to_owned();
        Error::BadRow { id: "observed".to_owned(), problem }
    })?;
    Ok(seconds.into_iter().map(|(about, at)| (about, Timestamp::from_unix(at))).collect())
}

fn session(row: &Row<'_>, instance: InstanceId, now: Timestamp) -> Result<SessionRow, Error> {
    let column = |after: usize| SESSION_COLUMNS + after;
    let at = |after: usize| row.get::<_, Option<i64>>(column(after)).map(|at| at.map(Timestamp::from_unix));
    let observed = match row.get::<_, Option<String>>(column(6))? {
        Some(state) => Some(Observed {
            state,
            cause: row.get(column(7))?,
            at: Timestamp::from_unix(row.get(column(8))?),
            since: Timestamp::from_unix(row.get(column(9))?),
            otherwise_at: at(10)?,
            alive_at: alive_at(&row.get::<_, String>(column(11))?)?,
        }),
        None => None,
    };
    let session = rows::session(row, instance)?;
    // What is counted is what was signed; a session that turned out to end sooner took its URLs along.
    let is_over = session.bounds(Timestamp::from_unix(i64::MAX)) <= now;
    let outstanding = if is_over { 0 } else { row.get::<_, i64>(column(12))?.cast_unsigned() };
    let last_url_ends_at = at(1)?.map(|last| session.bounds(last));
    Ok(SessionRow {
        session: Arc::new(session),
        enrolled_at: Timestamp::from_unix(row.get(column(0))?),
        outstanding,
        last_url_ends_at,
        drained_since: at(2)?,
        retired_at: at(3)?,
        retired_by_force: row.get(column(4))?,
        replaced: row.get(column(5))?,
        signs_since: at(13)?,
        observed,
    })
}
