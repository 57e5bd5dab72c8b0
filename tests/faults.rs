//! AWS as it is on a bad day: the real daemon, a caller who asks for one URL after the other, and an STS, an instance or a
//! container that breaks in every way there is while they do. Every URL and every refusal is held against what was known.
//!
//! Never asserts how fast anything is. What takes an hour of a session's life is tested in virtual time, in
//! `src/identity/tests.rs` and `tests/simulation.rs`.

#[path = "faults/caller.rs"]
mod caller;
#[path = "faults/case.rs"]
mod case;
#[expect(dead_code, reason = "of what other tests need")]
#[path = "sources/host.rs"]
mod host;
#[path = "faults/lies.rs"]
mod lies;
#[path = "sources/metadata.rs"]
mod metadata;
#[path = "faults/names.rs"]
mod names;
#[path = "support/daemon.rs"]
mod process;
#[path = "faults/relay.rs"]
mod relay;
mod support;
#[path = "faults/table.rs"]
mod table;
