//! A digest of an ask: tells a repeated call from another call under the same request id. Holds no secret: an SSE-C key
//! counts by its MD5 header alone.

use sha2::{Digest, Sha256};

use super::Ask;
use crate::s3::form::{Signable, Target};

/// SHA-256 of everything the caller chose, each part with its length before it.
pub(super) fn sha256(ask: &Ask) -> [u8; 32] {
    let mut parts = Parts(Sha256::new());
    parts.text(ask.identity.as_ref().map_or("", |name| name.as_str()));
    parts.text(ask.region.as_ref().map_or("", |region| region.as_str()));
    parts.number(u64::from(ask.asked.seconds()));
    parts.number(u64::from(ask.at_least.seconds()));
    parts.text(&ask.on_behalf_of);
    parts.pairs(ask.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    parts.number(u64::from(ask.tag));
    parts.text(&ask.replaces.map(|id| id.to_string()).unwrap_or_default());
    parts.text(ask.what.bucket().as_str());
    parts.text(&format!("{:?}", ask.what.addressing()));
    match &ask.what {
        Signable::Request(request) => {
            parts.text(request.method().as_str());
            parts.text(request.key().map_or("", |key| key.as_str()));
            parts.pairs(request.query().iter().map(|(name, value)| (name.as_str(), value.as_str())));
            parts.pairs(request.headers().recordable());
        }
        Signable::Form(form) => {
            match &form.target {
                Target::Key(key) => parts.pairs([("key", key.as_str())].into_iter()),
                Target::StartsWith(prefix) => parts.pairs([("starts-with", prefix.as_str())].into_iter()),
            }
            parts.pairs(form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            parts.pairs(form.starts_with.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            parts.text(&format!("{:?}", form.content_length_range));
        }
    }
    parts.0.finalize().into()
}

struct Parts(Sha256);

impl Parts {
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text);
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    fn pairs<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut count = 0;
        for (name, value) in pairs {
            self.text(name);
            self.text(value);
            count += 1;
        }
        self.number(count);
    }
}
