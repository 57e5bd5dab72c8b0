//! Questions to the registry, each on a read-only connection.

use std::cmp::Reverse;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::ahead::AHEAD;
use super::candidates::{self, Wanted};
use super::filter;
use super::rows::{DICTIONARIES, RECORD, Reader};
use super::search::Search;
use crate::issued::{Filter, Fingerprint, Record};
use crate::registry::{Error, MAX_PAGE, REQUEST_LIFE, Remembered};
use crate::session::InstanceId;
use crate::time::Timestamp;

/// A page of what matches, newest first, of numbers below `before`.
pub(super) fn list(
    connection: &Connection,
    search: &Search,
    instance: InstanceId,
    filter: &Filter,
    page_size: usize,
    before: Option<u64>,
) -> Result<Vec<Record>, Error> {
    // One view of the file for all of it.
    let connection = &*connection.unchecked_transaction()?;
    let Some(sessions) = filter::sessions(filter, instance) else { return Ok(Vec::new()) };
    // What the sums do not hold yet comes after all that they hold.
    let sql = format!(
        "SELECT json_group_array(number), count(*), coalesce(min(first_url), (SELECT summed_up_to + 1 FROM registry)), \
         coalesce((SELECT max(number) FROM urls WHERE {AHEAD}), max(last_url), 0) FROM sessions WHERE {}",
        sessions.sql
    );
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let (numbers, count, first, last): (String, i64, i64, i64) =
        connection.query_row(&sql, params_from_iter(sessions.values), row)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let last = before.map_or(last, |before| last.min(i64::try_from(before).unwrap_or(i64::MAX) - 1));
    let by_index = filter::is_narrowed(filter) && few(connection, filter, &numbers)?;
    let conditions = filter::whole(filter, &numbers);
    if !by_index
        && let Some(mut places) = candidates::of(connection, search, filter, &conditions, Wanted::Page(page_size))?
    {
        let range = first.cast_unsigned()..=last.max(0).cast_unsigned();
        places.retain(|place| range.contains(&place.number));
        places.sort_unstable_by_key(|place| Reverse(place.number));
        return Ok(candidates::page(connection, instance, &conditions, &places, page_size)?.items);
    }
    let mut values = vec![Value::Integer(first), Value::Integer(last)];
    let sql = filter::page(&conditions, by_index);
    values.extend(conditions.values);
    values.push(Value::Integer(i64::try_from(page_size).unwrap_or(i64::MAX)));
    Reader::new(connection, instance).records(&sql, params_from_iter(values))
}

/// Whether the index leaves so few rows that all of them may be gathered for one page.
fn few(connection: &Connection, filter: &Filter, sessions: &str) -> Result<bool, Error> {
    let conditions = filter::by_index(filter, sessions);
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM urls u INDEXED BY urls_by_session WHERE {} LIMIT ?)",
        conditions.sql
    );
    let mut values = conditions.values;
    values.push(Value::Integer(GATHERED + 1));
    let rows: i64 = connection.query_row(&sql, params_from_iter(values), |row| row.get(0))?;
    Ok(rows <= GATHERED)
}

/// What was signed with that key in that second.
pub(super) fn find(
    connection: &Connection,
    instance: InstanceId,
    access_key_id: &str,
    signed_at: Timestamp,
    fingerprint: Option<Fingerprint>,
) -> Result<Vec<Record>, Error> {
    let sql = format!(
        "SELECT {RECORD} FROM urls u INDEXED BY urls_by_session {DICTIONARIES} \
         WHERE u.session IN (SELECT number FROM sessions WHERE access_key_id = ?1) AND u.signed_at = ?2 \
         AND (?3 IS NULL OR u.fingerprint = ?3) ORDER BY u.number DESC LIMIT ?4"
    );
    let values =
        params![access_key_id, signed_at.unix(), fingerprint.map(|fingerprint| fingerprint.0), MAX_PAGE as i64];
    Reader::new(connection, instance).records(&sql, values)
}

/// The newest outstanding successor of each of these, of those that have one.
pub(super) fn successors(
    connection: &Connection,
    instance: InstanceId,
    formers: &[String],
    now: Timestamp,
) -> Result<Vec<Record>, Error> {
    let connection = &*connection.unchecked_transaction()?;
    let dictionaries = DICTIONARIES.replace("JOIN", "CROSS JOIN");
    let sql = format!(
        "SELECT {RECORD} FROM (SELECT (SELECT number FROM urls INDEXED BY urls_by_former \
           WHERE replaces = value AND usable_until > ?2 ORDER BY number DESC LIMIT 1) AS newest FROM json_each(?1)) \
         CROSS JOIN urls u ON u.number = newest {dictionaries}"
    );
    let formers = serde_json::to_string(formers).expect("strings are always JSON");
    let mut records = Reader::new(connection, instance).records(&sql, params![formers, now.unix()])?;
    records.retain(|record| record.usable_until() > now);
    Ok(records)
}

/// The record behind a request id.
pub(super) fn remembered(
    connection: &Connection,
    instance: InstanceId,
    uid: u32,
    request_id: &str,
    now: Timestamp,
) -> Result<Option<Remembered>, Error> {
    let connection = &*connection.unchecked_transaction()?;
    let sql = "SELECT asked_sha256, url FROM requests WHERE uid = ?1 AND request_id = ?2 AND at > ?3";
    let values = params![uid, request_id, (now - REQUEST_LIFE).unix()];
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let found: Option<([u8; 32], i64)> = connection.query_row(sql, values, row).optional()?;
    let Some((asked_sha256, url)) = found else { return Ok(None) };
    let record = Reader::new(connection, instance).one(url)?;
    Ok(record.map(|record| Remembered { record, asked_sha256 }))
}

/// Rows that one page may gather and sort rather than walk.
const GATHERED: i64 = 20_000;
