//! From when on a renewal mends what befell a session, and what is known of the session that follows: of which role, of which
//! kind and by which name it is.

use presignd::impact::event::{Event, Policy, Principal, Statement, What};
use presignd::impact::outage::{Holder, Lends, Loss, Outage, Recovery, Source, outages};
use presignd::session::{CredentialKind, Session};
use presignd::signer::realm::Realm;
use presignd::time::Timestamp;

use crate::made::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/path/Signer";

fn assumed(role_arn: Option<&str>) -> Source<'_> {
    Source::Minted { kind: CredentialKind::AssumeRole, base: None, role_arn }
}

/// What is said at [`AT`] of one identity and an event of that instant.
fn told(
    source: Source<'_>,
    session: Option<&Session>,
    last: Option<&Session>,
    happens: i64,
    what: What,
) -> Vec<Outage> {
    let (name, aws) = (identity("web"), Realm::parse("aws").expect("a partition"));
    let holder = Holder {
        renews_at: None,
        identity: &name,
        source,
        signs_for: &aws,
        session,
        last,
        parent: None,
        lends: Lends::Whatever,
        dead: None,
        returns: None,
    };
    outages(&Event { at: at(happens), ..event(what) }, &[holder], at(AT))
}

fn denied(principal_arn: &str) -> Statement {
    Statement { principal_arn: principal_arn.to_owned(), bucket: BUCKET.to_owned(), ..statement(Policy::Bucket) }
}

/// The session of a role, which ends in half an hour.
fn role_session() -> Session {
    let mut session = signed(CredentialKind::AssumeRole).session;
    session.facts.expires_at = Some(at(AT + 1800));
    session
}

/// STS dates its answer in whole seconds somewhere within the call, which may take ten.
#[test]
fn renewing_mends_from_when_on_a_session_is_surely_issued_late_enough() {
    let before = |before: i64| What::Denied {
        statement: denied(ROLE_ARN),
        issued_before: Some(at(before)),
        signature_age: None,
    };
    let revoked = |before: i64| What::SessionsRevoked { principal: principal(ROLE_ARN), issued_before: at(before) };
    let session = role_session();
    for (what, from) in [
        (revoked(AT + 30), AT + 42),
        (revoked(AT), AT + 12),
        (before(AT + 30), AT + 42),
        (What::RoleRecreated(principal(ROLE_ARN)), AT + 12),
        // Nothing about when it was issued.
        (deny(denied(SESSION_ARN)), AT),
    ] {
        let told = told(assumed(Some(ROLE)), Some(&session), None, AT, what.clone());
        let of = vec![identity("web")];
        assert_eq!(told.len(), 1, "{what:?}");
        assert_eq!(told[0].recovery, Recovery::Renewal { of, from: at(from) }, "{what:?}");
    }
}

#[test]
fn a_session_that_follows_the_making_anew_of_its_role_is_of_the_new_one_and_no_other() {
    let known = || What::RoleRecreated(Principal { arn: ROLE_ARN.to_owned(), unique_id: ROLE_ID.to_owned() });
    let session = role_session();
    let of_none_now = told(assumed(Some(ROLE)), None, Some(&session), AT, known());
    assert!(of_none_now.is_empty(), "what it gets now is of the new role: {of_none_now:?}");
    let later = told(assumed(Some(ROLE)), Some(&session), None, AT + 7200, known());
    let told: Vec<(Loss, Option<Timestamp>, bool)> =
        later.iter().map(|one| (one.loss, one.at, one.is_mended_by_renewal())).collect();
    assert_eq!(
        told,
        [(Loss::DeadLinks, Some(at(AT + 7200)), true)],
        "by then it has renewed, before the role was gone"
    );
}

#[test]
fn a_source_that_names_its_sessions_itself_gives_the_next_the_same_name() {
    let session = role_session();
    let of = |source| told(source, Some(&session), None, AT + 7200, deny(denied(SESSION_ARN))).len();
    assert_eq!((of(Source::Read), of(assumed(Some(ROLE)))), (1, 0));
}

#[test]
fn a_last_session_of_another_account_or_kind_than_the_configuration_says_by_now_tells_nothing() {
    let mut elsewhere = role_session();
    elsewhere.facts.account = "999999999999".to_owned();
    elsewhere.facts.principal_arn = "arn:aws:sts::999999999999:assumed-role/Signer/presignd-1".to_owned();
    let of_account = |account: &str| {
        let what = deny(denied(&format!("arn:aws:iam::{account}:role/Signer")));
        told(assumed(Some(ROLE)), None, Some(&elsewhere), AT, what).len()
    };
    assert_eq!((of_account("999999999999"), of_account(ACCOUNT)), (0, 1));
    // Of a user's session that was, nothing follows for the federated one that comes: whose that is, nobody knows.
    let token = signed(CredentialKind::SessionToken).session;
    let of_kind = |kind| {
        let source = Source::Minted { kind, base: None, role_arn: None };
        let told = told(source, None, Some(&token), AT, deny(denied(USER_ARN)));
        told.iter().map(Outage::is_certain).collect::<Vec<_>>()
    };
    assert_eq!(of_kind(CredentialKind::SessionToken), [true]);
    assert_eq!(of_kind(CredentialKind::FederationToken), [false]);
}

#[test]
fn who_gets_no_next_session_is_not_said_to_sign_dead_links_with_it() {
    let (names, aws) = (["key", "token"].map(identity), Realm::parse("aws").expect("a partition"));
    let (key, token) = (signed(CredentialKind::LongTermKey).session, signed(CredentialKind::SessionToken).session);
    let of = |happens: i64| {
        let base = Holder {
            renews_at: None,
            identity: &names[0],
            source: Source::Read,
            signs_for: &aws,
            session: Some(&key),
            last: None,
            parent: None,
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        };
        let source = Source::Minted { kind: CredentialKind::SessionToken, base: Some(&names[0]), role_arn: None };
        let based =
            Holder { identity: &names[1], source, session: None, last: Some(&token), parent: Some(&key), ..base };
        let event = Event { at: at(happens), ..event(What::UserDeleted(principal(USER_ARN))) };
        let told = outages(&event, &[base, based], at(AT));
        told.into_iter().filter(|one| one.identity == names[1]).map(|one| (one.loss, one.at)).collect::<Vec<_>>()
    };
    assert_eq!(of(AT), [(Loss::NoSession, None)], "its user is gone, and so is whoever would mint");
    assert_eq!(of(AT + 60), [(Loss::DeadLinks, Some(at(AT + 60)))], "until then it may get one");
}
