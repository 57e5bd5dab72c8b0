//! Splits a URL or a log line into host, path and parameters, by hand: a URL library would rewrite `..` and so hide what
//! is there.

use percent_encoding::percent_decode_str;

use super::MAX_TEXT;
use crate::s3::Refused;

/// A URL, split and decoded.
pub(super) struct Parts<'a> {
    pub host: &'a str,
    /// Decoded, with its first slash.
    pub path: String,
    /// As it stands in the text.
    pub raw_path: &'a str,
    pub method: Option<&'a str>,
    /// Whether `&` stands as `&amp;`, as in the source of a web page. It is read as `&` all the same, or a signature would
    /// go by another name and be shown.
    pub is_html: bool,
    parameters: Vec<(String, String)>,
}

impl<'a> Parts<'a> {
    pub(super) fn of_url(text: &'a str) -> Result<Self, Refused> {
        let text = within_bound(text, "url")?;
        let refuse = |problem: &str| Refused::new("url", problem);
        let web = |scheme: &str| SCHEMES.iter().any(|one| scheme.eq_ignore_ascii_case(one));
        let rest = text.split_once("://").filter(|(scheme, _)| web(scheme)).map(|(_, rest)| rest);
        let rest = rest.ok_or_else(|| refuse("does not begin with https:// or http://"))?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // A user and a password before the host are no part of it, and not to be shown.
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(refuse("has no host"));
        }
        Self::of(host, rest, None).ok_or_else(|| refuse("has no query, so it is not presigned"))
    }

    /// The Request-URI stands in quotes: `"GET /bucket/key?X-Amz-… HTTP/1.1"`.
    pub(super) fn of_log_line(text: &'a str) -> Result<Self, Refused> {
        let text = within_bound(text, "text")?;
        let requests = text.split('"').filter_map(|quoted| {
            let mut words = quoted.split(' ');
            let (method, target) = (words.next()?, words.next()?);
            let known = matches!(method, "GET" | "HEAD" | "PUT" | "POST" | "DELETE");
            (known && target.starts_with('/')).then(|| Self::of("", target, Some(method)))?
        });
        let mut requests = requests;
        requests.next().ok_or_else(|| {
            Refused::new("text", "is neither a presigned URL nor a line of an S3 access log with a query")
        })
    }

    fn of(host: &'a str, rest: &'a str, method: Option<&'a str>) -> Option<Self> {
        let rest = rest.split('#').next().unwrap_or_default();
        let (raw_path, query) = rest.split_once('?')?;
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(MAX_PARAMETERS);
        let is_html = query.contains("&amp;");
        let plain = |pair: &'a str| pair.strip_prefix("amp;").filter(|_| is_html).unwrap_or(pair);
        let parameters = pairs.map(|pair| plain(pair).split_once('=').unwrap_or((plain(pair), "")));
        let parameters = parameters.map(|(name, value)| (decode(name), decode(value))).collect();
        Some(Self { host, path: decode(raw_path), raw_path, method, is_html, parameters })
    }

    /// The value of the first parameter of that name.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Whether a key of SigV4 or SigV2 is named.
    pub(super) fn is_presigned(&self) -> bool {
        ["X-Amz-Credential", "AWSAccessKeyId"].iter().any(|name| self.value(name).is_some())
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.parameters.iter().filter(|(given, _)| given == name).count()
    }

    /// Parameters that may be shown: those that are no part of a signature, and no key of the customer's.
    pub(super) fn shown(&self) -> impl Iterator<Item = (String, String)> {
        let signing = |name: &str| SIGNING.iter().any(|known| known.eq_ignore_ascii_case(name));
        let customer_key = |name: &str| name.to_ascii_lowercase().ends_with("customer-key");
        self.parameters.iter().filter(move |(name, _)| !signing(name) && !customer_key(name)).cloned()
    }
}

pub(super) fn within_bound<'a>(text: &'a str, field: &str) -> Result<&'a str, Refused> {
    if text.len() > MAX_TEXT {
        return Err(Refused::new(field, "is longer than 16 KiB"));
    }
    Ok(text.trim())
}

const SIGNING: &[&str] = &[
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Region-Set",
    "X-Amz-S3session-Token",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "AWSAccessKeyId",
    "Signature",
    "Expires",
];
/// A text of 16 KiB could hold more; no URL that S3 takes does.
const MAX_PARAMETERS: usize = 256;
/// Of the web, and as people write them so that nobody follows the URL.
const SCHEMES: [&str; 4] = ["https", "http", "hxxps", "hxxp"];
