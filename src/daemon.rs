//! Builds the rooms bottom up, runs them side by side, drains them together.
