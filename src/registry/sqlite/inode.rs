//! Whether the files that are open still lie where they were opened. What is written to a file that was moved, removed or
//! replaced is in no registry that the next start would find.
//!
//! Never opens them: closing a file drops every lock that SQLite holds on it in this process.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, major, minor, statx};
use rustix::io::Errno;

use crate::registry::{Error, beside};

/// The registry's file and its log, as they were opened.
pub(super) struct Inodes {
    file: Opened,
    log: Opened,
}

struct Opened {
    path: PathBuf,
    inode: Inode,
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
            if inode(&opened.path).ok().is_none_or(|found| found != opened.inode) {
                return Err(Error::Gone { path: opened.path.clone() });
            }
        }
        Ok(())
    }
}

/// Device, by its two numbers, and the number there.
type Inode = (u32, u32, u64);

impl Opened {
    fn at(path: PathBuf) -> std::io::Result<Self> {
        let inode = inode(&path)?;
        Ok(Self { path, inode })
    }
}

/// Asks for nothing but these numbers. Where a file's times are asked for, Linux dates its next write to the nanosecond, and the
/// sync of that write has the date to put down as well: a second write to the disk, and a second wait.
fn inode(path: &Path) -> std::io::Result<Inode> {
    match statx(CWD, path, AtFlags::empty(), StatxFlags::INO) {
        Ok(found) => Ok((found.stx_dev_major, found.stx_dev_minor, found.stx_ino)),
        // Old sandboxes do not let it pass.
        Err(Errno::NOSYS) => std::fs::metadata(path).map(|found| (major(found.dev()), minor(found.dev()), found.ino())),
        Err(errno) => Err(errno.into()),
    }
}
