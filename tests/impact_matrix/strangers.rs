//! Identities for which the default chain mints with credentials of which nobody told whose they are.

use presignd::impact::event::{Policy, Principal, Statement, What};
use presignd::impact::outage::{Holder, Lends, Loss, Outage, Source, outages};
use presignd::impact::reason::Condition;
use presignd::session::{CredentialKind, Session};

use crate::made::*;
use crate::outages::{aws, role};

/// Of an identity that has this session.
fn with_session(session: &Session, what: What) -> Vec<Outage> {
    let holder = Holder {
        renews_at: None,
        identity: &identity("web"),
        source: Source::Minted { kind: CredentialKind::AssumeRole, base: None, role_arn: None },
        signs_for: &aws(),
        session: Some(session),
        last: None,
        parent: None,
        lends: Lends::Whatever,
        dead: None,
        returns: None,
    };
    outages(&event(what), &[holder], at(AT))
}

#[test]
fn whoever_is_minted_with_a_key_of_nobody_knows_which_user_may_stop_with_any_user_and_with_no_role() {
    let session = signed(CredentialKind::AssumeRole).session;
    let told = |whose| with_session(&session, What::UserDeleted(whose));
    for arn in [USER_ARN, "arn:aws:iam::999999999999:user/elsewhere"] {
        let [outage] = &told(principal(arn))[..] else { panic!("{arn}") };
        let conditions: Vec<_> = outage.conditions.iter().collect();
        assert_eq!((outage.loss, &conditions[..]), (Loss::NoSession, &[Condition::MintsWithKeyOfUser][..]));
    }
    assert_eq!(told(role("Signer")), []);
    let unnamed = Principal { arn: String::new(), unique_id: "AROASOMEBODY".to_owned() };
    assert_eq!(told(unnamed), []);
}

#[test]
fn whoever_is_minted_with_credentials_of_nobody_knows_whom_may_stop_if_they_fall_under_the_event() {
    let told = |minted_by: &str, what: What| -> Vec<Vec<Condition>> {
        let mut session = signed(CredentialKind::AssumeRole).session;
        session.facts.parent_access_key_id = minted_by.to_owned();
        let all = with_session(&session, what);
        all.iter().filter(|one| one.loss == Loss::NoSession).map(|one| one.conditions.iter().collect()).collect()
    };
    let of = |policy, principal_arn: &str, action: &str| {
        let (principal_arn, actions) = (principal_arn.to_owned(), vec![action.to_owned()]);
        deny(Statement { principal_arn, actions, ..statement(policy) })
    };
    let elsewhere = "arn:aws:iam::111122223333:role/Elsewhere";
    let (user, nobody) = ("arn:aws:iam::111122223333:user/elsewhere", "");
    let revoked = What::SessionsRevoked { principal: principal(elsewhere), issued_before: at(AT) };
    use Condition::{MemberAccount, MinterFallsUnder};
    let (falls, both): (&'static [_], &'static [_]) = (&[MinterFallsUnder], &[MinterFallsUnder, MemberAccount]);
    type Wanted = Option<&'static [Condition]>;
    let table: [(What, Wanted, Wanted); 12] = [
        (of(Policy::Scp, nobody, "sts:*"), Some(both), Some(both)),
        (of(Policy::Scp, nobody, "sts:GetSessionToken"), None, None),
        (of(Policy::Scp, nobody, "s3:*"), None, None),
        (of(Policy::Rcp, nobody, "sts:*"), Some(&[MemberAccount]), Some(&[MemberAccount])),
        (of(Policy::Bucket, nobody, "*"), None, None),
        (of(Policy::Identity, user, "sts:AssumeRole"), Some(falls), Some(falls)),
        (of(Policy::Identity, elsewhere, "sts:AssumeRole"), None, Some(falls)),
        (of(Policy::Scp, ROLE_ARN, "sts:*"), None, None),
        (What::RoleDeleted(principal(elsewhere)), None, Some(falls)),
        (revoked, None, Some(falls)),
        (What::RoleDeleted(role("Signer")), None, None),
        (What::SessionInvalidated { access_key_id: "ASIAOTHER".into(), expired: false }, None, None),
    ];
    for (what, by_key, by_session) in table {
        for (minted_by, wanted) in [("AKIASTRANGER", by_key), ("ASIASTRANGER", by_session)] {
            let wanted: Vec<Vec<Condition>> = wanted.map(<[_]>::to_vec).into_iter().collect();
            assert_eq!(told(minted_by, what.clone()), wanted, "{minted_by}: {what:?}");
        }
    }
}
