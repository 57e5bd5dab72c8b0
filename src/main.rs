//! Arguments: `serve` runs the daemon, `check` the config, every other verb the command line.

fn main() {}
