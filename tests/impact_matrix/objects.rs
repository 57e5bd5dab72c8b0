//! Table n of SEMANTICS.md 1.3, and row w: bucket × URL × what happens.

use presignd::impact::ending::{Grade, Verdict};
use presignd::impact::event::{Object, What};
use presignd::s3::operation::Operation;
use presignd::session::CredentialKind;

use crate::made::*;

use Grade::{Documented as D, Inferred as I, Unconfirmed as U};
use Verdict::{Ends, Lives, MayEnd};

type Made = fn(Object) -> What;

const DELETED: Made = What::ObjectDeleted;
const WRITTEN: Made = What::ObjectOverwritten;
const FROZEN: Made = What::ObjectArchived;

/// versionId in the URL, event, version that it names, whether the bucket keeps versions; what becomes of a GET.
type Row = (Option<&'static str>, Made, &'static str, Option<bool>, Verdict, &'static str, bool, Grade);

#[rustfmt::skip]
const GETS: &[Row] = &[
    // unversioned, without versionId
    (None, DELETED, "", Some(false), Ends, "OBJECT_DELETED", true, D),
    (None, WRITTEN, "", Some(false), Lives, "SERVES_NEW_CONTENT", false, D),
    // versioned, without versionId
    (None, DELETED, "", Some(true), Ends, "OBJECT_DELETED", true, D),
    (None, WRITTEN, "", Some(true), Lives, "SERVES_NEW_CONTENT", false, D),
    (None, DELETED, "v1", Some(true), MayEnd, "SHOWS_OTHER_VERSION", false, I),
    // nobody knows
    (None, DELETED, "", None, Ends, "OBJECT_DELETED", true, D),
    // versioned, with versionId
    (Some("v1"), DELETED, "", Some(true), Lives, "VERSION_UNTOUCHED", false, D),
    (Some("v1"), DELETED, "v1", Some(true), Ends, "VERSION_DELETED", false, D),
    (Some("v1"), DELETED, "v2", Some(true), Lives, "VERSION_UNTOUCHED", false, D),
    (Some("v1"), WRITTEN, "", Some(true), Lives, "VERSION_UNTOUCHED", false, D),
    (Some("v1"), DELETED, "", None, MayEnd, "OBJECT_DELETED", true, I),
    (Some("null"), DELETED, "", Some(false), Ends, "OBJECT_DELETED", true, I),
    (Some("v1"), DELETED, "", Some(false), MayEnd, "OBJECT_DELETED", true, I),
    // archived
    (None, FROZEN, "", None, Ends, "OBJECT_ARCHIVED", true, D),
    (None, FROZEN, "v1", None, MayEnd, "OBJECT_ARCHIVED", true, I),
    (Some("v1"), FROZEN, "v1", None, Ends, "OBJECT_ARCHIVED", true, D),
    (Some("v1"), FROZEN, "v2", None, Lives, "VERSION_UNTOUCHED", false, D),
    (Some("v1"), FROZEN, "", None, MayEnd, "OBJECT_ARCHIVED", true, I),
];

#[test]
fn reads_fare_as_table_n_says() {
    for (row, (version, made, gone, versioned, verdict, reason, reversible, grade)) in GETS.iter().enumerate() {
        let mut get = ask(Operation::GetObject);
        if let Some(version) = version {
            get = get.query("versionId", version);
        }
        for kind in COLUMNS {
            let found = signed(kind).ending(&event(made(object(gone, *versioned))), &get.url());
            let told = (found.verdict, found.reason.as_str(), found.reversible, found.grade);
            assert_eq!(told, (*verdict, *reason, *reversible, *grade), "row {row} {}", kind.as_str());
        }
    }
}

/// What becomes of URLs of other operations when the object is deleted, overwritten, archived.
type Fates = [(Verdict, &'static str, Grade); 3];

#[rustfmt::skip]
const OTHERS: &[(Operation, Fates)] = &[
    (Operation::HeadObject, [(Ends, "OBJECT_DELETED", D), (Lives, "SERVES_NEW_CONTENT", D), (Lives, "ARCHIVE_READABLE", I)]),
    (Operation::PutObject, [(Lives, "WRITES_ANEW", D), (Lives, "WRITES_ANEW", D), (Lives, "WRITES_ANEW", D)]),
    (Operation::UploadPart, [(Lives, "WRITES_ANEW", D), (Lives, "WRITES_ANEW", D), (Lives, "WRITES_ANEW", D)]),
    (Operation::DeleteObject, [(Lives, "WRITES_ANEW", D), (Lives, "WRITES_ANEW", D), (Lives, "WRITES_ANEW", D)]),
    (Operation::GetObjectTagging, [(Ends, "OBJECT_DELETED", I), (Lives, "SERVES_NEW_CONTENT", D), (Lives, "ARCHIVE_READABLE", I)]),
    (Operation::RestoreObject, [(Ends, "OBJECT_DELETED", I), (Lives, "SERVES_NEW_CONTENT", D), (Lives, "ARCHIVE_READABLE", I)]),
    (Operation::OtherObject, [(MayEnd, "OBJECT_DELETED", U), (Lives, "SERVES_NEW_CONTENT", D), (MayEnd, "OBJECT_ARCHIVED", U)]),
    (Operation::ListObjectsV2, [(Lives, "NOT_CONCERNED", D), (Lives, "NOT_CONCERNED", D), (Lives, "NOT_CONCERNED", D)]),
    (Operation::DeleteObjects, [(Lives, "NOT_CONCERNED", D), (Lives, "NOT_CONCERNED", D), (Lives, "NOT_CONCERNED", D)]),
];

#[test]
fn other_operations_fare_as_they_need_the_object() {
    for (operation, fates) in OTHERS {
        let mut asked = ask(*operation);
        if *operation == Operation::UploadPart {
            asked = asked.query("partNumber", "1");
        }
        for (made, fate) in [DELETED, WRITTEN, FROZEN].into_iter().zip(fates) {
            let found = signed(CredentialKind::AssumeRole).ending(&event(made(object("", None))), &asked.url());
            assert_eq!((found.verdict, found.reason.as_str(), found.grade), *fate, "{}", operation.as_str());
        }
    }
    let posted =
        signed(CredentialKind::AssumeRole).ending(&event(DELETED(object("", None))), &form("cats/", true, &[]));
    assert_eq!((posted.verdict, posted.reason.as_str()), (Lives, "WRITES_ANEW"));
}

#[test]
fn a_copy_ends_with_what_it_copies_from() {
    let copy =
        |source: &'static str| ask(Operation::CopyObject).bucket("attic").header("x-amz-copy-source", source).url();
    let fate = |what, url: &_| {
        let found = signed(CredentialKind::AssumeRole).ending(&event(what), url);
        (found.verdict, found.reason.as_str())
    };
    let gone = (Ends, "COPY_SOURCE_GONE");
    assert_eq!(fate(DELETED(object("", None)), &copy("photos/cats/one.jpg")), gone);
    assert_eq!(fate(DELETED(object("", None)), &copy("/photos/cats%2Fone.jpg")), gone);
    assert_eq!(fate(DELETED(object("v1", None)), &copy("photos/cats/one.jpg?versionId=v1")), gone);
    assert_eq!(fate(DELETED(object("v2", None)), &copy("photos/cats/one.jpg?versionId=v1")).0, Lives);
    assert_eq!(fate(DELETED(object("", None)), &copy("photos/cats/two.jpg")), (Lives, "NOT_CONCERNED"));
    let over = ask(Operation::CopyObject).header("x-amz-copy-source", "photos/cats/two.jpg").url();
    assert_eq!(fate(DELETED(object("", None)), &over), (Lives, "WRITES_ANEW"));
    assert_eq!(fate(FROZEN(object("", None)), &copy("photos/cats/one.jpg")), (Ends, "OBJECT_ARCHIVED"));
}

#[test]
fn a_signed_precondition_may_fail_on_new_content() {
    let guarded = ask(Operation::GetObject).header("if-match", "\"e1\"").url();
    let found = signed(CredentialKind::LongTermKey).ending(&event(WRITTEN(object("", None))), &guarded);
    assert_eq!((found.verdict, found.reason.as_str(), found.grade), (MayEnd, "PRECONDITION_FAILS", I));
    assert_eq!(found.bearer_errors[0].code, "PreconditionFailed");
}

#[test]
fn another_object_does_not_matter() {
    let other = || Object { key: "cats/one.jpg2".to_owned(), ..object("", None) };
    for made in [DELETED, WRITTEN, FROZEN] {
        for operation in [Operation::GetObject, Operation::HeadObject, Operation::PutObject, Operation::DeleteObject] {
            let found = signed(CredentialKind::AssumeRole).ending(&event(made(other())), &ask(operation).url());
            assert_eq!((found.verdict, found.reason.as_str()), (Lives, "NOT_CONCERNED"), "{}", operation.as_str());
        }
    }
}
