//! Row m: a KMS key is disabled, or the right to use it withdrawn. The registry does not know under which key an object
//! lies, only which one a request names.

use super::Answer;
use crate::impact::Subject;
use crate::impact::ending::{BearerError, Grade};
use crate::impact::place::{Told, reaches};
use crate::impact::reason::{Condition, Reason};
use crate::impact::truth::Truth;
use crate::s3::operation::Operation;

/// Row m. A bucket key lets S3 go on for a time that AWS does not tell, so the end of the interval is a guess.
pub(super) fn disabled(key_arn: &str, bucket: &str, key_prefix: &str, subject: Subject<'_>) -> Option<Answer> {
    let uses = match subject.operation() {
        Operation::GetObject | Operation::GetObjectAttributes => reads(subject),
        // Only one mode of HEAD is documented to need the key.
        Operation::HeadObject => match subject.told("x-amz-checksum-mode") {
            Told::AskUrl => Truth::AskUrl,
            Told::Value(_) => reads(subject),
            Told::Absent | Told::Open => reads(subject).and(Truth::maybe(Condition::HeadUsesKms, Grade::Unconfirmed)),
        },
        Operation::PutObject | Operation::PostObject | Operation::CreateMultipartUpload => writes(key_arn, subject),
        // The source may lie under the key as well as the target.
        Operation::CopyObject => match writes(key_arn, subject) {
            Truth::No => Truth::maybe(Condition::UsesThatKmsKey, Grade::Inferred),
            writes => writes,
        },
        Operation::UploadPart | Operation::UploadPartCopy | Operation::CompleteMultipartUpload => {
            Truth::maybe(Condition::UsesThatKmsKey, Grade::Documented)
        }
        Operation::RestoreObject | Operation::OtherObject => {
            Truth::maybe(Condition::UsesThatKmsKey, Grade::Unconfirmed)
        }
        Operation::GetObjectAcl
        | Operation::GetObjectTagging
        | Operation::GetObjectRetention
        | Operation::GetObjectLegalHold
        | Operation::ListParts
        | Operation::PutObjectAcl
        | Operation::PutObjectTagging
        | Operation::PutObjectRetention
        | Operation::PutObjectLegalHold
        | Operation::AbortMultipartUpload
        | Operation::DeleteObjectTagging
        | Operation::DeleteObject
        | Operation::ListObjectsV2
        | Operation::ListObjectVersions
        | Operation::ListMultipartUploads
        | Operation::ListObjects
        | Operation::HeadBucket
        | Operation::DeleteObjects
        | Operation::OtherBucket => Truth::No,
    };
    let there = place(bucket, key_prefix, subject);
    let reason = match there {
        Truth::No => Reason::NotConcerned,
        // It depends on the URL whether it has to do with that place at all.
        Truth::AskUrl => return None,
        _ => Reason::KmsNotUsed,
    };
    Answer::ends(Reason::KmsKeyUnusable, UNUSABLE).reversible().if_so(there.and(uses), reason)
}

/// A copy reads elsewhere, too.
fn place(bucket: &str, key_prefix: &str, subject: Subject<'_>) -> Truth {
    let there = reaches(bucket, subject.bucket()).and(subject.keys().begin_with(key_prefix));
    match (subject.operation(), subject) {
        (Operation::CopyObject | Operation::UploadPartCopy, Subject::Group { .. }) => there.or(Truth::AskUrl),
        (Operation::CopyObject | Operation::UploadPartCopy, Subject::Url(_)) => {
            let source = subject.request().and_then(|request| request.copy_source());
            let from = source
                .map_or(Truth::No, |(own, key)| reaches(bucket, &own).and(Truth::of(key.starts_with(key_prefix))));
            there.or(from)
        }
        _ => there,
    }
}

fn reads(subject: Subject<'_>) -> Truth {
    match subject.told("x-amz-server-side-encryption-customer-algorithm") {
        Told::AskUrl => Truth::AskUrl,
        Told::Value(_) => Truth::No,
        Told::Absent | Told::Open => Truth::maybe(Condition::UsesThatKmsKey, Grade::Documented),
    }
}

/// What is written lies under the key that the request names, else under the bucket's own.
fn writes(key_arn: &str, subject: Subject<'_>) -> Truth {
    let maybe = Truth::maybe(Condition::UsesThatKmsKey, Grade::Documented);
    if subject.told("x-amz-server-side-encryption-customer-algorithm") != Told::Absent {
        return if matches!(subject, Subject::Group { .. }) { Truth::AskUrl } else { Truth::No };
    }
    match (subject.told("x-amz-server-side-encryption"), subject.told("x-amz-server-side-encryption-aws-kms-key-id")) {
        (Told::AskUrl, _) | (_, Told::AskUrl) => Truth::AskUrl,
        (Told::Value("AES256"), _) => Truth::No,
        (_, Told::Value(named)) if named == key_arn => Truth::YES,
        (_, Told::Value(named)) if named.contains(":alias/") || named.starts_with("alias/") => maybe,
        // A bare id is of the key's own account and region, or of another.
        (_, Told::Value(named)) if !named.starts_with("arn:") => match key_arn.rsplit('/').next() {
            Some(id) if id == named => Truth::Yes(Grade::Inferred),
            _ => Truth::No,
        },
        (_, Told::Value(_)) => Truth::No,
        (_, Told::Absent | Told::Open) => maybe,
    }
}

/// The first two of a key that is disabled or otherwise unusable, the last of a right withdrawn.
const UNUSABLE: &[BearerError] = &[
    BearerError { code: "KMS.DisabledException", http_status: 400 },
    BearerError { code: "KMS.KMSInvalidStateException", http_status: 400 },
    BearerError { code: "AccessDenied", http_status: 403 },
];
