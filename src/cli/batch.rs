//! Many requests: lines in on stdin, lines out on stdout, in order, in bounded calls. A line that fails does not stop the
//! rest. Never holds more than a few calls' worth of lines.

use std::io::{BufRead, Read};

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::connect::{Daemon, Globals};
use super::exit::{Exit, Failure};
use super::out::{self, Format};
use super::refusal::Refusal;
use super::{json, line};
use crate::config::Surroundings;
use crate::grpc::proto::{PresignBatchRequest, PresignRequest, presign_result};

/// Signs what stdin asks for, until it ends.
pub async fn run(flags: PresignRequest, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
    if globals.output.is_some_and(|format| format != Format::Json) {
        return Err(Failure::usage("many requests are answered as JSON, one line for each; leave --output out"));
    }
    if !flags.request_id.is_empty() {
        return Err(Failure::usage("--request-id names one request; in a batch each line has its own request_id"));
    }
    let daemon = globals.connect(around).await?;
    let mut coming = lines_of_stdin(Blank::Skip);
    let (mut number, mut failed) = (0u64, 0u64);
    while let Some(chunk) = next_chunk(&mut coming).await {
        failed += sign(chunk?, &mut number, &flags, &daemon).await?;
    }
    match failed {
        0 => Ok(()),
        failed => {
            Err(Failure::new(Exit::Refused, format!("{failed} of {number} requests failed; their lines say why")))
        }
    }
}

/// What becomes of blank lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    /// They are left out.
    Skip,
    /// They come as others do, so that lines can be counted.
    Keep,
}

/// Lines as they come.
pub(super) fn lines_of_stdin(blank: Blank) -> mpsc::Receiver<Read1> {
    let (lines, coming) = mpsc::channel(QUEUE_LINES);
    // A thread of its own: a read of stdin cannot be cancelled, and must not hold up the end of the program.
    std::thread::spawn(move || read_lines(std::io::stdin().lock(), &lines, blank));
    coming
}

/// A line as it was read; too long a line is cut and told so.
pub(super) type Read1 = std::io::Result<Option<String>>;

fn read_lines(mut input: impl BufRead, lines: &mpsc::Sender<Read1>, blank: Blank) {
    loop {
        let mut bytes = Vec::new();
        let limit = LONGEST_LINE as u64 + 1;
        let read = match input.by_ref().take(limit).read_until(b'\n', &mut bytes) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) => {
                let _ = lines.blocking_send(Err(error));
                return;
            }
        };
        let too_long = read > LONGEST_LINE && bytes.last() != Some(&b'\n');
        if too_long && skip_line(&mut input).is_err() {
            return;
        }
        let line = if too_long { None } else { String::from_utf8(bytes).ok() };
        if blank == Blank::Skip && line.as_ref().is_some_and(|line| line.trim().is_empty()) {
            continue;
        }
        if lines.blocking_send(Ok(line)).is_err() {
            return;
        }
    }
}

fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let (used, done) = (end.map_or(buffer.len(), |at| at + 1), end.is_some() || buffer.is_empty());
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

/// Waits for one line, then takes what has already come: a slow writer gets its answers at once, a fast one full calls.
pub(super) async fn next_chunk(coming: &mut mpsc::Receiver<Read1>) -> Option<Result<Vec<Option<String>>, Failure>> {
    let mut chunk = Vec::new();
    let mut bytes = 0;
    let mut next = Some(coming.recv().await?);
    while let Some(line) = next {
        match line {
            Err(error) => return Some(Err(Failure::surroundings(format!("cannot read stdin: {error}")))),
            Ok(line) => {
                bytes += line.as_ref().map_or(0, String::len);
                chunk.push(line);
            }
        }
        let full = chunk.len() >= CALL_LINES || bytes >= CALL_BYTES;
        next = if full { None } else { coming.try_recv().ok() };
    }
    Some(Ok(chunk))
}

/// Signs a chunk and prints an answer for each of its lines; gives the number that failed.
async fn sign(
    chunk: Vec<Option<String>>,
    number: &mut u64,
    flags: &PresignRequest,
    daemon: &Daemon,
) -> Result<u64, Failure> {
    let read = |text: Option<String>| match text {
        Some(text) => line::read(&text, flags),
        None => Err(format!("is longer than {LONGEST_LINE} bytes, or not UTF-8")),
    };
    let (requests, problems): (Vec<_>, Vec<_>) =
        chunk.into_iter().map(read).map(|one| (one.clone().ok(), one.err())).unzip();
    let requests: Vec<_> = requests.into_iter().flatten().collect();
    let asked = requests.len();
    let results = match asked {
        0 => Vec::new(),
        _ => daemon.signer().presign_batch(daemon.ask(PresignBatchRequest { requests })).await?.into_inner().results,
    };
    if results.len() != asked {
        return Err(Failure::new(Exit::Other, format!("the service answered {} of {asked} requests", results.len())));
    }
    let mut results = results.into_iter();
    let mut failed = 0;
    for problem in problems {
        *number += 1;
        let answer = match problem {
            Some(problem) => Err(malformed(&problem)),
            None => match results.next().and_then(|one| one.result) {
                Some(presign_result::Result::Response(signed)) => Ok(json::presigned(&signed)),
                Some(presign_result::Result::Failure(failure)) => Err(Refusal::from(&failure).json()),
                None => Err(malformed("was given no answer")),
            },
        };
        failed += u64::from(answer.is_err());
        out::json(numbered(*number, answer.unwrap_or_else(|error| json!({ "error": error }))))?;
    }
    Ok(failed)
}

/// Lines are counted from 1; blank ones do not count.
fn numbered(number: u64, answer: Value) -> Value {
    let mut members = Map::from_iter([("line".to_owned(), number.into())]);
    if let Value::Object(answer) = answer {
        members.extend(answer);
    }
    Value::Object(members)
}

fn malformed(problem: &str) -> Value {
    let refusal = Refusal {
        code: tonic::Code::InvalidArgument,
        reason: MALFORMED.to_owned(),
        message: format!("the line {problem}"),
        metadata: Default::default(),
        fields: Vec::new(),
        violations: Vec::new(),
        retry_after_seconds: None,
    };
    refusal.json()
}

/// The reason for a line that never reached the service.
const MALFORMED: &str = "MALFORMED_LINE";
/// Lines that may wait between stdin and the service.
const QUEUE_LINES: usize = 1000;
/// Lines in one call; the service takes 1,000.
const CALL_LINES: usize = 500;
/// Bytes of lines in one call, well under the 4 MiB that gRPC servers take.
const CALL_BYTES: usize = 1 << 20;
/// Longest line: a key of 1 KiB, headers of 8 KiB and labels of 5 KiB, escaped.
const LONGEST_LINE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &str) -> Vec<Option<String>> {
        let (send, mut receive) = mpsc::channel(QUEUE_LINES);
        read_lines(input.as_bytes(), &send, Blank::Skip);
        drop(send);
        std::iter::from_fn(|| receive.blocking_recv()).map(|line| line.unwrap()).collect()
    }

    #[test]
    fn a_line_that_is_too_long_costs_that_line_only() {
        let long = "x".repeat(LONGEST_LINE * 3);
        let read = lines(&format!("one\n\n{long}\ntwo"));
        assert_eq!(read, [Some("one\n".into()), None, Some("two".into())]);
        let just = "y".repeat(LONGEST_LINE);
        assert_eq!(lines(&format!("{just}\nz\n")), [Some(format!("{just}\n")), Some("z\n".into())]);
    }

    #[tokio::test]
    async fn a_chunk_is_bounded_and_takes_what_has_come() {
        let (send, mut receive) = mpsc::channel(QUEUE_LINES);
        for _ in 0..CALL_LINES + 1 {
            send.send(Ok(Some("x".into()))).await.unwrap();
        }
        assert_eq!(next_chunk(&mut receive).await.unwrap().unwrap().len(), CALL_LINES);
        assert_eq!(next_chunk(&mut receive).await.unwrap().unwrap().len(), 1);
        for _ in 0..40 {
            send.send(Ok(Some("x".repeat(LONGEST_LINE)))).await.unwrap();
        }
        assert_eq!(next_chunk(&mut receive).await.unwrap().unwrap().len(), CALL_BYTES / LONGEST_LINE);
    }
}
