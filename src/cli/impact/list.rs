//! What an event touches, URL by URL, printed as it comes: a million lines take no more memory than one.

use std::io::Write;
use std::time::Duration;

use tokio::time::timeout;
use tonic::{Request, Streaming};

use crate::cli::connect::Daemon;
use crate::cli::exit::{Exit, Failure};
use crate::cli::identities::dash;
use crate::cli::out::{self, Format, Sheet};
use crate::cli::{json, say};
use crate::grpc::proto::{Ending, ListAffectedRequest, ListAffectedResponse};

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A document on each line.
    Json,
    /// Fields with tabs between them.
    Text,
    /// Columns that line up within a screenful.
    Table,
    /// RFC 4180, with a line of names.
    Csv,
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Text => Self::Text,
            Format::Table => Self::Table,
        }
    }
}

/// Asks and prints until nothing more comes. The whole may take as long as it takes; no single URL may keep us waiting.
/// Answers how many.
pub(super) async fn print(daemon: &Daemon, ask: ListAffectedRequest, form: Form) -> Result<usize, Failure> {
    let patience = daemon.patience();
    let mut impact = daemon.impact();
    let mut stream =
        timeout(patience, impact.list_affected(Request::new(ask))).await.map_err(|_| late(patience))??.into_inner();
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let mut printed = 0_usize;
    if form == Form::Csv {
        writeln!(out, "{}", NAMES.join(","))?;
    }
    loop {
        let page = page(&mut stream, patience).await?;
        if page.is_empty() {
            break;
        }
        match form {
            Form::Json => {
                page.iter().try_for_each(|one| writeln!(out, "{}", out::versioned(json::impact::affected(one))))?
            }
            Form::Text => page.iter().try_for_each(|one| {
                let cells: Vec<_> = cells(one).into_iter().map(|cell| out::plain(&dash(cell)).into_owned()).collect();
                writeln!(out, "{}", cells.join("\t"))
            })?,
            Form::Csv => page.iter().try_for_each(|one| {
                let cells: Vec<_> = cells(one).iter().map(|cell| quoted(cell)).collect();
                writeln!(out, "{}", cells.join(","))
            })?,
            Form::Table => {
                let mut sheet = Sheet::new(&[
                    "ENDS",
                    "USABLE UNTIL",
                    "REASON",
                    "OPERATION",
                    "BUCKET",
                    "KEY",
                    "IDENTITY",
                    "UID",
                    "ID",
                ]);
                page.iter().for_each(|one| sheet.row(row(one)));
                let sheet = if printed == 0 { sheet } else { sheet.bare() };
                writeln!(out, "{}", sheet.table())?;
            }
        }
        out.flush()?;
        printed += page.len();
    }
    out.flush()?;
    Ok(printed)
}

/// What has come: at least one unless the stream has ended, and at most a screenful or so.
async fn page(
    stream: &mut Streaming<ListAffectedResponse>,
    patience: Duration,
) -> Result<Vec<ListAffectedResponse>, Failure> {
    let mut page = Vec::new();
    while page.len() < PAGE {
        let wait = if page.is_empty() { patience } else { MORE };
        match timeout(wait, stream.message()).await {
            Ok(Ok(Some(one))) => page.push(one),
            Ok(Ok(None)) => break,
            Ok(Err(status)) => return Err(status.into()),
            Err(_) if page.is_empty() => return Err(late(patience)),
            Err(_) => break,
        }
    }
    Ok(page)
}

fn late(patience: Duration) -> Failure {
    let waited = say::seconds(patience.as_secs());
    Failure::new(Exit::Other, format!("no answer within {waited}; allow more with --timeout"))
}

/// In a word what becomes of it, how, and which other event has ended it already. What an event would do to a URL that has
/// ended is of no use to anybody.
fn end(one: &ListAffectedResponse) -> (String, Ending, String) {
    match one.ended_by.clone() {
        Some(by) => ("ended".to_owned(), by.ending.unwrap_or_default(), by.id),
        None => {
            let ending = one.ending.clone().unwrap_or_default();
            (say::verdict(ending.verdict), ending, String::new())
        }
    }
}

/// Every field, for programs.
fn cells(one: &ListAffectedResponse) -> Vec<String> {
    let (url, (verdict, ending, ended_by)) = (one.url.clone().unwrap_or_default(), end(one));
    let (request, session) = (url.request.unwrap_or_default(), url.session.unwrap_or_default());
    vec![
        url.id,
        verdict,
        ending.reason,
        say::time(ending.not_before.as_ref()),
        say::time(ending.not_after.as_ref()),
        say::time(url.usable_until.as_ref()),
        say::operation(request.operation).to_owned(),
        request.bucket,
        request.key,
        session.identity,
        session.id,
        url.caller.map_or(String::new(), |caller| caller.uid.to_string()),
        url.on_behalf_of,
        ended_by,
    ]
}

/// What a person looks for.
fn row(one: &ListAffectedResponse) -> Vec<String> {
    let (url, (verdict, ending, ended_by)) = (one.url.clone().unwrap_or_default(), end(one));
    let (request, session) = (url.request.unwrap_or_default(), url.session.unwrap_or_default());
    vec![
        if ended_by.is_empty() { verdict } else { format!("{verdict} by {ended_by}") },
        say::time(url.usable_until.as_ref()),
        ending.reason,
        dash(say::operation(request.operation).to_owned()),
        request.bucket,
        dash(request.key),
        session.identity,
        url.caller.map_or("-".to_owned(), |caller| caller.uid.to_string()),
        url.id,
    ]
}

/// What callers chose may begin as a formula does, and is none in a spreadsheet behind an apostrophe.
fn quoted(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t']) {
        return quoted(&format!("'{cell}"));
    }
    let bare = !cell.contains([',', '"', '\n', '\r']);
    if bare { cell.to_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}

/// The names of [`cells`].
const NAMES: [&str; 14] = [
    "id",
    "verdict",
    "reason",
    "not_before",
    "not_after",
    "usable_until",
    "operation",
    "bucket",
    "key",
    "identity",
    "session",
    "uid",
    "on_behalf_of",
    "ended_by",
];
/// URLs that are printed together.
const PAGE: usize = 256;
/// How long a page waits for one more.
const MORE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_with_commas_quotes_or_lines_stays_one_cell() {
        assert_eq!(["=cmd|calc!A1", "-1,2", "@a", "a=b"].map(quoted), ["'=cmd|calc!A1", "\"'-1,2\"", "'@a", "a=b"]);
        assert_eq!(["a", "a,b", "say \"hi\"", "a\nb"].map(quoted), ["a", "\"a,b\"", "\"say \"\"hi\"\"\"", "\"a\nb\""]);
        assert_eq!(cells(&ListAffectedResponse::default()).len(), NAMES.len());
    }
}
