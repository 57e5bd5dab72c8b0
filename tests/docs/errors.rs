//! docs/errors.md has every reason, with its code, its details, its meaning, and what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use presignd::access::{Denied, Dimension};
use presignd::error::{EndsToo, Error, NoEvent, Unchanged};
use presignd::identity::RenewError;
use presignd::impact::ending::Verdict;
use presignd::impact::mend::Mend;
use presignd::s3::Refused;
use presignd::session::lifetime::{LimitedBy, TooShort};
use presignd::session::{IdentityName, RecordId};
use presignd::time::{Timestamp, Ttl};
use presignd::{region, registry};
use tonic::Code;
use tonic_types::StatusExt;

/// What the table says of a reason: its code, and the kinds of details and keys of metadata, in order.
type Row = (String, BTreeSet<String>);

/// The rows of the first table of docs/errors.md, by reason.
fn table() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string("docs/errors.md").unwrap();
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.trim_end_matches('|').split('|').map(str::trim).collect();
        let [reason, code, meaning, details, advice] = cells[..] else { panic!("not five cells: {line}") };
        assert!(!meaning.is_empty() && !advice.is_empty(), "what happened, or what to do? {line}");
        let details = details.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some((reason.trim_end_matches('`').to_owned(), (code.to_owned(), details)))
    });
    let rows: Vec<_> = rows.collect();
    let (count, table) = (rows.len(), BTreeMap::from_iter(rows));
    assert_eq!(count, table.len(), "a reason stands twice");
    table
}

/// What the wire says of an error, beside its words.
fn row(error: Error) -> Row {
    let status = tonic::Status::from(error);
    let details = status.get_error_details();
    let info = details.error_info().expect("every error has one");
    assert_eq!(info.domain, "presignd");
    let kinds = [
        ("BadRequest", details.bad_request().is_some()),
        ("PreconditionFailure", details.precondition_failure().is_some()),
        ("QuotaFailure", details.quota_failure().is_some()),
        ("RetryInfo", details.retry_info().is_some()),
    ];
    let kinds = kinds.into_iter().filter(|(_, has)| *has).map(|(kind, _)| kind.to_owned());
    (name(status.code()), kinds.chain(info.metadata.keys().cloned()).collect())
}

/// At least one error for each reason that a call can have.
fn one_of_each() -> Vec<Error> {
    let denied = Denied { dimension: Dimension::Bucket };
    let at_least = Ttl::new(60).unwrap();
    let (longest_now, longest_fresh) = (Some(at_least), Some(at_least));
    let short = TooShort { at_least, longest_now, longest_fresh, limited_by: LimitedBy::Session };
    let of_registry = |error| Error::Registry(Arc::new(error));
    let bucket = || "photos".to_owned();
    let outstanding = Unchanged::Outstanding {
        generation: 3,
        access_key_id: "AKIAEXAMPLE".into(),
        outstanding: 12,
        last_url_ends_at: Timestamp::EPOCH,
    };
    let id = RecordId::parse("k3yd2a7q-1").unwrap();
    let web = || IdentityName::parse("web").unwrap();
    let ends_too =
        |verdict| EndsToo { identity: web(), generation: 1, verdict, reason: "DENIED", mend: Mend::OtherSession };
    vec![
        Error::Malformed(prost::Message::decode(&b"\0"[..]).map(|(): ()| ()).unwrap_err()),
        Error::MessageTooLarge { found: 2, most: 1 },
        Error::TooMuchUnread { most: 1 },
        Error::Refused(vec![Refused::new("bucket", "is wrong")]),
        Error::UnknownIdentity("web".into()),
        Error::NoDefaultIdentity,
        Error::Denied(denied),
        Error::NotAdmitted("not here"),
        Error::RateLimited { grant: "web".into(), retry_after: Duration::from_secs(1) },
        Error::TooShort(short),
        Error::SessionDead { identity: web(), cause: Some(Arc::new(RenewError::drained(&web(), "AKIAEXAMPLE", 3))) },
        Error::NoSession { identity: web(), cause: None, short: Some(short) },
        Error::NoSession {
            identity: web(),
            cause: Some(Arc::new(RenewError::drained(&web(), "AKIAEXAMPLE", 3))),
            short: None,
        },
        Error::NotRenewed {
            identity: web(),
            cause: Arc::new(RenewError::drained(&web(), "AKIAEXAMPLE", 3)),
            until: None,
        },
        Error::PartitionsFull { identity: web(), most: 2, retry_after: Duration::from_secs(60) },
        Error::IdentityPaused(web()),
        Unchanged::Unknown { identity: web(), generation: 3 }.into(),
        Unchanged::NothingSigns(web()).into(),
        Unchanged::Signs { identity: web(), generation: 3 }.into(),
        outstanding.into(),
        Unchanged::Retired(3).into(),
        Unchanged::AnotherSigns { generation: 3, by: 4 }.into(),
        Unchanged::SecretGone(3).into(),
        Error::Region(region::Error::BucketNotFound { bucket: bucket() }),
        Error::Region(region::Error::NotNamed { bucket: bucket(), status: 500 }),
        of_registry(registry::Error::Full),
        of_registry(registry::Error::TooManyRequestIds),
        of_registry(registry::Error::TooManyQuestions),
        of_registry(registry::Error::TimedOut),
        of_registry(registry::Error::TooManyStanding),
        of_registry(registry::Error::EventTooLarge { bytes: 20_000 }),
        of_registry(registry::Error::Closed),
        of_registry(registry::Error::Gone { path: "registry.db".into() }),
        of_registry(registry::Error::BadRow { id: id.to_string(), problem: "kind: is unknown".into() }),
        Error::RequestIdReused,
        Error::Superseded,
        ends_too(Verdict::Ends).into(),
        ends_too(Verdict::MayEnd).into(),
        Error::UrlNotFound,
        Error::TextNotFound,
        Error::UnknownSession { id, registry: id.instance },
        Error::Deadline("a session"),
        Error::NoMethod("presignd.v1.Signer/Ask".into()),
        Error::Compressed("gzip".into()),
        Error::CursorTooOld,
        Error::TooManyWatchers { most: 16 },
        NoEvent::Unknown(id).into(),
        NoEvent::Foreign { id, registry: id.instance }.into(),
        NoEvent::Irreversible(id).into(),
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
fn the_table_of_errors_has_every_reason_with_its_code_and_details_and_no_other() {
    let mut given: BTreeMap<String, Row> = BTreeMap::new();
    for error in one_of_each() {
        let reason = error.verdict().1;
        let (code, details) = row(error);
        let (former, all) = given.entry(reason.to_owned()).or_insert_with(|| (code.clone(), BTreeSet::new()));
        assert_eq!(*former, code, "{reason} has two codes");
        all.extend(details);
    }
    let mut reasons: Vec<&str> = Error::REASONS.to_vec();
    reasons.sort_unstable();
    assert_eq!(given.keys().map(String::as_str).collect::<Vec<_>>(), reasons, "one_of_each() lacks a reason");
    // Never leaves the desk, so no caller needs to look it up.
    given.remove("SUPERSEDED");
    // Only with a cause, and only the room of identities can make one.
    given.get_mut("NO_SESSION").unwrap().1.insert("cause".to_owned());
    assert_eq!(table(), given, "docs/errors.md on the left, the wire on the right");
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
