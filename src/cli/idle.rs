//! Common options that a verb has no use for: its help does not show them, and naming one is an error. `serve --socket` that
//! listened elsewhere, without a word, would be a trap.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

/// Takes the idle options out of the help of each verb.
pub(super) fn hide(mut command: Command) -> Command {
    for (verb, options, _) in IDLE {
        let common: Vec<_> = command.get_arguments().filter(|one| options.contains(&one.get_id().as_str())).collect();
        let shadows: Vec<_> = common.into_iter().map(|one| one.clone().global(false).hide(true)).collect();
        command = command.mut_subcommand(*verb, |verb| verb.args(shadows));
    }
    command
}

/// The same definitions, where each verb has those common options alone that it does not refuse: a shell offers also what
/// help hides.
pub(super) fn leave_out(mut command: Command) -> Command {
    let common: Vec<Arg> =
        command.get_arguments().filter(|one| ALL.contains(&one.get_id().as_str())).cloned().collect();
    for option in ALL {
        command = command.mut_arg(*option, |one| one.global(false));
    }
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for name in verbs {
        let idle = IDLE.iter().find(|(verb, ..)| *verb == name.as_str()).map(|(_, options, _)| *options);
        let idle: &[&str] = idle.unwrap_or_default();
        let kept: Vec<Arg> = common.iter().filter(|one| !idle.contains(&one.get_id().as_str())).cloned().collect();
        command = command.mut_subcommand(name, |verb| verb.args(kept));
    }
    command
}

/// Refuses one that was named, before the verb or after it.
pub(super) fn refuse(matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((name, below)) = matches.subcommand() else { return Ok(()) };
    let Some((verb, options, why)) = IDLE.iter().find(|(verb, ..)| *verb == name) else { return Ok(()) };
    let named = |all: &ArgMatches, option| all.value_source(option) == Some(ValueSource::CommandLine);
    match options.iter().find(|option| named(matches, option) || named(below, option)) {
        Some(option) => {
            let message = format!("`presignd {verb}` has no --{}: {why}\n", option.replace('_', "-"));
            Err(clap::Error::raw(ErrorKind::ArgumentConflict, message))
        }
        None => Ok(()),
    }
}

/// A verb, the options, and what to use instead.
const IDLE: &[(&str, &[&str], &str)] = &[
    ("serve", ALL, "a daemon listens where [sockets] of its configuration says, and writes its log as [log] says"),
    ("completions", ALL, "it asks no daemon"),
    ("man", ALL, "it asks no daemon"),
    ("doctor", &["admin"], "it asks on both sockets"),
    ("check", &["socket", "admin_socket", "admin"], "it asks no daemon"),
    ("rotation", &["socket", "admin"], ADMIN),
    ("drain", &["socket", "admin"], ADMIN),
    ("retire", &["socket", "admin"], ADMIN),
    ("pause", &["socket", "admin"], ADMIN),
    ("resume", &["socket", "admin"], ADMIN),
    ("report", &["socket", "admin"], ADMIN),
    ("events", &["socket", "admin"], ADMIN),
    (
        "top",
        &["socket", "admin", "output"],
        "it asks on the admin socket, which --admin-socket names, and shows what it hears",
    ),
    ("registry", &["socket", "admin_socket", "admin", "timeout"], "it asks no daemon, it works on the file"),
];

const ALL: &[&str] = &["socket", "admin_socket", "admin", "output", "timeout"];
const ADMIN: &str = "it asks on the admin socket, which --admin-socket names";
