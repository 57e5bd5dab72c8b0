//! Arguments: `serve` runs the daemon, `check` the config, every other verb the command line. The static program finds hosts by
//! itself, and loads nothing of the machine for it.

use std::path::PathBuf;
use std::process::ExitCode;

use presignd::cli::{self, Verb, exit::Exit};
use presignd::config::Surroundings;
use presignd::daemon::{self, Inherited};

fn main() -> ExitCode {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    find_hosts_without_modules();
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

/// Hosts by `/etc/hosts` and DNS, whatever `/etc/nsswitch.conf` names: its other modules are the machine's libraries, made for
/// the machine's glibc and not for the one in a static program, which would load that one beside its own.
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
#[expect(unsafe_code, reason = "glibc has it as a C function alone")]
fn find_hosts_without_modules() {
    use std::ffi::{c_char, c_int};
    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }
    // SAFETY: both texts end in a zero and are never written to, and no other thread is there yet. It fails for want of memory or
    // an unknown database alone.
    let code = unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
    assert_eq!(code, 0, "glibc knows where hosts are looked up");
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
