//! What goes to stdout: text for scripts, tables for people, JSON for programs. Never decides what to say.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value};

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Bare values; lists as lines of fields separated by tabs
    Text,
    /// For reading
    Table,
    /// Stable, with a top-level "version"
    Json,
}

/// The version of the JSON that every verb prints. Members are added; a rename or removal raises it.
pub const VERSION: u32 = 1;

/// Rows under headings.
#[derive(Debug, Default)]
pub struct Sheet {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Without rows.
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Two columns without headings: a name and its value. Empty values are left out.
    pub fn card(pairs: impl IntoIterator<Item = (impl Into<String>, String)>) -> Self {
        let rows =
            pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| vec![name.into(), value]);
        Self { headings: Vec::new(), rows: rows.collect() }
    }

    /// The same rows without headings, for what follows an earlier sheet.
    pub fn bare(self) -> Self {
        Self { headings: Vec::new(), ..self }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// For reading, without a newline at its end.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if !self.headings.is_empty() {
            table.set_header(self.headings.clone());
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| plain(cell).into_owned()).collect::<Vec<_>>());
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.trim_fmt()
    }

    fn text(&self) -> String {
        let lines = self.rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect::<Vec<_>>().join("\t"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// As text or as a table; nothing for a sheet without rows in text.
    pub fn print(&self, format: Format) -> io::Result<()> {
        let body = if format == Format::Text { self.text() } else { self.table() };
        if self.rows.is_empty() && format == Format::Text { Ok(()) } else { line(&body) }
    }
}

/// One line on stdout.
pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A JSON document on one line, its version first.
pub fn json(members: Value) -> io::Result<()> {
    line(&versioned(members).to_string())
}

/// The same, for a document that is printed elsewhere.
pub fn versioned(members: Value) -> Value {
    let mut document = Map::from_iter([("version".to_owned(), VERSION.into())]);
    if let Value::Object(members) = members {
        document.extend(members);
    }
    Value::Object(document)
}

/// Text with its control characters escaped: keys and labels come from callers, and a terminal obeys what it is sent.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_cannot_drive_the_terminal_nor_add_a_field() {
        let mut sheet = Sheet::new(&["KEY", "BUCKET"]);
        sheet.row(vec!["a\x1b[2J\tb\nc".into(), "x".into()]);
        assert_eq!(sheet.text(), "a\\u{1b}[2J\\tb\\nc\tx");
        assert!(!sheet.table().contains('\x1b'));
    }

    #[test]
    fn a_table_lines_up_under_its_headings_and_has_no_trailing_blanks() {
        let mut sheet = Sheet::new(&["NAME", "STATE"]);
        sheet.row(vec!["media-reader".into(), "ready".into()]);
        assert_eq!(sheet.table(), "NAME          STATE\nmedia-reader  ready");
    }

    #[test]
    fn every_json_document_says_its_version() {
        assert_eq!(versioned(json!({"urls": []})), json!({"version": 1, "urls": []}));
    }
}
