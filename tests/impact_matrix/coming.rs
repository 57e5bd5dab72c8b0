//! Identities that have no session when the event comes: none yet, or one that has run out by then. What befalls the one
//! that comes befalls them.

use presignd::impact::event::{Event, Policy, Statement, What};
use presignd::impact::outage::{Holder, Lends, Loss, Recovery, Source, outages};
use presignd::session::{CredentialKind, Session};
use presignd::signer::realm::Realm;

use crate::made::*;

const CHAIN_KEY: &str = "AKIACHAIN";
const TENANTS_ROLE: &str = "arn:aws:iam::111122223333:role/path/Tenants";
const TENANTS_SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Tenants/presignd-red";
/// When the session of the other identity ends.
const END: i64 = AT + 1800;

/// What is known of tenants: the last session that the registry remembers, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Last,
    Nothing,
}

fn session(name: &str, role: &str, session_name: &str) -> Session {
    let mut session = signed(CredentialKind::AssumeRole).session;
    session.identity = identity(name);
    let facts = &mut session.facts;
    facts.principal_arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session_name}");
    facts.principal_unique_id = format!("AROA{}", role.to_uppercase());
    facts.session_name = session_name.to_owned();
    facts.parent = None;
    facts.parent_access_key_id = CHAIN_KEY.to_owned();
    facts.expires_at = Some(at(END));
    session
}

type Word = (String, Option<i64>, &'static str);

/// Asked at [`AT`]: `tenants` signed before a restart and has no session; `plain` has one until [`END`]. The default chain
/// mints for both.
fn told(known: Known, happens: i64, what: What) -> Vec<Word> {
    let (names, aws) = (["tenants", "plain"].map(identity), Realm::parse("aws").expect("a partition"));
    let mut last = session("tenants", "Tenants", "presignd-red");
    last.facts.partition_of = "red".to_owned();
    let present = session("plain", "Signer", "presignd-x-2");
    let source = |role_arn| Source::Minted { kind: CredentialKind::AssumeRole, base: None, role_arn: Some(role_arn) };
    let last = Some(&last).filter(|_| known == Known::Last);
    let holders = [
        Holder {
            renews_at: None,
            identity: &names[0],
            source: source(TENANTS_ROLE),
            signs_for: &aws,
            session: None,
            last,
            parent: None,
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        },
        Holder {
            renews_at: None,
            identity: &names[1],
            source: source(ROLE_ARN),
            signs_for: &aws,
            session: Some(&present),
            last: None,
            parent: None,
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        },
    ];
    let event = Event { at: at(happens), ..event(what) };
    let word = |one: &presignd::impact::outage::Outage| match (one.loss, &one.recovery, one.conditions.is_empty()) {
        (Loss::DeadLinks, Recovery::Renewal { .. }, true) => "dead, renew",
        (Loss::DeadLinks, Recovery::Renewal { .. }, false) => "may be dead, renew",
        (Loss::DeadLinks, _, true) => "dead",
        (Loss::DeadLinks, _, false) => "may be dead",
        (Loss::ShortLinks { .. }, ..) => "short",
        (Loss::NoSession, ..) => "none",
    };
    let all = outages(&event, &holders, at(AT));
    all.iter().map(|one| (one.identity.to_string(), one.at.map(|at| at.unix()), word(one))).collect()
}

/// The identity, when that begins, and what is said.
type Expected = (&'static str, Option<i64>, &'static str);

fn check(happens: i64, known: &[Known], table: Vec<(What, &[Expected])>) {
    for (what, wanted) in table {
        let wanted: Vec<Word> = wanted.iter().map(|(name, at, how)| ((*name).to_owned(), *at, *how)).collect();
        for known in known {
            assert_eq!(told(*known, happens, what.clone()), wanted, "{known:?} {what:?}");
        }
    }
}

fn of_bucket(principal_arn: &str) -> What {
    let (principal_arn, bucket) = (principal_arn.to_owned(), BUCKET.to_owned());
    deny(Statement { principal_arn, bucket, ..statement(Policy::Bucket) })
}

fn revoked(role: &str, before: i64) -> What {
    What::SessionsRevoked { principal: principal(role), issued_before: at(before) }
}

fn aged(principal_arn: &str) -> What {
    let What::Denied { statement, issued_before, .. } = of_bucket(principal_arn) else { unreachable!("a Deny") };
    What::Denied { statement, issued_before, signature_age: Some(seconds(60)) }
}

const BOTH: [Known; 2] = [Known::Last, Known::Nothing];

#[test]
fn who_has_no_session_yet_is_named_for_what_kills_or_keeps_back_the_first() {
    let (now, both) = (Some(AT), |how| [("tenants", Some(AT), how), ("plain", Some(AT), how)]);
    let dead = [("tenants", now, "dead")];
    check(
        AT,
        &BOTH,
        vec![
            (
                What::KeyDeactivated { access_key_id: CHAIN_KEY.into() },
                &[("tenants", None, "none"), ("plain", Some(END), "none")],
            ),
            (What::KeyDeactivated { access_key_id: "AKIAOTHER".into() }, &[]),
            (What::RoleDeleted(principal(TENANTS_ROLE)), &[("tenants", None, "none")]),
            (What::TrustPolicyChanged(principal(TENANTS_ROLE)), &[("tenants", None, "none")]),
            (What::BucketDeleted { bucket: BUCKET.into() }, &both("dead")),
            (of_bucket(""), &both("dead")),
            (of_bucket(TENANTS_ROLE), &dead),
            (of_bucket(ROLE_ARN), &[("plain", now, "dead")]),
            // Its next has another name.
            (of_bucket(TENANTS_SESSION), &[]),
            (aged(TENANTS_ROLE), &[("tenants", now, "short")]),
            (revoked(TENANTS_ROLE, AT), &[]),
            (revoked(TENANTS_ROLE, AT + 30), &[("tenants", now, "dead, renew")]),
            (What::RoleRecreated(principal(TENANTS_ROLE)), &[]),
            (What::AccountClosed { account: ACCOUNT.into() }, &both("may be dead")),
        ],
    );
    let userid = |userid: &str| {
        deny(Statement { userid: userid.to_owned(), bucket: BUCKET.into(), ..statement(Policy::Bucket) })
    };
    check(AT, &[Known::Last], vec![(userid("AROATENANTS:*"), &dead), (userid("AROATENANTS:presignd-red"), &[])]);
}

#[test]
fn what_happens_after_the_present_sessions_end_befalls_the_next() {
    let later = AT + 7200;
    let (then, both) = (Some(later), |how| [("tenants", Some(later), how), ("plain", Some(later), how)]);
    check(
        later,
        &BOTH,
        vec![
            (of_bucket(""), &both("dead")),
            (What::BucketDeleted { bucket: BUCKET.into() }, &both("dead")),
            (of_bucket(ROLE_ARN), &[("plain", then, "dead")]),
            (of_bucket(SESSION_ARN), &[]),
            (aged(""), &both("short")),
            // Whenever it renewed, that was before.
            (revoked(ROLE_ARN, later), &[("plain", then, "dead, renew")]),
            (revoked(ROLE_ARN, AT), &[]),
            (revoked(ROLE_ARN, END - 60), &[("plain", then, "may be dead, renew")]),
            // A tenant may come for the first time at that very second.
            (revoked(TENANTS_ROLE, later), &[("tenants", then, "may be dead, renew")]),
            (What::RoleRecreated(principal(ROLE_ARN)), &[("plain", then, "dead, renew")]),
            (What::RoleDeleted(principal(ROLE_ARN)), &[("plain", then, "dead")]),
            (What::TrustPolicyChanged(principal(TENANTS_ROLE)), &[("tenants", then, "none")]),
            (What::KeyDeactivated { access_key_id: CHAIN_KEY.into() }, &both("none")),
            (What::KeyDeactivated { access_key_id: "ASIA-assume-role".into() }, &[]),
        ],
    );
    // To the second: the present one still signs, and the next does.
    for (happens, wanted) in [(END - 1, 1), (END, 0)] {
        assert_eq!(told(Known::Last, happens, of_bucket(SESSION_ARN)).len(), wanted);
        assert_eq!(told(Known::Last, happens, of_bucket(ROLE_ARN)).len(), 1);
    }
}

#[test]
fn a_session_of_another_role_than_the_configuration_says_by_now_tells_nothing() {
    let (name, aws) = (identity("tenants"), Realm::parse("aws").expect("a partition"));
    let former = session("tenants", "Former", "presignd-red");
    let source = Source::Minted { kind: CredentialKind::AssumeRole, base: None, role_arn: Some(TENANTS_ROLE) };
    let holder = Holder {
        renews_at: None,
        identity: &name,
        source,
        signs_for: &aws,
        session: None,
        last: Some(&former),
        parent: None,
        lends: Lends::Whatever,
        dead: None,
        returns: None,
    };
    let told = |role: &str| outages(&event(of_bucket(role)), &[holder], at(AT)).len();
    assert_eq!(told("arn:aws:iam::111122223333:role/Former"), 0);
    assert_eq!(told(TENANTS_ROLE), 1);
}

#[test]
fn a_token_that_was_never_had_is_of_the_user_whose_key_will_mint_it() {
    let (names, aws) = (["key", "gst", "gft"].map(identity), Realm::parse("aws").expect("a partition"));
    let (key, other) = (signed(CredentialKind::LongTermKey).session, signed(CredentialKind::SessionToken).session);
    let told = |what: &What, of_chain: bool| {
        let minted = |kind| Source::Minted { kind, base: Some(&names[0]).filter(|_| !of_chain), role_arn: None };
        let none = Holder {
            renews_at: None,
            identity: &names[1],
            source: minted(CredentialKind::SessionToken),
            signs_for: &aws,
            session: None,
            last: None,
            parent: None,
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        };
        let of_user = match of_chain {
            // Another that the default chain mints for has had one.
            true => Holder { identity: &names[0], last: Some(&other), ..none },
            false => Holder { identity: &names[0], source: Source::Read, session: Some(&key), ..none },
        };
        let gft = Holder { identity: &names[2], source: minted(CredentialKind::FederationToken), ..none };
        let all = outages(&event(what.clone()), &[of_user, none, gft], at(AT));
        let all = all.iter().filter(|one| one.identity != names[0]);
        all.map(|one| (one.identity.to_string(), one.conditions.is_empty())).collect::<Vec<_>>()
    };
    let (arn, id) = ("arn:aws:iam::111122223333:user/somebody", "AIDASOMEBODY");
    let in_bucket = |principal_arn: &str, userid: &str| {
        let (principal_arn, userid) = (principal_arn.to_owned(), userid.to_owned());
        deny(Statement { principal_arn, userid, bucket: BUCKET.into(), ..statement(Policy::Bucket) })
    };
    for of_chain in [false, true] {
        for what in [
            in_bucket(arn, ""),
            in_bucket("", id),
            in_bucket("arn:aws:iam::999988887777:root", ""),
            in_bucket("", "999988887777:*"),
            What::AccountClosed { account: "999988887777".into() },
        ] {
            // Who minted a federated session is not told by its own name.
            let may = of_chain && what == in_bucket(arn, "");
            let wanted: &[(String, bool)] = if may { &[("gft".to_owned(), false)] } else { &[] };
            assert_eq!(told(&what, of_chain), wanted, "{what:?}");
        }
        let surely = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), true)).collect::<Vec<_>>();
        assert_eq!(told(&in_bucket("", USER_ID), of_chain), surely(&["gst"]));
        assert_eq!(told(&in_bucket("", "111122223333:*"), of_chain), surely(&["gft"]));
        assert_eq!(told(&in_bucket("arn:aws:iam::111122223333:root", ""), of_chain), surely(&["gst", "gft"]));
    }
    let whole = told(&What::UserDeleted(principal(arn)), false);
    assert_eq!(whole, [], "the user is known");
    assert_eq!(told(&What::UserDeleted(principal(USER_ARN)), false).len(), 2);
}

#[test]
fn what_a_file_held_last_says_nothing_of_what_it_will_hold() {
    let (name, aws) = (identity("file"), Realm::parse("aws").expect("a partition"));
    let told = |kind, is_there: bool| {
        let session = signed(kind).session;
        let (present, last) = if is_there { (Some(&session), None) } else { (None, Some(&session)) };
        let source = Source::Read;
        let holder = Holder {
            renews_at: None,
            identity: &name,
            source,
            signs_for: &aws,
            session: present,
            last,
            parent: None,
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        };
        let event = Event { at: at(SESSION_END + 60), ..event(of_bucket("")) };
        outages(&event, &[holder], at(AT)).len()
    };
    for is_there in [true, false] {
        assert_eq!(told(CredentialKind::Ec2Instance, is_there), 1, "the machine's role hands out another by itself");
        assert_eq!(told(CredentialKind::Temporary, is_there), 0);
    }
    assert_eq!((told(CredentialKind::LongTermKey, true), told(CredentialKind::LongTermKey, false)), (1, 0));
}

#[test]
fn whoever_is_based_on_one_without_a_session_is_kept_back_only_until_that_has_one_that_lives() {
    let (names, aws) = (["base", "hop"].map(identity), Realm::parse("aws").expect("a partition"));
    let last = session("base", "Tenants", "presignd-1");
    let told = |ends: i64| {
        let mut hop = session("hop", "Hop", "presignd-2");
        hop.facts.expires_at = Some(at(ends));
        let minted =
            |base, role_arn| Source::Minted { kind: CredentialKind::AssumeRole, base, role_arn: Some(role_arn) };
        let one = Holder {
            renews_at: None,
            identity: &names[0],
            source: minted(None, TENANTS_ROLE),
            signs_for: &aws,
            session: None,
            last: Some(&last),
            parent: None,
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        };
        let of_hop = minted(Some(&names[0]), "arn:aws:iam::111122223333:role/Hop");
        let two = Holder { identity: &names[1], source: of_hop, session: Some(&hop), last: None, ..one };
        outages(&event(revoked(TENANTS_ROLE, AT + 30)), &[one, two], at(AT)).len()
    };
    let length = END - ISSUED.0;
    // Its own is surely issued late enough some seconds after the revocation.
    assert_eq!((told(AT + 30 + length - 1), told(AT + 60 + length)), (2, 1));
}
