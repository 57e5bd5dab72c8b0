//! `presignd man`: the manual's pages, made from the same definitions as the help.

use std::io::{self, Write};
use std::path::PathBuf;

use clap_mangen::Man as Page;

use super::exit::Failure;

/// Print a page of the manual, or write all of them
#[derive(Debug, Clone, clap::Args)]
pub struct Man {
    /// The verb, such as "registry verify"; left out, the page of presignd itself
    #[arg(value_name = "VERB", conflicts_with = "output_dir")]
    pub verb: Vec<String>,
    /// Write every page to this directory, which is made when it is not there
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
}

impl Man {
    /// Prints or writes.
    pub fn run(&self) -> Result<(), Failure> {
        let mut command = super::command();
        command.build();
        if let Some(directory) = &self.output_dir {
            let failed =
                |error: io::Error| Failure::surroundings(format!("cannot write to {}: {error}", directory.display()));
            std::fs::create_dir_all(directory).map_err(failed)?;
            return clap_mangen::generate_to(command, directory).map_err(failed);
        }
        // "registry verify" in quotes is meant as without.
        let mut words = self.verb.iter().flat_map(|verb| verb.split_whitespace());
        let found = words.try_fold(&command, |command, verb| command.find_subcommand(verb));
        let found = found.ok_or_else(|| Failure::usage(format!("there is no verb `{}`", self.verb.join(" "))))?;
        let mut page = Vec::new();
        Page::new(found.clone()).render(&mut page)?;
        Ok(io::stdout().lock().write_all(&page)?)
    }
}
