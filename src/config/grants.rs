//! The `[[grant]]` tables, and what must be true of each.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::identity::Identity;
use super::{Error, Length, MAX_GRANTS, MAX_PER_GRANT};
use crate::access::rate::{MAX_PER_SECOND, Rate};
use crate::access::{BucketPattern, Grant, Identities, OVERFLOW_ID, Operations, Who};
use crate::s3::KeyPrefix;
use crate::s3::operation::Operation;
use crate::session::IdentityName;
use crate::time::Ttl;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantTable {
    name: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
    #[serde(default)]
    any: bool,
    identities: Vec<String>,
    buckets: Vec<String>,
    prefixes: Option<Vec<String>>,
    operations: Vec<String>,
    max_expires_in: Option<Length>,
    rate: Option<RateTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateTable {
    per_second: u32,
    burst: Option<u32>,
}

pub(super) fn check(tables: &[GrantTable]) -> Result<Vec<Grant>, Error> {
    if tables.len() > MAX_GRANTS {
        return Err(Error::new("grant", format!("stands {} times; at most {MAX_GRANTS} are taken", tables.len())));
    }
    let mut grants: Vec<Grant> = Vec::with_capacity(tables.len());
    for (at, table) in tables.iter().enumerate() {
        let grant = table.check().map_err(|(part, problem)| Error::new(key(at, part), problem))?;
        if grant.name.is_some() && grants.iter().any(|other| other.name == grant.name) {
            return Err(Error::new(key(at, "name"), "is the name of an earlier grant; name them apart"));
        }
        grants.push(grant);
    }
    Ok(grants)
}

/// A grant for an identity that is not there is a typing error.
pub(super) fn check_names(grants: &[Grant], identities: &BTreeMap<IdentityName, Identity>) -> Result<(), Error> {
    for (at, grant) in grants.iter().enumerate() {
        let Identities::These(names) = &grant.identities else { continue };
        if let Some(name) = names.iter().find(|name| !identities.contains_key(name)) {
            let known = identities.keys().map(IdentityName::as_str).collect::<Vec<_>>().join(", ");
            return Err(Error::new(
                key(at, "identities"),
                format!("names {name}, which is not configured; there are: {known}"),
            ));
        }
    }
    Ok(())
}

/// `grant[1].buckets`, counted from 1 as people do.
fn key(at: usize, part: &str) -> String {
    format!("grant[{}].{part}", at + 1)
}

type Problem = (&'static str, String);

impl GrantTable {
    fn check(&self) -> Result<Grant, Problem> {
        Ok(Grant {
            name: self.name()?,
            who: self.who()?,
            identities: self.identities()?,
            buckets: all("buckets", &self.buckets, |text| {
                BucketPattern::parse(text).map_err(|refused| format!("{text:?} {}", refused.problem))
            })?,
            prefixes: match &self.prefixes {
                None => vec![KeyPrefix::default()],
                Some(prefixes) => all("prefixes", prefixes, |text| prefix(text))?,
            },
            operations: self.operations()?,
            max_expires_in: match self.max_expires_in {
                None => Ttl::MAX,
                Some(Length(length)) => {
                    Ttl::new(length.as_secs()).map_err(|error| ("max_expires_in", error.to_string()))?
                }
            },
            rate: self.rate.as_ref().map(RateTable::check).transpose()?,
        })
    }

    /// A name made of digits could be taken for a place in the file.
    fn name(&self) -> Result<Option<String>, Problem> {
        match &self.name {
            Some(name) if IdentityName::parse(name).is_err() || name.bytes().all(|byte| byte.is_ascii_digit()) => {
                let problem = "must be 1 to 64 characters of a-z, A-Z, 0-9, '.', '_' and '-', and not digits only";
                Err(("name", problem.to_owned()))
            }
            name => Ok(name.clone()),
        }
    }

    fn who(&self) -> Result<Who, Problem> {
        let problem = "65534 is what the kernel shows for everybody that it cannot name; run the caller as somebody";
        match (self.uid, self.gid, self.any) {
            (Some(OVERFLOW_ID), None, false) => Err(("uid", problem.to_owned())),
            (None, Some(OVERFLOW_ID), false) => Err(("gid", problem.to_owned())),
            (Some(uid), None, false) => Ok(Who::Uid(uid)),
            (None, Some(gid), false) => Ok(Who::Gid(gid)),
            (None, None, true) => Ok(Who::Any),
            (None, None, false) => Err(("uid", "is missing; name uid, gid, or any = true".to_owned())),
            _ => Err(("uid", "stands beside gid or any; a grant is for one of them".to_owned())),
        }
    }

    fn identities(&self) -> Result<Identities, Problem> {
        if self.identities == ["*"] {
            return Ok(Identities::All);
        }
        let name =
            |text: &String| IdentityName::parse(text).map_err(|error| format!("{text:?}: {error}, or \"*\" alone"));
        all("identities", &self.identities, name).map(Identities::These)
    }

    fn operations(&self) -> Result<Operations, Problem> {
        if self.operations == ["*"] {
            return Ok(Operations::All);
        }
        let named = all("operations", &self.operations, |text| {
            let one = Operation::parse(text).map(|operation| vec![operation]);
            let known = one.or_else(|| Operations::group(text).map(<[Operation]>::to_vec));
            known.ok_or_else(|| {
                format!(
                    "{text:?} is no operation of S3 that can be presigned; write API names such as GetObject, the \
                     groups read, write, list and delete, or \"*\" alone"
                )
            })
        })?;
        Ok(Operations::These(named.concat()))
    }
}

impl RateTable {
    fn check(&self) -> Result<Rate, Problem> {
        let burst = self.burst.unwrap_or(self.per_second);
        let range = 1..=MAX_PER_SECOND;
        if !range.contains(&self.per_second) || !range.contains(&burst) {
            return Err(("rate", format!("has a number outside 1 to {MAX_PER_SECOND}")));
        }
        Ok(Rate { per_second: self.per_second, burst })
    }
}

/// Keys may hold a `*`, but who writes one here means a pattern, and would grant nothing.
fn prefix(text: &str) -> Result<KeyPrefix, String> {
    if let Some((before, _)) = text.split_once('*') {
        return Err(format!(
            "{text:?} has a *, which is a plain character in a prefix; write {before:?} for every key that begins so"
        ));
    }
    KeyPrefix::parse(text).map_err(|refused| format!("{text:?} {}", refused.problem))
}

fn all<T>(
    part: &'static str,
    texts: &[String],
    parse: impl Fn(&String) -> Result<T, String>,
) -> Result<Vec<T>, Problem> {
    if texts.is_empty() || texts.len() > MAX_PER_GRANT {
        return Err((part, format!("must hold 1 to {MAX_PER_GRANT} entries")));
    }
    texts.iter().map(parse).collect::<Result<_, _>>().map_err(|problem| (part, problem))
}
