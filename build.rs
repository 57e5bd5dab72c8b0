//! Compiles the proto with protox, so that no protoc is needed, and writes the descriptor set for reflection.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["event.proto", "impact.proto", "presignd.proto", "rotation.proto", "status.proto"]
        .map(|file| format!("proto/presignd/v1/{file}"));
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(&files, ["proto"])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("presignd.bin"), prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure().codec_path("crate::grpc::codec::Codec").compile_fds(descriptors)?;
    Ok(())
}
