//! `presignd impact` and `presignd contain` as people and scripts meet them.

use presignd::grpc::proto::contain_request::Url;
use presignd::grpc::proto::event::What;
use presignd::grpc::proto::statement::Policy;
use presignd::grpc::proto::{Deny, Event, KeyEvent, object_event};
use serde_json::{Value, json};

use crate::fake::{Fake, RECORDS};
use crate::{json_of, run, run_with, shape};

/// The event that reached the service.
fn asked(fake: &Fake, flags: &str) -> Event {
    let (code, _, err) = run(&fake.socket, &flags.split_whitespace().collect::<Vec<_>>());
    assert_eq!(code, 0, "{flags}: {err}");
    fake.seen.lock().unwrap().assessed.pop().unwrap().event.unwrap()
}

fn denied(what: Option<What>) -> Deny {
    match what {
        Some(What::Denied(denied)) => denied,
        other => panic!("{other:?}"),
    }
}

const ROLE: &str = "arn:aws:iam::123456789012:role/web";

#[test]
fn every_kind_of_event_reaches_the_service() {
    let fake = Fake::start();
    let table = [
        ("key-deactivated AKIAX", "KeyDeactivated"),
        ("key-deleted AKIAX", "KeyDeleted"),
        ("key-rotated AKIAX", "KeyRotated"),
        ("user-deleted AIDAX", "UserDeleted"),
        (&format!("role-revoked {ROLE}"), "SessionsRevoked"),
        (&format!("sessions-revoked {ROLE}"), "SessionsRevoked"),
        (&format!("role-deleted {ROLE}"), "RoleDeleted"),
        (&format!("role-recreated {ROLE}"), "RoleRecreated"),
        (&format!("trust-policy-changed {ROLE}"), "TrustPolicyChanged"),
        ("identity-provider-removed arn:x", "IdentityProviderRemoved"),
        ("compute-terminated web", "ComputeTerminated"),
        ("association-changed web", "AssociationChanged"),
        ("sso-user-disabled web", "SsoUserDisabled"),
        ("session-expired aaaaaaaa-3", "SessionExpired"),
        ("session-invalidated ASIAX --expired", "SessionInvalidated"),
        ("renew web", "IdentityRenewed"),
        ("allow-removed --bucket films", "AllowRemoved"),
        ("deny --bucket films", "Denied"),
        ("bucket-deleted films", "BucketDeleted"),
        ("access-point-deleted films-s3alias", "AccessPointDeleted"),
        ("requester-pays films", "RequesterPays"),
        ("public-access-blocked films --setting ignore-public-acls", "PublicAccessBlocked"),
        ("object-deleted s3://films/a", "ObjectDeleted"),
        ("object-overwritten s3://films/a", "ObjectOverwritten"),
        ("object-archived s3://films/a", "ObjectArchived"),
        ("kms-key-disabled arn:k --bucket films", "KmsKeyDisabled"),
        ("upload-ended s3://films/a u1", "UploadEnded"),
        ("account-closed 123456789012", "AccountClosed"),
    ];
    for (flags, kind) in table {
        let what = format!("{:?}", asked(&fake, &format!("impact {flags}")).what.unwrap());
        assert!(what.starts_with(&format!("{kind}(")), "{flags}: {what}");
    }
}

#[test]
fn what_is_left_out_is_left_to_the_daemon() {
    let fake = Fake::start();
    let event = asked(&fake, "impact key-deleted AKIAX --at now");
    assert_eq!(
        event,
        Event { what: Some(What::KeyDeleted(KeyEvent { access_key_id: "AKIAX".into() })), ..Default::default() }
    );
    let event = asked(
        &fake,
        &format!(
            "impact role-revoked {ROLE} --before 2026-11-22T12:00:00Z --at 2026-11-22T13:00:00Z --settles-within 1m"
        ),
    );
    assert_eq!((event.at.unwrap().seconds, event.settles_within.unwrap().seconds), (1_795_352_400, 60));
    assert_eq!(event.endpoint, "");
    let of_store = asked(&fake, "impact bucket-deleted films --endpoint-url https://store.example:9000");
    assert_eq!(of_store.endpoint, "https://store.example:9000");
    let Some(What::SessionsRevoked(revoked)) = event.what else { panic!("{event:?}") };
    assert_eq!(revoked.issued_before.unwrap().seconds, 1_795_348_800);
    assert_eq!(revoked.principal.unwrap().arn, ROLE);
}

#[test]
fn a_statement_has_flags_of_its_own_and_a_filter_others() {
    let fake = Fake::start();
    let event = asked(
        &fake,
        "impact deny --policy identity --principal arn:p --userid u --bucket films --prefix a/ --action s3:Get* \
         --action s3:PutObject --issued-before 2026-11-22T12:00:00Z --signature-age 10m",
    );
    let denied = denied(event.what);
    let statement = denied.statement.unwrap();
    assert_eq!(
        (statement.policy(), statement.principal_arn.as_str(), statement.userid.as_str()),
        (Policy::Identity, "arn:p", "u")
    );
    assert_eq!((statement.bucket.as_str(), statement.key_prefix.as_str()), ("films", "a/"));
    assert_eq!((statement.actions.len(), denied.signature_age.unwrap().seconds), (2, 600));
    assert_eq!(denied.issued_before.unwrap().seconds, 1_795_348_800);
    asked(&fake, "impact deny --bucket films");
    let flags = "impact key-deleted AKIAX --bucket films --prefix a/ --caller 33 --on-behalf-of ann --label a=b \
        --identity web --session aaaaaaaa-3 --since 2026-11-22T12:00:00Z --until 2026-11-22T13:00:00Z --by on-behalf-of";
    assert_eq!(run(&fake.socket, &flags.split_whitespace().collect::<Vec<_>>()).0, 0);
    let request = fake.seen.lock().unwrap().assessed.pop().unwrap();
    let filter = request.filter.unwrap();
    assert_eq!((filter.bucket.as_str(), filter.key_prefix.as_str(), filter.uid), ("films", "a/", Some(33)));
    assert_eq!((filter.on_behalf_of.as_deref(), filter.labels["a"].as_str()), (Some("ann"), "b"));
    assert_eq!((filter.identity.as_str(), filter.session_id.as_str()), ("web", "aaaaaaaa-3"));
    let times = (filter.signed_from.unwrap().seconds, filter.signed_before.unwrap().seconds);
    assert_eq!((times, request.by_on_behalf_of), ((1_795_348_800, 1_795_352_400), true));
    assert_eq!(run(&fake.socket, &["impact", "renew", "web", "--on-behalf-of", ""]).0, 0);
    let filter = fake.seen.lock().unwrap().assessed.pop().unwrap().filter.unwrap();
    assert_eq!(filter.on_behalf_of.as_deref(), Some(""), "on behalf of nobody, and not of everybody");
}

#[test]
fn an_object_may_be_one_version_and_its_bucket_may_keep_versions() {
    let fake = Fake::start();
    let event = asked(&fake, "impact object-deleted s3://films/a/b --version-id 7 --versioned yes");
    let Some(What::ObjectDeleted(object)) = event.what else { panic!("{event:?}") };
    assert_eq!((object.bucket.as_str(), object.key.as_str(), object.version_id.as_str()), ("films", "a/b", "7"));
    assert_eq!(object.versioning(), object_event::Versioning::On);
}

#[test]
fn the_answer_begins_with_the_verdict_and_fits_into_eighty_columns() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["impact", "key-deactivated", "AKIAX"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("42 of 1,203 outstanding URLs end within 5m of 2026-11-22T12:00:00Z;"), "{out}");
    for part in [
        "web stops signing at",
        "InvalidAccessKeyId. Undone, they work again.",
        "films",
        "42    0        -      ann",
        "░ lost",
        "Not in this answer:",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert!(!out.contains('\x1b'), "no colours");
}

#[test]
fn scripts_get_fields_and_documents() {
    let fake = Fake::start();
    let (_, out, _) = run(&fake.socket, &["impact", "key-deactivated", "AKIAX", "--output", "text"]);
    let first: Vec<&str> = out.lines().take(4).collect();
    assert_eq!(
        first,
        ["total\tends\t42", "total\tmay-end\t0", "total\tlives\t1161", "breaks-nothing-from\tat\t2026-11-22T12:30:00Z"]
    );
    let (_, out, _) = run(&fake.socket, &["impact", "key-deactivated", "AKIAX", "--output", "json"]);
    let ending = "ending ending.bearer_errors ending.bearer_errors.code ending.bearer_errors.http_status ending.bearer_errors_grade \
        ending.condition ending.event_id ending.grade ending.message ending.not_after ending.not_before ending.reason ending.reversible ending.verdict";
    let totals = |name: &str| format!("{name} {name}.ends {name}.lives {name}.may_end");
    let ending: Vec<String> = ending.split_whitespace().map(|name| format!("effects.{name}")).collect();
    let expected = format!(
        "assessed_at breaks_nothing_from curve curve.alive curve.alive_after curve.at curve.maybe_after effects {} effects.urls event event.at \
         event.endpoint event.key_deactivated event.key_deactivated.access_key_id event.settles_within gaps gaps.message gaps.reason groups \
         groups.by groups.name {} outages outages.actions outages.at outages.bucket outages.condition outages.identity \
         outages.key_prefix outages.life outages.loss outages.may_come_later outages.message outages.partition outages.recovery outages.renew \
         outages.renew_from stands_as {} version",
        ending.join(" "),
        totals("groups.totals"),
        totals("totals"),
    );
    assert_eq!(shape(&out), expected);
    assert_eq!(json_of(&out)["effects"][0]["ending"]["bearer_errors_grade"], "unconfirmed");
    let groups = &json_of(&out)["groups"];
    assert_eq!(groups[0]["totals"]["lives"], 1161);
    assert!(groups[1]["totals"]["lives"].is_null(), "what was not counted is not 0: {groups}");
}

#[test]
fn a_list_comes_in_every_form_whole_and_in_order() {
    let fake = Fake::start();
    let list = |form: &[&str]| {
        let (code, out, err) = run(&fake.socket, &[&["impact", "key-deactivated", "AKIAX"], form].concat());
        assert_eq!((code, err.as_str()), (0, ""), "{form:?}");
        out
    };
    let lines: Vec<Value> = list(&["--list", "--output", "json"]).lines().map(json_of).collect();
    let ids = lines.iter().enumerate().filter(|(at, line)| line["url"]["id"] == format!("aaaaaaaa-{at}")).count();
    assert_eq!((lines.len(), ids), (RECORDS, RECORDS));
    assert_eq!((&lines[0]["version"], &lines[0]["ending"]["reason"]), (&json!(1), &json!("KEY_INACTIVE")));
    let text = list(&["--list", "--output", "text"]);
    assert_eq!(text.lines().count(), RECORDS);
    assert!(text.starts_with("aaaaaaaa-0\tends\tKEY_INACTIVE\t2026-11-22T12:00:00Z\t"), "{}", &text[..200]);
    let by: Vec<_> = text.lines().take(2).map(|line| (line.split('\t').nth(1), line.rsplit('\t').next())).collect();
    assert_eq!(by, [(Some("ends"), Some("-")), (Some("ended"), Some("aaaaaaaa-12"))]);
    assert_eq!((&lines[1]["ended_by"]["event_id"], &lines[1]["not_counted"]), (&json!("aaaaaaaa-12"), &json!(true)));
    let table = list(&["--list"]);
    assert_eq!(table.matches("ended by aaaaaaaa-12").count(), 1, "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("ENDS")).count(), 1);
    assert!(!table.contains('\x1b'), "a key must not drive the terminal");
    let csv = list(&["--csv", "--living"]);
    assert!(csv.starts_with("id,verdict,reason,not_before,"), "{}", &csv[..100]);
    assert_eq!(csv.lines().count(), RECORDS + 1);
    let wanted: Vec<bool> = fake.seen.lock().unwrap().listed.iter().map(|one| one.with_living).collect();
    assert_eq!(wanted, [false, false, false, true]);
}

#[test]
fn flags_that_make_no_sense_are_refused_before_anybody_is_asked() {
    let fake = Fake::start();
    let table: [&[&str]; 8] = [
        &["impact"],
        &["impact", "key-exploded", "AKIAX"],
        &["impact", "key-deleted", "AKIAX", "--at", "soon"],
        &["impact", "key-deleted", "AKIAX", "--living"],
        &["impact", "key-deleted", "AKIAX", "--list", "--by", "on-behalf-of"],
        &["impact", "key-deleted", "AKIAX", "--csv", "--output", "json"],
        &["impact", "object-deleted", "https://films.s3.amazonaws.com/a?X-Amz-Signature=c2VjcmV0"],
        &["impact", "user-deleted", "bob", "--unique-id", "AIDAX"],
    ];
    for arguments in table {
        let (code, out, err) = run(&fake.socket, arguments);
        assert_eq!((code, out.as_str()), (252, ""), "{arguments:?}: {err}");
        assert!(!err.contains("c2VjcmV0"), "a signature is a secret: {err}");
    }
    assert!(fake.seen.lock().unwrap().assessed.is_empty());
}

#[test]
fn the_admin_socket_is_asked_for_impact_and_containment() {
    let fake = Fake::start();
    for arguments in [&["impact", "key-deleted", "AKIAX"][..], &["contain", "aaaaaaaa-1"]] {
        let elsewhere = [arguments, &["--admin-socket", "/nonexistent/admin.sock"]].concat();
        let (code, _, err) = run(&fake.socket, &elsewhere);
        assert!(code == 253 && err.contains("/nonexistent/admin.sock"), "{err}");
    }
}

#[test]
fn a_leaked_url_is_read_from_stdin_and_never_shown() {
    let fake = Fake::start();
    let url = "https://films.s3.amazonaws.com/a?X-Amz-Signature=c2VjcmV0";
    let (code, out, err) = run_with(&fake.socket, &["contain", "-"], &format!("{url}\n"));
    assert_eq!((code, err.as_str()), (0, ""));
    for part in [
        "1. the access key AKIAEXAMPLE is deactivated",
        "takes 41 other URLs along; the URL ends; the bearer sees 403\n   InvalidAccessKeyId; undone, it works again.",
        "   web stops signing at 2026-11-22T12:10:00Z: its key is dead.\n",
        "Renewing mends it:\n     presignd identities renew up\n",
        "   cut signs links that live 42s at most from 2026-11-22T12:10:00Z on: the\n   policy denies older signatures.\n",
        "     aws iam update-access-key\n",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains("c2VjcmV0"));
    let (_, out, _) = run(&fake.socket, &["contain", "aaaaaaaa-1", "--output", "json"]);
    assert_eq!(json_of(&out)["containments"][0]["steps"][0]["text"], "aws iam update-access-key");
    assert_eq!(json_of(&out)["containments"][0]["outages"][0]["identity"], "web");
    let (_, out, _) = run(&fake.socket, &["contain", "aaaaaaaa-1", "--output", "text"]);
    assert_eq!(out, "ends\t41\t0\tKEY_INACTIVE\tweb\tup\tcut\taws iam update-access-key\n");
    let seen = fake.seen.lock().unwrap();
    let asked: Vec<_> = seen.contained.iter().map(|one| one.url.clone().unwrap()).collect();
    assert_eq!(asked[..2], [Url::Text(url.into()), Url::Id("aaaaaaaa-1".into())]);
}

#[test]
fn an_empty_list_of_a_name_that_nobody_knows_doubts_the_name_on_stderr() {
    let fake = Fake::start();
    for form in ["text", "json"] {
        let words = ["impact", "key-deactivated", "AKIATYPO", "--list", "--output", form];
        let (code, out, err) = run(&fake.socket, &words);
        assert_eq!((code, &*out, &*err), (0, "", "presignd: Is that the right key? [NAME_UNKNOWN]\n"));
    }
    let (_, out, err) = run(&fake.socket, &["impact", "key-deactivated", "AKIAEXAMPLE", "--list"]);
    assert!(!out.is_empty() && err.is_empty(), "{err}");
}

#[test]
fn a_list_whose_reader_leaves_is_no_panic() {
    let fake = Fake::start();
    for form in ["text", "table", "json"] {
        let mut command =
            crate::presignd(&fake.socket, &["impact", "key-deleted", "AKIAX", "--list", "--output", form]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let (code, _, err) = crate::said(child.wait_with_output().unwrap());
        assert_eq!((code, err.as_str()), (0, ""), "{form}");
    }
}
