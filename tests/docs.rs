//! What the documents say of the code, compared with the code; and that their links lead somewhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use presignd::access::{Denied, Dimension};
use presignd::error::Error;
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
fn every_relative_link_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents: Vec<_> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name)).into();
    for folder in ["docs", "docs/adr"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    let (mut seen, mut dead) = (0, Vec::new());
    for document in &documents {
        let text = std::fs::read_to_string(document).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = document.parent().unwrap().join(file);
            let headings = || anchors(&std::fs::read_to_string(&target).unwrap_or_default());
            if !target.exists() || !(anchor.is_empty() || headings().iter().any(|heading| heading == anchor)) {
                dead.push(format!("{}: {link}", document.strip_prefix(root).unwrap().display()));
            }
        }
    }
    assert!(seen > 10, "the links are not found any more");
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// What a heading is called in a link.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let plain = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    headings.map(|line| plain(line).chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()).collect()
}
