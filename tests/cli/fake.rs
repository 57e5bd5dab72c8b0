//! A daemon that answers by rote, so that the command line is tested without AWS and without a registry. What it signs
//! depends on the bucket: `short` is refused as too short, `denied` as denied, `cut` lives half as long as asked, `slow` is never
//! answered.

mod happening;
mod status;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use presignd::grpc::proto::*;
use prost_types::{Duration, Timestamp};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

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

fn sign(request: &PresignRequest) -> Result<PresignResponse, Status> {
    let inner = request.request.clone().unwrap_or_default();
    let asked = request.expires_in.map_or(3600, |length| length.seconds);
    let (life, limited_by) = match inner.bucket.as_str() {
        "short" => return Err(too_short()),
        "denied" => {
            let details = ErrorDetails::with_error_info("DENIED", "presignd", HashMap::new());
            return Err(Status::with_error_details(Code::PermissionDenied, "no grant covers this bucket", details));
        }
        "cut" => (asked / 2, LimitedBy::Session),
        _ => (asked, LimitedBy::Request),
    };
    Ok(PresignResponse {
        url: format!("https://{}.s3.amazonaws.com/{}?X-Amz-Signature=00", inner.bucket, inner.key),
        method: "GET".into(),
        headers: inner.headers,
        id: "aaaaaaaa-9".into(),
        usable_until: at(life),
        limited_by: limited_by.into(),
        signed_at: at(0),
        expires_in: length(life),
        session: Some(session()),
        cautions: vec![],
        ends_early: None,
        replaces: String::new(),
    })
}

fn too_short() -> Status {
    let metadata = [("longest_now_seconds", "1800"), ("longest_fresh_seconds", "3595"), ("limited_by", "chaining")];
    let metadata = HashMap::from(metadata.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let details = ErrorDetails::with_error_info("SESSION_TOO_SHORT", "presignd", metadata);
    Status::with_error_details(Code::FailedPrecondition, "no URL can live for the 3240 s that are needed", details)
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

#[tonic::async_trait]
impl signer_server::Signer for Rote {
    async fn presign(&self, request: Request<PresignRequest>) -> Answer<PresignResponse> {
        let request = request.into_inner();
        self.0.lock().unwrap().presigns.push(request.clone());
        if request.request.as_ref().is_some_and(|inner| inner.bucket == "slow") {
            std::future::pending::<()>().await;
        }
        sign(&request).map(Response::new)
    }

    async fn presign_batch(&self, request: Request<PresignBatchRequest>) -> Answer<PresignBatchResponse> {
        let requests = request.into_inner().requests;
        let results = requests.iter().map(|request| {
            let result = match sign(request) {
                Ok(signed) => presign_result::Result::Response(signed),
                Err(status) => {
                    let details: tonic_types::Status = prost::Message::decode(status.details()).unwrap();
                    let (code, message) = (status.code().into(), status.message().to_owned());
                    presign_result::Result::Failure(Failure { code, message, details: details.details })
                }
            };
            PresignResult { result: Some(result) }
        });
        let results = results.collect();
        self.0.lock().unwrap().presigns.extend(requests);
        Ok(Response::new(PresignBatchResponse { results }))
    }

    type PresignStreamStream = Stream<PresignStreamResponse>;

    async fn presign_stream(
        &self,
        _: Request<Streaming<PresignStreamRequest>>,
    ) -> Answer<Stream<PresignStreamResponse>> {
        Err(Status::unimplemented("by rote"))
    }

    async fn presign_post(&self, request: Request<PresignPostRequest>) -> Answer<PresignPostResponse> {
        self.0.lock().unwrap().posts.push(request.into_inner());
        Ok(Response::new(PresignPostResponse {
            url: "https://films.s3.amazonaws.com/".into(),
            fields: [("policy", "e30="), ("key", "a")].map(|(name, value)| (name.into(), value.into())).into(),
            usable_until: at(3600),
            limited_by: LimitedBy::Request.into(),
            session: Some(session()),
            ..Default::default()
        }))
    }

    type ResignStream = Stream<ResignResponse>;

    async fn resign(&self, request: Request<ResignRequest>) -> Answer<Stream<ResignResponse>> {
        self.0.lock().unwrap().resigned.push(request.into_inner());
        Ok(Response::new(tokio_stream::iter(Vec::new())))
    }
}

#[tonic::async_trait]
impl identities_server::Identities for Rote {
    async fn list_identities(&self, _: Request<ListIdentitiesRequest>) -> Answer<ListIdentitiesResponse> {
        Ok(Response::new(ListIdentitiesResponse { identities: vec![identity("web"), identity("batch")] }))
    }

    async fn get_identity(&self, request: Request<GetIdentityRequest>) -> Answer<GetIdentityResponse> {
        let identity = Some(identity(&request.into_inner().name));
        Ok(Response::new(GetIdentityResponse { identity }))
    }

    async fn renew_identity(&self, request: Request<RenewIdentityRequest>) -> Answer<RenewIdentityResponse> {
        let identity = Some(identity(&request.into_inner().name));
        Ok(Response::new(RenewIdentityResponse { identity }))
    }
}

#[tonic::async_trait]
impl registry_server::Registry for Rote {
    async fn get_url(&self, request: Request<GetUrlRequest>) -> Answer<GetUrlResponse> {
        match request.into_inner().id.as_str() {
            "aaaaaaaa-1" => Ok(Response::new(GetUrlResponse { url: Some(record(1)) })),
            _ => Err(Status::not_found("no such record")),
        }
    }

    async fn list_urls(&self, request: Request<ListUrlsRequest>) -> Answer<ListUrlsResponse> {
        let request = request.into_inner();
        let from: usize = request.page_token.parse().unwrap_or(0);
        let to = RECORDS.min(from + request.page_size as usize);
        self.0.lock().unwrap().lists.push(request);
        let next_page_token = if to < RECORDS { to.to_string() } else { String::new() };
        Ok(Response::new(ListUrlsResponse { urls: (from..to).map(record).collect(), next_page_token }))
    }

    async fn find_url(&self, request: Request<FindUrlRequest>) -> Answer<FindUrlResponse> {
        let text = request.into_inner().text;
        self.0.lock().unwrap().texts.push(text.clone());
        if text == "nothing of a URL" {
            let details = ErrorDetails::with_error_info("INVALID_FIELD", "presignd", HashMap::new());
            return Err(Status::with_error_details(Code::InvalidArgument, "text cannot be used", details));
        }
        let found = vec![FoundUrl { url: Some(record(1)), r#match: found_url::Match::Signature.into() }];
        Ok(Response::new(FindUrlResponse { found, explanation: "searched by credential and date".into() }))
    }

    async fn explain_url(&self, request: Request<ExplainUrlRequest>) -> Answer<ExplainUrlResponse> {
        self.0.lock().unwrap().texts.push(request.into_inner().url);
        Ok(Response::new(ExplainUrlResponse {
            algorithm: "AWS4-HMAC-SHA256".into(),
            credential: "temporary".into(),
            has_session_token: true,
            state: "usable".into(),
            ends_at: at(60),
            findings: vec![Finding {
                severity: finding::Severity::Warning.into(),
                reason: "KEY_UNUSABLE_IN_BROWSERS".into(),
                message: "the key has a dot segment".into(),
            }],
            ..Default::default()
        }))
    }
}

fn ends() -> Ending {
    Ending {
        verdict: ending::Verdict::Ends.into(),
        not_before: at(0),
        not_after: at(300),
        reason: "KEY_INACTIVE".into(),
        message: "The access key that signed is inactive.".into(),
        reversible: true,
        bearer_errors: vec![BearerError { code: "InvalidAccessKeyId".into(), http_status: 403 }],
        grade: ending::Grade::Field.into(),
        bearer_errors_grade: ending::Grade::Unconfirmed.into(),
        ..Default::default()
    }
}

fn key_gone() -> Event {
    let what = event::What::KeyDeactivated(KeyEvent { access_key_id: "AKIAEXAMPLE".into() });
    Event { at: at(0), settles_within: length(300), what: Some(what), ..Event::default() }
}

fn gap() -> Gap {
    Gap { reason: "SIGNED_ELSEWHERE".into(), message: "Only URLs of this registry are counted.".into() }
}

#[tonic::async_trait]
impl impact_server::Impact for Rote {
    async fn assess(&self, request: Request<AssessRequest>) -> Answer<AssessResponse> {
        self.0.lock().unwrap().assessed.push(request.into_inner());
        let totals = Some(Totals { ends: 42, may_end: 0, lives: 1161 });
        let point = |seconds, alive, alive_after| CurvePoint { at: at(seconds), alive, alive_after, maybe_after: 0 };
        Ok(Response::new(AssessResponse {
            event: Some(key_gone()),
            totals,
            effects: vec![Effect { ending: Some(ends()), urls: 42 }],
            groups: vec![Group { by: group::By::Bucket.into(), name: "films".into(), totals }],
            curve: vec![point(0, 1203, 1161), point(1800, 0, 0)],
            breaks_nothing_from: at(1800),
            gaps: vec![gap()],
            outages: outages(),
        }))
    }

    type ListAffectedStream = Stream<ListAffectedResponse>;

    async fn list_affected(&self, request: Request<ListAffectedRequest>) -> Answer<Stream<ListAffectedResponse>> {
        self.0.lock().unwrap().listed.push(request.into_inner());
        let ended = StandingEvent { id: "aaaaaaaa-12".into(), ending: Some(ends()) };
        let one = |number| {
            let ended_by = (number == 1).then(|| ended.clone());
            let (url, ending) = (Some(record(number)), Some(ends()));
            Ok(ListAffectedResponse { url, ending, not_counted: ended_by.is_some(), ended_by })
        };
        Ok(Response::new(tokio_stream::iter((0..RECORDS).map(one).collect::<Vec<_>>())))
    }

    async fn contain(&self, request: Request<ContainRequest>) -> Answer<ContainResponse> {
        self.0.lock().unwrap().contained.push(request.into_inner());
        let step = Step { title: "Make the key inactive.".into(), text: "aws iam update-access-key".into() };
        let way = Containment {
            event: Some(key_gone()),
            ending: Some(ends()),
            takes_along: 41,
            may_take_along: 0,
            steps: vec![step],
            outages: outages(),
        };
        Ok(Response::new(ContainResponse { url: Some(record(1)), containments: vec![way], gaps: vec![gap()] }))
    }
}

/// One stops, another must be renewed, a third signs links that are cut short.
fn outages() -> Vec<Outage> {
    let (at, message) = (at(600), "its key is dead".to_owned());
    let none = outage::Recovery::None.into();
    let web = Outage { identity: "web".into(), at, message: message.clone(), recovery: none, ..Outage::default() };
    let (identity, renew) = ("up".to_owned(), vec!["up".to_owned()]);
    let recovery = outage::Recovery::Renewal.into();
    let short = Outage {
        identity: "cut".into(),
        at,
        message: "the policy denies older signatures".into(),
        loss: outage::Loss::ShortLinks.into(),
        recovery: none,
        life: length(42),
        ..Outage::default()
    };
    vec![web, Outage { identity, at, message, recovery, renew, ..Outage::default() }, short]
}

/// Generation 3 drains: three times it is asked for, then it is drained.
#[tonic::async_trait]
impl rotation_server::Rotation for Rote {
    async fn drain(&self, request: Request<DrainRequest>) -> Answer<DrainResponse> {
        self.0.lock().unwrap().drains.push(request.into_inner());
        Ok(Response::new(DrainResponse { status: Some(generation(3, GenerationState::Draining, 1203)) }))
    }

    async fn cancel_drain(&self, request: Request<CancelDrainRequest>) -> Answer<CancelDrainResponse> {
        self.0.lock().unwrap().cancels.push(request.into_inner());
        Ok(Response::new(CancelDrainResponse { status: Some(generation(3, GenerationState::Active, 1203)) }))
    }

    async fn retire(&self, request: Request<RetireRequest>) -> Answer<RetireResponse> {
        if !request.into_inner().force {
            let details = ErrorDetails::with_error_info("URLS_OUTSTANDING", "presignd", HashMap::new());
            let message = "1203 URLs of generation 3 are outstanding";
            return Err(Status::with_error_details(Code::FailedPrecondition, message, details));
        }
        let status = Some(generation(3, GenerationState::Retired, 1203));
        Ok(Response::new(RetireResponse { status, breaks_urls: 1203, was_retired: false }))
    }

    async fn pause_identity(&self, request: Request<PauseIdentityRequest>) -> Answer<PauseIdentityResponse> {
        let one = Identity { state: IdentityState::Paused.into(), ..identity(&request.into_inner().identity) };
        Ok(Response::new(PauseIdentityResponse { identity: Some(one) }))
    }

    async fn resume_identity(&self, request: Request<ResumeIdentityRequest>) -> Answer<ResumeIdentityResponse> {
        Ok(Response::new(ResumeIdentityResponse { identity: Some(identity(&request.into_inner().identity)) }))
    }

    async fn rotation_status(&self, request: Request<RotationStatusRequest>) -> Answer<RotationStatusResponse> {
        let asked = {
            let mut seen = self.0.lock().unwrap();
            seen.statuses.push(request.into_inner());
            seen.statuses.len()
        };
        let third = match asked {
            1..3 => generation(3, GenerationState::Draining, 600),
            _ => generation(3, GenerationState::Drained, 0),
        };
        let mut renewed = generation(4, GenerationState::Active, 12);
        renewed.advice = "nothing to do: it is renewed by itself".into();
        Ok(Response::new(RotationStatusResponse { generations: vec![renewed, third] }))
    }

    async fn report_event(&self, request: Request<ReportEventRequest>) -> Answer<ReportEventResponse> {
        let event = request.into_inner().event;
        let is_typo = matches!(event.as_ref().and_then(|event| event.what.as_ref()), Some(event::What::KeyDeleted(_)));
        let unknown = Gap { reason: "NAME_UNKNOWN".into(), message: "Is that the right key?".into() };
        let gaps = if is_typo { vec![unknown] } else { Vec::new() };
        self.0.lock().unwrap().reported.extend(event);
        let totals = Some(Totals { ends: 42, may_end: 0, lives: 1161 });
        Ok(Response::new(ReportEventResponse { event: Some(happening::reported(12)), totals, gaps }))
    }

    async fn lift_event(&self, request: Request<LiftEventRequest>) -> Answer<LiftEventResponse> {
        let LiftEventRequest { id, in_error } = request.into_inner();
        match id.as_str() {
            "aaaaaaaa-12" if in_error => Ok(Response::new(LiftEventResponse { event: Some(happening::withdrawn(12)) })),
            "aaaaaaaa-12" => Ok(Response::new(LiftEventResponse { event: Some(happening::lifted(12)) })),
            id => Err(happening::refused(Code::NotFound, "EVENT_NOT_FOUND", &format!("no event has the id {id}"))),
        }
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        let mut events = vec![happening::seen(13), happening::reported(12)];
        if request.into_inner().with_lifted {
            events.push(happening::lifted(11));
        }
        Ok(Response::new(ListEventsResponse { events }))
    }

    type WatchStream = Stream<WatchResponse>;

    async fn watch(&self, request: Request<WatchRequest>) -> Answer<Stream<WatchResponse>> {
        let asked = request.into_inner();
        let answer = happening::watched(&asked);
        self.0.lock().unwrap().watched.push(asked);
        answer.map(|all| Response::new(tokio_stream::iter(all)))
    }
}

/// 2026-11-22T12:00:00Z.
const NOW: i64 = 1_795_348_800;
