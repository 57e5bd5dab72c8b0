//! What is asked of the daemon: how it is, again and again, and what happens, as it happens. A daemon that goes away is looked
//! for until it is back.

use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status};

use super::happened::Happened;
use crate::cli::connect::{Daemon, Globals};
use crate::cli::exit::Failure;
use crate::clock::Clock;
use crate::config::Surroundings;
use crate::grpc::proto::daemon_client::DaemonClient;
use crate::grpc::proto::{
    GetStatusRequest, GetStatusResponse, Identity, ListEventsRequest, ListIdentitiesRequest, WatchRequest,
};

/// What comes to the view.
#[derive(Debug)]
pub(super) enum News {
    /// The daemon answered.
    Told(Box<Told>),
    /// It did not, and why.
    Lost(String),
    /// Something happened.
    Happened(Happened),
}

/// One look.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Absent where the daemon is too old to say.
    pub(super) status: Option<GetStatusResponse>,
    pub(super) identities: Vec<Identity>,
    /// AWS's time, as far as the daemon knows it, in seconds since the epoch; of an old daemon the machine's.
    pub(super) now: i64,
    /// When that was.
    pub(super) at: Instant,
}

/// One look.
pub(super) async fn look(daemon: &Daemon) -> Result<Told, Failure> {
    let status = DaemonClient::new(daemon.channel()).get_status(daemon.ask(GetStatusRequest {})).await;
    let status = match status {
        Ok(status) => Some(status.into_inner()),
        Err(status) if status.code() == Code::Unimplemented => None,
        Err(status) => return Err(status.into()),
    };
    let all = daemon.identities().list_identities(daemon.ask(ListIdentitiesRequest {})).await?;
    let now = status.as_ref().and_then(|status| status.now.as_ref()).map(|now| now.seconds);
    let now = now.unwrap_or_else(|| Clock::system().local_now().unix());
    Ok(Told { status, identities: all.into_inner().identities, now, at: Clock::system().monotonic() })
}

/// What was reported or seen and still stands, oldest first.
pub(super) async fn past(daemon: &Daemon) -> Result<Vec<Happened>, Failure> {
    let all = daemon.rotation().list_events(daemon.ask(ListEventsRequest { with_lifted: false })).await?;
    Ok(all.into_inner().events.iter().rev().map(Happened::stands).collect())
}

/// Looks every so often, and when told to; never ends while somebody listens.
pub(super) async fn keep_asking(
    globals: &Globals,
    around: &Surroundings,
    every: Duration,
    now: &Notify,
    say: mpsc::Sender<News>,
) {
    let mut daemon = None;
    loop {
        // The first look was taken before there was a view.
        let _ = timeout(every, now.notified()).await;
        let told = async {
            let connected = match daemon.take() {
                Some(daemon) => daemon,
                None => globals.connect_admin(around).await?,
            };
            let told = look(&connected).await?;
            daemon = Some(connected);
            Ok::<_, Failure>(told)
        };
        let news = match told.await {
            Ok(told) => News::Told(Box::new(told)),
            Err(failure) => News::Lost(failure.message),
        };
        if say.send(news).await.is_err() {
            return;
        }
    }
}

/// Tells what happens from now on, and goes on where it was when the daemon comes back.
pub(super) async fn follow(globals: &Globals, around: &Surroundings, say: mpsc::Sender<News>) {
    let mut cursor = String::new();
    while !say.is_closed() {
        if let Ok(daemon) = globals.connect_admin(around).await
            && let Err(status) = hear(&daemon, &mut cursor, &say).await
            && matches!(status.code(), Code::InvalidArgument | Code::OutOfRange)
        {
            // It knows the place no more: from now on, then.
            cursor.clear();
        }
        sleep(PACE).await;
    }
}

async fn hear(daemon: &Daemon, cursor: &mut String, say: &mpsc::Sender<News>) -> Result<(), Status> {
    let ask = WatchRequest { cursor: cursor.clone(), from_oldest: false };
    let mut stream = daemon.rotation().watch(ask).await?.into_inner();
    while let Some(one) = stream.message().await? {
        cursor.clone_from(&one.cursor);
        if let Some(happened) = Happened::heard(&one)
            && say.send(News::Happened(happened)).await.is_err()
        {
            break;
        }
    }
    Ok(())
}

/// How often a daemon that is away is looked for.
const PACE: Duration = Duration::from_secs(1);
