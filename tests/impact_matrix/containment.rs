//! What is proposed to contain a URL, and the very commands.

use presignd::impact::contain::{Configured, Containment, Store, containments};
use presignd::impact::ending::Verdict;
use presignd::impact::event::{Policy, Statement, What};
use presignd::issued::IssuedUrl;
use presignd::s3::operation::Operation;
use presignd::session::CredentialKind;
use presignd::signer::endpoint::Endpoint;

use crate::made::*;

fn ways(signed: &Signed, asked: &Ask) -> Vec<Containment> {
    containments(&asked.url(), signed.by(), &Endpoint::Aws, at(1000))
}

/// A word for each.
fn names(ways: &[Containment]) -> Vec<&'static str> {
    ways.iter()
        .map(|way| match &way.event.what {
            What::Denied { signature_age: Some(_), .. } => "signature-age",
            What::Denied { statement, .. } if statement.policy == Policy::Identity && statement.userid.is_empty() => {
                "principal"
            }
            What::Denied { statement, .. } if statement.policy == Policy::Identity => "userid-everywhere",
            What::Denied { statement, .. } if !statement.userid.is_empty() => "userid",
            What::Denied { statement, .. } if !statement.principal_arn.is_empty() => "session",
            What::Denied { statement, .. } if !statement.keys_begin().is_empty() => "object",
            What::Denied { .. } => "bucket",
            What::UploadEnded { .. } => "upload",
            What::ObjectDeleted(_) => "delete",
            What::SessionsRevoked { .. } => "revoke",
            What::KeyDeactivated { .. } => "key",
            What::KeyDeleted { .. } => "key-deleted",
            What::AccessPointDeleted { .. } => "access-point",
            What::RoleDeleted(_) => "role-deleted",
            What::UserDeleted(_) => "user-deleted",
            other => panic!("nobody proposed {other:?}"),
        })
        .collect()
}

#[test]
fn each_kind_of_credential_has_its_own_ways() {
    let of = |kind| names(&ways(&signed(kind), &ask(Operation::GetObject))).join(" ");
    assert_eq!(
        of(CredentialKind::LongTermKey),
        "object userid delete signature-age key principal bucket key-deleted user-deleted"
    );
    assert_eq!(
        of(CredentialKind::AssumeRole),
        "object session userid userid-everywhere delete signature-age revoke principal bucket role-deleted"
    );
    assert_eq!(
        of(CredentialKind::SessionToken),
        "object userid delete signature-age revoke principal bucket user-deleted"
    );
    assert_eq!(
        of(CredentialKind::FederationToken),
        "object session userid delete signature-age revoke principal bucket user-deleted"
    );
    assert_eq!(
        of(CredentialKind::Sso),
        "object session userid delete signature-age bucket",
        "IAM cannot edit its role"
    );
    assert_eq!(of(CredentialKind::Root), "object delete signature-age key bucket key-deleted");
    assert_eq!(of(CredentialKind::Temporary), "object delete signature-age bucket");
}

#[test]
fn a_deny_on_the_object_spares_keys_that_only_begin_like_it() {
    let role = signed(CredentialKind::AssumeRole);
    let asked = ask(Operation::GetObject);
    let found = ways(&role, &asked);
    let object = &found[names(&found).iter().position(|name| *name == "object").expect("it is proposed")];
    let What::Denied { statement, .. } = &object.event.what else { panic!("it denies") };
    assert_eq!((statement.key.as_str(), statement.key_prefix.as_str()), (KEY, ""));
    assert_eq!(object.ending.verdict, Verdict::Ends);
    let shorter = Statement { key: KEY[..KEY.len() - 1].to_owned(), ..statement.clone() };
    assert_eq!(role.ending(&event(deny(shorter)), &asked.url()).verdict, Verdict::Lives, "it only begins so");
}

#[test]
fn what_writes_is_not_contained_by_deleting_the_object() {
    let role = signed(CredentialKind::AssumeRole);
    assert!(!names(&ways(&role, &ask(Operation::PutObject))).contains(&"delete"));
    let part = ask(Operation::UploadPart).query("partNumber", "1");
    assert_eq!(names(&ways(&role, &part))[0], "upload");
}

#[test]
fn through_an_access_point_its_own_policy_is_changed() {
    let point = "arn:aws:s3:eu-central-1:111122223333:accesspoint/reports";
    let role = signed(CredentialKind::AssumeRole);
    let found = ways(&role, &ask(Operation::GetObject).bucket(point));
    assert!(names(&found).contains(&"access-point"));
    assert!(found[0].steps[2].text.contains("s3control put-access-point-policy"));
    let alias = ways(&role, &ask(Operation::GetObject).bucket("reports-abc-s3alias"));
    assert_eq!(names(&alias).join(" "), "userid-everywhere delete revoke principal role-deleted");
}

#[test]
fn a_url_that_has_ended_needs_no_containment() {
    assert_eq!(containments(&get(), signed(CredentialKind::AssumeRole).by(), &Endpoint::Aws, at(3600)), []);
}

#[test]
fn a_revocation_reaches_the_session_and_spares_all_that_were_issued_later() {
    let role = signed(CredentialKind::AssumeRole);
    let found = ways(&role, &ask(Operation::GetObject));
    let revoke = &found[names(&found).iter().position(|name| *name == "revoke").expect("it is proposed")];
    let later = role.clone().with(|facts| {
        facts.issued.not_before = Some(at(ISSUED.1 + 1));
        facts.issued.not_after = at(ISSUED.1 + 2);
    });
    assert_eq!(revoke.ending.verdict, Verdict::Ends);
    assert_eq!(later.ending(&revoke.event, &get()).verdict, Verdict::Lives);
    let (name, document) = inline_policy(&revoke.steps[0].text);
    assert!(revoke.steps[0].text.starts_with("aws iam put-role-policy --role-name Signer "));
    assert!(name.starts_with("PresigndRevokeOlderSessions"), "AWSRevokeOlderSessions may be there, with a later date");
    let statement = &document["Statement"][0];
    assert_eq!((&statement["Sid"], &statement["Effect"]), (&name.into(), &"Deny".into()));
    assert_eq!((&statement["Action"], &statement["Resource"]), (&serde_json::json!(["*"]), &serde_json::json!(["*"])));
    let older = serde_json::json!({ "DateLessThan": { "aws:TokenIssueTime": "1969-12-31T23:55:03Z" } });
    assert_eq!(statement["Condition"], older);
}

/// Name and document of the inline policy that a command puts.
fn inline_policy(command: &str) -> (String, serde_json::Value) {
    let (_, rest) = command.split_once(" --policy-name ").expect("an inline policy");
    let (name, document) = rest.split_once(" --policy-document ").expect("its document");
    (name.to_owned(), serde_json::from_str(document.trim_matches('\'')).expect("JSON without quotes for the shell"))
}

/// The names under which the ways would put inline policies, and the Sids of the statements that they would add.
fn put_under(ways: &[Containment]) -> Vec<String> {
    let steps = ways.iter().flat_map(|way| &way.steps);
    steps
        .filter_map(|step| match serde_json::from_str::<serde_json::Value>(&step.text) {
            Ok(statement) => Some(statement["Sid"].as_str().expect("a statement has a Sid").to_owned()),
            Err(_) => step.text.contains(" --policy-name ").then(|| inline_policy(&step.text).0),
        })
        .collect()
}

#[test]
fn containing_a_second_url_replaces_nothing_that_contains_the_first() {
    let one = signed(CredentialKind::AssumeRole);
    let later = one.clone().with(|facts| {
        facts.session_name = "presignd-later".into();
        facts.principal_arn = "arn:aws:sts::111122223333:assumed-role/Signer/presignd-later".into();
        facts.issued.not_after = at(ISSUED.1 + 1);
    });
    let (cat, dog) = (ask(Operation::GetObject), ask(Operation::GetObject).key("dog.jpg"));
    let first = put_under(&ways(&one, &cat));
    assert_eq!(first, put_under(&ways(&one, &cat)), "what says the same is called the same");
    assert!(first.iter().all(|name| name.len() <= 128 && name.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    let mut told = first.clone();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), first.len(), "{first:?}");
    let of_session = put_under(&ways(&later, &cat));
    assert_eq!(first.len(), 8, "object, session, userid, userid everywhere, age, revoke, the role, bucket");
    let differ: Vec<&String> = first.iter().filter(|name| !of_session.contains(name)).collect();
    let begin = |name: &&&String, with: &str| name.starts_with(with);
    assert_eq!(differ.len(), 4, "what says the same of both sessions is called the same: {differ:?}");
    for (with, count) in [("PresigndDenySession", 1), ("PresigndDenyUserId", 2), ("PresigndRevokeOlderSessions", 1)] {
        assert_eq!(differ.iter().filter(|name| begin(name, with)).count(), count, "{with}: {differ:?}");
    }
    let of_object = put_under(&ways(&one, &dog));
    assert_ne!(first[0], of_object[0], "each object has a statement of its own");
    assert_eq!(first[1..], of_object[1..]);
}

#[test]
fn a_way_that_reaches_beyond_outstanding_urls_says_so_before_its_first_command() {
    let found = ways(&signed(CredentialKind::AssumeRole), &ask(Operation::GetObject));
    let names = names(&found);
    let first = |name: &str| {
        let at = names.iter().position(|named| *named == name).expect("it is proposed");
        found[at].steps[0].title.split(". ").next().unwrap_or_default().to_owned()
    };
    assert!(first("object").contains("everybody"), "{names:?} {}", first("object"));
    assert!(first("signature-age").contains("new ones too"), "{}", first("signature-age"));
    assert!(first("bucket").contains("new URLs are dead"), "{}", first("bucket"));
    assert!(first("session").starts_with("Save the present policy"), "{}", first("session"));
}

#[test]
fn commands_can_be_pasted_whatever_the_key_is() {
    let role = signed(CredentialKind::AssumeRole);
    let asked = ask(Operation::GetObject).key("it's \"50% *\" $HOME").query("versionId", "v1");
    let found = ways(&role, &asked);
    let deny = &found[0].steps;
    assert_eq!(
        deny[0].text,
        "aws s3api get-bucket-policy --region eu-central-1 --bucket photos --query Policy --output text > policy.json"
    );
    let statement: serde_json::Value = serde_json::from_str(&deny[1].text).expect("a statement is JSON");
    assert_eq!(statement["Resource"], "arn:aws:s3:::photos/it's \"50% ${*}\" ${$}HOME");
    assert_eq!((&statement["Action"], &statement["Effect"]), (&"s3:GetObjectVersion".into(), &"Deny".into()));
    assert_eq!(
        deny[2].text,
        "aws s3api put-bucket-policy --region eu-central-1 --bucket photos --policy file://policy.json"
    );
    assert!(deny[2].title.contains("replaces the whole policy"));
    let delete = &found[names(&found).iter().position(|name| *name == "delete").expect("it is proposed")];
    assert_eq!(
        delete.steps[0].text,
        "aws s3api delete-object --region eu-central-1 --bucket photos --key 'it'\\''s \"50% *\" $HOME' --version-id v1"
    );
    let session = &found[names(&found).iter().position(|name| *name == "session").expect("it is proposed")];
    let statement: serde_json::Value = serde_json::from_str(&session.steps[1].text).expect("a statement is JSON");
    assert_eq!(statement["Principal"]["AWS"], SESSION_ARN);
    assert_eq!(statement["Resource"], serde_json::json!(["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]));
}

#[test]
fn a_role_is_named_with_its_path_where_the_configuration_has_it() {
    let named = |role_arn: Option<&str>| {
        let role = signed(CredentialKind::AssumeRole);
        let configured = Configured { endpoint: &Endpoint::Aws, role_arn };
        let ways = containments(&ask(Operation::GetObject).url(), role.by(), configured, at(1000));
        let deleted = ways.into_iter().find_map(|way| match way.event.what {
            What::RoleDeleted(role) => Some(role.arn),
            _ => None,
        });
        deleted.expect("it is proposed")
    };
    let pathless = "arn:aws:iam::111122223333:role/Signer";
    assert_eq!(named(Some(ROLE_ARN)), ROLE_ARN);
    assert_eq!(named(None), pathless, "the ARN of a session omits it");
    for other in ["arn:aws:iam::111122223333:role/app/Other", "arn:aws:iam::999999999999:role/app/Signer"] {
        assert_eq!(named(Some(other)), pathless, "the identity had another role then");
    }
}

#[test]
fn a_key_is_deactivated_by_name_of_its_user() {
    let found = ways(&signed(CredentialKind::LongTermKey), &ask(Operation::GetObject));
    let key = &found[names(&found).iter().position(|name| *name == "key").expect("it is proposed")];
    assert_eq!(
        key.steps[0].text,
        "aws iam update-access-key --access-key-id AKIABOB --user-name bob --status Inactive"
    );
    let unnamed = signed(CredentialKind::LongTermKey).with(|facts| facts.principal_arn.clear());
    let found = ways(&unnamed, &ask(Operation::GetObject));
    let key = &found[names(&found).iter().position(|name| *name == "key").expect("it is proposed")];
    assert_eq!(key.steps[0].text, "aws iam get-access-key-last-used --access-key-id AKIABOB");
}

#[test]
fn arns_are_of_the_partition_of_the_session_or_else_of_the_region() {
    let china = signed(CredentialKind::AssumeRole).with(|facts| facts.partition = "aws-cn".to_owned());
    assert!(ways(&china, &ask(Operation::GetObject))[0].steps[1].text.contains("arn:aws-cn:s3:::photos/"));
    let unnamed = signed(CredentialKind::Temporary);
    let mut url = get();
    url.region = presignd::s3::Region::parse("us-gov-west-1").expect("a region");
    let found = containments(&url, unnamed.by(), &Endpoint::Aws, at(1000));
    assert!(found[0].steps[1].text.contains("arn:aws-us-gov:s3:::photos/"));
}

#[test]
fn the_scheme_of_a_store_is_known_as_long_as_any_identity_signs_for_it() {
    let of = |text: &str| Endpoint::parse(text).expect("an endpoint");
    let url = |host: &str| IssuedUrl { host: host.to_owned(), ..ask(Operation::GetObject).url() };
    let told = |host: &str, own: Endpoint| {
        let others = [Endpoint::Aws, of("http://store.example:9000/s3")].into_iter();
        let endpoint = Store::endpoint_of(&url(host), own, others);
        Store::of(&url(host), &endpoint).map(|store| store.endpoint_url)
    };
    let (at_store, by_bucket) = ("store.example:9000", "photos.store.example:9000");
    for host in [at_store, by_bucket] {
        assert_eq!(told(host, Endpoint::Aws).as_deref(), Some("http://store.example:9000/s3"), "{host}");
    }
    let own = of("http://store.example:9000");
    assert_eq!(told(at_store, own).as_deref(), Some("http://store.example:9000"), "its own comes first");
    assert_eq!(told("gone.example", Endpoint::Aws).as_deref(), Some("https://gone.example"));
    assert_eq!(told("photos.s3.eu-central-1.amazonaws.com", Endpoint::Aws), None);
}

#[test]
fn no_command_for_a_url_of_another_store_goes_to_aws() {
    let configured = Endpoint::parse("http://store.example:9000/s3/").expect("an endpoint");
    let role = signed(CredentialKind::AssumeRole);
    let of = |signed: &Signed, host: &str, configured: &Endpoint| {
        let mut url = ask(Operation::GetObject).url();
        url.host = host.to_owned();
        containments(&url, signed.by(), configured, at(1000))
    };
    for (host, configured, endpoint) in [
        ("store.example:9000", &configured, "http://store.example:9000/s3"),
        ("photos.store.example:9000", &configured, "http://store.example:9000/s3"),
        ("photos.former.example", &configured, "https://former.example"),
        ("127.0.0.1:5999", &Endpoint::Aws, "https://127.0.0.1:5999"),
        ("s3.amazonaws.com.example", &Endpoint::Aws, "https://s3.amazonaws.com.example"),
    ] {
        let found = of(&role, host, configured);
        assert_eq!(names(&found).join(" "), "object session userid delete signature-age bucket", "{host}");
        for step in found.iter().flat_map(|way| &way.steps).filter(|step| step.text.starts_with("aws ")) {
            let named = format!(" --endpoint-url {endpoint} --region eu-central-1 ");
            assert!(step.text.starts_with("aws s3api ") && step.text.contains(&named), "{}", step.text);
        }
    }
    let key = of(&signed(CredentialKind::LongTermKey), "store.example:9000", &configured);
    let key = &key[names(&key).iter().position(|name| *name == "key").expect("a store has keys, too")];
    assert!(key.steps[0].text.is_empty() && key.steps[0].title.contains("no command of IAM reaches"), "{key:?}");
    let at_aws = of(&role, "photos.s3.eu-central-1.amazonaws.com", &configured);
    assert!(at_aws.iter().flat_map(|way| &way.steps).all(|step| !step.text.contains("--endpoint-url")));
}

#[test]
fn a_form_for_any_key_has_each_way_once() {
    let form = form("", true, &[]);
    let ways = containments(&form, signed(CredentialKind::LongTermKey).by(), &Endpoint::Aws, at(1000));
    let twice = |place: usize| ways[..place].iter().any(|before| before.event == ways[place].event);
    assert!(ways.len() > 2 && !(0..ways.len()).any(twice), "{:?}", names(&ways));
}
