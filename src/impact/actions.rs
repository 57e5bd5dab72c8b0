//! Which IAM actions a request needs (SEMANTICS.md 6.4), and whether a statement's patterns name one of them.

use super::Subject;
use super::ending::Grade;
use super::event::Statement;
use super::place::{Told, reaches};
use super::reason::Condition;
use super::truth::Truth;
use crate::s3::operation::Operation;

/// One right that a request needs.
struct Need {
    /// Without versionId.
    plain: &'static str,
    /// With versionId; the same name where the version changes nothing.
    versioned: &'static str,
    on: On,
    when: When,
    grade: Grade,
}

/// What the right is needed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    /// The bucket and key of the request.
    Target,
    /// What `x-amz-copy-source` names.
    Source,
    /// The KMS key, if there is one.
    Kms,
}

/// When it is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// If one of these headers (or fields, or parameters) is sent.
    Sends(&'static [&'static str]),
    /// Possibly, if one of these is sent: no source says.
    MaybeSends(&'static [&'static str]),
    /// Nothing in the request tells.
    Perhaps(Condition),
}

/// Whether one of the statement's actions, on its bucket and keys, is a right that the request needs. `kms`: whether
/// the statement stands where it can speak of KMS keys.
pub(super) fn speaks_of(statement: &Statement, subject: Subject<'_>, kms: bool) -> Truth {
    let actions = &statement.actions;
    if matches!(subject.operation(), Operation::OtherObject | Operation::OtherBucket) {
        return unlisted(actions).and(target(statement, subject));
    }
    let mut found = Truth::No;
    for need in needs(subject.operation()) {
        let place = match need.on {
            On::Target => target(statement, subject),
            On::Source => source(statement, subject),
            On::Kms if kms && statement.bucket.is_empty() && statement.keys_begin().is_empty() => Truth::YES,
            On::Kms => Truth::No,
        };
        found = found.or(named(actions, &need, subject).and(place).and(needed(need.when, need.grade, subject)));
    }
    found
}

/// Whether a list of patterns names an action; the empty list names all.
pub(super) fn names(patterns: &[String], action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    patterns.is_empty() || patterns.iter().any(|pattern| glob(&pattern.to_ascii_lowercase(), &action))
}

/// `*` for any characters, `?` for one.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(sign) if *sign == '?' || *sign == text[seen] => {
                at += 1;
                seen += 1;
            }
            // Let the last star take one character more.
            _ => match star {
                Some((back, taken)) => {
                    star = Some((back, taken + 1));
                    (at, seen) = (back + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|sign| *sign == '*')
}

/// The one action by which a Deny stops the URL: the first that it needs on its own bucket and key.
pub(super) fn main_action(subject: Subject<'_>) -> Option<&'static str> {
    let need =
        needs(subject.operation()).into_iter().find(|need| need.when == When::Always && need.on == On::Target)?;
    Some(if matches!(subject.version(), Told::Value(_)) { need.versioned } else { need.plain })
}

fn named(actions: &[String], need: &Need, subject: Subject<'_>) -> Truth {
    // A statement that names no action rests on no name of one.
    let grade = if actions.is_empty() || all_of_s3(actions) { Grade::Documented } else { need.grade };
    let of = |action: &str| if names(actions, action) { Truth::Yes(grade) } else { Truth::No };
    let version = if need.on == On::Source { source_version(subject) } else { subject.version() };
    match version {
        _ if of(need.plain) == of(need.versioned) => of(need.plain),
        Told::Value(_) => of(need.versioned),
        Told::Absent => of(need.plain),
        Told::Open => Truth::maybe(Condition::NeedsAction, grade),
        Told::AskUrl => Truth::AskUrl,
    }
}

fn needed(when: When, grade: Grade, subject: Subject<'_>) -> Truth {
    let (headers, certain) = match when {
        When::Always => return Truth::YES,
        When::Perhaps(condition) => return Truth::maybe(condition, grade),
        When::Sends(headers) => (headers, true),
        When::MaybeSends(headers) => (headers, false),
    };
    headers.iter().fold(Truth::No, |sent, header| {
        sent.or(match subject.told(header) {
            Told::Value(_) if certain => Truth::YES,
            Told::Value(_) | Told::Open => Truth::maybe(Condition::NeedsAction, grade),
            Told::Absent => Truth::No,
            Told::AskUrl => Truth::AskUrl,
        })
    })
}

fn target(statement: &Statement, subject: Subject<'_>) -> Truth {
    let keys = subject.keys();
    let there =
        if statement.key.is_empty() { keys.begin_with(&statement.key_prefix) } else { keys.are(&statement.key) };
    reaches(&statement.bucket, subject.bucket()).and(there)
}

fn source(statement: &Statement, subject: Subject<'_>) -> Truth {
    if statement.bucket.is_empty() && statement.keys_begin().is_empty() {
        return Truth::YES;
    }
    match (subject, subject.request().map(crate::s3::request::Request::copy_source)) {
        (Subject::Group { .. }, _) => Truth::AskUrl,
        (_, Some(Some((bucket, key)))) => reaches(&statement.bucket, &bucket).and(Truth::of(statement.has_key(&key))),
        // A source that cannot be read may be any.
        _ => Truth::maybe(Condition::NeedsAction, Grade::Inferred),
    }
}

fn source_version(subject: Subject<'_>) -> Told<'_> {
    match subject.told("x-amz-copy-source") {
        Told::Value(source) => source.split_once("?versionId=").map_or(Told::Absent, |(_, id)| Told::Value(id)),
        other => other,
    }
}

/// A sub-resource without a row here: only a statement about everything surely speaks of it.
fn unlisted(actions: &[String]) -> Truth {
    let of_s3 = |pattern: &String| {
        let pattern = pattern.to_ascii_lowercase();
        pattern.starts_with('*') || pattern.split_once(':').is_some_and(|(service, _)| glob(service, "s3"))
    };
    if actions.is_empty() || all_of_s3(actions) {
        Truth::YES
    } else if actions.iter().any(of_s3) {
        Truth::maybe(Condition::NeedsAction, Grade::Unconfirmed)
    } else {
        Truth::No
    }
}

fn all_of_s3(actions: &[String]) -> bool {
    actions.iter().any(|pattern| pattern == "*" || pattern.eq_ignore_ascii_case("s3:*"))
}

/// What the request needs beside KMS's rights first, then those. Rows that SEMANTICS.md 6.4 leaves without a source are
/// graded as unconfirmed.
fn needs(operation: Operation) -> Vec<Need> {
    use Grade::{Documented as D, Inferred as I, Unconfirmed as U};
    use On::{Kms, Source, Target};
    use When::{Always, MaybeSends, Perhaps, Sends};
    let need = |plain, versioned, on, when, grade| Need { plain, versioned, on, when, grade };
    let one = |plain, versioned, grade| vec![need(plain, versioned, Target, Always, grade)];
    let same = |action, grade| one(action, action, grade);
    let also = |action, when, grade| need(action, action, Target, when, grade);
    let kms = |action, condition, grade| need(action, action, Kms, Perhaps(condition), grade);
    let get = || need("s3:GetObject", "s3:GetObjectVersion", Target, Always, D);
    let put = || need("s3:PutObject", "s3:PutObject", Target, Always, D);
    let read = || need("s3:GetObject", "s3:GetObjectVersion", Source, Always, D);
    let decrypt = || kms("kms:Decrypt", Condition::UsesKms, D);
    let generate = || kms("kms:GenerateDataKey", Condition::UsesKms, D);
    match operation {
        Operation::GetObject => vec![get(), decrypt()],
        // That a HEAD needs the key is documented only for one mode of it (SEMANTICS.md 1.3 m).
        Operation::HeadObject => vec![get(), kms("kms:Decrypt", Condition::HeadUsesKms, U)],
        Operation::GetObjectAttributes => {
            let attributes = ("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes");
            vec![get(), need(attributes.0, attributes.1, Target, Always, D), decrypt()]
        }
        Operation::GetObjectAcl => one("s3:GetObjectAcl", "s3:GetObjectVersionAcl", U),
        Operation::PutObjectAcl => one("s3:PutObjectAcl", "s3:PutObjectVersionAcl", U),
        Operation::GetObjectTagging => one("s3:GetObjectTagging", "s3:GetObjectVersionTagging", D),
        Operation::PutObjectTagging => one("s3:PutObjectTagging", "s3:PutObjectVersionTagging", D),
        Operation::DeleteObjectTagging => one("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", D),
        Operation::GetObjectRetention => same("s3:GetObjectRetention", U),
        Operation::PutObjectRetention => same("s3:PutObjectRetention", U),
        Operation::GetObjectLegalHold => same("s3:GetObjectLegalHold", U),
        Operation::PutObjectLegalHold => same("s3:PutObjectLegalHold", U),
        Operation::RestoreObject => same("s3:RestoreObject", U),
        Operation::DeleteObject => one("s3:DeleteObject", "s3:DeleteObjectVersion", D),
        Operation::PutObject | Operation::PostObject => vec![
            put(),
            also("s3:PutObjectAcl", Sends(ACL), D),
            also("s3:PutObjectTagging", Sends(TAGGING), D),
            also("s3:PutObjectRetention", MaybeSends(RETENTION), U),
            also("s3:PutObjectLegalHold", MaybeSends(LEGAL_HOLD), U),
            generate(),
        ],
        Operation::CreateMultipartUpload => vec![
            put(),
            also("s3:PutObjectAcl", MaybeSends(ACL), I),
            also("s3:PutObjectTagging", MaybeSends(TAGGING), I),
            also("s3:PutObjectRetention", MaybeSends(RETENTION), U),
            also("s3:PutObjectLegalHold", MaybeSends(LEGAL_HOLD), U),
            generate(),
            decrypt(),
        ],
        Operation::UploadPart | Operation::CompleteMultipartUpload => vec![put(), generate(), decrypt()],
        Operation::UploadPartCopy => vec![put(), read(), generate(), decrypt()],
        Operation::CopyObject => vec![
            put(),
            read(),
            also("s3:PutObjectAcl", MaybeSends(ACL), I),
            also("s3:PutObjectTagging", Perhaps(Condition::NeedsAction), I),
            need("s3:GetObjectTagging", "s3:GetObjectVersionTagging", Source, Perhaps(Condition::NeedsAction), I),
            generate(),
            decrypt(),
        ],
        Operation::AbortMultipartUpload => same("s3:AbortMultipartUpload", D),
        Operation::ListParts => same("s3:ListMultipartUploadParts", D),
        Operation::ListMultipartUploads => same("s3:ListBucketMultipartUploads", D),
        Operation::ListObjects | Operation::ListObjectsV2 | Operation::HeadBucket => same("s3:ListBucket", D),
        Operation::ListObjectVersions => same("s3:ListBucketVersions", D),
        Operation::DeleteObjects => one("s3:DeleteObject", "s3:DeleteObjectVersion", U),
        Operation::OtherObject | Operation::OtherBucket => Vec::new(),
    }
}

/// Headers of a request; forms call the first `acl`.
const ACL: &[&str] = &[
    "x-amz-acl",
    "acl",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
];
const TAGGING: &[&str] = &["x-amz-tagging", "tagging"];
const RETENTION: &[&str] = &["x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"];
const LEGAL_HOLD: &[&str] = &["x-amz-object-lock-legal-hold"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_as_iam_reads_them() {
        let table = [
            ("s3:GetObject", "s3:GetObject", true),
            ("S3:getobject", "s3:GetObject", true),
            ("s3:GetObject", "s3:GetObjectVersion", false),
            ("s3:GetObject*", "s3:GetObjectVersion", true),
            ("s3:*Object", "s3:GetObject", true),
            ("s3:*Object", "s3:GetObjectAcl", false),
            ("s3:?etObject", "s3:GetObject", true),
            ("s3:?GetObject", "s3:GetObject", false),
            ("*", "s3:GetObject", true),
            ("s3:*Obj*Ver*", "s3:GetObjectVersion", true),
            ("kms:*", "s3:GetObject", false),
            ("", "s3:GetObject", false),
        ];
        for (pattern, action, named) in table {
            assert_eq!(names(&[pattern.to_owned()], action), named, "{pattern} {action}");
        }
        assert!(names(&[], "s3:GetObject"), "no pattern names all");
    }
}
