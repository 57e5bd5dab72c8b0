//! Rows n and w: an object, or a version of it, is deleted, overwritten or archived. What that does depends on the
//! operation, on the version in the URL and on whether the bucket keeps versions (SEMANTICS.md 1.3 n).

use super::Answer;
use crate::impact::Subject;
use crate::impact::ending::{BearerError, Grade};
use crate::impact::event::Object;
use crate::impact::place::{Told, reaches};
use crate::impact::reason::{Condition, Reason};
use crate::impact::truth::Truth;
use crate::s3::operation::Operation;

/// Row n, deleted. Without `s3:ListBucket` the signer's bearers see 403 instead of 404, which looks like a revocation.
pub(super) fn deleted(object: &Object, subject: Subject<'_>) -> Option<Answer> {
    let (there, version) = match use_of(subject.operation()) {
        Use::Content => (is_at(object, subject), subject.version()),
        // Documented for reads alone.
        Use::Attributes => (is_at(object, subject).and(Truth::Yes(Grade::Inferred)), subject.version()),
        Use::Copies => match copied(subject) {
            Copied::AskUrl => (Truth::AskUrl, Told::AskUrl),
            Copied::Of { bucket, key, version } => {
                let from = reaches(&object.bucket, &bucket).and(Truth::of(object.key == key));
                let gone = gone(object, version.as_deref().map_or(Told::Absent, Told::Value));
                let gone = Answer { reason: Reason::CopySourceGone, ..gone };
                let spared = match is_at(object, subject) {
                    Truth::No => Reason::NotConcerned,
                    _ => Reason::WritesAnew,
                };
                return gone.graded(Grade::Inferred).if_so(from, spared);
            }
            Copied::Unreadable => (Truth::maybe(Condition::ReadsObject, Grade::Inferred), Told::Absent),
        },
        Use::Writes => return lives_at(object, subject, Reason::WritesAnew),
        Use::Unknown => {
            (is_at(object, subject).and(Truth::maybe(Condition::ReadsObject, Grade::Unconfirmed)), subject.version())
        }
        Use::Bucket => (Truth::No, Told::Absent),
    };
    match there {
        Truth::No => Some(Answer::lives(Reason::NotConcerned)),
        Truth::AskUrl => None,
        there => gone(object, version).if_so(there, Reason::NotConcerned),
    }
}

/// What is left for a read of the object that names this version, or none.
fn gone(object: &Object, version: Told<'_>) -> Answer {
    let object_gone = Answer::ends(Reason::ObjectDeleted, NO_SUCH_KEY).reversible();
    match (object.version_id.as_str(), version) {
        ("", Told::Value(named)) => match object.is_versioned {
            Some(true) => Answer::lives(Reason::VersionUntouched),
            Some(false) if named == "null" => object_gone.graded(Grade::Inferred).errors_graded(Grade::Inferred),
            Some(false) => object_gone.if_also(Condition::NamesThatVersion, Grade::Inferred),
            None => object_gone.if_also(Condition::IsUnversioned, Grade::Inferred),
        },
        ("", _) => object_gone,
        (gone, Told::Value(named)) if gone == named => Answer::ends(Reason::VersionDeleted, NO_SUCH_VERSION),
        (_, Told::Value(_)) => Answer::lives(Reason::VersionUntouched),
        (_, _) => Answer::ends(Reason::ShowsOtherVersion, NO_SUCH_KEY)
            .if_also(Condition::IsNewestVersion, Grade::Inferred)
            .if_also(Condition::NothingOlder, Grade::Inferred),
    }
}

/// Row n, overwritten: reads serve the new content. Only a precondition that was signed may fail.
pub(super) fn overwritten(object: &Object, subject: Subject<'_>) -> Option<Answer> {
    let (guards, version) = match use_of(subject.operation()) {
        Use::Content => (CONDITIONS, subject.version()),
        Use::Writes => (CONDITIONS, Told::Absent),
        Use::Copies => (COPY_CONDITIONS, Told::Absent),
        Use::Attributes | Use::Unknown => (&[][..], subject.version()),
        Use::Bucket => return Some(Answer::lives(Reason::NotConcerned)),
    };
    let lives = match (use_of(subject.operation()), version, object.is_versioned) {
        (Use::Writes, ..) => Answer::lives(Reason::WritesAnew),
        (_, Told::Value(_), Some(true) | None) => Answer::lives(Reason::VersionUntouched),
        _ => Answer::lives(Reason::ServesNewContent),
    };
    let guarded = guards.iter().fold(Truth::No, |guarded, header| {
        guarded.or(match subject.told(header) {
            Told::Value(_) => Truth::maybe(Condition::OtherContent, Grade::Inferred),
            Told::AskUrl => Truth::AskUrl,
            Told::Absent | Told::Open => Truth::No,
        })
    });
    let there = match use_of(subject.operation()) {
        Use::Copies => from(object, subject),
        _ => is_at(object, subject),
    };
    match there.and(guarded) {
        _ if there == Truth::AskUrl => None,
        _ if there == Truth::No => Some(Answer::lives(Reason::NotConcerned)),
        Truth::No => Some(lives),
        _ if lives.reason == Reason::VersionUntouched => Some(lives),
        fails => {
            let ends = Answer::ends(Reason::PreconditionFails, PRECONDITION_FAILED).reversible();
            ends.errors_graded(Grade::Inferred).if_so(fails, lives.reason)
        }
    }
}

/// Row w.
pub(super) fn archived(object: &Object, subject: Subject<'_>) -> Option<Answer> {
    let (there, version) = match (subject.operation(), use_of(subject.operation())) {
        (Operation::HeadObject, _) | (_, Use::Attributes) => {
            return Some(lives_at(object, subject, Reason::ArchiveReadable)?.graded(Grade::Inferred));
        }
        (_, Use::Content) => (is_at(object, subject), subject.version()),
        (_, Use::Copies) => match copied(subject) {
            Copied::Of { version, .. } => {
                let frozen = frozen(object, version.as_deref().map_or(Told::Absent, Told::Value));
                return frozen.graded(Grade::Inferred).if_so(from(object, subject), Reason::NotConcerned);
            }
            Copied::AskUrl => return None,
            Copied::Unreadable => (Truth::maybe(Condition::ReadsObject, Grade::Inferred), Told::Absent),
        },
        (_, Use::Writes) => return lives_at(object, subject, Reason::WritesAnew),
        (_, Use::Unknown) => {
            (is_at(object, subject).and(Truth::maybe(Condition::ReadsObject, Grade::Unconfirmed)), subject.version())
        }
        (_, Use::Bucket) => (Truth::No, Told::Absent),
    };
    match there {
        Truth::AskUrl => None,
        there => frozen(object, version).if_so(there, Reason::NotConcerned),
    }
}

fn frozen(object: &Object, version: Told<'_>) -> Answer {
    let ends = Answer::ends(Reason::ObjectArchived, INVALID_STATE).reversible();
    match (object.version_id.as_str(), version) {
        ("", Told::Value(_)) => ends.if_also(Condition::NamesThatVersion, Grade::Inferred),
        ("", _) => ends,
        (archived, Told::Value(named)) if archived == named => ends,
        (_, Told::Value(_)) => Answer::lives(Reason::VersionUntouched),
        (_, _) => ends.if_also(Condition::IsNewestVersion, Grade::Inferred),
    }
}

fn is_at(object: &Object, subject: Subject<'_>) -> Truth {
    reaches(&object.bucket, subject.bucket()).and(subject.keys().are(&object.key))
}

/// `None`: it depends on the URL whether it has to do with the object at all.
fn lives_at(object: &Object, subject: Subject<'_>, reason: Reason) -> Option<Answer> {
    match is_at(object, subject) {
        Truth::AskUrl => None,
        Truth::No => Some(Answer::lives(Reason::NotConcerned)),
        _ => Some(Answer::lives(reason)),
    }
}

fn from(object: &Object, subject: Subject<'_>) -> Truth {
    match copied(subject) {
        Copied::Of { bucket, key, .. } => reaches(&object.bucket, &bucket).and(Truth::of(object.key == key)),
        Copied::AskUrl => Truth::AskUrl,
        Copied::Unreadable => Truth::maybe(Condition::ReadsObject, Grade::Inferred),
    }
}

/// What a request copies from.
enum Copied {
    Of { bucket: String, key: String, version: Option<String> },
    Unreadable,
    AskUrl,
}

fn copied(subject: Subject<'_>) -> Copied {
    let Some(request) = subject.request() else {
        return Copied::AskUrl;
    };
    let version = request.headers().value("x-amz-copy-source").and_then(|source| source.split_once("?versionId="));
    let version = version.map(|(_, id)| id.to_owned());
    match request.copy_source() {
        Some((bucket, key)) => Copied::Of { bucket, key, version },
        None => Copied::Unreadable,
    }
}

/// What an operation wants of the object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// To read it.
    Content,
    /// To read or set what belongs to it.
    Attributes,
    /// To read another and write it.
    Copies,
    /// To write or remove it; it need not be there.
    Writes,
    Unknown,
    /// Nothing: it acts on the bucket.
    Bucket,
}

fn use_of(operation: Operation) -> Use {
    match operation {
        Operation::GetObject | Operation::HeadObject => Use::Content,
        Operation::GetObjectAttributes
        | Operation::GetObjectAcl
        | Operation::GetObjectTagging
        | Operation::GetObjectRetention
        | Operation::GetObjectLegalHold
        | Operation::PutObjectAcl
        | Operation::PutObjectTagging
        | Operation::PutObjectRetention
        | Operation::PutObjectLegalHold
        | Operation::DeleteObjectTagging
        | Operation::RestoreObject => Use::Attributes,
        Operation::CopyObject | Operation::UploadPartCopy => Use::Copies,
        Operation::PutObject
        | Operation::PostObject
        | Operation::DeleteObject
        | Operation::CreateMultipartUpload
        | Operation::UploadPart
        | Operation::CompleteMultipartUpload
        | Operation::AbortMultipartUpload
        | Operation::ListParts => Use::Writes,
        Operation::OtherObject => Use::Unknown,
        Operation::ListObjectsV2
        | Operation::ListObjectVersions
        | Operation::ListMultipartUploads
        | Operation::ListObjects
        | Operation::HeadBucket
        | Operation::DeleteObjects
        | Operation::OtherBucket => Use::Bucket,
    }
}

/// Signed, they bind the bearer to the content that was there.
const CONDITIONS: &[&str] = &["if-match", "if-unmodified-since"];
const COPY_CONDITIONS: &[&str] = &["x-amz-copy-source-if-match", "x-amz-copy-source-if-unmodified-since"];
const NO_SUCH_KEY: &[BearerError] =
    &[BearerError { code: "NoSuchKey", http_status: 404 }, BearerError { code: "AccessDenied", http_status: 403 }];
const NO_SUCH_VERSION: &[BearerError] = &[BearerError { code: "NoSuchVersion", http_status: 404 }];
const INVALID_STATE: &[BearerError] = &[BearerError { code: "InvalidObjectState", http_status: 403 }];
const PRECONDITION_FAILED: &[BearerError] = &[BearerError { code: "PreconditionFailed", http_status: 412 }];
