//! One suite for every backend of the registry: what a daemon relies on, whatever the store.

mod registry {
    pub(crate) mod made;
}

use std::sync::Arc;
use std::time::Duration;

use presignd::clock::Clock;
use presignd::issued::{Filter, Record};
use presignd::registry::{Appended, Error, MAX_PAGE, Options, Registry};
use presignd::session::Session;
use presignd::telemetry::Metrics;
use presignd::time::Timestamp;
use registry::made::{NOW, append, asks, facts, name, request, url};

/// A registry in a place of its own, under a clock that the test moves.
struct Place {
    directory: tempfile::TempDir,
    clock: Clock,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: Clock::tokio(Timestamp::from_unix(NOW)) }
    }

    fn options(&self) -> Options {
        Options { retention: Duration::from_secs(3600), ..Options::at(self.directory.path().join("registry.db")) }
    }

    async fn open(&self) -> Registry {
        Registry::open(self.options(), self.clock.clone(), metrics()).await.unwrap()
    }

    async fn with_session(&self) -> (Registry, Arc<Session>) {
        let registry = self.open().await;
        let session = registry.enrol(&name("web"), facts("ASIAONE")).await.unwrap();
        (registry, session)
    }
}

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new().unwrap())
}

/// Stamps the suite out for each backend.
macro_rules! on_every_backend {
    ($($sentence:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(start_paused = true)]
                async fn $sentence() {
                    super::$sentence(super::Place::new()).await;
                }
            )*
        }
    };
}

on_every_backend! {
    a_record_reads_back_as_it_was_written,
    everything_is_there_after_a_restart,
}

async fn numbers(registry: &Registry, filter: Filter) -> Vec<u64> {
    let found = registry.list(filter, MAX_PAGE, None).await.unwrap();
    found.iter().map(|record| record.url.id.number).collect()
}

async fn a_record_reads_back_as_it_was_written(place: Place) {
    let (registry, session) = place.with_session().await;
    for what in asks() {
        let url = url(&registry, &session, what);
        registry.append(vec![append(&url)]).await.unwrap();
        let found = registry.url(url.id).await.unwrap();
        assert_eq!(found, Some(Record { url, session: session.clone() }));
    }
}

async fn everything_is_there_after_a_restart(place: Place) {
    let (registry, session) = place.with_session().await;
    let (one, two) = (url(&registry, &session, request("a")), url(&registry, &session, request("b")));
    registry.append(vec![append(&one), append(&two)]).await.unwrap();
    registry.close().await;
    assert!(matches!(registry.append(vec![append(&one)]).await, Err(Error::Closed)));

    let again = place.open().await;
    assert_eq!(again.instance(), registry.instance());
    assert_eq!(again.enrol(&name("web"), facts("ASIAONE")).await.unwrap(), session);
    assert_eq!(again.enrol(&name("web"), facts("ASIATWO")).await.unwrap().generation, 2);
    assert_eq!(numbers(&again, Filter::default()).await, [two.id.number, one.id.number]);
    assert!(again.next_url_id().number > two.id.number);
    let three = url(&again, &session, request("c"));
    let outcome = again.append(vec![append(&three)]).await.unwrap();
    assert!(matches!(outcome[..], [Appended::Recorded]));
}
