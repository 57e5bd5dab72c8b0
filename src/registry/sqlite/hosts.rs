//! Where the URLs of a bucket's name lead. Kept by the writer, a row for each host and day at most, so that nobody has to
//! read a million rows to know that they all lead to one place.

use std::collections::HashMap;

use rusqlite::{Connection, Statement, params};

use crate::registry::{Error, Led};
use crate::time::{Timestamp, Ttl};

/// What the writer knows to be in the table.
#[derive(Default)]
pub(super) struct Hosts(HashMap<i64, Vec<Known>>);

struct Known {
    region: String,
    host: String,
    last_signed: i64,
}

impl Hosts {
    /// Notes that a URL of the bucket leads there, unless that was noted within the day.
    pub(super) fn note(
        &mut self,
        put: &mut Statement<'_>,
        bucket: i64,
        (region, host): (&str, &str),
        signed_at: i64,
    ) -> Result<(), Error> {
        let known = self.0.entry(bucket).or_default();
        let place = known.iter_mut().find(|known| known.host == host && known.region == region);
        if place.as_ref().is_some_and(|known| signed_at < known.last_signed + DAY) {
            return Ok(());
        }
        put.execute(params![bucket, region, host, signed_at])?;
        match place {
            Some(known) => known.last_signed = signed_at,
            None => known.push(Known { region: region.to_owned(), host: host.to_owned(), last_signed: signed_at }),
        }
        Ok(())
    }

    /// How many buckets are remembered.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets what may not be on disk, or is too much.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Of a bucket's name, as callers gave it, where URLs lead that may live at that instant.
pub(super) fn of_bucket(connection: &Connection, bucket: &str, now: Timestamp) -> Result<Vec<Led>, Error> {
    let sql = "SELECT h.region, h.host FROM buckets b JOIN hosts h ON h.bucket = b.number \
               WHERE b.name = ?1 AND h.last_signed > ?2 ORDER BY h.host, h.region";
    let mut statement = connection.prepare(sql)?;
    let row = |row: &rusqlite::Row<'_>| Ok(Led { region: row.get(0)?, host: row.get(1)? });
    let rows = statement.query_map(params![bucket, oldest(now)], row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Drops those of which no URL can live.
pub(super) fn forget(connection: &Connection, now: Timestamp) -> Result<(), Error> {
    Ok(connection.execute("DELETE FROM hosts WHERE last_signed <= ?1", [oldest(now)]).map(drop)?)
}

/// The last noted date of a host whose last URL has surely ended.
fn oldest(now: Timestamp) -> i64 {
    (now - Ttl::MAX.duration()).unix() - 2 * DAY
}

/// In seconds. A host is noted anew when it was last noted so long ago.
const DAY: i64 = 86_400;
