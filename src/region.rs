//! Where a bucket is: asked of S3 once, remembered.
//!
//! Asks only hosts that follow from the configuration, without credentials, and never guesses: a URL for the wrong
//! region would be refused by S3 when it is too late.

mod cache;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::{DateTime, Format};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;

use crate::aws::chain;
use crate::clock::Clock;
use crate::config::identity::S3;
use crate::s3::{Bucket, Region};
use crate::signer::endpoint::dns_suffix;
use crate::telemetry::Metrics;
use crate::telemetry::latest::{self, Outcome};
use crate::time::Timestamp;

/// Finds regions of buckets.
pub struct Regions {
    http: SharedHttpConnector,
    clock: Clock,
    metrics: Arc<Metrics>,
    cache: Mutex<cache::Cache>,
    flights: Mutex<HashMap<String, Arc<Flight>>>,
    room: Semaphore,
}

/// One look-up, shared by all who wait for it. When who began it goes away, another goes on.
type Flight = OnceCell<Result<Region, Error>>;

/// Why the region is not known. Names the bucket, never a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// S3 knows no such bucket.
    #[error("no bucket is called {bucket}")]
    BucketNotFound {
        /// As the caller named it.
        bucket: String,
    },
    /// S3 answered, but did not say.
    #[error("S3 answered {status} for bucket {bucket} and did not name its region; give the region in the request")]
    NotNamed {
        /// As the caller named it.
        bucket: String,
        /// The status.
        status: u16,
    },
    /// The host of the look-up did not answer.
    #[error("{host} could not be asked for the region of bucket {bucket}: {problem}; give the region in the request")]
    Unreachable {
        /// As the caller named it.
        bucket: String,
        /// The host, without a path.
        host: String,
        /// The connection's own words.
        problem: String,
    },
}

impl Regions {
    /// Remembers nothing yet. `http` must not follow redirects: the answer is in their headers.
    pub fn new(http: SharedHttpConnector, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let (cache, flights) = (Mutex::default(), Mutex::default());
        Self { http, clock, metrics, cache, flights, room: Semaphore::new(MAX_LOOKUPS) }
    }

    /// The region that signs for the bucket: an access point's own, that of a configured store, a remembered one, or the
    /// one that S3 names when asked. A region that is configured without `endpoint_url` says whose S3 is asked, and is
    /// not taken for the bucket's. Concurrent questions for one bucket share one look-up of at most [`LOOKUP`].
    ///
    /// # Errors
    /// When S3 cannot be asked, does not say, or knows no such bucket. Failures are not remembered.
    pub async fn of(&self, bucket: &Bucket, s3: &S3) -> Result<Region, Error> {
        let name = match (bucket, s3) {
            (Bucket::AccessPoint(point), _) => return Ok(point.region.clone()),
            (_, S3 { endpoint_url: Some(_), region: Some(region), .. }) => return Ok(region.clone()),
            (Bucket::Name(name), _) => name.as_str(),
        };
        let url = format!("{}/{name}", base(s3));
        let remembered = lock(&self.cache).get(&url, self.clock.monotonic());
        if let Some(region) = remembered {
            self.count("remembered");
            return Ok(region);
        }
        let found = self.shared(&url, name).await;
        self.count(if found.is_ok() { "found" } else { "failed" });
        found
    }

    async fn shared(&self, url: &str, bucket: &str) -> Result<Region, Error> {
        let flight = Arc::clone(lock(&self.flights).entry(url.to_owned()).or_default());
        let _landing = Landing { flights: &self.flights, url, flight: &flight };
        flight.get_or_init(|| self.look_up(url, bucket)).await.clone()
    }

    async fn look_up(&self, url: &str, bucket: &str) -> Result<Region, Error> {
        let looked = timeout(LOOKUP, async {
            let _room = self.room.acquire().await.expect("nobody closes the semaphore");
            self.ask(url, bucket).await
        });
        let found = looked.await.unwrap_or_else(|_| Err(unreachable(url, bucket, "no answer in time")));
        self.note(bucket, &found);
        if let Ok(region) = &found {
            lock(&self.cache).put(url.to_owned(), region.clone(), self.clock.monotonic());
        }
        found
    }

    /// S3 names the region in the header of any answer, also of a refusal (SEMANTICS.md section 5).
    async fn ask(&self, url: &str, bucket: &str) -> Result<Region, Error> {
        let failed = |problem: String| unreachable(url, bucket, &problem);
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method("HEAD").map_err(|error| failed(error.to_string()))?;
        request.set_uri(url).map_err(|error| failed(error.to_string()))?;
        let sent = self.clock.local_now();
        let answer = self.http.call(request).await.map_err(|error| failed(chain(&error)))?;
        if let Some(date) = answer.headers().get("date").and_then(http_date) {
            self.clock.observe(sent, date, self.clock.local_now());
        }
        let named = answer.headers().get("x-amz-bucket-region").and_then(|text| Region::parse(text).ok());
        match (named, answer.status().as_u16()) {
            (Some(region), _) => Ok(region),
            (None, 404) => Err(Error::BucketNotFound { bucket: bucket.to_owned() }),
            (None, status) => Err(Error::NotNamed { bucket: bucket.to_owned(), status }),
        }
    }

    fn note(&self, bucket: &str, found: &Result<Region, Error>) {
        let (outcome, message) = match found {
            Ok(region) => (Outcome::Ok, format!("bucket {bucket} is in {}", region.as_str())),
            Err(error @ Error::Unreachable { .. }) => (Outcome::Silent, error.to_string()),
            Err(error) => (Outcome::Refused, error.to_string()),
        };
        self.metrics.latest.region(latest::Call { at: self.clock.now(), outcome, message });
    }

    fn count(&self, outcome: &str) {
        self.metrics.region_lookups.with_label_values(&[outcome]).inc();
    }
}

/// Takes a look-up off the list when nobody else waits for it, or when it is done.
struct Landing<'a> {
    flights: &'a Mutex<HashMap<String, Arc<Flight>>>,
    url: &'a str,
    flight: &'a Arc<Flight>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut flights = lock(self.flights);
        // The list's own and this one. Under the lock, nobody joins meanwhile.
        let alone = Arc::strong_count(self.flight) == 2;
        let listed = flights.get(self.url).is_some_and(|listed| Arc::ptr_eq(listed, self.flight));
        if listed && (alone || self.flight.initialized()) {
            flights.remove(self.url);
        }
    }
}

/// Path style, whose host needs no name of its own for each bucket.
fn base(s3: &S3) -> String {
    match (&s3.endpoint_url, &s3.region) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some(region)) => format!("https://s3.{region}.{}", dns_suffix(region)),
        (None, None) => DEFAULT_HOST.to_owned(),
    }
}

fn unreachable(url: &str, bucket: &str, problem: &str) -> Error {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    Error::Unreachable { bucket: bucket.to_owned(), host: host.to_owned(), problem: problem.to_owned() }
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTime::from_str(text, Format::HttpDate).ok().map(|date| Timestamp::from_unix(date.secs()))
}

/// What the mutexes hold is right after every statement, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const DEFAULT_HOST: &str = "https://s3.us-east-1.amazonaws.com";
/// A look-up takes no longer, whoever waits for it.
pub const LOOKUP: Duration = Duration::from_secs(5);
/// Look-ups at the same time; the next waits, within its own [`LOOKUP`].
const MAX_LOOKUPS: usize = 64;

#[cfg(test)]
mod tests;
