//! Tallies of whole slots, page by page in the order of their table.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::filter;
use super::rows::Reader;
use crate::issued::Filter;
use crate::registry::tally::{Page, TALLY_PAGE, Tally, TallyFilter, TallyPlace, first_slot};
use crate::registry::{Error, SLOT_SECONDS};
use crate::s3::operation::Operation;
use crate::session::InstanceId;
use crate::time::Timestamp;

/// Those that match, of slots that begin at or after `now`, after that place.
pub(super) fn page(
    connection: &Connection,
    instance: InstanceId,
    filter: TallyFilter,
    now: Timestamp,
    after: Option<TallyPlace>,
) -> Result<Page<Tally, TallyPlace>, Error> {
    // One view of the file for all of it.
    let connection = &*connection.unchecked_transaction()?;
    let mut items = Vec::new();
    let filter = Filter { usable_after: Some(now), ..filter.into() };
    let Some(sessions) = sessions(connection, &filter, instance, after.as_ref())? else {
        return Ok(Page { items, next: None });
    };
    let [bucket, operations] = bound(connection, &filter)?;
    let mut read = Read::new(connection, instance);
    let mut statement = connection.prepare(
        "SELECT slot, bucket, uid, operation, urls, last_end FROM tallies \
         WHERE session = ?1 AND (slot, bucket, uid, operation) > (?2, ?3, ?4, ?5) AND (?6 IS NULL OR bucket = ?6) \
         AND (?7 IS NULL OR uid = ?7) AND (?8 IS NULL OR operation IN (SELECT value FROM json_each(?8))) \
         ORDER BY slot, bucket, uid, operation",
    )?;
    let mut after = after;
    for session in sessions {
        // No bucket has the number -1: all of the first slot comes after this.
        let start = (first_slot(now), -1, 0, String::new());
        let (slot, of, uid, operation) = match after.take() {
            Some(place) if place.session == session => (place.slot, place.bucket, place.uid, place.operation),
            _ => start,
        };
        let mut rows = statement.query(params![session, slot, of, uid, operation, bucket, filter.uid, operations])?;
        while let Some(row) = rows.next()? {
            let (slot, bucket, uid) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let operation = row.get_ref(3)?.as_str().unwrap_or_default();
            let key = Key { session, slot, bucket, uid, operation };
            items.push(read.tally(key, row.get(4)?, row.get(5)?)?);
            if items.len() == TALLY_PAGE {
                let operation = operation.to_owned();
                return Ok(Page { items, next: Some(TallyPlace { session, slot, bucket, uid, operation }) });
            }
        }
    }
    Ok(Page { items, next: None })
}

/// The numbers of sessions that may match, in order; `None` when there is none.
fn sessions(
    connection: &Connection,
    filter: &Filter,
    instance: InstanceId,
    after: Option<&TallyPlace>,
) -> Result<Option<Vec<i64>>, Error> {
    let Some(conditions) = filter::sessions(filter, instance) else { return Ok(None) };
    let sql = format!("SELECT number FROM sessions WHERE {} AND number >= ? ORDER BY number", conditions.sql);
    let mut values = conditions.values;
    values.push(Value::Integer(after.map_or(0, |place| place.session)));
    let mut statement = connection.prepare(&sql)?;
    let numbers = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    Ok(Some(numbers.collect::<rusqlite::Result<_>>()?))
}

/// The values for a bucket and for operations; NULL for all.
fn bound(connection: &Connection, filter: &Filter) -> Result<[Value; 2], Error> {
    let bucket = match &filter.bucket {
        // 0 is no bucket's number.
        Some(name) => Value::Integer(number_of(connection, name)?.unwrap_or(0)),
        None => Value::Null,
    };
    let operations =
        if filter.operations.is_empty() { Value::Null } else { Value::Text(filter::names(&filter.operations)) };
    Ok([bucket, operations])
}

fn number_of(connection: &Connection, bucket: &str) -> Result<Option<i64>, Error> {
    Ok(connection.query_row("SELECT number FROM buckets WHERE name = ?1", [bucket], |row| row.get(0)).optional()?)
}

/// What URLs of one tally share, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'o> {
    pub(super) session: i64,
    pub(super) slot: i64,
    pub(super) bucket: i64,
    pub(super) uid: u32,
    pub(super) operation: &'o str,
}

/// Reads tallies; sessions and buckets that many of them share are read once.
pub(super) struct Read<'c> {
    reader: Reader<'c>,
    connection: &'c Connection,
    buckets: HashMap<i64, Arc<str>>,
}

impl<'c> Read<'c> {
    pub(super) fn new(connection: &'c Connection, instance: InstanceId) -> Self {
        Self { reader: Reader::new(connection, instance), connection, buckets: HashMap::new() }
    }

    /// The tally of that key.
    pub(super) fn tally(&mut self, key: Key<'_>, urls: i64, last_end: i64) -> Result<Tally, Error> {
        let Key { session, slot, bucket, uid, operation } = key;
        let bad = |problem: &str| Error::BadRow { id: format!("tally of {session}"), problem: problem.to_owned() };
        Ok(Tally {
            session: self.reader.session(session)?.ok_or_else(|| bad("session: is missing"))?,
            bucket: self.bucket(bucket)?.ok_or_else(|| bad("bucket: is missing"))?,
            uid,
            operation: Operation::parse(operation).ok_or_else(|| bad("operation: is unknown"))?,
            slot_from: Timestamp::from_unix(slot * SLOT_SECONDS),
            slot_to: Timestamp::from_unix((slot + 1) * SLOT_SECONDS),
            urls: urls.cast_unsigned(),
            last_end: Timestamp::from_unix(last_end),
        })
    }

    fn bucket(&mut self, number: i64) -> Result<Option<Arc<str>>, Error> {
        if let Some(name) = self.buckets.get(&number) {
            return Ok(Some(name.clone()));
        }
        let sql = "SELECT name FROM buckets WHERE number = ?1";
        let found: Option<String> = self.connection.query_row(sql, [number], |row| row.get(0)).optional()?;
        let Some(name) = found.map(Arc::<str>::from) else { return Ok(None) };
        self.buckets.insert(number, name.clone());
        Ok(Some(name))
    }
}
