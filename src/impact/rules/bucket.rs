//! Rows u, v, x and y: what happens to a bucket, an access point or an upload.

use super::{ACCESS_DENIED, Answer};
use crate::impact::ending::{BearerError, Grade};
use crate::impact::place::{Told, keeps_its_host, reaches};
use crate::impact::reason::{Condition, Reason};
use crate::impact::truth::Truth;
use crate::impact::{Lineage, Subject};
use crate::s3::operation::Operation;

/// Row u. A bucket of that name may be made again, by anybody, and the signature still fits.
pub(super) fn deleted(bucket: &str, subject: Subject<'_>) -> Option<Answer> {
    let copies = match subject.operation() {
        Operation::CopyObject | Operation::UploadPartCopy => match subject {
            Subject::Group { .. } => Truth::AskUrl,
            Subject::Url(_) => from_bucket(bucket, subject),
        },
        _ => Truth::No,
    };
    let gone = reaches(bucket, subject.bucket()).or(copies);
    Answer::ends(Reason::BucketDeleted, NO_SUCH_BUCKET).reversible().if_so(gone, Reason::NotConcerned)
}

fn from_bucket(bucket: &str, subject: Subject<'_>) -> Truth {
    let source = subject.request().and_then(|request| request.copy_source());
    source.map_or(Truth::No, |(own, _)| reaches(bucket, &own)).and(Truth::Yes(Grade::Inferred))
}

/// Row v. One that is made again under its name has the same host, but another alias.
pub(super) fn access_point_deleted(access_point: &str, subject: Subject<'_>) -> Option<Answer> {
    let ends = Answer::ends(Reason::AccessPointDeleted, NO_SUCH_ACCESS_POINT).graded(Grade::Inferred);
    let revives = keeps_its_host(access_point) && keeps_its_host(subject.bucket());
    let ends = if revives { ends.reversible() } else { ends };
    ends.errors_graded(Grade::Inferred).if_so(reaches(access_point, subject.bucket()), Reason::NotConcerned)
}

/// Row x. Whose the bucket is, only the expected owner in a request tells.
pub(super) fn requester_pays(bucket: &str, by: Lineage<'_>, subject: Subject<'_>) -> Option<Answer> {
    let offers = match subject.told("x-amz-request-payer") {
        Told::AskUrl => Truth::AskUrl,
        Told::Value(_) => Truth::YES,
        Told::Absent | Told::Open => Truth::No,
    };
    let foreign = match (subject.told("x-amz-expected-bucket-owner"), by.session.facts.account.as_str()) {
        (Told::AskUrl, _) => Truth::AskUrl,
        (Told::Value(owner), account) if !account.is_empty() => Truth::of(owner != account),
        _ => Truth::maybe(Condition::OthersBucket, Grade::Documented),
    };
    let there = reaches(bucket, subject.bucket());
    if there == Truth::No {
        return Some(Answer::lives(Reason::NotConcerned));
    }
    let ends = Answer::ends(Reason::RequesterMustPay, ACCESS_DENIED).reversible();
    match offers {
        Truth::No => ends.if_so(there.and(foreign), Reason::RequesterPays),
        Truth::AskUrl => None,
        Truth::Yes(_) | Truth::Maybe(..) => Some(Answer::lives(Reason::RequesterPays)),
    }
}

/// Row y. For operations other than uploads of parts the code is inferred; and whether an upload can be completed
/// twice is not known.
pub(super) fn upload_ended(bucket: &str, key: &str, upload_id: &str, subject: Subject<'_>) -> Option<Answer> {
    let ends = Answer::ends(Reason::UploadEnded, NO_SUCH_UPLOAD);
    let ends = match subject.operation() {
        Operation::UploadPart => ends,
        Operation::UploadPartCopy | Operation::ListParts | Operation::AbortMultipartUpload => {
            ends.graded(Grade::Inferred).errors_graded(Grade::Inferred)
        }
        Operation::CompleteMultipartUpload => {
            ends.errors_graded(Grade::Inferred).if_also(Condition::UploadForgotten, Grade::Unconfirmed)
        }
        _ => return Some(Answer::lives(Reason::NotConcerned)),
    };
    let upload = match (subject, subject.request().and_then(|request| request.parameter("uploadId"))) {
        _ if upload_id.is_empty() => Truth::YES,
        (Subject::Group { .. }, _) => Truth::AskUrl,
        (Subject::Url(_), own) => Truth::of(own == Some(upload_id)),
    };
    let there = reaches(bucket, subject.bucket()).and(subject.keys().are(key));
    ends.if_so(there.and(upload), Reason::NotConcerned)
}

const NO_SUCH_BUCKET: &[BearerError] = &[BearerError { code: "NoSuchBucket", http_status: 404 }];
const NO_SUCH_ACCESS_POINT: &[BearerError] = &[BearerError { code: "NoSuchAccessPoint", http_status: 404 }];
const NO_SUCH_UPLOAD: &[BearerError] = &[BearerError { code: "NoSuchUpload", http_status: 404 }];
