//! Which identities an event keeps from their next session, and from when on.

use presignd::impact::event::{Policy, Statement, What};
use presignd::impact::outage::{Holder, Source, outages};
use presignd::session::{CredentialKind, IdentityName, Session};

use crate::made::*;

/// A key in a file, a role assumed with it, a role assumed with that, an IRSA role, an instance, a role assumed from it.
struct House {
    names: Vec<IdentityName>,
    sessions: Vec<Session>,
    /// The key with which the role was assumed.
    former: Session,
}

fn house() -> House {
    let kinds = [
        CredentialKind::LongTermKey,
        CredentialKind::AssumeRole,
        CredentialKind::AssumeRole,
        CredentialKind::WebIdentity,
        CredentialKind::Ec2Instance,
        CredentialKind::AssumeRole,
    ];
    let names: Vec<_> = ["key", "role", "chained", "irsa", "instance", "hop"].map(identity).into();
    let mut sessions: Vec<_> = kinds
        .into_iter()
        .zip(&names)
        .map(|(kind, name)| Session { identity: name.clone(), ..signed(kind).session })
        .collect();
    sessions[2] = Session { identity: names[2].clone(), ..chained().session };
    for (at_end, session) in sessions.iter_mut().enumerate().skip(1) {
        session.facts.expires_at = Some(at(10_000 * at_end as i64));
    }
    // Its base lasts longer than it does.
    sessions[5].facts.expires_at = Some(at(5_000));
    sessions[5].facts.parent_access_key_id = "ASIA-ec2-instance".to_owned();
    for (place, name, id) in [(3, "Irsa", "AROAIRSA"), (4, "Node", "AROANODE"), (5, "Hop", "AROAHOP")] {
        sessions[place].facts.principal_arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/x");
        sessions[place].facts.principal_unique_id = id.to_owned();
    }
    House { former: sessions[0].clone(), names, sessions }
}

/// The house, when the file has held the key of another user for a while.
fn rotated() -> House {
    let mut house = house();
    let facts = &mut house.sessions[0].facts;
    facts.access_key_id = "AKIANEXT".to_owned();
    facts.principal_arn = NEXT_ARN.to_owned();
    facts.principal_unique_id = "AIDANEXT".to_owned();
    house
}

fn told(house: &House, what: What) -> Vec<(String, i64)> {
    let based = |base| Source::Minted { kind: CredentialKind::AssumeRole, base: Some(base), role_arn: None };
    let sources = [
        Source::Read,
        based(&house.names[0]),
        based(&house.names[1]),
        Source::WebIdentity { role_arn: Some("arn:aws:iam::111122223333:role/Irsa") },
        Source::Read,
        based(&house.names[4]),
    ];
    let [former, role, instance] = [&house.former, &house.sessions[1], &house.sessions[4]].map(Some);
    let parents = [None, former, role, None, None, instance];
    let holders: Vec<Holder<'_>> = sources
        .into_iter()
        .enumerate()
        .map(|(place, source)| Holder {
            identity: &house.names[place],
            source,
            session: Some(&house.sessions[place]),
            parent: parents[place],
        })
        .collect();
    outages(&event(what), &holders)
        .into_iter()
        .map(|outage| (outage.identity.to_string(), outage.at.expect("each has a session").unix()))
        .collect()
}

fn wanted(list: &[(&str, i64)]) -> Vec<(String, i64)> {
    list.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect()
}

#[test]
fn an_outage_begins_when_the_last_session_ends() {
    let role = |name: &str| principal(&format!("arn:aws:iam::{ACCOUNT}:role/{name}"));
    let user_denied = |actions: &[&str]| {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        deny(Statement { principal_arn: USER_ARN.to_owned(), actions, ..statement(Policy::Identity) })
    };
    let role_denied = |name: &str| {
        let principal_arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        deny(Statement { principal_arn, ..statement(Policy::Identity) })
    };
    let chain = [("key", AT), ("role", 10_000), ("chained", 20_000)];
    let table = [
        (What::KeyDeleted { access_key_id: USER_KEY.into() }, &chain[..]),
        (What::UserDeleted(principal(USER_ARN)), &chain[..]),
        (What::RoleDeleted(role("Signer")), &[("role", AT), ("chained", 20_000)]),
        (What::RoleDeleted(role("B")), &[("chained", AT)]),
        (What::RoleRecreated(role("Signer")), &[]),
        (What::RoleRecreated(role("Node")), &[("instance", AT), ("hop", 5_000)]),
        (What::TrustPolicyChanged(role("Signer")), &[("role", 10_000), ("chained", 20_000)]),
        (What::TrustPolicyChanged(role("Irsa")), &[("irsa", 30_000)]),
        (What::IdentityProviderRemoved { arn: format!("arn:aws:iam::{ACCOUNT}:oidc-provider/x") }, &[("irsa", 30_000)]),
        (What::IdentityProviderRemoved { arn: "arn:aws:iam::999999999999:oidc-provider/x".into() }, &[]),
        (What::ComputeTerminated(identity("instance")), &[("instance", 40_000), ("hop", 40_000)]),
        (What::AssociationChanged(identity("instance")), &[("instance", 40_000), ("hop", 40_000)]),
        (What::ComputeTerminated(identity("key")), &[]),
        // Roles that presignd itself assumes: no machine and no person's sign-in hands out their sessions.
        (What::ComputeTerminated(identity("role")), &[]),
        (What::AssociationChanged(identity("role")), &[]),
        (What::SsoUserDisabled(identity("role")), &[]),
        (What::SsoUserDisabled(identity("irsa")), &[]),
        (What::SessionsRevoked { principal: role("Node"), issued_before: at(AT) }, &[("instance", AT), ("hop", 5_000)]),
        (What::SessionsRevoked { principal: role("Signer"), issued_before: at(AT) }, &[]),
        (user_denied(&["sts:AssumeRole"]), &[("role", 10_000), ("chained", 20_000)]),
        (user_denied(&[]), &chain[..]),
        (user_denied(&["*"]), &chain[..]),
        (role_denied("Signer"), &[("role", AT), ("chained", 20_000)]),
        (role_denied("B"), &[("chained", AT)]),
        (user_denied(&["s3:*"]), &[]),
        (What::KeyRotated { access_key_id: USER_KEY.into() }, &[]),
        (What::BucketDeleted { bucket: BUCKET.into() }, &[]),
    ];
    for (what, list) in table {
        assert_eq!(told(&house(), what.clone()), wanted(list), "{what:?}");
    }
}

#[test]
fn a_key_that_its_base_uses_no_more_keeps_nobody_from_the_next_session() {
    let denied = |arn: &str| deny(Statement { principal_arn: arn.to_owned(), ..statement(Policy::Identity) });
    let chain = [("role", 10_000), ("chained", 20_000)];
    let table = [
        (What::KeyDeactivated { access_key_id: USER_KEY.into() }, &[][..]),
        (What::KeyDeactivated { access_key_id: "AKIANEXT".into() }, &[("key", AT), chain[0], chain[1]]),
        (What::UserDeleted(principal(USER_ARN)), &[]),
        (What::UserDeleted(principal(NEXT_ARN)), &[("key", AT), chain[0], chain[1]]),
        (denied(USER_ARN), &[]),
        (denied(NEXT_ARN), &[("key", AT), chain[0], chain[1]]),
    ];
    for (what, list) in table {
        assert_eq!(told(&rotated(), what.clone()), wanted(list), "{what:?}");
    }
}

#[test]
fn a_deny_of_a_userid_keeps_from_minting_only_a_base_that_keeps_that_userid() {
    let of = |userid: &str| deny(Statement { userid: userid.to_owned(), ..statement(Policy::Scp) });
    assert_eq!(told(&house(), of(USER_ID)), wanted(&[("role", 10_000), ("chained", 20_000)]));
    assert_eq!(told(&house(), of("AIDASOMEBODY")), wanted(&[]));
    assert_eq!(told(&house(), of("AROANODE:i-0abc")), wanted(&[("hop", 5_000)]), "an instance keeps its id");
    assert_eq!(told(&house(), of("AROASIGNER:presignd-x-2")), wanted(&[]), "the next session has another name");
}

const NEXT_ARN: &str = "arn:aws:iam::111122223333:user/next";
