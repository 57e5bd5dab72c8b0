//! Crash and disk: the real daemon is killed, its disk fills and fails, its files are torn, damaged and taken away. What its
//! callers saw is then held against what the registry has.
//!
//! Never asserts how fast anything is. `PRESIGND_CRASH_KILLS` makes the first of these tests long; what was drawn by lot is
//! printed as a seed, and drawn again with `PRESIGND_CRASH_SEED`. That a process is killed proves nothing about power loss:
//! `tests/durable.rs` sees the sync come before the reply.

#[path = "support/daemon.rs"]
mod process;
mod support;

#[path = "crash/callers.rs"]
mod callers;
#[path = "crash/clock.rs"]
mod clock;
#[path = "crash/damage.rs"]
mod damage;
#[path = "crash/disk.rs"]
mod disk;
#[path = "crash/kills.rs"]
mod kills;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/lot.rs"]
mod lot;
#[path = "crash/torn.rs"]
mod torn;
