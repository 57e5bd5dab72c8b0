//! What is asked of records and said of events. See `src/grpc/fuzz.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| presignd::grpc::fuzz::question(bytes));
