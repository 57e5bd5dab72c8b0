//! A run: a stretch of the registry's records, read in number order and written to the search file in the order of its
//! tables.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::facet;
use super::places::Writer;
use crate::registry::Error;

/// A run in memory.
#[derive(Default)]
pub(super) struct Run {
    first: i64,
    pub(super) last: i64,
    pub(super) urls: usize,
    signed: Option<(i64, i64)>,
    /// The last hard end, and whose it is.
    ends_to: (i64, i64),
    /// Bucket, key, number, hard end.
    keys: Vec<(i64, Vec<u8>, i64, i64)>,
    lists: BTreeMap<Vec<u8>, Writer>,
    witnesses: BTreeMap<i64, [u8; 16]>,
    /// The record that was read last, and the one that ends last.
    newest: Option<(i64, [u8; 16])>,
    longest: Option<(i64, [u8; 16])>,
}

impl Run {
    /// Of what comes after that number.
    pub(super) fn after(last: i64) -> Self {
        Self { last, ..Self::default() }
    }

    /// Reads on, at most `rows` records numbered up to `to`; tells how many there were.
    pub(super) fn read(&mut self, registry: &Connection, after: i64, to: i64, rows: usize) -> Result<usize, Error> {
        let sql = "SELECT u.number, u.bucket, u.key, u.usable_until, u.signed_at, u.on_behalf_of, u.labels, \
                   c.uid, u.operation, u.fingerprint FROM urls u CROSS JOIN callers c ON c.number = u.caller \
                   WHERE u.number > ?1 AND u.number <= ?2 ORDER BY u.number LIMIT ?3";
        let mut statement = registry.prepare(sql)?;
        let mut found = statement.query(params![after, to, rows as i64])?;
        let mut read = 0;
        while let Some(row) = found.next()? {
            self.add(row)?;
            read += 1;
        }
        Ok(read)
    }

    fn add(&mut self, row: &rusqlite::Row<'_>) -> Result<(), Error> {
        let bytes = |column: usize| {
            Ok::<_, Error>(row.get_ref(column)?.as_bytes_or_null().unwrap_or_default().unwrap_or_default())
        };
        let (number, bucket, end, signed_at): (i64, i64, i64, i64) =
            (row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?);
        let fingerprint: [u8; 16] = row.get(9)?;
        if self.urls == 0 {
            self.first = number;
        }
        self.keys.push((bucket, bytes(2)?.to_vec(), number, end));
        let labels = row.get_ref(6)?.as_str().unwrap_or_default();
        // A column that cannot be read matches no label, so it is in no list.
        let mut facets = facet::labels(labels).unwrap_or_default();
        facets.extend(facet::on_behalf_of(bytes(5)?));
        facets.push(facet::uid(row.get(7)?));
        facets.push(facet::operation(bytes(8)?));
        facets.sort_unstable();
        facets.dedup();
        for facet in facets {
            self.lists.entry(facet).or_default().add(number, end);
        }
        let (from, to) = self.signed.unwrap_or((signed_at, signed_at));
        self.signed = Some((from.min(signed_at), to.max(signed_at)));
        if self.urls == 0 || end > self.ends_to.0 {
            self.ends_to = (end, number);
            self.longest = Some((number, fingerprint));
        }
        if self.urls.is_multiple_of(WITNESS_EVERY) {
            self.witnesses.insert(number, fingerprint);
        }
        self.newest = Some((number, fingerprint));
        self.last = number;
        self.urls += 1;
        Ok(())
    }

    /// Puts it into the search file: all of it, or nothing.
    pub(super) fn write(mut self, search: &mut Connection) -> rusqlite::Result<()> {
        let Some((signed_from, signed_to)) = self.signed else { return Ok(()) };
        self.keys.sort_unstable();
        self.witnesses.extend(self.newest);
        self.witnesses.extend(self.longest);
        let transaction = search.transaction()?;
        let sql =
            "INSERT INTO runs (first, last, urls, signed_from, signed_to, ends_to) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![self.first, self.last, self.urls as i64, signed_from, signed_to, self.ends_to.0];
        transaction.execute(sql, values)?;
        let run = transaction.last_insert_rowid();
        {
            let mut key = transaction.prepare("INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for (bucket, text, number, end) in &self.keys {
                key.execute(params![run, bucket, text, number, end])?;
            }
            let mut list = transaction.prepare("INSERT INTO lists VALUES (?1, ?2, ?3, ?4)")?;
            for (facet, places) in &self.lists {
                list.execute(params![run, facet, places.urls, places.bytes])?;
            }
            let mut witness = transaction.prepare("INSERT OR REPLACE INTO witnesses VALUES (?1, ?2)")?;
            for (number, fingerprint) in &self.witnesses {
                witness.execute(params![number, fingerprint])?;
            }
        }
        transaction.execute("UPDATE search SET last = ?1", [self.last])?;
        transaction.commit()
    }
}

/// Takes out runs of which the registry has no record left; at most one in a call.
pub(super) fn forget_one(search: &mut Connection, registry: &Connection) -> Result<bool, Error> {
    let runs: Vec<(i64, i64, i64)> = {
        let mut statement = search.prepare("SELECT number, first, last FROM runs ORDER BY number")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let mut there = registry.prepare("SELECT 1 FROM urls WHERE number BETWEEN ?1 AND ?2 LIMIT 1")?;
    for (run, first, last) in runs {
        if !there.exists([first, last])? {
            let transaction = search.transaction()?;
            transaction.execute("DELETE FROM keys WHERE run = ?1", [run])?;
            transaction.execute("DELETE FROM lists WHERE run = ?1", [run])?;
            transaction.execute("DELETE FROM witnesses WHERE number BETWEEN ?1 AND ?2", [first, last])?;
            transaction.execute("DELETE FROM runs WHERE number = ?1", [run])?;
            transaction.commit()?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Among so many records one is a witness.
const WITNESS_EVERY: usize = 2048;
