//! The configuration file, parsed once into types that cannot hold nonsense.

pub mod identity;
