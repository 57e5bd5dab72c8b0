//! prost ⇄ domain: the only place that looks inside generated types. What comes out is well-formed and bounded; what is
//! not is refused with the proto path of its field.
//!
//! Never decides and never waits.

mod ask;
mod event;
mod filter;
mod found;
mod identity;
mod impact;
mod issued;
mod operation;
mod record;
mod request;
mod report;
mod resign;
mod rotation;
mod status;
mod watch;

pub(super) use ask::{form_ask, url_ask};
pub(super) use event::{event, wire_event};
pub(super) use filter::{filter, page, page_size, read_page_token};
pub use found::explanation;
pub(super) use found::found;
pub(super) use identity::{described, renewed};
pub(super) use impact::{affected, assessed, contained, url_record_with, wire_ending, wire_gap, wire_totals};
pub(super) use issued::{presigned, presigned_form, result};
pub(super) use record::session_reference;
pub use record::url_record;
pub(super) use report::reported_event;
pub(super) use resign::{order, resign_ids, resigned};
pub(super) use rotation::{decided, generation, generation_status, named_generation};
pub(super) use status::latest_call;
pub(super) use watch::{heard, watched_from};

use prost_types::{Duration, Timestamp as WireTimestamp};

use super::proto;
use crate::s3::Refused;
use crate::session::lifetime::LimitedBy;
use crate::session::{IdentityName, RecordId};
use crate::time::{Timestamp, Ttl};

type Pairs = Vec<(String, String)>;

/// A field that is left out when empty.
fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Puts a field below the message that holds it.
fn within(message: &str) -> impl Fn(Refused) -> Refused + '_ {
    move |refused| Refused::new(format!("{message}.{}", refused.field), refused.problem)
}

/// Names an identity, or leaves it to the daemon.
pub(super) fn identity(field: &str, text: &str) -> Result<Option<IdentityName>, Refused> {
    match text {
        "" => Ok(None),
        name => IdentityName::parse(name).map(Some).map_err(|problem| Refused::new(field, problem.to_string())),
    }
}

/// Names a record or a session.
pub(super) fn record_id(field: &str, text: &str) -> Result<RecordId, Refused> {
    RecordId::parse(text).ok_or_else(|| Refused::new(field, "is not an id such as k3vq7mza-42"))
}

fn text(field: &str, text: String, most: usize) -> Result<String, Refused> {
    if text.len() > most {
        return Err(Refused::new(field, format!("is {} bytes long; {most} are the most", text.len())));
    }
    if text.chars().any(char::is_control) {
        return Err(Refused::new(field, "must not hold control characters"));
    }
    Ok(text)
}

/// Bounds a list of items.
pub(super) fn item_count(field: &str, count: usize, most: usize) -> Result<(), Refused> {
    if (1..=most.min(MAX_ITEMS)).contains(&count) {
        return Ok(());
    }
    Err(Refused::new(field, format!("are {count}; they must be 1 to {}", most.min(MAX_ITEMS))))
}

/// Text that the explainer may read: bounded, and otherwise whatever was pasted.
pub(super) fn pasted(field: &str, text: String) -> Result<String, Refused> {
    match text.len() {
        0 => Err(Refused::new(field, "is empty")),
        1..=MAX_PASTED_BYTES => Ok(text),
        _ => Err(Refused::new(field, format!("is longer than {MAX_PASTED_BYTES} bytes"))),
    }
}

fn labels(field: &str, labels: impl IntoIterator<Item = (String, String)>) -> Result<Pairs, Refused> {
    let mut checked = Pairs::new();
    for (name, value) in labels {
        if checked.len() == MAX_LABELS {
            return Err(Refused::new(field, format!("hold more than {MAX_LABELS} pairs")));
        }
        if name.is_empty() {
            return Err(Refused::new(field, "hold an empty name"));
        }
        // The name is in the path of no field before it was found fit to be shown.
        let name = text(field, name, MAX_LABEL_NAME_BYTES)?;
        let value = text(&format!("{field}.{name}"), value, MAX_LABEL_VALUE_BYTES)?;
        checked.push((name, value));
    }
    checked.sort();
    Ok(checked)
}

fn ttl(field: &str, length: Duration) -> Result<Ttl, Refused> {
    if length.nanos != 0 {
        return Err(Refused::new(field, "must be whole seconds: SigV4 counts no others"));
    }
    let seconds = u64::try_from(length.seconds).ok();
    seconds.and_then(|seconds| Ttl::new(seconds).ok()).ok_or_else(|| {
        Refused::new(field, format!("is {} s; it must lie between 1 and 604800 seconds (7 days)", length.seconds))
    })
}

/// What is asked for, and the least that is of use.
fn lifetime(expires_in: Option<Duration>, at_least: Option<Duration>) -> Result<(Ttl, Ttl), Refused> {
    let asked = expires_in.map_or(Ok(Ttl::DEFAULT), |length| ttl("expires_in", length))?;
    let at_least = at_least.map_or(Ok(asked.nine_tenths()), |length| ttl("at_least", length))?;
    if at_least > asked {
        return Err(Refused::new("at_least", format!("is {at_least}, more than the {asked} of expires_in")));
    }
    Ok((asked, at_least))
}

fn instant(field: &str, at: Option<WireTimestamp>) -> Result<Option<Timestamp>, Refused> {
    let Some(at) = at else { return Ok(None) };
    let exact = Timestamp::from_unix(at.seconds);
    if exact.unix() != at.seconds || !(0..1_000_000_000).contains(&at.nanos) {
        return Err(Refused::new(field, "is not an instant of the years 0000 to 9999"));
    }
    Ok(Some(exact))
}

pub(super) fn wire_instant(at: Timestamp) -> WireTimestamp {
    WireTimestamp { seconds: at.unix(), nanos: 0 }
}

pub(super) fn wire_ttl(ttl: Ttl) -> Duration {
    Duration { seconds: i64::from(ttl.seconds()), nanos: 0 }
}

pub(super) fn wire_length(length: std::time::Duration) -> Duration {
    Duration { seconds: i64::try_from(length.as_secs()).unwrap_or(i64::MAX), nanos: 0 }
}

pub(super) fn wire_limit(limit: LimitedBy) -> i32 {
    let limit = match limit {
        LimitedBy::Request => proto::LimitedBy::Request,
        LimitedBy::Session => proto::LimitedBy::Session,
        LimitedBy::SevenDays => proto::LimitedBy::SevenDays,
        LimitedBy::Grant => proto::LimitedBy::Grant,
        LimitedBy::RoleMaximum => proto::LimitedBy::RoleMaximum,
        LimitedBy::Chaining => proto::LimitedBy::Chaining,
    };
    limit.into()
}

/// Of PRODUCT's promise 7: every bound has a name.
const MAX_LABELS: usize = 16;
const MAX_LABEL_NAME_BYTES: usize = 64;
const MAX_LABEL_VALUE_BYTES: usize = 256;
const MAX_ON_BEHALF_OF_BYTES: usize = 256;
const MAX_REQUEST_ID_BYTES: usize = 128;
const MAX_PASTED_BYTES: usize = 16 << 10;
/// Requests of one batch, ids of one re-sign, and rows of one page.
pub(super) const MAX_ITEMS: usize = 1000;

#[cfg(test)]
mod tests;
