//! What an identity mints with for those that are based on it, while its own session signs nothing.

use super::base::{Base, Directory};
use super::stopped::{DRAIN, House};
use super::*;
use crate::registry::{KEY_DEAD, KEY_ITSELF};

/// Who is based on it.
fn based_on(identity: &Arc<Identity>) -> Base {
    let directory = Directory::default();
    directory.replace(&[(identity.name.clone(), Arc::clone(identity))].into());
    Base::Other(identity.name.clone(), Arc::new(directory))
}

/// The generation that mints, or why nothing does.
async fn lent(base: &Base) -> Result<u64, String> {
    let lent = base.lend().await.map_err(|error| error.to_string())?;
    Ok(lent.session().unwrap().generation)
}

#[tokio::test]
async fn a_key_that_is_only_denied_goes_on_minting_and_one_that_is_dead_does_not() {
    let house = House::new().await;
    let (base, key) = (based_on(&house.identity), house.identity.current().unwrap());
    assert!(house.identity.bury(&key.session, Dead::Denied));
    assert!(house.identity.current().is_none() && house.identity.is_dead(), "it signs nothing");
    let began = tokio::time::Instant::now();
    assert_eq!(lent(&base).await, Ok(1));
    assert_eq!(began.elapsed(), Duration::ZERO, "nothing else would come of reading it anew");
    assert!(house.identity.bury(&key.session, Dead::Key), "its key is seen dead, too: that is news");
    let refused = lent(&base).await.unwrap_err();
    assert!(
        refused.contains("the base identity web has no session: ") && refused.contains("was seen dead"),
        "{refused}"
    );
    assert!(house.identity.bury(&key.session, Dead::Denied), "its key is seen alive");
    assert_eq!(lent(&base).await, Ok(1));
    house.mark(1, DRAIN).await;
    assert!(lent(&base).await.is_err(), "an operator stops all that it does");
}

#[tokio::test]
async fn a_key_that_was_seen_dead_before_a_restart_mints_nothing_whatever_its_canaries_say() {
    let mut house = House::new().await;
    let key = house.identity.current().unwrap();
    house.registry.observe(key.session.id, KEY_DEAD, KEY_ITSELF, None).await.unwrap();
    house.restart();
    house.until("it is remembered", |house| house.failure() == "SESSION_DEAD").await;
    assert!(house.identity.held(&key.session).is_some() && house.identity.lending_generation().is_none());
    assert!(lent(&based_on(&house.identity)).await.is_err());
}

#[tokio::test]
async fn a_minted_session_that_is_denied_gives_way_to_the_next_and_mints_itself_only_while_there_is_none() {
    let turns = [Turn::Fresh(3600), Turn::Fails, Turn::Fails, Turn::Fresh(3600)];
    let kit = Kit::new(&turns, None).await;
    let (base, first) = (based_on(&kit.identity), kit.identity.renew().await.unwrap());
    assert!(kit.identity.bury(&first.session, Dead::Denied));
    assert_eq!((lent(&base).await, kit.generation()), (Ok(1), None), "there is no other to be had");
    kit.turns.lock().unwrap().clear();
    kit.turns.lock().unwrap().push_back(Turn::Fresh(3600));
    assert_eq!((lent(&base).await, kit.generation()), (Ok(2), Some(2)), "the next may be allowed more");
}

#[tokio::test]
async fn what_mints_when_the_former_was_refused_as_ended_is_never_what_was_denied() {
    let kit = Kit::new(&[Turn::Fresh(3600), Turn::Fails], None).await;
    let (base, first) = (based_on(&kit.identity), kit.identity.renew().await.unwrap());
    kit.identity.bury(&first.session, Dead::Denied);
    assert_eq!(lent(&base).await, Ok(1));
    assert!(base.lend_anew().await.is_err());
}
