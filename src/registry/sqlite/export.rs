//! Every record of a file, for other programs.

use std::io;
use std::path::Path;

use super::file;
use super::rows::{DICTIONARIES, RECORD, Reader};
use crate::issued::Record;
use crate::registry::OpenError;

/// Hands over the records that are there now, oldest first, and tells how many. Reads page by page, so that a daemon's
/// write-ahead log does not grow meanwhile.
///
/// # Errors
/// When the registry cannot be read, a row is not what this program writes, or `each` does not take more.
pub fn export(path: &Path, mut each: impl FnMut(Record) -> io::Result<()>) -> Result<u64, OpenError> {
    let connection = file::open_to_read(path)?;
    let instance = file::instance(&connection, path)?;
    let last = "SELECT coalesce(max(number), 0) FROM urls";
    let last: i64 = connection.query_row(last, [], |row| row.get(0)).map_err(file::damaged(path))?;
    let sql = format!(
        "SELECT {RECORD} FROM urls u {DICTIONARIES} WHERE u.number > ?1 AND u.number <= ?2 ORDER BY u.number LIMIT ?3"
    );
    let bad_row = |source| OpenError::Row { path: path.to_owned(), source };
    let cannot_write = |source| OpenError::Io { doing: "write the export of", path: path.to_owned(), source };
    let (mut after, mut rows) = (0, 0);
    loop {
        let mut reader = Reader::new(&connection, instance);
        let page = reader.records(&sql, (after, last, PAGE)).map_err(bad_row)?;
        let Some(end) = page.last() else { break };
        after = end.url.id.number.cast_signed();
        rows += page.len() as u64;
        page.into_iter().try_for_each(&mut each).map_err(cannot_write)?;
    }
    Ok(rows)
}

/// Records read at a time.
const PAGE: i64 = 1000;
