//! Tenants and their places, with time held still but for what a test lets pass.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use tokio::time::advance;

use super::super::gauges::Gauges;
use super::super::need::Need;
use super::super::tenants::{NoPart, Premises, Tenants};
use super::*;
use crate::config::identity::{PartitionBy, Partitions};

/// What STS does, and what it was asked.
#[derive(Default)]
struct Sts {
    fails: BTreeSet<String>,
    hangs: bool,
    asked: BTreeMap<String, usize>,
}

struct OfTenant {
    clock: Clock,
    tenant: String,
    sts: Arc<Mutex<Sts>>,
}

impl Mint for OfTenant {
    fn mint(&self) -> Minting<'_> {
        Box::pin(async {
            let (fails, hangs, number) = {
                let mut sts = self.sts.lock().unwrap();
                *sts.asked.entry(self.tenant.clone()).or_default() += 1;
                (sts.fails.contains(&self.tenant), sts.hangs, sts.asked.values().sum::<usize>())
            };
            if hangs {
                std::future::pending::<()>().await;
            }
            if fails {
                return Err(RenewError::new(error::ACCESS_DENIED, "not this one"));
            }
            let id = format!("ASIA{number:012}");
            let mut facts = bare(&id, CredentialKind::AssumeRole, self.clock.now());
            facts.principal_arn = "arn:aws:sts::123456789012:assumed-role/web/s".to_owned();
            facts.partition_of.clone_from(&self.tenant);
            facts.expires_at = Some(self.clock.now() + LIFE);
            Ok(Minted { credentials: credentials(&id, "secret", Some("token")), facts })
        })
    }

    fn fresh(&self) -> Option<Fresh> {
        Some(Fresh { duration: LIFE, limited_by: crate::session::lifetime::LimitedBy::Session })
    }

    fn name<'a>(&'a self, _: &'a mut Minted) -> Naming<'a> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Clone)]
struct Lobby {
    clock: Clock,
    registry: Registry,
    metrics: Arc<Metrics>,
    gauges: Arc<Gauges>,
    sts: Arc<Mutex<Sts>>,
    stop: CancellationToken,
}

impl Premises for Lobby {
    fn part(&self, tenant: &str, need: Need) -> Result<Arc<Identity>, String> {
        if tenant == "*" {
            return Err("is no name".to_owned());
        }
        let (name, clock, sts) = (web(), self.clock.clone(), Arc::clone(&self.sts));
        let source = Box::new(OfTenant { clock: clock.clone(), tenant: tenant.to_owned(), sts });
        let pace = Pace { headroom: None, min_pause: Duration::from_secs(5) };
        let (registry, metrics, stop) = (self.registry.clone(), Arc::clone(&self.metrics), self.stop.child_token());
        let keeper = Keeper::new(name.clone(), source, pace, registry, clock, Arc::clone(&metrics), stop);
        let keeper = keeper.of_tenant(tenant.to_owned(), need, Arc::clone(&self.gauges));
        Ok(Arc::new(Identity::new(name, tables::Identity::of_default_chain(), keeper, metrics)))
    }

    fn spawn(&self, renewing: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(renewing);
    }
}

struct House {
    lobby: Lobby,
    tenants: Arc<Tenants>,
    _dir: tempfile::TempDir,
}

impl House {
    async fn new(most: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let clock = Clock::tokio(Timestamp::from_unix(1_800_000_000));
        let options = Options { durable: false, ..Options::at(dir.path().join("r.db")) };
        let registry = Registry::open(options, clock.clone(), Arc::clone(&metrics)).await.unwrap();
        // It creeps, for what is due now is due at the next millisecond.
        tick(MOMENT, &registry);
        let gauges = Arc::new(Gauges::new(web(), Arc::clone(&metrics), true));
        let stop = CancellationToken::new();
        let lobby = Lobby { clock, registry, metrics, gauges, sts: Arc::default(), stop };
        let partitions = Partitions { by: PartitionBy::OnBehalfOf, tag: None, most };
        let gauges = Arc::clone(&lobby.gauges);
        let tenants = Arc::new(Tenants::new(partitions, Box::new(lobby.clone()), lobby.clock.clone(), gauges));
        Self { lobby, tenants, _dir: dir }
    }

    fn part(&self, tenant: &str) -> Arc<Identity> {
        self.tenants.part(tenant).unwrap_or_else(|none| panic!("{tenant}: {none:?}"))
    }

    fn sts(&self) -> std::sync::MutexGuard<'_, Sts> {
        self.lobby.sts.lock().unwrap()
    }

    fn asked(&self, tenant: &str) -> usize {
        self.sts().asked.get(tenant).copied().unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        self.tenants.parts().iter().map(|part| part.tenant().to_owned()).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..PATIENCE {
            if holds(self) {
                return;
            }
            sleep(MOMENT).await;
        }
        panic!("{what}");
    }

    /// Lets time pass at once, when nothing is under way that takes real time, and then everybody who is awake do what there
    /// is to do.
    async fn pass(&self, time: Duration) {
        sleep(REST).await;
        advance(time).await;
        sleep(REST).await;
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.lobby.stop.cancel();
    }
}

fn web() -> IdentityName {
    IdentityName::parse("web").unwrap()
}

const LIFE: Duration = Duration::from_secs(36_000);
const MOMENT: Duration = Duration::from_millis(1);
/// In each of these moments what was to be read or written comes one step further.
const REST: Duration = Duration::from_millis(20);
/// Moments after which what is waited for will not come.
const PATIENCE: usize = 30_000;
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_tenant_is_minted_for_when_it_wants_to_sign_and_with_nobody_elses_session() {
    let house = House::new(9).await;
    let (ann, bob) = (house.part("ann"), house.part("bob"));
    house.pass(MINUTE).await;
    assert_eq!((house.asked("ann"), house.asked("bob")), (0, 0));
    let (of_ann, of_bob) = (ann.renew().await.unwrap(), bob.renew().await.unwrap());
    assert_eq!(of_ann.session.facts.partition_of, "ann");
    assert_eq!(of_bob.session.facts.partition_of, "bob");
    assert!(ann.live(of_bob.session.id).is_none() && bob.live(of_ann.session.id).is_none());
    assert_eq!(house.part("ann").current().unwrap().session.id, of_ann.session.id);
    assert!(matches!(house.tenants.part("*"), Err(NoPart::Refused(problem)) if problem == "is no name"));
    assert_eq!(house.names(), ["ann", "bob"]);
}

#[tokio::test]
async fn who_goes_on_asking_is_renewed_and_who_does_not_is_left_to_rest() {
    let house = House::new(9).await;
    for tenant in ["ann", "bob"] {
        house.part(tenant).renew().await.unwrap();
    }
    house.part("ann");
    house.pass(LIFE / 2 + MINUTE).await;
    house.until("ann is renewed", |house| house.asked("ann") == 2).await;
    house.until("and has it", |house| house.part("ann").status().sessions.len() == 2).await;
    house.pass(MINUTE).await;
    assert_eq!(house.asked("bob"), 1, "nobody has asked since");
    let bob = house.tenants.find("bob").unwrap();
    assert_eq!((bob.status().next_renewal_at, bob.status().state), (None, State::Ready));
    let ends_at =
        |house: &House| house.lobby.metrics.session_expiry_timestamp_seconds.with_label_values(&["web"]).get();
    let of_ann = house.part("ann").current().unwrap().session.facts.expires_at.unwrap().unix();
    house.until("the end of a session that rests alarms nobody", |house| ends_at(house) == of_ann).await;
    house.part("bob");
    house.until("asked again, it is renewed at once", |house| house.asked("bob") == 2).await;
}

#[tokio::test]
async fn a_failure_is_tried_again_for_who_asks_and_for_nobody_else() {
    let house = House::new(9).await;
    house.sts().fails.insert("ann".to_owned());
    let ann = house.part("ann");
    assert_eq!(ann.renew().await.map(drop).unwrap_err().reason(), "ACCESS_DENIED");
    for _ in 0..9 {
        house.pass(MINUTE).await;
    }
    assert_eq!((house.asked("ann"), ann.status().state), (1, State::Unavailable));
    house.part("ann");
    house.until("it is tried again", |house| house.asked("ann") == 2).await;
}

#[tokio::test]
async fn one_tenants_sts_that_hangs_holds_up_no_other() {
    let house = House::new(9).await;
    house.sts().hangs = true;
    let ann = house.part("ann");
    let waits = tokio::spawn(async move { ann.renew().await.map(drop) });
    house.until("it asks", |house| house.asked("ann") == 1).await;
    house.sts().hangs = false;
    house.part("bob").renew().await.unwrap();
    assert!(!waits.is_finished());
}

#[tokio::test]
async fn a_tenant_whose_sessions_have_ended_loses_its_place_and_its_secrets_are_wiped() {
    let house = House::new(9).await;
    let secret = Arc::downgrade(&house.part("ann").renew().await.unwrap());
    house.until("it is let in", |house| house.part("ann").current().is_some()).await;
    house.pass(LIFE / 2).await;
    house.until("it is renewed for its last ask", |house| house.asked("ann") == 2).await;
    house.until("and has it", |house| house.tenants.find("ann").unwrap().status().sessions.len() == 2).await;
    house.pass(LIFE / 2 + MINUTE).await;
    assert_eq!(house.names(), ["ann"], "its second session lives");
    house.pass(LIFE / 2).await;
    house.until("it is gone", |house| house.names().is_empty()).await;
    house.until("and its secrets with it", |_| secret.strong_count() == 0).await;
    assert_eq!(house.lobby.metrics.partitions.with_label_values(&["web"]).get(), 0);
    assert_eq!(house.part("ann").renew().await.unwrap().session.generation, 3, "it comes again as a new one");
}

#[tokio::test]
async fn a_full_house_refuses_the_next_until_somebody_needs_nothing() {
    let house = House::new(2).await;
    for tenant in ["ann", "bob"] {
        house.part(tenant).renew().await.unwrap();
    }
    let (now, ann) = (house.lobby.clock.now(), house.part("ann"));
    ann.serves_until(now + 30 * MINUTE);
    // In minutes.
    let full = |house: &House| match house.tenants.part("carl") {
        Err(NoPart::Full { most: 2, retry_after }) => Some(retry_after.as_secs().div_ceil(60)),
        _ => None,
    };
    assert_eq!(full(&house), Some(10), "bob may come back for ten minutes");
    house.pass(9 * MINUTE).await;
    assert_eq!(full(&house), Some(1));
    let bob = house.part("bob");
    assert_eq!(full(&house), Some(10), "and he did");
    assert_eq!(house.names(), ["ann", "bob"]);
    house.pass(10 * MINUTE).await;
    assert_eq!(house.part("carl").renew().await.unwrap().session.facts.partition_of, "carl");
    assert_eq!(house.names(), ["ann", "carl"], "ann's URLs live on, so bob gave way");
    let told = bob.renew().await.map(drop).unwrap_err();
    assert!(told.is_of_former_configuration(), "who waits there asks again: {told}");
    assert!(house.part("ann").live(ann.current().unwrap().session.id).is_some());
}

#[tokio::test]
async fn who_got_no_session_gives_way_after_half_a_minute() {
    let house = House::new(1).await;
    house.sts().fails.insert("ann".to_owned());
    house.part("ann").renew().await.map(drop).unwrap_err();
    assert!(matches!(house.tenants.part("bob"), Err(NoPart::Full { .. })));
    house.pass(Duration::from_secs(30)).await;
    house.part("bob").renew().await.unwrap();
    assert_eq!(house.names(), ["bob"]);
}

#[tokio::test]
async fn a_session_that_was_stopped_or_seen_dead_is_followed_when_its_tenant_asks() {
    let house = House::new(9).await;
    let (ann, bob) = (house.part("ann"), house.part("bob"));
    let (of_ann, of_bob) = (ann.renew().await.unwrap(), bob.renew().await.unwrap());
    assert!(ann.bury(&of_ann.session, Dead::Key) && bob.stop_generation(&of_bob.session));
    house.pass(MINUTE).await;
    assert_eq!((house.asked("ann"), house.asked("bob")), (1, 1), "a thousand tenants may die at once");
    assert!(ann.current().is_none() && ann.is_dead() && bob.current().is_none());
    assert_eq!(house.tenants.status(false).state, State::SessionDead);
    assert_ne!(ann.renew().await.unwrap().session.id, of_ann.session.id);
    assert_ne!(bob.renew().await.unwrap().session.id, of_bob.session.id);
}

#[tokio::test]
async fn a_tenants_session_that_was_followed_signs_no_more_when_the_one_that_follows_is_stopped() {
    let house = House::new(9).await;
    let ann = house.part("ann");
    ann.renew().await.unwrap();
    let second = ann.renew().await.unwrap();
    assert!(ann.stop_generation(&second.session) && ann.current().is_none());
    house.sts().fails.insert("ann".to_owned());
    assert_eq!(ann.renew().await.map(drop).unwrap_err().reason(), "ACCESS_DENIED");
    assert!(ann.current().is_none());
    house.sts().fails.clear();
    assert_eq!(ann.renew().await.unwrap().session.generation, 3);
    assert_eq!(ann.current().map(|live| live.session.generation), Some(3));
}

#[tokio::test]
async fn all_together_are_ready_failing_or_paused() {
    let house = House::new(9).await;
    assert_eq!(house.tenants.status(false).state, State::Ready, "nobody has come, and nothing has failed");
    house.sts().fails.insert("ann".to_owned());
    house.part("ann").renew().await.map(drop).unwrap_err();
    let status = house.tenants.status(false);
    assert_eq!((status.state, status.failures, status.last_failure_reason), (State::Unavailable, 1, "ACCESS_DENIED"));
    assert!(!house.tenants.gauges.is_ready());
    house.part("bob").renew().await.unwrap();
    let status = house.tenants.status(false);
    assert_eq!((status.state, status.sessions.len()), (State::RenewalFailing, 1));
    assert!(house.tenants.gauges.is_ready());
    assert_eq!(house.tenants.status(true).state, State::Paused);
}

#[tokio::test]
async fn another_configuration_takes_the_tenants_over_and_the_former_gives_no_place_any_more() {
    let house = House::new(9).await;
    let first = house.part("ann").renew().await.unwrap().session.id;
    let partitions = house.tenants.partitions().clone();
    let (lobby, gauges) = (house.lobby.clone(), Arc::clone(&house.lobby.gauges));
    let next = Arc::new(Tenants::new(partitions, Box::new(lobby), house.lobby.clock.clone(), gauges));
    next.take_over(&house.tenants);
    next.run_all();
    house.tenants.retire();
    let ann = next.part("ann").unwrap();
    assert_eq!(ann.current().unwrap().session.id, first);
    assert!(matches!(house.tenants.part("ann"), Err(NoPart::Gone(why)) if why.is_of_former_configuration()));
    assert_eq!(ann.renew().await.unwrap().session.generation, 2);
}
