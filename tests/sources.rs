//! Each source of credentials through the real daemon: where they lie around, what becomes of them, and when they end.

#[path = "sources/ends.rs"]
mod ends;
#[path = "sources/host.rs"]
mod host;
#[path = "support/daemon.rs"]
mod process;
mod support;
