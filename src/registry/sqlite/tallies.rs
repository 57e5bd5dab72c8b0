//! Tallies of whole slots, page by page in the order of their table; what the table does not hold yet is added to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::ahead::{self, Order, Sum};
use super::filter;
use super::rows::Reader;
use crate::issued::Filter;
use crate::registry::tally::{Page, TALLY_PAGE, Tally, TallyFilter, TallyPlace, first_slot, slot_end};
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
    let filter = Filter { usable_after: Some(now), ..filter.into() };
    let Some(sessions) = sessions(connection, &filter, instance, after.as_ref())? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let [bucket, operations] = bound(connection, &filter)?;
    let mut ahead = ahead(connection, &filter, &bucket, now)?;
    let mut page = Filling { read: Read::new(connection, instance), items: Vec::new(), last: None };
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
        let start = match after.take() {
            Some(place) if place.session == session => (place.slot, place.bucket, place.uid, place.operation),
            _ => start,
        };
        let mut own = ahead.remove(&session).unwrap_or_default();
        own.retain(|order, _| *order > start);
        let (slot, of, uid, operation) = start;
        let mut rows = statement.query(params![session, slot, of, uid, operation, bucket, filter.uid, operations])?;
        while let Some(row) = rows.next()? {
            let order: Order = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let (mut urls, mut last_end): Sum = (row.get(4)?, row.get(5)?);
            while let Some(first) = own.first_entry().filter(|first| *first.key() < order) {
                let (order, sum) = first.remove_entry();
                page.add(session, order, sum)?;
            }
            if let Some((more, end)) = own.remove(&order) {
                (urls, last_end) = (urls + more, last_end.max(end));
            }
            page.add(session, order, (urls, last_end))?;
            if page.is_full() {
                return Ok(page.end());
            }
        }
        for (order, sum) in own {
            page.add(session, order, sum)?;
        }
        if page.is_full() {
            return Ok(page.end());
        }
    }
    Ok(Page { next: None, ..page.end() })
}

/// A page that is being filled.
struct Filling<'c> {
    read: Read<'c>,
    items: Vec<Tally>,
    /// Of the last item.
    last: Option<TallyPlace>,
}

impl Filling<'_> {
    /// Adds the next in order, where there is room.
    fn add(&mut self, session: i64, (slot, bucket, uid, operation): Order, (urls, last_end): Sum) -> Result<(), Error> {
        if self.is_full() {
            return Ok(());
        }
        let key = Key { session, slot, bucket, uid, operation: &operation };
        self.items.push(self.read.tally(key, urls, last_end)?);
        self.last = self.is_full().then_some(TallyPlace { session, slot, bucket, uid, operation });
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.items.len() == TALLY_PAGE
    }

    fn end(self) -> Page<Tally, TallyPlace> {
        Page { items: self.items, next: self.last }
    }
}

/// What matches of the records that the tallies on disk do not hold yet.
fn ahead(
    connection: &Connection,
    filter: &Filter,
    bucket: &Value,
    now: Timestamp,
) -> Result<BTreeMap<i64, BTreeMap<Order, Sum>>, Error> {
    let mut ahead = ahead::tallies(connection, slot_end(now).unix())?;
    let is_meant = |(_, of, uid, operation): &Order| {
        (*bucket == Value::Null || *bucket == Value::Integer(*of))
            && filter.uid.is_none_or(|wanted| wanted == *uid)
            && (filter.operations.is_empty() || filter.operations.iter().any(|wanted| wanted.as_str() == operation))
    };
    ahead.values_mut().for_each(|own| own.retain(|order, _| is_meant(order)));
    Ok(ahead)
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
