//! Rows in the order of their hard ends: page by page, each from a bounded stretch of the index, so that no page takes
//! long and none holds the file for the next.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::candidates::{self, Wanted};
use super::filter::{self, Conditions};
use super::rows::{DICTIONARIES, RECORD, Reader};
use super::search::Search;
use crate::issued::{Filter, Record};
use crate::registry::Error;
use crate::registry::tally::{Page, SCAN_ROWS, ScanPlace};
use crate::session::InstanceId;
use crate::time::Timestamp;

/// Records that match, in order.
pub(super) fn records(
    connection: &Connection,
    search: &Search,
    instance: InstanceId,
    filter: &Filter,
    after: Option<ScanPlace>,
    limit: usize,
) -> Result<Page<Record, ScanPlace>, Error> {
    // One view of the file for all of it.
    let connection = &*connection.unchecked_transaction()?;
    if let Some((conditions, places)) = candidates(connection, search, instance, filter, after, Wanted::Page(limit))? {
        return candidates::page(connection, instance, &conditions, &places, limit);
    }
    let mut page = Page { items: Vec::new(), next: after };
    // Where all match, no more is looked at than is wanted; where few do, stretches grow.
    let (mut rows, mut seen) = (limit, 0);
    loop {
        let wanted = limit - page.items.len();
        let Page { items, next } = some_records(connection, instance, filter, page.next, wanted, rows)?;
        page.items.extend(items);
        page.next = next;
        seen += rows;
        rows *= 2;
        if page.items.len() == limit || page.next.is_none() || seen >= SCAN_ROWS {
            return Ok(page);
        }
    }
}

/// Those of one stretch.
fn some_records(
    connection: &Connection,
    instance: InstanceId,
    filter: &Filter,
    after: Option<ScanPlace>,
    limit: usize,
    rows: usize,
) -> Result<Page<Record, ScanPlace>, Error> {
    let Some((mut conditions, next)) = stretch(connection, instance, filter, None, after, rows)? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    // Not to be reordered: the dictionaries are looked into for rows that match, never walked.
    let dictionaries = DICTIONARIES.replace("JOIN", "CROSS JOIN");
    let sql = format!(
        "SELECT {RECORD} FROM urls u INDEXED BY urls_by_end {dictionaries} WHERE {} \
         ORDER BY u.usable_until, u.number LIMIT ?",
        conditions.sql
    );
    conditions.values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let items = Reader::new(connection, instance).records(&sql, params_from_iter(conditions.values))?;
    let next = match items.last() {
        Some(last) if items.len() == limit => Some(ScanPlace::after(&last.url)),
        _ => next,
    };
    Ok(Page { items, next })
}

/// How many match, in a page of one number.
pub(super) fn count(
    connection: &Connection,
    search: &Search,
    instance: InstanceId,
    filter: &Filter,
    after: Option<ScanPlace>,
) -> Result<Page<u64, ScanPlace>, Error> {
    let connection = &*connection.unchecked_transaction()?;
    if let Some((conditions, places)) = candidates(connection, search, instance, filter, after, Wanted::All)? {
        let mut urls = 0;
        candidates::rows(connection, "1", &conditions, &places, |_| {
            urls += 1;
            Ok(())
        })?;
        return Ok(Page { items: vec![urls], next: None });
    }
    let Some((conditions, next)) = stretch(connection, instance, filter, None, after, SCAN_ROWS)? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let sql = format!("SELECT count(*) FROM urls u INDEXED BY urls_by_end WHERE {}", conditions.sql);
    let urls: i64 = connection.query_row(&sql, params_from_iter(conditions.values), |row| row.get(0))?;
    Ok(Page { items: vec![urls.cast_unsigned()], next })
}

/// Where the search file is the shorter way: the filter, and the places after that one where it may be met, in order.
pub(super) fn candidates(
    connection: &Connection,
    search: &Search,
    instance: InstanceId,
    filter: &Filter,
    after: Option<ScanPlace>,
    wanted: Wanted,
) -> Result<Option<(Conditions, Vec<ScanPlace>)>, Error> {
    let Some(mut conditions) = conditions(connection, instance, filter)? else { return Ok(None) };
    if let Some(after) = filter.usable_after {
        conditions.and("u.usable_until > ?", [Value::Integer(after.unix())]);
    }
    let Some(mut places) = candidates::of(connection, search, filter, &conditions, wanted)? else { return Ok(None) };
    if let Some(after) = after {
        places.drain(..places.partition_point(|place| *place <= after));
    }
    Ok(Some((conditions, places)))
}

/// The filter, but for hard ends; `None` when no session can match.
fn conditions(connection: &Connection, instance: InstanceId, filter: &Filter) -> Result<Option<Conditions>, Error> {
    let Some(sessions) = filter::sessions(filter, instance) else { return Ok(None) };
    let sql = format!("SELECT json_group_array(number), count(*) FROM sessions WHERE {}", sessions.sql);
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (numbers, count): (String, i64) = connection.query_row(&sql, params_from_iter(sessions.values), row)?;
    Ok((count > 0).then(|| filter::by_end(filter, numbers)))
}

/// The filter over at most `rows` rows after the place, and where to go on after them; `None` when no session
/// can match.
pub(super) fn stretch(
    connection: &Connection,
    instance: InstanceId,
    filter: &Filter,
    to: Option<Timestamp>,
    after: Option<ScanPlace>,
    rows: usize,
) -> Result<Option<(Conditions, Option<ScanPlace>)>, Error> {
    let Some(mut conditions) = conditions(connection, instance, filter)? else { return Ok(None) };
    let next = match after.max(filter.usable_after.map(ScanPlace::end_of_second)) {
        Some(place) if !place.is_end_of_second() => Some(within_a_second(connection, &mut conditions, place, rows)?),
        place => after_a_second(connection, &mut conditions, place.map(|place| place.usable_until), to, rows)?,
    };
    Ok(Some((conditions, next)))
}

/// The rest of one second, which may hold any number of rows: all URLs that end with their session.
fn within_a_second(
    connection: &Connection,
    conditions: &mut Conditions,
    place: ScanPlace,
    rows: usize,
) -> Result<ScanPlace, Error> {
    let (end, number) = (place.usable_until.unix(), i64::try_from(place.number).unwrap_or(i64::MAX));
    let sql = "SELECT number FROM urls INDEXED BY urls_by_end WHERE usable_until = ?1 AND number > ?2 \
               ORDER BY number LIMIT 1 OFFSET ?3";
    let last = connection.query_row(sql, params![end, number, rows as i64 - 1], |row| row.get(0)).optional()?;
    let (last, next) = match last {
        Some(last) => (last, ScanPlace { number: i64::cast_unsigned(last), ..place }),
        None => (i64::MAX, ScanPlace::end_of_second(place.usable_until)),
    };
    let range = [end, number, last].map(Value::Integer);
    conditions.and("u.usable_until = ? AND u.number > ? AND u.number <= ?", range);
    Ok(next)
}

/// Whole seconds, but for the last.
fn after_a_second(
    connection: &Connection,
    conditions: &mut Conditions,
    second: Option<Timestamp>,
    to: Option<Timestamp>,
    rows: usize,
) -> Result<Option<ScanPlace>, Error> {
    let (from, to) = (second.map_or(i64::MIN, Timestamp::unix), to.map_or(i64::MAX, Timestamp::unix));
    let sql = "SELECT usable_until, number FROM urls INDEXED BY urls_by_end \
               WHERE usable_until > ?1 AND usable_until <= ?2 ORDER BY usable_until, number LIMIT 1 OFFSET ?3";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let last: Option<(i64, i64)> = connection.query_row(sql, params![from, to, rows as i64 - 1], row).optional()?;
    conditions.and("u.usable_until > ?", [Value::Integer(from)]);
    let Some((end, number)) = last else {
        conditions.and("u.usable_until <= ?", [Value::Integer(to)]);
        return Ok(None);
    };
    conditions.and("(u.usable_until, u.number) <= (?, ?)", [end, number].map(Value::Integer));
    Ok(Some(ScanPlace { usable_until: Timestamp::from_unix(end), number: number.cast_unsigned() }))
}
