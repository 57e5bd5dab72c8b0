//! How the house talks to AWS: one HTTP client with proxies and a private CA as in other AWS tools, and the environment
//! that those tools are set up by. Every answer teaches the clock.
//!
//! Never signs, and knows no service; `identity` and `region` do.

mod environment;
mod proxy;
mod skew;
mod trust;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_async::time::TimeSource;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use zeroize::Zeroizing;

use crate::clock::Clock;

use proxy::{ByScheme, Proxies};

pub use environment::Environment;
pub use skew::{Heard, LearnsSkew};
pub use whole::TakesWholeAnswers;

/// The way to AWS. Clones share connections.
#[derive(Clone)]
pub struct Aws {
    /// For the SDK, through the proxy that the environment names.
    pub http: SharedHttpClient,
    /// The same connections, for plain requests. Does not follow redirects.
    pub connector: SharedHttpConnector,
    /// For metadata endpoints, which are beside the machine: never through a proxy, and quick to give up.
    pub beside: SharedHttpConnector,
    /// Dates everything.
    pub clock: Clock,
    /// As the process was started with.
    pub environment: Arc<Environment>,
}

/// Why there is no way to AWS, or why one request had no answer. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing to check certificates against.
    #[error(
        "no CA certificates were found; install the package ca-certificates, or set AWS_CA_BUNDLE (or SSL_CERT_FILE) to a \
         PEM file"
    )]
    NoRoots,
    /// The named bundle is no use.
    #[error("{variable} names {path}, which {problem}; point it at a PEM file with CA certificates")]
    CaBundle {
        /// The variable.
        variable: &'static str,
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The proxy cannot be used.
    #[error("{variable} names no proxy that can be used; write it like http://proxy.example:3128, or https://")]
    Proxy {
        /// The variable.
        variable: &'static str,
    },
    /// The request cannot be written.
    #[error("{0} is no URL that can be asked")]
    Url(String),
    /// No connection, or it broke.
    #[error("{0}")]
    Connection(String),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// A body beyond its bound.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// An answer. Its body may be a secret: no `Debug`.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, wiped when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

impl Aws {
    /// Builds the clients, with the proxies and the CA bundle that `environment` names.
    ///
    /// # Errors
    /// When there are no CA certificates, or those of `AWS_CA_BUNDLE` or a proxy cannot be used.
    pub fn new(clock: Clock, environment: Environment) -> Result<Self, Error> {
        let tls = trust::context(&environment)?;
        let unusable = || trust::unusable(&environment);
        let proxies = Proxies::of(&environment)?;
        let connector = ByScheme {
            http: build(&tls, proxies.http, CONNECT, READ).ok_or_else(unusable)?,
            https: build(&tls, proxies.https, CONNECT, READ).ok_or_else(unusable)?,
        };
        let connector = SharedHttpConnector::new(connector);
        let beside = build(&tls, ProxyConfig::disabled(), BESIDE_CONNECT, BESIDE_READ).ok_or_else(unusable)?;
        let shared = connector.clone();
        let http = http_client_fn(move |_, _| shared.clone());
        Ok(Self { http, connector, beside, clock, environment: Arc::new(environment) })
    }

    /// The clock as the SDK wants it, so that it signs by AWS's time too.
    pub fn time_source(&self) -> impl TimeSource + 'static {
        skew::Time(self.clock.clone())
    }

    /// The interceptor that teaches the clock.
    pub fn learns_skew(&self) -> LearnsSkew {
        LearnsSkew::new(self.clock.clone())
    }
}

/// Asks a metadata or other plain endpoint with GET; `connector` is one of those of [`Aws`].
///
/// # Errors
/// When there is no answer within `limit.0`, or it is longer than `limit.1` bytes. A status is no error.
pub async fn get(
    connector: &SharedHttpConnector,
    url: &str,
    headers: &[(&'static str, Zeroizing<String>)],
    limit: (Duration, usize),
) -> Result<Answer, Error> {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url.to_owned()).map_err(|_| Error::Url(url.to_owned()))?;
    for (name, value) in headers {
        let fits = request.headers_mut().try_insert(*name, value.to_string());
        fits.map_err(|_| Error::Url(format!("{url} with such a {name} header")))?;
    }
    let (time, size) = limit;
    tokio::time::timeout(time, ask(connector, request, size)).await.unwrap_or(Err(Error::Timeout(time)))
}

async fn ask(connector: &SharedHttpConnector, request: HttpRequest, size: usize) -> Result<Answer, Error> {
    let answer = connector.call(request).await.map_err(|error| Error::Connection(chain(&error)))?;
    let status = answer.status().as_u16();
    let mut stream = ByteStream::new(answer.into_body());
    let mut body = Zeroizing::new(Vec::new());
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| Error::Connection(chain(&error)))?;
        if body.len() + part.len() > size {
            return Err(Error::TooLong(size));
        }
        body.extend_from_slice(&part);
    }
    Ok(Answer { status, body })
}

/// An error with its sources, each said once. For errors of connections and of the SDK, whose own words say little.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let words = source.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = source.source();
    }
    text
}

/// The behaviour of the SDK that this code was tested with. Pinned: a newer SDK must not change what is promised.
pub fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

fn build(tls: &TlsContext, proxy: ProxyConfig, connect: Duration, read: Duration) -> Option<SharedHttpConnector> {
    let settings = HttpConnectorSettings::builder().connect_timeout(connect).read_timeout(read).build();
    let mut builder: ConnectorBuilder<_> = Connector::builder().connector_settings(settings).proxy_config(proxy);
    builder.set_sleep_impl(default_async_sleep());
    let builder = builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls.clone());
    // The client panics over a certificate that it cannot use, and offers no other way to learn of one.
    let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.build()));
    built.map(SharedHttpConnector::new).ok()
}

const CONNECT: Duration = Duration::from_secs(3);
const READ: Duration = Duration::from_secs(15);
const BESIDE_CONNECT: Duration = Duration::from_secs(1);
const BESIDE_READ: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
