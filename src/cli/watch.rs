//! `presignd watch`: what happens, a line for each as it comes, until somebody has enough.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

use super::connect::{Daemon, Globals};
use super::exit::{Exit, Failure, warn};
use super::out::{self, Format};
use super::{json, report, say};
use crate::config::Surroundings;
use crate::grpc::proto::watch_response::What;
use crate::grpc::proto::{WatchRequest, WatchResponse};

/// Follow what ends your URLs early; with --admin, all that happens to sessions, identities and URLs
#[derive(Debug, Clone, clap::Args)]
pub struct Watch {
    /// Go on after this cursor, the first field of the line that was handled last
    #[arg(long, value_name = "CURSOR", conflicts_with = "from_oldest")]
    pub cursor: Option<String>,
    /// Begin with the oldest that is kept: 7 days
    #[arg(long)]
    pub from_oldest: bool,
}

impl Watch {
    /// Asks and prints, without an end of its own. A daemon that goes away and comes back is asked where it left off.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let is_json = match globals.output.unwrap_or(Format::Text) {
            Format::Text => false,
            Format::Json => true,
            Format::Table => return Err(Failure::usage("what happens is printed as text or json, a line for each")),
        };
        // A script whose variable is empty would begin now, and miss all that it was away for.
        if self.cursor.as_ref().is_some_and(|cursor| cursor.trim().is_empty()) {
            return Err(Failure::usage(
                "the cursor is empty: name the line that was handled last, or leave --cursor out to begin now, or begin with \
                 --from-oldest",
            ));
        }
        let ask = WatchRequest { cursor: self.cursor.clone().unwrap_or_default(), from_oldest: self.from_oldest };
        let mut following = Following { ask, is_json, away: Duration::ZERO };
        let mut daemon = globals.connect(around).await?;
        loop {
            let mut lost = following.follow(&daemon).await?;
            daemon = loop {
                if following.ask.cursor.is_empty() || following.away >= AWAY_MOST {
                    return Err(following.ended(lost));
                }
                if following.away.is_zero() {
                    warn(&format!("{}; waiting for the daemon to come back", lost.message));
                }
                sleep(PACE).await;
                following.away += PACE;
                match globals.connect(around).await {
                    Ok(daemon) => break daemon,
                    Err(failure) => lost = failure,
                }
            };
        }
    }
}

/// Where a watch is.
struct Following {
    ask: WatchRequest,
    is_json: bool,
    /// How long the daemon has been away.
    away: Duration,
}

impl Following {
    /// Prints until the daemon is lost, and answers how.
    ///
    /// # Errors
    /// When there is more to it than that the daemon is not there.
    async fn follow(&mut self, daemon: &Daemon) -> Result<Failure, Failure> {
        let mut rotation = daemon.rotation();
        let Ok(begun) = timeout(daemon.patience(), rotation.watch(self.ask.clone())).await else {
            return Err(self.ended(Failure::new(Exit::Other, "no answer in time; allow more with --timeout")));
        };
        let mut stream = match begun {
            Ok(begun) => begun.into_inner(),
            Err(status) => return self.lost(status),
        };
        loop {
            let one = match stream.message().await {
                Ok(Some(one)) => one,
                Ok(None) => return Ok(Failure::surroundings("the daemon ended the watch")),
                Err(status) => return self.lost(status),
            };
            self.away = Duration::ZERO;
            // Whoever reads has this place already, when the daemon is asked again.
            let is_news = one.what.is_some() || one.cursor != self.ask.cursor;
            let is_oldest = std::mem::take(&mut self.ask.from_oldest);
            self.ask.cursor.clone_from(&one.cursor);
            match self.is_json {
                _ if !is_news => {}
                true => out::json(json::watch::heard(&one))?,
                false => out::line(&line(&one, is_oldest))?,
            }
        }
    }

    fn lost(&self, status: Status) -> Result<Failure, Failure> {
        let code = status.code();
        let failure = Failure::from(status);
        match code {
            _ if code == Code::Unavailable || failure.exit == Exit::Surroundings => Ok(failure),
            // The place itself is what was refused.
            Code::InvalidArgument | Code::OutOfRange => Err(failure),
            _ => Err(self.ended(failure)),
        }
    }

    /// Says where to go on.
    fn ended(&self, failure: Failure) -> Failure {
        let place = &self.ask.cursor;
        if place.is_empty() { failure } else { failure.with(format!("go on with --cursor {place}")) }
    }
}

/// Cursor, time, what, and of what, with tabs between them. Whoever begins with the oldest is told of that place first.
fn line(one: &WatchResponse, is_oldest: bool) -> String {
    let name = one.what.as_ref().map_or("place".to_owned(), |what| json::watch::name(what).replace('_', "-"));
    let place = match is_oldest {
        true => "the oldest that is kept comes next, then what comes",
        false => "nothing to tell up to here; what comes is told",
    };
    let of = one.what.as_ref().map_or(place.to_owned(), of);
    [one.cursor.clone(), say::time(one.at.as_ref()), name, of].map(|cell| out::plain(&cell).into_owned()).join("\t")
}

pub(super) fn of(what: &What) -> String {
    match what {
        What::SessionRenewed(one) => format!("{} generation {}", one.identity, one.generation),
        What::RenewalFailed(one) => {
            let whose = if one.partition.is_empty() { String::new() } else { format!(" for {}", one.partition) };
            format!("{}{whose}: {} [{}]", one.identity, one.message, one.reason)
        }
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
            let never = if one.withdrawn.is_some() { ": it never happened" } else { "" };
            format!("{} {} {}{never}", one.id, report::kind(one), report::of(one))
        }
        What::UrlEndsEarly(one) => {
            let ending = one.ending.clone().unwrap_or_default();
            let (verdict, when) = (say::verdict(ending.verdict), say::interval(&ending));
            format!("{} {verdict} {when}: {}", one.url_id, ending.message)
        }
    }
}

/// How often a daemon that is away is asked for, and for how long.
const PACE: Duration = Duration::from_secs(1);
const AWAY_MOST: Duration = Duration::from_secs(600);
