//! Whose next session cannot be had already, before the event: what the event ends costs him none.

use std::sync::Arc;

use presignd::impact::event::{Policy, Principal, Statement, What};
use presignd::impact::outage::{Holder, Lends, Loss, Recovery, Source, outages};
use presignd::session::CredentialKind;
use presignd::signer::realm::Realm;

use crate::made::*;

#[test]
fn whoever_is_based_on_an_identity_that_can_lend_nothing_loses_no_session_that_would_have_come() {
    let (names, aws) = (["store", "hop", "on"].map(identity), Realm::parse("aws").expect("a partition"));
    let key = signed(CredentialKind::LongTermKey).session;
    let told = |lends, signs: bool, what: &What| {
        let (hop, on) = (signed(CredentialKind::AssumeRole).session, chained().session);
        let role =
            |base| Source::Minted { kind: CredentialKind::AssumeRole, base: Some(base), role_arn: Some(ROLE_ARN) };
        let source = Source::Read;
        let base = Holder {
            identity: &names[0],
            source,
            signs_for: &aws,
            session: None,
            last: Some(&key),
            parent: None,
            renews_at: None,
            lends,
            dead: None,
            returns: None,
        };
        let lends = Lends::Whatever;
        let session = Some(&hop).filter(|_| signs);
        let (last, parent) = (Some(&hop).filter(|_| !signs), Some(&key));
        let hop = Holder { identity: &names[1], source: role(&names[0]), session, last, parent, lends, ..base };
        let on = Holder { identity: &names[2], source: role(&names[1]), session: None, last: Some(&on), ..hop };
        let all = outages(&event(what.clone()), &[base, hop, on], at(AT));
        all.iter().map(|one| (one.identity.to_string(), one.loss, one.recovery.clone())).collect::<Vec<_>>()
    };
    let dies = What::KeyDeleted { access_key_id: key.facts.access_key_id.clone() };
    let role = || Principal { arn: ROLE_ARN.into(), unique_id: String::new() };
    let (deleted, trust) = (What::RoleDeleted(role()), What::TrustPolicyChanged(role()));
    for what in [&dies, &deleted, &trust] {
        assert_eq!(told(Lends::Nothing, false, what), [], "{what:?}: nobody would have had another");
    }
    assert_eq!(told(Lends::Nothing, true, &dies), [], "it runs out in any case, and so does what it lends");
    assert_eq!(told(Lends::Whatever, false, &dies), [], "nobody knows of a key that comes");
    let lost = |name: &str| (name.to_owned(), Loss::NoSession, Recovery::None);
    let keys = [Arc::new(key.clone())];
    assert_eq!(told(Lends::Keys(&keys), false, &dies), [lost("hop"), lost("on")], "it may come to lend that key");
    let all = told(Lends::Nothing, true, &deleted);
    assert_eq!(all[0], ("hop".to_owned(), Loss::DeadLinks, Recovery::None), "nothing renews what it signs with");
}

#[test]
fn an_identity_without_a_session_whose_user_is_deleted_gets_none_and_signs_no_dead_links() {
    let (name, aws) = (identity("gst"), Realm::parse("aws").expect("a partition"));
    let (key, mut token) = (signed(CredentialKind::LongTermKey).session, signed(CredentialKind::SessionToken).session);
    token.facts.principal_arn.clone_from(&key.facts.principal_arn);
    token.facts.principal_unique_id.clone_from(&key.facts.principal_unique_id);
    let holder = Holder {
        identity: &name,
        source: Source::Minted { kind: CredentialKind::SessionToken, base: None, role_arn: None },
        signs_for: &aws,
        session: None,
        last: Some(&token),
        parent: Some(&key),
        renews_at: None,
        lends: Lends::Whatever,
        dead: None,
        returns: None,
    };
    let user = Principal { arn: key.facts.principal_arn.clone(), unique_id: key.facts.principal_unique_id.clone() };
    let told = |now: i64| {
        let all = outages(&event(What::UserDeleted(user.clone())), &[holder], at(now));
        all.iter().map(|one| (one.loss, one.at, one.recovery.clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(AT), [(Loss::NoSession, None, Recovery::None)], "no session comes that could sign a dead link");
    assert_eq!(told(AT - 60)[0].0, Loss::DeadLinks, "until then it may have one again");
}

/// What killed it is what is asked about, or would have killed it as well.
#[test]
fn whoever_was_stopped_by_what_was_seen_is_told_of_by_the_events_that_stop_it_and_by_no_other() {
    let (names, aws) = (["store", "hop"].map(identity), Realm::parse("aws").expect("a partition"));
    let (key, hop) = (signed(CredentialKind::LongTermKey).session, signed(CredentialKind::AssumeRole).session);
    let base = Holder {
        identity: &names[0],
        source: Source::Read,
        signs_for: &aws,
        session: None,
        last: Some(&key),
        parent: None,
        renews_at: None,
        lends: Lends::Nothing,
        dead: Some(&key),
        returns: None,
    };
    let source = Source::Minted { kind: CredentialKind::AssumeRole, base: Some(&names[0]), role_arn: Some(ROLE_ARN) };
    let parent = Some(&key);
    let hop = Holder { identity: &names[1], source, session: Some(&hop), last: None, dead: None, parent, ..base };
    let told = |what: What| {
        let all = outages(&event(what), &[base, hop], at(AT));
        all.iter().map(|one| (one.identity.to_string(), one.loss, one.at)).collect::<Vec<_>>()
    };
    let (store, hop) = ("store".to_owned(), "hop".to_owned());
    let both = vec![(store.clone(), Loss::NoSession, None), (hop.clone(), Loss::NoSession, Some(at(SESSION_END)))];
    let own = || key.facts.access_key_id.clone();
    assert_eq!(told(What::KeyDeactivated { access_key_id: own() }), both);
    assert_eq!(told(What::KeyDeleted { access_key_id: own() }), both);
    assert_eq!(told(What::UserDeleted(principal(USER_ARN))), both);
    let denied =
        deny(Statement { principal_arn: USER_ARN.into(), actions: vec!["s3:*".into()], ..statement(Policy::Identity) });
    assert_eq!(told(denied), [(store, Loss::NoSession, None)], "it mints still, as far as that goes");
    assert_eq!(told(What::KeyDeleted { access_key_id: "AKIAOTHER".into() }), []);
    assert_eq!(told(What::TrustPolicyChanged(principal(ROLE_ARN))), [], "nobody would have had another");
    let deleted = told(What::RoleDeleted(principal(ROLE_ARN)));
    assert_eq!(deleted, [(hop, Loss::DeadLinks, Some(at(AT)))], "no more is dead than was");
}
