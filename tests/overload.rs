//! More callers than capacity, and callers who mean harm: the real daemon, one neighbour who signs one URL after the other,
//! and what others do meanwhile. The neighbour notices nothing: no call of theirs fails.
//!
//! Never asserts how fast anything is: `benches/` does.

#[path = "support/daemon.rs"]
mod process;
mod support;

#[path = "overload/frames.rs"]
mod frames;
#[path = "overload/greedy.rs"]
mod greedy;
#[path = "overload/hoarder.rs"]
mod hoarder;
#[path = "support/load.rs"]
mod load;
#[path = "overload/neighbour.rs"]
mod neighbour;
#[path = "overload/peers.rs"]
mod peers;
#[path = "overload/user.rs"]
mod user;
