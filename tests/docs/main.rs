//! The documents, held to the code: their commands are run, their tables compared, their links followed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commands;
mod errors;
#[path = "../clients/install.rs"]
mod install;
mod links;
mod page;
mod run;
mod shown;
#[path = "../support/mod.rs"]
mod support;
mod versions;
