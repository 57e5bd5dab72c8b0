//! Why a session could not be got: a stable reason, and words that say what to do. Never holds a secret.

use std::fmt;

use crate::aws::chain;
use crate::session::{IdentityName, Session};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

/// Why there is no new session. The reasons are part of the API: added, never renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewError {
    reason: &'static str,
    message: String,
    /// See [`Self::generation`].
    generation: Option<u64>,
}

impl RenewError {
    /// Every reason there is, for docs/errors.md.
    pub const REASONS: &[&str] = REASONS;

    pub(super) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), generation: None }
    }

    /// The source gives a key that an operator drained.
    pub fn drained(identity: &IdentityName, access_key_id: &str, generation: u64) -> Self {
        let message = format!(
            "the source gives {access_key_id}, which an operator drained (generation {generation}); put another key in its \
             place, or let it sign again with `presignd drain {identity} --generation {generation} --cancel`"
        );
        Self { generation: Some(generation), ..Self::new(DRAINING, message) }
    }

    /// The source gives a key that was retired.
    pub fn retired(access_key_id: &str, generation: u64) -> Self {
        let message = format!(
            "the source gives {access_key_id}, which is retired (generation {generation}) and never signs again; put \
             another key in its place"
        );
        Self::new(RETIRED, message)
    }

    /// The source gives a session that was seen dead.
    pub fn dead(session: &Session) -> Self {
        let Session { identity, generation, facts, .. } = session;
        let message = format!(
            "the source gives {} (generation {generation}), which was seen dead; let it give another, or undo what ended it \
             (`presignd identities {identity}` shows what was seen)",
            facts.access_key_id
        );
        Self { generation: Some(*generation), ..Self::new(SESSION_DEAD, message) }
    }

    /// The generation that the source gives and that does not sign: nothing else is wrong, so once it signs this is over.
    pub(super) fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// What machines match.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Whether a reload has put another configuration in force, which may well have a session.
    pub fn is_of_former_configuration(&self) -> bool {
        self.reason == RELOADED
    }

    /// Whether the source gives a key that was stopped: nothing is wrong with the source.
    pub fn is_of_a_key(&self) -> bool {
        [DRAINING, RETIRED].contains(&self.reason)
    }

    /// Whether the source gives a session that was seen dead.
    pub fn is_of_the_dead(&self) -> bool {
        self.reason == SESSION_DEAD
    }

    /// Whether nobody answered, or not the one who was asked.
    pub(super) fn is_silence(&self) -> bool {
        [TIMEOUT, NETWORK, UNREADABLE].contains(&self.reason)
    }

    /// Of a call to STS.
    pub(super) fn of_sts<E>(operation: &str, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let told = |reason: &'static str, problem: String, remedy: &str| {
            Self::new(reason, format!("{operation} failed: {problem}; {remedy}"))
        };
        match &error {
            SdkError::TimeoutError(_) => {
                told(TIMEOUT, "STS did not answer in time".into(), "presignd tries again by itself")
            }
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                told(TIMEOUT, "no connection to STS in time".into(), "check the network, proxy and [sts] endpoint_url")
            }
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
                told(NETWORK, chain(&error), "check the network, proxy and [sts] endpoint_url")
            }
            SdkError::ServiceError(service) if service.err().code().is_some() => {
                let (code, message) = (service.err().code().unwrap_or_default(), service.err().message());
                let message: String = message.unwrap_or("no message").chars().take(MAX_MESSAGE).collect();
                let (reason, remedy) = class(code, &message);
                told(reason, format!("{code}: {message}"), remedy)
            }
            SdkError::ServiceError(service) if service.raw().status().as_u16() >= 500 => {
                let status = service.raw().status().as_u16();
                told(UNAVAILABLE, format!("status {status}"), "presignd tries again by itself")
            }
            _ => told(UNREADABLE, "the answer is not one of STS".into(), "check the proxy and [sts] endpoint_url"),
        }
    }
}

impl fmt::Display for RenewError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for RenewError {}

/// The class of an error code of STS, and what to do about it.
pub(super) fn class(code: &str, message: &str) -> (&'static str, &'static str) {
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => (
            ACCESS_DENIED,
            "let the caller's policy and the role's trust policy allow it (and check external_id, tags, source_identity)",
        ),
        "ExpiredToken" | "ExpiredTokenException" => {
            (EXPIRED_TOKEN, "the credentials or the token that ask have ended; renew them")
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" => {
            (UNKNOWN_KEY, "the access key does not exist, is not active, or belongs to another partition")
        }
        "SignatureDoesNotMatch" => (WRONG_SECRET, "the secret access key is not the one of this access key"),
        "RequestExpired" | "RequestTimeTooSkewed" => (CLOCK, "set the clock of this machine"),
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" => {
            (THROTTLED, "presignd tries again by itself; lower [sts] calls_per_minute if it stays")
        }
        "RegionDisabledException" => (REGION_DISABLED, "activate STS for this region, or name another in sts.region"),
        "InvalidIdentityToken" | "InvalidIdentityTokenException" => {
            (INVALID_IDENTITY_TOKEN, "check the OIDC provider in IAM, the token's audience and the token file")
        }
        "IDPRejectedClaim" | "IDPCommunicationError" => {
            (INVALID_IDENTITY_TOKEN, "the OIDC provider refused the token or could not be reached by AWS")
        }
        "MalformedPolicyDocument" => (POLICY, "correct the session policy"),
        "PackedPolicyTooLarge" => (POLICY, "shorten the session policy, policy_arns or tags"),
        "ServiceUnavailable" | "InternalFailure" | "InternalError" => (UNAVAILABLE, "presignd tries again by itself"),
        "ValidationError" if is_role_maximum(message) => {
            (ROLE_MAXIMUM, "raise the role's MaxSessionDuration, or lower the identity's duration")
        }
        "ValidationError" if is_chaining(message) => {
            (CHAINING, "mint from a long-term key or web identity, or set duration = \"1h\"")
        }
        "ValidationError" => (VALIDATION, "correct the identity's table in the configuration"),
        _ => (STS, "see the code in AWS's documentation of STS"),
    }
}

/// What a refused duration was refused for.
pub(super) fn is_role_maximum(message: &str) -> bool {
    message.contains("MaxSessionDuration")
}

/// The hour of SEMANTICS.md 2.2.
pub(super) fn is_chaining(message: &str) -> bool {
    message.contains("role chaining")
}

macro_rules! reasons {
    ($($name:ident)*) => {
        $(pub(super) const $name: &str = stringify!($name);)*
        const REASONS: &[&str] = &[$($name),*];
    };
}

reasons! {
    ACCESS_DENIED
    EXPIRED_TOKEN
    UNKNOWN_KEY
    WRONG_SECRET
    CLOCK
    THROTTLED
    REGION_DISABLED
    ENDPOINT
    INVALID_IDENTITY_TOKEN
    POLICY
    UNAVAILABLE
    ROLE_MAXIMUM
    CHAINING
    VALIDATION
    STS
    NETWORK
    TIMEOUT
    UNREADABLE
    TOKEN_FILE
    KEY_FILE
    PROFILE
    ENVIRONMENT
    METADATA
    NO_CREDENTIALS
    BASE
    REGISTRY
    STOPPED
    RELOADED
    ENDED
    END_UNKNOWN
    DRAINING
    RETIRED
    SESSION_DEAD
}

const MAX_MESSAGE: usize = 300;
