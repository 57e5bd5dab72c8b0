//! The configuration file. Its seeds are grown on any toolchain by `tests/seeds.rs`.

#![no_main]

use presignd::config::{Config, Surroundings};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let around = Surroundings::read(1000, |name| (name == "HOME").then(|| "/home/web".to_owned()));
    if let Err(error) = Config::parse(text, &around) {
        assert!(!error.to_string().is_empty(), "it says what is wrong");
    }
});
