//! Events as JSON and as people mistype them.

use presignd::impact::event::{Event, Policy, Statement, What};

use crate::made::*;

#[test]
fn the_stored_form_of_an_event_does_not_change() {
    let table = [
        (What::KeyDeleted { access_key_id: "AKIA1".into() }, r#""key_deleted":{"access_key_id":"AKIA1"}"#),
        (
            What::RoleDeleted(principal(ROLE_ARN)),
            r#""role_deleted":{"arn":"arn:aws:iam::111122223333:role/app/Signer"}"#,
        ),
        (What::ComputeTerminated(identity("web")), r#""compute_terminated":{"identity":"web"}"#),
        (What::AllowRemoved(statement(Policy::Scp)), r#""allow_removed":{"statement":{"policy":"scp"}}"#),
        (
            What::ObjectDeleted(object("v1", Some(true))),
            r#""object_deleted":{"bucket":"photos","is_versioned":true,"key":"cats/one.jpg","version_id":"v1"}"#,
        ),
        (
            What::Denied {
                statement: Statement { actions: vec!["s3:*".into()], ..statement(Policy::Bucket) },
                issued_before: Some(at(0)),
                signature_age: Some(seconds(60)),
            },
            r#""denied":{"issued_before":"1970-01-01T00:00:00Z","signature_age_seconds":60,"statement":{"actions":["s3:*"],"policy":"bucket"}}"#,
        ),
    ];
    for (what, wanted) in table {
        let text = serde_json::to_string(&event(what)).expect("an event is JSON");
        assert_eq!(text, format!(r#"{{"at":"1970-01-01T00:10:00Z","settles_within_seconds":300,{wanted}}}"#));
    }
}

#[test]
fn an_event_that_nobody_knows_is_refused_by_its_name() {
    let read = |text: &str| serde_json::from_str::<Event>(text).expect_err("it is no event").to_string();
    let head = r#"{"at":"2026-01-01T00:00:00Z","settles_within_seconds":300"#;
    assert!(read(&format!(r#"{head},"moon_eaten":{{}}}}"#)).contains("moon_eaten"));
    assert!(read(&format!(r#"{head},"key_deleted":{{"key":"x"}}}}"#)).contains("key"));
    assert!(
        read(&format!(r#"{head},"key_deleted":{{"access_key_id":"A"}},"bucket_deleted":{{"bucket":"b"}}}}"#))
            .contains("single key")
    );
    assert!(read(&format!("{head}}}")).contains("map"));
    assert!(read(r#"{"settles_within_seconds":300,"key_deleted":{"access_key_id":"A"}}"#).contains("at is missing"));
    assert!(
        read(r#"{"at":"yesterday","settles_within_seconds":1,"key_deleted":{"access_key_id":"A"}}"#)
            .contains("RFC 3339")
    );
}

#[test]
fn a_malformed_event_is_refused_by_its_field() {
    let deny_of = |change: fn(&mut Statement)| {
        let mut one = statement(Policy::Bucket);
        change(&mut one);
        deny(one)
    };
    let table = [
        (What::KeyDeleted { access_key_id: String::new() }, "key_deleted.access_key_id"),
        (What::KeyDeactivated { access_key_id: "a b".into() }, "key_deactivated.access_key_id"),
        (What::UserDeleted(principal("")), "user_deleted.arn"),
        (What::UserDeleted(principal(ROLE_ARN)), "user_deleted.arn"),
        (What::RoleDeleted(principal(SESSION_ARN)), "role_deleted.arn"),
        (What::RoleDeleted(principal("arn:aws:iam::1:role/x")), "role_deleted.arn"),
        (What::SessionsRevoked { principal: principal("bob"), issued_before: at(0) }, "sessions_revoked.principal.arn"),
        (What::IdentityProviderRemoved { arn: ROLE_ARN.into() }, "identity_provider_removed.arn"),
        (What::BucketDeleted { bucket: "B!".into() }, "bucket_deleted.bucket"),
        (What::AccessPointDeleted { access_point: BUCKET.into() }, "access_point_deleted.access_point"),
        (What::AccountClosed { account: "12".into() }, "account_closed.account"),
        (
            What::ObjectDeleted(presignd::impact::event::Object { key: String::new(), ..object("", None) }),
            "object_deleted.key",
        ),
        (deny_of(|one| one.principal_arn = "bob".into()), "denied.statement.principal_arn"),
        (deny_of(|one| one.actions = vec!["GetObject".into()]), "denied.statement.actions"),
        (deny_of(|one| one.actions = vec!["s3:*".into(); 101]), "denied.statement.actions"),
        (deny_of(|one| one.bucket = "x".into()), "denied.statement.bucket"),
        (
            What::Denied { statement: statement(Policy::Bucket), issued_before: None, signature_age: Some(seconds(0)) },
            "denied.signature_age",
        ),
    ];
    for (what, field) in table {
        let refused = event(what).check().expect_err(field);
        assert_eq!(refused.field, field, "{refused}");
    }
    let slow = Event { settles_within: seconds(90_000), ..event(What::KeyDeleted { access_key_id: "A".into() }) };
    assert_eq!(slow.check().expect_err("a day and an hour").field, "settles_within");
}
