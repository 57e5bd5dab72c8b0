//! The whole desk for days: real identities with their renewal tasks, real clients of STS and of metadata, the real
//! issuer and registry, against the model, in virtual time. What the bearer uses is read from the URL itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use fastrand::Rng;
use presignd::access::Caller;
use presignd::aws::Aws as WayToAws;
use presignd::clock::Clock;
use presignd::config::{Config, Surroundings};
use presignd::error::Error;
use presignd::identity::{Identities, Identity};
use presignd::issuer::{Ask, Authority, Issued, Issuer, Output, Rules};
use presignd::region::Regions;
use presignd::registry::{Options, Registry};
use presignd::s3::Region;
use presignd::session::{IdentityName, RecordId, Session};
use presignd::telemetry::Metrics;
use presignd::time::{Timestamp, Ttl};
use tokio_util::sync::CancellationToken;

use crate::acts::{self, DAY, HOUR, Target};
use crate::cast::{self, Source};
use crate::ledger::{Ledger, Out};
use crate::model::act::Act;
use crate::model::principal::Kind;
use crate::model::used::Use;
use crate::model::{LATEST, Millis};
use crate::stand_still::{self, StandStill, runtime};
use crate::tally::Tally;
use crate::wire::Wire;
use crate::{asks, bearer, facts, heal, told};

/// One run.
struct Days {
    rng: Rng,
    wire: Wire,
    time: StandStill,
    issuer: Arc<Issuer>,
    names: Vec<IdentityName>,
    /// Every session that was seen to sign.
    sessions: BTreeMap<RecordId, Arc<Session>>,
    ledger: Ledger,
    /// What is to be done later: undo a change, or heal what it broke.
    later: Vec<(Millis, usize, bool)>,
    folder: tempfile::TempDir,
}

/// Runs so many days, and on until the last URL has ended.
pub(crate) fn run(seed: u64, days: i64) -> Tally {
    // The daemon's own dice, for names and jitter.
    fastrand::seed(seed);
    runtime().block_on(async {
        let (mut one, stop) = Days::begin(seed).await;
        one.run(START + days * DAY).await;
        stop.cancel();
        one.time.rest().await;
        one.ledger.tally
    })
}

impl Days {
    async fn begin(seed: u64) -> (Self, CancellationToken) {
        let hold = stand_still::hold();
        let mut rng = Rng::with_seed(seed);
        let (aws, sources) = cast::of_a_daemon(&mut rng);
        let folder = tempfile::tempdir().expect("a folder");
        let names: Vec<_> = (0..sources.len()).map(|number| name(&format!("identity-{number}"))).collect();
        let config = config(&mut rng, &sources, folder.path());
        let ahead = [0, rng.i64(-700..700), rng.i64(-7200..7200)][rng.usize(..3)];
        let clock = Clock::tokio(Timestamp::from_unix(START / 1000 + ahead));
        let first = aws.credentials.values().next().expect("there are users").clone();
        let last = facts::of(&aws, &first, facts::unknown(Timestamp::EPOCH), true, None);
        let wire = Wire::new(aws, sources, &mut rng, START);
        write_keys(&wire, folder.path());

        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let options = Options { durable: false, ..Options::at(folder.path().join("registry.db")) };
        let registry = Registry::open(options, clock.clone(), Arc::clone(&metrics)).await.expect("a registry");
        let time = StandStill::new(hold, wire.clone(), registry.clone(), (name("nobody"), last));
        let connector = SharedHttpConnector::new(wire.clone());
        let to_sts = connector.clone();
        let aws = WayToAws {
            http: http_client_fn(move |_, _| to_sts.clone()),
            connector: connector.clone(),
            beside: connector.clone(),
            clock: clock.clone(),
            environment: Arc::new(
                [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials")].into_iter().collect(),
            ),
        };
        let stop = CancellationToken::new();
        let identities = Arc::new(Identities::start(&config, &aws, &registry, &metrics, &stop));
        let rules =
            Rules { grants: config.grants.clone(), default_identity: config.default_identity.clone(), identities };
        let regions = Regions::new(connector, clock.clone(), Arc::clone(&metrics));
        let issuer = Arc::new(Issuer::new(rules, regions, registry, clock, metrics));
        let (sessions, ledger, later) = (BTreeMap::new(), Ledger::default(), Vec::new());
        (Self { rng, wire, time, issuer, names, sessions, ledger, later, folder }, stop)
    }

    async fn run(&mut self, until: Millis) {
        let (mut ask_at, mut act_at, mut away_at) = (START + 60_000, START + 2 * HOUR, START + HOUR);
        loop {
            let now = self.wire.cloud().now();
            if now >= until {
                break;
            }
            let next = self.later.iter().map(|later| later.0).chain([ask_at, act_at, away_at, until]).min();
            let length = next.map_or(0, |next| (next - now).max(1000)).unsigned_abs();
            self.time.pass(Duration::from_millis(length)).await;
            let now = self.wire.cloud().now();
            self.do_later(now);
            if now >= away_at {
                let long = self.rng.i64(0..2 * HOUR);
                self.wire.cloud().away_until = now + long;
                away_at = now + long + self.rng.i64(0..DAY);
            }
            if now >= act_at {
                self.act().await;
                act_at = now + self.rng.i64(0..5 * HOUR);
            }
            if now >= ask_at {
                self.ask().await;
                ask_at = now + self.rng.i64(0..HOUR);
            }
            self.keeps_what_it_has();
        }
        // Nothing more happens: each URL goes on to its end, which needs nobody to wait for it.
        let cloud = self.wire.cloud();
        (self.ledger.tally.renewed, self.ledger.tally.failed) = (cloud.gave, cloud.failed);
        let end = until + 8 * DAY + LATEST;
        self.ledger.settle(&mut self.rng, &cloud.aws, end);
        assert!(self.ledger.out.is_empty(), "every URL has come to its end");
    }

    fn do_later(&mut self, now: Millis) {
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, ..)| *at <= now);
        self.later = later;
        let due: Vec<(Millis, usize, bool)> = due;
        for (_, change, heals) in due {
            let mut guard = self.wire.cloud();
            let cloud = &mut *guard;
            if heals {
                heal::after(&mut cloud.aws, &mut cloud.sources, change);
            } else {
                cloud.aws.undo(change, now);
            }
        }
        write_keys(&self.wire, self.folder.path());
    }

    /// Somebody does something to AWS, on a whole second; presignd is asked first.
    async fn act(&mut self) {
        if self.ledger.out.is_empty() {
            return;
        }
        let now = self.wire.cloud().now();
        self.time.pass(Duration::from_millis((1000 - now % 1000).unsigned_abs())).await;
        let mut guard = self.wire.cloud();
        let cloud = &mut *guard;
        let now = cloud.now() / 1000 * 1000;
        let out = &self.ledger.out[self.rng.usize(..self.ledger.out.len())];
        let credential = &cloud.aws.credentials[&out.used.access_key_id];
        if cloud.aws.is_gone_before(credential, usize::MAX) {
            return;
        }
        let target = Target { used: &out.used, credential, identity: out.identity };
        let chosen = acts::any(&mut self.rng, &cloud.aws, now, &target);
        let event = told::event(&mut self.rng, &cloud.aws, &self.names, now, chosen.settles, &chosen.act);
        let change = cloud.aws.act(now, chosen.settles, chosen.act.clone());
        let at_once = matches!(chosen.act, Act::RoleRemade { .. });
        if at_once {
            heal::after(&mut cloud.aws, &mut cloud.sources, change);
        }
        self.ledger.tell(&cloud.aws, change, event, now);
        self.later.extend(chosen.undone_after.map(|after| (now + after, change, false)));
        self.later.extend((!at_once).then_some((now + chosen.healed_after, change, true)));
    }

    /// A caller asks the desk, and waits as long as callers do.
    async fn ask(&mut self) {
        let number = self.rng.usize(..self.names.len());
        let (what, used) = {
            let cloud = self.wire.cloud();
            asks::any(&mut self.rng, &cloud.aws, cloud.now())
        };
        let asked = crate::months::length(&mut self.rng);
        let at_least = if self.rng.bool() { asked.nine_tenths() } else { Ttl::MIN };
        let ask = Ask {
            identity: Some(self.names[number].clone()),
            what,
            region: Some(Region::parse("eu-central-1").expect("a region")),
            asked,
            at_least,
            on_behalf_of: String::new(),
            labels: Vec::new(),
            request_id: None,
            tag: false,
            authority: Authority::Grants,
            replaces: None,
            in_place_of: None,
        };
        let had: Vec<_> = self.identity(number).status().sessions;
        let (issuer, deadline) = (Arc::clone(&self.issuer), self.issuer.clock().monotonic() + PATIENCE);
        let caller = Caller { uid: rustix::process::geteuid().as_raw(), gid: 0, pid: None, executable: None };
        let call = tokio::spawn(async move { issuer.issue(&caller, vec![ask], deadline).await });
        self.time.pass_until(|| call.is_finished()).await;
        let answer = call.await.expect("the desk does not break").pop().expect("one answer for one ask");
        match answer {
            Ok(issued) => self.hand_out(number, &issued, used, asked, at_least),
            Err(error) => self.is_right_to_refuse(number, &had, at_least, &error),
        }
    }

    fn hand_out(&mut self, number: usize, issued: &Issued, used: Use, asked: Ttl, at_least: Ttl) {
        let ttl = issued.record.ttl;
        assert!(ttl >= at_least && ttl <= asked, "promise 2: asked for {asked}, {at_least} at least, got {ttl}");
        let cloud = self.wire.cloud();
        let used = match &issued.output {
            Output::Url { url, .. } => bearer::of_url(url, used),
            Output::Form { fields, .. } => bearer::of_form(fields, used),
        };
        let credential = &cloud.aws.credentials[&used.access_key_id];
        let Session { id, facts, .. } = &*issued.session;
        let within = |at: Timestamp| {
            at <= facts.issued.not_after && facts.issued.not_before.is_none_or(|not_before| not_before <= at)
        };
        let at = credential.issued_at.map(Timestamp::from_unix);
        let named = !facts.principal_arn.is_empty();
        assert!(!named || at.is_none_or(within), "issued at {at:?}, and presignd takes it for {:?}", facts.issued);
        let ahead = used.date * 1000 - cloud.now();
        assert!(ahead < 10_000, "signed {ahead} ms ahead of AWS's clock");
        for session in self.identity(number).status().sessions {
            self.sessions.entry(session.id).or_insert(session);
        }
        for session in self.names.iter().filter_map(|name| self.issuer.rules().identities.identity(name)) {
            for session in session.status().sessions {
                self.sessions.entry(session.id).or_insert(session);
            }
        }
        let parent = facts.parent.and_then(|parent| self.sessions.get(&parent).cloned());
        assert_eq!(*id, issued.record.session);
        let out = Out::new(issued.record.clone(), Arc::clone(&issued.session), parent, used, number, cloud.now());
        self.ledger.add(&cloud.aws, out);
    }

    /// Nobody is refused what a session at hand would have given (promises 2 and 6).
    fn is_right_to_refuse(&mut self, number: usize, had: &[Arc<Session>], at_least: Ttl, error: &Error) {
        self.ledger.tally.refused += 1;
        let now = self.issuer.clock().now();
        let would_do = had.iter().find(|one| {
            let stands = one.facts.expires_at.is_some() || one.id == had[0].id;
            stands && one.left(now).is_some_and(|left| left >= at_least.duration())
        });
        assert!(would_do.is_none(), "identity {number} had {would_do:?}, and {at_least} were refused: {error}");
    }

    /// A session that has been got is there until its end, and renewed ahead of that as long as renewals work
    /// (promise 6).
    fn keeps_what_it_has(&mut self) {
        let now = self.issuer.clock().now();
        for number in 0..self.names.len() {
            let (identity, cloud) = (self.identity(number), self.wire.cloud());
            for session in self.sessions.values().filter(|one| one.identity == self.names[number]) {
                let living = session.facts.expires_at.is_some_and(|ends_at| now < ends_at);
                assert!(!living || identity.live(session.id).is_some(), "promise 6: lost {session:?}");
            }
            let status = identity.status();
            let Some(live) = identity.current().filter(|_| status.failures == 0) else { continue };
            let left = live.session.left(now).expect("a live session has some life");
            let mints = matches!(cloud.sources[number], Source::Minted { .. } | Source::Web { .. });
            let early = !mints || left + LATE >= status.headroom;
            assert!(early, "identity {number} has {left:?} left, and renews when there is {:?}", status.headroom);
        }
    }

    fn identity(&self, number: usize) -> Arc<Identity> {
        self.issuer.rules().identities.identity(&self.names[number]).expect("it is configured")
    }
}

fn name(text: &str) -> IdentityName {
    IdentityName::parse(text).expect("a name")
}

/// The file of a daemon with these sources.
fn config(rng: &mut Rng, sources: &[Source], folder: &Path) -> Config {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut text = format!("[registry]\npath = \"{}\"\n[sts]\nregion = \"eu-central-1\"\n", path("registry.db"));
    std::fs::write(folder.join("token"), "a-token").expect("the folder can be written");
    for (number, source) in sources.iter().enumerate() {
        let headroom = if rng.bool() { "" } else { "headroom = \"12m\"\n" };
        let table = match source {
            Source::File { .. } => {
                format!("source = \"key-file\"\npath = \"{}\"\nformat = \"json\"\npoll = \"10m\"", path(&file(number)))
            }
            Source::Minted { kind, base, role_arn, seconds } => {
                let source = match kind {
                    Kind::SessionToken => "session-token".to_owned(),
                    Kind::Federated => "federation-token".to_owned(),
                    _ => format!("assume-role\"\nrole_arn = \"{role_arn}"),
                };
                format!("source = \"{source}\"\nbase = \"identity-{base}\"\nduration = \"{seconds}s\"\n{headroom}")
            }
            Source::Web { role_arn, seconds } => format!(
                "source = \"web-identity\"\nrole_arn = \"{role_arn}\"\ntoken_file = \"{}\"\nduration = \"{seconds}s\"\n\
                 {headroom}",
                path("token")
            ),
            Source::Read(machine) if machine.kind == Kind::Ec2 => {
                format!("source = \"instance\"\nendpoint_url = \"http://127.0.0.1:8{number:03}\"")
            }
            Source::Read(_) => "source = \"container\"".to_owned(),
        };
        writeln!(text, "[identity.identity-{number}]\n{table}").expect("text grows");
    }
    let around = Surroundings { uid: rustix::process::geteuid().as_raw(), ..Surroundings::default() };
    let around = Surroundings { runtime_directory: Some(folder.to_owned()), ..around };
    Config::parse(&text, &around).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn file(number: usize) -> String {
    format!("key-{number}.json")
}

/// Puts the present keys into their files.
fn write_keys(wire: &Wire, folder: &Path) {
    let cloud = wire.cloud();
    for (number, source) in cloud.sources.iter().enumerate() {
        let Source::File { key, .. } = source else { continue };
        let secret = &cloud.aws.credentials[key].secret;
        let json = format!(r#"{{"AccessKeyId":"{key}","SecretAccessKey":"{secret}"}}"#);
        std::fs::write(folder.join(file(number)), json).expect("the folder can be written");
    }
}

const START: Millis = 1_800_000_000_000;
/// How long callers wait, by their own clocks.
const PATIENCE: Duration = Duration::from_secs(60);
/// How late a renewal may be: steps of time, the least pause and the call itself.
const LATE: Duration = Duration::from_secs(300);
