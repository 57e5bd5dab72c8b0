//! Arguments: `serve` runs the daemon, `check` the config, every other verb the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use presignd::cli::connect::Places;
use presignd::cli::{self, Verb, exit::Exit};

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let places = places(std::env::vars_os());
    if let Verb::Serve(_) = cli.verb {
        cli::exit::warn("serve is not built yet");
        return Exit::Other.into();
    }
    match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(cli::run(cli, &places));
            // A read of stdin may still wait for its line; nobody waits for it.
            runtime.shutdown_background();
            exit.into()
        }
        Err(error) => {
            cli::exit::warn(&format!("cannot start: {error}"));
            Exit::Surroundings.into()
        }
    }
}

fn places(environment: impl Iterator<Item = (OsString, OsString)>) -> Places {
    let mut places = Places::default();
    for (name, value) in environment.filter(|(_, value)| !value.is_empty()) {
        match name.to_str() {
            // systemd separates several by colons; the first is the unit's main one.
            Some("RUNTIME_DIRECTORY") => places.runtime_directory = std::env::split_paths(&value).next(),
            Some("XDG_RUNTIME_DIR") => places.xdg_runtime_dir = Some(PathBuf::from(value)),
            _ => {}
        }
    }
    places
}
