//! One line on a terminal that says how far long work has come. Written over, and taken away at the end; never where
//! stderr is no terminal, or where answers scroll by on the same one.

use std::io::{self, IsTerminal, Write};

/// The line. Dropped, it is taken away.
pub(super) struct Progress {
    is_shown: bool,
    wants: bool,
}

impl Progress {
    /// Shows nothing yet.
    pub(super) fn new() -> Self {
        Self { is_shown: false, wants: io::stderr().is_terminal() && !io::stdout().is_terminal() }
    }

    /// For work whose answer comes at its end.
    pub(super) fn of_one_answer() -> Self {
        Self { is_shown: false, wants: io::stderr().is_terminal() }
    }

    /// Says how far it is, at every so many steps.
    pub(super) fn step(&mut self, steps: u64, text: impl FnOnce() -> String) {
        if steps.is_multiple_of(STEPS) {
            self.show(text);
        }
    }

    /// Says how far it is.
    pub(super) fn show(&mut self, text: impl FnOnce() -> String) {
        if self.wants {
            // A closed stderr is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[K{}", super::out::plain(&text()));
            self.is_shown = true;
        }
    }

    /// Makes room for another line; the next step shows it again.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// How often it is written.
const STEPS: u64 = 64;
