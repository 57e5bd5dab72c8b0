//! The keeper under paused time with a scripted source, and the words of errors.

mod clock;
mod confirmed;
mod ends;
mod lent;
mod news;
mod stopped;
mod tenants;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::keeper::{Keeper, Pace};
use super::mint::{Mint, Minted, Minting, Naming, News, bare, credentials};
use super::*;
use crate::clock::Clock;
use crate::clock::still::Still;
use crate::registry::{Options, Registry};
use crate::session::CredentialKind;
use crate::session::lifetime::{Fresh, LimitedBy};

/// What the source does next; the last stays.
#[derive(Clone, Copy)]
enum Turn {
    /// A new session of so many seconds.
    Fresh(u64),
    /// The session of the turn before, as metadata repeats it.
    Same,
    /// Its access key, with an end that is so many seconds later, and with this secret.
    Again(i64, &'static str),
    /// A failure.
    Fails,
}

struct Script {
    clock: Clock,
    turns: Arc<Mutex<VecDeque<Turn>>>,
    last: Mutex<Option<(usize, Timestamp, &'static str)>>,
    asked: Arc<AtomicUsize>,
    /// Looked for every ten seconds.
    news: Arc<AtomicBool>,
    tells_changes: bool,
}

impl Script {
    async fn next(&self) -> Result<Minted, RenewError> {
        sleep(Duration::from_secs(1)).await;
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let turn = {
            let mut turns = self.turns.lock().unwrap();
            if turns.len() > 1 { turns.pop_front().unwrap() } else { turns[0] }
        };
        let last = *self.last.lock().unwrap();
        let (number, ends_at, secret) = match turn {
            Turn::Fails => return Err(RenewError::new(error::NETWORK, "no way to STS")),
            Turn::Fresh(life) => (number, self.clock.now() + Duration::from_secs(life), "secret"),
            Turn::Same => last.unwrap(),
            Turn::Again(later, secret) => {
                let (number, ends_at, _) = last.unwrap();
                (number, Timestamp::from_unix(ends_at.unix() + later), secret)
            }
        };
        *self.last.lock().unwrap() = Some((number, ends_at, secret));
        let id = format!("ASIA{number:012}");
        let mut facts = bare(&id, CredentialKind::AssumeRole, self.clock.now());
        facts.principal_arn = "arn:aws:sts::123456789012:assumed-role/web/s".to_owned();
        facts.expires_at = Some(ends_at);
        Ok(Minted { credentials: credentials(&id, secret, Some("token")), facts })
    }
}

impl Mint for Script {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.next())
    }

    /// What is minted at will has no past that the registry would be asked for: its answer has a time limit, and time that
    /// is paused may run away while a thread works.
    fn fresh(&self) -> Option<Fresh> {
        Some(Fresh { duration: Duration::from_secs(3600), limited_by: LimitedBy::Session })
    }

    fn poll(&self) -> Option<Duration> {
        Some(Duration::from_secs(10))
    }

    fn has_news(&self) -> News<'_> {
        Box::pin(async { self.news.swap(false, Ordering::Relaxed) })
    }

    fn tells_changes(&self) -> bool {
        self.tells_changes
    }

    fn name<'a>(&'a self, _: &'a mut Minted) -> Naming<'a> {
        Box::pin(async { Ok(()) })
    }
}

/// Pauses time, which from now on passes as the registry can follow: a second at most passes before what was to be written
/// is written.
fn paced(registry: &Registry) {
    tick(Duration::from_millis(500), registry);
}

fn tick(every: Duration, registry: &Registry) {
    tokio::time::pause();
    let registry = registry.clone();
    // It writes one thing after the other, so this comes last.
    let written = move || {
        let registry = registry.clone();
        async move { registry.forget_ended().await.unwrap() }
    };
    tokio::spawn(Still::hold().tick(every, written));
}

struct Kit {
    identity: Arc<Identity>,
    clock: Clock,
    registry: Registry,
    asked: Arc<AtomicUsize>,
    turns: Arc<Mutex<VecDeque<Turn>>>,
    news: Arc<AtomicBool>,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Kit {
    async fn new(turns: &[Turn], headroom: Option<u64>) -> Self {
        let pace = Pace { headroom: headroom.map(Duration::from_secs), min_pause: Duration::from_secs(5) };
        Self::of(turns, pace, false).await
    }

    /// The registry's file is real, and time is paused only once it is open.
    async fn of(turns: &[Turn], pace: Pace, tells_changes: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let clock = Clock::tokio(Timestamp::from_unix(1_800_000_000));
        let options = Options { durable: false, ..Options::at(dir.path().join("r.db")) };
        let registry = Registry::open(options, clock.clone(), Arc::clone(&metrics)).await.unwrap();
        paced(&registry);
        let (asked, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let turns = Arc::new(Mutex::new(turns.iter().copied().collect()));
        let (last, news) = (Mutex::new(None), Arc::new(AtomicBool::new(false)));
        let (told, asks) = (Arc::clone(&news), Arc::clone(&asked));
        let script = Arc::clone(&turns);
        let source = Script { clock: clock.clone(), turns: script, last, asked: asks, news: told, tells_changes };
        let name = IdentityName::parse("web").unwrap();
        let source = Box::new(source);
        let (kept, at, until) = (registry.clone(), clock.clone(), stop.clone());
        let keeper = Keeper::new(name.clone(), source, pace, kept, at, Arc::clone(&metrics), until);
        let identity = Arc::new(Identity::new(name, tables::Identity::of_default_chain(), keeper, metrics));
        let running = Arc::clone(&identity);
        tokio::spawn(async move { running.keeper.run().await });
        Self { identity, clock, registry, asked, turns, news, stop, _dir: dir }
    }

    fn generation(&self) -> Option<u64> {
        self.identity.current().map(|live| live.session.generation)
    }

    /// Lets time pass, and what it set going come to its end: the registry's file works in real time.
    async fn seconds(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
        let mut ended = self.identity.keeper.ended.subscribe();
        let asked = self.asked() as u64;
        ended.wait_for(|ended| ended.number >= asked).await.unwrap();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_session_is_renewed_before_half_of_its_life_is_over_and_the_old_one_stays_known() {
    let kit = Kit::new(&[Turn::Fresh(3600)], None).await;
    let first = kit.identity.renew().await.unwrap();
    kit.seconds(1500).await;
    assert_eq!((kit.asked(), kit.generation()), (1, Some(1)));
    kit.seconds(320).await;
    assert_eq!((kit.asked(), kit.generation()), (2, Some(2)));
    assert!(kit.identity.live(first.session.id).is_some());
    kit.seconds(1800).await;
    assert!(kit.identity.live(first.session.id).is_none());
}

#[tokio::test]
async fn a_look_without_news_asks_nobody_and_one_with_news_asks_at_once() {
    let kit = Kit::new(&[Turn::Fresh(36_000)], None).await;
    kit.identity.renew().await.unwrap();
    kit.seconds(1000).await;
    assert_eq!(kit.asked(), 1, "a hundred looks, and no news");
    kit.news.store(true, Ordering::Relaxed);
    kit.seconds(20).await;
    assert_eq!((kit.asked(), kit.generation()), (2, Some(2)));
    kit.seconds(1000).await;
    assert_eq!(kit.asked(), 2);
}

#[tokio::test]
async fn a_failed_renewal_keeps_the_old_session_and_is_tried_again() {
    let kit = Kit::new(&[Turn::Fresh(3600), Turn::Fails, Turn::Fails, Turn::Fresh(3600)], None).await;
    kit.identity.renew().await.unwrap();
    let failed = kit.identity.renew().await.map(|live| live.session.generation);
    assert_eq!(failed.unwrap_err().reason(), "NETWORK");
    let status = kit.identity.status();
    assert_eq!((status.state, status.failures, kit.generation()), (State::RenewalFailing, 1, Some(1)));
    assert_eq!(status.last_failure, "no way to STS");
    kit.seconds(60).await;
    assert_eq!((kit.identity.status().state, kit.generation()), (State::Ready, Some(2)));
}

#[tokio::test]
async fn callers_that_come_together_share_one_attempt() {
    let kit = Kit::new(&[Turn::Fresh(3600)], None).await;
    let both = tokio::join!(kit.identity.renew(), kit.identity.renew());
    assert_eq!(both.0.unwrap().session.id, both.1.unwrap().session.id);
    kit.seconds(60).await;
    assert_eq!(kit.asked(), 1);
}

#[tokio::test]
async fn the_pause_delays_a_caller_and_fails_none() {
    let kit = Kit::new(&[Turn::Fresh(3600)], None).await;
    kit.identity.renew().await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(kit.identity.renew().await.unwrap().session.generation, 2);
    assert!(began.elapsed() >= Duration::from_secs(6), "the pause, and the second that the source takes");
}

#[tokio::test]
async fn a_source_that_repeats_itself_makes_no_generation_and_no_busy_loop() {
    let kit = Kit::new(&[Turn::Fresh(600), Turn::Same], Some(590)).await;
    kit.identity.renew().await.unwrap();
    kit.seconds(500).await;
    assert_eq!(kit.generation(), Some(1));
    assert!((2..=40).contains(&kit.asked()), "asked {} times in 500 s", kit.asked());
}

#[tokio::test]
async fn a_session_that_ends_signs_no_more() {
    let kit = Kit::new(&[Turn::Fresh(600), Turn::Fails], None).await;
    kit.identity.renew().await.unwrap();
    kit.seconds(605).await;
    assert_eq!((kit.generation(), kit.identity.status().state), (None, State::Unavailable));
}

#[tokio::test]
async fn who_waits_when_the_daemon_stops_is_told_so() {
    let kit = Kit::new(&[Turn::Fails], None).await;
    let _ = kit.identity.renew().await;
    kit.stop.cancel();
    assert_eq!(kit.identity.renew().await.map(drop).unwrap_err().reason(), "STOPPED");
}

#[test]
fn every_code_of_sts_has_its_class() {
    let maximum = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    let chaining = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
    for (code, message, reason) in [
        ("AccessDenied", "", "ACCESS_DENIED"),
        ("ExpiredToken", "", "EXPIRED_TOKEN"),
        ("ExpiredTokenException", "", "EXPIRED_TOKEN"),
        ("InvalidClientTokenId", "", "UNKNOWN_KEY"),
        ("SignatureDoesNotMatch", "", "WRONG_SECRET"),
        ("Throttling", "", "THROTTLED"),
        ("RegionDisabledException", "", "REGION_DISABLED"),
        ("InvalidIdentityToken", "", "INVALID_IDENTITY_TOKEN"),
        ("PackedPolicyTooLarge", "", "POLICY"),
        ("ValidationError", maximum, "ROLE_MAXIMUM"),
        ("ValidationError", chaining, "CHAINING"),
        ("ValidationError", "1 validation error", "VALIDATION"),
        ("Unheard", "", "STS"),
    ] {
        assert_eq!(error::class(code, message).0, reason, "{code}");
    }
}

#[test]
fn an_arn_names_partition_account_and_unique_id() {
    let mut facts = bare("ASIAX", CredentialKind::Temporary, Timestamp::EPOCH);
    mint::set_principal(&mut facts, "arn:aws-cn:sts::123456789012:assumed-role/web/me", "AROAX:me");
    let named = (facts.partition.as_str(), facts.account.as_str(), facts.principal_unique_id.as_str());
    assert_eq!(named, ("aws-cn", "123456789012", "AROAX"));
    assert_eq!((facts.session_name.as_str(), facts.kind), ("me", CredentialKind::Temporary));
    mint::set_principal(&mut facts, "arn:aws:iam::123456789012:user/bob", "AIDAX");
    assert_eq!(facts.kind, CredentialKind::SessionToken);
}
