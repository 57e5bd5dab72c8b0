//! When an identity stops signing: to the second where no other session can follow the one that it has, and otherwise not
//! before that one ends.

use presignd::impact::event::{Event, What};
use presignd::impact::outage::{Holder, Loss, Source, outages};
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
        identity,
        source,
        signs_for: &aws,
        session: Some(session),
        last: None,
        parent,
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
        identity,
        source,
        signs_for: &aws,
        session: Some(session),
        last: None,
        parent: None,
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
