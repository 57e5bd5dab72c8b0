//! Through which proxy, if any: as the environment names it, the way other AWS tools understand it.
//!
//! What is on this machine is always reached directly: no proxy knows what our loopback is.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use super::{Environment, Error};

/// One for requests in the clear, one for TLS: each may have a proxy of its own.
pub(super) struct Proxies {
    pub http: ProxyConfig,
    pub https: ProxyConfig,
}

impl Proxies {
    pub(super) fn of(environment: &Environment) -> Result<Self, Error> {
        let direct = NO_PROXY.iter().find_map(|name| environment.get(name)).unwrap_or_default();
        // The client's own rules take it for all names, but for no address.
        if direct.split(',').any(|entry| entry.trim() == "*") {
            return Ok(Self { http: ProxyConfig::disabled(), https: ProxyConfig::disabled() });
        }
        let direct = format!("{direct},{LOOPBACK}");
        let named = |names: &[&'static str; 4]| {
            names.iter().find_map(|name| environment.get(name).map(|url| (*name, with_scheme(url))))
        };
        let proxy = |names: &[&'static str; 4], make: fn(String) -> Option<ProxyConfig>| match named(names) {
            None => Ok(ProxyConfig::disabled()),
            // The URL may hold a password, so it is not repeated.
            Some((variable, url)) => make(url).map(|it| it.no_proxy(&direct)).ok_or(Error::Proxy { variable }),
        };
        Ok(Self {
            http: proxy(&HTTP, |url| ProxyConfig::http(url).ok())?,
            https: proxy(&HTTPS, |url| ProxyConfig::https(url).ok())?,
        })
    }
}

/// `proxy.example:3128` is as good as `http://proxy.example:3128`.
fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

/// A connector that takes the way of the request's scheme.
#[derive(Debug)]
pub(super) struct ByScheme {
    pub http: SharedHttpConnector,
    pub https: SharedHttpConnector,
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_tls = request.uri().starts_with("https://");
        if is_tls { self.https.call(request) } else { self.http.call(request) }
    }
}

const HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";
