//! Checks a registry from end to end, while a daemon may be writing to it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::Connection;

use super::rows::{self, DICTIONARIES, RECORD, Reader, SESSION};
use super::{events, file, generations};
use crate::registry::{Error, OpenError, beside};
use crate::session::InstanceId;

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which registry.
    pub instance: InstanceId,
    /// Its schema version.
    pub schema: u32,
    /// Records.
    pub urls: u64,
    /// Sessions.
    pub sessions: u64,
    /// What is wrong, in words that hold no record's content; at most [`MAX_PROBLEMS`]. Empty when all is well.
    pub problems: Vec<String>,
}

/// What a look without a trace tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// Which registry.
    pub instance: InstanceId,
    /// Its schema version.
    pub schema: u32,
    /// How much of it was looked at.
    pub looked: Looked,
}

/// How much of a file was looked at for damage; none was found there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// Every page.
    All,
    /// Not all, until it was enough.
    Part,
    /// Its head alone: what stands in its write-ahead log belongs to it, and only a daemon that starts takes it over.
    Head,
}

/// Asks of a registry what opening asks, until it is `enough`, without leaving a trace. For one that no daemon writes to.
///
/// # Errors
/// Where opening would fail: when the file is lost, foreign, damaged, or of a newer schema. [`OpenError::Missing`] where
/// opening would make one.
pub fn glance(path: &Path, enough: &Arc<AtomicBool>) -> Result<Glance, OpenError> {
    let (mut connection, schema) = file::open_to_glance(path)?;
    let instance = file::instance(&connection, path)?;
    let has_log = || std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    if has_log() {
        return Ok(Glance { instance, schema, looked: Looked::Head });
    }
    let looked = match file::look_over(&mut connection, path, enough) {
        Ok(true) => Looked::All,
        Ok(false) => Looked::Part,
        // A daemon began to write meanwhile: what was read is of two times.
        Err(_) if has_log() => Looked::Head,
        Err(error) => return Err(error),
    };
    Ok(Glance { instance, schema, looked })
}

/// Checks pages and indexes, that every row reads back, that rows and counters agree, and that nothing looks like a
/// signature or token.
///
/// # Errors
/// When the file cannot be read at all.
pub fn verify(path: &Path) -> Result<Report, OpenError> {
    let connection = file::open_to_read(path)?;
    let damaged = file::damaged(path);
    // One view of the file for all checks.
    let view = connection.unchecked_transaction().map_err(&damaged)?;
    let instance = file::instance(&view, path)?;
    let count =
        |sql: &str| view.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned).map_err(&damaged);
    let urls = count("SELECT count(*) FROM urls")?;
    let sessions = count("SELECT count(*) FROM sessions")?;
    let schema = view.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&damaged)?;
    let mut report = Report { instance, schema, urls, sessions, problems: Vec::new() };
    checks(&view, &mut report).map_err(|source| OpenError::Row { path: path.to_owned(), source })?;
    Ok(report)
}

fn checks(connection: &Connection, report: &mut Report) -> Result<(), Error> {
    integrity(connection, report)?;
    for (sql, problem) in CHECKS {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let what: String = row.get(0)?;
            if !report.add(format!("{what}: {problem}")) {
                break;
            }
        }
    }
    readable(connection, report)
}

impl Report {
    /// Whether there is room for more.
    fn add(&mut self, problem: String) -> bool {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
        self.problems.len() < MAX_PROBLEMS
    }
}

fn integrity(connection: &Connection, report: &mut Report) -> Result<(), Error> {
    let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            report.add(format!("file: {said}"));
        }
    }
    Ok(())
}

/// Reads every row as the daemon would.
fn readable(connection: &Connection, report: &mut Report) -> Result<(), Error> {
    let instance = report.instance;
    let mut statement = connection.prepare(&format!("SELECT {SESSION} FROM sessions s"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Err(error) = rows::session(row, instance) {
            report.add(error.to_string());
        }
    }
    for error in events::unreadable(connection, instance)? {
        report.add(error.to_string());
    }
    if let Err(error) = generations::paused(connection) {
        report.add(error.to_string());
    }
    let mut statement = connection.prepare(&format!("SELECT {RECORD} FROM urls u {DICTIONARIES}"))?;
    let mut rows = statement.query([])?;
    let mut reader = Reader::new(connection, instance);
    while let Some(row) = rows.next()? {
        match reader.record(row) {
            Err(error) => _ = report.add(error.to_string()),
            Ok(record) => {
                if record.url.what.headers().is_some_and(crate::s3::request::Headers::has_secret) {
                    report.add(format!("url {}: holds an SSE-C key", record.url.id.number));
                }
            }
        }
    }
    Ok(())
}

/// Each query names rows that should not be.
const CHECKS: &[(&str, &str)] = &[
    ("SELECT 'url ' || number FROM urls WHERE session NOT IN (SELECT number FROM sessions)", "its session is missing"),
    ("SELECT 'url ' || number FROM urls WHERE bucket NOT IN (SELECT number FROM buckets)", "its bucket is missing"),
    ("SELECT 'url ' || number FROM urls WHERE caller NOT IN (SELECT number FROM callers)", "its caller is missing"),
    ("SELECT 'url ' || number FROM urls WHERE usable_until <> signed_at + expires_in", "its end is not its length"),
    ("SELECT 'url ' || number FROM urls WHERE length(fingerprint) <> 16", "its fingerprint is not 16 bytes"),
    (
        "SELECT 'url ' || u.number FROM urls u JOIN sessions s ON s.number = u.session \
         WHERE u.number <= (SELECT summed_up_to FROM registry) AND (u.usable_until > s.last_url_ends_at OR u.number NOT BETWEEN s.first_url AND s.last_url)",
        "its session does not know of it",
    ),
    (
        "SELECT 'session ' || s.number FROM sessions s LEFT JOIN \
         (SELECT session, count(*) AS rows FROM urls \
         WHERE number <= (SELECT summed_up_to FROM registry) GROUP BY session) u ON u.session = s.number \
         WHERE s.urls_issued - s.urls_forgotten <> coalesce(u.rows, 0)",
        "its count of URLs is not the number of its rows",
    ),
    (
        "SELECT 'session ' || s.number FROM sessions s LEFT JOIN identities i ON i.name = s.identity \
         WHERE s.generation > coalesce(i.generations, 0)",
        "its generation may be given again",
    ),
    (
        // Of slots that have passed, the tally or its records may be forgotten.
        "SELECT DISTINCT 'session ' || session FROM \
         (SELECT session, slot, bucket, uid, operation, urls, last_end FROM tallies \
           WHERE slot * 900 >= (SELECT kept_at FROM registry) UNION ALL \
          SELECT u.session, (u.usable_until - 1) / 900, u.bucket, c.uid, u.operation, -count(*), -max(u.usable_until) \
           FROM urls u JOIN callers c ON c.number = u.caller \
           WHERE u.number <= (SELECT summed_up_to FROM registry) \
           AND (u.usable_until - 1) / 900 * 900 >= (SELECT kept_at FROM registry) GROUP BY 1, 2, 3, 4, 5) \
         GROUP BY session, slot, bucket, uid, operation HAVING sum(urls) <> 0 OR sum(last_end) <> 0",
        "its tallies are not the numbers of its rows",
    ),
    (
        "SELECT 'session ' || session FROM observed WHERE session NOT IN (SELECT number FROM sessions)",
        "was seen but is missing",
    ),
    (
        "SELECT 'event ' || max(number) FROM events \
         HAVING max(number) > (SELECT seq FROM sqlite_sequence WHERE name = 'events')",
        "its number may be given again",
    ),
    (
        "SELECT 'event ' || number FROM events WHERE instr(lower(body), 'x-amz-signature=') > 0 \
         OR instr(lower(body), 'x-amz-security-token=') > 0",
        "holds what looks like a signature or session token",
    ),
    (
        "SELECT 'url ' || number FROM urls WHERE \
         instr(lower(query || headers || coalesce(form, '') || on_behalf_of || labels || coalesce(key, '')), \
         'x-amz-signature') > 0",
        "holds what looks like a signature",
    ),
    (
        "SELECT 'url ' || number FROM urls WHERE \
         instr(lower(query || headers || coalesce(form, '') || on_behalf_of || labels || coalesce(key, '')), \
         'x-amz-security-token') > 0",
        "holds what looks like a session token",
    ),
];

/// Problems in one report.
pub const MAX_PROBLEMS: usize = 100;
