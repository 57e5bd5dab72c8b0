//! A place for one registry, under a clock that the test moves.

#![expect(clippy::unwrap_used, reason = "a test fails where its place does")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use presignd::clock::Clock;
use presignd::issued::Filter;
use presignd::registry::{MAX_PAGE, Options, Registry};
use presignd::session::Session;
use presignd::telemetry::Metrics;
use presignd::time::Timestamp;

use super::made::{ASKER, NOW, facts, name};

pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) clock: Clock,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: Clock::tokio(Timestamp::from_unix(NOW)) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("state/registry.db")
    }

    /// An hour of retention.
    pub(crate) fn options(&self) -> Options {
        Options { retention: Duration::from_secs(3600), ..Options::at(self.path()) }
    }

    pub(crate) async fn open(&self) -> Registry {
        Registry::open(self.options(), self.clock.clone(), metrics()).await.unwrap()
    }

    /// A session of the identity `web`.
    pub(crate) async fn with_session(&self) -> (Registry, Arc<Session>) {
        let registry = self.open().await;
        let session = registry.enrol(&name("web"), facts("ASIAONE")).await.unwrap();
        (registry, session)
    }
}

pub(crate) fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new().unwrap())
}

/// Numbers of all records that match.
pub(crate) async fn numbers(registry: &Registry, filter: Filter) -> Vec<u64> {
    let found = registry.list(ASKER, filter, MAX_PAGE, None).await.unwrap();
    found.iter().map(|record| record.url.id.number).collect()
}
