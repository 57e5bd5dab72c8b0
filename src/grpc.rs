//! The wire: sockets, callers, and handlers of four lines.

mod accept;
pub mod authority;
mod call;
pub mod codec;
mod convert;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod guard;
mod measured;
pub mod peer;
mod serve;
mod served;
mod servers;
mod service;
pub mod socket;

pub use convert::{explanation, url_record};
pub use guard::Admins;
pub use serve::{About, Parts, ServeError, serve};

/// Generated from `proto/presignd/v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated; the proto holds the words"
)]
pub mod proto {
    tonic::include_proto!("presignd.v1");

    /// The compiled proto, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/presignd.bin"));
}
