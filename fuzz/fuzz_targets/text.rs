//! What is pasted: a URL, a mail, a line of a log. See `src/grpc/fuzz.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| presignd::grpc::fuzz::text(bytes));
