//! A page of the documents as the tests read it: its fenced blocks, and the commands in them.
//!
//! `sh` is a block of commands. `console` is commands behind `$ ` (and `> `, where one goes on) with what they print.
//! `python` is a program for python3; other programs are parts of an example. A block below a paragraph that begins with `*Not run by the tests:` is not run; what
//! other languages hold is never a command.

use std::path::{Path, PathBuf};

/// A page.
pub(crate) struct Page {
    /// From the root of the repository, such as `docs/cli.md`.
    pub(crate) name: String,
    pub(crate) blocks: Vec<Block>,
    /// `Text like this` in prose and tables.
    pub(crate) asides: Vec<String>,
}

/// What stands between two fences.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
    /// The line of its fence, from 1.
    pub(crate) line: usize,
    /// Why the tests do not run it, if the page says so.
    pub(crate) not_run: Option<String>,
}

/// One command of a page, or a block of them that is pasted as a whole.
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) command: String,
    /// What the page shows that it prints; `None` where it shows nothing.
    pub(crate) shown: Option<String>,
}

/// README.md and all pages of docs/, not the decisions.
pub(crate) fn all() -> Vec<Page> {
    let entries = std::fs::read_dir(root().join("docs")).expect("docs/ is there").map(|entry| entry.expect("a file"));
    let pages = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "md"));
    let mut paths: Vec<PathBuf> = pages.chain([root().join("README.md")]).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Page {
    let text = std::fs::read_to_string(path).expect("a page is text");
    let name = path.strip_prefix(root()).expect("below the root").display().to_string();
    let (mut blocks, mut prose, mut open): (Vec<Block>, String, Option<Block>) = (Vec::new(), String::new(), None);
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                let paragraph = prose.trim_end().rsplit("\n\n").next().unwrap_or_default().replace('\n', " ");
                let not_run = paragraph.strip_prefix(NOT_RUN).map(|why| why.trim_end_matches('*').trim().to_owned());
                open = Some(Block { language: language.to_owned(), text: String::new(), line: at + 1, not_run });
                prose += "\n\n(the block)\n\n";
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text += &format!("{line}\n"),
            (None, None) => prose += &format!("{line}\n"),
        }
    }
    assert!(open.is_none(), "{name}: the last fence is open");
    let asides = prose.replace('\n', " ");
    let asides = asides.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Page { name, blocks, asides }
}

impl Block {
    /// Whether it holds commands, run or not.
    pub(crate) fn is_commands(&self) -> bool {
        ["sh", "console", "python"].contains(&self.language.as_str())
    }

    /// Whether it is part of a program that another test runs.
    pub(crate) fn is_example(&self) -> bool {
        ["js", "ts", "rust", "go"].contains(&self.language.as_str())
    }

    /// Whether [`Block::steps`] are run here.
    pub(crate) fn runs(&self) -> bool {
        self.is_commands() && self.not_run.is_none() && run_elsewhere(self).is_none()
    }

    /// Its commands in order.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let whole = |command: String| vec![Step { line: self.line, command, shown: None }];
        match self.language.as_str() {
            "sh" => whole(self.text.clone()),
            "python" => whole(format!("python3 - <<'{END}'\n{}{END}\n", self.text)),
            "console" => self.console(),
            _ => Vec::new(),
        }
    }

    fn console(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (at, line) in self.text.lines().enumerate() {
            let line_number = self.line + at + 1;
            match (line.strip_prefix("$ "), line.strip_prefix("> "), steps.last_mut()) {
                (Some(command), ..) => {
                    let (command, shown) = (format!("{command}\n"), Some(String::new()));
                    steps.push(Step { line: line_number, command, shown });
                }
                (_, Some(more), Some(step)) => step.command += &format!("{more}\n"),
                (_, _, Some(Step { shown: Some(shown), .. })) => *shown += &format!("{line}\n"),
                _ => panic!("line {line_number}: a console begins with a command"),
            }
        }
        steps
    }
}

/// What runs a block that no test can run because it runs the tests: a file, and the line of it that does so.
pub(crate) fn run_elsewhere(block: &Block) -> Option<&'static [(&'static str, &'static str)]> {
    let commands: Vec<&str> = block.text.lines().map(|line| line.split(" #").next().unwrap_or(line).trim()).collect();
    let is_it = commands == ["cargo run --example demo", "scripts/test"];
    is_it.then_some(&[("scripts/test", "  cargo run --locked --example demo"), (".ci/run", "exec scripts/test")])
}

const NOT_RUN: &str = "*Not run by the tests:";
const END: &str = "END_OF_THE_PROGRAM";
