//! Compiles the proto with protox, so that no protoc is needed, and writes the descriptor set for reflection.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["event.proto", "impact.proto", "presignd.proto", "rotation.proto", "status.proto"]
        .map(|file| format!("proto/presignd/v1/{file}"));
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(&files, ["proto"])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("presignd.bin"), prost::Message::encode_to_vec(&descriptors))?;
    let daemon = std::env::var_os("CARGO_FEATURE_DAEMON").is_some();
    let stubs = tonic_prost_build::configure().build_server(daemon);
    // The daemon has a word of its own for messages that do not parse, which a client needs not.
    let stubs = if daemon { stubs.codec_path("crate::grpc::codec::Codec") } else { stubs };
    let mut config = tonic_prost_build::Config::new();
    if daemon {
        // By its name the daemon finds a message's schema.
        config.enable_type_names();
    }
    stubs.compile_fds_with_config(descriptors, config)?;
    Ok(())
}
