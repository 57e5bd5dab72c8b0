//! A small world in which much meets: sessions, URLs and events at random.

use presignd::impact::event::{Event, Object, Policy, Principal, PublicAccess, Statement, What};
use presignd::issued::IssuedUrl;
use presignd::s3::operation::Operation;
use presignd::session::{CredentialKind, IssueInterval};
use presignd::time::Ttl;
use proptest::prelude::*;
use proptest::sample::select;

use crate::made::*;

const POINT: &str = "arn:aws:s3:eu-central-1:111122223333:accesspoint/reports";
const BUCKETS: &[&str] = &[BUCKET, "attic", POINT, "reports-abc-s3alias"];
const KEYS: &[&str] = &[KEY, "cats/two.jpg", "old.jpg", "-odd 'key'"];

pub(crate) fn sessions() -> impl Strategy<Value = Signed> {
    let intervals = select(vec![(Some(-300), -298), (Some(590), 610), (Some(700), 702), (None, -10), (None, 650)]);
    (select(CredentialKind::ALL), 0..6u8, intervals, any::<bool>()).prop_map(|(kind, form, interval, exact)| {
        let (not_before, not_after) = interval;
        let mut made = if form == 0 { chained() } else { signed(kind) }.with(|facts| {
            facts.issued = IssueInterval { not_before: not_before.map(at), not_after: at(not_after) };
            facts.expiry_is_exact = exact;
        });
        match form {
            1 => made.parent = None,
            2 => made.session.facts.principal_unique_id.clear(),
            3 => {
                made.session.facts.principal_arn.clear();
                made.session.facts.principal_unique_id.clear();
                made.session.facts.account.clear();
                made.session.facts.partition.clear();
            }
            _ => {}
        }
        made
    })
}

pub(crate) fn asks() -> impl Strategy<Value = IssuedUrl> {
    let extras = select(vec![
        None,
        Some(("x-amz-acl", "public-read")),
        Some(("x-amz-tagging", "a=b")),
        Some(("x-amz-request-payer", "requester")),
        Some(("x-amz-expected-bucket-owner", ACCOUNT)),
        Some(("x-amz-expected-bucket-owner", "999999999999")),
        Some(("if-match", "x")),
        Some(("x-amz-server-side-encryption-aws-kms-key-id", "arn:k")),
        Some(("x-amz-object-lock-mode", "GOVERNANCE")),
    ]);
    let places = (select(BUCKETS), select(KEYS), select(vec![None, Some("v1"), Some("null")]));
    let sources = select(vec!["photos/cats/one.jpg", "attic/old.jpg?versionId=v1", "nonsense"]);
    let ages = (select(vec![0i64, 300, 650, -3000]), select(vec![60u64, 900, 3600, 604_800]));
    (select(Operation::ALL), places, extras, sources, ages).prop_map(|(operation, place, extra, source, age)| {
        let (bucket, key, version) = place;
        let mut url = if operation == Operation::PostObject {
            form(key, extra.is_some(), &[("acl", "public-read")])
        } else {
            let mut asked = ask(operation).bucket(bucket);
            if operation.is_on_object() {
                asked = asked.key(key);
            }
            if operation.required_query().any(|name| name == "partNumber") {
                asked = asked.query("partNumber", "1");
            }
            if let Some(version) = version.filter(|_| operation.is_on_object()) {
                asked = asked.query("versionId", version);
            }
            if matches!(operation, Operation::CopyObject | Operation::UploadPartCopy) {
                asked = asked.header("x-amz-copy-source", source);
            }
            if let Some((name, value)) = extra {
                asked = asked.header(name, value);
            }
            asked.url()
        };
        url.signed_at = at(age.0);
        url.ttl = Ttl::new(age.1).expect("within a week");
        url
    })
}

fn principals() -> impl Strategy<Value = Principal> {
    let arns = ["", USER_ARN, ROLE_ARN, "arn:aws:iam::111122223333:role/B", "arn:aws:iam::999999999999:user/ops/bob"];
    let ids = ["", USER_ID, ROLE_ID, "AROAB", "AROANEW"];
    (select(arns.to_vec()), select(ids.to_vec()))
        .prop_map(|(arn, unique_id)| Principal { arn: arn.to_owned(), unique_id: unique_id.to_owned() })
}

fn statements() -> impl Strategy<Value = Statement> {
    let policies = select(vec![Policy::Bucket, Policy::Identity, Policy::Scp, Policy::Rcp, Policy::Boundary]);
    let named = select(vec!["", "", USER_ARN, ROLE_ARN, SESSION_ARN, FEDERATED_ARN, ACCOUNT, "AROASIGNER", "*"]);
    let userids = select(vec!["", "", "", "AROASIGNER:*", "AIDABOB", "111122223333:presignd-x-1"]);
    let buckets = select(vec!["", "", BUCKET, "attic", POINT, "reports-abc-s3alias"]);
    let prefixes = select(vec!["", "", "cats/", KEY, "old"]);
    let actions = select(vec![
        vec![],
        vec!["s3:GetObject"],
        vec!["s3:GetObject*"],
        vec!["s3:*"],
        vec!["s3:Put*"],
        vec!["s3:PutObjectAcl", "s3:GetObjectTagging"],
        vec!["kms:*"],
        vec!["s3:DeleteObject"],
        vec!["sts:*"],
    ]);
    (policies, named, userids, buckets, prefixes, actions, select(vec![false, false, true])).prop_map(
        |(policy, principal_arn, userid, bucket, keys, actions, is_one)| Statement {
            policy,
            principal_arn: principal_arn.to_owned(),
            userid: userid.to_owned(),
            bucket: bucket.to_owned(),
            key_prefix: if is_one { String::new() } else { keys.to_owned() },
            key: if is_one { keys.to_owned() } else { String::new() },
            actions: actions.into_iter().map(str::to_owned).collect(),
        },
    )
}

fn whats() -> impl Strategy<Value = What> {
    let keys = || select(vec![USER_KEY, "AKIAROOT", "ASIA-assume-role", "AKIANONE"]).prop_map(str::to_owned);
    let buckets = || select(vec![BUCKET, "attic", POINT]).prop_map(str::to_owned);
    let names = || select(vec!["web", "ci"]).prop_map(identity);
    let instants = || select(vec![-299i64, 600, 701, 2000]).prop_map(at);
    let objects = || {
        let versioned = select(vec![None, Some(true), Some(false)]);
        (buckets(), select(KEYS), select(vec!["", "", "v1", "null"]), versioned).prop_map(
            |(bucket, key, version, is_versioned)| Object {
                bucket,
                key: key.to_owned(),
                version_id: version.to_owned(),
                is_versioned,
            },
        )
    };
    let settings = select(vec![
        PublicAccess::All,
        PublicAccess::BlockPublicAcls,
        PublicAccess::IgnorePublicAcls,
        PublicAccess::BlockPublicPolicy,
        PublicAccess::RestrictPublicBuckets,
    ]);
    let ages = prop_oneof![1 => Just(None), 2 => select(vec![60u64, 700, 2000]).prop_map(|age| Some(seconds(age)))];
    prop_oneof![
        keys().prop_map(|access_key_id| What::KeyDeactivated { access_key_id }),
        keys().prop_map(|access_key_id| What::KeyDeleted { access_key_id }),
        keys().prop_map(|access_key_id| What::KeyRotated { access_key_id }),
        principals().prop_map(What::UserDeleted),
        (principals(), instants())
            .prop_map(|(principal, issued_before)| What::SessionsRevoked { principal, issued_before }),
        principals().prop_map(What::RoleDeleted),
        principals().prop_map(What::RoleRecreated),
        principals().prop_map(What::TrustPolicyChanged),
        Just(What::IdentityProviderRemoved { arn: "arn:aws:iam::111122223333:oidc-provider/x".to_owned() }),
        names().prop_map(What::ComputeTerminated),
        names().prop_map(What::AssociationChanged),
        names().prop_map(What::SsoUserDisabled),
        names().prop_map(What::IdentityRenewed),
        (1..4u64).prop_map(|number| What::SessionExpired(id(number))),
        (keys(), any::<bool>())
            .prop_map(|(access_key_id, expired)| What::SessionInvalidated { access_key_id, expired }),
        statements().prop_map(What::AllowRemoved),
        (statements(), proptest::option::of(instants()), ages).prop_map(|(statement, issued_before, signature_age)| {
            What::Denied { statement, issued_before, signature_age }
        }),
        buckets().prop_map(|bucket| What::BucketDeleted { bucket }),
        buckets().prop_map(|access_point| What::AccessPointDeleted { access_point }),
        buckets().prop_map(|bucket| What::RequesterPays { bucket }),
        (buckets(), settings).prop_map(|(bucket, setting)| What::PublicAccessBlocked { bucket, setting }),
        objects().prop_map(What::ObjectDeleted),
        objects().prop_map(What::ObjectOverwritten),
        objects().prop_map(What::ObjectArchived),
        (buckets(), select(vec!["", "cats/"])).prop_map(|(bucket, key_prefix)| What::KmsKeyDisabled {
            key_arn: "arn:k".to_owned(),
            bucket,
            key_prefix: key_prefix.to_owned()
        }),
        (buckets(), select(KEYS), select(vec!["", "7", "8"])).prop_map(|(bucket, key, upload_id)| {
            What::UploadEnded { bucket, key: key.to_owned(), upload_id: upload_id.to_owned() }
        }),
        select(vec![ACCOUNT, "999999999999"]).prop_map(|account| What::AccountClosed { account: account.to_owned() }),
    ]
}

pub(crate) fn events() -> impl Strategy<Value = Event> {
    (select(vec![-10i64, 600, 3000]), select(vec![0u64, 300]), whats()).prop_map(|(happens, settles, what)| Event {
        at: at(happens),
        settles_within: seconds(settles),
        endpoint: None,
        what,
    })
}
