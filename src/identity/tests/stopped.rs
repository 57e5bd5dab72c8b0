//! Keys that somebody puts in each other's place, and what operators stop. Under paused time, with a registry that outlasts
//! the keeper.

use std::collections::BTreeSet;

use super::*;
use crate::registry::{DAEMON, EventKind, Mark, NewEvent};
use crate::session::generation::Secret;

/// What a file of keys and AWS say, to be changed while a keeper runs.
#[derive(Default)]
pub(super) struct World {
    /// The number of the key in the file.
    pub(super) key: usize,
    /// Keys that AWS knows.
    pub(super) known: BTreeSet<String>,
    /// STS cannot be reached.
    pub(super) away: bool,
    /// Nobody can be asked: the keys of another store.
    pub(super) of_another_store: bool,
    looked_at: usize,
    pub(super) asked: usize,
    /// Seconds between attempts, from the next start on.
    min_pause: u64,
}

impl World {
    pub(super) fn id(key: usize) -> String {
        format!("AKIA{key:012}")
    }
}

struct File {
    clock: Clock,
    world: Arc<Mutex<World>>,
}

impl Mint for File {
    fn mint(&self) -> Minting<'_> {
        Box::pin(async {
            sleep(Duration::from_secs(1)).await;
            let key = {
                let mut world = self.world.lock().unwrap();
                world.looked_at = world.key;
                world.key
            };
            let facts = bare(&World::id(key), CredentialKind::LongTermKey, self.clock.now());
            Ok(Minted { credentials: credentials(&World::id(key), "secret", None), facts })
        })
    }

    fn poll(&self) -> Option<Duration> {
        Some(Duration::from_secs(10))
    }

    fn has_news(&self) -> News<'_> {
        Box::pin(async {
            let world = self.world.lock().unwrap();
            world.key != world.looked_at
        })
    }

    fn can_be_named(&self) -> bool {
        !self.world.lock().unwrap().of_another_store
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a> {
        Box::pin(async {
            let mut world = self.world.lock().unwrap();
            if world.of_another_store {
                return Ok(());
            }
            world.asked += 1;
            if world.away {
                return Err(RenewError::new(error::NETWORK, "no way to STS"));
            }
            if !world.known.contains(&minted.facts.access_key_id) {
                return Err(RenewError::new(error::UNKNOWN_KEY, "InvalidClientTokenId"));
            }
            mint::set_principal(&mut minted.facts, "arn:aws:iam::123456789012:user/bob", "AIDAX");
            Ok(())
        })
    }
}

pub(super) struct House {
    pub(super) world: Arc<Mutex<World>>,
    clock: Clock,
    pub(super) registry: Registry,
    pub(super) identity: Arc<Identity>,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl House {
    /// With the first key in the file, which AWS knows.
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::tokio(Timestamp::from_unix(1_800_000_000));
        let options = Options { durable: false, ..Options::at(dir.path().join("r.db")) };
        let metrics = Arc::new(Metrics::new().unwrap());
        let registry = Registry::open(options, clock.clone(), metrics).await.unwrap();
        paced(&registry);
        let world = World { key: 1, known: [World::id(1)].into(), ..World::default() };
        let world = Arc::new(Mutex::new(world));
        let (identity, stop) = keep(&world, &clock, &registry);
        let house = Self { world, clock, registry, identity, stop, _dir: dir };
        house.identity.outcome().await.unwrap();
        house
    }

    /// As a restart of the daemon would.
    pub(super) fn restart(&mut self) {
        self.stop.cancel();
        (self.identity, self.stop) = keep(&self.world, &self.clock, &self.registry);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }

    pub(super) fn put(&self, key: usize) {
        self.change(|world| world.key = key);
    }

    pub(super) fn signs(&self) -> Option<u64> {
        self.identity.current().map(|live| live.session.generation)
    }

    async fn generation(&self, number: u64) -> Arc<Session> {
        let rows = self.registry.generations(DAEMON, &self.identity.name, Some(number + 1)).await.unwrap();
        Arc::clone(&rows[0].session)
    }

    pub(super) async fn secret(&self, number: u64) -> Secret {
        self.identity.secret_of(&*self.generation(number).await)
    }

    /// As the desk does.
    pub(super) async fn mark(&self, number: u64, mark: Mark) {
        let session = self.generation(number).await;
        self.registry.mark(session.id, mark, NewEvent::new(EventKind::GenerationDraining, ().into())).await.unwrap();
        match mark {
            Mark::Drain { .. } => _ = self.identity.stop_generation(&session),
            Mark::CancelDrain => self.identity.start_generation(&session),
            Mark::Retire { .. } => self.identity.forget_generation(&session),
        }
    }

    pub(super) async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..2000 {
            if holds(self) {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
        panic!("not within half an hour: {what}");
    }

    pub(super) fn failure(&self) -> &'static str {
        self.identity.status().last_failure_reason
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn keep(world: &Arc<Mutex<World>>, clock: &Clock, registry: &Registry) -> (Arc<Identity>, CancellationToken) {
    let (name, stop) = (IdentityName::parse("web").unwrap(), CancellationToken::new());
    let metrics = Arc::new(Metrics::new().unwrap());
    let source = Box::new(File { clock: clock.clone(), world: Arc::clone(world) });
    let min_pause = Duration::from_secs(world.lock().unwrap().min_pause.max(1));
    let pace = Pace { headroom: None, min_pause };
    let (kept, until) = (registry.clone(), stop.clone());
    let keeper = Keeper::new(name.clone(), source, pace, kept, clock.clone(), Arc::clone(&metrics), until);
    let identity = Arc::new(Identity::new(name, tables::Identity::of_default_chain(), keeper, metrics));
    let running = Arc::clone(&identity);
    tokio::spawn(async move { running.keeper.run().await });
    (identity, stop)
}

pub(super) const DRAIN: Mark = Mark::Drain { replaced: false };
const REPLACE: Mark = Mark::Drain { replaced: true };

#[tokio::test]
async fn a_key_that_an_operator_drained_does_not_sign_and_says_so_until_that_is_taken_back() {
    let mut house = House::new().await;
    house.mark(1, DRAIN).await;
    for _ in 0..2 {
        house.until("it says why", |house| house.failure() == "DRAINING").await;
        assert_eq!((house.signs(), house.secret(1).await), (None, Secret::Rests));
        assert!(house.identity.renew().await.is_err_and(|error| error.reason() == "DRAINING"));
        assert!(house.identity.status().last_failure.contains("presignd drain web --generation 1 --cancel"));
        house.restart();
    }
    house.until("it says why", |house| house.failure() == "DRAINING").await;
    house.mark(1, Mark::CancelDrain).await;
    house.until("it signs again", |house| house.signs() == Some(1)).await;
    house.restart();
    house.until("and after a restart", |house| house.signs() == Some(1)).await;
}

#[tokio::test]
async fn an_attempt_that_was_due_before_a_drain_was_cancelled_undoes_nothing_after_its_pause() {
    let mut house = House::new().await;
    house.change(|world| (world.min_pause, _) = (300, world.known.insert(World::id(2))));
    house.restart();
    house.until("it signs", |house| house.signs() == Some(1)).await;
    house.mark(1, DRAIN).await;
    house.put(2);
    house.until("the second signs", |house| house.signs() == Some(2)).await;
    house.mark(2, DRAIN).await;
    house.put(1);
    let refused = |house: &House| house.identity.status().last_failure.contains(&World::id(1));
    house.until("the first is refused", refused).await;
    sleep(Duration::from_secs(100)).await;
    for number in [1, 2] {
        house.mark(number, Mark::CancelDrain).await;
        assert_eq!(house.signs(), Some(number));
    }
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((house.signs(), house.secret(1).await), (Some(2), Secret::Displaced), "the file is as it was");
}

#[tokio::test]
async fn a_drained_key_gives_way_to_a_new_one_at_the_next_look() {
    let house = House::new().await;
    house.mark(1, DRAIN).await;
    // Long enough for the backoff to have grown.
    sleep(Duration::from_secs(2000)).await;
    house.change(|world| (world.key, _) = (2, world.known.insert(World::id(2))));
    let began = house.clock.now();
    house.until("the new key signs", |house| house.signs() == Some(2)).await;
    let took = began.until(house.clock.now()).unwrap_or_default();
    assert!(took <= Duration::from_secs(20), "{took:?}");
}

#[tokio::test]
async fn a_key_that_was_replaced_signs_again_when_it_is_put_back_and_also_after_a_restart() {
    let mut house = House::new().await;
    house.change(|world| (world.key, _) = (2, world.known.insert(World::id(2))));
    house.until("the new key signs", |house| house.signs() == Some(2)).await;
    house.mark(1, REPLACE).await;
    house.put(1);
    house.until("the old key signs", |house| house.signs() == Some(1)).await;
    assert_eq!(house.secret(2).await, Secret::Rests);
    house.mark(2, REPLACE).await;
    house.put(2);
    house.restart();
    house.until("the new key signs", |house| house.signs() == Some(2)).await;
}

#[tokio::test]
async fn a_retired_key_never_signs_again() {
    let mut house = House::new().await;
    house.mark(1, Mark::Retire { forced: false }).await;
    assert_eq!(house.secret(1).await, Secret::Missing);
    for _ in 0..2 {
        house.until("it says why", |house| house.failure() == "RETIRED").await;
        assert_eq!((house.signs(), house.secret(1).await), (None, Secret::Missing));
        house.restart();
    }
    house.change(|world| (world.key, _) = (2, world.known.insert(World::id(2))));
    house.until("another signs", |house| house.signs() == Some(2)).await;
    house.put(1);
    house.until("it is refused", |house| house.failure() == "RETIRED").await;
    assert_eq!(house.signs(), Some(2), "a failure takes nothing away");
}

#[tokio::test]
async fn a_stopped_session_is_followed_by_another_at_once() {
    let kit = Kit::new(&[Turn::Fresh(3600)], None).await;
    let first = kit.identity.renew().await.unwrap();
    assert!(kit.identity.stop_generation(&first.session));
    assert_eq!(kit.generation(), None);
    kit.seconds(10).await;
    assert_eq!((kit.asked(), kit.generation()), (2, Some(2)));
    assert!(matches!(kit.identity.sign_with(&first), Err(Stopped::Generation)));
    assert!(kit.identity.live(first.session.id).is_some(), "a repeated request gets its URL again");
}

#[tokio::test]
async fn whatever_stops_the_session_that_signs_the_one_that_it_followed_signs_no_more() {
    let stops: [fn(&Identity, &Session) -> bool; 2] =
        [Identity::stop_generation, |own, session| own.bury(session, Dead::Denied)];
    for stop in stops {
        let kit = Kit::new(&[Turn::Fresh(36_000), Turn::Fresh(36_000), Turn::Fails], None).await;
        let first = kit.identity.renew().await.unwrap();
        let second = kit.identity.renew().await.unwrap();
        kit.seconds(10).await;
        assert!(stop(&kit.identity, &second.session));
        assert_eq!(kit.generation(), None, "the first lives on, and rests");
        assert!(kit.identity.renew().await.is_err_and(|error| error.reason() == "NETWORK"));
        assert_eq!((kit.generation(), kit.identity.secret_of(&first.session)), (None, Secret::Rests));
        kit.turns.lock().unwrap().clear();
        kit.turns.lock().unwrap().push_back(Turn::Fresh(600));
        assert_eq!(kit.identity.renew().await.unwrap().session.generation, 3);
        assert_eq!(kit.generation(), Some(3), "whose life is shorter");
        kit.identity.revive(&second.session);
        assert_eq!(kit.generation(), Some(3));
        drop(kit);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_session_shorter_than_the_one_that_signs_is_next_and_is_followed_at_once_when_it_comes_to_sign() {
    let kit = Kit::new(&[Turn::Fresh(36_000), Turn::Fresh(3600)], None).await;
    let first = kit.identity.renew().await.unwrap();
    let second = kit.identity.renew().await.unwrap();
    kit.seconds(10).await;
    let secrets = || [&first, &second].map(|live| kit.identity.secret_of(&live.session));
    assert_eq!((kit.asked(), kit.generation(), secrets()), (2, Some(1), [Secret::Signs, Secret::Next]));
    assert!(kit.identity.stop_generation(&first.session));
    assert_eq!((kit.generation(), secrets()), (Some(2), [Secret::Rests, Secret::Signs]));
    kit.seconds(10).await;
    assert_eq!((kit.asked(), kit.generation()), (3, Some(3)), "the second is of the time before");
    kit.identity.stop_generation(&second.session);
    kit.seconds(10).await;
    assert_eq!(kit.asked(), 3, "nothing is missed");
}

#[tokio::test]
async fn a_shorter_session_that_a_person_asks_for_signs_and_one_that_anybody_else_asks_for_waits() {
    use Turn::{Fails, Fresh};
    let kit = Kit::new(&[Fresh(36_000), Fresh(3600), Fails, Fresh(1000), Fresh(900), Fresh(600)], None).await;
    let first = kit.identity.renew().await.unwrap();
    kit.identity.renew().await.unwrap();
    assert_eq!(kit.generation(), Some(1), "somebody may need long URLs");
    assert!(kit.identity.replace_all().await.is_err_and(|error| error.reason() == "NETWORK"));
    kit.identity.renew().await.unwrap();
    assert_eq!(kit.generation(), Some(1), "who asked has been told that it failed");
    // They share one attempt.
    let (by_caller, by_person) = tokio::join!(kit.identity.renew(), kit.identity.replace_all());
    let one = by_person.unwrap().remove(0);
    assert_eq!((by_caller.unwrap().session.id, kit.asked()), (one.session.id, 5));
    let former = one.former.as_ref().map(|former| former.generation);
    assert_eq!((kit.generation(), one.session.generation, former), (Some(4), 4, Some(1)));
    assert!(one.caution().is_some_and(|told| told.contains("before generation 1")), "{:?}", one.caution());
    assert_eq!(kit.identity.secret_of(&first.session), Secret::Rests);
    let reach = kit.identity.fresh().map(|fresh| fresh.duration.as_secs());
    assert!(reach.is_some_and(|reach| reach <= 905), "no caller is promised what there was before: {reach:?}");
    kit.identity.start_generation(&first.session);
    assert_eq!(kit.generation(), Some(1), "and it can be taken back");
}

#[tokio::test]
async fn a_stop_that_is_taken_back_lets_nothing_sign_that_did_not() {
    let kit = Kit::new(&[Turn::Fresh(3600), Turn::Fresh(3600), Turn::Fails], None).await;
    let first = kit.identity.renew().await.unwrap();
    let second = kit.identity.renew().await.unwrap();
    for live in [&second, &first] {
        assert!(kit.identity.stop_generation(&live.session));
    }
    kit.identity.let_generation_go_on(&first.session);
    assert_eq!(kit.generation(), None);
    kit.identity.let_generation_go_on(&second.session);
    assert_eq!(kit.generation(), Some(2));
}

#[tokio::test]
async fn a_paused_identity_signs_nothing_and_renews_its_sessions_all_the_same() {
    let kit = Kit::new(&[Turn::Fresh(3600)], None).await;
    let first = kit.identity.renew().await.unwrap();
    let under_way = kit.identity.sign_with(&first).unwrap();
    assert!(kit.identity.pause());
    assert!(tokio::time::timeout(Duration::from_secs(5), kit.identity.at_rest()).await.is_err());
    drop(under_way);
    kit.identity.at_rest().await;
    assert!(matches!(kit.identity.sign_with(&first), Err(Stopped::Paused)) && kit.identity.repeat().is_none());
    kit.seconds(1900).await;
    assert_eq!((kit.asked(), kit.identity.status().state, kit.generation()), (2, State::Paused, None));
    kit.identity.resume();
    assert_eq!((kit.identity.status().state, kit.generation()), (State::Ready, Some(2)));
}
