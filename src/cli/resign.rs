//! `presignd resign`: the same requests signed again, printed as they come. Never holds more than a call's worth of ids.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::timeout;
use tonic::{Request, Streaming};

use super::batch;
use super::connect::{Daemon, Globals};
use super::exit::{Exit, Failure, warn};
use super::length::Length;
use super::out::{self, Format};
use super::progress::Progress;
use super::refusal::Refusal;
use super::wanted::Wanted;
use super::{flags, json, report, say};
use crate::config::Surroundings;
use crate::grpc::proto::presign_result::Result as Either;
use crate::grpc::proto::{ResignRequest, ResignResponse, UrlFilter};

/// Sign recorded requests again with the present session; your own, or with --admin anybody's
#[derive(Debug, Clone, clap::Args)]
pub struct Resign {
    /// Records to sign again; "-" reads them from stdin, one to a line
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Everything that is outstanding
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub wanted: Wanted,
    /// Only what this event ends or may end, as `presignd impact` takes it: "key-deleted AKIA…" (admin socket)
    #[arg(long, value_name = "EVENT", conflicts_with = "ids")]
    pub ended_by: Option<String>,
    /// How long the new URLs should live [default: as long as each was signed for]
    #[arg(long, value_name = "LENGTH")]
    pub expires_in: Option<Length>,
    /// The shortest life that is of any use; what cannot reach it fails [default: nine tenths of the other]
    #[arg(long, value_name = "LENGTH")]
    pub at_least: Option<Length>,
    /// Makes a repeated call safe: the same id gives each record the same new URL for ten minutes
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub request_id: String,
    /// Read customer keys of SSE-C, which are not recorded, from this file: lines of NAME:VALUE
    #[arg(long, value_name = "FILE")]
    pub secret_headers: Option<std::path::PathBuf>,
}

/// How far it has come.
struct Tally {
    signed: u64,
    failed: u64,
    /// Of those that failed: the event would do to the new URLs what it does to the former,
    ends_too: u64,
    /// or may do so.
    may_end_too: u64,
    /// Of those that need no other successor.
    standing: u64,
    /// Of those that were signed: into an event that stands.
    early: u64,
    first_early: Option<String>,
    progress: Progress,
}

impl Resign {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let filter = self.wanted.filter()?;
        let has_filter = filter != UrlFilter::default();
        match (self.ids.is_empty(), self.all || has_filter || self.ended_by.is_some()) {
            (true, false) => {
                return Err(Failure::usage(
                    "name records, \"-\" for ids on stdin, a filter such as --identity, or --all",
                ));
            }
            (false, true) => return Err(Failure::usage("records are named by their ids alone; leave the filters out")),
            _ => {}
        }
        let json = match globals.output.unwrap_or(Format::Text) {
            Format::Text => false,
            Format::Json => true,
            Format::Table => return Err(Failure::usage("new URLs are printed as text or json, one line for each")),
        };
        let words = |text: &String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let event = self.ended_by.as_ref().map(|text| report::event(&words(text))).transpose()?;
        let request = ResignRequest {
            event,
            expires_in: self.expires_in.map(Length::wire),
            at_least: self.at_least.map(Length::wire),
            request_id: self.request_id.clone(),
            secret_headers: self.secrets()?,
            ..Default::default()
        };
        let daemon = match &self.ended_by {
            Some(_) => globals.connect_admin(around).await?,
            None => globals.connect(around).await?,
        };
        let mut tally = Tally {
            signed: 0,
            failed: 0,
            ends_too: 0,
            may_end_too: 0,
            standing: 0,
            early: 0,
            first_early: None,
            progress: Progress::new(),
        };
        if self.ids == ["-"] {
            let mut coming = batch::lines_of_stdin(batch::Blank::Keep);
            let mut number = 0u64;
            while let Some(chunk) = batch::next_chunk(&mut coming).await {
                let (mut ids, mut lines) = (Vec::new(), Vec::new());
                for line in chunk? {
                    number += 1;
                    // What is no text is no id either.
                    let line = line.unwrap_or_else(|| char::REPLACEMENT_CHARACTER.into());
                    if !line.trim().is_empty() {
                        ids.push(line.trim().chars().take(LONGEST_ID).collect());
                        lines.push(number);
                    }
                }
                if !ids.is_empty() {
                    tally.ask(ResignRequest { ids, ..request.clone() }, &lines, &daemon, json).await?;
                }
            }
        } else if self.ids.is_empty() {
            let asked = tally.ask(ResignRequest { filter: Some(filter), ..request }, &[], &daemon, json).await;
            asked.map_err(|failure| broken_off(failure, &self.request_id))?;
        } else {
            for ids in self.ids.chunks(CALL_IDS) {
                tally.ask(ResignRequest { ids: ids.to_vec(), ..request.clone() }, &[], &daemon, json).await?;
            }
        }
        tally.end()
    }

    fn secrets(&self) -> Result<std::collections::HashMap<String, String>, Failure> {
        let Some(path) = &self.secret_headers else { return Ok(Default::default()) };
        let unusable = |why: String| Failure::surroundings(format!("--secret-headers {}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
        let text = zeroize::Zeroizing::new(text);
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        // The line is not shown: it may be a key whose name was left out.
        let pairs = lines.map(|line| flags::header(line).map_err(|why| unusable(format!("a line {why}"))));
        flags::map("--secret-headers", &pairs.collect::<Result<Vec<_>, _>>()?)
    }
}

impl Tally {
    /// The whole may take as long as it takes; no single URL may keep us waiting. `lines` are those of the ids, where they
    /// were read from some.
    async fn ask(&mut self, ask: ResignRequest, lines: &[u64], daemon: &Daemon, json: bool) -> Result<(), Failure> {
        let patience = daemon.patience();
        let mut signer = daemon.signer();
        let asked = timeout(patience, signer.resign(Request::new(ask))).await.map_err(|_| late(patience))?;
        let mut stream: Streaming<ResignResponse> = asked?.into_inner();
        while let Some(one) = timeout(patience, stream.message()).await.map_err(|_| late(patience))?? {
            self.print(one, lines, json)?;
        }
        Ok(())
    }

    fn print(&mut self, one: ResignResponse, lines: &[u64], json: bool) -> Result<(), Failure> {
        if !one.standing.is_empty() {
            self.standing += 1;
            if json {
                out::json(of(&one.id, json!({"standing": one.standing})))?;
            }
            return Ok(());
        }
        let early = match (&one.form, one.result.as_ref().and_then(|result| result.result.as_ref())) {
            (Some(form), _) => form.ends_early.clone(),
            (None, Some(Either::Response(signed))) => signed.ends_early.clone(),
            (None, _) => None,
        };
        let answer = match (&one.form, one.result.and_then(|result| result.result)) {
            (Some(form), _) => Ok((json::form(form).to_string(), json::form(form))),
            (None, Some(Either::Response(signed))) => Ok((signed.url.clone(), json::presigned(&signed))),
            (None, Some(Either::Failure(failure))) => Err(placed(Refusal::from(&failure), lines)),
            (None, None) => return Err(Failure::new(Exit::Other, format!("the service said nothing of {}", one.id))),
        };
        if let Some(early) = early {
            self.early += 1;
            self.first_early.get_or_insert_with(|| say::ends_early("first of them", &early));
        }
        match &answer {
            Ok(_) => self.signed += 1,
            Err(refusal) => {
                self.failed += 1;
                self.ends_too += u64::from(refusal.reason == "ENDS_TOO");
                self.may_end_too += u64::from(refusal.reason == "MAY_END_TOO");
            }
        }
        match answer {
            Ok((_, members)) if json => out::json(of(&one.id, members))?,
            Ok((text, _)) => out::line(&format!("{}\t{text}", one.id))?,
            Err(refusal) if json => out::json(of(&one.id, json!({"error": refusal.json()})))?,
            Err(refusal) => {
                self.progress.clear();
                warn(&format!("{}: {} [{}]", one.id, refusal.message, refusal.reason));
            }
        }
        let (signed, failed) = (self.signed, self.failed);
        self.progress.step(signed + failed, || format!("{signed} signed again, {failed} failed"));
        Ok(())
    }

    fn end(self) -> Result<(), Failure> {
        let why = self.of_the_event();
        let Self { signed, failed, standing, early, first_early, mut progress, .. } = self;
        if let Some(first) = first_early {
            progress.clear();
            warn(&format!("{early} of the new URLs end early or may: {first}"));
        }
        if standing > 0 {
            progress.clear();
            warn(&format!(
                "{standing} left as they are: they were signed again before, and the new URLs have not surely ended; who never \
                 got one: presignd resign ID signs that record again (--output json has the ids)"
            ));
        }
        match failed {
            0 => Ok(()),
            _ => {
                let message = format!("{failed} of {} could not be signed again{why}", signed + failed);
                Err(Failure::new(Exit::Refused, message))
            }
        }
    }

    /// Of those that failed, those to which nothing but the event stands in the way.
    fn of_the_event(&self) -> String {
        let told = [(self.ends_too, "would end by the event as well"), (self.may_end_too, "may end by it no less")];
        let told = told.into_iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
        let told: Vec<String> = told.collect();
        if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) }
    }
}

/// A command that chose by a filter and broke off may have had more signed than it printed, and its repetition leaves these as
/// they are.
fn broken_off(failure: Failure, request_id: &str) -> Failure {
    if !matches!(failure.exit, Exit::Surroundings | Exit::Other) {
        return failure;
    }
    failure.with(if request_id.is_empty() {
        "more may be signed than is printed; the same command leaves those as they are, and with --output json it tells their ids \
         (former, where there is standing): presignd resign ID signs such a record again"
    } else {
        "more may be signed than is printed; the same command with the same --request-id prints it, within ten minutes"
    })
}

/// What is no id has a place in the call, which nobody sees: here it has that of its line.
fn placed(refusal: Refusal, lines: &[u64]) -> Refusal {
    let place = |(field, problem): &(String, String)| {
        let at: usize = field.strip_prefix("ids[")?.strip_suffix(']')?.parse().ok()?;
        let place = lines.get(at).map_or("it".to_owned(), |line| format!("line {line}"));
        Some((place.clone(), problem.clone(), format!("{place} {problem}")))
    };
    match refusal.fields.first().and_then(place) {
        Some((place, problem, message)) => Refusal { message, fields: vec![(place, problem)], ..refusal },
        None => refusal,
    }
}

/// The answer, with the record that it is for.
fn of(former: &str, answer: Value) -> Value {
    let mut members = Map::from_iter([("former".to_owned(), former.into())]);
    if let Value::Object(answer) = answer {
        members.extend(answer);
    }
    Value::Object(members)
}

fn late(patience: Duration) -> Failure {
    let waited = say::seconds(patience.as_secs());
    Failure::new(Exit::Other, format!("no answer within {waited}; allow more with --timeout"))
}

/// Characters that are asked about: more than any id has, and few enough for a call.
const LONGEST_ID: usize = 64;
/// Ids in one call; the service takes as many.
const CALL_IDS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_broke_off_says_how_to_get_what_it_did_not_print() {
        let broken = |request_id| broken_off(Failure::surroundings("the connection broke"), request_id).details;
        assert!(broken("")[0].contains("presignd resign ID"), "{:?}", broken(""));
        assert!(broken("r1")[0].contains("the same --request-id"), "{:?}", broken("r1"));
        let refused = broken_off(Failure::new(Exit::Refused, "no such identity"), "");
        assert!(refused.details.is_empty(), "nothing was signed: {:?}", refused.details);
    }
}
