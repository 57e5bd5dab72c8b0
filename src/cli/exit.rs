//! How a command ends: exit codes as the AWS CLI has them, and what stderr says. Never prints on stdout.

use std::io;

/// The exit codes. Scripts match on them: added, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It worked.
    Fine = 0,
    /// No URL can live as long as was asked for at least. Of this program's own making, so that a script can ask for less.
    TooShort = 3,
    /// Ctrl-C.
    Interrupted = 130,
    /// The command line makes no sense.
    Usage = 252,
    /// Something around the program is missing or wrong: no daemon, no file, a bad configuration.
    Surroundings = 253,
    /// The service understood and refused.
    Refused = 254,
    /// Anything else.
    Other = 255,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not work: one clear line, and what helps to mend it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// One line. Empty for an end that needs no words, such as a pipe that its reader closed.
    pub message: String,
    /// One line each: fields, limits, advice.
    pub details: Vec<String>,
}

impl Failure {
    /// With an exit code of its own.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), details: Vec::new() }
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something around the program is missing or wrong.
    pub fn surroundings(message: impl Into<String>) -> Self {
        Self::new(Exit::Surroundings, message)
    }

    /// Adds a line.
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// Says it on stderr and gives the exit code.
    pub fn report(self) -> Exit {
        if !self.message.is_empty() {
            warn(&self.message);
            self.details.iter().for_each(|detail| warn(&format!("  {detail}")));
        }
        self.exit
    }
}

/// Whoever reads our output has had enough (`presignd urls | head`): not an error, and nobody is left to tell.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Fine, ""),
            _ => Self::new(Exit::Other, format!("cannot write the answer: {error}")),
        }
    }
}

/// An error with all that caused it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// One line on stderr. A closed stderr is no reason to stop.
pub fn warn(line: &str) {
    use io::Write;
    let _ = writeln!(io::stderr(), "presignd: {}", super::out::plain(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_who_leaves_early_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::Fine, ""));
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit, Exit::Other);
    }
}
