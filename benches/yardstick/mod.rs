//! What benchmarks share: how figures are told, records by the million, and how fast the disk is today.

#![allow(dead_code, unreachable_pub, reason = "each benchmark takes the part it needs")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to tell")]

pub mod disk;
pub mod figures;
pub mod records;
