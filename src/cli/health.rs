//! `presignd health`: asks grpc.health.v1 over the socket. For probes in containers that have no HTTP client.

use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::connect::Globals;
use super::exit::{Exit, Failure};
use super::out::{self, Format};
use crate::config::Surroundings;
use crate::grpc::proto::{Identity, IdentityState, ListIdentitiesRequest};

/// Ask whether the daemon can sign and record: exit code 0, or 253 (no daemon) or 254 (it cannot).
#[derive(Debug, Clone, clap::Args)]
pub struct Health {
    /// A gRPC service, such as presignd.v1.Signer; left out, the whole daemon
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub service: String,
}

impl Health {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let daemon = globals.connect(around).await?;
        let ask = daemon.ask(HealthCheckRequest { service: self.service.clone() });
        let answer = HealthClient::new(daemon.channel()).check(ask).await?.into_inner();
        let status = ServingStatus::try_from(answer.status).unwrap_or(ServingStatus::Unknown);
        let name = status.as_str_name().to_ascii_lowercase().replace('_', "-");
        match globals.output.unwrap_or(Format::Text) {
            Format::Json => out::json(json!({"status": name}))?,
            Format::Text | Format::Table => out::line(&name)?,
        }
        match status {
            ServingStatus::Serving => Ok(()),
            _ => {
                // Only for the advice: who may not ask, or has no identity, gets all of it.
                let identities = daemon.identities().list_identities(daemon.ask(ListIdentitiesRequest {})).await;
                let identities = identities.map(|answer| answer.into_inner().identities).unwrap_or_default();
                let failure = Failure::new(Exit::Refused, "the daemon runs, but cannot sign and record for now");
                Err(advice(&identities).iter().fold(failure, |failure, line| failure.with(*line)))
            }
        }
    }
}

/// A daemon that has a session and is not ready lacks its registry.
fn advice(identities: &[Identity]) -> &'static [&'static str] {
    use IdentityState::{Ready, RenewalFailing};
    let can_sign = identities.iter().any(|one| matches!(one.state(), Ready | RenewalFailing));
    match (can_sign, identities.is_empty()) {
        (true, _) => &[REGISTRY],
        (false, false) => &[SESSIONS],
        (false, true) => &[SESSIONS, REGISTRY],
    }
}

const SESSIONS: &str = "`presignd identities --admin` tells which identity lacks a session, and why";
const REGISTRY: &str = "a registry that cannot be written keeps it from signing too: its disk may be full, or its file moved away; the \
     daemon's log says why, and it goes on by itself within a minute of that being mended";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_session_is_sent_to_the_registry_and_who_has_none_is_not() {
        let one = |state: IdentityState| Identity { state: state.into(), ..Identity::default() };
        let (ready, starting) = (one(IdentityState::Ready), one(IdentityState::Starting));
        assert_eq!(advice(&[starting.clone(), ready]), [REGISTRY]);
        assert_eq!(advice(&[starting]), [SESSIONS]);
        assert_eq!(advice(&[]), [SESSIONS, REGISTRY], "whatever the caller may not see");
    }
}
