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
    CancelDrainRequest, DrainRequest, GenerationState, GenerationStatus, KeyHold, KeyHolder, RotationStatusRequest,
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
        let most = Awaited::of(&first).urls().max(1);
        let mut status = first;
        if is_waited_for(&status) {
            let SessionReference { identity, generation, access_key_id, .. } = &session;
            let awaited = Awaited::of(&status);
            let (urls, end) = (awaited.words(), say::time(awaited.end.as_ref()));
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

/// What the wait is for, all of which ends by itself.
struct Awaited<'a> {
    /// Of the generation.
    own: u64,
    /// Of others that have its key, where that is rid of all of them once these have ended.
    others: Vec<&'a KeyHolder>,
    /// When the last of these URLs ends.
    end: Option<prost_types::Timestamp>,
}

impl<'a> Awaited<'a> {
    /// Where others need the key, what they signed is not waited for: they would sign more.
    fn of(status: &'a GenerationStatus) -> Self {
        let own = status.outstanding_urls;
        match is_needed(status) {
            true => Self { own, others: Vec::new(), end: status.last_url_ends_at },
            false => {
                let others = status.others.iter().filter(|other| other.outstanding_urls > 0);
                Self { own, others: others.collect(), end: status.safe_from }
            }
        }
    }

    fn urls(&self) -> u64 {
        self.others.iter().map(|other| other.outstanding_urls).fold(self.own, u64::saturating_add)
    }

    /// `5 URLs`, and where others have some of them: `5 URLs (3 of its own, 2 of web)`.
    fn words(&self) -> String {
        let all = say::urls(self.urls());
        if self.others.is_empty() {
            return all;
        }
        let named = self.others.iter().take(MAX_NAMED);
        let mut parts = vec![format!("{} of its own", self.own)];
        parts.extend(named.map(|other| format!("{} of {}", other.outstanding_urls, other.identity)));
        let rest: u64 = self.others.iter().skip(MAX_NAMED).map(|other| other.outstanding_urls).sum();
        parts.extend((rest > 0).then(|| format!("{rest} of others")));
        format!("{all} ({})", parts.join(", "))
    }
}

/// How long until the daemon is asked again: to the second at the end.
fn pace(status: &GenerationStatus) -> Duration {
    let end = Awaited::of(status).end.map(|at| Timestamp::from_unix(at.seconds));
    let left = end.and_then(|end| Clock::system().local_now().until(end)).unwrap_or_default();
    if left > SOON { PACE_FAR } else { PACE_NEAR }
}

fn bar(status: &GenerationStatus, most: u64) -> String {
    let awaited = Awaited::of(status);
    let left = awaited.urls();
    let gone = most.saturating_sub(left);
    let done = usize::try_from(gone.saturating_mul(WIDTH as u64) / most).unwrap_or(WIDTH).min(WIDTH);
    let end = say::time(awaited.end.as_ref());
    format!("[{}{}] {} outstanding, the last ends {end}", "#".repeat(done), "-".repeat(WIDTH - done), say::urls(left))
}

/// How often the daemon is asked when the end is near, and before.
const PACE_NEAR: Duration = Duration::from_secs(1);
const PACE_FAR: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_secs(60);
/// How long it may be away.
const AWAY_MOST: Duration = Duration::from_secs(600);
/// Identities that one line names.
const MAX_NAMED: usize = 8;
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

    #[test]
    fn the_count_and_the_last_end_are_of_the_same_urls_whoever_signed_them() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let other = |hold: KeyHold, outstanding_urls| KeyHolder {
            identity: "web".into(),
            hold: hold.into(),
            outstanding_urls,
            last_url_ends_at: at(7200),
            ..Default::default()
        };
        let status = |others| GenerationStatus {
            outstanding_urls: 3,
            last_url_ends_at: at(3600),
            safe_from: at(7200),
            others,
            ..Default::default()
        };
        let told = |others| {
            let status = status(others);
            let awaited = Awaited::of(&status);
            (awaited.words(), awaited.urls(), awaited.end)
        };
        assert_eq!(told(vec![other(KeyHold::Rests, 2)]), ("5 URLs (3 of its own, 2 of web)".into(), 5, at(7200)));
        assert_eq!(told(vec![other(KeyHold::Signs, 2)]), ("3 URLs".into(), 3, at(3600)));
        let both = vec![other(KeyHold::Signs, 2), other(KeyHold::Rests, 1)];
        assert_eq!(told(both), ("3 URLs".into(), 3, at(3600)), "to wait for the one frees nothing of the other");
        let alone = GenerationStatus { safe_from: at(3600), ..status(vec![]) };
        assert_eq!((Awaited::of(&alone).words(), Awaited::of(&alone).end), ("3 URLs".into(), at(3600)));
    }
}
