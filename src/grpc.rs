//! The wire: sockets, callers, and handlers of four lines.

mod accept;
pub mod authority;
mod bounds;
mod call;
pub mod codec;
mod convert;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod guard;
mod measured;
mod parts;
pub mod peer;
mod serve;
mod served;
mod servers;
mod service;
pub mod socket;

pub use crate::proto;
pub use convert::{explanation, url_record};
pub use guard::Admins;
pub use serve::{About, Parts, ServeError, serve};
