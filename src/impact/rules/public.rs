//! Row l: Block Public Access. A presigned request is authenticated, so it is concerned in three cases alone
//! (SEMANTICS.md 1.3 l).

use super::{ACCESS_DENIED, Answer};
use crate::impact::ending::{Grade, Verdict};
use crate::impact::event::PublicAccess;
use crate::impact::place::{Told, reaches};
use crate::impact::reason::{Condition, Reason};
use crate::impact::truth::Truth;
use crate::impact::{Lineage, Subject};
use crate::s3::operation::Operation;

/// Row l.
pub(super) fn blocked(bucket: &str, setting: PublicAccess, by: Lineage<'_>, subject: Subject<'_>) -> Option<Answer> {
    let there = reaches(bucket, subject.bucket());
    if there == Truth::No {
        return Some(Answer::lives(Reason::NotConcerned));
    }
    let (sets, acl, policy) = match setting {
        PublicAccess::BlockPublicPolicy => (false, false, false),
        PublicAccess::BlockPublicAcls => (true, false, false),
        PublicAccess::IgnorePublicAcls => (false, true, false),
        PublicAccess::RestrictPublicBuckets => (false, false, true),
        PublicAccess::All => (true, true, true),
    };
    let sets = if sets { sets_public_acl(subject) } else { Truth::No };
    let refused = Answer::ends(Reason::PublicAclRefused, ACCESS_DENIED).reversible();
    let refused = refused.errors_graded(Grade::Unconfirmed).if_so(there.and(sets), Reason::AuthenticatedRequest)?;
    let is_open = matches!(sets, Truth::Maybe(..));
    let cut = cut_off(acl, policy, is_open, by, subject)?;
    if refused.verdict == Verdict::Ends || cut.verdict == Verdict::Lives && refused.verdict == Verdict::MayEnd {
        return Some(refused);
    }
    cut.if_so(there, Reason::NotConcerned)
}

/// Who loses a right that rests on public grants. `is_open`: it may be that the request sets a public ACL, which is refused.
fn cut_off(acl: bool, policy: bool, is_open: bool, by: Lineage<'_>, subject: Subject<'_>) -> Option<Answer> {
    let ends = Answer::ends(Reason::PublicAccessBlocked, ACCESS_DENIED).reversible();
    let own_bucket = match subject.told("x-amz-expected-bucket-owner") {
        Told::AskUrl if policy => return None,
        Told::Value(owner) => owner == by.session.facts.account,
        Told::AskUrl | Told::Absent | Told::Open => false,
    };
    // The text grants it to the account's "authorized users"; whether a signer counts as one whose only Allow is the
    // public statement is not confirmed.
    let spared = Answer::lives(Reason::AuthenticatedRequest).graded(Grade::Unconfirmed);
    let condition = match (acl, policy && !own_bucket) {
        (true, true) if is_open => Condition::AclIsPublicOrOnlyPublicGrants,
        (true, false) if is_open => Condition::AclIsPublicOrOnlyPublicAcl,
        (true, true) => Condition::OnlyPublicGrants,
        (true, false) => Condition::OnlyPublicAcl,
        (false, true) => Condition::PublicPolicyAcrossAccounts,
        (false, false) if policy => return Some(spared),
        (false, false) => return Some(Answer::lives(Reason::AuthenticatedRequest)),
    };
    Some(ends.if_also(condition, Grade::Documented))
}

/// Whether the request sets an ACL that counts as public.
fn sets_public_acl(subject: Subject<'_>) -> Truth {
    let header = match subject.operation() {
        Operation::PutObject | Operation::CopyObject | Operation::CreateMultipartUpload => "x-amz-acl",
        Operation::PostObject => "acl",
        Operation::PutObjectAcl => "x-amz-acl",
        _ => return Truth::No,
    };
    let canned = match subject.told(header) {
        Told::Value(acl) => Truth::of(matches!(acl, "public-read" | "public-read-write" | "authenticated-read")),
        Told::Open => Truth::maybe(Condition::AclIsPublic, Grade::Documented),
        Told::AskUrl => Truth::AskUrl,
        // Without a header the ACL stands in the body.
        Told::Absent if subject.operation() == Operation::PutObjectAcl => {
            Truth::maybe(Condition::AclIsPublic, Grade::Documented)
        }
        Told::Absent => Truth::No,
    };
    GRANTS.iter().fold(canned, |found, grant| {
        found.or(match subject.told(grant) {
            Told::Value(grantees) => Truth::of(PUBLIC_GROUPS.iter().any(|group| grantees.contains(group))),
            Told::Open => Truth::maybe(Condition::AclIsPublic, Grade::Documented),
            Told::AskUrl => Truth::AskUrl,
            Told::Absent => Truth::No,
        })
    })
}

const GRANTS: &[&str] = &[
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
];
const PUBLIC_GROUPS: &[&str] = &["groups/global/AllUsers", "groups/global/AuthenticatedUsers"];
