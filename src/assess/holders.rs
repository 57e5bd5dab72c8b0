//! Who signs nothing that works after an event: identities as the configuration has them, told to the rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Assessor;
use super::parents::{Line, Parents};
use crate::config::identity::{AssumeRole, FederationToken, SessionToken, Source as Table, WebIdentity};
use crate::error::Error;
use crate::identity::{Identities, Identity, Lends as Lent, Live};
use crate::impact::event::Event;
use crate::impact::outage::{self, Holder, Lends, Outage, Source};
use crate::registry::SessionRow;
use crate::session::generation::Secret;
use crate::session::{CredentialKind, Session};
use crate::signer::realm::Realm;
use crate::time::Timestamp;

/// The identities of a configuration, each with the line of a session that it signs with, or that it had last.
#[derive(Default)]
pub(super) struct Holders(Vec<Held>);

/// An identity and one of its sessions.
struct Held {
    identity: Arc<Identity>,
    line: Option<Line>,
    signs_for: Realm,
    has: Has,
    /// The session that was seen dead, so that none signs.
    dead: Option<Line>,
    renews_at: Option<Timestamp>,
    /// The key in its source that signs again after a restart.
    returns: Option<Arc<Session>>,
}

/// Whether the session signs; what is lent where none does.
enum Has {
    Now,
    Had(Lent),
}

impl Has {
    fn lends(&self) -> Lends<'_> {
        match self {
            Self::Had(Lent::Soon(keys)) => Lends::Keys(keys),
            Self::Had(Lent::Nothing) => Lends::Nothing,
            Self::Now | Self::Had(Lent::Now(_) | Lent::Unknown) => Lends::Whatever,
        }
    }
}

impl Holders {
    /// Those that sign nothing that works after the event, by name.
    pub(super) fn outages(&self, event: &Event, now: Timestamp) -> Vec<Outage> {
        self.if_they_lend(Has::lends, event, now)
    }

    /// The same if each could be given another session: whoever has to do with the event at all.
    pub(super) fn concerned(&self, event: &Event, now: Timestamp) -> Vec<Outage> {
        self.if_they_lend(|_| Lends::Whatever, event, now)
    }

    fn if_they_lend(&self, lends: impl Fn(&Has) -> Lends<'_>, event: &Event, now: Timestamp) -> Vec<Outage> {
        let holders = self.0.iter().map(|held| {
            let Held { identity, line, signs_for, has, .. } = held;
            let by = line.as_ref().map(Line::lineage);
            let dead = held.dead.as_ref().map(Line::lineage);
            Holder {
                identity: identity.name(),
                source: source(identity.table()),
                signs_for,
                session: by.filter(|_| matches!(has, Has::Now)).map(|by| by.session),
                renews_at: held.renews_at,
                last: by.filter(|_| matches!(has, Has::Had(_))).map(|by| by.session),
                dead: dead.map(|dead| dead.session),
                parent: dead.or(by).and_then(|by| by.parent),
                lends: lends(has),
                returns: held.returns.as_deref(),
            }
        });
        outage::outages(event, &holders.collect::<Vec<_>>(), now)
    }
}

impl Assessor {
    /// Identities that sign nothing that works after the event, or get no next session, by name.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn outages(&self, uid: u32, event: &Event, identities: &Identities) -> Result<Vec<Outage>, Error> {
        let event = self.at_its_place(uid, event).await?;
        Ok(self.holders(uid, identities).await?.outages(&event, self.clock.now()))
    }

    pub(super) async fn holders(&self, uid: u32, identities: &Identities) -> Result<Holders, Error> {
        let mut parents = Parents::new(&self.registry, uid);
        let mut all = Vec::new();
        for identity in identities.names().filter_map(|name| identities.identity(name)) {
            // Of several tenants, each one's.
            let (signing, returns) = (identity.signing(), identity.signs_again_with());
            let newest = if signing.is_empty() || identity.partition_by().is_some() {
                self.registry.generations(uid, identity.name(), None).await.map_err(Error::registry)?
            } else {
                Vec::new()
            };
            for Stopped { last, dead } in stopped(&identity, &signing, &newest) {
                let last = match last {
                    Some(session) => Some(parents.line(session).await?),
                    None => None,
                };
                let dead = match dead {
                    Some(session) => Some(parents.line(session).await?),
                    None => None,
                };
                let partition = partition(last.as_ref(), identity.table());
                all.push(Held {
                    identity: Arc::clone(&identity),
                    line: last,
                    signs_for: Realm::of_endpoint(&identity.s3().endpoint(), &partition),
                    has: Has::Had(identity.lends(&newest)),
                    dead,
                    renews_at: None,
                    returns: returns.clone(),
                });
            }
            // Of those that fail nobody knows when they are.
            let status = identity.status();
            let renews_at = status.next_renewal_at.filter(|_| status.failures == 0);
            for live in signing {
                let signs_for = Realm::of_endpoint(&identity.s3().endpoint(), &live.session.facts.partition);
                // Of tenants it is told of the first alone.
                let renews_at = renews_at.filter(|_| live.session.facts.partition_of.is_empty());
                let line = Some(parents.line(&live.session).await?);
                let (identity, returns) = (Arc::clone(&identity), returns.clone());
                all.push(Held { identity, line, signs_for, has: Has::Now, dead: None, renews_at, returns });
            }
        }
        Ok(Holders(all))
    }
}

/// Sessions of somebody for whom nobody signs.
struct Stopped<'a> {
    last: Option<&'a Arc<Session>>,
    /// The one that was seen dead.
    dead: Option<&'a Arc<Session>>,
}

/// Of each tenant that nobody signs for because its session was seen dead, the last session and that one. Of an identity with
/// which nobody signs at all the same, or the last alone.
fn stopped<'a>(identity: &Identity, signing: &[Arc<Live>], newest: &'a [SessionRow]) -> Vec<Stopped<'a>> {
    let tenant = |session: &'a Arc<Session>| session.facts.partition_of.as_str();
    let sessions = || newest.iter().map(|row| &row.session);
    let signed_for = signing.iter().map(|live| live.session.facts.partition_of.as_str());
    let mut known: BTreeSet<&str> = signed_for.collect();
    let dead = sessions().filter(|session| identity.secret_of(session) == Secret::Dead);
    let first = dead.filter(|session| known.insert(tenant(session)));
    let of_tenants =
        first.map(|dead| Stopped { last: sessions().find(|last| tenant(last) == tenant(dead)), dead: Some(dead) });
    let mut stopped: Vec<_> = of_tenants.collect();
    if signing.is_empty() && stopped.is_empty() {
        stopped.push(Stopped { last: sessions().next(), dead: None });
    }
    stopped
}

/// The partition of AWS of sessions to come; empty where nobody knows.
fn partition(last: Option<&Line>, table: &Table) -> String {
    let of_role = role_arn(table).and_then(|arn| arn.split(':').nth(1)).unwrap_or_default();
    match last.map(|last| last.lineage().session.facts.partition.as_str()) {
        Some(known) if of_role.is_empty() => known.to_owned(),
        _ => of_role.to_owned(),
    }
}

/// The role whose sessions it mints.
pub(super) fn role_arn(table: &Table) -> Option<&str> {
    match source(table) {
        Source::Minted { role_arn, .. } | Source::WebIdentity { role_arn } => role_arn,
        Source::Read => None,
    }
}

fn source(table: &Table) -> Source<'_> {
    match table {
        Table::AssumeRole(AssumeRole { base, role_arn, .. }) => {
            Source::Minted { kind: CredentialKind::AssumeRole, base: base.as_ref(), role_arn: Some(role_arn) }
        }
        Table::SessionToken(SessionToken { base, .. }) => {
            Source::Minted { kind: CredentialKind::SessionToken, base: base.as_ref(), role_arn: None }
        }
        Table::FederationToken(FederationToken { base, .. }) => {
            Source::Minted { kind: CredentialKind::FederationToken, base: base.as_ref(), role_arn: None }
        }
        Table::WebIdentity(WebIdentity { role_arn, .. }) => Source::WebIdentity { role_arn: role_arn.as_deref() },
        Table::Default
        | Table::Environment
        | Table::Profile(_)
        | Table::KeyFile(_)
        | Table::Instance(_)
        | Table::Container => Source::Read,
    }
}
