//! A copy of a registry that a daemon may be writing to.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::file;
use crate::registry::{OpenError, StoreError, beside};

/// Copies the registry at `from` to a new file `to`, as it was at one moment. The copy appears under its name when it
/// is whole and on disk; nothing is ever written over.
///
/// # Errors
/// When `from` is not a registry, `to` exists, or the copy cannot be written.
pub fn backup(from: &Path, to: &Path) -> Result<(), OpenError> {
    let source = file::open_to_read(from)?;
    if to.try_exists().map_err(file::io("read", to))? {
        return Err(OpenError::Exists { path: to.to_owned() });
    }
    let part = beside(to, ".part");
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(&part).map_err(file::io("write", &part))?;
    let copied = copy(&source, &part).and_then(|()| {
        // A link, not a rename: it fails where somebody was faster.
        std::fs::hard_link(&part, to).map_err(file::io("write", to))
    });
    for leftover in [part.clone(), beside(&part, "-wal"), beside(&part, "-shm"), beside(&part, "-journal")] {
        let _ = std::fs::remove_file(leftover);
    }
    copied?;
    let directory = to.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(file::io("write", directory))
}

fn copy(source: &Connection, part: &Path) -> Result<(), OpenError> {
    let damaged =
        |error: rusqlite::Error| OpenError::Damaged { path: part.to_owned(), source: StoreError::from(error) };
    let mut target = Connection::open(part).map_err(damaged)?;
    let mut whole = || {
        let backup = Backup::new(source, &mut target)?;
        // In one step, which sees one moment: by small steps, a daemon that writes would make it begin anew for ever.
        let step = backup.step(-1)?;
        Ok(step == StepResult::Done)
    };
    if !whole().map_err(damaged)? {
        return Err(file::io("read", part)(std::io::Error::other("the registry is locked; try again")));
    }
    target.close().map_err(|(_, error)| damaged(error))?;
    File::open(part).and_then(|file| file.sync_all()).map_err(file::io("write", part))
}
