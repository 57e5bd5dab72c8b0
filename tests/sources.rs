//! Each source of credentials through the real daemon: where they lie around, what becomes of them, and when they end.

#[path = "sources/chain.rs"]
mod chain;
#[path = "sources/chaining.rs"]
mod chaining;
#[path = "sources/ends.rs"]
mod ends;
#[path = "sources/host.rs"]
mod host;
#[path = "sources/metadata.rs"]
mod metadata;
#[path = "support/daemon.rs"]
mod process;
#[path = "sources/processes.rs"]
mod processes;
#[path = "sources/profiles.rs"]
mod profiles;
#[path = "sources/sso.rs"]
mod sso;
mod support;
#[path = "sources/ways.rs"]
mod ways;
