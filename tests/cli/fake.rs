//! A daemon that answers by rote, so that the command line is tested without AWS and without a registry. What it signs
//! depends on the bucket: `short` is refused as too short, `denied` as denied, `cut` lives half as long as asked, `slow` is never
//! answered. What is in `stuck` is not signed again.

mod happening;
mod impact;
mod registry;
mod rotation;
mod signer;
mod status;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use presignd::grpc::proto::*;
use prost_types::{Duration, Timestamp};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Response, Status};

type Answer<T> = Result<Response<T>, Status>;
type Stream<T> = tokio_stream::Iter<std::vec::IntoIter<Result<T, Status>>>;

/// What came in, for the tests to look at.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) presigns: Vec<PresignRequest>,
    pub(crate) posts: Vec<PresignPostRequest>,
    pub(crate) lists: Vec<ListUrlsRequest>,
    pub(crate) texts: Vec<String>,
    pub(crate) assessed: Vec<AssessRequest>,
    pub(crate) listed: Vec<ListAffectedRequest>,
    pub(crate) contained: Vec<ContainRequest>,
    pub(crate) drains: Vec<DrainRequest>,
    pub(crate) cancels: Vec<CancelDrainRequest>,
    pub(crate) statuses: Vec<RotationStatusRequest>,
    pub(crate) reported: Vec<Event>,
    pub(crate) watched: Vec<WatchRequest>,
    pub(crate) resigned: Vec<ResignRequest>,
    /// What it says of itself; without it, it does not know the question.
    pub(crate) status: Option<GetStatusResponse>,
}

pub(crate) use status::well;

/// A running fake; ends with the test.
pub(crate) struct Fake {
    pub(crate) socket: PathBuf,
    pub(crate) seen: Arc<Mutex<Seen>>,
    _dir: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

/// Records in the fake's registry: enough for several pages.
pub(crate) const RECORDS: usize = 2500;

#[derive(Clone)]
struct Rote(Arc<Mutex<Seen>>);

impl Fake {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("presignd.sock");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let rote = Rote(seen.clone());
        let guard = runtime.enter();
        let incoming = UnixListenerStream::new(tokio::net::UnixListener::bind(&socket).unwrap());
        drop(guard);
        runtime.spawn(async move {
            let (reporter, health) = tonic_health::server::health_reporter();
            reporter.set_service_status("ill", tonic_health::ServingStatus::NotServing).await;
            tonic::transport::Server::builder()
                .add_service(health)
                .add_service(signer_server::SignerServer::new(rote.clone()))
                .add_service(identities_server::IdentitiesServer::new(rote.clone()))
                .add_service(registry_server::RegistryServer::new(rote.clone()))
                .add_service(impact_server::ImpactServer::new(rote.clone()))
                .add_service(rotation_server::RotationServer::new(rote.clone()))
                .add_service(daemon_server::DaemonServer::new(rote))
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        });
        Self { socket, seen, _dir: dir, _runtime: runtime }
    }
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: NOW + seconds, nanos: 0 })
}

fn length(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn session() -> SessionReference {
    SessionReference {
        identity: "web".into(),
        generation: 7,
        access_key_id: "ASIAEXAMPLE".into(),
        expires_at: at(7200),
        id: "aaaaaaaa-3".into(),
    }
}

fn record(number: usize) -> UrlRecord {
    UrlRecord {
        id: format!("aaaaaaaa-{number}"),
        session: Some(session()),
        request: Some(S3Request {
            operation: Operation::GetObject.into(),
            method: "GET".into(),
            bucket: "films".into(),
            key: "a\x1b[31m.mp4".into(),
            ..Default::default()
        }),
        signed_at: at(0),
        expires_in: length(3600),
        usable_until: at(3600),
        limited_by: LimitedBy::Request.into(),
        caller: Some(Caller { uid: 1000, gid: 100, pid: 0, executable: String::new() }),
        ..Default::default()
    }
}

fn identity(name: &str) -> Identity {
    Identity {
        name: name.into(),
        source: "assume-role".into(),
        state: IdentityState::Ready.into(),
        sessions: vec![Session {
            reference: Some(session()),
            kind: CredentialKind::AssumeRole.into(),
            signing: true,
            state: GenerationState::Active.into(),
            outstanding_urls: 3,
            ..Default::default()
        }],
        longest_now: length(1800),
        longest_now_limited_by: LimitedBy::Session.into(),
        longest_fresh: length(3595),
        longest_fresh_limited_by: LimitedBy::Chaining.into(),
        ..Default::default()
    }
}

fn generation(number: u64, state: GenerationState, outstanding_urls: u64) -> GenerationStatus {
    let session = SessionReference {
        generation: number,
        access_key_id: "AKIAEXAMPLE".into(),
        expires_at: None,
        id: format!("aaaaaaaa-{number}"),
        ..session()
    };
    let end = if outstanding_urls > 0 { at(7800) } else { None };
    let advice = if outstanding_urls > 0 { "wait until 2026-11-22T14:10:00Z" } else { "deactivate AKIAEXAMPLE now" };
    GenerationStatus {
        session: Some(session),
        kind: CredentialKind::LongTermKey.into(),
        state: state.into(),
        since: at(-60),
        outstanding_urls,
        last_url_ends_at: end,
        advice: advice.into(),
        safe_from: end,
        ..Default::default()
    }
}

/// 2026-11-22T12:00:00Z.
const NOW: i64 = 1_795_348_800;
