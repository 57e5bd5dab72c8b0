//! Every way a call can fail, and what the wire says of it.
//!
//! `Display` is what the caller reads; the sources below it go to the log, once, where the call is answered. Reasons are
//! part of the API: added, never renamed. docs/errors.md lists them.

mod ends_too;
mod no_event;
mod status;
mod unchanged;

use std::sync::Arc;
use std::time::Duration;

use tonic::Code;

use crate::access::Denied;
use crate::identity::RenewError;
use crate::s3::Refused;
use crate::session::lifetime::TooShort;
use crate::session::{IdentityName, InstanceId, RecordId};
use crate::time::Timestamp;
use crate::{region, registry};

pub use ends_too::EndsToo;
pub use no_event::NoEvent;
pub use unchanged::Unchanged;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A message that is not what the proto says. What prost says names message and field, never a value.
    #[error("{0}")]
    Malformed(prost::DecodeError),
    /// A message over the bound.
    #[error("a message is {found} bytes long; {most} are the most: send fewer items in one call")]
    MessageTooLarge {
        /// Its length.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// A message that would take far more memory than bytes.
    #[error("a message has more than 100,000 parts: send fewer items in one call")]
    TooManyParts,
    /// The user's messages that are half sent and answers that are not read take as much memory as they may, or those of all
    /// users together do.
    #[error(
        "messages that are half sent and answers that are not read take all the memory that there is for them, {most} bytes \
         of yours or what all users share: read answers as they come, or ask in smaller batches"
    )]
    TooMuchUnread {
        /// The bound.
        most: usize,
    },
    /// Fields that cannot be used as they are.
    #[error("{}", fields(.0))]
    Refused(Vec<Refused>),
    /// No such identity, or none that this caller may know of.
    #[error("no identity is called {0:?}; `presignd identities` lists those you may use")]
    UnknownIdentity(String),
    /// The caller named none, and there is no default.
    #[error("the request names no identity and the configuration has no default_identity: name one")]
    NoDefaultIdentity,
    /// No grant allows it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The socket does not serve this call to this caller.
    #[error("{0}")]
    NotAdmitted(&'static str),
    /// The grant's rate is spent.
    #[error("the rate of grant {grant} is spent; try again in {retry_after:?}")]
    RateLimited {
        /// Which grant.
        grant: String,
        /// When there will be room again.
        retry_after: Duration,
    },
    /// Nothing lives that long.
    #[error("{0}")]
    TooShort(TooShort),
    /// The identity has no live session that would do, and could not get one.
    #[error("identity {identity} has no session that can sign this: {}{}", told(.cause.as_deref()), lives(.short.as_ref()))]
    NoSession {
        /// Which identity.
        identity: IdentityName,
        /// What the attempt to get one met; `None` when it has none yet.
        cause: Option<Arc<RenewError>>,
        /// The lives that there are, where one lives that is too short.
        short: Option<TooShort>,
    },
    /// The session that somebody asked for could not be had, and what signs goes on.
    #[error("identity {identity} could not be renewed: {cause}; {}", goes_on(*.until))]
    NotRenewed {
        /// Which identity.
        identity: IdentityName,
        /// What the attempt met.
        cause: Arc<RenewError>,
        /// The end of the session that it has; the first, where there is one for each tenant. `None`: it has no end.
        until: Option<Timestamp>,
    },
    /// The only session of the identity was seen dead, and there is no other yet.
    #[error(
        "the session of identity {identity} was seen dead, so nothing is signed with it, and there is no other: {}",
        told(.cause.as_deref())
    )]
    SessionDead {
        /// Which identity.
        identity: IdentityName,
        /// What the last attempt to get another met; `None` when it has met nothing yet.
        cause: Option<Arc<RenewError>>,
    },
    /// Every place for a tenant is taken by one that needs it.
    #[error(
        "identity {identity} has a session for each partition, and all {most} places are taken; try again in {retry_after:?}, or \
         raise its max_partitions"
    )]
    PartitionsFull {
        /// Which identity.
        identity: IdentityName,
        /// How many places there are.
        most: usize,
        /// When there may be one.
        retry_after: Duration,
    },
    /// An operator has stopped the identity from signing.
    #[error(
        "identity {0} is paused: an operator has stopped it from signing; `presignd resume {0}` lets it sign again"
    )]
    IdentityPaused(IdentityName),
    /// A generation stays as it is.
    #[error(transparent)]
    Unchanged(#[from] Unchanged),
    /// An event is not lifted.
    #[error(transparent)]
    NoEvent(#[from] NoEvent),
    /// The bucket's region is not known.
    #[error(transparent)]
    Region(#[from] region::Error),
    /// The registry did not take or give a record.
    #[error("{}", registry_says(.0))]
    Registry(#[source] Arc<registry::Error>),
    /// The request id was used for another request.
    #[error("request_id was used within ten minutes for another request; a retry must be the same in every field")]
    RequestIdReused,
    /// The same URL can no longer be made. Never leaves the desk.
    #[error("the former URL can no longer be signed again")]
    Superseded,
    /// A successor would fare no better by the very event for which records are signed again.
    #[error(transparent)]
    EndsToo(#[from] EndsToo),
    /// No such record, or none that this caller may see.
    #[error("no record has this id in this registry, or it is not yours")]
    UrlNotFound,
    /// Nothing stands behind a URL or a line of a log.
    #[error(
        "no record stands behind this text: presignd did not sign it with this registry, it was changed, or its record is \
         past retention"
    )]
    TextNotFound,
    /// No such session in this registry.
    #[error("{}", unknown_session(.id, .registry))]
    UnknownSession {
        /// As the caller named it.
        id: RecordId,
        /// This registry.
        registry: InstanceId,
    },
    /// The caller's time ran out.
    #[error("the deadline passed while waiting for {0}")]
    Deadline(&'static str),
    /// A path that is no method of a service here.
    #[error("{0:?} is no method that this version serves; reflection lists those that are")]
    NoMethod(String),
    /// A message that is not written plainly.
    #[error("messages compressed with {0:?} are not served; send them without compression")]
    Compressed(String),
    /// Something after the cursor is forgotten.
    #[error("something that happened after this cursor is forgotten, since it is kept for 7 days; watch from_oldest")]
    CursorTooOld,
    /// The caller watches too often.
    #[error("you have {most} watches open, which is the most; end one of them")]
    TooManyWatchers {
        /// The bound.
        most: usize,
    },
}

impl Error {
    /// A failure of the registry.
    pub fn registry(error: registry::Error) -> Self {
        Self::Registry(Arc::new(error))
    }

    /// The status code, and the reason that clients match and metrics count.
    pub fn verdict(&self) -> (Code, &'static str) {
        match self {
            Self::Malformed(_) => (Code::InvalidArgument, "MALFORMED_MESSAGE"),
            Self::MessageTooLarge { .. } => (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
            Self::TooManyParts => (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
            Self::TooMuchUnread { .. } => (Code::ResourceExhausted, "TOO_MUCH_UNREAD"),
            Self::Refused(_) => (Code::InvalidArgument, "INVALID_FIELD"),
            Self::UnknownIdentity(_) => (Code::NotFound, "UNKNOWN_IDENTITY"),
            Self::NoDefaultIdentity => (Code::InvalidArgument, "NO_DEFAULT_IDENTITY"),
            Self::Denied(_) => (Code::PermissionDenied, "DENIED"),
            Self::NotAdmitted(_) => (Code::PermissionDenied, "NOT_ADMITTED"),
            Self::RateLimited { .. } => (Code::ResourceExhausted, "RATE_LIMITED"),
            Self::TooShort(_) => (Code::FailedPrecondition, "SESSION_TOO_SHORT"),
            // Until somebody acts, nothing changes.
            Self::NoSession { cause: Some(cause), .. } if cause.is_of_a_key() => {
                (Code::FailedPrecondition, "NOTHING_SIGNS")
            }
            Self::NoSession { .. } => (Code::Unavailable, "NO_SESSION"),
            Self::NotRenewed { .. } => (Code::Unavailable, "NOT_RENEWED"),
            Self::SessionDead { .. } => (Code::Unavailable, "SESSION_DEAD"),
            Self::PartitionsFull { .. } => (Code::ResourceExhausted, "PARTITIONS_FULL"),
            Self::IdentityPaused(_) => (Code::FailedPrecondition, "IDENTITY_PAUSED"),
            Self::Unchanged(unchanged) => unchanged.verdict(),
            Self::NoEvent(none) => none.verdict(),
            Self::Region(error) => region_verdict(error),
            Self::Registry(error) => registry_verdict(error),
            Self::RequestIdReused => (Code::AlreadyExists, "REQUEST_ID_REUSED"),
            Self::Superseded => (Code::Aborted, "SUPERSEDED"),
            Self::EndsToo(ends) => ends.verdict(),
            Self::UrlNotFound | Self::TextNotFound => (Code::NotFound, "URL_NOT_FOUND"),
            Self::UnknownSession { .. } => (Code::NotFound, "SESSION_NOT_FOUND"),
            Self::Deadline(_) => (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
            Self::NoMethod(_) | Self::Compressed(_) => (Code::Unimplemented, "NOT_SERVED"),
            Self::CursorTooOld => (Code::OutOfRange, "CURSOR_TOO_OLD"),
            Self::TooManyWatchers { .. } => (Code::ResourceExhausted, "TOO_MANY_WATCHERS"),
        }
    }

    /// Every reason there is, for the table in docs/errors.md and for metrics that start at zero.
    pub const REASONS: &[&str] = &[
        "MALFORMED_MESSAGE",
        "MESSAGE_TOO_LARGE",
        "TOO_MUCH_UNREAD",
        "INVALID_FIELD",
        "UNKNOWN_IDENTITY",
        "NO_DEFAULT_IDENTITY",
        "DENIED",
        "NOT_ADMITTED",
        "RATE_LIMITED",
        "SESSION_TOO_SHORT",
        "NO_SESSION",
        "NOT_RENEWED",
        "NOTHING_SIGNS",
        "SESSION_DEAD",
        "PARTITIONS_FULL",
        "IDENTITY_PAUSED",
        "UNKNOWN_GENERATION",
        "GENERATION_SIGNS",
        "URLS_OUTSTANDING",
        "GENERATION_RETIRED",
        "ANOTHER_SIGNS",
        "SECRET_GONE",
        "EVENT_NOT_FOUND",
        "EVENT_IRREVERSIBLE",
        "BUCKET_NOT_FOUND",
        "REGION_UNKNOWN",
        "REGISTRY_FULL",
        "REGISTRY",
        "REGISTRY_DAMAGED",
        "REGISTRY_GONE",
        "REGISTRY_TIMEOUT",
        "TOO_MANY_QUESTIONS",
        "TOO_MANY_EVENTS",
        "EVENT_TOO_LARGE",
        "TOO_MANY_REQUEST_IDS",
        "REQUEST_ID_REUSED",
        "SUPERSEDED",
        "ENDS_TOO",
        "MAY_END_TOO",
        "URL_NOT_FOUND",
        "SESSION_NOT_FOUND",
        "DEADLINE_EXCEEDED",
        "NOT_SERVED",
        "CURSOR_TOO_OLD",
        "TOO_MANY_WATCHERS",
    ];

    /// The reasons of messages that no handler came to see.
    pub const UNREAD: &[&str] = &["MALFORMED_MESSAGE", "MESSAGE_TOO_LARGE", "TOO_MUCH_UNREAD"];
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(vec![refused])
    }
}

fn region_verdict(error: &region::Error) -> (Code, &'static str) {
    match error {
        region::Error::BucketNotFound { .. } => (Code::NotFound, "BUCKET_NOT_FOUND"),
        _ => (Code::Unavailable, "REGION_UNKNOWN"),
    }
}

fn registry_verdict(error: &registry::Error) -> (Code, &'static str) {
    match error {
        registry::Error::Full => (Code::ResourceExhausted, "REGISTRY_FULL"),
        registry::Error::TooManyRequestIds => (Code::ResourceExhausted, "TOO_MANY_REQUEST_IDS"),
        registry::Error::TooManyQuestions => (Code::ResourceExhausted, "TOO_MANY_QUESTIONS"),
        registry::Error::TimedOut => (Code::DeadlineExceeded, "REGISTRY_TIMEOUT"),
        registry::Error::TooManyStanding => (Code::FailedPrecondition, "TOO_MANY_EVENTS"),
        registry::Error::EventTooLarge { .. } => (Code::InvalidArgument, "EVENT_TOO_LARGE"),
        registry::Error::Gone { .. } => (Code::Unavailable, "REGISTRY_GONE"),
        error if error.is_damage() => (Code::DataLoss, "REGISTRY_DAMAGED"),
        _ => (Code::Unavailable, "REGISTRY"),
    }
}

/// What a caller may know: never a path or a store's own words.
fn registry_says(error: &registry::Error) -> String {
    match error {
        registry::Error::Full => "the registry's queue, or your half of it, is full; try again shortly".to_owned(),
        registry::Error::TooManyRequestIds => "too many request ids within ten minutes; try again later".to_owned(),
        registry::Error::TooManyQuestions => format!("{error}; try again when one of them is answered"),
        registry::Error::TooManyStanding | registry::Error::EventTooLarge { .. } => error.to_string(),
        registry::Error::TimedOut => format!("{error}; narrow the question by session, identity or time"),
        registry::Error::Gone { .. } => {
            "the registry's file was moved, removed or replaced while the daemon had it open, so nothing is signed until it is \
             put back or the daemon is started anew; the daemon's log says which file"
                .to_owned()
        }
        error if error.is_damage() => {
            "the registry is damaged where this call reads or writes it, so it came to nothing, and will again; `presignd \
             registry verify` tells what is damaged, a backup mends it"
                .to_owned()
        }
        _ => "the registry did not take or give what this call needs, so it came to nothing; the daemon's log says why"
            .to_owned(),
    }
}

fn fields(refused: &[Refused]) -> String {
    refused.iter().map(Refused::to_string).collect::<Vec<_>>().join("; ")
}

fn unknown_session(id: &RecordId, registry: &InstanceId) -> String {
    if id.instance == *registry {
        format!("no session has the id {id} in this registry, or nothing that it signed is within retention")
    } else {
        format!("session {id} is of registry {}; this one is {registry}", id.instance)
    }
}

fn lives(short: Option<&TooShort>) -> String {
    let told = |short: &TooShort| format!("; {}, limited by the {}", short.lives(), short.limited_by.as_str());
    short.map(told).unwrap_or_default()
}

fn goes_on(until: Option<Timestamp>) -> String {
    until.map_or("the key that it has goes on".to_owned(), |at| format!("the session that it has goes on until {at}"))
}

fn told(cause: Option<&RenewError>) -> String {
    cause.map_or("none has been got yet; see `presignd identities`".to_owned(), RenewError::to_string)
}
