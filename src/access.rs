//! Who may sign what: callers as the kernel names them, and grants.
//!
//! Decides; never looks at a socket, never asks for the time. Allows only what a grant says: no grant takes anything
//! away, so their order does not matter.

mod grant;
pub mod rate;
mod reach;

use std::fmt;

pub use grant::{BucketPattern, Grant, Identities, Operations, Who};
use rate::Rate;
use reach::Need;

use crate::s3::form::Signable;
use crate::session::IdentityName;
use crate::time::Ttl;

/// The process that asks, by its socket's peer credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Process id, where it can be seen from the daemon's namespace.
    pub pid: Option<i32>,
    /// Path of its executable, where it can be seen.
    pub executable: Option<String>,
}

/// What the configuration allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    own_uid: u32,
    grants: Vec<Grant>,
}

/// What a caller may have of one ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// The longest life that the grants allow the URL.
    pub granted: Ttl,
    /// The grant that allows it. Keeps its name over a reload, as far as the configuration does.
    pub grant: GrantName,
    /// How often this caller may use that grant; `None` for as often as it likes. Counted per grant and uid.
    pub rate: Option<Rate>,
}

impl Permit {
    /// For an operator, whom no grant limits.
    pub fn of_an_operator() -> Self {
        Self { granted: Ttl::MAX, grant: GrantName("of an operator".into()), rate: None }
    }
}

/// A grant by its `name`, or by its place in the file, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantName(String);

/// No grant allows it. Names no bucket, key or URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.dimension.says())]
pub struct Denied {
    /// What the grant that came closest did not cover.
    pub dimension: Dimension,
}

/// What a grant limits, in the order in which it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// No grant is for this uid or gid.
    Caller,
    /// None of those names this identity.
    Identity,
    /// None of those covers this bucket.
    Bucket,
    /// None of those covers the keys that the request can touch.
    Prefix,
    /// None of those allows this operation.
    Operation,
    /// All is allowed but reading what the request copies from.
    CopySource,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: &[Self] =
        &[Self::Caller, Self::Identity, Self::Bucket, Self::Prefix, Self::Operation, Self::CopySource];

    /// As it is written in metrics and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Identity => "identity",
            Self::Bucket => "bucket",
            Self::Prefix => "prefix",
            Self::Operation => "operation",
            Self::CopySource => "copy-source",
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Caller => "no grant is for your user or group",
            Self::Identity => "none of your grants names this identity",
            Self::Bucket => "none of your grants for this identity covers this bucket",
            Self::Prefix => {
                "none of your grants for this bucket covers these keys; a request whose keys are not fixed by its \
                 URL (other than a list with a prefix) needs a grant without prefixes"
            }
            Self::Operation => "none of your grants for these keys allows this operation",
            Self::CopySource => "none of your grants allows GetObject on what x-amz-copy-source names",
        }
    }
}

impl Grants {
    /// The grants of a configuration. With none, only root and `own_uid`, the daemon's own user, may sign.
    pub fn new(own_uid: u32, grants: Vec<Grant>) -> Self {
        Self { own_uid, grants }
    }

    /// The grants, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter()
    }

    /// Whether the caller may sign this, and for how long. Several grants allow together what any of them allows, and
    /// the longest life wins; at equal length, the higher rate.
    ///
    /// A copy also reads: its source must be readable under the caller's grants for the same identity, and the URL
    /// lives no longer than a GET of the source could.
    ///
    /// # Errors
    /// Says which dimension the grant that came closest did not cover.
    pub fn decide(&self, caller: &Caller, identity: &IdentityName, what: &Signable) -> Result<Permit, Denied> {
        if self.grants.is_empty() {
            let permit = Permit { granted: Ttl::MAX, grant: GrantName("of the daemon's own user".into()), rate: None };
            return if self.is_own(caller) { Ok(permit) } else { Err(Denied { dimension: Dimension::Caller }) };
        }
        let needs = reach::needs(what);
        let mut permit = self.best(caller, identity, &needs.target).map_err(|dimension| Denied { dimension })?;
        for source in &needs.sources {
            let read = source.as_ref().ok_or(Denied { dimension: Dimension::CopySource })?;
            let read = self.best(caller, identity, read).map_err(|_| Denied { dimension: Dimension::CopySource })?;
            permit.granted = permit.granted.min(read.granted);
        }
        Ok(permit)
    }

    /// Whether the caller is root or the daemon's own user, who are never locked out.
    pub fn are_of_its_own(&self, caller: &Caller) -> bool {
        self.is_own(caller)
    }

    /// Whether any grant is for the caller, whatever it allows.
    pub fn know(&self, caller: &Caller) -> bool {
        self.is_own(caller) || self.grants.iter().any(|grant| grant.who.is(caller))
    }

    /// Whether any grant lets the caller use the identity: what a list of identities may show.
    pub fn may_use(&self, caller: &Caller, identity: &IdentityName) -> bool {
        self.longest(caller, identity).is_some()
    }

    /// The longest life that any grant lets the caller ask for with the identity, whatever it asks for; `None` where none
    /// lets it use the identity.
    pub fn longest(&self, caller: &Caller, identity: &IdentityName) -> Option<Ttl> {
        if self.grants.is_empty() {
            return self.is_own(caller).then_some(Ttl::MAX);
        }
        let its = self.grants.iter().filter(|grant| grant.who.is(caller) && grant.identities.contain(identity));
        its.map(|grant| grant.max_expires_in).max()
    }

    /// Those of `names` that the caller may use, in their order.
    pub fn identities_for<'a>(
        &self,
        caller: &Caller,
        names: impl Iterator<Item = &'a IdentityName>,
    ) -> Vec<&'a IdentityName> {
        names.filter(|name| self.may_use(caller, name)).collect()
    }

    fn best(&self, caller: &Caller, identity: &IdentityName, need: &Need) -> Result<Permit, Dimension> {
        let mut closest = Dimension::Caller;
        let mut best: Option<(usize, &Grant)> = None;
        for (at, grant) in self.grants.iter().enumerate() {
            match grant.covers(caller, identity, need) {
                Err(dimension) => closest = closest.max(dimension),
                Ok(()) if best.is_none_or(|(_, best)| grant.worth() > best.worth()) => best = Some((at, grant)),
                Ok(()) => {}
            }
        }
        let (at, grant) = best.ok_or(closest)?;
        let name = grant.name.clone().unwrap_or_else(|| (at + 1).to_string());
        Ok(Permit { granted: grant.max_expires_in, grant: GrantName(name), rate: grant.rate })
    }

    /// An unmapped user is nobody's own, even where the daemon itself runs as 65534.
    fn is_own(&self, caller: &Caller) -> bool {
        caller.uid != OVERFLOW_ID && (caller.uid == 0 || caller.uid == self.own_uid)
    }
}

impl fmt::Display for GrantName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What the kernel shows for every user and group that the daemon's user namespace does not map: it names nobody in
/// particular.
pub const OVERFLOW_ID: u32 = 65_534;

#[cfg(test)]
mod tests;
