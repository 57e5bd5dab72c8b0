//! A registry full of URLs at random, the desk before it, and a clock that the test moves.

#![expect(clippy::unwrap_used, reason = "a test fails where its place does")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use presignd::access::Caller;
use presignd::assess::{Assessor, Question};
use presignd::clock::Clock;
use presignd::impact::ending::Ending;
use presignd::impact::event::{Event, What};
use presignd::impact::{Lineage, Subject, ending};
use presignd::issued::{Filter, IssuedUrl, Record};
use presignd::registry::{Append, MAX_PAGE, MAX_ROWS, Options, Registry};
use presignd::s3::operation::Operation;
use presignd::session::{CredentialKind, Facts, RecordId, Session};
use presignd::signer::realm::Realm;
use presignd::telemetry::Metrics;
use presignd::time::{Timestamp, Ttl};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::made::{self, Signed, at};
use crate::world;

/// Who puts the questions.
pub(crate) const ASKER: u32 = 4711;

/// A bucket of the same name may be at either.
const HOSTS: &[&str] = &["s3.eu-central-1.amazonaws.com", "store.example:9000"];

/// The same choices for the same seed.
pub(crate) struct Random(TestRunner);

impl Random {
    pub(crate) fn of(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    pub(crate) fn one<T: std::fmt::Debug>(&mut self, strategy: impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).unwrap().current()
    }

    fn pick<T: std::fmt::Debug + Clone + 'static>(&mut self, of: &[T]) -> T {
        self.one(proptest::sample::select(of.to_vec()))
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.one(0..100_u32) < percent
    }
}

pub(crate) struct Place {
    _directory: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) registry: Registry,
    pub(crate) desk: Assessor,
    sessions: Mutex<Vec<Arc<Session>>>,
    parents: Mutex<HashMap<RecordId, Arc<Session>>>,
}

impl Place {
    /// One session of a user's key, and nothing signed.
    pub(crate) async fn empty(now: i64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::tokio(at(now));
        let metrics = Arc::new(Metrics::new().unwrap());
        let options = Options { durable: false, ..Options::at(directory.path().join("registry.db")) };
        let registry = Registry::open(options, clock.clone(), metrics).await.unwrap();
        let desk = Assessor::new(registry.clone(), clock.clone());
        let place = Self {
            _directory: directory,
            clock,
            registry,
            desk,
            sessions: Mutex::default(),
            parents: Mutex::default(),
        };
        place.enrol("web", made::signed(CredentialKind::LongTermKey)).await;
        place
    }

    /// Some sessions of every kind, and some hundred URLs of theirs.
    pub(crate) async fn filled(random: &mut Random) -> Self {
        // Within a slot, and where two meet.
        let now = random.pick(&[700, 900, 1234]);
        let place = Self::empty(now).await;
        for number in 0..8 {
            let signed = random.one(world::sessions());
            let identity = if number == 0 { "ci".to_owned() } else { format!("more-{number}") };
            place.enrol(&identity, signed).await;
        }
        let mut batch = Vec::new();
        let hosts = random.pick(&[&HOSTS[..1], HOSTS]);
        for _ in 0..400 {
            let end = now + random.one(-300..9000_i64);
            let host = random.pick(hosts).to_owned();
            batch.push(IssuedUrl { host, ..place.url(random, end) });
        }
        place.append(batch).await;
        place
    }

    pub(crate) async fn enrol(&self, identity: &str, signed: Signed) -> RecordId {
        let mut facts = signed.session.facts;
        facts.parent = match &signed.parent {
            Some(parent) => {
                let facts = presignd::session::Facts { parent: None, ..parent.facts.clone() };
                let name = made::identity(&format!("{identity}-base"));
                let parent = self.registry.enrol(&name, facts).await.unwrap();
                let id = parent.id;
                self.parents.lock().unwrap().insert(id, parent);
                Some(id)
            }
            None => None,
        };
        let session = self.registry.enrol(&made::identity(identity), facts).await.unwrap();
        let id = session.id;
        self.sessions.lock().unwrap().push(session);
        id
    }

    /// A URL that ends then.
    pub(crate) fn url(&self, random: &mut Random, end: i64) -> IssuedUrl {
        let session = random.one(0..self.sessions.lock().unwrap().len());
        let session = Arc::clone(&self.sessions.lock().unwrap()[session]);
        let signed_at = random.one(-3000..700_i64).min(end - 1);
        let (on_behalf_of, label) = (random.pick(&["", "ann", "bob"]), random.pick(&["red", "blue"]));
        let id = self.registry.next_url_id();
        IssuedUrl {
            id,
            session: session.id,
            signed_at: at(signed_at),
            ttl: Ttl::new((end - signed_at).unsigned_abs()).unwrap(),
            caller: Caller { uid: random.pick(&[0, 33, 1000]), gid: 1, pid: None, executable: None },
            on_behalf_of: on_behalf_of.to_owned(),
            labels: vec![("colour".to_owned(), label.to_owned())],
            ..random.one(world::asks())
        }
    }

    /// Writes down a URL that ends then.
    pub(crate) async fn add(&self, random: &mut Random, end: i64) {
        let mut url = self.url(random, end);
        url.what = made::get().what;
        self.append(vec![url]).await;
    }

    pub(crate) async fn append(&self, urls: Vec<IssuedUrl>) {
        for urls in urls.chunks(MAX_ROWS) {
            let records = urls.iter().map(|url| Append { url: url.clone(), request: None });
            self.registry.append(records.collect()).await.unwrap();
        }
    }

    /// An event about this world, and which URLs to look at.
    pub(crate) fn question(&self, random: &mut Random) -> Question {
        let mut event = random.one(world::events());
        // Before now, now, within slots, and where slots meet.
        let now = self.clock.now().unix();
        event.at = at(random.pick(&[now, now, now - 700, now + 1, now + 137, 1800, 2700, 2701, 5000]));
        if let What::SessionExpired(id) = &mut event.what {
            let known = self.sessions.lock().unwrap().iter().map(|session| session.id).collect::<Vec<_>>();
            *id = random.pick(&known);
        }
        if event.bucket().is_some() {
            let place = random.pick(&[None, Some("aws"), Some(HOSTS[1]), Some("elsewhere.example")]);
            event.endpoint = place.map(|text| Realm::parse(text).unwrap());
        }
        let mut filter = Filter::default();
        if random.chance(20) {
            filter.bucket = Some(random.pick(&[made::BUCKET, "attic", "nowhere"]).to_owned());
        }
        if random.chance(10) {
            filter.identity = Some(made::identity(random.pick(&["web", "ci", "more-2"])));
        }
        if random.chance(10) {
            filter.uid = Some(random.pick(&[0, 33]));
        }
        if random.chance(10) {
            filter.operations = vec![Operation::GetObject, Operation::CopyObject, Operation::PutObject];
        }
        if random.chance(10) {
            filter.key_prefix = Some(random.pick(&["cats/", "cats/o", "old"]).to_owned());
        }
        if random.chance(10) {
            filter.on_behalf_of = Some("ann".to_owned());
        }
        if random.chance(10) {
            filter.labels = vec![("colour".to_owned(), "red".to_owned())];
        }
        if random.chance(10) {
            filter.signed_from = Some(at(-500));
        }
        if random.chance(10) {
            filter.usable_after = Some(at(random.pick(&[500, 1800, 2222])));
        }
        Question { uid: ASKER, event, filter, by_on_behalf_of: random.chance(30) }
    }

    /// Sources tell that some sessions end sooner than they had told.
    pub(crate) async fn shorten(&self, random: &mut Random) {
        let sessions = self.sessions.lock().unwrap().clone();
        for session in sessions {
            if random.chance(40) {
                continue;
            }
            let end = at(self.clock.now().unix() + random.one(-200..6000_i64));
            let facts = Facts { expires_at: Some(end), expiry_is_exact: true, ..session.facts.clone() };
            let told = self.registry.enrol(&session.identity, facts).await.unwrap();
            assert_eq!((told.id, told.facts.expires_at), (session.id, Some(end)));
        }
    }

    /// All sessions end then, as their sources tell by now.
    pub(crate) async fn end_all(&self, end: Timestamp) {
        let sessions = self.sessions.lock().unwrap().clone();
        for session in sessions {
            let facts = Facts { expires_at: Some(end), expiry_is_exact: true, ..session.facts.clone() };
            self.registry.enrol(&session.identity, facts).await.unwrap();
        }
    }

    /// Every outstanding record that the filter wants.
    pub(crate) async fn outstanding(&self, filter: &Filter) -> Vec<Record> {
        let (mut records, mut after) = (Vec::new(), None);
        let ends_after = filter.usable_after.max(Some(self.clock.now()));
        let filter = Filter { usable_after: None, ..filter.clone() };
        loop {
            let page = self.registry.list(ASKER, filter.clone(), MAX_PAGE, after).await.unwrap();
            after = page.last().map(|record| record.url.id);
            let is_last = page.len() < MAX_PAGE;
            records.extend(page.into_iter().filter(|record| Some(record.usable_until()) > ends_after));
            if is_last {
                return records;
            }
        }
    }

    /// What the rule says of one URL.
    pub(crate) fn ending(&self, event: &Event, record: &Record) -> Ending {
        let parents = self.parents.lock().unwrap();
        let sessions = self.sessions.lock().unwrap();
        let Facts { parent, parent_access_key_id: key, .. } = &record.session.facts;
        // Of the default chain, whoever signs or lends with that key.
        let is_key = |one: &&Arc<Session>| {
            let Facts { access_key_id, kind, principal_arn, .. } = &one.facts;
            let is_lasting = matches!(kind, CredentialKind::LongTermKey | CredentialKind::Root);
            access_key_id == key && is_lasting && !principal_arn.is_empty()
        };
        let of_key = || sessions.iter().chain(parents.values()).filter(is_key).max_by_key(|one| one.id.number);
        let parent = parent.map(|id| &parents[&id]).or_else(of_key).map(|parent| &**parent);
        let by = Lineage { session: &record.session, parent };
        ending(event, by, Subject::Url(&record.url)).unwrap()
    }
}
