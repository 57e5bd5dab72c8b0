//! `presignd check --online`: gets one session for each identity as the daemon would, and says who AWS takes it for.
//!
//! Sessions are enrolled in a registry of their own, in a temporary directory that goes away with the check: the daemon's
//! registry is neither read nor written, so it may run meanwhile.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failure, chain, warn};
use super::identities::dash;
use super::out::{self, Format, Sheet};
use super::say;
use crate::aws::{Aws, Environment};
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::{Identities, Identity, Live, RenewError};
use crate::registry::{Options, Registry};
use crate::session::lifetime::{LimitedBy, longest_now};
use crate::session::{CredentialKind, IdentityName};
use crate::telemetry::Metrics;
use crate::time::Timestamp;

/// What AWS answered for one identity.
struct Answer {
    name: IdentityName,
    source: &'static str,
    outcome: Result<Session, Trouble>,
}

/// A session that was got.
struct Session {
    kind: CredentialKind,
    /// Empty for the key of an S3-compatible store, which AWS does not know.
    principal_arn: String,
    expires_at: Option<Timestamp>,
    longest: Option<u64>,
    limited_by: Option<LimitedBy>,
}

/// Why there is none: a reason, and words.
struct Trouble {
    reason: &'static str,
    message: String,
}

/// Asks for every identity, or for `only` and those that it builds on, and prints what came within `deadline`.
pub async fn run(
    mut config: Config,
    only: Option<&IdentityName>,
    environment: Environment,
    deadline: Duration,
    format: Format,
) -> Result<(), Failure> {
    let asked: Vec<IdentityName> = match only {
        Some(name) => {
            keep_line_of(&mut config, name);
            vec![name.clone()]
        }
        None => config.identities.keys().cloned().collect(),
    };
    let clock = Clock::system();
    let answers = ask(&config, &asked, environment, &clock, deadline).await?;
    let offset = clock.learnt_offset_seconds();
    match format {
        Format::Json => out::json(json!({
            "identities": answers.iter().map(Answer::as_json).collect::<Vec<_>>(),
            "clock_offset_seconds": offset,
        }))?,
        Format::Text | Format::Table => {
            sheet(&answers).print(format)?;
            if format == Format::Table {
                out::line("")?;
                out::line(&format!("clock offset: {}", told(offset)))?;
            }
        }
    }
    let failed: Vec<_> = answers.iter().filter_map(|one| Some((&one.name, one.outcome.as_ref().err()?))).collect();
    for (name, trouble) in &failed {
        warn(&format!("{name}: {}: {}", trouble.reason, trouble.message));
    }
    let unconfirmed = failed.iter().filter(|(_, trouble)| trouble.reason == UNCONFIRMED).count();
    match verdict(failed.len() - unconfirmed, unconfirmed, answers.len()) {
        None => Ok(()),
        Some(verdict) => Err(Failure::new(Exit::Refused, verdict)),
    }
}

/// `None` when all is well. A key that nobody confirmed signs all the same, so that is told apart.
fn verdict(failed: usize, unconfirmed: usize, all: usize) -> Option<String> {
    match (failed, unconfirmed) {
        (0, 0) => None,
        (_, 0) => Some(format!("{failed} of {all} identities cannot sign")),
        (0, _) => Some(format!("{unconfirmed} of {all} identities could not be confirmed")),
        _ => Some(format!("{failed} of {all} identities cannot sign, and {unconfirmed} could not be confirmed")),
    }
}

/// The lower half of a daemon, for as long as it takes each identity to get a session or to fail.
async fn ask(
    config: &Config,
    asked: &[IdentityName],
    environment: Environment,
    clock: &Clock,
    deadline: Duration,
) -> Result<Vec<Answer>, Failure> {
    let own = |error: &dyn std::error::Error| Failure::surroundings(chain(error));
    let dir = tempfile::Builder::new().prefix("presignd-check-").tempdir().map_err(|error| {
        Failure::surroundings(format!("cannot make a temporary directory: {error}")).with("set TMPDIR to one")
    })?;
    let metrics = Arc::new(Metrics::new().map_err(|error| own(&error))?);
    let aws = Aws::new(clock.clone(), environment).map_err(|error| own(&error))?;
    let options = Options::at(dir.path().join("registry.db"));
    let registry = Registry::open(options, clock.clone(), Arc::clone(&metrics)).await.map_err(|error| own(&error))?;
    let stop = CancellationToken::new();
    let identities = Identities::start(config, &aws, &registry, &metrics, &stop);
    let asks: Vec<_> = asked.iter().filter_map(|name| identities.identity(name)).collect();
    let asks = asks.into_iter().map(|one| (Arc::clone(&one), tokio::spawn(session(one, deadline))));
    // All are under way before the first is waited for.
    let asks: Vec<_> = asks.collect();
    let mut answers = Vec::with_capacity(asks.len());
    for (identity, ask) in asks {
        let got = ask.await.map_err(|error| Failure::new(Exit::Other, chain(&error)))?;
        answers.push(Answer {
            name: identity.name().clone(),
            source: identity.source(),
            outcome: got.and_then(|live| Session::of(&live, &identity, clock.now())),
        });
    }
    stop.cancel();
    identities.ended().await.map_err(|broken| Failure::new(Exit::Other, broken))?;
    registry.close().await;
    Ok(answers)
}

/// The session of the identity's first attempt.
async fn session(identity: Arc<Identity>, deadline: Duration) -> Result<Arc<Live>, Trouble> {
    match timeout(deadline, identity.outcome()).await {
        Ok(got) => got.map_err(|error: Arc<RenewError>| Trouble { reason: error.reason(), message: error.to_string() }),
        Err(_) => Err(Trouble {
            reason: "DEADLINE_EXCEEDED",
            message: format!("no answer within {}; allow more with --timeout", say::seconds(deadline.as_secs())),
        }),
    }
}

/// Leaves `name` and what it builds on, so that nothing else is asked for.
fn keep_line_of(config: &mut Config, name: &IdentityName) {
    let mut line = vec![name.clone()];
    while let Some(base) = line.last().and_then(|one| config.identities.get(one)).and_then(|one| one.source.base()) {
        line.push(base.clone());
    }
    config.identities.retain(|name, _| line.contains(name));
}

impl Session {
    fn of(live: &Live, identity: &Identity, now: Timestamp) -> Result<Self, Trouble> {
        let facts = &live.session.facts;
        if facts.principal_arn.is_empty() && identity.can_be_named() {
            // Nobody needs a permission for GetCallerIdentity: whose key it is, AWS tells or the key is no good.
            return Err(Trouble {
                reason: UNCONFIRMED,
                message: format!(
                    "AWS did not say whose access key {} is; check that it is active, and the way to STS",
                    facts.access_key_id
                ),
            });
        }
        let longest = longest_now(now, &live.session);
        // Where the session's own end is the limit, its source knows why it is not later.
        let limited_by = longest.map(|longest| match (longest.limited_by, identity.fresh()) {
            (LimitedBy::Session, Some(fresh)) => fresh.limited_by,
            (limit, _) => limit,
        });
        Ok(Self {
            kind: facts.kind,
            principal_arn: facts.principal_arn.clone(),
            expires_at: facts.expires_at,
            longest: longest.map(|longest| longest.ttl.seconds().into()),
            limited_by,
        })
    }
}

impl Answer {
    fn as_json(&self) -> Value {
        let (got, trouble) = (self.outcome.as_ref().ok(), self.outcome.as_ref().err());
        json!({
            "name": self.name.as_str(),
            "source": self.source,
            "ok": got.is_some(),
            "kind": got.map(|got| got.kind.as_str()),
            "principal_arn": got.map(|got| &got.principal_arn).filter(|arn| !arn.is_empty()),
            "expires_at": got.and_then(|got| got.expires_at).map(|at| at.to_string()),
            "longest": got.and_then(|got| got.longest),
            "limited_by": got.and_then(|got| got.limited_by).map(LimitedBy::as_str),
            "reason": trouble.map(|trouble| trouble.reason),
            "message": trouble.map(|trouble| &trouble.message),
        })
    }
}

fn sheet(answers: &[Answer]) -> Sheet {
    let mut sheet = Sheet::new(&["NAME", "SOURCE", "RESULT", "EXPIRES", "LONGEST", "LIMITED BY", "PRINCIPAL"]);
    for one in answers {
        let mut row = vec![one.name.to_string(), one.source.to_owned()];
        row.extend(match &one.outcome {
            Ok(got) => [
                "ok".to_owned(),
                got.expires_at.map_or("never".to_owned(), |at| at.to_string()),
                dash(got.longest.map(say::seconds).unwrap_or_default()),
                dash(got.limited_by.map(LimitedBy::as_str).unwrap_or_default().to_owned()),
                if got.principal_arn.is_empty() { "unknown" } else { &got.principal_arn }.to_owned(),
            ],
            Err(trouble) => [trouble.reason, "-", "-", "-", "-"].map(str::to_owned),
        });
        sheet.row(row);
    }
    sheet
}

/// Where the clock of AWS stands.
pub(super) fn told(offset: Option<i64>) -> String {
    match offset {
        None => "unknown, as AWS did not answer".to_owned(),
        Some(0) => "none".to_owned(),
        Some(ahead @ 1..) => format!("AWS is {} ahead of this machine", say::seconds(ahead.unsigned_abs())),
        Some(behind) => format!("AWS is {} behind this machine", say::seconds(behind.unsigned_abs())),
    }
}

/// AWS did not say whose the key is.
const UNCONFIRMED: &str = "UNCONFIRMED";

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn a_key_that_nobody_confirmed_is_not_said_to_be_unable_to_sign() {
        let told = |failed, unconfirmed| verdict(failed, unconfirmed, 3).unwrap_or_default();
        assert_eq!(told(0, 0), "");
        assert_eq!(told(0, 2), "2 of 3 identities could not be confirmed");
        assert_eq!(told(1, 0), "1 of 3 identities cannot sign");
        assert_eq!(told(1, 2), "1 of 3 identities cannot sign, and 2 could not be confirmed");
    }
}
