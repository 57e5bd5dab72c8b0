//! Rows j, k and o: an Allow is taken away, or an explicit Deny stands in a policy (SEMANTICS.md 1.4, 6.1).
//!
//! A Deny is answered exactly, because it wins whatever other policies say. The loss of an Allow is not.

use std::time::Duration;

use super::principal::issued_before;
use super::{ACCESS_DENIED, Answer, When};
use crate::impact::ending::{Grade, Verdict};
use crate::impact::event::{Policy, Statement};
use crate::impact::principal::{Nature, has_principal_arn, has_userid, is_named, is_named_by_bucket, is_root, nature};
use crate::impact::reason::{Condition, Reason};
use crate::impact::truth::Truth;
use crate::impact::{Lineage, Subject, actions};
use crate::time::Timestamp;

/// Rows k and o.
pub(super) fn denied(
    statement: &Statement,
    before: Option<Timestamp>,
    signature_age: Option<Duration>,
    by: Lineage<'_>,
    subject: Subject<'_>,
) -> Option<Answer> {
    let facts = &by.session.facts;
    let signer = match signer(statement, by) {
        Ok(signer) => signer,
        Err(lives) => return Some(lives),
    };
    let issued = before.map_or(Truth::YES, |before| issued_before(facts, before));
    if issued == Truth::No {
        let long_term = matches!(nature(facts), Nature::UserKey | Nature::RootKey);
        return Some(Answer::lives(if long_term { Reason::LongTermKeySpared } else { Reason::IssuedAfterRevocation }));
    }
    let told = signer.and(issued).and(speaks(statement, subject));
    let mut ends = Answer::ends(Reason::Denied, ACCESS_DENIED).reversible();
    if let Some(age) = signature_age {
        ends.reason = Reason::SignatureTooOld;
        match subject {
            Subject::Url(url) => ends = ends.when(When::From(url.signed_at + age)),
            // Each URL has an instant of its own.
            Subject::Group { .. } if told != Truth::No => return None,
            Subject::Group { .. } => {}
        }
    }
    guarded(ends, statement.policy).if_so(told, Reason::NotMatched)
}

/// Rows j and o. Removing `s3:ListBucket` alone ends no read: it only turns 404 into 403.
pub(super) fn allow_removed(statement: &Statement, by: Lineage<'_>, subject: Subject<'_>) -> Option<Answer> {
    let signer = match signer(statement, by) {
        Ok(signer) => signer,
        Err(lives) => return Some(lives),
    };
    let told = signer.and(speaks(statement, subject));
    let ends = Answer::ends(Reason::AllowRemoved, ACCESS_DENIED).reversible();
    let ends = ends.if_also(Condition::NoOtherAllow, Grade::Documented);
    guarded(ends, statement.policy).if_so(told, Reason::NotMatched)
}

/// Whether the statement speaks of the session; an error is the answer for one that it cannot bind.
pub(super) fn signer(statement: &Statement, by: Lineage<'_>) -> Result<Truth, Answer> {
    let facts = &by.session.facts;
    let principal = match statement.policy {
        Policy::Identity | Policy::Boundary if is_root(by) => return Err(Answer::lives(Reason::RootExempt)),
        Policy::Bucket => is_named_by_bucket(&statement.principal_arn, by),
        Policy::Identity | Policy::Boundary => is_named(&statement.principal_arn, by),
        Policy::Scp | Policy::Rcp => has_principal_arn(&statement.principal_arn, by),
    };
    match principal.and(has_userid(&statement.userid, facts)) {
        Truth::No => Err(Answer::lives(Reason::NotMatched)),
        truth => Ok(truth),
    }
}

fn speaks(statement: &Statement, subject: Subject<'_>) -> Truth {
    // A bucket's policy cannot name KMS's actions.
    actions::speaks_of(statement, subject, statement.policy != Policy::Bucket)
}

/// Guardrails of an organisation spare its management account, and what is in it.
fn guarded(ends: Answer, policy: Policy) -> Answer {
    debug_assert_ne!(ends.verdict, Verdict::Lives);
    match policy {
        Policy::Bucket | Policy::Identity | Policy::Boundary => ends,
        Policy::Scp => ends.if_also(Condition::MemberAccount, Grade::Field),
        Policy::Rcp => ends.if_also(Condition::MemberBucket, Grade::Documented),
    }
}
