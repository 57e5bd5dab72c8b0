//! Tallies made from rows, by the index of hard ends alone: of a slot that is under way, or where tallies do not tell.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Row, params_from_iter};

use super::candidates::{self, Wanted};
use super::scan;
use super::search::Search;
use super::tallies::{Key, Read};
use crate::issued::Filter;
use crate::registry::Error;
use crate::registry::tally::{Page, SCAN_ROWS, ScanPlace, Tally, slot_of};
use crate::session::InstanceId;
use crate::time::Timestamp;

/// What matches and ends not after `to`, from at most [`SCAN_ROWS`] rows after the place.
pub(super) fn page(
    connection: &Connection,
    search: &Search,
    instance: InstanceId,
    filter: &Filter,
    to: Timestamp,
    after: Option<ScanPlace>,
) -> Result<Page<Tally, ScanPlace>, Error> {
    // One view of the file for all of it.
    let connection = &*connection.unchecked_transaction()?;
    // Summed up here: SQLite would sort them all by their keys first.
    let mut sums = Sums::default();
    if let Some((conditions, mut places)) = scan::candidates(connection, search, instance, filter, after, Wanted::All)?
    {
        places.truncate(places.partition_point(|place| *place <= ScanPlace::behind(to)));
        candidates::rows(connection, COLUMNS, &conditions, &places, |row| sums.add_row(row))?;
        return Ok(Page { items: sums.tallies(connection, instance)?, next: None });
    }
    let Some((conditions, next)) = scan::stretch(connection, instance, filter, Some(to), after, SCAN_ROWS)? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let sql = format!("SELECT {COLUMNS} FROM urls u INDEXED BY urls_by_end WHERE {}", conditions.sql);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values))?;
    while let Some(row) = rows.next()? {
        sums.add_row(row)?;
    }
    let items = sums.tallies(connection, instance)?;
    Ok(Page { items, next })
}

/// What the index of hard ends holds of a row, in this order.
const COLUMNS: &str = "u.session, u.usable_until, u.bucket, u.caller, u.operation";

/// What rows share, as the index has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kin {
    session: i64,
    slot: i64,
    bucket: i64,
    caller: i64,
    /// Its place in [`Sums::operations`].
    operation: usize,
}

/// Numbers of rows, and the last ends of them.
#[derive(Default)]
struct Sums {
    urls: HashMap<Kin, (i64, i64)>,
    operations: Vec<String>,
}

impl Sums {
    fn operation(&mut self, name: &str) -> usize {
        self.operations.iter().position(|known| known == name).unwrap_or_else(|| {
            self.operations.push(name.to_owned());
            self.operations.len() - 1
        })
    }

    /// A row of [`COLUMNS`].
    fn add_row(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let (session, end, bucket, caller) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let slot = slot_of(Timestamp::from_unix(end));
        let operation = self.operation(row.get_ref(4)?.as_str().unwrap_or_default());
        self.add(Kin { session, slot, bucket, caller, operation }, end);
        Ok(())
    }

    fn add(&mut self, kin: Kin, end: i64) {
        let sum = self.urls.entry(kin).or_insert((0, end));
        *sum = (sum.0 + 1, sum.1.max(end));
    }

    /// In the order of their keys. Callers that share a uid come together.
    fn tallies(&self, connection: &Connection, instance: InstanceId) -> Result<Vec<Tally>, Error> {
        let mut uids: HashMap<i64, u32> = HashMap::new();
        let mut by_uid: BTreeMap<Key<'_>, (i64, i64)> = BTreeMap::new();
        for (kin, (urls, end)) in &self.urls {
            let uid = match uids.get(&kin.caller) {
                Some(uid) => *uid,
                None => {
                    let sql = "SELECT uid FROM callers WHERE number = ?1";
                    let uid = connection.query_row(sql, [kin.caller], |row| row.get(0))?;
                    uids.insert(kin.caller, uid);
                    uid
                }
            };
            let operation = self.operations[kin.operation].as_str();
            let key = Key { session: kin.session, slot: kin.slot, bucket: kin.bucket, uid, operation };
            let sum = by_uid.entry(key).or_insert((0, *end));
            *sum = (sum.0 + urls, sum.1.max(*end));
        }
        let mut read = Read::new(connection, instance);
        by_uid.into_iter().map(|(key, (urls, end))| read.tally(key, urls, end)).collect()
    }
}
