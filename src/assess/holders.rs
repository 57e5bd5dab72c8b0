//! Whose next renewal an event keeps from coming: identities as the configuration has them, told to the rule.

use super::Assessor;
use super::parents::{Line, Parents};
use crate::config::identity::{AssumeRole, FederationToken, SessionToken, Source as Table, WebIdentity};
use crate::error::Error;
use crate::identity::Identities;
use crate::impact::event::Event;
use crate::impact::outage::{self, Holder, Outage, Source};
use crate::session::CredentialKind;

impl Assessor {
    /// Identities that get no next session after the event, by name.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn outages(&self, uid: u32, event: &Event, identities: &Identities) -> Result<Vec<Outage>, Error> {
        let all: Vec<_> = identities.names().filter_map(|name| identities.identity(name)).collect();
        let mut parents = Parents::new(&self.registry, uid);
        let (now, mut lines) = (self.clock.now(), Vec::with_capacity(all.len()));
        for identity in &all {
            // Of several tenants' sessions the first to end: from then on somebody is not signed for.
            let first = identity.signing().into_iter().min_by_key(|live| live.session.left(now));
            lines.push(match first {
                Some(live) => Some(parents.line(&live.session).await?),
                None => None,
            });
        }
        let holders = all.iter().zip(&lines).map(|(identity, line)| {
            let by = line.as_ref().map(Line::lineage);
            Holder {
                identity: identity.name(),
                source: source(identity.table()),
                session: by.map(|by| by.session),
                parent: by.and_then(|by| by.parent),
            }
        });
        Ok(outage::outages(event, &holders.collect::<Vec<_>>()))
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
