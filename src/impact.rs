//! What an event does to issued URLs: it ends them, may end them, or lets them live (SEMANTICS.md section 1).
//!
//! Decides from what a record holds and is told the time. Never asks AWS, never reads the registry, and never presents
//! as certain what SEMANTICS.md grades as unconfirmed.

pub mod ending;
pub mod event;
