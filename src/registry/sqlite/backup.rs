//! A copy of a registry that a daemon may be writing to.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::file;
use crate::registry::{OpenError, StoreError, beside};

/// Copies the registry at `from` to a new file `to`, as it was at one moment; a daemon that goes on from the copy gives no id
/// again that the registry gives out after that. The copy appears under its name when it
/// is whole and on disk; nothing is ever written over, and nothing is left of a copy that fails or is told to `stop`.
///
/// # Errors
/// When `from` is not a registry, `to` exists, the copy cannot be written, or it was told to stop.
pub fn backup(from: &Path, to: &Path, stop: &AtomicBool) -> Result<(), OpenError> {
    let (source, _) = file::open_to_copy(from)?;
    copy_out(&source, to, stop)
}

/// The same, of a registry that is open.
pub(super) fn copy_out(source: &Connection, to: &Path, stop: &AtomicBool) -> Result<(), OpenError> {
    if to.try_exists().map_err(file::io("read", to))? {
        return Err(OpenError::Exists { path: to.to_owned() });
    }
    let directory = to.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Under a name of its own, so that what a kill leaves behind is in nobody's way.
    let part = tempfile::Builder::new().prefix(".presignd-").suffix(".part").tempfile_in(directory);
    let part = part.map_err(file::io("write", to))?.into_temp_path();
    let copied = copy(source, &part, stop);
    for beside_it in ["-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(beside(&part, beside_it));
    }
    copied?;
    part.persist_noclobber(to).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => OpenError::Exists { path: to.to_owned() },
        _ => file::io("write", to)(failed.error),
    })?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(file::io("write", directory))
}

fn copy(source: &Connection, part: &Path, stop: &AtomicBool) -> Result<(), OpenError> {
    let damaged =
        |error: rusqlite::Error| OpenError::Damaged { path: part.to_owned(), source: StoreError::from(error) };
    let mut target = Connection::open(part).map_err(damaged)?;
    // One view for all steps: otherwise each commit of a daemon would make the copy begin anew.
    let view = source.unchecked_transaction().map_err(damaged)?;
    view.query_row("SELECT count(*) FROM registry", [], |_| Ok(())).map_err(damaged)?;
    let backup = Backup::new(&view, &mut target).map_err(damaged)?;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(OpenError::Stopped);
        }
        match backup.step(PAGES).map_err(damaged)? {
            StepResult::Done => break,
            StepResult::More => {}
            _ => return Err(file::io("read", part)(io::Error::other("the registry is locked; try again"))),
        }
    }
    drop(backup);
    skip_ids(&target).map_err(damaged)?;
    target.close().map_err(|(_, error)| damaged(error))?;
    File::open(part).and_then(|file| file.sync_all()).map_err(file::io("write", part))
}

/// What the registry gives out after this moment is in somebody's hands and not in the copy. A daemon that goes on from the copy
/// would give the same ids to other records, events and sessions: it leaves out so many.
fn skip_ids(copy: &Connection) -> rusqlite::Result<()> {
    let last = "SELECT coalesce(max(number), 0) FROM urls";
    let urls = format!("UPDATE registry SET last_forgotten = max(last_forgotten, ({last})) + ?1");
    copy.execute(&urls, [SKIPPED_URLS])?;
    let counts = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'";
    if copy.prepare(counts)?.exists([])? {
        copy.execute("UPDATE sqlite_sequence SET seq = seq + ?1", [SKIPPED_ROWS])?;
    }
    Ok(())
}

/// More than a daemon signs between a copy and its use: a hundred thousand a second for four months.
const SKIPPED_URLS: i64 = 1_000_000_000_000;
/// The same of events and sessions.
const SKIPPED_ROWS: i64 = 1_000_000;
/// Copied between two looks at whether to go on: a megabyte.
const PAGES: i32 = 256;
