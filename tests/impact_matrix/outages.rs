//! Which identities sign nothing that works after an event, from when on, and what mends it.

use presignd::impact::event::{Policy, Statement, What};
use presignd::impact::outage::{Holder, Lends, Loss, Outage, Reach, Recovery, Source, outages};
use presignd::session::{CredentialKind, IdentityName, Session};
use presignd::signer::realm::Realm;

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
        sessions[place].facts.session_name = if name == "Node" { "i-0abc" } else { "x" }.to_owned();
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

pub(crate) fn aws() -> Realm {
    Realm::parse("aws").expect("a partition")
}

fn found(house: &House, what: What) -> Vec<Outage> {
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
    let aws = aws();
    let holders: Vec<Holder<'_>> = sources
        .into_iter()
        .enumerate()
        .map(|(place, source)| Holder {
            renews_at: None,
            identity: &house.names[place],
            source,
            signs_for: &aws,
            session: Some(&house.sessions[place]),
            last: None,
            parent: parents[place],
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        })
        .collect();
    outages(&event(what), &holders, at(AT))
}

/// In a word: what becomes of one, and from when on.
fn word(outage: &Outage) -> (String, i64, &'static str) {
    let how = match (outage.loss, &outage.recovery, outage.conditions.is_empty()) {
        (Loss::DeadLinks, Recovery::None, true) => "dead",
        (Loss::DeadLinks, Recovery::None, false) => "may be dead",
        (Loss::DeadLinks, Recovery::Renewal { .. }, true) => "dead, renew",
        (Loss::DeadLinks, Recovery::Renewal { .. }, false) => "may be dead, renew",
        (Loss::DeadLinks, Recovery::Rotation, true) => "dead, wait",
        (Loss::DeadLinks, Recovery::Rotation, false) => "may be dead, wait",
        (Loss::ShortLinks { .. }, Recovery::None, true) => "short",
        (Loss::ShortLinks { .. }, Recovery::None, false) => "may be short",
        (Loss::ShortLinks { .. }, Recovery::Renewal { .. }, _) => "short, renew",
        (Loss::ShortLinks { .. }, Recovery::Rotation, _) => "short, wait",
        (Loss::NoSession, Recovery::None, true) => "none",
        (Loss::NoSession, Recovery::None, false) => "may be none",
        (Loss::NoSession, Recovery::Renewal { .. }, _) => "none, renew",
        (Loss::NoSession, Recovery::Rotation, _) => "none, wait",
    };
    (outage.identity.to_string(), outage.at.expect("each has a session").unix(), how)
}

type Word = (&'static str, i64, &'static str);

fn check(house: &House, table: Vec<(What, &[Word])>) {
    for (what, list) in table {
        let told: Vec<_> = found(house, what.clone()).iter().map(word).collect();
        let wanted: Vec<_> = list.iter().map(|(name, at, how)| ((*name).to_owned(), *at, *how)).collect();
        assert_eq!(told, wanted, "{what:?}");
    }
}

pub(crate) fn role(name: &str) -> presignd::impact::event::Principal {
    principal(&role_arn(name))
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// Of everything to a user or a role, unless actions are named.
fn denied(arn: &str, actions: &[&str]) -> What {
    let actions = actions.iter().map(|action| (*action).to_owned()).collect();
    deny(Statement { principal_arn: arn.to_owned(), actions, ..statement(Policy::Identity) })
}

const POINT: &str = "arn:aws:s3:eu-central-1:111122223333:accesspoint/reports";
const EVERYBODY: [&str; 6] = ["key", "role", "chained", "irsa", "instance", "hop"];
const KEY_DEAD: &[Word] = &[("key", AT, "dead"), ("role", 10_000, "none"), ("chained", 20_000, "none")];

#[test]
fn an_identity_signs_dead_links_at_once_or_stops_when_its_last_session_ends() {
    let provider = |account| What::IdentityProviderRemoved { arn: format!("arn:aws:iam::{account}:oidc-provider/x") };
    let role_dead = &[("role", AT, "dead"), ("chained", 20_000, "none")][..];
    let all_may_be_dead = EVERYBODY.map(|name| (name, AT, "may be dead"));
    check(
        &house(),
        vec![
            (What::KeyDeleted { access_key_id: USER_KEY.into() }, KEY_DEAD),
            (What::KeyDeactivated { access_key_id: USER_KEY.into() }, KEY_DEAD),
            (What::UserDeleted(principal(USER_ARN)), KEY_DEAD),
            (What::RoleDeleted(role("Signer")), role_dead),
            (What::RoleDeleted(role("B")), &[("chained", AT, "dead")]),
            (What::TrustPolicyChanged(role("Signer")), &[("role", 10_000, "none"), ("chained", 20_000, "none")]),
            (What::TrustPolicyChanged(role("Irsa")), &[("irsa", 30_000, "none")]),
            (provider(ACCOUNT), &[("irsa", 30_000, "none")]),
            (provider("999999999999"), &[]),
            (What::ComputeTerminated(identity("instance")), &[("instance", 40_000, "none"), ("hop", 40_000, "none")]),
            (What::AssociationChanged(identity("instance")), &[("instance", 40_000, "none"), ("hop", 40_000, "none")]),
            (What::ComputeTerminated(identity("irsa")), &[("irsa", 30_000, "none")]),
            (What::ComputeTerminated(identity("key")), &[]),
            // Roles that presignd itself assumes: no machine and no person's sign-in hands out their sessions.
            (What::ComputeTerminated(identity("role")), &[]),
            (What::AssociationChanged(identity("role")), &[]),
            (What::SsoUserDisabled(identity("role")), &[]),
            (What::SsoUserDisabled(identity("irsa")), &[]),
            (What::SsoUserDisabled(identity("key")), &[]),
            (What::SsoUserDisabled(identity("instance")), &[]),
            (denied(USER_ARN, &["sts:AssumeRole"]), &[("role", 10_000, "none"), ("chained", 20_000, "none")]),
            (denied(USER_ARN, &[]), KEY_DEAD),
            (denied(USER_ARN, &["*"]), KEY_DEAD),
            (denied(&role_arn("Signer"), &[]), role_dead),
            (denied(&role_arn("B"), &[]), &[("chained", AT, "dead")]),
            // Of S3 alone: it mints on.
            (denied(USER_ARN, &["s3:*"]), &[("key", AT, "dead")]),
            (denied(&role_arn("Signer"), &["s3:*"]), &[("role", AT, "dead")]),
            (What::KeyRotated { access_key_id: USER_KEY.into() }, &[]),
            (What::BucketDeleted { bucket: BUCKET.into() }, &EVERYBODY.map(|name| (name, AT, "dead"))),
            (What::AccessPointDeleted { access_point: POINT.into() }, &EVERYBODY.map(|name| (name, AT, "dead"))),
            (What::RequesterPays { bucket: BUCKET.into() }, &[]),
            (What::AccountClosed { account: "999999999999".into() }, &[]),
            (What::AccountClosed { account: ACCOUNT.into() }, &all_may_be_dead),
        ],
    );
}

#[test]
fn a_session_that_is_revoked_signs_dead_links_until_there_is_another() {
    let revoked = |arn: &str, before| What::SessionsRevoked { principal: principal(arn), issued_before: at(before) };
    // What waits for its base gets a session in time, unless its own ends first.
    let node = &[("instance", AT, "dead, wait"), ("hop", 5_000, "none, wait")][..];
    check(
        &house(),
        vec![
            (revoked(&role_arn("Signer"), AT), &[("role", AT, "dead, renew")]),
            (revoked(&role_arn("Signer"), ISSUED.0), &[]),
            (revoked(&role_arn("Signer"), ISSUED.1), &[("role", AT, "may be dead, renew")]),
            (revoked(&role_arn("B"), AT), &[("chained", AT, "dead, renew")]),
            (revoked(&role_arn("Irsa"), AT), &[("irsa", AT, "dead, renew")]),
            (revoked(&role_arn("Node"), AT), node),
            (revoked(USER_ARN, AT), &[]),
            (What::RoleRecreated(role("Signer")), &[("role", AT, "dead, renew")]),
            (What::RoleRecreated(role("Irsa")), &[("irsa", AT, "dead, renew")]),
            (What::RoleRecreated(role("Node")), &[("instance", AT, "dead"), ("hop", 5_000, "none")]),
        ],
    );
    let mut short = house();
    short.sessions[2].facts.expires_at = Some(at(9_000));
    check(
        &short,
        vec![(revoked(&role_arn("Signer"), AT), &[("role", AT, "dead, renew"), ("chained", 9_000, "none, renew")])],
    );
    // One role that assumes itself: its second session is minted with the first.
    let mut twice = house();
    twice.sessions[2].facts.principal_arn = SESSION_ARN.to_owned();
    twice.sessions[2].facts.principal_unique_id = ROLE_ID.to_owned();
    let told = found(&twice, revoked(&role_arn("Signer"), AT + 30));
    let renewals: Vec<_> = told.iter().map(|one| one.recovery.clone()).collect();
    let of = |names: &[&str]| Recovery::Renewal {
        of: names.iter().map(|name| identity(name)).collect(),
        from: at(AT + 30 + 12),
    };
    assert_eq!(renewals, [of(&["role"]), of(&["role", "chained"])], "the base first, and no sooner than it helps");
}

#[test]
fn a_deny_tells_which_links_are_dead_and_whether_the_next_session_signs_others() {
    let about = |policy, principal_arn: &str, userid: &str| {
        let (principal_arn, userid) = (principal_arn.to_owned(), userid.to_owned());
        Statement { principal_arn, userid, bucket: BUCKET.to_owned(), ..statement(policy) }
    };
    let issued_before = |statement| What::Denied { statement, issued_before: Some(at(AT)), signature_age: None };
    let own = "AROASIGNER:presignd-x-2";
    let everybody = EVERYBODY.map(|name| (name, AT, "dead"));
    check(
        &house(),
        vec![
            (deny(about(Policy::Bucket, SESSION_ARN, "")), &[("role", AT, "dead, renew")]),
            (deny(about(Policy::Bucket, "", own)), &[("role", AT, "dead, renew")]),
            (deny(about(Policy::Bucket, "", "AROASIGNER:*")), &[("role", AT, "dead")]),
            (deny(about(Policy::Bucket, "", "AROANODE:i-0abc")), &[("instance", AT, "dead")]),
            (deny(about(Policy::Bucket, &role_arn("Signer"), "")), &[("role", AT, "dead")]),
            (deny(about(Policy::Bucket, USER_ARN, "")), &[("key", AT, "dead")]),
            (deny(about(Policy::Bucket, "", "")), &everybody),
            (deny(Statement { key_prefix: KEY.into(), ..about(Policy::Bucket, "", "") }), &[]),
            (
                deny(Statement { key_prefix: KEY.into(), ..about(Policy::Bucket, SESSION_ARN, "") }),
                &[("role", AT, "dead, renew")],
            ),
            (
                issued_before(Statement { policy: Policy::Identity, ..about(Policy::Identity, &role_arn("B"), "") }),
                &[("chained", AT, "dead, renew")],
            ),
            (
                What::AllowRemoved(Statement { bucket: String::new(), ..about(Policy::Identity, USER_ARN, "") }),
                &[("key", AT, "may be dead"), ("role", 10_000, "may be none"), ("chained", 20_000, "may be none")],
            ),
            (
                What::AllowRemoved(Statement {
                    actions: vec!["kms:Decrypt".to_owned()],
                    ..about(Policy::Bucket, USER_ARN, "")
                }),
                &[],
            ),
        ],
    );
    let actions = vec!["s3:GetObject".to_owned()];
    let part =
        Statement { key_prefix: "cats/".into(), actions: actions.clone(), ..about(Policy::Bucket, SESSION_ARN, "") };
    let reach = Reach::Matching { bucket: BUCKET.to_owned(), key_prefix: "cats/".to_owned(), actions };
    assert_eq!(found(&house(), deny(part)).iter().map(|one| one.reach.clone()).collect::<Vec<_>>(), [reach]);
    let whole = found(&house(), denied(USER_ARN, &["s3:*"]));
    assert_eq!(whole[0].reach, Reach::Everything, "there is nothing else that a URL asks for");
}

/// SEMANTICS.md 1.4: each URL from X-Amz-Date and that age on, so every one that is signed later, too.
#[test]
fn a_deny_by_age_cuts_short_whatever_is_signed_later_in_its_scope() {
    let about = |policy, principal_arn: &str, key_prefix: &str| {
        let (principal_arn, key_prefix) = (principal_arn.to_owned(), key_prefix.to_owned());
        Statement { principal_arn, key_prefix, bucket: BUCKET.to_owned(), ..statement(policy) }
    };
    let aged = |age, statement| What::Denied { statement, issued_before: None, signature_age: Some(seconds(age)) };
    let everybody = EVERYBODY.map(|name| (name, AT, "short"));
    let maybe = EVERYBODY.map(|name| (name, AT, "may be short"));
    check(
        &house(),
        vec![
            (aged(60, about(Policy::Bucket, "", "")), &everybody),
            (aged(60, about(Policy::Bucket, "", "cats/")), &everybody),
            (aged(60, about(Policy::Scp, "", "")), &maybe),
            (aged(60, about(Policy::Bucket, SESSION_ARN, "")), &[("role", AT, "short, renew")]),
            (aged(60, about(Policy::Bucket, &role_arn("Signer"), "")), &[("role", AT, "short")]),
            (
                aged(60, Statement { bucket: String::new(), ..about(Policy::Identity, USER_ARN, "") }),
                &[("key", AT, "short")],
            ),
            // None lives longer: by its session's length where presignd mints it, and where others do, who knows.
            (aged(604_799, about(Policy::Bucket, "", "")), &[("key", AT, "short"), ("instance", AT, "short")]),
            (aged(604_800, about(Policy::Bucket, "", "")), &[]),
        ],
    );
    let found = found(&house(), aged(60, about(Policy::Bucket, &role_arn("Signer"), "cats/")));
    assert_eq!(found[0].loss, Loss::ShortLinks { life: seconds(60) });
    let reach = Reach::Matching { bucket: BUCKET.to_owned(), key_prefix: "cats/".to_owned(), actions: Vec::new() };
    assert_eq!(found[0].reach, reach);
}

#[test]
fn what_a_user_minted_with_a_key_is_minted_again_unless_the_user_is_denied() {
    let based = |kind, base| Source::Minted { kind, base: Some(base), role_arn: None };
    let names = ["key", "gst", "gft"].map(identity);
    let [key, gst, gft] = [CredentialKind::LongTermKey, CredentialKind::SessionToken, CredentialKind::FederationToken]
        .map(|kind| signed(kind).session);
    let sources = [
        Source::Read,
        based(CredentialKind::SessionToken, &names[0]),
        based(CredentialKind::FederationToken, &names[0]),
    ];
    let told = |what: What| {
        let sessions = [(&key, None), (&gst, Some(&key)), (&gft, Some(&key))];
        let aws = aws();
        let holders =
            sessions.into_iter().zip(&names).zip(sources).map(|(((session, parent), identity), source)| Holder {
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
        outages(&event(what), &holders.collect::<Vec<_>>(), at(AT)).iter().map(word).collect::<Vec<_>>()
    };
    let all = |how| names.each_ref().map(|name| (name.to_string(), AT, how)).to_vec();
    let revoked = What::SessionsRevoked { principal: principal(USER_ARN), issued_before: at(AT) };
    assert_eq!(told(revoked), all("dead, renew")[1..], "a long-term key has no issue time");
    assert_eq!(told(denied(USER_ARN, &[])), all("dead"), "now, and not at the end of their sessions");
    assert_eq!(told(What::UserDeleted(principal(USER_ARN))), all("dead"));
    assert_eq!(told(What::KeyDeleted { access_key_id: USER_KEY.into() })[0], all("dead")[0]);
    let of_name = |arn: &str| deny(Statement { principal_arn: arn.to_owned(), ..statement(Policy::Bucket) });
    assert_eq!(told(of_name(FEDERATED_ARN)), all("dead, renew")[2..], "the next has another name");
}

#[test]
fn of_many_tenants_only_those_are_told_whose_session_is_meant() {
    let (name, role_name) = (identity("web"), "arn:aws:iam::111122223333:role/Signer");
    let sessions: Vec<Session> = ["red", "blue"]
        .into_iter()
        .map(|tenant| {
            let mut session = signed(CredentialKind::AssumeRole).session;
            session.facts.partition_of = tenant.to_owned();
            session.facts.session_name = format!("presignd-{tenant}");
            session.facts.principal_arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Signer/presignd-{tenant}");
            session
        })
        .collect();
    let source = Source::Minted { kind: CredentialKind::AssumeRole, base: None, role_arn: Some(role_name) };
    let aws = aws();
    let holder = |session| Holder {
        renews_at: None,
        identity: &name,
        source,
        signs_for: &aws,
        session: Some(session),
        last: None,
        parent: None,
        lends: Lends::Whatever,
        dead: None,
        returns: None,
    };
    let holders: Vec<_> = sessions.iter().map(holder).collect();
    let told = |what| -> Vec<(String, bool)> {
        let all = outages(&event(what), &holders, at(AT));
        all.iter().map(|one| (one.tenant.clone(), one.is_mended_by_renewal())).collect()
    };
    let red = deny(Statement { principal_arn: sessions[0].facts.principal_arn.clone(), ..statement(Policy::Bucket) });
    assert_eq!(told(red), [("red".to_owned(), true)]);
    let all = What::SessionsRevoked { principal: principal(role_name), issued_before: at(AT) };
    assert_eq!(told(all), [(String::new(), true)], "one line for all of them");
    assert_eq!(told(What::TrustPolicyChanged(principal(role_name))), [(String::new(), false)]);
}

#[test]
fn a_key_that_its_base_uses_no_more_keeps_nobody_from_the_next_session() {
    check(
        &rotated(),
        vec![
            (What::KeyDeactivated { access_key_id: USER_KEY.into() }, &[][..]),
            (What::KeyDeactivated { access_key_id: "AKIANEXT".into() }, KEY_DEAD),
            (What::UserDeleted(principal(USER_ARN)), &[]),
            (What::UserDeleted(principal(NEXT_ARN)), KEY_DEAD),
            (denied(USER_ARN, &[]), &[]),
            (denied(NEXT_ARN, &[]), KEY_DEAD),
        ],
    );
}

#[test]
fn a_deny_of_a_userid_keeps_from_minting_only_a_base_that_keeps_that_userid() {
    let of = |userid: &str| deny(Statement { userid: userid.to_owned(), ..statement(Policy::Scp) });
    let key = [("key", AT, "may be dead"), ("role", 10_000, "may be none"), ("chained", 20_000, "may be none")];
    check(
        &house(),
        vec![
            (of(USER_ID), &key),
            (of("AIDASOMEBODY"), &[]),
            // An instance keeps its id.
            (of("AROANODE:i-0abc"), &[("instance", AT, "may be dead"), ("hop", 5_000, "may be none")]),
            // The next session has another name.
            (of("AROASIGNER:presignd-x-2"), &[("role", AT, "may be dead, renew")]),
            (of("AROASIGNER:*"), &[("role", AT, "may be dead"), ("chained", 20_000, "may be none")]),
        ],
    );
}

const NEXT_ARN: &str = "arn:aws:iam::111122223333:user/next";
