//! A daemon that runs: its parts, in the order in which they stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Error, Inherited};
use crate::aws::{Aws, Environment, chain};
use crate::clock::Clock;
use crate::config::{Config, Limits};
use crate::error;
use crate::grpc::peer::Door;
use crate::grpc::socket::{BindError, SocketFile};
use crate::grpc::{self, Admins};
use crate::http::{self, Readiness};
use crate::identity::Identities;
use crate::issuer::{Issuer, Rules};
use crate::probe::{Prober, Watched};
use crate::region::Regions;
use crate::registry::Registry;
use crate::rotation::Rotation;
use crate::telemetry::{LogFilter, Metrics};

/// A part by its name, and whether it ended well.
type Part = (&'static str, Result<(), String>);

/// A running daemon.
pub struct Running {
    pub(super) config: Config,
    pub(super) issuer: Arc<Issuer>,
    pub(super) admins: watch::Sender<Admins>,
    /// Those of the sockets that this process bound.
    files: Vec<(SocketFile, Door)>,
    pub(super) limits: watch::Sender<Limits>,
    /// Of the whole process; `None` where somebody else logs.
    pub(super) log: Option<LogFilter>,
    /// What is looked at, and how often.
    pub(super) watched: watch::Sender<Watched>,
    registry: Registry,
    /// Stops taking calls.
    doors: CancellationToken,
    /// Stops what works behind them.
    rooms: CancellationToken,
    front: JoinSet<Part>,
    back: JoinSet<Part>,
    http: Option<std::net::SocketAddr>,
}

impl Running {
    /// Builds the rooms bottom up. When this returns, the sockets listen and the registry is open; sessions may still be
    /// on their way.
    ///
    /// # Errors
    /// When anything that a daemon needs cannot be had. STS being away is no error: it delays readiness.
    pub async fn start(config: Config, environment: Environment, clock: Clock) -> Result<Self, Error> {
        Self::start_on(Inherited::default(), config, environment, clock).await
    }

    /// The same, on sockets that somebody else bound.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_on(
        inherited: Inherited,
        config: Config,
        environment: Environment,
        clock: Clock,
    ) -> Result<Self, Error> {
        let metrics = Arc::new(Metrics::new()?);
        metrics.reasons_start_at_zero(error::Error::REASONS);
        metrics.process_start_time_seconds.set(clock.local_now().unix());
        let registry = Registry::open(&config.registry, clock.clone(), Arc::clone(&metrics)).await?;
        let aws = Aws::new(clock.clone(), environment)?;
        let (doors, rooms) = (CancellationToken::new(), CancellationToken::new());
        let (mut front, mut back) = (JoinSet::new(), JoinSet::new());

        let identities = Identities::start(&config, &aws, &registry, &metrics, &rooms);
        // One that breaks ends the daemon.
        let ended = identities.ended();
        back.spawn(async move { ("the renewal of sessions", ended.await) });
        let identities = Arc::new(identities);
        let watched = Watched { identities: Arc::clone(&identities), probe: config.probe.clone() };
        let (say_watched, watched) = watch::channel(watched);
        let rules =
            Rules { grants: config.grants.clone(), default_identity: config.default_identity.clone(), identities };
        let regions = || Regions::new(aws.connector.clone(), clock.clone(), Arc::clone(&metrics));
        let prober = Prober::new(aws.clone(), regions(), registry.clone(), Arc::clone(&metrics), watched);
        let stop = rooms.clone();
        back.spawn(async move {
            prober.run(stop).await;
            ("the probing of sessions", Ok(()))
        });
        let issuer = Arc::new(Issuer::new(rules, regions(), registry.clone(), clock.clone(), Arc::clone(&metrics)));

        let sockets = inherited.or_bind(&config.sockets)?;
        for (socket, door) in &sockets {
            info!(place = %socket.place(), ?door, "listening");
        }
        let files: Vec<_> = sockets.iter().filter_map(|(socket, door)| Some((socket.file()?, *door))).collect();
        let bound = Doors(files.iter().map(|(file, _)| file.clone()).collect(), doors.clone());
        let (say_ready, ready) = watch::channel(false);
        let (say_admins, admins) = watch::channel(admins(&config));
        let (say_limits, limits) = watch::channel(config.limits.clone());
        let about = grpc::About {
            config_file: config.file.clone(),
            registry_file: config.registry.path.clone(),
            started_at: clock.now(),
            watched: say_watched.subscribe(),
        };
        let parts =
            grpc::Parts { issuer: Arc::clone(&issuer), metrics: Arc::clone(&metrics), limits, admins, ready, about };
        let stop = doors.clone();
        front.spawn(async move { ("the gRPC server", grpc::serve(sockets, parts, stop).await.map_err(|e| chain(&e))) });

        let mut address = None;
        if let Some(listen) = config.http.listen {
            let failed = |source| Error::Http { address: listen, source };
            let listener = http::bind(listen).await.map_err(failed)?;
            address = listener.local_addr().ok();
            let (asked, served, stop) = (Arc::clone(&issuer), Arc::clone(&metrics), rooms.clone());
            let files = bound.clone();
            let readiness = move || readiness(&asked, &files);
            back.spawn(async move {
                ("the HTTP server", http::serve(listener, served, readiness, stop).await.map_err(|e| chain(&e)))
            });
        }
        let (kept, stop) = (registry.clone(), rooms.clone());
        back.spawn(async move {
            kept.keep(stop).await;
            ("the registry's upkeep", Ok(()))
        });
        let (rotation, counted, stop) = (Rotation::new(Arc::clone(&issuer)), Arc::clone(&metrics), rooms.clone());
        back.spawn(async move {
            rotation.watch_over(counted, stop).await;
            ("the watch over generations", Ok(()))
        });
        let (looked_at, stop) = (Arc::clone(&issuer), rooms.clone());
        back.spawn(async move {
            watch_over(&looked_at, &bound, &metrics, say_ready, stop).await;
            ("the watch over readiness", Ok(()))
        });
        Ok(Self {
            config,
            issuer,
            admins: say_admins,
            limits: say_limits,
            watched: say_watched,
            files,
            log: None,
            registry,
            doors,
            rooms,
            front,
            back,
            http: address,
        })
    }

    /// Where metrics are served, with the port that the system chose when the configuration said 0.
    pub fn http(&self) -> Option<std::net::SocketAddr> {
        self.http
    }

    /// Lets a reload change what is logged.
    pub fn filters(&mut self, log: LogFilter) {
        self.log = Some(log);
    }

    /// The desk, for those who run the daemon inside their own process.
    pub fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// Gives the sockets the modes of another configuration.
    pub(super) fn set_modes(&self, new: &Config) -> Result<(), BindError> {
        let mode = |door| if door == Door::Sign { new.sockets.sign_mode } else { new.sockets.admin_mode };
        self.files.iter().try_for_each(|(file, door)| file.set_mode(mode(*door)))
    }

    /// The longest that [`Self::stop`] may take, and some more for the registry.
    pub(super) fn longest_stop(&self) -> Duration {
        self.config.limits.drain + 2 * GRACE + http::DRAIN
    }

    /// Waits until a part ends, which none should while nobody stops the daemon.
    pub async fn first_to_end(&mut self) -> &'static str {
        let ended = tokio::select! {
            Some(ended) = self.front.join_next() => ended,
            Some(ended) = self.back.join_next() => ended,
            else => return "everything",
        };
        name_of(ended)
    }

    /// Stops accepting, finishes the calls under way, stops the renewal tasks, flushes the registry.
    pub async fn stop(mut self) {
        info!("stopping: no new calls");
        self.doors.cancel();
        while let Some(ended) = self.front.join_next().await {
            name_of(ended);
        }
        self.rooms.cancel();
        let all = async {
            while let Some(ended) = self.back.join_next().await {
                name_of(ended);
            }
        };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            warn!("some tasks did not stop in time");
        }
        self.registry.close().await;
        info!("stopped");
    }
}

/// Whom the configuration lets in at the admin socket.
pub(super) fn admins(config: &Config) -> Admins {
    Admins {
        own_uid: rustix::process::geteuid().as_raw(),
        uids: config.sockets.admin_uids.clone(),
        gids: config.sockets.admin_gids.clone(),
    }
}

fn name_of(ended: Result<Part, tokio::task::JoinError>) -> &'static str {
    match ended {
        Ok((name, Ok(()))) => name,
        Ok((name, Err(error))) => {
            tracing::error!(part = name, error, "a part failed");
            name
        }
        Err(error) => {
            tracing::error!(%error, "a task broke");
            "a task"
        }
    }
}

/// The files of the sockets, until they are closed.
#[derive(Clone)]
struct Doors(Vec<SocketFile>, CancellationToken);

impl Doors {
    /// Those where nobody finds the daemon any more, though it listens.
    fn gone(&self) -> impl Iterator<Item = String> {
        let open = self.0.iter().filter(|_| !self.1.is_cancelled());
        open.filter(|file| !file.is_there())
            .map(|file| format!("{file} was removed or replaced, so nobody new can connect there: start presignd anew"))
    }
}

/// What keeps the daemon from signing: it needs one identity with a live session, a registry that takes records, and sockets
/// where callers look for them.
fn readiness(issuer: &Issuer, doors: &Doors) -> Readiness {
    let mut reasons: Vec<String> = doors.gone().collect();
    if !issuer.registry().is_writable() {
        reasons.push("the registry cannot be written".to_owned());
    }
    let rules = issuer.rules();
    let identities = &rules.identities;
    let live = identities.names().filter_map(|name| identities.identity(name)).any(|one| one.can_sign());
    if !live {
        reasons.push("no identity can sign: each is paused or has no live session".to_owned());
    }
    Readiness { reasons }
}

/// Tells `grpc.health.v1` when readiness changes, and keeps the gauges that nobody else sets.
async fn watch_over(
    issuer: &Issuer,
    files: &Doors,
    metrics: &Metrics,
    ready: watch::Sender<bool>,
    stop: CancellationToken,
) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    let mut asked: Option<tokio::time::Instant> = None;
    let mut told: Option<Vec<String>> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        #[expect(clippy::cast_precision_loss, reason = "an offset is a small number of seconds")]
        metrics.clock_offset_seconds.set(issuer.clock().offset_seconds() as f64);
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        metrics.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
        if !issuer.clock().was_set() {
            asked = None;
        } else if asked.is_none_or(|at| at.elapsed() > ASK_AGAIN) {
            asked = Some(issuer.clock().monotonic());
            warn!("the local clock was set, or the machine stood still; AWS is asked for the time");
            tokio::spawn(ask_for_the_time(issuer.rules()));
        }
        let now = readiness(issuer, files);
        let is_ready = now.reasons.is_empty();
        metrics.ready.set(i64::from(is_ready));
        ready.send_replace(is_ready);
        // Also from one reason to another; what holds at the start is no change.
        if told.replace(now.reasons.clone()).is_some_and(|told| told != now.reasons) {
            info!(ready = is_ready, reasons = ?now.reasons, "readiness changed");
        }
    }
}

/// Every answer of STS is dated, whatever it says.
async fn ask_for_the_time(rules: Arc<Rules>) {
    for identity in rules.identities.names().filter_map(|name| rules.identities.identity(name)) {
        if identity.renew_all().await.is_ok() {
            return;
        }
    }
}

/// How long renewal tasks and the like may take to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How long AWS is not asked for the time again.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// How late health may be.
const LOOK_EVERY: Duration = Duration::from_millis(250);
