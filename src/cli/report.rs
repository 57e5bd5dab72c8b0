//! `presignd report` and `presignd events`: what happened at AWS, written down, listed and taken back. Asks on the admin
//! socket, and decides nothing.

use std::path::PathBuf;

use clap::{Args as _, FromArgMatches, Subcommand};
use serde_json::{Value, json};

use super::connect::Globals;
use super::exit::{Exit, Failure, warn};
use super::identities::dash;
use super::impact::Kind;
use super::length::Length;
use super::out::{self, Format, Sheet};
use super::{json, say};
use crate::config::Surroundings;
use crate::grpc::proto::{Event, LiftEventRequest, ListEventsRequest, ReportEventRequest, ReportedEvent};

/// Write down that an event happened, so that records say what it ends (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Report {
    /// The event, as `presignd impact` takes it: key-deleted AKIA…, --at -2h and all
    #[arg(value_name = "EVENT", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub event: Vec<String>,
}

/// List events that were reported or seen and still stand, newest first, or take one back (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Events {
    /// Write down that this one was undone
    #[arg(long, value_name = "ID", conflicts_with = "with_lifted")]
    pub lift: Option<String>,
    /// Write down that this one never happened: it was reported in error
    #[arg(long, value_name = "ID", conflicts_with_all = ["with_lifted", "lift"])]
    pub withdraw: Option<String>,
    /// Also those that were lifted or withdrawn
    #[arg(long)]
    pub with_lifted: bool,
}

/// Common options, where they stand among the words of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
struct Common {
    #[arg(long, global = true, hide = true)]
    admin_socket: Option<PathBuf>,
    #[arg(long, global = true, hide = true, value_enum)]
    output: Option<Format>,
    #[arg(long, global = true, hide = true)]
    timeout: Option<Length>,
}

impl Report {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let (happened, common) = parsed(&self.event)?;
        let event = happened.event()?;
        let globals = &Globals {
            admin_socket: common.admin_socket.or_else(|| globals.admin_socket.clone()),
            output: common.output.or(globals.output),
            timeout: common.timeout.unwrap_or(globals.timeout),
            ..globals.clone()
        };
        let daemon = globals.connect_admin(around).await?;
        let ask = daemon.ask(ReportEventRequest { event: Some(event) });
        let answer = daemon.rotation().report_event(ask).await?.into_inner();
        let (reported, totals) = (answer.event.clone().unwrap_or_default(), answer.totals.unwrap_or_default());
        match globals.output.unwrap_or(Format::Table) {
            Format::Json => out::json(json::watch::report(&answer))?,
            format => Sheet::card([
                ("id", reported.id.clone()),
                ("event", kind(&reported)),
                ("ends", totals.ends.to_string()),
                ("may end", totals.may_end.to_string()),
                ("lives", totals.lives.to_string()),
            ])
            .print(format)?,
        }
        if answer.stood {
            let at = say::time(reported.event.as_ref().and_then(|event| event.at.as_ref()));
            warn(&format!("{} says so already, as of {at}, and stands: nothing was written", reported.id));
        }
        for gap in &answer.gaps {
            let text = {
                let is_seen = gap.reason == "SEEN_ALIVE";
                let wrong = if is_seen { "If it never happened" } else { "If it is not" };
                format!("{} {wrong}, withdraw it: presignd events --withdraw {}", gap.message, reported.id)
            };
            warn(&format!("{text} [{}]", gap.reason));
        }
        Ok(())
    }
}

impl Events {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let daemon = globals.connect_admin(around).await?;
        let format = globals.output.unwrap_or(Format::Table);
        let events = match self.lift.as_ref().or(self.withdraw.as_ref()) {
            Some(id) => {
                let ask = LiftEventRequest { id: id.clone(), in_error: self.withdraw.is_some() };
                let lifted = daemon.rotation().lift_event(daemon.ask(ask)).await?;
                lifted.into_inner().event.into_iter().collect()
            }
            None => {
                let ask = daemon.ask(ListEventsRequest { with_lifted: self.with_lifted });
                daemon.rotation().list_events(ask).await?.into_inner().events
            }
        };
        match format {
            Format::Json => {
                out::json(json!({"events": events.iter().map(json::watch::reported).collect::<Vec<_>>()}))?;
            }
            format => sheet(&events).print(format)?,
        }
        Ok(())
    }
}

/// An event from the words that `presignd impact` takes.
///
/// # Errors
/// When they are none, choose among URLs, or say how to ask.
pub(super) fn event(words: &[String]) -> Result<Event, Failure> {
    match parsed(words)? {
        (kind, common) if common == Common::default() => kind.event(),
        _ => Err(Failure::usage("an event is what happens: name options such as --output apart from it")),
    }
}

fn parsed(words: &[String]) -> Result<(Kind, Common), Failure> {
    let parser = Kind::augment_subcommands(Common::augment_args(clap::Command::new("presignd impact")));
    let matches = parser.subcommand_required(true).no_binary_name(true).try_get_matches_from(words);
    let found = matches.and_then(|all| Ok((Kind::from_arg_matches(&all)?, Common::from_arg_matches(&all)?)));
    let error = match found {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    let text = error.render().to_string();
    if error.kind() == clap::error::ErrorKind::DisplayHelp {
        out::line(text.trim_end())?;
        return Err(Failure::new(Exit::Fine, ""));
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let failure = Failure::usage(lines.next().unwrap_or_default().trim_start_matches("error: "));
    Err(lines.fold(failure, |failure, line| failure.with(line)))
}

/// What of: its members that say something, as they stand in JSON.
pub(super) fn of(one: &ReportedEvent) -> String {
    let what = one.event.as_ref().and_then(|event| event.what.as_ref());
    let mut said = Vec::new();
    if let Some(what) = what {
        say_members(&json::impact::kind(what).1, &mut said);
    }
    said.join(" ")
}

fn say_members(value: &Value, said: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Object(_) => say_members(value, said),
            Value::String(text) => said.push(format!("{name}={text}")),
            Value::Array(all) if all.is_empty() => {}
            other => said.push(format!("{name}={other}")),
        }
    }
}

/// The name of its kind, as it is reported.
pub(super) fn kind(one: &ReportedEvent) -> String {
    let what = one.event.as_ref().and_then(|event| event.what.as_ref());
    what.map(|what| json::impact::kind(what).0.replace('_', "-")).unwrap_or_default()
}

fn sheet(events: &[ReportedEvent]) -> Sheet {
    let mut sheet = Sheet::new(&["ID", "EVENT", "AT", "RECORDED AT", "LIFTED AT", "CAUSE", "OF"]);
    for one in events {
        let event = one.event.clone().unwrap_or_default();
        sheet.row(vec![
            one.id.clone(),
            kind(one),
            say::time(event.at.as_ref()),
            say::time(one.recorded_at.as_ref()),
            dash(match &one.withdrawn {
                Some(said) => format!("withdrawn {}", say::time(said.withdrawn_at.as_ref())),
                None => say::time(one.lifted_at.as_ref()),
            }),
            dash(match &one.seen_alive_at {
                _ if one.observed => one.cause.clone(),
                Some(_) => format!("reported, but seen alive {}", say::time(one.seen_alive_at.as_ref())),
                None => "reported".to_owned(),
            }),
            of(one),
        ]);
    }
    sheet
}
