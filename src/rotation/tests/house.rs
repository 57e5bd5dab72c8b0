//! A house for the tests of rotation: a daemon without doors, over a real key file and a registry that outlasts it. Time
//! stands still but where a test lets it pass: files and the registry take real time, in which nothing may end. The keys
//! are those of another store, so AWS is not asked.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::access::Caller;
use crate::aws::{Aws, Environment};
use crate::clock::Clock;
use crate::clock::still::Still;
use crate::config::{Config, Surroundings};
use crate::error::Error;
use crate::identity::Identities;
use crate::issuer::{Ask, Issued, Issuer, Output, Rules};
use crate::region::Regions;
use crate::registry::{DAEMON, EventKind, MAX_PAGE, Options, Registry};
use crate::rotation::told::Told;
use crate::rotation::{GenerationStatus, Rotation};
use crate::s3::form::Signable;
use crate::s3::operation::Operation;
use crate::s3::request::{Headers, Request};
use crate::s3::{Addressing, Bucket, ObjectKey};
use crate::session::IdentityName;
use crate::telemetry::Metrics;
use crate::time::{Timestamp, Ttl};

/// A daemon without doors.
pub(super) struct House {
    pub(super) dir: tempfile::TempDir,
    pub(super) clock: Clock,
    pub(super) registry: Registry,
    pub(super) metrics: Arc<Metrics>,
    pub(super) desk: Rotation,
    pub(super) stop: CancellationToken,
    /// Identities that sign with the key of the file.
    names: &'static [&'static str],
    still: Still,
}

pub(super) const UID: u32 = 0;
/// An identity that is based on `web`, of an STS that nobody reaches.
pub(super) const ROLE: &str = "up";

pub(super) fn web() -> IdentityName {
    named("web")
}

pub(super) fn named(name: &str) -> IdentityName {
    IdentityName::parse(name).unwrap()
}

pub(super) fn key(number: usize) -> String {
    format!("AKIA{number:016}")
}

impl House {
    /// With the first key in the file, and signing.
    pub(super) async fn new() -> Self {
        Self::with(|dir| put(dir, 1, None)).await
    }

    pub(super) async fn with(prepare: impl FnOnce(&Path)) -> Self {
        Self::of(&["web"], prepare).await
    }

    /// With these identities, of which each signs with the key of the file.
    pub(super) async fn of(names: &'static [&'static str], prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let clock = Clock::tokio(Timestamp::from_unix(1_795_348_800));
        let metrics = Arc::new(Metrics::new().unwrap());
        let options = Options { durable: false, ..Options::at(dir.path().join("r.db")) };
        let registry = Registry::open(options, clock.clone(), Arc::clone(&metrics)).await.unwrap();
        tokio::time::pause();
        let still = Still::hold();
        let (desk, stop) = open(dir.path(), names, &clock, &registry, &metrics);
        let house = Self { dir, clock, registry, metrics, desk, stop, names, still };
        let all_sign = || names.iter().filter(|name| **name != ROLE).all(|name| house.signs_as(name).is_some());
        house.until("they sign", async || all_sign()).await;
        house
    }

    /// As a restart of the daemon would, but for the registry's file.
    pub(super) async fn restart(&mut self) {
        self.stop.cancel();
        let paused = self.registry.paused(DAEMON).await.unwrap();
        (self.desk, self.stop) = open(self.dir.path(), self.names, &self.clock, &self.registry, &self.metrics);
        // What a registry that is opened anew would say.
        for (name, _) in paused {
            self.desk.identity(&name).unwrap().pause();
        }
    }

    pub(super) fn put(&self, number: usize) {
        put(self.dir.path(), number, None);
    }

    pub(super) fn signs(&self) -> Option<u64> {
        self.signs_as("web")
    }

    pub(super) fn signs_as(&self, name: &str) -> Option<u64> {
        self.desk.identity(&named(name)).unwrap().signing_generation().map(|live| live.session.generation)
    }

    pub(super) async fn sign(&self, seconds: u64, request_id: Option<&str>) -> Result<Issued, Error> {
        self.sign_as("web", seconds, request_id).await
    }

    pub(super) async fn sign_as(&self, name: &str, seconds: u64, request_id: Option<&str>) -> Result<Issued, Error> {
        let caller = Caller { uid: UID, gid: 0, pid: None, executable: None };
        let (bucket, object) = (Bucket::parse("photos").unwrap(), ObjectKey::parse("cat.jpg").unwrap());
        let headers = Headers::new(Vec::new()).unwrap();
        let addressing = Addressing::default();
        let request =
            Request::of_operation(Operation::GetObject, bucket, Some(object), Vec::new(), headers, addressing);
        let ask = Ask {
            identity: Some(named(name)),
            what: Signable::Request(request.unwrap()),
            region: Some(crate::s3::Region::parse("us-east-1").unwrap()),
            asked: Ttl::new(seconds).unwrap(),
            at_least: Ttl::new(1).unwrap(),
            on_behalf_of: String::new(),
            labels: Vec::new(),
            request_id: request_id.map(str::to_owned),
            tag: false,
            replaces: None,
            in_place_of: None,
            authority: crate::issuer::Authority::Grants,
        };
        let deadline = self.clock.monotonic() + Duration::from_secs(30);
        let mut issued = pin!(self.desk.issuer.issue(&caller, vec![ask], deadline));
        loop {
            // Mostly it needs no time, only its record.
            tokio::select! {
                biased;
                mut issued = &mut issued => return issued.remove(0),
                () = self.written() => {}
            }
            tokio::select! {
                biased;
                mut issued = &mut issued => return issued.remove(0),
                () = self.step() => {}
            }
        }
    }

    pub(super) async fn status(&self, generation: u64) -> GenerationStatus {
        self.status_as("web", generation).await
    }

    pub(super) async fn status_as(&self, name: &str, generation: u64) -> GenerationStatus {
        let all = self.desk.status(UID, Some(&named(name)), true).await.unwrap();
        all.into_iter().find(|status| status.session.generation == generation).unwrap()
    }

    /// Kinds and generations, in order; renewals apart.
    pub(super) async fn told(&self) -> Vec<(EventKind, u64)> {
        let rows = self.registry.events(DAEMON, 0, MAX_PAGE).await.unwrap();
        let told = rows.iter().filter_map(|row| match Told::of(row)? {
            Told::SessionEnding(status)
            | Told::GenerationDraining(status)
            | Told::DrainCancelled(status)
            | Told::GenerationDrained(status)
            | Told::GenerationRetired(status) => Some((row.kind, status.session.generation)),
            Told::IdentityPaused(_) | Told::IdentityResumed(_) => Some((row.kind, 0)),
            Told::SessionRenewed(_) | Told::RenewalFailed(_) => None,
        });
        told.collect()
    }

    /// Lets time pass until it holds.
    pub(super) async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        for _ in 0..PATIENCE {
            if holds().await {
                return;
            }
            self.step().await;
        }
        panic!("still not so: {what}; told {:?}", self.told().await);
    }

    pub(super) async fn pass(&self, time: Duration) {
        for _ in 0..time.as_millis() / STEP.as_millis() {
            self.step().await;
        }
    }

    pub(super) async fn step(&self) {
        self.still.step(STEP, || self.written()).await;
    }

    /// Waits until everything is written that was to be: the registry takes one thing after the other, and this comes last.
    async fn written(&self) {
        self.registry.forget_ended().await.unwrap();
    }

    pub(super) async fn until_told(&self, told: &[(EventKind, u64)]) {
        self.until(&format!("{told:?} is told"), async || self.told().await == told).await;
    }

    pub(super) fn gauge(&self, name: &str, state: &str) -> i64 {
        let row = format!("{name}{{identity=\"web\",state=\"{state}\"}} ");
        let text = self.metrics.encode();
        text.lines().find_map(|line| line.strip_prefix(&row)).unwrap().parse().unwrap()
    }
}

pub(super) const STEP: Duration = Duration::from_millis(200);
/// Steps after which what was waited for will not come: an hour.
pub(super) const PATIENCE: usize = 18_000;

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Puts a key into the file; with an end it is a temporary one.
pub(super) fn put(dir: &Path, number: usize, ends_at: Option<Timestamp>) {
    let mut parts = BTreeMap::from([("AccessKeyId", key(number)), ("SecretAccessKey", "s".repeat(40))]);
    if let Some(ends_at) = ends_at {
        parts.insert("AccessKeyId", format!("ASIA{number:016}"));
        parts.extend([("SessionToken", "token".to_owned()), ("Expiration", ends_at.to_string())]);
    }
    // Whole or not at all: whoever reads meanwhile must not see a part.
    let (new, file) = (dir.join("new"), dir.join("key"));
    std::fs::write(&new, serde_json::to_string(&parts).unwrap()).unwrap();
    std::fs::rename(new, file).unwrap();
}

pub(super) fn open(
    dir: &Path,
    names: &[&str],
    clock: &Clock,
    registry: &Registry,
    metrics: &Arc<Metrics>,
) -> (Rotation, CancellationToken) {
    let file = dir.join("key");
    let table = |name: &&str| {
        if *name == ROLE {
            return format!(
                "[identity.{name}]\nsource = \"assume-role\"\nrole_arn = \"arn:aws:iam::111122223333:role/up\"\n\
                 base = \"web\"\n[identity.{name}.sts]\nendpoint_url = \"http://127.0.0.1:1\"\nregion = \"us-east-1\"\n"
            );
        }
        format!(
            "[identity.{name}]\nsource = \"key-file\"\npath = \"{}\"\npoll = \"1s\"\nmin_pause = \"1s\"\n\
             [identity.{name}.s3]\nendpoint_url = \"https://store.example\"\nregion = \"us-east-1\"\n",
            file.display()
        )
    };
    let text: String = names.iter().map(table).collect();
    let surroundings = Surroundings { home: Some(dir.to_owned()), ..Surroundings::default() };
    let config = Config::parse(&text, &surroundings).unwrap();
    let aws = Aws::new(clock.clone(), Environment::default()).unwrap();
    let stop = CancellationToken::new();
    let identities = Arc::new(Identities::start(&config, &aws, registry, metrics, &stop));
    let rules = Rules { grants: config.grants.clone(), default_identity: config.default_identity.clone(), identities };
    let regions = Regions::new(aws.connector.clone(), clock.clone(), Arc::clone(metrics));
    let issuer = Issuer::new(rules, regions, registry.clone(), clock.clone(), Arc::clone(metrics));
    let desk = Rotation::new(Arc::new(issuer));
    tokio::spawn(desk.clone().watch_over(Arc::clone(metrics), stop.clone()));
    (desk, stop)
}

pub(super) fn url(issued: &Issued) -> String {
    match &issued.output {
        Output::Url { url, .. } => url.to_string(),
        Output::Form { url, .. } => url.clone(),
    }
}

pub(super) fn reason<T>(answer: Result<T, Error>) -> (Code, &'static str) {
    answer.map(drop).unwrap_err().verdict()
}
