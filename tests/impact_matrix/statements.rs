//! SEMANTICS.md 1.4, condition by condition, and the actions of 6.4.

use presignd::impact::ending::{Grade, Verdict};
use presignd::impact::event::{Policy, Statement, What};
use presignd::impact::{Subject, ending};
use presignd::s3::operation::Operation;
use presignd::session::CredentialKind;

use crate::made::*;

use CredentialKind::{AssumeRole, Ec2Instance, FederationToken, LongTermKey, Root, SessionToken, Sso, Temporary};
use Verdict::{Ends, Lives, MayEnd};

/// For LTK, GST, GFT, AR, WI, PI, ECS, EC2, LAM, SSO, ROOT: `E`nds, `L`ives, `M`ay.
#[rustfmt::skip]
const PRINCIPALS: &[(Policy, &str, &str)] = &[
    // Principal = account: every principal of the account
    (Policy::Bucket, "111122223333",                                           "EEEEEEEEEEE"),
    (Policy::Bucket, "arn:aws:iam::111122223333:root",                         "EEEEEEEEEEE"),
    (Policy::Bucket, "999999999999",                                           "LLLLLLLLLLL"),
    (Policy::Bucket, "*",                                                      "EEEEEEEEEEE"),
    // = user ARN: its key, its tokens, all its federated sessions
    (Policy::Bucket, "arn:aws:iam::111122223333:user/ops/bob",                 "EEELLLLLLLL"),
    (Policy::Bucket, "arn:aws:iam::111122223333:user/eve",                     "LLLLLLLLLLL"),
    (Policy::Bucket, "arn:aws:iam::999999999999:user/ops/bob",                 "LLLLLLLLLLL"),
    (Policy::Bucket, "AIDABOB",                                                "EEELLLLLLLL"),
    // = role ARN: all sessions of the role; the path is not in the session's ARN
    (Policy::Bucket, "arn:aws:iam::111122223333:role/app/Signer",              "LLLEEEEEELL"),
    (Policy::Bucket, "arn:aws:iam::111122223333:role/Other",                   "LLLLLLLLLLL"),
    (Policy::Bucket, "AROASIGNER",                                             "LLLEEEEEELL"),
    // = session ARN: that session name only
    (Policy::Bucket, "arn:aws:sts::111122223333:assumed-role/Signer/presignd-x-2", "LLLEEEELELL"),
    (Policy::Bucket, "arn:aws:sts::111122223333:assumed-role/Signer/presignd-x-9", "LLLLLLLLLLL"),
    (Policy::Bucket, "arn:aws:sts::111122223333:assumed-role/Signer/i-0abc",   "LLLLLLLELLL"),
    // = federated user
    (Policy::Bucket, "arn:aws:sts::111122223333:federated-user/presignd-x-1",  "LLELLLLLLLL"),
    (Policy::Bucket, "arn:aws:sts::111122223333:federated-user/presignd-x-2",  "LLLLLLLLLLL"),
    // attached to the user or the role
    (Policy::Identity, "arn:aws:iam::111122223333:user/ops/bob",               "EEELLLLLLLL"),
    (Policy::Identity, "arn:aws:iam::111122223333:role/app/Signer",            "LLLEEEEEELL"),
    (Policy::Boundary, "arn:aws:iam::111122223333:role/app/Signer",            "LLLEEEEEELL"),
    (Policy::Identity, "111122223333",                                         "EEEEEEEEEEL"),
    // aws:PrincipalArn: the role's, never a session's; of federated sessions their own
    (Policy::Scp, "arn:aws:iam::111122223333:role/app/Signer",                 "LLLMMMMMMLL"),
    (Policy::Scp, "arn:aws:sts::111122223333:assumed-role/Signer/presignd-x-2", "LLLLLLLLLLL"),
    (Policy::Scp, "arn:aws:iam::111122223333:user/ops/bob",                    "MMLLLLLLLLL"),
    (Policy::Scp, "arn:aws:sts::111122223333:federated-user/presignd-x-1",     "LLMLLLLLLLL"),
    (Policy::Scp, "111122223333",                                              "MMMMMMMMMMM"),
    (Policy::Rcp, "arn:aws:iam::111122223333:role/app/Signer",                 "LLLMMMMMMLL"),
];

/// The same for `aws:userid`.
#[rustfmt::skip]
const USERIDS: &[(&str, &str)] = &[
    ("AIDABOB",                    "EELLLLLLLLL"),
    ("AROASIGNER:presignd-x-2",    "LLLEEEELELL"),
    ("AROASIGNER:i-0abc",          "LLLLLLLELLL"),
    ("AROASIGNER:*",               "LLLEEEEEELL"),
    ("AROASIGNER",                 "LLLLLLLLLLL"),
    ("111122223333:presignd-x-1",  "LLELLLLLLLL"),
    ("111122223333",               "LLLLLLLLLLE"),
    ("AROASSO:ann",                "LLLLLLLLLEL"),
];

fn verdicts(what: impl Fn() -> What) -> String {
    let letter = |kind| match signed(kind).ending(&event(what()), &get()).verdict {
        Ends => 'E',
        MayEnd => 'M',
        Lives => 'L',
    };
    COLUMNS.into_iter().map(letter).collect()
}

#[test]
fn each_form_of_principal_names_whom_table_1_4_says() {
    for (policy, principal_arn, wanted) in PRINCIPALS {
        let found = verdicts(|| deny(Statement { principal_arn: (*principal_arn).to_owned(), ..statement(*policy) }));
        assert_eq!(found, *wanted, "{policy:?} {principal_arn}");
    }
}

#[test]
fn each_form_of_userid_names_whom_table_1_4_says() {
    for (userid, wanted) in USERIDS {
        let found = verdicts(|| deny(Statement { userid: (*userid).to_owned(), ..statement(Policy::Bucket) }));
        assert_eq!(found, *wanted, "{userid}");
    }
}

#[test]
fn the_userid_of_a_session_is_not_that_of_a_key_even_if_nobody_told_whose_the_key_is() {
    for (kind, wanted) in [(LongTermKey, Lives), (Root, Lives), (SessionToken, Lives), (Temporary, MayEnd)] {
        let mut signed = signed(kind);
        let facts = &mut signed.session.facts;
        (facts.principal_arn, facts.principal_unique_id) = (String::new(), String::new());
        (facts.account, facts.session_name) = (String::new(), String::new());
        for userid in ["AROASIGNER:presignd-x-2", "111122223333:presignd-x-1", "*:presignd-x-2"] {
            let what = deny(Statement { userid: userid.to_owned(), ..statement(Policy::Bucket) });
            let event = event(what);
            let told = ending(&event, &signed.session, Subject::Url(&get())).unwrap();
            assert_eq!(told.verdict, wanted, "{kind:?} {userid}");
        }
    }
}

#[test]
fn forms_of_userid_that_are_not_confirmed_are_graded_so() {
    let grade = |kind, userid: &str| {
        let what = deny(Statement { userid: userid.to_owned(), ..statement(Policy::Bucket) });
        signed(kind).ending(&event(what), &get()).grade
    };
    assert_eq!(grade(AssumeRole, "AROASIGNER:presignd-x-2"), Grade::Unconfirmed);
    assert_eq!(grade(LongTermKey, "AIDABOB"), Grade::Unconfirmed);
    assert_eq!(grade(FederationToken, "111122223333:presignd-x-1"), Grade::Field);
}

#[test]
fn an_unnamed_principal_may_be_the_one_that_is_meant() {
    let unnamed = |kind| {
        signed(kind).with(|facts| {
            facts.principal_arn.clear();
            facts.principal_unique_id.clear();
            facts.account.clear();
            facts.partition.clear();
        })
    };
    let role = || deny(Statement { principal_arn: ROLE_ARN.to_owned(), ..statement(Policy::Bucket) });
    let account = || deny(Statement { principal_arn: ACCOUNT.to_owned(), ..statement(Policy::Bucket) });
    let userid = || deny(Statement { userid: "AROASIGNER:x".to_owned(), ..statement(Policy::Bucket) });
    let fate = |kind, what| unnamed(kind).ending(&event(what), &get()).verdict;
    assert_eq!(fate(Ec2Instance, role()), MayEnd);
    assert_eq!(fate(Temporary, role()), MayEnd);
    assert_eq!(fate(LongTermKey, role()), Lives, "a user's key is no role's session");
    assert_eq!(fate(Ec2Instance, account()), MayEnd);
    assert_eq!(fate(Sso, userid()), MayEnd);
}

#[test]
fn a_token_issue_time_spares_long_term_keys() {
    let what = |before| What::Denied {
        statement: statement(Policy::Bucket),
        issued_before: Some(at(before)),
        signature_age: None,
    };
    assert_eq!(verdicts(|| what(0)), "LEEEEEEEEEL");
    assert_eq!(verdicts(|| what(ISSUED.0)), "LLLLLLLLLLL");
    assert_eq!(verdicts(|| what(ISSUED.1)), "LMMMMMMMMML");
}

#[test]
fn a_signature_age_ends_each_url_at_an_instant_of_its_own() {
    let what = |seconds| What::Denied {
        statement: statement(Policy::Bucket),
        issued_before: None,
        signature_age: Some(std::time::Duration::from_secs(seconds)),
    };
    for kind in [LongTermKey, SessionToken, AssumeRole, Root] {
        let interval = |age| {
            let found = signed(kind).ending(&event(what(age)), &get());
            (found.verdict, found.reason.as_str(), found.not_before.unix(), found.not_after.unix())
        };
        // Later than the policy: at its own age, to the second.
        assert_eq!(interval(1800), (Ends, "SIGNATURE_TOO_OLD", 1800, 1800));
        // Too old already: with the policy, once it has spread.
        assert_eq!(interval(60), (Ends, "SIGNATURE_TOO_OLD", AT, AT + 300));
        // Too old while the policy spreads.
        assert_eq!(interval(700), (Ends, "SIGNATURE_TOO_OLD", 700, AT + 300));
        // Its own end comes first.
        assert_eq!(interval(3600).0, Lives);
        let group = Subject::Group { bucket: BUCKET, operation: Operation::GetObject };
        assert_eq!(ending(&event(what(60)), &signed(kind).session, group), None);
    }
}

/// Actions in the Deny, request, verdict, grade.
#[test]
fn a_deny_stops_what_needs_the_action() {
    use Grade::{Documented as D, Inferred as I, Unconfirmed as U};
    use Operation as O;
    let part = || ask(O::UploadPart).query("partNumber", "1");
    let version = |operation| ask(operation).query("versionId", "v1");
    let copy = |source| ask(O::CopyObject).header("x-amz-copy-source", source);
    let table: Vec<(&[&str], Ask, Verdict, Grade)> = vec![
        (&["s3:GetObject"], ask(O::GetObject), Ends, D),
        (&["s3:getobject"], ask(O::GetObject), Ends, D),
        (&["s3:GetObject"], ask(O::HeadObject), Ends, D),
        (&["s3:GetObject"], version(O::GetObject), Lives, D),
        (&["s3:GetObjectVersion"], version(O::GetObject), Ends, D),
        (&["s3:GetObjectVersion"], ask(O::GetObject), Lives, D),
        (&["s3:GetObject*"], version(O::GetObject), Ends, D),
        (&["s3:GetObject*"], ask(O::GetObjectTagging), Ends, D),
        (&["s3:GetObject*"], ask(O::GetObjectAcl), Ends, U),
        (&["s3:GetObject"], ask(O::GetObjectAttributes), Ends, D),
        (&["s3:GetObjectVersionAttributes"], version(O::GetObjectAttributes), Ends, D),
        (&["s3:GetObject"], ask(O::GetObjectTagging), Lives, D),
        (&["s3:PutObject"], ask(O::PutObject), Ends, D),
        (&["s3:PutObject"], part(), Ends, D),
        (&["s3:PutObject"], ask(O::CompleteMultipartUpload), Ends, D),
        (&["s3:PutObject"], ask(O::CreateMultipartUpload), Ends, D),
        (&["s3:PutObject"], ask(O::CopyObject), Ends, D),
        (&["s3:GetObject"], ask(O::CopyObject), Ends, D),
        (&["s3:GetObject"], copy("attic/old.jpg?versionId=v1"), Lives, D),
        (&["s3:GetObjectVersion"], copy("attic/old.jpg?versionId=v1"), Ends, D),
        (&["s3:PutObjectAcl"], ask(O::PutObject), Lives, D),
        (&["s3:PutObjectAcl"], ask(O::PutObject).header("x-amz-acl", "private"), Ends, D),
        (&["s3:PutObjectAcl"], ask(O::PutObject).header("x-amz-grant-read", "id=1"), Ends, D),
        (&["s3:PutObjectTagging"], ask(O::PutObject).header("x-amz-tagging", "a=b"), Ends, D),
        (&["s3:PutObjectAcl"], ask(O::CreateMultipartUpload).header("x-amz-acl", "private"), MayEnd, I),
        (&["s3:DeleteObject"], ask(O::DeleteObject), Ends, D),
        (&["s3:DeleteObject"], version(O::DeleteObject), Lives, D),
        (&["s3:DeleteObject"], ask(O::DeleteObjects), MayEnd, U),
        (&["s3:DeleteObject*"], ask(O::DeleteObjects), Ends, U),
        (&["s3:ListBucket"], ask(O::ListObjectsV2), Ends, D),
        (&["s3:ListBucket"], ask(O::HeadBucket), Ends, D),
        (&["s3:ListBucket"], ask(O::ListObjectVersions), Lives, D),
        (&["s3:ListBucket"], ask(O::GetObject), Lives, D),
        (&["s3:ListMultipartUploadParts"], ask(O::ListParts), Ends, D),
        (&["s3:ListBucketMultipartUploads"], ask(O::ListMultipartUploads), Ends, D),
        (&["s3:AbortMultipartUpload"], ask(O::AbortMultipartUpload), Ends, D),
        (&["s3:RestoreObject"], ask(O::RestoreObject), Ends, U),
        // Sub-resources without a row: only a statement about everything is sure.
        (&["s3:GetObject"], ask(O::OtherObject), MayEnd, U),
        (&["s3:*"], ask(O::OtherObject), Ends, D),
        (&["*"], ask(O::OtherBucket), Ends, D),
        (&["ec2:*"], ask(O::OtherObject), Lives, D),
        (&["s3:*"], ask(O::GetObjectAcl), Ends, D),
        (&[], ask(O::RestoreObject), Ends, D),
        // Several: any of them.
        (&["ec2:*", "s3:PutObject", "s3:GetObject"], ask(O::GetObject), Ends, D),
    ];
    for (row, (actions, asked, verdict, grade)) in table.into_iter().enumerate() {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        let what = deny(Statement { actions, ..statement(Policy::Bucket) });
        let found = signed(AssumeRole).ending(&event(what), &asked.url());
        assert_eq!((found.verdict, found.grade), (verdict, grade), "row {row}: {found:?}");
    }
}

#[test]
fn a_deny_of_kms_may_stop_what_is_encrypted() {
    let what = |policy, bucket: &str| {
        let actions = vec!["kms:Decrypt".to_owned()];
        deny(Statement { actions, bucket: bucket.to_owned(), ..statement(policy) })
    };
    let fate = |what| signed(AssumeRole).ending(&event(what), &get()).verdict;
    assert_eq!(fate(what(Policy::Identity, "")), MayEnd);
    assert_eq!(fate(what(Policy::Identity, BUCKET)), Lives, "a bucket is no KMS key");
    assert_eq!(fate(what(Policy::Bucket, "")), Lives, "a bucket policy cannot speak of KMS");
}

#[test]
fn a_deny_reaches_as_far_as_its_resource() {
    const POINT: &str = "arn:aws:s3:eu-central-1:111122223333:accesspoint/reports";
    let denied = |bucket: &str, key_prefix: &str| {
        let (bucket, key_prefix) = (bucket.to_owned(), key_prefix.to_owned());
        event(deny(Statement { bucket, key_prefix, ..statement(Policy::Bucket) }))
    };
    let fate = |event, url: &_| signed(AssumeRole).ending(&event, url).verdict;
    assert_eq!(fate(denied(BUCKET, "cats/"), &get()), Ends);
    assert_eq!(fate(denied(BUCKET, "dogs/"), &get()), Lives);
    assert_eq!(fate(denied("attic", ""), &get()), Lives);
    assert_eq!(fate(denied("attic", ""), &ask(Operation::CopyObject).url()), Ends, "it reads the attic");
    assert_eq!(fate(denied("attic", "new"), &ask(Operation::CopyObject).url()), Lives);
    assert_eq!(fate(denied(BUCKET, "cats/"), &ask(Operation::ListObjectsV2).url()), Lives, "a list has no key");
    assert_eq!(fate(denied(BUCKET, "cats/"), &form("cats/new/", true, &[])), Ends);
    assert_eq!(fate(denied(BUCKET, "cats/new/"), &form("cats/", true, &[])), MayEnd, "the user picks the key");
    assert_eq!(fate(denied(BUCKET, "dogs/"), &form("cats/", true, &[])), Lives);
    assert_eq!(fate(denied(BUCKET, "cats/x"), &form("cats/${filename}", false, &[])), MayEnd);
    assert_eq!(fate(denied(BUCKET, ""), &ask(Operation::GetObject).bucket(POINT).url()), MayEnd, "it may lead there");
    assert_eq!(fate(denied(POINT, ""), &ask(Operation::GetObject).bucket(POINT).url()), Ends);
    assert_eq!(fate(denied(POINT, ""), &get()), Lives, "the request does not go through it");
}

#[test]
fn a_deny_of_one_key_spares_all_others() {
    let denied = |key: &str| {
        event(deny(Statement { bucket: BUCKET.to_owned(), key: key.to_owned(), ..statement(Policy::Bucket) }))
    };
    let fate = |key: &str, url: &_| signed(AssumeRole).ending(&denied(key), url).verdict;
    assert_eq!(fate(KEY, &get()), Ends);
    assert_eq!(fate("cats/", &get()), Lives, "the key only begins so");
    assert_eq!(fate("cats/new/one", &form("cats/", true, &[])), MayEnd, "the user picks the key");
    assert_eq!(fate("cats/", &ask(Operation::ListObjectsV2).url()), Lives, "a list has no key");
}

#[test]
fn a_may_names_every_condition_that_it_hangs_on() {
    let what = What::Denied {
        statement: Statement { principal_arn: ROLE_ARN.to_owned(), ..statement(Policy::Scp) },
        issued_before: Some(at(ISSUED.1)),
        signature_age: None,
    };
    let found = signed(AssumeRole).ending(&event(what), &get());
    assert_eq!(found.verdict, MayEnd);
    let wanted = "STS issued the session before that instant, and the signer's account is not the management account of \
                  its organisation";
    assert_eq!(found.conditions.to_string(), wanted);
}
