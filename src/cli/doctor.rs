//! `presignd doctor`: looks at everything that signing needs, and says of each what it found and what to do. Asks the daemon
//! for what the daemon knows, looks at files itself, and changes nothing; calls nobody at AWS.

mod files;
mod finding;
mod told;

use std::path::{Path, PathBuf};

use serde_json::json;
use tonic::{Code, Status};

use super::check;
use super::connect::{Daemon, Globals};
use super::exit::{Exit, Failure};
use super::out::{self, Format, Sheet};
use crate::config::{Config, Surroundings};
use crate::grpc::proto::daemon_client::DaemonClient;
use crate::grpc::proto::{GetStatusRequest, GetStatusResponse, Identity, ListIdentitiesRequest};

use files::Way;
use finding::{Finding, Outcome};

/// Look at everything that signing needs, and say what is wrong and what to do: exit code 0, or 254 when a check failed
#[derive(Debug, Clone, clap::Args)]
pub struct Doctor {
    /// The configuration; left out, the one that the running daemon reads, or what a daemon without one would do
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What the daemon said of itself, or why it said nothing.
enum Word {
    /// All of it.
    Status(Box<GetStatusResponse>),
    /// Nobody answered where its sockets should be.
    NotRunning,
    /// Whether it runs cannot be seen: somebody has closed its sockets to this user.
    KeptOut,
    /// It runs, and does not tell this user how it is.
    NotAdmitted,
    /// It answers on the signing socket, where it does not tell how it is, and nobody answers on the other.
    NoAdmin,
    /// It answers, and not to this.
    Refused(Status),
}

/// What was asked of the daemon.
struct Answers {
    word: Word,
    /// `None` where nobody could be asked.
    identities: Option<Result<Vec<Identity>, Status>>,
    ready: Option<Result<bool, Status>>,
}

impl Doctor {
    /// Looks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let named = self.config.as_deref().map(|file| check::read(Some(file), around));
        let of_file = named.as_ref().and_then(|read| read.as_ref().ok());
        let path = |given: &Option<PathBuf>, of_file: Option<&PathBuf>, admin: bool| {
            given.clone().or(of_file.cloned()).unwrap_or_else(|| globals.path(around, admin))
        };
        let sign = path(&globals.socket, of_file.map(|config| &config.sockets.sign), false);
        let admin = path(&globals.admin_socket, of_file.map(|config| &config.sockets.admin), true);
        let (of_sign, to_sign) = files::socket(&sign, false).await;
        let (of_admin, to_admin) = files::socket(&admin, true).await;
        let answers = ask(globals, [to_sign, to_admin], [&sign, &admin]).await;

        let told = answers.word.status();
        let (config, of_config) = self.config(named, told, around, &answers.word);
        let listen = config.as_ref().and_then(|config| config.http.listen);
        let listen = listen.filter(|_| matches!(answers.word, Word::NotRunning));
        let registry = told.map(|told| PathBuf::from(&told.registry_file));
        let registry = registry.or_else(|| config.map(|config| config.registry.path));
        let mut findings = vec![of_config, files::registry(registry, told).await, of_sign, of_admin];
        if let Some(address) = listen {
            findings.push(files::metrics(address).await);
        }
        findings.push(told::daemon(&answers));
        findings.extend(told::identities(&answers));
        findings.extend(told::surroundings(&answers.word));
        print(&findings, globals.output.unwrap_or(Format::Table))
    }

    /// The configuration that counts, where it holds, and what was found of it.
    fn config(
        &self,
        named: Option<Result<Config, Failure>>,
        told: Option<&GetStatusResponse>,
        around: &Surroundings,
        word: &Word,
    ) -> (Option<Config>, Finding) {
        let of_daemon = told.map(|told| told.config_file.as_str());
        let (file, read) = match (named, of_daemon) {
            (Some(read), _) => (self.config.clone(), read),
            (None, Some("")) => (None, check::read(None, around)),
            (None, Some(file)) => (Some(PathBuf::from(file)), check::read(Some(Path::new(file)), around)),
            (None, None) if matches!(word, Word::NotRunning) => (None, check::read(None, around)),
            (None, None) => {
                let skipped =
                    Finding::skipped("configuration", word.why()).next("name the daemon's file with --config");
                return (None, skipped);
            }
        };
        let is_other = |other: &str| file.as_deref().is_some_and(|file| !files::are_one(file, Path::new(other)));
        let other = of_daemon.filter(|other| !other.is_empty() && is_other(other));
        let found = files::configuration(file.as_deref(), &read, other);
        (read.ok(), found)
    }
}

/// Asks on the admin socket, and where that cannot be had on the other.
async fn ask(globals: &Globals, ways: [Way; 2], paths: [&Path; 2]) -> Answers {
    let dial = async |at: usize| match ways[at] {
        Way::Open => globals.connect_to(paths[at], at == 1).await.ok(),
        Way::Closed | Way::None => None,
    };
    let (sign, admin) = (dial(0).await, dial(1).await);
    let word = match &admin {
        None => Word::unasked(sign.is_some(), ways),
        Some(daemon) => match DaemonClient::new(daemon.channel()).get_status(daemon.ask(GetStatusRequest {})).await {
            Ok(told) => Word::Status(Box::new(told.into_inner())),
            Err(status) if status.code() == Code::PermissionDenied => Word::NotAdmitted,
            Err(status) => Word::Refused(status),
        },
    };
    let daemon = if matches!(word, Word::NotAdmitted) { sign } else { admin.or(sign) };
    let Some(daemon) = daemon else { return Answers { word, identities: None, ready: None } };
    let all = daemon.identities().list_identities(daemon.ask(ListIdentitiesRequest {})).await;
    let ready = is_ready(&daemon).await;
    Answers { word, identities: Some(all.map(|all| all.into_inner().identities)), ready: Some(ready) }
}

async fn is_ready(daemon: &Daemon) -> Result<bool, Status> {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::health_client::HealthClient;
    let ask = daemon.ask(HealthCheckRequest { service: String::new() });
    let answer = HealthClient::new(daemon.channel()).check(ask).await?.into_inner();
    Ok(answer.status() == ServingStatus::Serving)
}

impl Word {
    /// Of a daemon whose admin socket could not be asked on.
    fn unasked(signs: bool, ways: [Way; 2]) -> Self {
        match (signs, ways) {
            (true, [_, Way::Closed]) => Self::NotAdmitted,
            (true, _) => Self::NoAdmin,
            (false, ways) if ways.contains(&Way::Closed) => Self::KeptOut,
            (false, _) => Self::NotRunning,
        }
    }

    fn status(&self) -> Option<&GetStatusResponse> {
        match self {
            Self::Status(told) => Some(told),
            _ => None,
        }
    }

    /// Why nothing is known, for what is skipped.
    fn why(&self) -> &'static str {
        match self {
            Self::Status(_) => "the daemon does not tell",
            Self::NotRunning => "the daemon is not running, or does not answer",
            Self::KeptOut => "your user may not open the daemon's sockets, so it cannot be asked whether it runs",
            Self::NoAdmin => "the daemon tells it on the admin socket only, and nobody answers there",
            Self::NotAdmitted => "the daemon tells it on the admin socket only, which does not admit your user",
            Self::Refused(_) => "the daemon did not say how it is",
        }
    }
}

fn print(findings: &[Finding], format: Format) -> Result<(), Failure> {
    let count = |outcome| findings.iter().filter(|one| one.outcome == outcome).count();
    let (passed, failed, skipped) = (count(Outcome::Passed), count(Outcome::Failed), count(Outcome::Skipped));
    match format {
        Format::Json => {
            let checks: Vec<_> = findings.iter().map(Finding::as_json).collect();
            out::json(json!({"checks": checks, "passed": passed, "failed": failed, "skipped": skipped}))?;
        }
        Format::Text => sheet(findings, Finding::fields).print(format)?,
        Format::Table => {
            sheet(findings, Finding::lines).print(format)?;
            out::line(&format!("\n{passed} passed, {failed} failed, {skipped} skipped"))?;
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(Exit::Refused, format!("{failed} of {} checks failed", findings.len()))),
    }
}

fn sheet<R: IntoIterator<Item = Vec<String>>>(findings: &[Finding], rows: impl Fn(&Finding) -> R) -> Sheet {
    let mut sheet = Sheet::new(&["RESULT", "CHECK", "FOUND"]);
    findings.iter().flat_map(rows).for_each(|row| sheet.row(row));
    sheet
}
