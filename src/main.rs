//! Arguments: `serve` runs the daemon, `check` the config, every other verb the command line.

use std::process::ExitCode;

use presignd::cli::{self, Verb, exit::Exit};

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let around = cli::surroundings(std::env::vars_os());
    if let Verb::Serve(_) = cli.verb {
        cli::exit::warn("serve is not built yet");
        return Exit::Other.into();
    }
    match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(cli::run(cli, &around));
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
