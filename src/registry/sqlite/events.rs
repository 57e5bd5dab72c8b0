//! Rows of what happened, as they are read.

use rusqlite::{Connection, Row, params};

use crate::registry::event::{EventKind, EventRow};
use crate::registry::{Error, MAX_PAGE, Stands, event_of};
use crate::session::{IdentityName, InstanceId, RecordId};
use crate::time::Timestamp;

/// Whether a row stands at `?1`.
pub(super) const STANDS: &str = "kind = 'event-happened' AND lifted_at IS NULL AND kept_until > ?1";

const EVENT: &str = "number, at, kind, identity, session, uid, body, lifted_at";

/// Rows after that number, in order.
pub(super) fn after(
    connection: &Connection,
    instance: InstanceId,
    after: u64,
    limit: usize,
) -> Result<Vec<EventRow>, Error> {
    let sql = format!("SELECT {EVENT} FROM events WHERE number > ?1 ORDER BY number LIMIT ?2");
    rows(connection, instance, &sql, params![i64::try_from(after).unwrap_or(i64::MAX), bound(limit)])
}

/// What stands at `now`, newest first.
pub(super) fn standing(connection: &Connection, instance: InstanceId, now: Timestamp) -> Result<Vec<EventRow>, Error> {
    let sql = format!("SELECT {EVENT} FROM events WHERE {STANDS} ORDER BY number DESC");
    rows(connection, instance, &sql, params![now.unix()])
}

/// The same for whoever signs, from any instant on. What this version cannot read is left out.
pub(super) fn stands(connection: &Connection, instance: InstanceId) -> Result<Vec<Stands>, Error> {
    let sql = format!("SELECT number, body, kept_until FROM events WHERE {STANDS} ORDER BY number DESC");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([i64::MIN])?;
    let mut stands = Vec::new();
    while let Some(row) = rows.next()? {
        let id = RecordId { instance, number: row.get::<_, i64>(0)?.cast_unsigned() };
        let body = serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default();
        let until = Timestamp::from_unix(row.get(2)?);
        stands.extend(event_of(&body).map(|event| Stands { id, event, until }));
    }
    Ok(stands)
}

/// What happened, lifted or not, newest first.
pub(super) fn happened(connection: &Connection, instance: InstanceId) -> Result<Vec<EventRow>, Error> {
    let sql = format!("SELECT {EVENT} FROM events WHERE kind = 'event-happened' ORDER BY number DESC LIMIT ?1");
    rows(connection, instance, &sql, params![bound(MAX_PAGE)])
}

/// One row.
pub(super) fn one(connection: &Connection, instance: InstanceId, number: u64) -> Result<Option<EventRow>, Error> {
    let sql = format!("SELECT {EVENT} FROM events WHERE number = ?1");
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    Ok(rows(connection, instance, &sql, params![number])?.pop())
}

/// The first number from which on none is forgotten.
pub(super) fn oldest(connection: &Connection) -> Result<u64, Error> {
    let sql = "SELECT last_event_forgotten + 1 FROM registry";
    Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
}

/// Every row, for [`verify`](super::verify): what is wrong with each that cannot be read.
pub(super) fn unreadable(connection: &Connection, instance: InstanceId) -> Result<Vec<Error>, Error> {
    let mut statement = connection.prepare(&format!("SELECT {EVENT} FROM events"))?;
    let mut rows = statement.query([])?;
    let mut problems = Vec::new();
    while let Some(row) = rows.next()? {
        if problems.len() < MAX_PAGE {
            problems.extend(event(row, instance).err());
        }
    }
    Ok(problems)
}

fn rows(
    connection: &Connection,
    instance: InstanceId,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<EventRow>, Error> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(values)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event(row, instance)?);
    }
    Ok(events)
}

fn event(row: &Row<'_>, instance: InstanceId) -> Result<EventRow, Error> {
    let number = row.get::<_, i64>(0)?.cast_unsigned();
    let bad = |problem: &str| Error::BadRow { id: format!("event {number}"), problem: problem.to_owned() };
    let kind = EventKind::parse(&row.get::<_, String>(2)?).ok_or_else(|| bad("kind: is unknown"))?;
    let identity = row.get::<_, Option<String>>(3)?.map(|name| IdentityName::parse(&name)).transpose();
    Ok(EventRow {
        number,
        at: Timestamp::from_unix(row.get(1)?),
        kind,
        identity: identity.map_err(|_| bad("identity: is no name"))?,
        session: row.get::<_, Option<i64>>(4)?.map(|number| RecordId { instance, number: number.cast_unsigned() }),
        uid: row.get(5)?,
        body: serde_json::from_str(&row.get::<_, String>(6)?).map_err(|_| bad("body: is not JSON"))?,
        lifted_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_unix),
    })
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
