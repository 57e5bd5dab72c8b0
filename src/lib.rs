//! The map of the house. A room looks up this list, at what stands before it, never down or sideways;
//! `tests/architecture.rs` keeps it so.

// Words: no IO, no clock, no runtime.
pub mod time;
pub mod s3;
pub mod session;
pub mod access;
pub mod issued;

// Rules: they decide; told the time, they never ask for it.
pub mod signer;
pub mod explain;
pub mod impact;
pub mod config;

// Stores: they hold state and wait for others.
pub mod clock;
pub mod telemetry;
pub mod aws;
pub mod registry;
pub mod identity;
pub mod region;

// Looks by itself.
pub mod probe;

// Desk: one use case, read top to bottom.
pub mod error;
pub mod issuer;
pub mod assess;
pub mod resign;
pub mod rotation;
pub mod watch;

// Front door and roof.
pub mod grpc;
pub mod http;
pub mod cli;
pub mod daemon;
