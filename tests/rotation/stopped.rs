//! Whoever asks while an operator pauses and drains: nothing is signed after the answer, and what can go on does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use presignd::grpc::proto::{
    DrainRequest, GenerationState, IdentityState, ListUrlsRequest, PauseIdentityRequest, PresignRequest,
    PresignResponse, ResumeIdentityRequest, UrlFilter,
};
use tonic::{Code, Status};

use super::{reason, rotation, sign, state};
use crate::process::{Daemon, World, get, length, presign};
use crate::support::eventually;

/// Callers that sign without a pause until told to stop, and count what fails.
struct Callers {
    tasks: tokio::task::JoinSet<Vec<Result<PresignResponse, Status>>>,
    calls: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Callers {
    async fn start(daemon: &Daemon) -> Self {
        let (calls, stop, mut tasks) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default(), tokio::task::JoinSet::new());
        for _ in 0..4 {
            let (calls, stop, mut signer) = (Arc::clone(&calls), Arc::clone(&stop), daemon.signer().await);
            tasks.spawn(async move {
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    answers.push(presign(&mut signer, get("cat.jpg")).await);
                    calls.fetch_add(1, Ordering::Relaxed);
                    // Hardly a pause: so that whoever decides gets on too.
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                answers
            });
        }
        Self { tasks, calls, stop }
    }

    /// Waits for so many more calls.
    async fn more(&self, count: usize) {
        let begun = self.calls.load(Ordering::Relaxed);
        eventually("they call", async || (self.calls.load(Ordering::Relaxed) >= begun + count).then_some(())).await;
    }

    async fn stop(mut self) -> Vec<Result<PresignResponse, Status>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(caller) = self.tasks.join_next().await {
            all.extend(caller.expect("callers do not panic"));
        }
        all
    }
}

/// How many records the registry has of a session, or of all.
async fn records(daemon: &Daemon, session: &str) -> usize {
    let mut registry = daemon.registry().await;
    let (mut count, mut page_token) = (0, String::new());
    loop {
        let filter = UrlFilter { session_id: session.to_owned(), ..UrlFilter::default() };
        let asked = ListUrlsRequest { filter: Some(filter), page_size: 1000, page_token };
        let page = registry.list_urls(asked).await.expect("an answer").into_inner();
        count += page.urls.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return count;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_url_is_signed_after_the_answer_to_a_pause() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    let daemon = world.daemon(&web).await;
    let once = PresignRequest { request_id: "order-7".to_owned(), expires_in: Some(length(600)), ..get("cat.jpg") };
    let first = presign(&mut daemon.signer().await, once.clone()).await.expect("it signs");
    let callers = Callers::start(&daemon).await;
    callers.more(200).await;
    let asked = PauseIdentityRequest { identity: "web".to_owned() };
    let paused = rotation(&daemon).await.pause_identity(asked).await.expect("it is paused").into_inner();
    assert_eq!(paused.identity.map(|one| one.state()), Some(IdentityState::Paused));
    let recorded = records(&daemon, "").await;
    callers.more(200).await;
    assert_eq!(records(&daemon, "").await, recorded);
    let answers = callers.stop().await;
    let signed = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(signed + 1, recorded, "what was recorded was answered");
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!((refused.code(), reason(refused).as_str()), (Code::FailedPrecondition, "IDENTITY_PAUSED"));
    }
    let repeated = presign(&mut daemon.signer().await, once.clone()).await.expect_err("no former URL either");
    assert_eq!(reason(&repeated), "IDENTITY_PAUSED");
    assert_eq!(daemon.probe("/readyz").await, 503, "nothing can be signed");

    daemon.kill().await;
    let daemon = world.daemon(&web).await;
    assert_eq!(daemon.web().await.state(), IdentityState::Paused, "it outlasts a restart");
    let refused = sign(&daemon, 10).await.expect_err("it is paused");
    assert_eq!(reason(&refused), "IDENTITY_PAUSED");
    let asked = ResumeIdentityRequest { identity: "web".to_owned() };
    rotation(&daemon).await.resume_identity(asked).await.expect("it is resumed");
    let again = presign(&mut daemon.signer().await, once).await.expect("it signs again");
    assert_eq!(again.replaces, first.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_session_signs_nothing_after_the_answer_and_no_call_notices() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"\nmin_pause = \"1s\"")).await;
    let callers = Callers::start(&daemon).await;
    callers.more(100).await;
    let mut rotation = rotation(&daemon).await;
    for expected in 1..4 {
        let asked = DrainRequest { identity: "web".to_owned(), generation: expected };
        let drained = rotation.drain(asked).await.expect("it is drained").into_inner().status.expect("it is told");
        let session = drained.session.clone().expect("it has a name");
        assert_eq!(session.generation, expected);
        let recorded = records(&daemon, &session.id).await;
        callers.more(50).await;
        assert_eq!(records(&daemon, &session.id).await, recorded);
        eventually("the next signs", async || {
            (state(&daemon, "web", expected + 1).await? == GenerationState::Active).then_some(())
        })
        .await;
    }
    callers.more(50).await;
    for answer in callers.stop().await {
        answer.expect("no call notices");
    }
}
