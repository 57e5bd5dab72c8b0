//! When an identity stops signing: to the second where no other session can follow the one that it has, and otherwise not
//! before that one ends.

use presignd::impact::event::{Event, What};
use presignd::impact::outage::{Holder, Lends, Loss, Source, outages};
use presignd::session::{CredentialKind, Session};
use presignd::signer::realm::Realm;

use crate::made::*;

/// Ends of the sessions of a role that is assumed with a key, of one that is assumed with that, and of an instance.
const ROLE_ENDS: i64 = AT + 1800;
const HOP_ENDS: i64 = AT + 900;
const NODE_ENDS: i64 = AT + 2400;

/// Who stops, at which instant, and whether it may be later.
type Stop = (&'static str, i64, bool);

fn role_session(name: &str, role: &str, minted_with: &str, ends: i64) -> Session {
    let mut session = signed(CredentialKind::AssumeRole).session;
    session.identity = identity(name);
    let facts = &mut session.facts;
    facts.access_key_id = format!("ASIA{}", role.to_uppercase());
    facts.principal_arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/presignd-1");
    facts.principal_unique_id = format!("AROA{}", role.to_uppercase());
    facts.session_name = "presignd-1".to_owned();
    facts.parent_access_key_id = minted_with.to_owned();
    facts.expires_at = Some(at(ends));
    session
}

/// What is said at [`AT`] of an event of that instant, which AWS enforces everywhere within so many seconds.
fn stops(happens: i64, settles: u64, what: What) -> Vec<(String, i64, bool)> {
    let (names, aws) = (["key", "role", "hop", "node"].map(identity), Realm::parse("aws").expect("a partition"));
    let key = signed(CredentialKind::LongTermKey).session;
    let role = role_session("role", "Role", USER_KEY, ROLE_ENDS);
    let hop = role_session("hop", "Hop", "ASIAROLE", HOP_ENDS);
    let mut node = signed(CredentialKind::Ec2Instance).session;
    node.identity = identity("node");
    node.facts.expires_at = Some(at(NODE_ENDS));
    let based = |base| Source::Minted { kind: CredentialKind::AssumeRole, base: Some(base), role_arn: None };
    let all = [
        (Source::Read, &key, None),
        (based(&names[0]), &role, Some(&key)),
        (based(&names[1]), &hop, Some(&role)),
        (Source::Read, &node, None),
    ];
    let holders = names.iter().zip(all).map(|(identity, (source, session, parent))| Holder {
        renews_at: None,
        identity,
        source,
        signs_for: &aws,
        session: Some(session),
        last: None,
        parent,
        lends: Lends::Whatever,
        dead: None,
        returns: None,
    });
    let event = Event { at: at(happens), settles_within: seconds(settles), ..event(what) };
    let told = outages(&event, &holders.collect::<Vec<_>>(), at(AT));
    let stop = |one: &presignd::impact::outage::Outage| {
        (one.identity.to_string(), one.at.expect("each has a session").unix(), one.may_come_later)
    };
    told.iter().filter(|one| one.loss == Loss::NoSession).map(stop).collect()
}

fn check(table: Vec<(i64, u64, What, &[Stop])>) {
    for (happens, settles, what, expected) in table {
        let expected: Vec<_> = expected.iter().map(|(name, at, later)| ((*name).to_owned(), *at, *later)).collect();
        assert_eq!(stops(happens, settles, what.clone()), expected, "{what:?} at {happens}, within {settles} s");
    }
}

#[test]
fn an_identity_stops_at_its_sessions_end_only_where_no_other_can_follow() {
    let key = || What::KeyDeactivated { access_key_id: USER_KEY.into() };
    let trust = || What::TrustPolicyChanged(principal("arn:aws:iam::111122223333:role/Hop"));
    // What is based on one that still has a session gets another until that has none.
    let hop = ("hop", ROLE_ENDS, true);
    check(vec![
        (AT, 0, key(), &[("role", ROLE_ENDS, false), hop]),
        (AT - 300, 300, key(), &[("role", ROLE_ENDS, false), hop]),
        // AWS may still let one more through.
        (AT - 299, 300, key(), &[("role", ROLE_ENDS, true), hop]),
        (AT, 300, key(), &[("role", ROLE_ENDS, true), hop]),
        // It will have renewed by then.
        (AT + 1, 0, key(), &[("role", ROLE_ENDS, true), hop]),
        (ROLE_ENDS + 60, 0, key(), &[("role", ROLE_ENDS + 60, true), ("hop", ROLE_ENDS + 60, true)]),
        (AT - 300, 300, trust(), &[("hop", HOP_ENDS, false)]),
        (AT, 300, trust(), &[("hop", HOP_ENDS, true)]),
        // A machine may have been handed another already.
        (AT - 3600, 300, What::ComputeTerminated(identity("node")), &[("node", NODE_ENDS, true)]),
    ]);
}

#[test]
fn of_several_tenants_the_first_to_stop_says_whether_its_instant_is_sure() {
    let (names, aws) = (["store", "tenants"].map(identity), Realm::parse("aws").expect("a partition"));
    let [red, blue] = [("red", ROLE_ENDS), ("blue", HOP_ENDS)].map(|(tenant, ends)| {
        let mut session = role_session("tenants", "Role", USER_KEY, ends);
        session.facts.partition_of = tenant.to_owned();
        session
    });
    let key = signed(CredentialKind::LongTermKey).session;
    let holder = |identity, source, session| Holder {
        renews_at: None,
        identity,
        source,
        signs_for: &aws,
        session: Some(session),
        last: None,
        parent: None,
        lends: Lends::Whatever,
        dead: None,
        returns: None,
    };
    let minted = Source::Minted { kind: CredentialKind::AssumeRole, base: Some(&names[0]), role_arn: None };
    let told = |happens: i64| {
        let holders =
            [holder(&names[0], Source::Read, &key), holder(&names[1], minted, &red), holder(&names[1], minted, &blue)];
        let what = What::KeyDeleted { access_key_id: USER_KEY.into() };
        let event = Event { at: at(happens), settles_within: seconds(0), ..event(what) };
        let told = outages(&event, &holders, at(AT));
        let told = told.iter().filter(|one| one.loss == Loss::NoSession);
        told.map(|one| (one.tenant.clone(), one.at, one.may_come_later)).collect::<Vec<_>>()
    };
    assert_eq!(told(AT), [(String::new(), Some(at(HOP_ENDS)), false)]);
    assert_eq!(told(AT + 60), [(String::new(), Some(at(HOP_ENDS)), true)]);
}

/// Whose role is revoked, and who is based on it; each with what a session of its own mints.
#[test]
fn a_base_that_is_renewed_by_itself_in_time_keeps_nobody_from_the_next_session() {
    let (names, aws) = (["role", "hop", "far"].map(identity), Realm::parse("aws").expect("a partition"));
    let role = role_session("role", "Role", USER_KEY, ROLE_ENDS);
    let hop = role_session("hop", "Hop", "ASIAROLE", HOP_ENDS);
    let far = role_session("far", "Far", "ASIAHOP", HOP_ENDS);
    let minted = |base| Source::Minted { kind: CredentialKind::AssumeRole, base, role_arn: None };
    let told = |renews_at: Option<i64>| {
        let role = Holder {
            identity: &names[0],
            source: minted(None),
            signs_for: &aws,
            session: Some(&role),
            renews_at: renews_at.map(at),
            last: None,
            parent: None,
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        };
        let hop = Holder { identity: &names[1], source: minted(Some(&names[0])), session: Some(&hop), ..role };
        let far = Holder { identity: &names[2], source: minted(Some(&names[1])), session: Some(&far), ..role };
        let [hop, far] = [hop, far].map(|one| Holder { renews_at: None, ..one });
        let revoked = "arn:aws:iam::111122223333:role/Role";
        let what = What::SessionsRevoked { principal: principal(revoked), issued_before: at(AT) };
        let all = outages(&event(what), &[role, hop, far], at(AT));
        all.iter().map(|one| one.identity.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told(None), "role hop far", "nobody knows when it is renewed but at its end");
    assert_eq!(told(Some(HOP_ENDS - 300)), "role");
    assert_eq!(told(Some(HOP_ENDS + 1)), "role hop far");
    assert_eq!(told(Some(AT + 1)), "role hop far", "a session that is got so soon may be one of the revoked");
}

#[test]
fn an_event_to_come_falls_on_the_session_that_is_there_by_then() {
    let (name, aws) = (identity("role"), Realm::parse("aws").expect("a partition"));
    let session = role_session("role", "Role", USER_KEY, ROLE_ENDS);
    let told = |source, renews_at: i64, happens: i64, what: What| {
        let holder = Holder {
            identity: &name,
            source,
            signs_for: &aws,
            session: Some(&session),
            renews_at: Some(at(renews_at)),
            last: None,
            parent: None,
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        };
        let event = Event { at: at(happens), ..event(what) };
        let all = outages(&event, &[holder], at(AT));
        all.iter().map(|one| (one.at.expect("it has a session").unix(), one.is_certain())).collect::<Vec<_>>()
    };
    let minted = Source::Minted { kind: CredentialKind::AssumeRole, base: None, role_arn: None };
    let role = || principal("arn:aws:iam::111122223333:role/Role");
    let revoked = || What::SessionsRevoked { principal: role(), issued_before: at(AT) };
    let (before, after) = (AT + 600, AT + 1200);
    assert_eq!(told(minted, after, before, revoked()), [(before, true)]);
    assert_eq!(told(minted, before, after, revoked()), [], "by then it signs with one that was issued later");
    assert_eq!(told(Source::Read, before, after, revoked()), [(after, true)], "a source may give the same again");
    let gone = told(minted, before, after, What::RoleDeleted(role()));
    assert_eq!(gone, [(after, true)], "whichever session it has is of the role");
}
