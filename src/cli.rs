//! The other end of the socket: arguments in; text, tables or JSON out. Decides nothing about signing: it asks the
//! daemon. stdout holds the answer only, stderr what a person should know.

pub mod batch;
pub mod check;
pub mod completions;
pub mod connect;
pub mod contain;
pub mod event;
pub mod doctor;
pub mod drain;
pub mod exit;
pub mod find;
pub mod flags;
pub mod health;
pub mod identities;
mod idle;
pub mod impact;
pub mod json;
pub mod length;
pub mod line;
pub mod man;
pub mod online;
pub mod out;
pub mod post;
pub mod presign;
mod progress;
pub mod refusal;
pub mod registry;
pub mod report;
pub mod resign;
pub mod rotation;
pub mod say;
pub mod stoppable;
pub mod top;
pub mod urls;
pub mod wanted;
pub mod watch;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use connect::Globals;
use exit::{Exit, Failure};

use crate::aws::Environment;
use crate::config::Surroundings;

/// Signs S3 URLs, says how long each one lives, and records every one it issues.
#[derive(Debug, Clone, Parser)]
#[command(name = "presignd", version, disable_help_subcommand = true, after_help = CODES)]
pub struct Cli {
    #[command(subcommand)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub verb: Verb,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub globals: Globals,
}

/// The verbs.
#[derive(Debug, Clone, Subcommand)]
#[expect(missing_docs, reason = "each verb's own type says what it does")]
pub enum Verb {
    Serve(Serve),
    Check(check::Check),
    Health(health::Health),
    Doctor(doctor::Doctor),
    Presign(presign::Presign),
    Post(post::Post),
    Identities(identities::Identities),
    Urls(urls::Urls),
    Find(find::Find),
    Explain(find::Explain),
    Impact(impact::Impact),
    Contain(contain::Contain),
    Resign(resign::Resign),
    Rotation(rotation::Rotation),
    Drain(drain::Drain),
    Retire(rotation::Retire),
    Pause(rotation::Pause),
    Resume(rotation::Resume),
    Report(report::Report),
    Events(report::Events),
    Watch(watch::Watch),
    Top(top::Top),
    Registry(registry::Registry),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Run the daemon.
#[derive(Debug, Clone, clap::Args)]
pub struct Serve {
    /// The configuration; left out, the default credential chain is served to you alone
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What the environment says, for `run` and for the daemon.
pub fn surroundings(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Surroundings {
    let named =
        variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let named: HashMap<String, String> = named.collect();
    Surroundings::read(rustix::process::geteuid().as_raw(), |name| named.get(name).cloned())
}

/// The environment as other tools of AWS read it; what is not UTF-8 is not there.
pub fn environment(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
    let named = |(name, value): (OsString, OsString)| name.into_string().ok().zip(value.into_string().ok());
    variables.into_iter().filter_map(named).collect()
}

/// The definitions, for whatever is made from them.
fn command() -> clap::Command {
    idle::hide(Cli::command())
}

/// Reads the command line.
///
/// # Errors
/// The exit code, when there is nothing left to do: help was asked for (0), or the arguments make no sense (252).
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    let parsed = command().try_get_matches_from(arguments).and_then(|matches| {
        idle::refuse(&matches)?;
        Cli::from_arg_matches(&matches)
    });
    parsed.map_err(|error| {
        // Fails only where the reader has gone.
        let _ = error.print();
        match error.kind() {
            clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => Exit::Fine,
            _ => Exit::Usage,
        }
    })
}

/// Runs every verb but `serve`, which is the daemon's.
pub async fn run(cli: Cli, around: &Surroundings) -> Exit {
    // Heard from here on: the signal's default would end work that has something to take away.
    let interrupts = signal(SignalKind::interrupt());
    let work = async {
        match &cli.verb {
            Verb::Serve(_) => Err(Failure::new(Exit::Other, "serve is not the command line's to run")),
            Verb::Check(verb) => verb.run(&cli.globals, around).await,
            Verb::Health(verb) => verb.run(&cli.globals, around).await,
            Verb::Doctor(verb) => verb.run(&cli.globals, around).await,
            Verb::Presign(verb) => verb.run(&cli.globals, around).await,
            Verb::Post(verb) => verb.run(&cli.globals, around).await,
            Verb::Identities(verb) => verb.run(&cli.globals, around).await,
            Verb::Urls(verb) => verb.run(&cli.globals, around).await,
            Verb::Find(verb) => verb.run(&cli.globals, around).await,
            Verb::Explain(verb) => verb.run(&cli.globals, around).await,
            Verb::Impact(verb) => verb.run(&cli.globals, around).await,
            Verb::Contain(verb) => verb.run(&cli.globals, around).await,
            Verb::Resign(verb) => verb.run(&cli.globals, around).await,
            Verb::Rotation(verb) => verb.run(&cli.globals, around).await,
            Verb::Drain(verb) => verb.run(&cli.globals, around).await,
            Verb::Retire(verb) => verb.run(&cli.globals, around).await,
            Verb::Pause(verb) => verb.run(&cli.globals, around).await,
            Verb::Resume(verb) => verb.run(&cli.globals, around).await,
            Verb::Report(verb) => verb.run(&cli.globals, around).await,
            Verb::Events(verb) => verb.run(&cli.globals, around).await,
            Verb::Watch(verb) => verb.run(&cli.globals, around).await,
            Verb::Top(verb) => verb.run(&cli.globals, around).await,
            Verb::Registry(verb) => verb.run(&cli.globals, around).await,
            Verb::Completions(verb) => verb.run(),
            Verb::Man(verb) => verb.run(),
        }
    };
    tokio::select! {
        done = work => done.map_or_else(Failure::report, |()| Exit::Fine),
        () = first(interrupts) => Exit::Interrupted,
    }
}

/// The first Ctrl-C; never, where the kernel does not let it be heard.
async fn first(interrupts: std::io::Result<Signal>) {
    match interrupts {
        Ok(mut interrupts) => _ = interrupts.recv().await,
        Err(_) => std::future::pending().await,
    }
}

const CODES: &str = "Exit codes: 0 fine; 3 no URL can live that long; 130 interrupted; 252 usage; \
253 environment or configuration (no daemon, no file); 254 the service refused; 255 other.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        command().debug_assert();
    }
}
