//! `presignd impact`: what an event would do to the URLs issued so far. Asks on the admin socket, and decides nothing.

mod curve;
mod kinds;
mod list;
pub(super) mod outages;
pub(super) mod told;
mod verdict;
mod when;

use clap::Subcommand;

use super::connect::{Daemon, Globals};
use super::exit::{Failure, warn};
use super::flags;
use super::length::Length;
use super::out::{self, Format};
use crate::clock::Clock;
use crate::config::Surroundings;
use crate::grpc::proto::event::What;
use crate::grpc::proto::{AssessRequest, Event, ListAffectedRequest, UrlFilter};

use kinds::{
    Account, BucketName, Denied, Happening, Identity, Key, Kms, Object, PointName, Provider, Public, Revoked, Role,
    SessionId, SessionKey, Statement, Upload, User, Version,
};
pub use when::When;

/// Say which outstanding URLs an event would end, when and why, before it happens (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Impact {
    #[command(subcommand)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub kind: Kind,
}

/// Kinds of events, in the words of AWS.
#[derive(Debug, Clone, Subcommand)]
pub enum Kind {
    /// An access key is made inactive
    KeyDeactivated(Of<Key>),
    /// An access key is deleted
    KeyDeleted(Of<Key>),
    /// A new key is made, and the old one stays active
    KeyRotated(Of<Key>),
    /// An IAM user is deleted
    UserDeleted(Of<User>),
    /// "Revoke active sessions" on a role, or the same statement on a user
    #[command(visible_alias = "sessions-revoked")]
    RoleRevoked(Of<Revoked>),
    /// A role is deleted
    RoleDeleted(Of<Role>),
    /// A role is deleted and made again under its name
    RoleRecreated(Of<Role>),
    /// A role's trust policy no longer lets presignd in
    TrustPolicyChanged(Of<Role>),
    /// An OIDC or SAML provider of IAM is removed
    IdentityProviderRemoved(Of<Provider>),
    /// The instance, pod, task or sandbox of an identity is gone
    ComputeTerminated(Of<Identity>),
    /// The instance profile or Pod Identity association of an identity is detached or swapped
    AssociationChanged(Of<Identity>),
    /// The user of Identity Center behind an identity is disabled, deleted or signed out
    SsoUserDisabled(Of<Identity>),
    /// A session ends
    SessionExpired(Of<SessionId>),
    /// AWS no longer accepts a session, before its end: what presignd tells of one that it sees dead
    SessionInvalidated(Of<SessionKey>),
    /// presignd renews the session of an identity
    Renew(Of<Identity>),
    /// A policy takes an Allow away
    AllowRemoved(Among<Statement>),
    /// A policy has an explicit Deny
    Deny(Among<Denied>),
    /// A bucket is deleted
    BucketDeleted(Of<BucketName>),
    /// An access point is deleted
    AccessPointDeleted(Of<PointName>),
    /// A bucket becomes Requester Pays
    RequesterPays(Of<BucketName>),
    /// Block Public Access is switched on for a bucket
    PublicAccessBlocked(Of<Public>),
    /// An object, or a version of it, is deleted
    ObjectDeleted(Of<Version>),
    /// An object is overwritten
    ObjectOverwritten(Of<Object>),
    /// An object moves to an archive class
    ObjectArchived(Of<Version>),
    /// A KMS key is disabled, or the right to use it withdrawn
    KmsKeyDisabled(Among<Kms>),
    /// A multipart upload is completed or aborted
    UploadEnded(Of<Upload>),
    /// An account is closed or suspended
    AccountClosed(Of<Account>),
}

/// An event whose own flags name no bucket.
#[derive(Debug, Clone, clap::Args)]
pub struct Of<T: clap::Args> {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub event: T,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub place: Place,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub asked: Asked,
}

/// An event whose own flags say of which bucket and keys it speaks.
#[derive(Debug, Clone, clap::Args)]
pub struct Among<T: clap::Args> {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub event: T,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub asked: Asked,
}

/// In which bucket to look.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which URLs")]
pub struct Place {
    /// Look only at URLs of this bucket
    #[arg(long, value_name = "BUCKET", default_value = "", hide_default_value = true)]
    pub bucket: String,
    /// And of keys that begin so
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    pub prefix: String,
}

/// When it happens, which URLs to look at, and what to print.
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// Look only at URLs asked for by this user id
    #[arg(long, alias = "uid", value_name = "UID", help_heading = "Which URLs")]
    pub caller: Option<u32>,
    /// Asked for on behalf of exactly this text; '' is on behalf of nobody
    #[arg(long, value_name = "TEXT", help_heading = "Which URLs")]
    pub on_behalf_of: Option<String>,
    /// With this label; may be repeated, all of them must match
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = flags::label, help_heading = "Which URLs")]
    pub labels: Vec<(String, String)>,
    /// Signed by this identity
    #[arg(
        long = "identity",
        id = "by_identity",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true,
        help_heading = "Which URLs"
    )]
    pub identity: String,
    /// Signed by this session
    #[arg(
        long = "session",
        id = "by_session",
        value_name = "ID",
        default_value = "",
        hide_default_value = true,
        help_heading = "Which URLs"
    )]
    pub session: String,
    /// Signed at or after this time: RFC 3339, or a length ago such as -2h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Which URLs")]
    pub since: Option<When>,
    /// Signed before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Which URLs")]
    pub until: Option<When>,
    /// When it happens: now, RFC 3339, or a length from now such as +30m, -2h or +90 (seconds) [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "When")]
    pub at: Option<When>,
    /// How long AWS may take to enforce it everywhere; AWS gives no bound [default: 5m]
    #[arg(long, value_name = "LENGTH", help_heading = "When")]
    pub settles_within: Option<Length>,
    /// Where its bucket is: an endpoint's URL, or a partition of AWS such as aws [default: wherever a bucket has that name]
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true, help_heading = "Where")]
    pub endpoint_url: String,
    /// Also count by on-behalf-of, which reads every URL that may be touched
    #[arg(long, value_name = "WHAT", value_enum, hide_possible_values = true, help_heading = "What to print")]
    pub by: Option<By>,
    /// Print each URL that ends or may end, as they are read, instead of totals
    #[arg(long, conflicts_with = "by", help_heading = "What to print")]
    pub list: bool,
    /// The same as comma-separated values
    #[arg(long, conflicts_with_all = ["by", "output"], help_heading = "What to print")]
    pub csv: bool,
    /// In lists, also what lives on, with the reason
    #[arg(long, help_heading = "What to print")]
    pub living: bool,
}

/// Groups that are counted only when they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// For whom the callers asked
    OnBehalfOf,
}

impl Impact {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let (asked, place, what) = self.kind.parts()?;
        if asked.living && !asked.list && !asked.csv {
            return Err(Failure::usage("--living belongs to --list and --csv; the totals tell what lives anyway"));
        }
        let (event, filter) = (asked.event(what), asked.filter(place)?);
        let daemon = globals.connect_admin(around).await?;
        if asked.list || asked.csv {
            let form = if asked.csv { list::Form::Csv } else { globals.output.unwrap_or(Format::Table).into() };
            let (event, filter) = (Some(event), Some(filter));
            let ask = ListAffectedRequest { event: event.clone(), filter: filter.clone(), with_living: asked.living };
            if list::print(&daemon, ask, form).await? == 0 {
                doubt(&daemon, AssessRequest { event, filter, by_on_behalf_of: false }).await?;
            }
            return Ok(());
        }
        let by_on_behalf_of = asked.by == Some(By::OnBehalfOf);
        let ask = daemon.ask(AssessRequest { event: Some(event), filter: Some(filter), by_on_behalf_of });
        let answer = daemon.impact().assess(ask).await?.into_inner();
        match globals.output.unwrap_or(Format::Table) {
            Format::Json => out::json(super::json::impact::assessed(&answer))?,
            Format::Text => told::lines(&answer).print(Format::Text)?,
            Format::Table => out::line(told::page(&answer).trim_end())?,
        }
        Ok(())
    }
}

/// Of a list without URLs: whether a slip may have emptied it, on stderr.
async fn doubt(daemon: &Daemon, ask: AssessRequest) -> Result<(), Failure> {
    let answer = daemon.impact().assess(daemon.ask(ask)).await?.into_inner();
    for gap in answer.gaps.iter().filter(|gap| ["NAME_UNKNOWN", "FILTER_HIDES"].contains(&&*gap.reason)) {
        warn(&format!("{} [{}]", gap.message, gap.reason));
    }
    Ok(())
}

impl Asked {
    /// What is left out the daemon fills in, with its own clock.
    fn event(&self, what: What) -> Event {
        let at = self.at.and_then(|at| at.wire(now()));
        let settles_within = self.settles_within.map(Length::wire);
        Event { at, settles_within, what: Some(what), endpoint: self.endpoint_url.clone() }
    }

    fn filter(&self, place: Place) -> Result<UrlFilter, Failure> {
        let instant = |when: Option<When>| when.map(|when| when.resolved(now()));
        Ok(UrlFilter {
            identity: self.identity.clone(),
            session_id: self.session.clone(),
            bucket: place.bucket,
            key_prefix: place.prefix,
            uid: self.caller,
            on_behalf_of: self.on_behalf_of.clone(),
            labels: flags::map("--label", &self.labels)?,
            signed_from: instant(self.since),
            signed_before: instant(self.until),
            ..Default::default()
        })
    }
}

impl Kind {
    /// The event alone.
    ///
    /// # Errors
    /// When flags choose among URLs, or say how to print them.
    pub(super) fn event(&self) -> Result<Event, Failure> {
        let (asked, place, what) = self.parts()?;
        let chosen = asked.filter(place)? != UrlFilter::default();
        if chosen || asked.list || asked.csv || asked.living || asked.by.is_some() {
            return Err(Failure::usage("an event concerns whom it concerns: leave out what chooses or lists URLs"));
        }
        Ok(asked.event(what))
    }

    fn parts(&self) -> Result<(&Asked, Place, What), Failure> {
        match self {
            Self::KeyDeactivated(one) => one.parts(What::KeyDeactivated),
            Self::KeyDeleted(one) => one.parts(What::KeyDeleted),
            Self::KeyRotated(one) => one.parts(What::KeyRotated),
            Self::UserDeleted(one) => one.parts(What::UserDeleted),
            Self::RoleRevoked(one) => one.parts(What::SessionsRevoked),
            Self::RoleDeleted(one) => one.parts(What::RoleDeleted),
            Self::RoleRecreated(one) => one.parts(What::RoleRecreated),
            Self::TrustPolicyChanged(one) => one.parts(What::TrustPolicyChanged),
            Self::IdentityProviderRemoved(one) => one.parts(What::IdentityProviderRemoved),
            Self::ComputeTerminated(one) => one.parts(What::ComputeTerminated),
            Self::AssociationChanged(one) => one.parts(What::AssociationChanged),
            Self::SsoUserDisabled(one) => one.parts(What::SsoUserDisabled),
            Self::SessionExpired(one) => one.parts(What::SessionExpired),
            Self::SessionInvalidated(one) => one.parts(What::SessionInvalidated),
            Self::Renew(one) => one.parts(What::IdentityRenewed),
            Self::AllowRemoved(one) => one.parts(What::AllowRemoved),
            Self::Deny(one) => one.parts(What::Denied),
            Self::BucketDeleted(one) => one.parts(What::BucketDeleted),
            Self::AccessPointDeleted(one) => one.parts(What::AccessPointDeleted),
            Self::RequesterPays(one) => one.parts(What::RequesterPays),
            Self::PublicAccessBlocked(one) => one.parts(What::PublicAccessBlocked),
            Self::ObjectDeleted(one) => one.parts(What::ObjectDeleted),
            Self::ObjectOverwritten(one) => one.parts(What::ObjectOverwritten),
            Self::ObjectArchived(one) => one.parts(What::ObjectArchived),
            Self::KmsKeyDisabled(one) => one.parts(What::KmsKeyDisabled),
            Self::UploadEnded(one) => one.parts(What::UploadEnded),
            Self::AccountClosed(one) => one.parts(What::AccountClosed),
        }
    }
}

impl<T: Happening + clap::Args> Of<T> {
    fn parts(&self, what: fn(T::Wire) -> What) -> Result<(&Asked, Place, What), Failure> {
        Ok((&self.asked, self.place.clone(), what(self.event.wire(now())?)))
    }
}

impl<T: Happening + clap::Args> Among<T> {
    fn parts(&self, what: fn(T::Wire) -> What) -> Result<(&Asked, Place, What), Failure> {
        Ok((&self.asked, Place::default(), what(self.event.wire(now())?)))
    }
}

fn now() -> crate::time::Timestamp {
    Clock::system().local_now()
}
