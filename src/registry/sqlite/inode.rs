//! Whether the files that are open still lie where they were opened. What is written to a file that was moved, removed or
//! replaced is in no registry that the next start would find.
//!
//! Never opens them: closing a file drops every lock that SQLite holds on it in this process.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::registry::{Error, beside};

/// The registry's file and its log, as they were opened.
pub(super) struct Inodes {
    file: Opened,
    log: Opened,
}

struct Opened {
    path: PathBuf,
    /// Device and number.
    inode: (u64, u64),
}

impl Inodes {
    /// Of a registry that is open, and has been read or written.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: Opened::at(path.to_owned())?, log: Opened::at(beside(path, "-wal"))? })
    }

    /// Of the registry's file.
    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Whether both are in their places; a look at each takes about a microsecond.
    pub(super) fn in_place(&self) -> Result<(), Error> {
        for opened in [&self.file, &self.log] {
            if Opened::at(opened.path.clone()).ok().is_none_or(|found| found.inode != opened.inode) {
                return Err(Error::Gone { path: opened.path.clone() });
            }
        }
        Ok(())
    }
}

impl Opened {
    fn at(path: PathBuf) -> std::io::Result<Self> {
        let found = std::fs::metadata(&path)?;
        Ok(Self { path, inode: (found.dev(), found.ino()) })
    }
}
