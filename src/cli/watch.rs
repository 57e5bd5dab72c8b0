//! `presignd watch`: what happens, a line for each as it comes, until somebody has enough.

use tokio::time::timeout;

use super::connect::Globals;
use super::exit::{Exit, Failure};
use super::out::{self, Format};
use super::{json, report, say};
use crate::config::Surroundings;
use crate::grpc::proto::watch_response::What;
use crate::grpc::proto::{WatchRequest, WatchResponse};

/// Follow what ends your URLs early; with --admin, all that happens to sessions, identities and URLs
#[derive(Debug, Clone, clap::Args)]
pub struct Watch {
    /// Go on after this cursor, the first field of the line that was handled last
    #[arg(long, value_name = "CURSOR", default_value = "", hide_default_value = true, conflicts_with = "from_oldest")]
    pub cursor: String,
    /// Begin with the oldest that is kept: 7 days
    #[arg(long)]
    pub from_oldest: bool,
}

impl Watch {
    /// Asks and prints, without an end of its own.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let is_json = match globals.output.unwrap_or(Format::Text) {
            Format::Text => false,
            Format::Json => true,
            Format::Table => return Err(Failure::usage("what happens is printed as text or json, a line for each")),
        };
        let daemon = globals.connect(around).await?;
        let ask = WatchRequest { cursor: self.cursor.clone(), from_oldest: self.from_oldest };
        let mut rotation = daemon.rotation();
        let begun = timeout(daemon.patience(), rotation.watch(ask)).await;
        let mut stream =
            begun.map_err(|_| Failure::new(Exit::Other, "no answer; allow more with --timeout"))??.into_inner();
        let mut last = self.cursor.clone();
        loop {
            let one = match stream.message().await {
                Ok(Some(one)) => one,
                Ok(None) => return Err(ended(Failure::new(Exit::Refused, "the daemon ended the watch"), &last)),
                Err(status) => return Err(ended(status.into(), &last)),
            };
            last.clone_from(&one.cursor);
            match is_json {
                true => out::json(json::watch::heard(&one))?,
                false => out::line(&line(&one))?,
            }
        }
    }
}

fn ended(failure: Failure, last: &str) -> Failure {
    if last.is_empty() { failure } else { failure.with(format!("go on with --cursor {last}")) }
}

/// Cursor, time, what, and of what, with tabs between them.
fn line(one: &WatchResponse) -> String {
    let name = one.what.as_ref().map_or("-".to_owned(), |what| json::watch::name(what).replace('_', "-"));
    let of = one.what.as_ref().map_or("-".to_owned(), of);
    [one.cursor.clone(), say::time(one.at.as_ref()), name, of].map(|cell| out::plain(&cell).into_owned()).join("\t")
}

fn of(what: &What) -> String {
    match what {
        What::SessionRenewed(one) => format!("{} generation {}", one.identity, one.generation),
        What::RenewalFailed(one) => format!("{}: {} [{}]", one.identity, one.message, one.reason),
        What::SessionEnding(one)
        | What::GenerationDraining(one)
        | What::GenerationDrained(one)
        | What::GenerationRetired(one)
        | What::DrainCancelled(one) => {
            let session = one.session.clone().unwrap_or_default();
            format!("{} generation {}: {}", session.identity, session.generation, one.advice)
        }
        What::IdentityPaused(one) | What::IdentityResumed(one) => one.identity.clone(),
        What::EventHappened(one) | What::EventLifted(one) => {
            format!("{} {} {}", one.id, report::kind(one), report::of(one))
        }
        What::UrlEndsEarly(one) => {
            let ending = one.ending.clone().unwrap_or_default();
            let (from, to) = (say::time(ending.not_before.as_ref()), say::time(ending.not_after.as_ref()));
            format!("{} {} between {from} and {to}: {}", one.url_id, say::verdict(ending.verdict), ending.message)
        }
    }
}
