//! The documents, held to the code: their commands are run, their tables compared, their links followed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commands;
mod errors;
mod links;
mod page;
mod run;
mod shown;
#[path = "../support/mod.rs"]
mod support;
