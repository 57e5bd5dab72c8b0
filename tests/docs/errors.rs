//! docs/errors.md has every reason, with its code.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use presignd::access::{Denied, Dimension};
use presignd::error::Error;
use presignd::identity::RenewError;
use presignd::s3::Refused;
use presignd::session::IdentityName;
use presignd::session::lifetime::{LimitedBy, TooShort};
use presignd::time::Ttl;
use presignd::{region, registry};
use tonic::Code;

/// The rows of the first table of docs/errors.md: reason and code.
fn table() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string("docs/errors.md").unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        Some((cells.next()?.trim_end_matches('`').to_owned(), cells.next()?.to_owned()))
    });
    let rows: Vec<_> = rows.collect();
    let (count, table) = (rows.len(), BTreeMap::from_iter(rows));
    assert_eq!(count, table.len(), "a reason stands twice");
    table
}

/// At least one error for each reason that a call can have.
fn one_of_each() -> Vec<Error> {
    let denied = Denied { dimension: Dimension::Bucket };
    let at_least = Ttl::new(60).unwrap();
    let short = TooShort { at_least, longest_now: None, longest_fresh: None, limited_by: LimitedBy::Session };
    let of_registry = |error| Error::Registry(Arc::new(error));
    let bucket = || "photos".to_owned();
    vec![
        Error::Malformed(prost::Message::decode(&b"\0"[..]).map(|(): ()| ()).unwrap_err()),
        Error::MessageTooLarge { found: 2, most: 1 },
        Error::Refused(vec![Refused::new("bucket", "is wrong")]),
        Error::UnknownIdentity("web".into()),
        Error::NoDefaultIdentity,
        Error::Denied(denied),
        Error::NotAdmitted("not here"),
        Error::RateLimited { grant: "web".into(), retry_after: Duration::from_secs(1) },
        Error::TooShort(short),
        Error::NoSession { identity: IdentityName::parse("web").unwrap(), cause: None },
        Error::Region(region::Error::BucketNotFound { bucket: bucket() }),
        Error::Region(region::Error::NotNamed { bucket: bucket(), status: 500 }),
        of_registry(registry::Error::Full),
        of_registry(registry::Error::TooManyRequestIds),
        of_registry(registry::Error::TooManyQuestions),
        of_registry(registry::Error::TimedOut),
        of_registry(registry::Error::TooManyStanding),
        of_registry(registry::Error::EventTooLarge { bytes: 20_000 }),
        of_registry(registry::Error::Closed),
        Error::RequestIdReused,
        Error::Superseded,
        Error::UrlNotFound,
        Error::Deadline("a session"),
        Error::Unserved("Resign"),
    ]
}

/// `FailedPrecondition` as the table writes it: `FAILED_PRECONDITION`.
fn name(code: Code) -> String {
    let mut name = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

#[test]
fn the_table_of_errors_has_every_reason_with_its_code_and_no_other() {
    let mut given = BTreeMap::new();
    for error in one_of_each() {
        let (code, reason) = error.verdict();
        given.insert(reason.to_owned(), name(code));
    }
    let mut reasons: Vec<&str> = Error::REASONS.to_vec();
    reasons.sort_unstable();
    assert_eq!(given.keys().map(String::as_str).collect::<Vec<_>>(), reasons, "one_of_each() lacks a reason");
    // Never leaves the desk, so no caller needs to look it up.
    given.remove("SUPERSEDED");
    assert_eq!(table(), given, "docs/errors.md on the left, Error::verdict on the right");
}

#[test]
fn the_list_of_reasons_for_no_session_has_every_one_and_no_other() {
    let text = std::fs::read_to_string("docs/errors.md").unwrap();
    let listed = text.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next());
    let mut reasons = RenewError::REASONS.to_vec();
    reasons.sort_unstable();
    let mut listed: Vec<&str> = listed.collect();
    listed.sort_unstable();
    assert_eq!(listed, reasons, "docs/errors.md on the left, the reasons of RenewError on the right");
}
