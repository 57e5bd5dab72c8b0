//! `presignd completions`: what a shell loads to complete verbs and options, made from the same definitions as the help.

use std::io;

use clap::{CommandFactory, ValueEnum};
use clap_complete::aot::{Shell, generate};

use super::exit::Failure;
use super::{Cli, idle};

/// Print what your shell loads to complete verbs and options
#[derive(Debug, Clone, clap::Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Known,
}

/// The shells whose completions are tested with the shell itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "they are their own names")]
pub enum Known {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    /// Prints.
    pub fn run(&self) -> Result<(), Failure> {
        let shell = match self.shell {
            Known::Bash => Shell::Bash,
            Known::Zsh => Shell::Zsh,
            Known::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        generate(shell, &mut idle::leave_out(Cli::command()), "presignd", &mut script);
        Ok(io::Write::write_all(&mut io::stdout().lock(), &script)?)
    }
}
