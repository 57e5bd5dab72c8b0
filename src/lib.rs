//! The map of the house. A room looks up this list, at what stands before it, never down or sideways;
//! `tests/architecture.rs` keeps it so.

// Words: no IO, no clock, no runtime.
#[cfg(feature = "daemon")]
pub mod time;
#[cfg(feature = "daemon")]
pub mod s3;
#[cfg(feature = "daemon")]
pub mod session;
#[cfg(feature = "daemon")]
pub mod access;
#[cfg(feature = "daemon")]
pub mod issued;

// Rules: they decide; told the time, they never ask for it.
#[cfg(feature = "daemon")]
pub mod signer;
#[cfg(feature = "daemon")]
pub mod explain;
#[cfg(feature = "daemon")]
pub mod impact;
#[cfg(feature = "daemon")]
pub mod config;

// Stores: they hold state and wait for others.
#[cfg(feature = "daemon")]
pub mod clock;
#[cfg(feature = "daemon")]
pub mod telemetry;
#[cfg(feature = "daemon")]
pub mod aws;
#[cfg(feature = "daemon")]
pub mod registry;
#[cfg(feature = "daemon")]
pub mod identity;
#[cfg(feature = "daemon")]
pub mod region;

// Looks by itself.
#[cfg(feature = "daemon")]
pub mod probe;

// Desk: one use case, read top to bottom.
#[cfg(feature = "daemon")]
pub mod error;
#[cfg(feature = "daemon")]
pub mod issuer;
#[cfg(feature = "daemon")]
pub mod assess;
#[cfg(feature = "daemon")]
pub mod resign;
#[cfg(feature = "daemon")]
pub mod rotation;
#[cfg(feature = "daemon")]
pub mod watch;

// Front door and roof.
#[cfg(feature = "client")]
pub mod proto;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "daemon")]
pub mod grpc;
#[cfg(feature = "daemon")]
pub mod http;
#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod daemon;
