//! `presignd health`: asks grpc.health.v1 over the socket. For probes in containers that have no HTTP client.

use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::connect::Globals;
use super::exit::{Exit, Failure};
use super::out::{self, Format};
use crate::config::Surroundings;

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
            _ => Err(Failure::new(Exit::Refused, "the daemon runs, but cannot sign and record for now")
                .with("`presignd identities --admin` tells which identity lacks a session, and why")),
        }
    }
}
