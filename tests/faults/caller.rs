//! One who asks for a URL, uses it, and asks for the next, whatever happens; and what they saw, held against what was
//! known of the keys.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use presignd::grpc::proto::{PresignRequest, PresignResponse};
use tokio::task::JoinHandle;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::host::usable_until;
use crate::process::{Daemon, get, length, presign};
use crate::support::http::{Answer, send};
use crate::support::keys::Keys;
use crate::support::{DEADLINE, eventually, now};

/// At work until it is dropped.
pub(crate) struct Caller {
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

/// One call.
#[derive(Clone)]
pub(crate) struct Seen {
    /// When it was made.
    pub(crate) at: i64,
    /// When its answer was there: what it says was so at some time between.
    pub(crate) answered_at: i64,
    pub(crate) outcome: Result<Used, Status>,
}

/// A URL, and what S3 said to it at once.
#[derive(Clone)]
pub(crate) struct Used {
    pub(crate) url: PresignResponse,
    pub(crate) answer: Answer,
    pub(crate) answered_at: i64,
}

impl Caller {
    /// Asks for what lives ten minutes, and would be content with a second.
    pub(crate) async fn start(daemon: &Daemon, s3: std::net::SocketAddr) -> Self {
        let (seen, mut signer) = (Arc::<Mutex<Vec<Seen>>>::default(), daemon.signer().await);
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let ask = PresignRequest { expires_in: Some(length(600)), at_least: Some(length(1)), ..get("cat.jpg") };
                let at = now();
                let answer = tokio::time::timeout(DEADLINE, presign(&mut signer, ask)).await;
                let answered_at = now();
                let outcome = match answer.expect("every call is answered") {
                    Ok(url) => {
                        let answer = send(s3, "GET", &url.url, [], "").await;
                        Ok(Used { url, answer, answered_at: now() })
                    }
                    Err(status) => Err(status),
                };
                noted.lock().expect("no holder panics").push(Seen { at, answered_at, outcome });
                // A breath, so that this machine has time for its other daemons. Nothing is expected to happen in it.
                tokio::time::sleep(BREATH).await;
            }
        });
        Self { seen, task }
    }

    /// All calls so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().expect("no holder panics")
    }

    /// Waits for a call, among those that are answered from now on.
    pub(crate) async fn sees(&self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let mut next = self.lock().len();
        eventually(what, async || {
            assert!(!self.task.is_finished(), "{what}: the caller gave up");
            let seen = self.lock();
            let found = seen[next..].iter().find(|seen| wanted(seen)).cloned();
            next = seen.len();
            found
        })
        .await
    }

    /// Waits for a URL.
    pub(crate) async fn signs(&self, what: &str) -> PresignResponse {
        let seen = self.sees(what, |seen| seen.outcome.is_ok()).await;
        seen.outcome.map(|used| used.url).expect("it was looked for")
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Between two calls.
const BREATH: Duration = Duration::from_millis(250);

/// The key that signed.
pub(crate) fn key_of(url: &str) -> String {
    let (_, rest) = url.split_once("X-Amz-Credential=").expect("every URL names its key");
    rest.split('%').next().unwrap_or_default().to_owned()
}

/// When a URL ends by its own words.
fn claims(url: &str) -> i64 {
    let value = |name: &str| {
        let (_, rest) = url.split_once(&format!("{name}=")).expect("every URL has a date and a life");
        rest.split('&').next().unwrap_or_default().to_owned()
    };
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let date = time::PrimitiveDateTime::parse(&value("X-Amz-Date"), &format).expect("a date of AWS");
    date.assume_utc().unix_timestamp() + value("X-Amz-Expires").parse::<i64>().expect("seconds")
}

/// The promise for one URL: it claims no more than its session is known to live, which is `ahead` of the end by this
/// machine's clock; and it works, until then. `is_used`: whether S3 has the clock of STS.
pub(crate) fn keeps_its_promise(name: &str, used: &Used, keys: &Keys, ahead: i64) {
    let url = &used.url;
    let key = keys.find(&key_of(&url.url)).unwrap_or_else(|| panic!("{name}: signed with a key that nobody gave"));
    let end = key.ends_at.expect("all of them are sessions") + ahead;
    assert!(claims(&url.url) <= end, "{name}: a URL claims {} s more than its session lives", claims(&url.url) - end);
    assert!(usable_until(url) <= claims(&url.url), "{name}: it is promised longer than it claims");
    if ahead == 0 && used.answered_at < usable_until(url) {
        assert_eq!(used.answer.status, 200, "{name}: alive and refused: {}", used.answer.text());
    }
}

/// The promise for one refusal: it is said that it passes, and why.
pub(crate) fn is_clear(name: &str, status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{name}: no reason is given: {status}"));
    assert_eq!((status.code(), info.domain.as_str()), (Code::Unavailable, "presignd"), "{name}: {status}");
    assert!(["NO_SESSION", "SESSION_DEAD"].contains(&info.reason.as_str()), "{name}: {status}");
    assert!(details.retry_info().is_some_and(|retry| retry.retry_delay.is_some()), "{name}: when? {status}");
    assert!(status.message().len() > 40, "{name}: it says what it met: {status}");
    info.metadata.get("cause").cloned().unwrap_or_default()
}
