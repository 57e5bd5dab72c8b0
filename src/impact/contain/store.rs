//! Where a URL leads, as the configuration has it. Of a store that is not AWS's: what a command has to name so as to reach
//! it, and not a bucket of the same name at AWS.
//!
//! Never asks the store; what it is, the host in the URL tells.

use crate::issued::IssuedUrl;
use crate::signer::endpoint::Endpoint;

/// What the configuration says now of the identity that signed.
#[derive(Debug, Clone, Copy)]
pub struct Configured<'a> {
    /// Where it signs for.
    pub endpoint: &'a Endpoint,
    /// The role of its sessions, with its path.
    pub role_arn: Option<&'a str>,
}

impl<'a> From<&'a Endpoint> for Configured<'a> {
    fn from(endpoint: &'a Endpoint) -> Self {
        Self { endpoint, role_arn: None }
    }
}

/// Where a URL leads that does not lead to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its host, with its port if it has one of its own, without the bucket.
    pub host: String,
    /// For `--endpoint-url`.
    pub endpoint_url: String,
    /// Whether the configuration names that endpoint, of whatever identity. If not, the scheme is taken to be https, and the host may begin with
    /// the bucket's name.
    pub is_configured: bool,
}

impl Store {
    /// `None` where AWS answers. `configured` is what the identity that signed has now; it may have had another then.
    pub fn of(url: &IssuedUrl, configured: &Endpoint) -> Option<Self> {
        let at = |authority: &str| Endpoint::Custom {
            scheme: "https".to_owned(),
            authority: authority.to_owned(),
            base_path: String::new(),
        };
        if at(&url.host).is_of_aws() {
            return None;
        }
        let before = format!("{}.", url.what.bucket().as_str());
        let behind = url.host.strip_prefix(&before);
        if let Endpoint::Custom { scheme, authority, base_path } = configured
            && (*authority == url.host || behind == Some(authority))
        {
            let endpoint_url = format!("{scheme}://{authority}{base_path}");
            return Some(Self { host: authority.clone(), endpoint_url, is_configured: true });
        }
        let host = behind.unwrap_or(&url.host).to_owned();
        Some(Self { endpoint_url: format!("https://{host}"), host, is_configured: false })
    }

    /// The endpoint to which the URL leads, so that its scheme is known: that of the identity that signed or, where that has
    /// another by now or is not configured any more, of one of the others. `own` where none leads there.
    pub fn endpoint_of(url: &IssuedUrl, own: Endpoint, mut others: impl Iterator<Item = Endpoint>) -> Endpoint {
        let leads_there = |endpoint: &Endpoint| Self::of(url, endpoint).is_some_and(|store| store.is_configured);
        if leads_there(&own) { own } else { others.find(leads_there).unwrap_or(own) }
    }
}
