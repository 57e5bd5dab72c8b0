//! How much room the file system of a registry has, told to metrics. Never decides anything by it: a write that fails does.

use std::path::Path;

use tracing::debug;

use crate::registry::beside;
use crate::telemetry::Metrics;

/// Looks at `file`, at what lies beside it, and at the file system that holds them; takes some microseconds.
pub(super) fn measure(file: &Path, metrics: &Metrics) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(folder) {
        Ok(found) => {
            let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(found.f_frsize)).unwrap_or(i64::MAX);
            metrics.registry_disk_free_bytes.set(bytes(found.f_bavail));
            metrics.registry_disk_size_bytes.set(bytes(found.f_blocks));
        }
        Err(error) => debug!(%error, "could not see how much room the registry's file system has"),
    }
    let parts = PARTS.iter().filter_map(|part| std::fs::metadata(beside(file, part)).ok());
    metrics.registry_bytes.set(parts.map(|part| part.len()).sum::<u64>().try_into().unwrap_or(i64::MAX));
}

/// What a registry consists of, by what stands behind its name.
const PARTS: &[&str] = &["", "-wal", "-shm", "-search", "-search-wal", "-search-shm"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_some_of_what_there_is_and_a_file_system_that_is_gone_changes_nothing() {
        let (folder, metrics) = (tempfile::tempdir().unwrap(), Metrics::new().unwrap());
        let shown = || (metrics.registry_disk_free_bytes.get(), metrics.registry_disk_size_bytes.get());
        measure(&folder.path().join("registry.db"), &metrics);
        let (free, size) = shown();
        // As df says it, in blocks of 1,024 bytes; others write meanwhile, but make no disk larger.
        let df = std::process::Command::new("df").args(["-k", "--output=size"]).arg(folder.path()).output();
        let df = String::from_utf8(df.unwrap().stdout).unwrap();
        assert_eq!(df.lines().nth(1).unwrap().trim().parse::<i64>().unwrap(), size / 1024);
        assert!((1..=size).contains(&free), "{free} of {size}");
        measure(&folder.path().join("gone/registry.db"), &metrics);
        assert_eq!(shown().1, size);
        for (part, bytes) in
            [("registry.db", 1_000), ("registry.db-wal", 200), ("registry.db-search", 30), ("another.db", 4)]
        {
            std::fs::write(folder.path().join(part), vec![0; bytes]).unwrap();
        }
        measure(&folder.path().join("registry.db"), &metrics);
        assert_eq!(metrics.registry_bytes.get(), 1_230);
        measure(Path::new("registry.db"), &metrics);
        assert!(shown().1 > 0, "a name alone is in the working directory");
    }
}
