//! Where records may lie that a filter means, by the search file: no more of them than a question may look at.

use rusqlite::{Connection, OptionalExtension, params};

use super::facet::Asked;
use super::{View, places};
use crate::issued::Filter;
use crate::registry::tally::ScanPlace;
use crate::registry::{Error, StoreError};
use crate::time::Timestamp;

/// What is looked for, and how much of it at most.
pub(in super::super) struct Question<'q> {
    asked: Asked,
    filter: &'q Filter,
    /// Hard ends after this.
    after: i64,
}

impl<'q> Question<'q> {
    /// `None`: a filter for which the search file knows nothing.
    pub(in super::super) fn of(filter: &'q Filter) -> Option<Self> {
        let after = filter.usable_after.map_or(i64::MIN, Timestamp::unix);
        Some(Self { asked: Asked::of(filter)?, filter, after })
    }

    /// All places up to the view's last number, in no order; `None` where there are more than `most`. Told how many records
    /// the file has, `most` says what is worth while.
    pub(in super::super) fn places(
        &self,
        view: &View<'_>,
        registry: &Connection,
        most: impl FnOnce(i64) -> i64,
    ) -> Result<Option<Vec<ScanPlace>>, Error> {
        let search = view.connection();
        let rows: i64 = search.query_row("SELECT coalesce(sum(urls), 0) FROM runs", [], |row| row.get(0))?;
        let most = most(rows);
        let mut best: Option<(i64, &[Vec<u8>])> = None;
        for facets in &self.asked.lists {
            let mut urls = 0;
            for facet in facets {
                urls += self.total(search, facet)?;
            }
            if best.is_none_or(|(least, _)| urls < least) {
                best = Some((urls, facets));
            }
        }
        let least = best.map_or(i64::MAX, |(least, _)| least);
        if self.asked.keys
            && let Some(places) = self.by_key(search, registry, most.min(least))?
        {
            return Ok(Some(places));
        }
        match best {
            Some((urls, facets)) if urls <= most => Ok(Some(self.by_lists(search, facets)?)),
            _ => Ok(None),
        }
    }

    fn total(&self, search: &Connection, facet: &[u8]) -> Result<i64, Error> {
        let sql = format!("SELECT coalesce(sum(l.urls), 0) FROM runs r {LISTS} WHERE {RUNS}");
        let mut statement = search.prepare(&sql)?;
        let [from, before] = self.signed();
        Ok(statement.query_row(params![facet, self.after, from, before], |row| row.get(0))?)
    }

    fn by_lists(&self, search: &Connection, facets: &[Vec<u8>]) -> Result<Vec<ScanPlace>, Error> {
        let sql = format!("SELECT l.places FROM runs r {LISTS} WHERE {RUNS}");
        let mut statement = search.prepare(&sql)?;
        let [from, before] = self.signed();
        let mut found = Vec::new();
        for facet in facets {
            let mut rows = statement.query(params![facet, self.after, from, before])?;
            while let Some(row) = rows.next()? {
                let bytes = row.get_ref(0)?.as_blob().map_err(|_| unreadable())?;
                places::read(bytes, |place| self.keep(&mut found, place)).ok_or_else(unreadable)?;
            }
        }
        Ok(found)
    }

    fn by_key(&self, search: &Connection, registry: &Connection, most: i64) -> Result<Option<Vec<ScanPlace>>, Error> {
        let Some(buckets) = self.buckets(registry)? else { return Ok(None) };
        // Keys are UTF-8: no byte of them is the last one that there is.
        let begins = self.filter.key_prefix.as_deref().unwrap_or_default().as_bytes();
        let mut ends = begins.to_vec();
        match ends.last_mut() {
            Some(last) => *last += 1,
            None => ends.push(u8::MAX),
        }
        let sql = format!(
            "SELECT k.number, k.usable_until FROM runs r CROSS JOIN keys k ON k.run = r.number AND k.bucket = ?1 \
             AND k.key >= ?5 AND k.key < ?6 WHERE {RUNS} LIMIT ?7"
        );
        let mut statement = search.prepare(&sql)?;
        let [from, before] = self.signed();
        let (mut found, mut walked) = (Vec::new(), 0);
        for bucket in buckets {
            // A limit below zero would be none.
            let limit = (most - walked).max(0).saturating_add(1);
            let mut rows = statement.query(params![bucket, self.after, from, before, begins, ends, limit])?;
            while let Some(row) = rows.next()? {
                walked += 1;
                let (number, end): (i64, i64) = (row.get(0)?, row.get(1)?);
                let usable_until = Timestamp::from_unix(end);
                self.keep(&mut found, ScanPlace { usable_until, number: number.cast_unsigned() });
            }
            if walked > most {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    /// Those in which the keys may lie; `None` where they are too many to look into each.
    fn buckets(&self, registry: &Connection) -> Result<Option<Vec<i64>>, Error> {
        if let Some(name) = &self.filter.bucket {
            let sql = "SELECT number FROM buckets WHERE name = ?1";
            let number = registry.query_row(sql, [name], |row| row.get(0)).optional()?;
            return Ok(Some(number.into_iter().collect()));
        }
        let mut statement = registry.prepare("SELECT number FROM buckets LIMIT ?1")?;
        let numbers = statement.query_map([MOST_BUCKETS as i64 + 1], |row| row.get(0))?;
        let numbers: Vec<i64> = numbers.collect::<rusqlite::Result<_>>()?;
        Ok((numbers.len() <= MOST_BUCKETS).then_some(numbers))
    }

    fn keep(&self, found: &mut Vec<ScanPlace>, place: ScanPlace) {
        if place.usable_until.unix() > self.after {
            found.push(place);
        }
    }

    /// From, and before.
    fn signed(&self) -> [i64; 2] {
        let Filter { signed_from, signed_before, .. } = self.filter;
        [signed_from.map_or(i64::MIN, Timestamp::unix), signed_before.map_or(i64::MAX, Timestamp::unix)]
    }
}

fn unreadable() -> Error {
    Error::Store(StoreError::damage("a list of places is cut short"))
}

const LISTS: &str = "CROSS JOIN lists l ON l.run = r.number AND l.facet = ?1";
/// Runs that can hold what is asked for.
const RUNS: &str = "r.ends_to > ?2 AND r.signed_to >= ?3 AND r.signed_from < ?4";
/// Buckets that are looked into where none is named.
const MOST_BUCKETS: usize = 64;
