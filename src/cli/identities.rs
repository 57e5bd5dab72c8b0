//! `presignd identities`: what can sign, and how long a URL can live.

use serde_json::json;

use super::connect::Globals;
use super::exit::{Failure, warn};
use super::out::{self, Format, Sheet};
use super::{json, say};
use crate::config::Surroundings;
use crate::grpc::proto::{
    GenerationState, GetIdentityRequest, Identity, IdentityState, ListIdentitiesRequest, RenewIdentityRequest, Session,
};

/// List identities, or tell of one, or renew one.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Identities {
    /// Tell of this identity and its sessions
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    #[command(subcommand)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub act: Option<Act>,
}

/// What can be done to an identity.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Act {
    /// Get a new session now (admin socket)
    Renew {
        /// The identity
        #[arg(value_name = "NAME")]
        name: String,
    },
}

impl Identities {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let format = globals.output.unwrap_or(Format::Table);
        let mut renewed = Vec::new();
        let one = match (&self.act, &self.name) {
            (Some(Act::Renew { name }), _) => {
                let daemon = globals.connect_admin(around).await?;
                let ask = daemon.ask(RenewIdentityRequest { name: name.clone() });
                let answer = daemon.identities().renew_identity(ask).await?.into_inner();
                renewed = answer.renewed;
                answer.identity
            }
            (None, Some(name)) => {
                let daemon = globals.connect(around).await?;
                let ask = daemon.ask(GetIdentityRequest { name: name.clone() });
                daemon.identities().get_identity(ask).await?.into_inner().identity
            }
            (None, None) => {
                let daemon = globals.connect(around).await?;
                let ask = daemon.ask(ListIdentitiesRequest {});
                let all = daemon.identities().list_identities(ask).await?.into_inner().identities;
                return list(&all, format);
            }
        };
        let one = one.unwrap_or_default();
        match format {
            Format::Json if self.act.is_some() => {
                let renewed: Vec<_> = renewed.iter().map(json::renewed).collect();
                out::json(json!({"identity": json::identity(&one), "renewed": renewed}))?;
            }
            Format::Json => out::json(json!({"identity": json::identity(&one)}))?,
            format => details(&one, format)?,
        }
        renewed.iter().filter(|one| !one.caution.is_empty()).for_each(|one| warn(&one.caution));
        Ok(())
    }
}

fn list(all: &[Identity], format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return Ok(out::json(json!({"identities": all.iter().map(json::identity).collect::<Vec<_>>()}))?);
    }
    let mut sheet =
        Sheet::new(&["NAME", "SOURCE", "STATE", "GENERATION", "EXPIRES", "LONGEST NOW", "LONGEST FRESH", "LIMITED BY"]);
    for one in all {
        let current = current(one).and_then(|session| session.reference.as_ref());
        let expires = current.map(|session| match &session.expires_at {
            None => "never".to_owned(),
            at => say::time(at.as_ref()),
        });
        // What bars a longer life is what bars the longer of the two.
        let limit = match one.longest_fresh_limited_by {
            0 => one.longest_now_limited_by,
            limit => limit,
        };
        sheet.row(vec![
            one.name.clone(),
            one.source.clone(),
            say::state(one.state),
            dash(current.map(|session| session.generation.to_string()).unwrap_or_default()),
            dash(expires.unwrap_or_default()),
            dash(say::length(one.longest_now.as_ref())),
            dash(say::length(one.longest_fresh.as_ref())),
            dash(say::limited_by(limit)),
        ]);
    }
    Ok(sheet.print(format)?)
}

fn details(one: &Identity, format: Format) -> Result<(), Failure> {
    let limited = |length: &Option<prost_types::Duration>, by: i32| match say::length(length.as_ref()) {
        text if text.is_empty() || by == 0 => text,
        text => format!("{text} (limited by {})", say::limited_by(by)),
    };
    let failing = one.state != i32::from(IdentityState::Ready) || one.failures > 0;
    Sheet::card([
        ("name", one.name.clone()),
        ("source", one.source.clone()),
        ("state", say::state(one.state)),
        ("longest now", limited(&one.longest_now, one.longest_now_limited_by)),
        ("longest fresh", limited(&one.longest_fresh, one.longest_fresh_limited_by)),
        ("next renewal", say::time(one.next_renewal_at.as_ref())),
        ("headroom", say::length(one.headroom.as_ref())),
        ("failures", if failing { one.failures.to_string() } else { String::new() }),
        ("last failure", failure(one)),
    ])
    .print(format)?;
    if one.sessions.is_empty() {
        return Ok(());
    }
    if format == Format::Table {
        out::line("")?;
    }
    let mut heads = vec![
        "GENERATION",
        "KIND",
        "ACCESS KEY",
        "EXPIRES",
        "STATE",
        "SEEN",
        "OUTSTANDING",
        "LAST URL ENDS",
        "PRINCIPAL",
    ];
    // Scripts count fields, readers of a table do not.
    let with_partitions = format != Format::Table || one.sessions.iter().any(|session| !session.partition.is_empty());
    heads.extend(with_partitions.then_some("PARTITION"));
    heads.push("SEEN AT");
    let mut sheet = Sheet::new(&heads);
    for session in &one.sessions {
        let reference = session.reference.clone().unwrap_or_default();
        let mut row = vec![
            reference.generation.to_string(),
            dash(say::kind(session.kind)),
            dash(reference.access_key_id),
            reference.expires_at.map_or("never".to_owned(), |at| say::time(Some(&at))),
            dash(say::generation_state(session.state)),
            dash(say::observation(session.observation)),
            session.outstanding_urls.to_string(),
            dash(say::time(session.last_url_ends_at.as_ref())),
            dash(session.principal_arn.clone()),
        ];
        row.extend(with_partitions.then(|| dash(session.partition.clone())));
        row.push(dash(say::time(session.observed_at.as_ref())));
        sheet.row(row);
    }
    Ok(sheet.print(format)?)
}

/// Reason and words, as the log has them.
fn failure(one: &Identity) -> String {
    match one.last_failure_reason.as_str() {
        "" => one.last_failure.clone(),
        reason => format!("{reason}: {}", one.last_failure),
    }
}

/// The session that signs, or would if the identity were not paused. Of one that has a session for each tenant, none.
fn current(one: &Identity) -> Option<&Session> {
    one.sessions.iter().find(|session| session.state() == GenerationState::Active && session.partition.is_empty())
}

/// A field of a line must not vanish: scripts count them.
pub fn dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}
