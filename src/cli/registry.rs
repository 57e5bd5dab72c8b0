//! `presignd registry`: copies, checks and exports the file itself, also while a daemon writes to it. Needs no daemon and
//! changes nothing.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde_json::json;

use super::connect::Globals;
use super::exit::{Exit, Failure, chain, warn};
use super::out::{self, Format, Sheet};
use super::stoppable::{self, Until};
use super::{check, json};
use crate::config::Surroundings;
use crate::grpc;
use crate::registry::{self, OpenError};

/// Back up, verify or export the registry; works on the file, also while the daemon runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Registry {
    #[command(subcommand)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub act: Act,
    /// The registry's file [default: the configuration's]
    #[arg(long, global = true, value_name = "FILE")]
    pub registry: Option<PathBuf>,
    /// The configuration that names the registry; left out, what a daemon without one would use
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "registry")]
    pub config: Option<PathBuf>,
}

/// What to do with the file.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Act {
    /// Copy the registry, as it is at one moment, to a new file
    Backup {
        /// The new file; never written over
        #[arg(value_name = "TO")]
        to: PathBuf,
    },
    /// Check that the file is sound and holds nothing that looks like a secret: exit code 0 or 253
    Verify,
    /// Write all records as JSON, one line for each, oldest first
    Export {
        /// Write to this new file rather than to stdout; never written over
        #[arg(long, value_name = "FILE")]
        output_file: Option<PathBuf>,
    },
}

impl Registry {
    /// Does it, away from the runtime, so that Ctrl-C is heard. What makes a file is waited for when it is given up, and
    /// leaves none; what only writes to stdout may be held up by its reader, and is not.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let path = match &self.registry {
            Some(path) => path.clone(),
            None => check::read(self.config.as_deref(), around)?.registry.path,
        };
        let (act, format) = (self.act.clone(), globals.output);
        let done = match act {
            Act::Backup { to } => stoppable::run(move |stop| backup(&path, &to, stop, format)).await,
            Act::Verify => tokio::task::spawn_blocking(move || verify(&path, format)).await.ok(),
            Act::Export { output_file: None } => {
                let out = move || export(&path, &mut BufWriter::new(io::stdout().lock()));
                tokio::task::spawn_blocking(out).await.ok()
            }
            Act::Export { output_file: Some(file) } => stoppable::run(move |stop| export_to(&path, &file, stop)).await,
        };
        done.unwrap_or_else(|| Err(Failure::new(Exit::Other, "the work on the registry ended early")))
    }
}

fn backup(path: &Path, to: &Path, stop: &AtomicBool, format: Option<Format>) -> Result<(), Failure> {
    registry::backup(path, to, stop)?;
    // Silence is what a backup script expects of a success.
    if format == Some(Format::Json) {
        out::json(json!({"registry": path, "backup": to}))?;
    }
    Ok(())
}

fn verify(path: &Path, format: Option<Format>) -> Result<(), Failure> {
    let report = registry::verify(path)?;
    let sound = report.problems.is_empty();
    match format.unwrap_or(Format::Table) {
        Format::Json => out::json(json!({
            "registry": path,
            "instance": report.instance.as_str(),
            "schema": report.schema,
            "urls": report.urls,
            "sessions": report.sessions,
            "sound": sound,
            "problems": report.problems,
        }))?,
        format => Sheet::card([
            ("registry", path.display().to_string()),
            ("instance", report.instance.to_string()),
            ("schema", report.schema.to_string()),
            ("urls", report.urls.to_string()),
            ("sessions", report.sessions.to_string()),
            ("sound", if sound { "yes" } else { "no" }.to_owned()),
        ])
        .print(format)?,
    }
    match report.problems.len() {
        0 => Ok(()),
        count => {
            let failure = Failure::surroundings(format!("{} has {count} problems", path.display()));
            Err(report.problems.into_iter().fold(failure, Failure::with))
        }
    }
}

fn export(path: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let rows =
        registry::export(path, |record| writeln!(out, "{}", out::versioned(json::listed(&grpc::url_record(record)))))?;
    out.flush()?;
    warn(&format!("{rows} records"));
    Ok(())
}

fn export_to(path: &Path, to: &Path, stop: &AtomicBool) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::surroundings(format!("cannot write {}: {error}", to.display()));
    if to.try_exists().map_err(failed)? {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let directory = to.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Records tell who reads what: as private as the registry. Shown under its name when it is whole.
    let part = tempfile::Builder::new().prefix(".presignd-").suffix(".part").tempfile_in(directory).map_err(failed)?;
    export(path, &mut BufWriter::new(Until { out: part.as_file(), stop }))?;
    part.as_file().sync_all().map_err(failed)?;
    part.persist_noclobber(to).map_err(|error| failed(error.error))?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}

/// The file is missing, foreign, damaged or cannot be written; or the reader of an export has gone.
impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => source.into(),
            error => Self::surroundings(chain(&error)),
        }
    }
}
