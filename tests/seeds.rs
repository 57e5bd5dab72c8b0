//! Every seed of the fuzzer, and inputs near them, for what a caller of the library can reach: the configuration.
//! The seeds of other targets are tried beside what they try, in `src/grpc/fuzz.rs` and `src/identity/fuzz.rs`.

#[path = "support/seeds.rs"]
mod grown;

/// What `fuzz/fuzz_targets/config.rs` tries, too.
fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let around = presignd::config::Surroundings::read(1000, |name| (name == "HOME").then(|| "/home/web".to_owned()));
    if let Err(error) = presignd::config::Config::parse(text, &around) {
        assert!(!error.to_string().is_empty(), "it says what is wrong");
    }
}

#[test]
fn whatever_a_configuration_says_it_is_taken_or_told_what_is_wrong() {
    grown::grow("config", config);
}
