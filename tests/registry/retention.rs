//! What ended long ago is forgotten, in small steps, and nothing else is.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::time::Duration;

use presignd::issued::Filter;
use presignd::registry::{FORGET_ROWS, verify};
use presignd::session::Facts;
use presignd::time::{Timestamp, Ttl};
use tokio_util::sync::CancellationToken;

use super::made::{ASKER, NOW, append, facts, name, request, under, url};
use super::place::{Place, numbers};

pub(crate) async fn forgets_only_what_ended_longer_ago_than_the_retention(place: Place) {
    let (registry, session) = place.with_session().await;
    let make = |seconds: u64| {
        let mut url = url(&registry, &session, request("k"));
        url.ttl = Ttl::new(seconds).unwrap();
        url
    };
    // More short ones than a step takes.
    let short: Vec<_> = (0..FORGET_ROWS + 5).map(|_| append(&make(100))).collect();
    let (longer, alive) = (make(101), make(7200));
    registry.append(short).await.unwrap();
    registry.append(vec![append(&longer), append(&alive)]).await.unwrap();

    tokio::time::advance(Duration::from_secs(3600 + 100)).await;
    assert_eq!(registry.forget_ended().await.unwrap().urls, 0, "an hour of retention is a whole hour");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(registry.forget_ended().await.unwrap().urls, FORGET_ROWS as u64);
    assert_eq!(registry.forget_ended().await.unwrap().urls, 5);
    assert_eq!(registry.forget_ended().await.unwrap().urls, 0);
    assert_eq!(numbers(&registry, Filter::default()).await, [alive.id.number, longer.id.number]);
    let rows = registry.sessions(ASKER, None).await.unwrap();
    assert_eq!((rows.len(), rows[0].outstanding), (1, 1));

    // The request id of a forgotten record leads nowhere, and the number of no record is an error.
    assert_eq!(registry.url(ASKER, longer.id).await.unwrap().unwrap().url, longer);
    registry.close().await;
    assert_eq!(verify(&place.path()).unwrap().problems, [""; 0]);
}

pub(crate) async fn another_retention_counts_from_the_next_step(place: Place) {
    let (registry, session) = place.with_session().await;
    let mut url = url(&registry, &session, request("k"));
    url.ttl = Ttl::new(100).unwrap();
    registry.append(vec![append(&url)]).await.unwrap();
    tokio::time::advance(Duration::from_secs(2 * 3600)).await;
    registry.keep_for(Duration::from_secs(3 * 3600));
    assert_eq!(registry.forget_ended().await.unwrap().urls, 0, "an hour was the former retention");
    registry.keep_for(Duration::from_secs(3600));
    assert_eq!(registry.forget_ended().await.unwrap().urls, 1);
}

pub(crate) async fn no_number_or_generation_is_given_again(place: Place) {
    let registry = place.open().await;
    let short = |key: &str| Facts { expires_at: Some(Timestamp::from_unix(NOW + 60)), ..facts(key) };
    let parent = registry.enrol(&name("web"), short("ASIAPARENT")).await.unwrap();
    let child = Facts { parent: Some(parent.id), ..facts("ASIACHILD") };
    let child = registry.enrol(&name("child"), child).await.unwrap();
    let session = registry.enrol(&name("web"), short("ASIAONE")).await.unwrap();
    let mut last = url(&registry, &session, request("k"));
    last.ttl = Ttl::new(60).unwrap();
    registry.append(vec![under(&last, "id", 1)]).await.unwrap();
    tokio::time::advance(Duration::from_secs(2 * 3600)).await;
    assert_eq!(registry.forget_ended().await.unwrap().urls, 1);
    assert_eq!(registry.url(ASKER, last.id).await.unwrap(), None);
    assert_eq!(registry.remembered(1000, "id").await.unwrap(), None);
    registry.close().await;

    let registry = place.open().await;
    assert!(registry.next_url_id().number > last.id.number);
    let next = registry.enrol(&name("web"), facts("ASIAONE")).await.unwrap();
    assert!(next.id.number > session.id.number, "the session was forgotten, its number is not given again");
    assert_eq!(next.generation, 3);
    let again = Facts { parent: Some(parent.id), ..facts("ASIACHILD") };
    assert_eq!(registry.enrol(&name("child"), again).await.unwrap(), child);
    let parent_again = registry.enrol(&name("web"), short("ASIAPARENT")).await.unwrap();
    assert_eq!(parent_again, parent, "a session stays while one that it minted does");
}

pub(crate) async fn keeps_forgetting_until_told_to_stop(place: Place) {
    let (registry, session) = place.with_session().await;
    let rows = FORGET_ROWS * 3;
    registry.append((0..rows).map(|_| append(&url(&registry, &session, request("k")))).collect()).await.unwrap();
    let stop = CancellationToken::new();
    let keeper = tokio::spawn(registry.clone().keep(stop.clone()));
    tokio::time::advance(Duration::from_secs(3 * 3600)).await;
    while !numbers(&registry, Filter::default()).await.is_empty() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.cancel();
    keeper.await.unwrap();
}
