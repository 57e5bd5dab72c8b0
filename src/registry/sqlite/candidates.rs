//! Where records that a filter means may lie: what the search file has, and of the records that it does not have yet
//! those that match. Each is looked at again, by its number and with the whole filter, before it is an answer.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::filter::Conditions;
use super::rows::{DICTIONARIES, RECORD, Reader};
use super::search::Search;
use super::search::find::Question;
use crate::issued::{Filter, Record};
use crate::registry::Error;
use crate::registry::tally::{Page, ScanPlace};
use crate::session::InstanceId;
use crate::time::Timestamp;

/// What an answer is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// So many records, of which the next page looks anew.
    Page(usize),
    /// All, counted at once.
    All,
}

impl Wanted {
    /// Places beyond which it is as quick to scan so many rows.
    fn most(self, rows: i64) -> i64 {
        match self {
            Self::Page(limit) => (4 * limit as i64).saturating_mul(rows).isqrt().min(MOST),
            Self::All => (rows / 4).min(MOST_COUNTED),
        }
    }
}

/// The places in their order, in the registry's view that has begun; `None` where scanning is the way.
pub(super) fn of(
    connection: &Connection,
    search: &Search,
    filter: &Filter,
    conditions: &Conditions,
    wanted: Wanted,
) -> Result<Option<Vec<ScanPlace>>, Error> {
    let Some(question) = Question::of(filter) else { return Ok(None) };
    // The view of the registry begins with this, before that of the search file.
    let newest = "SELECT coalesce(max(number), 0) FROM urls";
    let newest: i64 = connection.query_row(newest, [], |row| row.get(0))?;
    let Some(view) = search.view() else { return Ok(None) };
    if newest - view.last > MOST_BEHIND {
        return Ok(None);
    }
    let found = question.places(&view, connection, |rows| wanted.most(rows + newest - view.last));
    let mut places = match found {
        Ok(Some(places)) => places,
        Ok(None) => return Ok(None),
        Err(error) => {
            search.doubt(&error);
            return Ok(None);
        }
    };
    let last = view.last;
    drop(view);
    let sql = format!(
        "SELECT u.usable_until, u.number FROM urls u NOT INDEXED WHERE u.number > ? AND {} LIMIT ?",
        conditions.sql
    );
    let mut values = vec![Value::Integer(last)];
    values.extend(conditions.values.iter().cloned());
    values.push(Value::Integer(MOST + 1));
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut newer = 0;
    while let Some(row) = rows.next()? {
        let usable_until = Timestamp::from_unix(row.get(0)?);
        places.push(ScanPlace { usable_until, number: row.get::<_, i64>(1)?.cast_unsigned() });
        newer += 1;
    }
    if newer > MOST {
        return Ok(None);
    }
    places.sort_unstable();
    places.dedup();
    search.answered();
    Ok(Some(places))
}

/// Records in the order of these places, as many as are wanted.
pub(super) fn page(
    connection: &Connection,
    instance: InstanceId,
    conditions: &Conditions,
    mut places: &[ScanPlace],
    limit: usize,
) -> Result<Page<Record, ScanPlace>, Error> {
    let mut reader = Reader::new(connection, instance);
    let mut items: Vec<Record> = Vec::new();
    let mut rows = limit;
    while !places.is_empty() && items.len() < limit {
        let (now, later) = places.split_at(rows.min(places.len()));
        let wanted = limit - items.len();
        let mut found = records(&mut reader, conditions, now)?;
        let order: HashMap<u64, usize> = now.iter().enumerate().map(|(at, place)| (place.number, at)).collect();
        found.sort_unstable_by_key(|record| order.get(&record.url.id.number));
        items.extend(found.into_iter().take(wanted));
        places = later;
        rows = (rows * 2).min(AT_ONCE);
    }
    let next = items.last().filter(|_| items.len() == limit).map(|last| ScanPlace::after(&last.url));
    Ok(Page { items, next })
}

fn records(reader: &mut Reader<'_>, conditions: &Conditions, places: &[ScanPlace]) -> Result<Vec<Record>, Error> {
    // Not to be reordered: rows are looked up by their numbers, and the dictionaries for rows that match.
    let dictionaries = DICTIONARIES.replace("JOIN", "CROSS JOIN");
    let sql = format!("SELECT {RECORD} {FROM} {dictionaries} WHERE {}", conditions.sql);
    reader.records(&sql, params_from_iter(values(conditions, places)))
}

/// Hands over some columns of every row that matches.
pub(super) fn rows(
    connection: &Connection,
    columns: &str,
    conditions: &Conditions,
    places: &[ScanPlace],
    mut each: impl FnMut(&rusqlite::Row<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut statement = connection.prepare(&format!("SELECT {columns} {FROM} WHERE {}", conditions.sql))?;
    for places in places.chunks(AT_ONCE) {
        let mut rows = statement.query(params_from_iter(values(conditions, places)))?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
    }
    Ok(())
}

fn values(conditions: &Conditions, places: &[ScanPlace]) -> Vec<Value> {
    let numbers: Vec<u64> = places.iter().map(|place| place.number).collect();
    let numbers = serde_json::to_string(&numbers).expect("numbers are always JSON");
    let mut values = vec![Value::Text(numbers)];
    values.extend(conditions.values.iter().cloned());
    values
}

const FROM: &str = "FROM json_each(?) j CROSS JOIN urls u ON u.number = j.value";
/// Places of which one page is taken.
const MOST: i64 = 50_000;
/// Places that one count looks at.
const MOST_COUNTED: i64 = 200_000;
/// Records that the search file may lack before it is as quick to scan all.
const MOST_BEHIND: i64 = 1_000_000;
/// Rows that one statement looks up.
const AT_ONCE: usize = 4096;
