//! The search file itself: made, looked at before it is believed, and taken away. Never holds what is not in the
//! registry, and is never the reason why a question or a record fails.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::Search;
use crate::registry::{Error, beside};
use crate::session::InstanceId;

/// Tells one file from another: device and number.
pub(super) type Inode = (u64, u64);

/// Which file lies there.
pub(super) fn inode(path: &Path) -> Option<Inode> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// A new one, for a registry of which it has nothing yet.
pub(super) fn make(path: &Path, instance: InstanceId, durable: bool) -> Result<Connection, Error> {
    remove(path).map_err(failed)?;
    // SQLite gives the files beside it the same mode.
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(failed)?;
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    to_write(&connection, durable)?;
    connection.execute_batch(&format!("BEGIN; {SCHEMA_SQL} PRAGMA user_version = {SCHEMA};"))?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.execute("INSERT INTO search VALUES (?1, 0)", [instance.as_str()])?;
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}

/// The one that is there, to go on with, and up to which number; `None` where it was not made of this registry as it is,
/// whose last record is `newest` or later.
pub(super) fn believed(
    search: &Search,
    registry: &Connection,
    newest: i64,
    durable: bool,
) -> Result<Option<(Connection, i64)>, Error> {
    let connection = connect(&search.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if !is_ours(&connection)? {
        return Ok(None);
    }
    // A backup that was put in the registry's place has fewer records, or others under the same numbers.
    let last = last(&connection, search.instance)?.filter(|last| *last <= newest);
    let Some(last) = last.filter(|last| *last > 0) else { return Ok(None) };
    if !agrees(&connection, registry)? {
        return Ok(None);
    }
    to_write(&connection, durable)?;
    Ok(Some((connection, last)))
}

/// A connection for questions.
pub(super) fn to_read(path: &Path) -> rusqlite::Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Up to which number it has the records of that registry; `None` where it is another's.
pub(super) fn last(connection: &Connection, instance: InstanceId) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare("SELECT last FROM search WHERE instance = ?1")?;
    statement.query_row([instance.as_str()], |row| row.get(0)).optional()
}

/// Takes the file away, with what lies beside it.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    for gone in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm"), beside(path, "-journal")] {
        match std::fs::remove_file(&gone) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes it last over a loss of power that the file is gone.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all())
}

/// Whether the disk has room to spare: what the registry needs is not for searches.
pub(super) fn has_room(path: &Path) -> bool {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    rustix::fs::statvfs(directory).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= LEFT_FREE)
}

fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let schema: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(application == APPLICATION_ID && schema == SCHEMA)
}

/// Whether the registry holds what this was made of. Records that were forgotten say nothing.
fn agrees(search: &Connection, registry: &Connection) -> rusqlite::Result<bool> {
    let mut there = registry.prepare("SELECT fingerprint FROM urls WHERE number = ?1")?;
    let mut witnesses = search.prepare("SELECT number, fingerprint FROM witnesses")?;
    let mut rows = witnesses.query([])?;
    while let Some(row) = rows.next()? {
        let (number, fingerprint): (i64, [u8; 16]) = (row.get(0)?, row.get(1)?);
        let found: Option<[u8; 16]> = there.query_row([number], |row| row.get(0)).optional()?;
        if found.is_some_and(|found| found != fingerprint) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(super::super::file::BUSY)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}

/// Whole after a loss of power, though not the newest: what is missing is made again.
fn to_write(connection: &Connection, durable: bool) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    let synchronous = if durable { "NORMAL" } else { "OFF" };
    connection.execute_batch(&format!("PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -8192;"))
}

pub(super) fn failed(error: io::Error) -> Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error)).into()
}

const SCHEMA_SQL: &str = include_str!("schema.sql");
/// Counts the forms that the file has had. One of another form is made anew.
const SCHEMA: u32 = 1;
/// `psgs`, in SQLite's header.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"psgs");
/// Bytes that are left to the registry: 256 MiB.
const LEFT_FREE: u64 = 256 << 20;
