//! One session for each tenant: what tells tenants apart, and what their sessions bear of them.
//!
//! Refuses what STS would read as something else (SEMANTICS.md 2.1). Never sees a request.

use std::fmt::Write as _;

use super::{Identity, MAX_POLICY, MAX_TAGS, Scope, Source};
use crate::config::Error;

/// One session for each tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    /// Who is a tenant.
    pub by: PartitionBy,
    /// The session tag whose value is the tenant.
    pub tag: Option<String>,
    /// Tenants that have a place at the same time: 1 to [`MAX_PARTITIONS`].
    pub most: usize,
}

/// Who is a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionBy {
    /// The caller's uid.
    Caller,
    /// The request's `on_behalf_of`.
    OnBehalfOf,
    /// The value of that label.
    Label(String),
}

impl PartitionBy {
    fn parse(text: &str) -> Option<Self> {
        let is_name = |name: &&str| (1..=MAX_LABEL_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
        match text {
            "caller" => Some(Self::Caller),
            "on_behalf_of" => Some(Self::OnBehalfOf),
            text => text.strip_prefix("label:").filter(is_name).map(|name| Self::Label(name.to_owned())),
        }
    }

    /// The field of a request that names the tenant.
    pub fn field(&self) -> String {
        match self {
            Self::Caller => "caller".to_owned(),
            Self::OnBehalfOf => "on_behalf_of".to_owned(),
            Self::Label(name) => format!("labels.{name}"),
        }
    }
}

/// The keys as they are written.
pub(super) struct PartitionKeys {
    pub by: Option<String>,
    pub tag: Option<String>,
    pub most: Option<usize>,
}

impl PartitionKeys {
    /// What they say together.
    ///
    /// # Errors
    /// Names the key, and what would be right.
    pub(super) fn check(self, at: impl Fn(&str) -> String) -> Result<Option<Partitions>, Error> {
        let Some(by) = self.by else {
            let alone = [("partition_tag", self.tag.is_some()), ("max_partitions", self.most.is_some())];
            return match alone.iter().find(|(_, given)| *given) {
                Some((key, _)) => Err(Error::new(at(key), "means nothing without partition_by; add it or remove this")),
                None => Ok(None),
            };
        };
        let by = PartitionBy::parse(&by).ok_or_else(|| {
            Error::new(at("partition_by"), "must be \"caller\", \"on_behalf_of\" or \"label:\" and the label's name")
        })?;
        let is_key = |tag: &String| (1..=128).contains(&tag.chars().count()) && is_tag_text(tag);
        if self.tag.as_ref().is_some_and(|tag| !is_key(tag)) {
            let problem = format!("must have 1 to 128 characters: {TAG_TEXT}");
            return Err(Error::new(at("partition_tag"), problem));
        }
        let most = self.most.unwrap_or(DEFAULT_MAX_PARTITIONS);
        if !(1..=MAX_PARTITIONS).contains(&most) {
            return Err(Error::new(at("max_partitions"), format!("must lie between 1 and {MAX_PARTITIONS}")));
        }
        Ok(Some(Partitions { by, tag: self.tag, most }))
    }
}

/// Whether a source's scope and its partitions fit together.
///
/// # Errors
/// Names the key, and what would be right.
pub(super) fn check(
    partitions: Option<&Partitions>,
    source: &Source,
    at: impl Fn(&str) -> String,
) -> Result<(), Error> {
    let Some(scope) = scope_of(source) else { return Ok(()) };
    let stands_in = scope.policy.as_deref().is_some_and(|policy| policy.contains(PLACEHOLDER));
    let Some(partitions) = partitions else {
        let problem = format!("holds {PLACEHOLDER}, which stands for a tenant; add partition_by");
        return if stands_in { Err(Error::new(at("session_policy"), problem)) } else { Ok(()) };
    };
    let Some(tag) = &partitions.tag else { return Ok(()) };
    // STS tells keys of tags apart without their case.
    if scope.tags.iter().any(|(key, _)| key.to_lowercase() == tag.to_lowercase()) {
        return Err(Error::new(at("partition_tag"), format!("is {tag:?}, which tags has too; remove one of them")));
    }
    if scope.tags.len() >= MAX_TAGS {
        let problem = format!("is one tag too many: with those of tags, STS takes {MAX_TAGS}");
        return Err(Error::new(at("partition_tag"), problem));
    }
    Ok(())
}

impl Identity {
    /// The table of one tenant's sessions: tags and policy bear its name. Partitions are none of its business.
    ///
    /// # Errors
    /// What is wrong with the name, for the caller who chose it.
    pub fn of_tenant(&self, tenant: &str) -> Result<Self, String> {
        let mut own = Self { partitions: None, ..self.clone() };
        let tag = self.partitions.as_ref().and_then(|partitions| partitions.tag.clone());
        let Some(scope) = scope_in(&mut own.source) else { return Ok(own) };
        let policy = scope.policy.take();
        let stands_in = policy.as_deref().is_some_and(|policy| policy.contains(PLACEHOLDER));
        if (stands_in || tag.is_some()) && !(is_tag_text(tenant) && tenant.chars().count() <= MAX_TAG_VALUE) {
            return Err(format!(
                "becomes a session tag or part of a session policy, so it must have at most {MAX_TAG_VALUE} characters: \
                 {TAG_TEXT}"
            ));
        }
        scope.tags.extend(tag.map(|tag| (tag, tenant.to_owned())));
        scope.policy = policy.map(|policy| policy.replace(PLACEHOLDER, &in_json(tenant)));
        match scope.policy.as_ref().map(String::len) {
            Some(length) if length > MAX_POLICY => Err(format!(
                "makes the session policy {length} characters long; STS takes {MAX_POLICY}: use a shorter one, or \
                 shorten session_policy"
            )),
            _ => Ok(own),
        }
    }
}

fn scope_of(source: &Source) -> Option<&Scope> {
    match source {
        Source::AssumeRole(role) => Some(&role.scope),
        Source::WebIdentity(web) => Some(&web.scope),
        Source::FederationToken(user) => Some(&user.scope),
        _ => None,
    }
}

fn scope_in(source: &mut Source) -> Option<&mut Scope> {
    match source {
        Source::AssumeRole(role) => Some(&mut role.scope),
        Source::WebIdentity(web) => Some(&mut web.scope),
        Source::FederationToken(user) => Some(&mut user.scope),
        _ => None,
    }
}

/// What STS takes in keys and values of tags; nothing of it is a wildcard or a variable in a policy.
fn is_tag_text(text: &str) -> bool {
    // Unicode's separators that are no control characters.
    let is_space = |char: char| char.is_whitespace() && !char.is_control();
    text.chars().all(|char| char.is_alphanumeric() || is_space(char) || "_.:/=+-@".contains(char))
}

/// Inside a string of a policy, in the characters that STS takes there.
fn in_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' | '\\' => json.extend(['\\', char]),
            ' '..='~' => json.push(char),
            char => char.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(json, "\\u{unit:04x}")),
        }
    }
    json
}

/// Stands for the tenant in a session policy.
pub const PLACEHOLDER: &str = "${presignd:partition}";
/// Without `max_partitions`.
pub const DEFAULT_MAX_PARTITIONS: usize = 100;
/// Most of `max_partitions`: each has a session or two in the registry's answers and a call of STS in each half of its life.
pub const MAX_PARTITIONS: usize = 1000;
/// As for the labels of requests.
const MAX_LABEL_NAME: usize = 64;
const MAX_TAG_VALUE: usize = 256;
const TAG_TEXT: &str = "letters, digits, spaces and _.:/=+-@";

#[cfg(test)]
mod tests;
