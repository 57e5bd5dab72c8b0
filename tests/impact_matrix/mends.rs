//! What would spare a URL that an event ends or may end: another session, another principal, a shorter life, or nothing.

use presignd::impact::event::{Policy, Principal, Statement, What};
use presignd::impact::mend::{Mend, mend};
use presignd::s3::operation::Operation;
use presignd::session::CredentialKind;
use presignd::time::Ttl;

use crate::made::*;

#[test]
fn advice_names_the_least_that_spares_the_new_url_and_says_nothing_does_where_the_event_is_for_everybody() {
    use CredentialKind::{AssumeRole, Ec2Instance, LongTermKey};
    let known = |arn, unique_id: &str| Principal { unique_id: unique_id.to_owned(), ..principal(arn) };
    let of_role = || principal(ROLE_ARN);
    let denied = |policy, principal: &str, age| What::Denied {
        statement: Statement { principal_arn: principal.to_owned(), ..statement(policy) },
        issued_before: None,
        signature_age: age,
    };
    let kms = What::KmsKeyDisabled { key_arn: "arn:k".into(), bucket: BUCKET.into(), key_prefix: String::new() };
    let mut wrong = Vec::new();
    for (kind, what, expected) in [
        (LongTermKey, What::KeyDeactivated { access_key_id: USER_KEY.into() }, Mend::OtherSession),
        (LongTermKey, What::UserDeleted(known(USER_ARN, USER_ID)), Mend::OtherPrincipal),
        (AssumeRole, What::SessionsRevoked { principal: of_role(), issued_before: at(0) }, Mend::OtherSession),
        (AssumeRole, What::SessionsRevoked { principal: of_role(), issued_before: at(-299) }, Mend::OtherSession),
        (AssumeRole, What::RoleDeleted(known(ROLE_ARN, ROLE_ID)), Mend::OtherPrincipal),
        (AssumeRole, denied(Policy::Bucket, SESSION_ARN, None), Mend::OtherSession),
        (AssumeRole, denied(Policy::Bucket, ROLE_ARN, None), Mend::OtherPrincipal),
        (Ec2Instance, denied(Policy::Bucket, ROLE_ARN, None), Mend::OtherPrincipal),
        (AssumeRole, denied(Policy::Bucket, "", None), Mend::Nothing),
        (AssumeRole, denied(Policy::Bucket, "*", None), Mend::Nothing),
        (AssumeRole, denied(Policy::Bucket, "", Some(seconds(700))), Mend::ShorterLife(seconds(700))),
        (AssumeRole, denied(Policy::Bucket, SESSION_ARN, Some(seconds(700))), Mend::OtherSession),
        (AssumeRole, denied(Policy::Scp, "", None), Mend::Nothing),
        (AssumeRole, denied(Policy::Scp, ACCOUNT, None), Mend::OtherPrincipal),
        (AssumeRole, What::BucketDeleted { bucket: BUCKET.into() }, Mend::Nothing),
        (LongTermKey, What::ObjectDeleted(object("", Some(false))), Mend::Nothing),
        (LongTermKey, kms, Mend::Nothing),
    ] {
        let (signed, event) = (signed(kind), event(what));
        let mut url = ask(Operation::GetObject).url();
        url.ttl = Ttl::new(3600).expect("within a week");
        let verdict = signed.ending(&event, &url).verdict;
        let found = mend(&event, signed.by(), &url, verdict);
        if found != expected {
            wrong.push(format!("{found:?} and not {expected:?} of {kind:?}, {verdict:?}: {event:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
