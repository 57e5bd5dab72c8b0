//! Arguments: `serve` runs the daemon, `check` the config, every other verb the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use presignd::cli::{self, Verb, exit::Exit};
use presignd::config::Surroundings;
use presignd::daemon::{self, Inherited};

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let around = cli::surroundings(std::env::vars_os());
    if let Verb::Serve(serve) = cli.verb {
        return serve_until_told(serve.config, around);
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

/// The daemon, on a runtime of its own.
#[expect(clippy::disallowed_methods, reason = "before any thread is started")]
fn serve_until_told(config: Option<PathBuf>, around: Surroundings) -> ExitCode {
    let environment = cli::environment(std::env::vars_os());
    let inherited = match Inherited::take(std::env::var("LISTEN_FDNAMES").ok().as_deref()) {
        Ok(inherited) => inherited,
        Err(error) => {
            cli::exit::warn(&presignd::aws::chain(&error));
            return Exit::Surroundings.into();
        }
    };
    let served = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(daemon::serve(config, around, environment, inherited)),
        Err(error) => {
            cli::exit::warn(&format!("cannot start: {error}"));
            return Exit::Surroundings.into();
        }
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::exit::warn(&presignd::aws::chain(&error));
            let exit = if matches!(error, daemon::Error::Ended(_)) { Exit::Other } else { Exit::Surroundings };
            exit.into()
        }
    }
}
