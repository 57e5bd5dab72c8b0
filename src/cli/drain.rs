//! `presignd drain`: keeps a generation from signing, and waits until the last of its URLs has ended. Who stops waiting
//! leaves the drain as it is.

use std::time::Duration;

use tokio::time::sleep;

use super::connect::{Daemon, Globals};
use super::exit::{Exit, Failure, warn};
use super::out::Format;
use super::progress::Progress;
use super::rotation::print_one;
use super::say;
use crate::clock::Clock;
use crate::config::Surroundings;
use crate::grpc::proto::{
    CancelDrainRequest, DrainRequest, GenerationState, GenerationStatus, KeyHold, RotationStatusRequest,
    SessionReference,
};
use crate::time::Timestamp;

/// Keep a key or session from signing while what it signed lives on (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Drain {
    /// The identity
    #[arg(value_name = "IDENTITY")]
    pub identity: String,
    /// The number of the generation; left out, the one that signs [with --cancel: the one that was drained]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub generation: u64,
    /// Wait until its last URL has ended; Ctrl-C leaves it draining
    #[arg(long)]
    pub wait: bool,
    /// Let it sign again
    #[arg(long, conflicts_with = "wait")]
    pub cancel: bool,
}

impl Drain {
    /// Asks, waits and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let daemon = globals.connect_admin(around).await?;
        let Self { identity, generation, .. } = self.clone();
        let format = globals.output.unwrap_or(Format::Table);
        if self.cancel {
            let ask = daemon.ask(CancelDrainRequest { identity, generation });
            let status = daemon.rotation().cancel_drain(ask).await?.into_inner().status;
            return print_one(&status.unwrap_or_default(), format);
        }
        let ask = daemon.ask(DrainRequest { identity, generation });
        let status = daemon.rotation().drain(ask).await?.into_inner().status.unwrap_or_default();
        let status =
            if self.wait { Waiting::new(globals, around, daemon).until_drained(status).await? } else { status };
        print_one(&status, format)
    }
}

/// Waits for one generation, over restarts of the daemon.
struct Waiting<'a> {
    globals: &'a Globals,
    around: &'a Surroundings,
    daemon: Option<Daemon>,
    /// How long the daemon has been away.
    away: Duration,
    progress: Progress,
}

impl<'a> Waiting<'a> {
    fn new(globals: &'a Globals, around: &'a Surroundings, daemon: Daemon) -> Self {
        Self { globals, around, daemon: Some(daemon), away: Duration::ZERO, progress: Progress::of_one_answer() }
    }

    async fn until_drained(mut self, first: GenerationStatus) -> Result<GenerationStatus, Failure> {
        let session = first.session.clone().unwrap_or_default();
        let most = outstanding(&first).max(1);
        let mut status = first;
        if is_waited_for(&status) {
            let SessionReference { identity, generation, access_key_id, .. } = &session;
            let (urls, end) = (say::urls(outstanding(&status)), say::time(status.safe_from.as_ref()));
            let state = say::generation_state(status.state);
            self.progress.clear();
            let early = say::ended_early(&status);
            warn(&format!(
                "{identity} {generation} is {state}: {urls} outstanding, the last ends {end}{early}; Ctrl-C leaves it {state}"
            ));
            if is_needed(&status) {
                warn(&format!("to wait is not enough for {access_key_id}: {}", status.advice));
            }
        }
        while is_waited_for(&status) {
            self.progress.show(|| bar(&status, most));
            let pace = pace(&status);
            sleep(pace).await;
            match self.ask(&session).await {
                Ok(now) => (status, self.away) = (now, Duration::ZERO),
                Err(failure) if failure.exit == Exit::Surroundings && self.away < AWAY_MOST => {
                    if self.away.is_zero() {
                        self.progress.clear();
                        warn(&format!("{}; waiting for it to come back", failure.message));
                    }
                    self.away += pace;
                    self.daemon = None;
                }
                Err(failure) => return Err(failure),
            }
        }
        self.progress.clear();
        match status.state() {
            GenerationState::Drained | GenerationState::Retired if is_needed(&status) => {
                let SessionReference { generation, access_key_id, .. } = &session;
                let state = say::generation_state(status.state);
                let message = format!("generation {generation} is {state}, yet others need {access_key_id}");
                Err(Failure::new(Exit::Refused, message).with(status.advice))
            }
            GenerationState::Drained | GenerationState::Retired => Ok(status),
            state => {
                let state = say::generation_state(state.into());
                Err(Failure::new(Exit::Refused, format!("generation {} is {state} again", session.generation))
                    .with("somebody cancelled the drain, or its source gave it again"))
            }
        }
    }

    async fn ask(&mut self, session: &SessionReference) -> Result<GenerationStatus, Failure> {
        let daemon = match self.daemon.take() {
            Some(daemon) => daemon,
            None => self.globals.connect_admin(self.around).await?,
        };
        let ask = daemon.ask(RotationStatusRequest { identity: session.identity.clone(), with_retired: true });
        let all = daemon.rotation().rotation_status(ask).await?.into_inner().generations;
        self.daemon = Some(daemon);
        let is_it = |status: &GenerationStatus| status.session.as_ref().is_some_and(|one| one.id == session.id);
        all.into_iter().find(is_it).ok_or_else(|| {
            Failure::new(Exit::Refused, format!("the registry has no generation {} any more", session.generation))
        })
    }
}

/// URLs of it are outstanding; or of others that have its key, and sign nothing more with that.
fn is_waited_for(status: &GenerationStatus) -> bool {
    match status.state() {
        GenerationState::Draining => true,
        GenerationState::Drained | GenerationState::Retired => status.safe_from.is_some() && !is_needed(status),
        _ => false,
    }
}

/// Waiting does not help: others would go on with its key.
fn is_needed(status: &GenerationStatus) -> bool {
    status.others.iter().any(|other| !matches!(other.hold(), KeyHold::Rests | KeyHold::CutOff))
}

/// Whatever hangs on its key and ends by itself.
fn outstanding(status: &GenerationStatus) -> u64 {
    let others = status.others.iter().filter(|other| other.hold() == KeyHold::Rests);
    others.map(|other| other.outstanding_urls).fold(status.outstanding_urls, u64::saturating_add)
}

/// How long until the daemon is asked again: to the second at the end.
fn pace(status: &GenerationStatus) -> Duration {
    let end = status.safe_from.map(|at| Timestamp::from_unix(at.seconds));
    let left = end.and_then(|end| Clock::system().local_now().until(end)).unwrap_or_default();
    if left > SOON { PACE_FAR } else { PACE_NEAR }
}

fn bar(status: &GenerationStatus, most: u64) -> String {
    let left = outstanding(status);
    let gone = most.saturating_sub(left);
    let done = usize::try_from(gone.saturating_mul(WIDTH as u64) / most).unwrap_or(WIDTH).min(WIDTH);
    let end = say::time(status.safe_from.as_ref());
    format!("[{}{}] {} outstanding, the last ends {end}", "#".repeat(done), "-".repeat(WIDTH - done), say::urls(left))
}

/// How often the daemon is asked when the end is near, and before.
const PACE_NEAR: Duration = Duration::from_secs(1);
const PACE_FAR: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_secs(60);
/// How long it may be away.
const AWAY_MOST: Duration = Duration::from_secs(600);
/// Of the bar, in characters.
const WIDTH: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_as_urls_end() {
        let at = |outstanding_urls| GenerationStatus { outstanding_urls, ..Default::default() };
        let filled = |outstanding| bar(&at(outstanding), 1203).matches('#').count();
        assert_eq!([1203, 602, 1, 0].map(filled), [0, 14, 29, 30]);
        assert_eq!(filled(5000), 0, "signatures that were under way came after the first count");
        assert!(bar(&at(1), 1203).contains("] 1 URL outstanding, the last ends"));
    }
}
