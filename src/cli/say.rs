//! Words for what the wire holds as numbers: instants, lengths and names, as people and JSON read them.

use std::time::Duration;

use crate::grpc::proto;
use crate::s3::operation::Operation;
use crate::time::Timestamp;

/// RFC 3339; empty when absent.
pub fn time(at: Option<&prost_types::Timestamp>) -> String {
    at.map(|at| Timestamp::from_unix(at.seconds).to_string()).unwrap_or_default()
}

/// `1h 30m`; empty when absent.
pub fn length(length: Option<&prost_types::Duration>) -> String {
    length.map(|length| seconds(u64::try_from(length.seconds).unwrap_or(0))).unwrap_or_default()
}

/// `1h 30m`, of whole seconds.
pub fn seconds(seconds: u64) -> String {
    // humantime counts months and years of average length, which nobody means by "720h".
    let days = seconds / 86_400;
    let rest = humantime::format_duration(Duration::from_secs(seconds % 86_400)).to_string();
    match (days, seconds % 86_400) {
        (0, _) => rest,
        (days, 0) => format!("{days}d"),
        (days, _) => format!("{days}d {rest}"),
    }
}

/// `1 URL`, `1203 URLs`.
pub fn urls(count: u64) -> String {
    format!("{count} URL{}", if count == 1 { "" } else { "s" })
}

/// `between … and …`, or the instant when it is one.
pub fn interval(ending: &proto::Ending) -> String {
    let (from, to) = (time(ending.not_before.as_ref()), time(ending.not_after.as_ref()));
    if from == to { format!("at {from}") } else { format!("between {from} and {to}") }
}

/// The name of an enum's value: `IDENTITY_STATE_RENEWAL_FAILING` without its prefix is `renewal-failing`.
pub fn name(full: &str, prefix: &str) -> String {
    match full.strip_prefix(prefix).unwrap_or(full).trim_start_matches('_') {
        "UNSPECIFIED" => String::new(),
        name => name.to_ascii_lowercase().replace('_', "-"),
    }
}

/// What set or bars a life: `session`, `role-maximum`, … as in errors and metrics.
pub fn limited_by(value: i32) -> String {
    name(proto::LimitedBy::try_from(value).unwrap_or_default().as_str_name(), "LIMITED_BY")
}

/// `ready`, `renewal-failing`, …
pub fn state(value: i32) -> String {
    name(proto::IdentityState::try_from(value).unwrap_or_default().as_str_name(), "IDENTITY_STATE")
}

/// `alive`, `key-dead`, …
pub fn observation(value: i32) -> String {
    name(proto::Observation::try_from(value).unwrap_or_default().as_str_name(), "OBSERVATION")
}

/// `assume-role`, `long-term-key`, …
pub fn kind(value: i32) -> String {
    name(proto::CredentialKind::try_from(value).unwrap_or_default().as_str_name(), "CREDENTIAL_KIND")
}

/// `active`, `draining`, …
pub fn generation_state(value: i32) -> String {
    name(proto::GenerationState::try_from(value).unwrap_or_default().as_str_name(), "GENERATION_STATE")
}

/// `signs`, `may-sign`, …
pub fn key_hold(value: i32) -> String {
    name(proto::KeyHold::try_from(value).unwrap_or_default().as_str_name(), "KEY_HOLD")
}

/// `key-unusable-in-browsers`, …
pub fn caution(value: i32) -> String {
    name(proto::Caution::try_from(value).unwrap_or_default().as_str_name(), "CAUTION")
}

/// `ends`, `may-end` or `lives`.
pub fn verdict(value: i32) -> String {
    name(proto::ending::Verdict::try_from(value).unwrap_or_default().as_str_name(), "VERDICT")
}

/// `documented`, `field`, `inferred` or `unconfirmed`.
pub fn grade(value: i32) -> String {
    name(proto::ending::Grade::try_from(value).unwrap_or_default().as_str_name(), "GRADE")
}

/// What the user of what was signed may trip over, for stderr.
pub fn cautions(signed: &str, cautions: &[i32], early: Option<&proto::StandingEvent>) -> Vec<String> {
    let is_of_event = |one: &i32| {
        let one = proto::Caution::try_from(*one).unwrap_or_default();
        matches!(one, proto::Caution::EndsEarly | proto::Caution::MayEndEarly)
    };
    let told = cautions.iter().map(|one| match early.filter(|_| is_of_event(one)) {
        Some(event) => ends_early(signed, event),
        None => caution_text(*one).to_owned(),
    });
    told.collect()
}

/// What a caution means.
fn caution_text(value: i32) -> &'static str {
    match proto::Caution::try_from(value).unwrap_or_default() {
        proto::Caution::KeyUnusableInBrowsers => {
            "the key has a \".\" or \"..\" segment: browsers and most HTTP libraries rewrite it and break the signature"
        }
        proto::Caution::ExpiryUncertain => "the session's end is uncertain: its source did not tell it exactly",
        proto::Caution::NeedsCustomerKey => {
            "the bearer must send the SSE-C key; it is not recorded, so signing again needs it again"
        }
        proto::Caution::EndsEarly => "an event that stands ends the URL early",
        proto::Caution::MayEndEarly => "an event that stands may end the URL early",
        proto::Caution::Unspecified => "a caution that this version does not know",
    }
}

/// When and why a URL ends, in one line.
pub fn ending(ending: &proto::Ending) -> String {
    let when = interval(ending);
    let condition = if ending.condition.is_empty() { String::new() } else { format!(" if {}", ending.condition) };
    format!("{when}{condition}: {} [{}]", ending.message, ending.reason)
}

/// The same of what a record says, with the event that does it.
pub fn standing(told: &proto::Ending) -> String {
    match told.event_id.as_str() {
        "" => ending(told),
        id => format!("{}; event {id} stands", ending(told)),
    }
}

/// That an event which stands ends what was signed, for stderr.
pub fn ends_early(signed: &str, by: &proto::StandingEvent) -> String {
    let told = by.ending.clone().unwrap_or_default();
    let ends = if told.verdict() == proto::ending::Verdict::Ends { "ends" } else { "may end" };
    format!("the {signed} {ends} early {}; event {} stands", ending(&told), by.id)
}

/// How many of a generation's outstanding URLs are broken already, for the end of a sentence that counts them.
pub fn ended_early(status: &proto::GenerationStatus) -> String {
    match status.ended_early_urls {
        0 => String::new(),
        ended => format!(" ({ended} of them ended early, by {})", status.ended_by.join(", ")),
    }
}

/// The S3 API name: `GetObject`. Empty when unspecified or unknown.
pub fn operation(value: i32) -> &'static str {
    let wanted = proto::Operation::try_from(value).unwrap_or_default().as_str_name();
    Operation::ALL.iter().find(|one| wire_name(**one) == wanted).map_or("", |one| one.as_str())
}

/// Reads an operation as the S3 API (`GetObject`) or the AWS CLI (`get-object`) writes it.
pub fn parse_operation(text: &str) -> Option<proto::Operation> {
    let bare = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    let found = Operation::ALL.iter().find(|one| bare(one.as_str()) == bare(text))?;
    proto::Operation::from_str_name(&wire_name(*found))
}

/// `OPERATION_GET_OBJECT`.
fn wire_name(operation: Operation) -> String {
    let mut name = String::from("OPERATION");
    for c in operation.as_str().chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_one_name_on_the_wire_and_one_for_people() {
        for one in Operation::ALL {
            let wire = proto::Operation::from_str_name(&wire_name(*one)).unwrap();
            assert_eq!(operation(wire as i32), one.as_str());
            assert_eq!(parse_operation(one.as_str()), Some(wire));
        }
        assert_eq!(parse_operation("list-objects-v2"), Some(proto::Operation::ListObjectsV2));
        assert_eq!(parse_operation("DropTable"), None);
    }

    #[test]
    fn limits_have_the_names_that_errors_and_metrics_use() {
        use crate::session::lifetime::LimitedBy;
        for limit in LimitedBy::ALL {
            assert!((1..=6).any(|value| limited_by(value) == limit.as_str()), "{limit:?}");
        }
    }

    #[test]
    fn kinds_of_credentials_have_the_names_that_records_use() {
        use crate::session::CredentialKind;
        for one in CredentialKind::ALL {
            assert!((1..=12).any(|value| kind(value) == one.as_str()), "{one:?}");
        }
    }

    #[test]
    fn states_of_generations_have_the_names_that_metrics_use() {
        use crate::session::generation::State;
        for state in State::ALL {
            assert!((1..=6).any(|value| generation_state(value) == state.as_str()), "{state:?}");
        }
    }

    #[test]
    fn lengths_are_told_in_days_and_never_in_months() {
        let told = [0, 59, 3600, 86_400, 604_800, 90_000, 30 * 86_400 + 5].map(seconds);
        assert_eq!(told, ["0s", "59s", "1h", "1d", "7d", "1d 1h", "30d 5s"]);
    }
}
