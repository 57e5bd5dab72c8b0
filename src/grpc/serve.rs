//! Runs the server: accepts on each socket, serves every service, and stops in an orderly way within a bound.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_reflection::server::Builder;

use super::accept::{Rank, Ranks, Terms, accept};
use super::bounds::Rooms;
use super::guard::{Admins, Guard};
use super::measured::MAX_MESSAGE_BYTES;
use super::peer::Door;
use super::proto;
use super::served;
use super::servers::serve_all;
use super::service::Services;
use super::socket::Socket;
use crate::access::Caller;
use crate::assess::Assessor;
use crate::config::Limits;
use crate::issuer::Issuer;
use crate::probe::Watched;
use crate::rotation::Rotation;
use crate::telemetry::Metrics;
use crate::time::Timestamp;
use crate::watch::Seats;

/// What the server needs of the rooms below.
pub struct Parts {
    /// Issues URLs, and leads to identities, grants, the registry and the clock.
    pub issuer: Arc<Issuer>,
    /// Where calls are counted.
    pub metrics: Arc<Metrics>,
    /// Bounds of calls, streams and connections, from the next one on.
    pub limits: watch::Receiver<Limits>,
    /// Whom the admin socket admits, from the next call on.
    pub admins: watch::Receiver<Admins>,
    /// What `grpc.health.v1` says.
    pub ready: watch::Receiver<bool>,
    /// What the daemon tells of itself.
    pub about: About,
}

/// What does not change while a daemon runs, and what it looks at.
#[derive(Clone)]
pub struct About {
    /// The configuration's file.
    pub config_file: Option<PathBuf>,
    /// The registry's.
    pub registry_file: PathBuf,
    /// When it started.
    pub started_at: Timestamp,
    /// Whether sessions are looked at.
    pub watched: watch::Receiver<Watched>,
}

/// The server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The compiled proto cannot be shown by reflection.
    #[error("the compiled proto is damaged")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// Serving a socket failed.
    #[error("could not serve a socket")]
    Transport(#[source] tonic::transport::Error),
}

/// Serves every socket until told to stop. Then it accepts no more, ends streams, and waits for the calls under way, at
/// most for `limits.drain`. The sockets' files are gone when it returns.
///
/// # Errors
/// When the server cannot be built. A connection that fails ends alone.
pub async fn serve(sockets: Vec<(Socket, Door)>, parts: Parts, stop: CancellationToken) -> Result<(), ServeError> {
    let (health, health_server) = tonic_health::server::health_reporter();
    let reflection = reflection().build_v1().map_err(ServeError::Reflection)?;
    let old_reflection = self::reflection().build_v1alpha().map_err(ServeError::Reflection)?;
    let Parts { issuer, metrics, limits, admins, ready, about } = parts;
    let terms = Terms {
        limits: limits.clone(),
        clock: issuer.clock().clone(),
        metrics: Arc::clone(&metrics),
        ranks: ranks(Arc::clone(&issuer), admins.clone()),
        rooms: Rooms::default(),
    };
    let guard = Guard::new(admins, issuer.clock().clone(), Arc::clone(&metrics), limits.clone());
    let rotation = Rotation::new(Arc::clone(&issuer));
    let assessor = Assessor::new(issuer.registry().clone(), issuer.clock().clone());
    let services = Services {
        issuer,
        assessor,
        rotation,
        seats: Seats::default(),
        metrics,
        limits: limits.clone(),
        about,
        stop: stop.clone(),
    };

    let mut routes = RoutesBuilder::default();
    routes.add_service(health_server).add_service(reflection).add_service(old_reflection);
    add_own(&mut routes, &services);
    let running = run(routes.routes(), guard, sockets, terms, &stop);
    tokio::join!(running, report(health, ready, stop.clone())).0
}

/// Grants make known at the one door, the list of admins at the other.
fn ranks(issuer: Arc<Issuer>, admins: watch::Receiver<Admins>) -> Ranks {
    Arc::new(move |door, uid, gid| {
        let (caller, rules) = (Caller { uid, gid, pid: None, executable: None }, issuer.rules());
        let is_known = match door {
            Door::Sign => rules.grants.know(&caller),
            Door::Admin => admins.borrow().admit(&caller),
        };
        match (rules.grants.are_of_its_own(&caller), is_known) {
            (true, _) => Rank::Own,
            (false, true) => Rank::Known,
            (false, false) => Rank::Stranger,
        }
    })
}

async fn run(
    routes: Routes,
    guard: Guard,
    sockets: Vec<(Socket, Door)>,
    terms: Terms,
    stop: &CancellationToken,
) -> Result<(), ServeError> {
    let limits = terms.limits.clone();
    // Whoever was let in has a moment to say what it wants, before connections are told to go elsewhere.
    let close = CancellationToken::new();
    let closing = async {
        stop.cancelled().await;
        tokio::time::sleep(LINGER).await;
        close.cancel();
    };
    let listen = |(socket, door)| {
        let (connections, accepted) = mpsc::channel(1);
        let serving = serve_all(routes.clone(), guard.clone(), limits.clone(), accepted, close.clone());
        let accepting = accept(socket, door, terms.clone(), connections, stop.clone());
        async move { tokio::join!(serving, accepting).0 }
    };
    let listening = join_all(sockets.into_iter().map(listen));
    let serving = async {
        let (done, ()) = tokio::join!(listening, closing);
        done.into_iter().collect::<Result<(), _>>().map_err(ServeError::Transport)
    };
    let late = async {
        stop.cancelled().await;
        let drain = limits.borrow().drain;
        tokio::time::sleep(drain).await;
        drain
    };
    tokio::select! {
        done = serving => done,
        drain = late => {
            tracing::warn!(?drain, "calls were still under way when the time to drain had passed");
            Ok(())
        }
    }
}

/// Messages are bounded on the way in by what any batch may need, on the way out by what its answer can be.
fn add_own(routes: &mut RoutesBuilder, services: &Services) {
    let signer = proto::signer_server::SignerServer::new(services.clone());
    let identities = proto::identities_server::IdentitiesServer::new(services.clone());
    let registry = proto::registry_server::RegistryServer::new(services.clone());
    let impact = proto::impact_server::ImpactServer::new(services.clone());
    let rotation = proto::rotation_server::RotationServer::new(services.clone());
    let daemon = proto::daemon_server::DaemonServer::new(services.clone());
    routes
        .add_service(signer.max_decoding_message_size(MAX_MESSAGE_BYTES).max_encoding_message_size(MAX_OUT))
        .add_service(identities.max_decoding_message_size(MAX_MESSAGE_BYTES).max_encoding_message_size(MAX_OUT))
        .add_service(registry.max_decoding_message_size(MAX_MESSAGE_BYTES).max_encoding_message_size(MAX_OUT))
        .add_service(impact.max_decoding_message_size(MAX_MESSAGE_BYTES).max_encoding_message_size(MAX_OUT))
        .add_service(rotation.max_decoding_message_size(MAX_MESSAGE_BYTES).max_encoding_message_size(MAX_OUT))
        .add_service(daemon.max_decoding_message_size(MAX_MESSAGE_BYTES).max_encoding_message_size(MAX_OUT));
}

/// In both versions: Python's client knows the older only.
fn reflection() -> Builder<'static> {
    let mut builder = Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    for service in served::SERVICES.into_iter().chain([HEALTH, REFLECTION]) {
        builder = builder.with_service_name(service);
    }
    builder
}

/// Says over `grpc.health.v1` whether the daemon is ready, for the server as a whole and for each service. When the
/// daemon stops, those who watch are told and their streams end.
async fn report(mut health: HealthReporter, mut ready: watch::Receiver<bool>, stop: CancellationToken) {
    let names = || served::SERVICES.into_iter().chain([""]);
    loop {
        let status = if *ready.borrow_and_update() { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in names() {
            health.set_service_status(name, status).await;
        }
        tokio::select! {
            () = stop.cancelled() => break,
            changed = ready.changed() => if changed.is_err() {
                // Nobody is left who could change it: what was said last stays true.
                stop.cancelled().await;
                break;
            },
        }
    }
    for name in names() {
        health.set_service_status(name, ServingStatus::NotServing).await;
    }
    for name in names() {
        health.clear_service_status(name).await;
    }
}

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";
/// Long enough for a client that has just connected to send its call.
const LINGER: Duration = Duration::from_millis(250);
/// A key grows threefold when it is percent-encoded, and each URL carries a token.
const MAX_OUT: usize = 32 << 20;

#[cfg(test)]
mod tests;
