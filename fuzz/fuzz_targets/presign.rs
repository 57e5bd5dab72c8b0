//! A `PresignRequest`, from the wire to the signed URL. See `src/grpc/fuzz.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| presignd::grpc::fuzz::presign(bytes));
