//! The canonical request: method, path, query, headers, signed headers, and the constant for an unsigned payload.

use sha2::{Digest, Sha256};

use super::encode;
use super::endpoint::Place;
use crate::s3::ObjectKey;
use crate::s3::request::Headers;

/// The parts of a canonical request, where they stand already; hashed without being put together.
pub(super) struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub host: &'a str,
    pub headers: &'a Headers,
    pub signed_headers: &'a str,
}

impl Request<'_> {
    pub(super) fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [self.method, "\n", self.path, "\n", self.query, "\n"] {
            hash.update(part);
        }
        for (name, value) in with_host(self.headers, self.host) {
            for part in [name, ":", value, "\n"] {
                hash.update(part);
            }
        }
        for part in ["\n", self.signed_headers, "\n", UNSIGNED_PAYLOAD] {
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// `a;host;x-amz-b`: the names of all signed headers, sorted.
pub(super) fn signed_headers(headers: &Headers) -> String {
    let mut names = String::new();
    for (name, _) in with_host(headers, "") {
        if !names.is_empty() {
            names.push(';');
        }
        names.push_str(name);
    }
    names
}

/// The caller's headers are sorted already; `host` goes where it belongs.
fn with_host<'a>(headers: &'a Headers, host: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let before = headers.iter().take_while(|(name, _)| *name < "host");
    let after = headers.iter().skip_while(|(name, _)| *name < "host");
    before.chain(std::iter::once(("host", host))).chain(after)
}

/// Appends the canonical path: `/bucket/key`, `/key`, or `/`.
pub(super) fn path(out: &mut String, place: &Place<'_>, key: Option<&ObjectKey>) {
    if let Some(bucket) = place.bucket_in_path {
        out.push('/');
        encode::path(out, bucket);
    }
    match key {
        Some(key) => {
            out.push('/');
            encode::path(out, key.as_str());
        }
        None if place.bucket_in_path.is_none() => out.push('/'),
        None => {}
    }
}

/// Appends the canonical query: the caller's parameters, the tag and those of the signature, all sorted by encoded name,
/// then value. `signing` is sorted, its names are plain and its values encoded.
pub(super) fn query<'a>(
    out: &mut String,
    given: &[(String, String)],
    tag: Option<&str>,
    signing: impl Iterator<Item = (&'static str, &'a str)>,
) {
    let mut others: Vec<String> = Vec::with_capacity(given.len() + usize::from(tag.is_some()));
    let tag = tag.map(|tag| ("x-presignd-id", tag));
    for (name, value) in given.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(tag) {
        let mut pair = String::with_capacity(encode::longest(name) + encode::longest(value) + 1);
        encode::component(&mut pair, name);
        pair.push('=');
        encode::component(&mut pair, value);
        others.push(pair);
    }
    // `=` sorts below every character that a longer name could have there but `-`, `.`, `%` and digits: compare names.
    others.sort_by(|one, other| name_of(one).cmp(name_of(other)));
    let mut others = others.iter().peekable();
    let mut first = true;
    let mut push = |out: &mut String, parts: &[&str]| {
        if !std::mem::take(&mut first) {
            out.push('&');
        }
        for part in parts {
            out.push_str(part);
        }
    };
    for (name, value) in signing {
        while let Some(pair) = others.next_if(|pair| name_of(pair) < name) {
            push(out, &[pair]);
        }
        push(out, &[name, "=", value]);
    }
    for pair in others {
        push(out, &[pair]);
    }
}

fn name_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
