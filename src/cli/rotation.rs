//! `presignd rotation`, `retire`, `pause` and `resume`: how far each generation is, and what operators decide of it.

use serde_json::json;

use super::connect::Globals;
use super::exit::{Failure, warn};
use super::identities::dash;
use super::out::{self, Format, Sheet};
use super::{json, say};
use crate::config::Surroundings;
use crate::grpc::proto::{
    GenerationState, GenerationStatus, Identity, PauseIdentityRequest, ResumeIdentityRequest, RetireRequest,
    RotationStatusRequest,
};

/// Show what is outstanding of each key and session, and when a key can be deactivated (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Rotation {
    /// Of this identity only
    #[arg(value_name = "IDENTITY", default_value = "", hide_default_value = true)]
    pub identity: String,
    /// Also what is retired or has ended, with nothing outstanding
    #[arg(long)]
    pub with_retired: bool,
}

impl Rotation {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let daemon = globals.connect_admin(around).await?;
        let Self { identity, with_retired } = self.clone();
        let ask = daemon.ask(RotationStatusRequest { identity, with_retired });
        let all = daemon.rotation().rotation_status(ask).await?.into_inner().generations;
        match globals.output.unwrap_or(Format::Table) {
            Format::Json => {
                out::json(json!({"generations": all.iter().map(json::generation).collect::<Vec<_>>()}))?;
            }
            Format::Text => lines(&all).print(Format::Text)?,
            Format::Table => {
                table(&all).print(Format::Table)?;
                out::line(&format!("\n{}", advice(&all)))?;
            }
        }
        Ok(())
    }
}

/// Declare a key or session done, for good: it never signs again (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Retire {
    /// The identity
    #[arg(value_name = "IDENTITY")]
    pub identity: String,
    /// The number of its generation
    #[arg(value_name = "GENERATION")]
    pub generation: u64,
    /// Although it signs, or URLs of it are outstanding
    #[arg(long)]
    pub force: bool,
}

impl Retire {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let daemon = globals.connect_admin(around).await?;
        let Self { identity, generation, force } = self.clone();
        let ask = daemon.ask(RetireRequest { identity, generation, force });
        let retired = daemon.rotation().retire(ask).await?.into_inner();
        let (status, breaks, was_retired) =
            (retired.status.unwrap_or_default(), retired.breaks_urls, retired.was_retired);
        match globals.output.unwrap_or(Format::Table) {
            Format::Json => {
                let generation = json::generation(&status);
                out::json(json!({"generation": generation, "breaks_urls": breaks, "was_retired": was_retired}))?;
            }
            format => {
                if was_retired {
                    let since = say::time(status.since.as_ref());
                    let Retire { identity, generation, .. } = self;
                    warn(&format!("{identity} {generation} is retired since {since}; nothing was changed"));
                }
                if breaks > 0 {
                    let (key, end) = (&status.session.clone().unwrap_or_default().access_key_id, &status.safe_from);
                    let end = say::time(end.as_ref());
                    let urls = if breaks == 1 { "URL breaks" } else { "URLs break" };
                    let early = say::ended_early(&status);
                    warn(&format!("{breaks} outstanding {urls} if {key} ends before {end}{early}"));
                }
                print_one(&status, format)?;
            }
        }
        Ok(())
    }
}

/// Stop an identity from signing at once, until it is resumed (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Pause {
    /// The identity
    #[arg(value_name = "IDENTITY")]
    pub identity: String,
}

impl Pause {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let daemon = globals.connect_admin(around).await?;
        let ask = daemon.ask(PauseIdentityRequest { identity: self.identity.clone() });
        let paused = daemon.rotation().pause_identity(ask).await?.into_inner().identity;
        print_identity(globals, &paused.unwrap_or_default())
    }
}

/// Let a paused identity sign again (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Resume {
    /// The identity
    #[arg(value_name = "IDENTITY")]
    pub identity: String,
}

impl Resume {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let daemon = globals.connect_admin(around).await?;
        let ask = daemon.ask(ResumeIdentityRequest { identity: self.identity.clone() });
        let resumed = daemon.rotation().resume_identity(ask).await?.into_inner().identity;
        print_identity(globals, &resumed.unwrap_or_default())
    }
}

fn print_identity(globals: &Globals, one: &Identity) -> Result<(), Failure> {
    match globals.output.unwrap_or(Format::Text) {
        Format::Json => out::json(json!({"identity": json::identity(one)}))?,
        Format::Text => out::line(&say::state(one.state))?,
        format => Sheet::card([("name", one.name.clone()), ("state", say::state(one.state))]).print(format)?,
    }
    Ok(())
}

/// One generation, as decisions answer it.
pub(super) fn print_one(status: &GenerationStatus, format: Format) -> Result<(), Failure> {
    let all = std::slice::from_ref(status);
    match format {
        Format::Json => out::json(json!({"generation": json::generation(status)}))?,
        Format::Text => lines(all).print(Format::Text)?,
        Format::Table => {
            table(all).print(Format::Table)?;
            out::line(&format!("\n{}", status.advice))?;
        }
    }
    Ok(())
}

/// For reading: what can be done stands below it.
fn table(all: &[GenerationStatus]) -> Sheet {
    let mut heads = vec!["IDENTITY", "GENERATION", "ACCESS KEY", "STATE", "SINCE", "OUTSTANDING", "LAST URL ENDS"];
    let with_partitions = all.iter().any(|status| !status.partition.is_empty());
    heads.extend(with_partitions.then_some("PARTITION"));
    let with_ended = all.iter().any(|status| status.ended_early_urls > 0);
    heads.extend(with_ended.then_some("ENDED EARLY"));
    let mut sheet = Sheet::new(&heads);
    for status in all {
        let mut row = cells(status);
        row.extend(with_partitions.then(|| dash(status.partition.clone())));
        row.extend(with_ended.then(|| status.ended_early_urls.to_string()));
        sheet.row(row);
    }
    sheet
}

/// For scripts.
fn lines(all: &[GenerationStatus]) -> Sheet {
    let mut sheet = Sheet::default();
    for status in all {
        let more = [say::kind(status.kind), status.partition.clone(), status.advice.clone()].map(dash);
        sheet.row([cells(status), more.to_vec(), vec![status.ended_early_urls.to_string()]].concat());
    }
    sheet
}

fn cells(status: &GenerationStatus) -> Vec<String> {
    let session = status.session.clone().unwrap_or_default();
    vec![
        session.identity,
        session.generation.to_string(),
        dash(session.access_key_id),
        dash(say::generation_state(status.state)),
        dash(say::time(status.since.as_ref())),
        status.outstanding_urls.to_string(),
        dash(say::time(status.last_url_ends_at.as_ref())),
    ]
}

/// A line for each generation of which somebody has to do something. What signs is as it should be.
fn advice(all: &[GenerationStatus]) -> String {
    let is_idle =
        |status: &&GenerationStatus| status.advice.starts_with(NOTHING) || status.state() == GenerationState::Active;
    let todo = all.iter().filter(|status| !is_idle(status));
    let line = |status: &GenerationStatus| {
        let session = status.session.clone().unwrap_or_default();
        format!("{} {}: {}", session.identity, session.generation, status.advice)
    };
    let lines: Vec<String> = todo.map(line).collect();
    if lines.is_empty() {
        return ALL_IS_WELL.to_owned();
    }
    lines.iter().map(|line| out::plain(line).into_owned()).collect::<Vec<_>>().join("\n")
}

/// How advice begins where there is none.
const NOTHING: &str = "nothing to do";
const ALL_IS_WELL: &str = "nothing to do: no key waits to be deactivated, and sessions end by themselves";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_early_has_a_column_where_there_is_any() {
        let one = |ended_early_urls| GenerationStatus { ended_early_urls, outstanding_urls: 9, ..Default::default() };
        let shown = |all: &[GenerationStatus]| table(all).table();
        assert!(!shown(&[one(0)]).contains("ENDED EARLY"));
        let both = shown(&[one(0), one(7)]);
        assert!(both.lines().next().is_some_and(|heads| heads.ends_with("ENDED EARLY")), "{both}");
        assert!(both.lines().last().is_some_and(|row| row.trim_end().ends_with('7')), "{both}");
    }

    #[test]
    fn who_has_nothing_to_do_is_told_so_once() {
        let one = |advice: &str| GenerationStatus { advice: advice.into(), ..Default::default() };
        let idle = one("nothing to do: it is renewed by itself");
        let signs = GenerationStatus { state: GenerationState::Active.into(), ..one("put another key in its place") };
        assert_eq!(advice(&[idle.clone(), idle.clone(), signs.clone()]), ALL_IS_WELL);
        assert_eq!(advice(&[idle, signs, one("deactivate AKIA now")]), " 0: deactivate AKIA now");
    }
}
