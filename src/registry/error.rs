//! How the registry can fail. Messages name paths and ids, never what a record holds.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{MAX_EVENT_BODY, MAX_QUESTIONS, MAX_STANDING, READ_TIME};
use crate::session::{InstanceId, RecordId};

/// Why a call failed. Nothing of it was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// As many calls wait for the writer as may, or as may of one user; the caller should come back later.
    #[error("the registry's queue is full")]
    Full,
    /// The user has as many questions under way as one user may.
    #[error("{MAX_QUESTIONS} questions of one user to the registry are under way, which are the most")]
    TooManyQuestions,
    /// The answer took longer than any may.
    #[error("the registry did not answer within {READ_TIME:?}")]
    TimedOut,
    /// The registry is closed or closing.
    #[error("the registry is closed")]
    Closed,
    /// The caller's uid has used up its request ids of the last ten minutes.
    #[error("too many request ids in ten minutes; at most 100,000 are remembered for one uid")]
    TooManyRequestIds,
    /// More records in one call than a group may hold.
    #[error("too many records in one call; at most 1,024 are written together")]
    TooLarge,
    /// As many events stand as may.
    #[error(
        "{MAX_STANDING} events stand, which are the most; lift those that were undone, and withdraw those that never happened"
    )]
    TooManyStanding,
    /// A row of what happened is too long.
    #[error("the event takes {bytes} bytes; at most {MAX_EVENT_BODY} are written down")]
    EventTooLarge {
        /// Of its body.
        bytes: usize,
    },
    /// The call names a session, a URL or an event that this registry does not have.
    #[error("{0} is not in this registry")]
    Unknown(RecordId),
    /// A row is not what this program writes.
    #[error("the record {id} cannot be read: {problem}")]
    BadRow {
        /// The URL's or session's id.
        id: String,
        /// Which column, and what is wrong with it.
        problem: String,
    },
    /// The files that are open are not where they were opened.
    #[error(
        "{path} was moved, removed or replaced while presignd had it open, so nothing more is written; put it back where it \
         was: until presignd ends, what it held can still be copied from /proc/PID/fd"
    )]
    Gone {
        /// The registry's file or its log.
        path: PathBuf,
    },
    /// The store failed: the disk is full, say.
    #[error("the registry's store failed")]
    Store(#[source] StoreError),
}

impl Error {
    /// Whether what is on the disk is not what was written: the same call fails again until somebody mends it.
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::BadRow { .. } => true,
            Self::Store(error) => matches!(error.0.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
            _ => false,
        }
    }
}

/// What the store said.
#[derive(Clone)]
pub struct StoreError(Arc<rusqlite::Error>);

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// SQLite's code, where it was SQLite that failed.
    pub(super) fn code(&self) -> Option<rusqlite::ErrorCode> {
        self.0.sqlite_error_code()
    }

    /// Damage that SQLite found, in its words.
    pub(super) fn damage(found: &str) -> Self {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        rusqlite::Error::SqliteFailure(code, Some(found.to_owned())).into()
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Why the registry could not be opened, copied or checked. The file was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or directory could not be made, opened or renamed.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("{path} is in use by another presignd; one registry belongs to one daemon")]
    InUse {
        /// The registry.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no registry at {path}")]
    Missing {
        /// The registry.
        path: PathBuf,
    },
    /// A backup never writes over a file.
    #[error("{path} exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It was told to stop.
    #[error("the work on the registry was given up before it was done")]
    Stopped,
    /// There was a registry, and it is gone.
    #[error(
        "the registry {instance} was at {path} and is not there any more; restore it from a backup, or remove {lock} as well \
         to begin a new one, which knows nothing of the URLs that were issued before"
    )]
    Lost {
        /// Where it was.
        path: PathBuf,
        /// Its name.
        instance: InstanceId,
        /// What remembers it.
        lock: PathBuf,
    },
    /// The file itself is gone but its write-ahead log is there: opening would lose what the log holds.
    #[error("{path} is missing but its write-ahead log is there; restore the file, or move the log away")]
    LogWithoutFile {
        /// The registry.
        path: PathBuf,
    },
    /// A file, but not a registry.
    #[error("{path} is not a presignd registry; it was left as it is")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A registry of a newer version.
    #[error("{path} has schema version {found}, and this presignd knows versions up to {known}; use a newer presignd")]
    Newer {
        /// The registry.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// A registry of an older version, which only a daemon brings up to date.
    #[error(
        "{path} has schema version {found}, and this presignd reads version {known}; back it up, then start presignd with it once"
    )]
    Older {
        /// The registry.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The one that is read.
        known: u32,
    },
    /// SQLite cannot read the file: it is damaged, or its disk is.
    #[error(
        "{path} cannot be used as it is, and was left so: the file may be damaged, or its disk broken or full. A damaged \
         file is mended by a backup"
    )]
    Damaged {
        /// The registry.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: StoreError,
    },
    /// A row is not what this program writes.
    #[error("{path} holds a row that this presignd cannot read")]
    Row {
        /// The registry.
        path: PathBuf,
        /// Which row.
        #[source]
        source: Error,
    },
}
