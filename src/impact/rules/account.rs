//! Row z: an account is closed or suspended. S3 has codes for such states; when it uses them is not confirmed.

use super::{Answer, When};
use crate::impact::ending::{BearerError, Conditions, Grade};
use crate::impact::place::Told;
use crate::impact::principal::{Arn, of_account};
use crate::impact::reason::{Condition, Reason};
use crate::impact::truth::Truth;
use crate::impact::{Lineage, Subject};

/// The account may be the signer's or the bucket's.
pub(super) fn closed(account: &str, by: Lineage<'_>, subject: Subject<'_>) -> Option<Answer> {
    let ends = Answer::ends(Reason::AccountClosed, SHUT_OUT).reversible().when(When::Untold);
    let ends = ends.if_also(Condition::AccountShutOut, Grade::Unconfirmed);
    ends.if_so(of_account(account, &by.session.facts).or(owns(account, subject)), Reason::NotConcerned)
}

/// Whether the bucket is of that account. An access point may lead to a bucket of another one.
fn owns(account: &str, subject: Subject<'_>) -> Truth {
    let point = Arn::parse(subject.bucket()).map(|arn| arn.account);
    match subject.told("x-amz-expected-bucket-owner") {
        _ if point == Some(account) => Truth::YES,
        Told::Value(owner) => Truth::of(owner == account),
        Told::AskUrl => Truth::AskUrl,
        Told::Absent | Told::Open => Truth::Maybe(Conditions::of(Condition::BucketOfAccount), Grade::Unconfirmed),
    }
}

const SHUT_OUT: &[BearerError] = &[
    BearerError { code: "AccountProblem", http_status: 403 },
    BearerError { code: "AllAccessDisabled", http_status: 403 },
    BearerError { code: "NotSignedUp", http_status: 403 },
];
