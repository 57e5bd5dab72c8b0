//! `presignd find` and `presignd explain`: what a presigned URL is, and which record stands behind it.

use std::io::Read;

use tokio::sync::oneshot;
use tonic::Status;

use super::connect::Globals;
use super::exit::{Exit, Failure, warn};
use super::out::{self, Format, Sheet};
use super::{json, say, urls};
use crate::clock::Clock;
use crate::config::Surroundings;
use crate::error::Error;
use crate::explain::{explain, lines, locate};
use crate::grpc;
use crate::grpc::proto::{ExplainUrlRequest, ExplainUrlResponse, FindUrlRequest, FindUrlResponse, found_url};
use crate::s3::Refused;

/// Find the records behind a leaked URL or a line of an S3 access log.
#[derive(Debug, Clone, clap::Args)]
pub struct Find {
    /// The URL or the line; "-" reads from stdin, one on each line, which keeps them out of the process list
    #[arg(value_name = "TEXT")]
    pub text: String,
}

/// Take a presigned URL apart: what signed it, when it ends, what is wrong with it.
#[derive(Debug, Clone, clap::Args)]
pub struct Explain {
    /// The URL; "-" reads it from stdin, which keeps it out of the process list
    #[arg(value_name = "URL")]
    pub url: String,
}

impl Find {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let lines = lines_or_argument(&self.text).await?;
        let daemon = globals.connect(around).await?;
        let format = globals.output.unwrap_or(Format::Table);
        let (mut all, mut refused) = (FindUrlResponse::default(), 0);
        for (number, text) in &lines {
            // Which of them it is about, where there are several.
            let place = if lines.len() > 1 { format!("line {number}: ") } else { String::new() };
            let ask = daemon.ask(FindUrlRequest { text: text.clone() });
            let answer = match daemon.registry().find_url(ask).await.map_err(Failure::from) {
                Ok(answer) => answer.into_inner(),
                Err(failure) if lines.len() > 1 && failure.exit == Exit::Refused => {
                    refused += 1;
                    Failure { message: format!("{place}{}", failure.message), ..failure }.report();
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            match format {
                Format::Json => {}
                Format::Text => {
                    let found: Vec<_> = answer.found.iter().filter_map(|one| one.url.clone()).collect();
                    urls::rows(&found).print(Format::Text)?;
                }
                Format::Table => cards(&place, text, &answer)?,
            }
            let told = format!("{place}{}", answer.explanation);
            if format == Format::Json {
                all.found.extend(answer.found);
                if !all.explanation.is_empty() {
                    all.explanation.push('\n');
                }
                all.explanation += &told;
            } else if !answer.explanation.is_empty() {
                warn(&told);
            }
        }
        if format == Format::Json {
            out::json(json::found(&all))?;
        }
        match refused {
            0 => Ok(()),
            _ => Err(Failure::new(Exit::Refused, format!("{refused} of {} lines were not looked for", lines.len()))),
        }
    }
}

fn cards(place: &str, text: &str, answer: &FindUrlResponse) -> std::io::Result<()> {
    let is_damaged = locate(text).is_ok_and(|located| located.is_damaged);
    let lack = if is_damaged { "its signature is damaged or masked" } else { "it carries no signature" };
    for one in &answer.found {
        let kind = found_url::Match::try_from(one.r#match).unwrap_or_default();
        out::line(&match kind {
            found_url::Match::Signature => format!("{place}found by its signature:"),
            _ => format!("{place}found by credential, date and request, not by the text's signature: {lack}:"),
        })?;
        urls::card(&one.url.clone().unwrap_or_default()).print(Format::Table)?;
        out::line("")?;
    }
    Ok(())
}

impl Explain {
    /// Asks the daemon, which also knows whether it issued the URL; explains without one where there is none.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let url = argument_or_stdin(&self.url).await?;
        let answer = match globals.connect(around).await {
            Ok(daemon) => daemon.registry().explain_url(daemon.ask(ExplainUrlRequest { url })).await?.into_inner(),
            Err(unreachable) => {
                let told = explain(&url, Clock::system().now())
                    .map_err(|refused| Status::from(Error::from(Refused::new("url", refused.problem))))?;
                warn(&format!("{}; so no record was looked for", unreachable.message));
                grpc::explanation(told, None)
            }
        };
        match globals.output.unwrap_or(Format::Table) {
            Format::Json => out::json(json::explanation(&answer))?,
            format => print(&answer, format)?,
        }
        Ok(())
    }
}

fn print(answer: &ExplainUrlResponse, format: Format) -> std::io::Result<()> {
    let token = if answer.has_session_token { ", with a session token" } else { "" };
    let mut pairs = vec![
        ("state".to_owned(), answer.state.clone()),
        ("ends at".to_owned(), say::time(answer.ends_at.as_ref())),
        ("signed at".to_owned(), say::time(answer.signed_at.as_ref())),
        ("expires in".to_owned(), say::length(answer.expires_in.as_ref())),
        ("credential".to_owned(), format!("{}{token}", answer.credential)),
        ("access key".to_owned(), answer.access_key_id.clone()),
        ("algorithm".to_owned(), answer.algorithm.clone()),
        ("host".to_owned(), answer.host.clone()),
        ("bucket".to_owned(), answer.bucket.clone()),
        ("key".to_owned(), answer.key.clone()),
        ("region".to_owned(), answer.region.clone()),
        ("service".to_owned(), answer.service.clone()),
        ("signed headers".to_owned(), answer.signed_headers.join(", ")),
    ];
    let mut query: Vec<_> = answer.query.iter().map(|(name, value)| (format!("query {name}"), value.clone())).collect();
    query.sort();
    pairs.extend(query);
    Sheet::card(pairs).print(format)?;
    let gap = || if format == Format::Table { out::line("") } else { Ok(()) };
    if !answer.findings.is_empty() {
        gap()?;
        let mut sheet = Sheet::new(&["SEVERITY", "REASON", "FINDING"]);
        for one in &answer.findings {
            sheet.row(vec![json::severity(one.severity), one.reason.clone(), one.message.clone()]);
        }
        sheet.print(format)?;
    }
    if let Some(url) = &answer.url {
        gap()?;
        if format == Format::Table {
            out::line("issued by this daemon:")?;
        }
        urls::card(url).print(format)?;
    }
    Ok(())
}

/// The argument, or for "-" the one line of stdin, without the blanks around it.
pub(super) async fn argument_or_stdin(argument: &str) -> Result<String, Failure> {
    let mut lines = lines_or_argument(argument).await?;
    match lines.len() {
        0 | 1 => Ok(lines.pop().map(|(_, line)| line).unwrap_or_default()),
        // Whoever is answered about the first would take the others for harmless.
        many => Err(Failure::usage(format!("stdin gave {many} lines; give one URL or one line"))),
    }
}

/// The argument, or for "-" the lines of stdin that are not blank, by their numbers, a broken URL as one; at least one.
async fn lines_or_argument(argument: &str) -> Result<Vec<(usize, String)>, Failure> {
    let text = if argument == "-" {
        let (send, read) = oneshot::channel();
        // A thread of its own: a read of stdin cannot be cancelled, and must not hold up the end of the program.
        std::thread::spawn(move || send.send(stdin()));
        read.await.unwrap_or_else(|_| Err(Failure::surroundings("stdin could not be read")))?
    } else {
        return Ok(vec![(1, argument.trim().to_owned())]);
    };
    let lines = lines(&text);
    match lines.iter().find(|(_, line)| line.len() as u64 > LONGEST) {
        Some((number, _)) => Err(Failure::usage(format!(
            "line {number} of stdin is longer than 16 KiB; give one URL or one line of a log on each"
        ))),
        None if lines.is_empty() => Ok(vec![(1, String::new())]),
        None => Ok(lines),
    }
}

fn stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::surroundings(format!("cannot read stdin: {error}")))?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::usage("stdin gave more than 1 MiB; give fewer lines at once"));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage("what stdin gave is not UTF-8"))
}

/// What the service takes of one.
const LONGEST: u64 = 16 << 10;
/// Of all of them.
const MOST: u64 = 1 << 20;
