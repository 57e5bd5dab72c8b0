//! `presignd find` and `presignd explain`: what a presigned URL is, and which record stands behind it.

use std::io::Read;

use tokio::sync::oneshot;
use tonic::Status;

use super::connect::Globals;
use super::exit::{Failure, warn};
use super::out::{self, Format, Sheet};
use super::{json, say, urls};
use crate::clock::Clock;
use crate::config::Surroundings;
use crate::error::Error;
use crate::explain::{explain, locate};
use crate::grpc;
use crate::grpc::proto::{ExplainUrlRequest, ExplainUrlResponse, FindUrlRequest, found_url};
use crate::s3::Refused;

/// Find the records behind a leaked URL or a line of an S3 access log.
#[derive(Debug, Clone, clap::Args)]
pub struct Find {
    /// The URL or the line; "-" reads it from stdin, which keeps it out of the process list
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
        let text = argument_or_stdin(&self.text).await?;
        let daemon = globals.connect(around).await?;
        let answer = daemon.registry().find_url(daemon.ask(FindUrlRequest { text: text.clone() })).await?.into_inner();
        match globals.output.unwrap_or(Format::Table) {
            Format::Json => out::json(json::found(&answer))?,
            Format::Text => {
                let found: Vec<_> = answer.found.iter().filter_map(|one| one.url.clone()).collect();
                urls::rows(&found).print(Format::Text)?;
            }
            Format::Table => {
                let is_damaged = locate(&text).is_ok_and(|located| located.is_damaged);
                let lack = if is_damaged { "its signature is damaged or masked" } else { "it carries no signature" };
                for one in &answer.found {
                    let kind = found_url::Match::try_from(one.r#match).unwrap_or_default();
                    out::line(&match kind {
                        found_url::Match::Signature => "found by its signature:".to_owned(),
                        _ => format!("found by credential, date and request, not by the text's signature: {lack}:"),
                    })?;
                    urls::card(&one.url.clone().unwrap_or_default()).print(Format::Table)?;
                    out::line("")?;
                }
            }
        }
        if !answer.explanation.is_empty() && globals.output != Some(Format::Json) {
            warn(&answer.explanation);
        }
        Ok(())
    }
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

/// The argument, or for "-" all of stdin, without the blanks around it.
pub(super) async fn argument_or_stdin(argument: &str) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument.trim().to_owned());
    }
    let (send, read) = oneshot::channel();
    // A thread of its own: a read of stdin cannot be cancelled, and must not hold up the end of the program.
    std::thread::spawn(move || send.send(stdin()));
    read.await.unwrap_or_else(|_| Err(Failure::surroundings("stdin could not be read")))
}

fn stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::surroundings(format!("cannot read stdin: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::usage("what stdin gave is not UTF-8"))?;
    if text.trim().len() as u64 > LONGEST {
        return Err(Failure::usage("what stdin gave is longer than 16 KiB; give one URL or one line"));
    }
    Ok(text.trim().to_owned())
}

/// What the service takes.
const LONGEST: u64 = 16 << 10;
