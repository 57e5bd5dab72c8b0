//! The last of a registry whose file was taken away: as long as the daemon has it open, it can be read. When the daemon
//! ends it would be gone for good, so it is copied to a new file beside the place where it was. Never writes over a file.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rusqlite::Connection;
use tracing::error;

use super::backup;
use crate::registry::{OpenError, beside};

/// Copies all that the connection can read, and says where to.
pub(super) fn rescue(connection: &Connection, path: &Path) {
    for number in 1..=MOST {
        let to = beside(path, &format!(".rescued-{number}"));
        match backup::copy_out(connection, &to, &AtomicBool::new(false)) {
            Err(OpenError::Exists { .. }) if number < MOST => {}
            Ok(()) => {
                let (copy, place) = (to.display(), path.display());
                return error!(%copy, %place, "the registry's file was gone; what it held was copied, to be put in its place");
            }
            Err(problem) => {
                let problem = &problem as &dyn std::error::Error;
                return error!(error = problem, "the registry's file is gone, and what it held could not be copied");
            }
        }
    }
}

/// The latest copy that lies beside the place, where there is one.
pub fn rescued(path: &Path) -> Option<PathBuf> {
    (1..=MOST).rev().map(|number| beside(path, &format!(".rescued-{number}"))).find(|copy| copy.exists())
}

/// Copies beside each other.
const MOST: u32 = 16;
