//! The wire's types and stubs, generated from `proto/presignd/v1`: the stubs of clients, and those of a server where the
//! daemon is built. Nothing here is written by hand.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated; the proto holds the words"
)]

tonic::include_proto!("presignd.v1");

/// The compiled proto, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/presignd.bin"));
