//! A key that waits in its source while another signs: it signs again after a restart, so whoever ends it ends links to come.

use presignd::impact::event::What;
use presignd::impact::outage::{Holder, Lends, Loss, Outage, Recovery, Source, outages};
use presignd::session::{CredentialKind, Session};
use presignd::signer::realm::Realm;

use crate::made::*;

/// Of an identity that signs with a key, or nothing, and whose source gives another or the same; and of one that is based on it.
fn told(signs: Option<&Session>, returns: Option<&Session>, what: &What) -> Vec<Outage> {
    told_if(true, signs, returns, what)
}

/// The same, and whether that other has a session.
fn told_if(has: bool, signs: Option<&Session>, returns: Option<&Session>, what: &What) -> Vec<Outage> {
    let (names, aws) = (["key", "role"].map(identity), Realm::parse("aws").expect("a partition"));
    let mut role = signed(CredentialKind::AssumeRole).session;
    (role.facts.expires_at, role.facts.parent_access_key_id) = (Some(at(AT + 900)), "AKIASIGNS".to_owned());
    let key = Holder {
        identity: &names[0],
        source: Source::Read,
        signs_for: &aws,
        session: signs,
        renews_at: None,
        last: None,
        parent: None,
        lends: Lends::Whatever,
        dead: None,
        returns,
    };
    let source = Source::Minted { kind: CredentialKind::AssumeRole, base: Some(&names[0]), role_arn: Some(ROLE_ARN) };
    let hop = Holder {
        identity: &names[1],
        source,
        session: Some(&role).filter(|_| has),
        parent: signs,
        returns: None,
        ..key
    };
    outages(&event(what.clone()), &[key, hop], at(AT))
}

/// Of the user of [`USER_KEY`], and of another.
fn keys() -> [Session; 2] {
    let given = signed(CredentialKind::LongTermKey).session;
    let mut signs = given.clone();
    let facts = &mut signs.facts;
    facts.access_key_id = "AKIASIGNS".to_owned();
    facts.principal_arn = format!("arn:aws:iam::{ACCOUNT}:user/next");
    facts.principal_unique_id = "AIDANEXT".to_owned();
    [given, signs]
}

#[test]
fn a_key_that_signs_again_after_a_restart_is_missed_when_it_or_its_user_is_ended() {
    let [given, signs] = keys();
    let ends = || [What::KeyDeactivated { access_key_id: USER_KEY.into() }, What::UserDeleted(principal(USER_ARN))];
    for what in ends() {
        let all = told(Some(&signs), Some(&given), &what);
        let [key, role] = all.as_slice() else { panic!("{what:?}: {all:?}") };
        assert_eq!((key.loss, key.at, key.may_come_later), (Loss::DeadLinks, Some(at(AT)), true), "{what:?}");
        assert_eq!((&key.recovery, key.is_certain()), (&Recovery::None, true), "{what:?}");
        assert!(key.message.starts_with("after a restart at the latest it signs again"), "{}", key.message);
        assert!(key.message.ends_with("give its source another key"), "{}", key.message);
        assert_eq!((role.loss, role.at, role.may_come_later), (Loss::NoSession, Some(at(AT + 900)), true), "{what:?}");
        let role = &told_if(false, Some(&signs), Some(&given), &what)[1];
        assert_eq!((role.at, role.may_come_later), (Some(at(AT)), true), "{what:?}: it may get a session until then");
        assert_eq!(told(Some(&signs), None, &what), [], "nothing gives that key any more");
        assert_eq!(told(None, Some(&given), &what)[0], *key, "nor does it matter that nothing signs until then");
    }
    let own = What::KeyDeleted { access_key_id: "AKIASIGNS".into() };
    let dead = told(Some(&signs), Some(&given), &own);
    assert_eq!((dead[0].loss, dead[0].may_come_later), (Loss::DeadLinks, false), "what signs now is dead now");
}

#[test]
fn what_befalls_both_keys_is_told_of_the_one_that_signs() {
    let [given, signs] = keys();
    let what = What::BucketDeleted { bucket: BUCKET.into() };
    assert_eq!(told(Some(&signs), Some(&given), &what), told(Some(&signs), None, &what));
}
