//! An error as a `google.rpc.Status`: the code, the words, and the details that programs read.

use std::collections::HashMap;
use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use super::{Error, Unchanged};
use crate::identity::RenewError;
use crate::session::IdentityName;
use crate::session::lifetime::TooShort;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.verdict();
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata(&error));
        match &error {
            Error::Refused(fields) => {
                for field in fields {
                    details.add_bad_request_violation(&field.field, &field.problem);
                }
            }
            Error::TooShort(short) => {
                details.add_precondition_failure_violation("LIFETIME", short.limited_by.as_str(), short.advice());
            }
            Error::RateLimited { grant, retry_after } => {
                details.set_retry_info(Some(*retry_after));
                details.add_quota_failure_violation(format!("grant:{grant}"), "signatures per second");
            }
            Error::PartitionsFull { identity, most, retry_after } => {
                details.set_retry_info(Some(*retry_after));
                details.add_quota_failure_violation(format!("identity:{identity}"), format!("{most} partitions"));
            }
            Error::TooMuchUnread { .. }
            | Error::NoSession { .. }
            | Error::NotRenewed { .. }
            | Error::SessionDead { .. }
            | Error::Region(_)
            | Error::Registry(_)
                if passes(code) =>
            {
                details.set_retry_info(Some(RETRY_AFTER));
            }
            _ => {}
        }
        Status::with_error_details(code, error.to_string(), details)
    }
}

/// Whether the same call may do better after a while.
fn passes(code: tonic::Code) -> bool {
    use tonic::Code::{DataLoss, FailedPrecondition, InvalidArgument, NotFound};
    !matches!(code, NotFound | FailedPrecondition | InvalidArgument | DataLoss)
}

fn metadata(error: &Error) -> HashMap<String, String> {
    match error {
        Error::TooShort(short) => lives(short),
        Error::NoSession { identity, cause, short } => {
            let mut map = short.as_ref().map(lives).unwrap_or_default();
            map.extend(why(identity, cause.as_deref()));
            map
        }
        Error::NotRenewed { identity, cause, .. } => why(identity, Some(cause.as_ref())),
        Error::SessionDead { identity, cause } => why(identity, cause.as_deref()),
        Error::PartitionsFull { identity, most, .. } => HashMap::from([
            ("identity".to_owned(), identity.to_string()),
            ("max_partitions".to_owned(), most.to_string()),
        ]),
        Error::IdentityPaused(identity) => HashMap::from([("identity".to_owned(), identity.to_string())]),
        Error::Unchanged(Unchanged::Outstanding { outstanding, last_url_ends_at, .. }) => HashMap::from([
            ("outstanding_urls".to_owned(), outstanding.to_string()),
            ("last_url_ends_at".to_owned(), last_url_ends_at.to_string()),
        ]),
        Error::MessageTooLarge { found, most } => {
            HashMap::from([("found_bytes".to_owned(), found.to_string()), ("limit_bytes".to_owned(), most.to_string())])
        }
        Error::Denied(denied) => HashMap::from([("dimension".to_owned(), denied.dimension.as_str().to_owned())]),
        _ => HashMap::new(),
    }
}

fn why(identity: &IdentityName, cause: Option<&RenewError>) -> HashMap<String, String> {
    let cause = cause.map(|cause| ("cause".to_owned(), cause.reason().to_owned()));
    [("identity".to_owned(), identity.to_string())].into_iter().chain(cause).collect()
}

fn lives(short: &TooShort) -> HashMap<String, String> {
    let TooShort { at_least, longest_now, longest_fresh, limited_by } = short;
    let mut map = HashMap::from([
        ("at_least_seconds".to_owned(), at_least.seconds().to_string()),
        ("limited_by".to_owned(), limited_by.as_str().to_owned()),
    ]);
    // Left out: there is no such life at all.
    let lives = [("longest_now_seconds", longest_now), ("longest_fresh_seconds", longest_fresh)];
    for (name, life) in lives {
        if let Some(life) = life {
            map.insert(name.to_owned(), life.seconds().to_string());
        }
    }
    map
}

const DOMAIN: &str = "presignd";
/// What a caller should wait before it asks again for what may be back by then.
const RETRY_AFTER: Duration = Duration::from_secs(2);
