//! The least that writing such rows with SQLite can cost: one connection, one prepared statement, values at hand, a
//! transaction for each group, checkpoints where SQLite makes them. Nobody is answered, nothing is counted, and no
//! session is kept up to date.

use std::path::Path;

use presignd::clock::Clock;
use rusqlite::{Connection, params};

use crate::GROUP;
use crate::yardstick::records::open;

/// A file with the registry's schema.
pub(crate) struct Bare {
    connection: Connection,
    number: i64,
}

impl Bare {
    pub(crate) async fn new(path: &Path, clock: &Clock) -> Self {
        open(path, clock, true).await.close().await;
        let connection = Connection::open(path).unwrap();
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;";
        connection.execute_batch(settings).unwrap();
        Self { connection, number: 0 }
    }

    /// Rows per second.
    pub(crate) fn groups(&mut self, clock: &Clock, groups: usize) -> f64 {
        let mut insert = self.connection.prepare(INSERT).unwrap();
        let (now, began) = (clock.now().unix(), clock.monotonic());
        for _ in 0..groups {
            self.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            for _ in 0..GROUP {
                self.number += 1;
                let number = self.number;
                let key = format!("folder/{}/object-{number}.jpg", number % 100);
                let (bucket, caller) = (number % 20, number % 10);
                let operation = if number % 3 < 2 { "GetObject" } else { "PutObject" };
                let method = if number % 3 < 2 { "GET" } else { "PUT" };
                let tenant = format!("tenant-{}", number % 1000);
                let fingerprint = (u128::from(number.unsigned_abs()) * 0x9e37_79b9_7f4a_7c15).to_be_bytes();
                let host = "bucket.s3.eu-central-1.amazonaws.com";
                let values = params![
                    number,
                    1,
                    now,
                    3600,
                    now + 3600,
                    "request",
                    operation,
                    method,
                    bucket,
                    key,
                    "[]",
                    "[]",
                    "auto",
                    "eu-central-1",
                    host,
                    false,
                    fingerprint,
                    caller,
                    tenant,
                    "[]",
                ];
                insert.execute(values).unwrap();
            }
            self.connection.execute_batch("COMMIT").unwrap();
        }
        (groups * GROUP) as f64 / (clock.monotonic() - began).as_secs_f64()
    }
}

const INSERT: &str = "INSERT INTO urls (number, session, signed_at, expires_in, usable_until, limited_by, operation, \
     method, bucket, key, query, headers, addressing, region, host, tagged, fingerprint, caller, on_behalf_of, labels) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";
