//! The two files of profiles. See `src/identity/fuzz.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| presignd::identity::fuzz::profile(bytes));
