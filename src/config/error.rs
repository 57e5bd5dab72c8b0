//! What is wrong with a configuration, in words that name the key.

use std::fmt;

/// Why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The key, such as `grant[2].identities`; empty when only the line is known.
    pub key: String,
    /// Its line, from 1, where the parser knows it.
    pub line: Option<usize>,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Error {
    /// Of a key, in the whole file.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), line: None, problem: problem.into() }
    }

    /// The parser's words, with the line and the key on it. The value is left out: should somebody have put a secret
    /// there, it must not reach the log.
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map(|span| span.start.min(text.len()));
        let line = at.map(|at| text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count());
        let key = line.and_then(|line| text.lines().nth(line)).and_then(|line| line.split_once('='));
        let key = key.map_or(String::new(), |(key, _)| key.trim().to_owned());
        Self { key, line: line.map(|line| line + 1), problem: error.message().trim_end().replace('\n', "; ") }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(out, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(out, "{}: ", self.key)?;
        }
        out.write_str(&self.problem)
    }
}
