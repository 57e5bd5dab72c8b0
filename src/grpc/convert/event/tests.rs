//! Every kind of event survives the way in and out, and every refusal names its field.

use prost_types::{Duration as WireDuration, Timestamp as WireTimestamp};

use super::*;
use crate::grpc::proto::statement::Policy;
use crate::grpc::proto::{
    AccessPointEvent, AccountEvent, AllowRemoved, BucketEvent, Deny, IdentityEvent, KeyEvent, KmsKeyDisabled,
    ObjectEvent, PrincipalEvent, ProviderEvent, PublicAccessBlocked, SessionEvent, SessionsRevoked, Statement,
    UploadEnded, object_event, public_access_blocked,
};

const NOW: Timestamp = Timestamp::EPOCH;
const USER_ARN: &str = "arn:aws:iam::111122223333:user/team/deploy";
const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/team/web";

fn key() -> KeyEvent {
    KeyEvent { access_key_id: "AKIAIOSFODNN7EXAMPLE".into() }
}

fn arn(arn: &str) -> PrincipalEvent {
    PrincipalEvent { arn: arn.into(), unique_id: String::new() }
}

fn web() -> IdentityEvent {
    IdentityEvent { identity: "web".into() }
}

fn photos() -> BucketEvent {
    BucketEvent { bucket: "photos".into() }
}

fn cat() -> ObjectEvent {
    ObjectEvent { bucket: "photos".into(), key: "cat.jpg".into(), ..Default::default() }
}

fn spoken() -> Statement {
    Statement {
        policy: Policy::Bucket.into(),
        principal_arn: "arn:aws:sts::111122223333:assumed-role/web/presignd-1".into(),
        userid: "AROAEXAMPLE:presignd-1".into(),
        bucket: "photos".into(),
        key_prefix: "2026/${*}${$}{${?}}".into(),
        actions: vec!["s3:Get*".into(), "*".into()],
        key: String::new(),
    }
}

/// One of each kind, with nothing left out.
fn one_of_each() -> Vec<Wire> {
    let before = Some(WireTimestamp { seconds: 77, nanos: 0 });
    vec![
        Wire::KeyDeactivated(key()),
        Wire::KeyDeleted(key()),
        Wire::KeyRotated(key()),
        Wire::UserDeleted(PrincipalEvent { unique_id: "AIDAEXAMPLEEXAMPLE12".into(), ..arn(USER_ARN) }),
        Wire::SessionsRevoked(SessionsRevoked { principal: Some(arn(ROLE_ARN)), issued_before: before }),
        Wire::RoleDeleted(arn(ROLE_ARN)),
        Wire::RoleRecreated(arn(ROLE_ARN)),
        Wire::TrustPolicyChanged(arn(ROLE_ARN)),
        Wire::IdentityProviderRemoved(ProviderEvent { arn: "arn:aws:iam::111122223333:oidc-provider/oidc/x".into() }),
        Wire::ComputeTerminated(web()),
        Wire::AssociationChanged(web()),
        Wire::SsoUserDisabled(web()),
        Wire::SessionExpired(SessionEvent { session_id: "k3vq7mza-42".into() }),
        Wire::SessionInvalidated(proto::SessionInvalidated { access_key_id: key().access_key_id, expired: true }),
        Wire::IdentityRenewed(web()),
        Wire::AllowRemoved(AllowRemoved { statement: Some(spoken()) }),
        Wire::Denied(Deny {
            statement: Some(Statement { policy: Policy::Rcp.into(), ..spoken() }),
            issued_before: before,
            signature_age: Some(WireDuration { seconds: 600, nanos: 0 }),
        }),
        Wire::BucketDeleted(photos()),
        Wire::AccessPointDeleted(AccessPointEvent { access_point: "films-abcdefgh-s3alias".into() }),
        Wire::RequesterPays(photos()),
        Wire::PublicAccessBlocked(PublicAccessBlocked {
            bucket: "photos".into(),
            setting: public_access_blocked::Setting::RestrictPublicBuckets.into(),
        }),
        Wire::ObjectDeleted(ObjectEvent {
            version_id: "3".into(),
            versioning: object_event::Versioning::On.into(),
            ..cat()
        }),
        Wire::ObjectOverwritten(ObjectEvent { versioning: object_event::Versioning::Off.into(), ..cat() }),
        Wire::ObjectArchived(cat()),
        Wire::KmsKeyDisabled(KmsKeyDisabled {
            key_arn: "arn:aws:kms:eu-central-1:111122223333:key/1234".into(),
            bucket: "photos".into(),
            key_prefix: "2026/".into(),
        }),
        Wire::UploadEnded(UploadEnded { bucket: "photos".into(), key: "cat.jpg".into(), upload_id: "u1".into() }),
        Wire::AccountClosed(AccountEvent { account: "111122223333".into() }),
    ]
}

fn of(what: Wire) -> proto::Event {
    proto::Event { what: Some(what), ..Default::default() }
}

fn refused(what: Wire) -> String {
    event(Some(of(what)), NOW).err().map(|refused| refused.field).unwrap_or_default()
}

#[test]
fn every_kind_comes_back_as_it_went_in() {
    for what in one_of_each() {
        let (at, settles_within) =
            (Some(WireTimestamp { seconds: 5, nanos: 0 }), Some(WireDuration { seconds: 60, nanos: 0 }));
        let mut wire = proto::Event { at, settles_within, what: Some(what), endpoint: String::new() };
        if event(Some(wire.clone()), NOW).is_ok_and(|read| read.bucket().is_some()) {
            wire.endpoint = "store.example:9000".to_owned();
        }
        let read = event(Some(wire.clone()), NOW).unwrap_or_else(|refused| panic!("{refused}: {wire:?}"));
        assert_eq!(wire_event(read), wire);
    }
    let kinds: std::collections::BTreeSet<_> = one_of_each().iter().map(member).collect();
    assert_eq!(kinds.len(), one_of_each().len(), "one_of_each has a kind twice");
}

#[test]
fn an_endpoint_may_be_said_in_several_ways_and_comes_back_in_one() {
    let at = |endpoint: &str| {
        let wire = proto::Event { endpoint: endpoint.to_owned(), ..of(Wire::BucketDeleted(photos())) };
        event(Some(wire), NOW).map(|read| wire_event(read).endpoint).map_err(|refused| refused.field)
    };
    for (said, told) in [("", ""), ("aws-cn", "aws-cn"), ("https://s3.eu-central-1.amazonaws.com", "aws")] {
        assert_eq!(at(said), Ok(told.to_owned()), "{said}");
    }
    assert_eq!(at("http://Store.example:80/base"), Ok("store.example".to_owned()));
    assert_eq!(at("ftp://store.example"), Err("event.endpoint".to_owned()));
    let of_key = proto::Event { endpoint: "aws".to_owned(), ..of(Wire::KeyDeleted(key())) };
    assert_eq!(event(Some(of_key), NOW).err().map(|refused| refused.field), Some("event.endpoint".to_owned()));
}

/// The names of the members are those of the proto; a kind that is missing above is found here.
#[test]
fn the_paths_of_refusals_are_those_of_the_proto() {
    use prost::Message;
    let files = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap().file;
    let message = files.iter().flat_map(|file| &file.message_type).find(|one| one.name() == "Event").unwrap();
    let members = message.field.iter().filter(|field| field.oneof_index.is_some()).map(|field| field.name());
    assert_eq!(members.collect::<Vec<_>>(), one_of_each().iter().map(member).collect::<Vec<_>>());
}

#[test]
fn what_is_left_out_is_now_five_minutes_and_the_instant_of_the_event() {
    let revoked = SessionsRevoked { principal: Some(arn(ROLE_ARN)), issued_before: None };
    let read = event(Some(of(Wire::SessionsRevoked(revoked))), NOW).unwrap();
    assert_eq!((read.at, read.settles_within.as_secs()), (NOW, 300));
    assert!(matches!(read.what, What::SessionsRevoked { issued_before: NOW, .. }));
}

#[test]
fn an_event_that_says_nothing_is_refused() {
    let field = |wire| event(wire, NOW).unwrap_err().field;
    assert_eq!(field(None), "event");
    assert_eq!(field(Some(proto::Event::default())), "event.what");
    let length = |seconds, nanos| {
        field(Some(proto::Event {
            settles_within: Some(WireDuration { seconds, nanos }),
            ..of(Wire::KeyDeleted(key()))
        }))
    };
    for (seconds, nanos) in [(-1, 0), (86_401, 0), (1, 1), (i64::MIN, 0)] {
        assert_eq!(length(seconds, nanos), "event.settles_within");
    }
    let at = Some(WireTimestamp { seconds: i64::MAX, nanos: 0 });
    assert_eq!(field(Some(proto::Event { at, ..of(Wire::KeyDeleted(key())) })), "event.at");
}

#[test]
fn principals_are_of_the_sort_that_the_event_is_about() {
    let role = |arn: &str| refused(Wire::RoleDeleted(PrincipalEvent { arn: arn.into(), unique_id: String::new() }));
    for wrong in [
        "web",
        USER_ARN,
        "arn:aws:iam::1111:role/web",
        "arn:aws:sts::111122223333:assumed-role/web/x",
        "arn:aws:s3:::photos",
    ] {
        assert_eq!(role(wrong), "event.role_deleted.arn", "{wrong}");
    }
    assert_eq!(refused(Wire::UserDeleted(arn(ROLE_ARN))), "event.user_deleted.arn");
    assert_eq!(refused(Wire::UserDeleted(PrincipalEvent::default())), "event.user_deleted.arn");
    let id = |id: &str| refused(Wire::UserDeleted(PrincipalEvent { arn: String::new(), unique_id: id.into() }));
    assert_eq!(
        (id("AROAEXAMPLEEXAMPLE12").as_str(), id("AIDAEXAMPLEEXAMPLE12").as_str()),
        ("event.user_deleted.unique_id", "")
    );
    let revoked = |arn: &str| {
        let principal = Some(PrincipalEvent { arn: arn.into(), unique_id: String::new() });
        refused(Wire::SessionsRevoked(SessionsRevoked { principal, issued_before: None }))
    };
    assert_eq!((revoked(USER_ARN).as_str(), revoked("x").as_str()), ("", "event.sessions_revoked.principal.arn"));
    let session = event(Some(of(Wire::RoleDeleted(arn("arn:aws:sts::111122223333:assumed-role/web/x")))), NOW);
    assert!(session.unwrap_err().problem.contains("name its role"));
}

#[test]
fn statements_say_where_they_stand_and_of_what_they_speak() {
    let field = |change: fn(&mut Statement)| {
        let mut statement = spoken();
        change(&mut statement);
        let refused = refused(Wire::Denied(Deny { statement: Some(statement), ..Default::default() }));
        refused.trim_start_matches("event.denied.statement.").to_owned()
    };
    assert_eq!(field(|_| {}), "");
    assert_eq!(field(|one| one.policy = 0), "policy");
    assert_eq!(field(|one| one.policy = 99), "policy");
    assert_eq!(field(|one| one.bucket.clear()), "bucket");
    assert_eq!(field(|one| one.bucket = "x".into()), "bucket");
    assert_eq!(field(|one| one.principal_arn = "deploy".into()), "principal_arn");
    assert_eq!(field(|one| one.actions = vec!["GetObject".into()]), "actions");
    assert_eq!(field(|one| one.actions = vec!["s3:*".into(); 101]), "actions");
    assert_eq!(field(|one| one.userid = "a\nb".into()), "userid");
    assert_eq!(field(|one| one.key_prefix = "k".repeat(1025)), "key_prefix");
    assert_eq!(field(|one| one.key = "cat.jpg".into()), "key", "beside a beginning");
    let one_key = |key: &str| {
        let statement = Statement { key_prefix: String::new(), key: key.into(), ..spoken() };
        refused(Wire::Denied(Deny { statement: Some(statement), ..Default::default() }))
    };
    assert_eq!(one_key("cat${*}.jpg"), "");
    for slip in ["cat*", "${aws:username}", &"k".repeat(1025)] {
        assert_eq!(one_key(slip), "event.denied.statement.key", "{slip}");
    }
    assert_eq!(
        field(|one| {
            (one.policy, one.principal_arn, one.userid) = (Policy::Identity.into(), String::new(), String::new());
        }),
        "principal_arn"
    );
    for whose in [Policy::Identity, Policy::Boundary, Policy::Bucket] {
        let statement = Statement { policy: whose.into(), bucket: "films".into(), ..spoken() };
        let told = refused(Wire::Denied(Deny { statement: Some(statement), ..Default::default() }));
        let is_refused = whose != Policy::Bucket;
        assert_eq!(told == "event.denied.statement.principal_arn", is_refused, "{whose:?} and a session: {told}");
    }
    assert_eq!(field(|one| (one.policy, one.bucket) = (Policy::Scp.into(), String::new())), "bucket");
    assert_eq!(refused(Wire::Denied(Deny::default())), "event.denied.statement");
    let age = Some(WireDuration { seconds: 604_801, nanos: 0 });
    let old = Deny { statement: Some(spoken()), signature_age: age, ..Default::default() };
    assert_eq!(refused(Wire::Denied(old)), "event.denied.signature_age");
    for principal in ["*", "111122223333", "arn:aws:iam::111122223333:root", "AROAEXAMPLEEXAMPLE12"] {
        let statement = Some(Statement { principal_arn: principal.into(), ..spoken() });
        assert_eq!(refused(Wire::AllowRemoved(AllowRemoved { statement })), "", "{principal}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    use object_event::Versioning;
    let off = Versioning::Off.into();
    let table = [
        (
            Wire::ObjectDeleted(ObjectEvent { version_id: "3".into(), versioning: off, ..cat() }),
            "object_deleted.version_id",
        ),
        (Wire::ObjectOverwritten(ObjectEvent { version_id: "3".into(), ..cat() }), "object_overwritten.version_id"),
        (Wire::ObjectDeleted(ObjectEvent { key: String::new(), ..cat() }), "object_deleted.key"),
        (Wire::ObjectDeleted(ObjectEvent { versioning: 9, ..cat() }), "object_deleted.versioning"),
        (Wire::KeyDeleted(KeyEvent { access_key_id: "AKIA 1".into() }), "key_deleted.access_key_id"),
        (Wire::KeyDeleted(KeyEvent::default()), "key_deleted.access_key_id"),
        (Wire::SessionExpired(SessionEvent { session_id: "42".into() }), "session_expired.session_id"),
        (Wire::IdentityRenewed(IdentityEvent::default()), "identity_renewed.identity"),
        (Wire::IdentityRenewed(IdentityEvent { identity: "a b".into() }), "identity_renewed.identity"),
        (Wire::AccountClosed(AccountEvent { account: "1".into() }), "account_closed.account"),
        (Wire::BucketDeleted(BucketEvent::default()), "bucket_deleted.bucket"),
        (
            Wire::AllowRemoved(AllowRemoved { statement: Some(Statement { key_prefix: "pub/*".into(), ..spoken() }) }),
            "allow_removed.statement.key_prefix",
        ),
        (
            Wire::AccessPointDeleted(AccessPointEvent { access_point: "photos".into() }),
            "access_point_deleted.access_point",
        ),
        (
            Wire::PublicAccessBlocked(PublicAccessBlocked { bucket: "photos".into(), setting: 9 }),
            "public_access_blocked.setting",
        ),
        (
            Wire::UploadEnded(UploadEnded { bucket: "photos".into(), key: "k".into(), ..Default::default() }),
            "upload_ended.upload_id",
        ),
        (Wire::IdentityProviderRemoved(ProviderEvent { arn: ROLE_ARN.into() }), "identity_provider_removed.arn"),
        (
            Wire::KmsKeyDisabled(KmsKeyDisabled { key_arn: "alias/x".into(), ..Default::default() }),
            "kms_key_disabled.key_arn",
        ),
    ];
    for (what, field) in table {
        assert_eq!(refused(what), format!("event.{field}"));
    }
}
