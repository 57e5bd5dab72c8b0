//! The file: made whole or not at all, checked before it is touched, brought to the present schema.
//!
//! A file that is not a registry is never written to, and a missing one is made under another name first, so that no
//! half-made or emptied file ever passes for a new registry.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::registry::{OpenError, StoreError, beside};
use crate::session::InstanceId;
use crate::time::Timestamp;

/// The schema, step by step; `user_version` counts them. Never edited once released, only added to.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_impact.sql"),
    include_str!("0003_successors.sql"),
    include_str!("0004_hosts.sql"),
    include_str!("0005_alive.sql"),
    include_str!("0006_since.sql"),
    include_str!("0007_sums.sql"),
];

/// The newest schema version that this program knows.
pub(super) const SCHEMA: u32 = MIGRATIONS.len() as u32;

/// `psgn`, in SQLite's header.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"psgn");

/// How long a connection waits for another's lock. Only people at the `sqlite3` shell and checkpoints hold one.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Takes the lock beside the file; it is held as long as the answer lives.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(directory).map_err(io("make the directory", directory))?;
    }
    let lock_path = beside(path, ".lock");
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&lock_path);
    let file = file.map_err(io("write", &lock_path))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(errno) => Err(io("lock", &lock_path)(errno.into())),
    }
}

/// Refuses to begin anew where a registry was: it would know nothing of the URLs that are outstanding.
pub(super) fn not_lost(path: &Path, lock: &File) -> Result<(), OpenError> {
    if path.try_exists().map_err(io("read", path))? || beside(path, "-wal").try_exists().map_err(io("read", path))? {
        return Ok(());
    }
    let mut name = [0; NAME];
    let lock_path = beside(path, ".lock");
    let length = lock.read_at(&mut name, 0).map_err(io("read", &lock_path))?;
    match std::str::from_utf8(&name[..length]).ok().and_then(InstanceId::parse) {
        Some(instance) => Err(OpenError::Lost { path: path.to_owned(), instance, lock: lock_path }),
        None => Ok(()),
    }
}

/// Writes into the lock's file which registry lies beside it, for [`not_lost`]. A disk that takes no more keeps no
/// daemon from reading what it has.
pub(super) fn remember(lock: &File, instance: InstanceId) {
    let written = lock.write_all_at(instance.as_str().as_bytes(), 0).and_then(|()| lock.set_len(NAME as u64));
    if let Err(error) = written {
        tracing::warn!(%error, "the name of the registry could not be written beside it");
    }
}

/// The writer's connection to the registry at `path`, which is made when missing and migrated when old. The caller
/// holds the lock, and says when it is `enough` of looking for damage.
pub(super) fn open_to_write(
    path: &Path,
    durable: bool,
    now: Timestamp,
    enough: &Arc<AtomicBool>,
) -> Result<Connection, OpenError> {
    if !path.try_exists().map_err(io("read", path))? {
        create(path, now)?;
    }
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let version = check(&connection, path)?;
    look_over(&mut connection, path, enough)?;
    let damaged = damaged(path);
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(&damaged)?;
    if mode != "wal" {
        let problem = std::io::Error::other("its file system cannot hold a write-ahead log");
        return Err(io("write", path)(problem));
    }
    let synchronous = if durable { "FULL" } else { "OFF" };
    // Checkpoints are for another thread: one in the middle of a commit would stall every caller.
    let settings =
        format!("PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -32768;");
    connection.execute_batch(&settings).map_err(&damaged)?;
    if version < SCHEMA {
        migrate(&mut connection, version).map_err(&damaged)?;
    }
    Ok(connection)
}

/// A connection that cannot write, to a registry of the present schema.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, OpenError> {
    let (connection, found) = open_to_copy(path)?;
    if found < SCHEMA {
        return Err(OpenError::Older { path: path.to_owned(), found, known: SCHEMA });
    }
    Ok(connection)
}

/// A connection to the main file alone, as if nobody wrote to it: it takes no lock and makes no file, and what stands in a
/// write-ahead log it does not see. For the head, which is there since the registry was made.
pub(super) fn open_to_glance(path: &Path) -> Result<(Connection, u32), OpenError> {
    if !path.try_exists().map_err(io("read", path))? {
        return Err(missing(path));
    }
    let absolute = std::path::absolute(path).map_err(io("read", path))?;
    let name = percent_encode(absolute.as_os_str().as_bytes(), NON_ALPHANUMERIC);
    let mode = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = connect_as(Path::new(&format!("file:{name}?immutable=1")), path, mode)?;
    let found = check(&connection, path)?;
    Ok((connection, found))
}

/// What opening to write says of a file that is not there, and [`OpenError::Missing`] where it would make one. Takes no lock.
fn missing(path: &Path) -> OpenError {
    let lock_path = beside(path, ".lock");
    let asked = || -> Result<(), OpenError> {
        if beside(path, "-wal").try_exists().map_err(io("read", path))? {
            return Err(OpenError::LogWithoutFile { path: path.to_owned() });
        }
        match File::open(&lock_path) {
            Ok(lock) => not_lost(path, &lock),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io("read", &lock_path)(error)),
        }
    };
    asked().err().unwrap_or_else(|| OpenError::Missing { path: path.to_owned() })
}

/// A connection that cannot write, and the version of the schema, which may be an older one.
pub(super) fn open_to_copy(path: &Path) -> Result<(Connection, u32), OpenError> {
    if !path.try_exists().map_err(io("read", path))? {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found = check(&connection, path)?;
    Ok((connection, found))
}

/// A connection for checkpoints.
pub(super) fn open_to_checkpoint(path: &Path, durable: bool) -> Result<Connection, OpenError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let synchronous = if durable { "FULL" } else { "OFF" };
    connection.execute_batch(&format!("PRAGMA synchronous = {synchronous};")).map_err(damaged(path))?;
    Ok(connection)
}

/// The name that the registry was given when it was made.
pub(super) fn instance(connection: &Connection, path: &Path) -> Result<InstanceId, OpenError> {
    let name: String =
        connection.query_row("SELECT instance FROM registry", [], |row| row.get(0)).map_err(damaged(path))?;
    InstanceId::parse(&name).ok_or_else(|| OpenError::Foreign { path: path.to_owned() })
}

/// When the registry was made.
pub(super) fn created_at(connection: &Connection, path: &Path) -> Result<Timestamp, OpenError> {
    let at = connection.query_row("SELECT created_at FROM registry", [], |row| row.get(0));
    at.map(Timestamp::from_unix).map_err(damaged(path))
}

/// When the last step of retention was.
pub(super) fn kept_at(connection: &Connection, path: &Path) -> Result<Timestamp, OpenError> {
    let at = connection.query_row("SELECT kept_at FROM registry", [], |row| row.get(0));
    at.map(Timestamp::from_unix).map_err(damaged(path))
}

fn create(path: &Path, now: Timestamp) -> Result<(), OpenError> {
    if beside(path, "-wal").try_exists().map_err(io("read", path))? {
        return Err(OpenError::LogWithoutFile { path: path.to_owned() });
    }
    let new = beside(path, ".new");
    for leftover in [new.clone(), beside(&new, "-journal"), beside(&new, "-wal"), beside(&new, "-shm")] {
        match std::fs::remove_file(&leftover) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io("remove", &leftover)(error)),
            _ => {}
        }
    }
    // SQLite gives the files beside it the same mode.
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new).map_err(io("write", &new))?;
    let mut connection = connect(&new, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let fill = |connection: &mut Connection| {
        migrate(connection, 0)?;
        let instance = InstanceId::from_random(fastrand::u64(..));
        let values = (instance.as_str(), now.unix());
        connection.execute("INSERT INTO registry (instance, created_at, kept_at) VALUES (?1, ?2, ?2)", values)?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
    };
    fill(&mut connection).map_err(damaged(&new))?;
    connection.close().map_err(|(_, error)| damaged(&new)(error))?;
    File::open(&new).and_then(|file| file.sync_all()).map_err(io("write", &new))?;
    std::fs::rename(&new, path).map_err(io("write", path))?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(io("write", directory))
}

/// Looks for pages and rows that are not what SQLite wrote, until it is `enough`: damage is told at start, and
/// not first by the call that meets it. `presignd registry verify` looks at all of it. Says whether this did, too.
pub(super) fn look_over(connection: &mut Connection, path: &Path, enough: &Arc<AtomicBool>) -> Result<bool, OpenError> {
    let damaged = damaged(path);
    let enough = Arc::clone(enough);
    connection.progress_handler(LOOK_EVERY, Some(move || enough.load(Ordering::Relaxed))).map_err(&damaged)?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>).map_err(&damaged)?;
    match found {
        Ok(found) if found == "ok" => Ok(true),
        Ok(found) => {
            Err(OpenError::Damaged { path: path.to_owned(), source: StoreError::damage(&found.replace('\n', " ")) })
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(false),
        Err(error) => Err(damaged(error)),
    }
}

/// All steps from `version` on, in one transaction.
fn migrate(connection: &mut Connection, version: u32) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for step in &MIGRATIONS[version as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA)?;
    transaction.commit()
}

/// The schema version of a registry.
fn check(connection: &Connection, path: &Path) -> Result<u32, OpenError> {
    let damaged = damaged(path);
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(&damaged)?;
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&damaged)?;
    if found > SCHEMA {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: SCHEMA });
    }
    Ok(found)
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, OpenError> {
    connect_as(path, path, mode)
}

/// `name` is the path as SQLite is told it.
fn connect_as(name: &Path, path: &Path, mode: OpenFlags) -> Result<Connection, OpenError> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(name, flags).map_err(|error| cannot_open(path, error))?;
    connection.busy_timeout(BUSY).map_err(damaged(path))?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;").map_err(damaged(path))?;
    Ok(connection)
}

fn cannot_open(path: &Path, error: rusqlite::Error) -> OpenError {
    // SQLite says no more than "unable to open"; the system says why. Asked without opening the file: closing it again
    // would drop every lock that SQLite holds on it in this process.
    let access = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    match rustix::fs::access(path, access) {
        Err(errno) => io("open", path)(errno.into()),
        Ok(()) if path.is_dir() => io("open", path)(ErrorKind::IsADirectory.into()),
        Ok(()) => damaged(path)(error),
    }
}

/// Sorts what SQLite says while a file is opened.
pub(super) fn damaged(path: &Path) -> impl Fn(rusqlite::Error) -> OpenError {
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { path: path.to_owned() },
        _ => OpenError::Damaged { path: path.to_owned(), source: error.into() },
    }
}

pub(super) fn io(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> OpenError {
    move |source| {
        let whose = (source.kind() == ErrorKind::PermissionDenied).then(|| whose(path)).flatten();
        let source = whose.map_or(source, |whose| std::io::Error::new(ErrorKind::PermissionDenied, whose));
        OpenError::Io { doing, path: path.to_owned(), source }
    }
}

/// Who may and who asks, where the system says no more than that it is not permitted.
fn whose(path: &Path) -> Option<String> {
    let (at, found) = path.ancestors().find_map(|at| Some((at, std::fs::metadata(at).ok()?)))?;
    let (owner, mode, own) = (found.uid(), found.mode() & 0o7777, rustix::process::geteuid().as_raw());
    let at = at.display();
    Some(format!("permission denied: {at} belongs to uid {owner} with mode {mode:04o}, and this is uid {own}"))
}

/// Bytes of a registry's name.
const NAME: usize = 8;
/// Steps of SQLite's machine between two looks at whether it is enough.
const LOOK_EVERY: i32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_is_told_whose_it_is_and_where_nothing_is_whose_the_directory_is() {
        let place = tempfile::tempdir().unwrap();
        let refused = |path: &Path| io("open", path)(ErrorKind::PermissionDenied.into());
        let own = rustix::process::geteuid().as_raw();
        for path in [place.path().to_owned(), place.path().join("none/registry.db")] {
            let OpenError::Io { source, .. } = refused(&path) else { panic!("it is of the system") };
            let begins = format!("permission denied: {} belongs to uid {own} with mode ", place.path().display());
            assert!(source.to_string().starts_with(&begins), "{source}");
        }
        let OpenError::Io { source, .. } = io("open", place.path())(ErrorKind::NotFound.into()) else { panic!() };
        assert_eq!(source.to_string(), "entity not found");
    }
}
