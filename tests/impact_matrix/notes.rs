//! The notes to the matrix, SEMANTICS.md 1.3, the survival table p, and the extra events s to z.

use presignd::impact::ending::{Ending, Grade, Verdict};
use presignd::impact::event::{Policy, Principal, PublicAccess, Statement, What};
use presignd::issued::IssuedUrl;
use presignd::s3::operation::Operation;
use presignd::session::{CredentialKind, IssueInterval};

use crate::made::*;

type Case = (&'static str, Signed, What, IssuedUrl, Verdict, &'static str, Grade);

use CredentialKind::{
    AssumeRole, Ec2Instance, FederationToken, LongTermKey, Root, SessionToken, Sso, Temporary, WebIdentity,
};
use Grade::{Documented as D, Field as F, Inferred as I, Unconfirmed as U};
use Verdict::{Ends, Lives, MayEnd};

fn check(cases: Vec<Case>) {
    let faults: Vec<String> = cases
        .into_iter()
        .filter_map(|(name, signed, what, url, verdict, reason, grade)| {
            let found: Ending = signed.ending(&event(what), &url);
            let same = (found.verdict, found.reason.as_str(), found.grade) == (verdict, reason, grade);
            (!same).then(|| format!("{name}: {found:?}, not {verdict:?} {reason} {grade:?}"))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn issued(not_before: Option<i64>, not_after: i64) -> IssueInterval {
    IssueInterval { not_before: not_before.map(at), not_after: at(not_after) }
}

fn role(interval: IssueInterval) -> Signed {
    signed(AssumeRole).with(|facts| facts.issued = interval)
}

fn revoked(arn: &str, before: i64) -> What {
    What::SessionsRevoked { principal: principal(arn), issued_before: at(before) }
}

fn root_token() -> Signed {
    signed(SessionToken).with(|facts| {
        facts.principal_arn = "arn:aws:iam::111122223333:root".to_owned();
        facts.principal_unique_id = ACCOUNT.to_owned();
    })
}

fn root_federated() -> Signed {
    let mut federated = signed(FederationToken);
    federated.parent = Some(std::sync::Arc::new(signed(Root).session));
    federated
}

#[test]
fn a_revocation_reads_the_issue_time_as_the_interval_that_it_is() {
    let t = 100;
    check(vec![
        ("a second before", role(issued(Some(95), 99)), revoked(ROLE_ARN, t), get(), Ends, "SESSION_REVOKED", D),
        ("perhaps at T", role(issued(Some(95), 100)), revoked(ROLE_ARN, t), get(), MayEnd, "ISSUE_TIME_UNKNOWN", D),
        ("perhaps after", role(issued(Some(99), 101)), revoked(ROLE_ARN, t), get(), MayEnd, "ISSUE_TIME_UNKNOWN", D),
        ("at T", role(issued(Some(100), 100)), revoked(ROLE_ARN, t), get(), Lives, "ISSUED_AFTER_REVOCATION", D),
        ("from T on", role(issued(Some(100), 105)), revoked(ROLE_ARN, t), get(), Lives, "ISSUED_AFTER_REVOCATION", D),
        ("first seen before", role(issued(None, 99)), revoked(ROLE_ARN, t), get(), Ends, "SESSION_REVOKED", D),
        ("first seen after", role(issued(None, 101)), revoked(ROLE_ARN, t), get(), MayEnd, "ISSUE_TIME_UNKNOWN", D),
        ("its user", signed(LongTermKey), revoked(USER_ARN, t), get(), Lives, "LONG_TERM_KEY_SPARED", D),
        ("root", signed(Root), revoked(USER_ARN, t), get(), Lives, "NOT_CONCERNED", D),
        (
            "Identity Center",
            signed(Sso),
            revoked("arn:aws:iam::111122223333:role/AWSReservedSSO_Ops_1", t),
            get(),
            Lives,
            "SSO_ROLE_SPARED",
            D,
        ),
        (
            "service-linked",
            signed(AssumeRole),
            revoked("arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/Signer", t),
            get(),
            Lives,
            "SERVICE_ROLE_SPARED",
            D,
        ),
        ("role B minted from role A", chained(), revoked(ROLE_ARN, t), get(), Lives, "MINTED_FROM_ROLE_SURVIVES", I),
        (
            "another role",
            signed(AssumeRole),
            revoked("arn:aws:iam::111122223333:role/Other", t),
            get(),
            Lives,
            "NOT_CONCERNED",
            D,
        ),
        (
            "another account",
            signed(AssumeRole),
            revoked("arn:aws:iam::999999999999:role/Signer", t),
            get(),
            Lives,
            "NOT_CONCERNED",
            D,
        ),
        (
            "another partition",
            signed(AssumeRole),
            revoked("arn:aws-cn:iam::111122223333:role/Signer", t),
            get(),
            Lives,
            "NOT_CONCERNED",
            D,
        ),
    ]);
}

#[test]
fn a_role_made_again_is_another_role() {
    let role_of = |arn: &str, id: &str| Principal { arn: arn.to_owned(), unique_id: id.to_owned() };
    let deleted = |arn: &str, id: &str| What::RoleDeleted(role_of(arn, id));
    let recreated = |arn: &str, id: &str| What::RoleRecreated(role_of(arn, id));
    let unnamed = || signed(AssumeRole).with(|facts| facts.principal_unique_id.clear());
    let later = || role(issued(Some(AT + 60), AT + 62));
    check(vec![
        ("same id", signed(AssumeRole), deleted("", ROLE_ID), get(), Ends, "ROLE_DELETED", I),
        (
            "same id, whatever the name",
            signed(AssumeRole),
            deleted("arn:aws:iam::111122223333:role/X", ROLE_ID),
            get(),
            Ends,
            "ROLE_DELETED",
            I,
        ),
        (
            "another id under the name",
            signed(AssumeRole),
            deleted(ROLE_ARN, "AROAOTHER"),
            get(),
            Lives,
            "NOT_CONCERNED",
            D,
        ),
        ("no id is known: by name", unnamed(), deleted(ROLE_ARN, ROLE_ID), get(), Ends, "ROLE_DELETED", I),
        (
            "whatever the path",
            signed(AssumeRole),
            deleted("arn:aws:iam::111122223333:role/Signer", ""),
            get(),
            Ends,
            "ROLE_DELETED",
            I,
        ),
        ("nothing to compare", unnamed(), deleted("", ROLE_ID), get(), MayEnd, "ROLE_DELETED", I),
        ("old session", signed(AssumeRole), recreated(ROLE_ARN, ROLE_ID), get(), Ends, "ROLE_RECREATED", I),
        (
            "same id: of the deleted one whenever it was issued",
            later(),
            recreated(ROLE_ARN, ROLE_ID),
            get(),
            Ends,
            "ROLE_RECREATED",
            I,
        ),
        (
            "session of the new one, by its id",
            signed(AssumeRole),
            recreated(ROLE_ARN, "AROAOLD"),
            get(),
            Lives,
            "NOT_CONCERNED",
            D,
        ),
        (
            "session of the new one, by its issue",
            later(),
            recreated(ROLE_ARN, ""),
            get(),
            Lives,
            "ISSUED_AFTER_DELETION",
            D,
        ),
        (
            "perhaps of the new one",
            role(issued(None, AT + 60)),
            recreated(ROLE_ARN, ""),
            get(),
            MayEnd,
            "ROLE_RECREATED",
            I,
        ),
        ("minted from it", chained(), deleted(ROLE_ARN, ""), get(), Lives, "MINTED_FROM_ROLE_SURVIVES", I),
    ]);
}

#[test]
fn what_was_minted_survives_as_table_p_says() {
    let key = || What::KeyDeleted { access_key_id: USER_KEY.to_owned() };
    let inactive = || What::KeyDeactivated { access_key_id: USER_KEY.to_owned() };
    let user_denied = || deny(Statement { principal_arn: USER_ARN.to_owned(), ..statement(Policy::Identity) });
    let user_allow =
        || What::AllowRemoved(Statement { principal_arn: USER_ARN.to_owned(), ..statement(Policy::Identity) });
    let issue = || What::Denied {
        statement: Statement { principal_arn: USER_ARN.to_owned(), ..statement(Policy::Identity) },
        issued_before: Some(at(0)),
        signature_age: None,
    };
    let in_bucket = || deny(Statement { principal_arn: USER_ARN.to_owned(), ..statement(Policy::Bucket) });
    let deleted = || What::UserDeleted(principal(USER_ARN));
    let source_ended = || What::SessionExpired(id(1));
    let (ar, gst, gft) = (|| signed(AssumeRole), || signed(SessionToken), || signed(FederationToken));
    check(vec![
        ("key deleted × AR", ar(), key(), get(), Lives, "MINTED_FROM_KEY_SURVIVES", F),
        ("key deleted × GST", gst(), key(), get(), Lives, "MINTED_FROM_KEY_SURVIVES", F),
        ("key deleted × GFT", gft(), key(), get(), Lives, "MINTED_FROM_KEY_SURVIVES", F),
        ("key inactive × GFT", gft(), inactive(), get(), Lives, "MINTED_FROM_KEY_SURVIVES", F),
        ("deny-all on the user × AR", ar(), user_denied(), get(), Lives, "NOT_MATCHED", D),
        ("deny-all on the user × GST", gst(), user_denied(), get(), Ends, "DENIED", D),
        ("deny-all on the user × GFT", gft(), user_denied(), get(), Ends, "DENIED", D),
        ("allow removed × AR", ar(), user_allow(), get(), Lives, "NOT_MATCHED", D),
        ("allow removed × GFT", gft(), user_allow(), get(), MayEnd, "ALLOW_REMOVED", D),
        ("TokenIssueTime × AR", ar(), issue(), get(), Lives, "NOT_MATCHED", D),
        ("TokenIssueTime × GFT", gft(), issue(), get(), Ends, "DENIED", D),
        ("TokenIssueTime × LTK", signed(LongTermKey), issue(), get(), Lives, "LONG_TERM_KEY_SPARED", D),
        ("bucket policy names the user × AR", ar(), in_bucket(), get(), Lives, "NOT_MATCHED", D),
        ("bucket policy names the user × GST", gst(), in_bucket(), get(), Ends, "DENIED", I),
        ("bucket policy names the user × GFT", gft(), in_bucket(), get(), Ends, "DENIED", D),
        ("user deleted × AR", ar(), deleted(), get(), Lives, "ROLE_SESSION_OUTLIVES_USER", I),
        ("user deleted × GST", gst(), deleted(), get(), Ends, "USER_DELETED", F),
        ("user deleted × GFT", gft(), deleted(), get(), Ends, "USER_DELETED", F),
        ("source session expired × AR", chained(), source_ended(), get(), Lives, "NOT_CONCERNED", D),
        (
            "source role deleted × AR",
            chained(),
            What::RoleDeleted(principal(ROLE_ARN)),
            get(),
            Lives,
            "MINTED_FROM_ROLE_SURVIVES",
            I,
        ),
        (
            "user deleted × GFT of an unknown user",
            Signed { parent: None, ..gft() },
            deleted(),
            get(),
            MayEnd,
            "USER_DELETED",
            F,
        ),
        (
            "another user × GFT",
            gft(),
            What::UserDeleted(principal("arn:aws:iam::111122223333:user/eve")),
            get(),
            Lives,
            "NOT_CONCERNED",
            D,
        ),
    ]);
}

#[test]
fn iams_policies_do_not_bind_root_but_others_do() {
    let by = |policy| deny(statement(policy));
    check(vec![
        ("root key, identity", signed(Root), by(Policy::Identity), get(), Lives, "ROOT_EXEMPT", D),
        ("root token, identity", root_token(), by(Policy::Identity), get(), Lives, "ROOT_EXEMPT", D),
        ("root federated, identity", root_federated(), by(Policy::Identity), get(), Lives, "ROOT_EXEMPT", D),
        ("root token, boundary", root_token(), by(Policy::Boundary), get(), Lives, "ROOT_EXEMPT", D),
        ("root token, SCP", root_token(), by(Policy::Scp), get(), MayEnd, "DENIED", F),
        ("root token, bucket", root_token(), by(Policy::Bucket), get(), Ends, "DENIED", D),
        ("root key, bucket", signed(Root), by(Policy::Bucket), get(), Ends, "DENIED", D),
        (
            "root token, key deleted",
            root_token(),
            What::KeyDeleted { access_key_id: USER_KEY.into() },
            get(),
            Lives,
            "MINTED_FROM_KEY_SURVIVES",
            F,
        ),
    ]);
}

#[test]
fn temporary_credentials_of_unknown_origin_get_the_answer_that_all_origins_share() {
    let unknown = || signed(Temporary);
    check(vec![
        (
            "its key deleted",
            unknown(),
            What::KeyDeleted { access_key_id: "ASIA-temporary".into() },
            get(),
            Lives,
            "TEMPORARY_KEY",
            D,
        ),
        ("a user deleted", unknown(), What::UserDeleted(principal(USER_ARN)), get(), MayEnd, "USER_DELETED", F),
        ("a role deleted", unknown(), What::RoleDeleted(principal(ROLE_ARN)), get(), MayEnd, "ROLE_DELETED", I),
        ("revoked", unknown(), revoked(ROLE_ARN, 0), get(), MayEnd, "SESSION_REVOKED", D),
        ("revoked, but issued later", unknown(), revoked(ROLE_ARN, -400), get(), Lives, "ISSUED_AFTER_REVOCATION", D),
        ("everything denied in the bucket", unknown(), deny(statement(Policy::Bucket)), get(), Ends, "DENIED", D),
        (
            "a role denied in the bucket",
            unknown(),
            deny(Statement { principal_arn: ROLE_ARN.into(), ..statement(Policy::Bucket) }),
            get(),
            MayEnd,
            "DENIED",
            D,
        ),
        (
            "expired",
            unknown().with(|facts| facts.expires_at = Some(at(900))),
            What::SessionExpired(id(2)),
            get(),
            Ends,
            "SESSION_EXPIRED",
            D,
        ),
    ]);
    let named = signed(Temporary).with(|facts| {
        facts.principal_arn = SESSION_ARN.to_owned();
        facts.account = ACCOUNT.to_owned();
    });
    check(vec![
        (
            "named a role's session",
            named.clone(),
            What::RoleDeleted(principal(ROLE_ARN)),
            get(),
            Ends,
            "ROLE_DELETED",
            I,
        ),
        ("and no user's", named, What::UserDeleted(principal(USER_ARN)), get(), Lives, "ROLE_SESSION_OUTLIVES_USER", I),
    ]);
}

#[test]
fn a_session_whose_end_is_known_ends_no_url_before_it() {
    let expired = || What::SessionExpired(id(2));
    let guessed = || signed(AssumeRole).with(|facts| facts.expiry_is_exact = false);
    check(vec![
        ("URLs end before their session", signed(AssumeRole), expired(), get(), Lives, "ALREADY_ENDED", D),
        ("a guessed end was too late", guessed(), expired(), get(), Ends, "SESSION_EXPIRED", D),
        ("another session", signed(AssumeRole), What::SessionExpired(id(3)), get(), Lives, "NOT_CONCERNED", D),
        ("a key has no end", signed(LongTermKey), expired(), get(), Lives, "NO_EXPIRY", D),
    ]);
}

#[test]
fn block_public_access_has_three_exceptions() {
    let block = |setting| What::PublicAccessBlocked { bucket: BUCKET.to_owned(), setting };
    let put = || ask(Operation::PutObject);
    let owned = || ask(Operation::GetObject).header("x-amz-expected-bucket-owner", ACCOUNT).url();
    use PublicAccess::{All, BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets};
    let ar = || signed(AssumeRole);
    check(vec![
        ("a public policy is refused", ar(), block(BlockPublicPolicy), get(), Lives, "AUTHENTICATED_REQUEST", D),
        ("a public bucket is cut off", ar(), block(RestrictPublicBuckets), get(), MayEnd, "PUBLIC_ACCESS_BLOCKED", D),
        ("not from its owner", ar(), block(RestrictPublicBuckets), owned(), Lives, "AUTHENTICATED_REQUEST", U),
        ("public ACLs are ignored", ar(), block(IgnorePublicAcls), get(), MayEnd, "PUBLIC_ACCESS_BLOCKED", D),
        ("a GET sets no ACL", ar(), block(BlockPublicAcls), get(), Lives, "AUTHENTICATED_REQUEST", D),
        ("a PUT without ACL", ar(), block(BlockPublicAcls), put().url(), Lives, "AUTHENTICATED_REQUEST", D),
        (
            "a private ACL",
            ar(),
            block(BlockPublicAcls),
            put().header("x-amz-acl", "private").url(),
            Lives,
            "AUTHENTICATED_REQUEST",
            D,
        ),
        (
            "a public ACL",
            ar(),
            block(BlockPublicAcls),
            put().header("x-amz-acl", "public-read").url(),
            Ends,
            "PUBLIC_ACL_REFUSED",
            D,
        ),
        (
            "hoisted into the query",
            ar(),
            block(BlockPublicAcls),
            put().query("X-Amz-Acl", "public-read").url(),
            Ends,
            "PUBLIC_ACL_REFUSED",
            D,
        ),
        (
            "a grant to everybody",
            ar(),
            block(All),
            put().header("x-amz-grant-read", "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"").url(),
            Ends,
            "PUBLIC_ACL_REFUSED",
            D,
        ),
        (
            "an ACL in the body",
            ar(),
            block(BlockPublicAcls),
            ask(Operation::PutObjectAcl).url(),
            MayEnd,
            "PUBLIC_ACL_REFUSED",
            D,
        ),
        (
            "a form with a public ACL",
            ar(),
            block(BlockPublicAcls),
            form(KEY, false, &[("acl", "public-read")]),
            Ends,
            "PUBLIC_ACL_REFUSED",
            D,
        ),
        (
            "another bucket",
            ar(),
            block(All),
            ask(Operation::GetObject).bucket("attic").url(),
            Lives,
            "NOT_CONCERNED",
            D,
        ),
    ]);
}

#[test]
fn a_kms_key_ends_what_needs_it() {
    const KMS_KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/k1";
    let off = || What::KmsKeyDisabled { key_arn: KMS_KEY.into(), bucket: BUCKET.into(), key_prefix: "cats/".into() };
    let put = || ask(Operation::PutObject);
    let named = |id| {
        put()
            .header("x-amz-server-side-encryption", "aws:kms")
            .header("x-amz-server-side-encryption-aws-kms-key-id", id)
            .url()
    };
    let ltk = || signed(LongTermKey);
    check(vec![
        ("a GET", ltk(), off(), get(), MayEnd, "KMS_KEY_UNUSABLE", D),
        (
            "of another prefix",
            ltk(),
            off(),
            ask(Operation::GetObject).key("dogs/one.jpg").url(),
            Lives,
            "NOT_CONCERNED",
            D,
        ),
        ("a HEAD", ltk(), off(), ask(Operation::HeadObject).url(), MayEnd, "KMS_KEY_UNUSABLE", U),
        (
            "a HEAD in checksum mode",
            ltk(),
            off(),
            ask(Operation::HeadObject).header("x-amz-checksum-mode", "ENABLED").url(),
            MayEnd,
            "KMS_KEY_UNUSABLE",
            D,
        ),
        ("a PUT under the bucket's key", ltk(), off(), put().url(), MayEnd, "KMS_KEY_UNUSABLE", D),
        ("a PUT that names it", ltk(), off(), named(KMS_KEY), Ends, "KMS_KEY_UNUSABLE", D),
        ("a PUT that names its id", ltk(), off(), named("k1"), Ends, "KMS_KEY_UNUSABLE", I),
        ("a PUT that names another", ltk(), off(), named("k2"), Lives, "KMS_NOT_USED", D),
        (
            "a PUT under S3's key",
            ltk(),
            off(),
            put().header("x-amz-server-side-encryption", "AES256").url(),
            Lives,
            "KMS_NOT_USED",
            D,
        ),
        (
            "a customer's key",
            ltk(),
            off(),
            ask(Operation::GetObject).header("x-amz-server-side-encryption-customer-algorithm", "AES256").url(),
            Lives,
            "KMS_NOT_USED",
            D,
        ),
        ("a DELETE", ltk(), off(), ask(Operation::DeleteObject).url(), Lives, "KMS_NOT_USED", D),
        (
            "a part",
            ltk(),
            off(),
            ask(Operation::UploadPart).query("partNumber", "1").url(),
            MayEnd,
            "KMS_KEY_UNUSABLE",
            D,
        ),
    ]);
}

/// Rows u and v: S3 knows a bucket by its name and an access point by what is in its ARN, so old signatures fit what is made
/// again. An alias is never given again.
#[test]
fn what_is_made_again_under_its_name_is_reached_by_old_urls() {
    const POINT: &str = "arn:aws:s3:eu-central-1:111122223333:accesspoint/reports";
    const GLOBAL: &str = "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap";
    const ALIAS: &str = "reports-abc123-s3alias";
    let point = |name: &str| What::AccessPointDeleted { access_point: name.into() };
    let bucket = What::BucketDeleted { bucket: BUCKET.into() };
    let through = |bucket| ask(Operation::GetObject).bucket(bucket).url();
    for (what, url, undone, revived) in [
        (bucket.clone(), get(), true, true),
        (bucket, through(POINT), true, true),
        (point(POINT), through(POINT), true, true),
        (point(POINT), through(ALIAS), true, false),
        (point(ALIAS), through(ALIAS), false, false),
    ] {
        let found = signed(AssumeRole).ending(&event(what.clone()), &url);
        assert_ne!(found.verdict, Lives, "{what:?}");
        assert_eq!(
            (what.can_be_undone(), found.reversible),
            (undone, revived),
            "{what:?} {}",
            url.what.bucket().as_str()
        );
    }
    // A Multi-Region Access Point has an alias in its ARN.
    assert!(!point(GLOBAL).can_be_undone());
}

#[test]
fn extra_events_end_what_semantics_says() {
    const POINT: &str = "arn:aws:s3:eu-central-1:111122223333:accesspoint/reports";
    let gone = || What::BucketDeleted { bucket: BUCKET.into() };
    let point = |name: &str| What::AccessPointDeleted { access_point: name.into() };
    let pays = || What::RequesterPays { bucket: BUCKET.into() };
    let upload = |id: &str| What::UploadEnded { bucket: BUCKET.into(), key: KEY.into(), upload_id: id.into() };
    let closed = |account: &str| What::AccountClosed { account: account.into() };
    let through = |bucket| ask(Operation::GetObject).bucket(bucket).url();
    let part = || ask(Operation::UploadPart).query("partNumber", "1").url();
    let ar = || signed(AssumeRole);
    let owner = |id| ask(Operation::GetObject).header("x-amz-expected-bucket-owner", id).url();
    check(vec![
        (
            "s",
            signed(Ec2Instance),
            What::AssociationChanged(identity("web")),
            get(),
            Lives,
            "ASSOCIATION_READ_AT_MINT",
            F,
        ),
        (
            "s: another identity",
            signed(WebIdentity),
            What::AssociationChanged(identity("ci")),
            get(),
            Lives,
            "NOT_CONCERNED",
            D,
        ),
        ("t", signed(Sso), What::SsoUserDisabled(identity("web")), get(), Lives, "SSO_SESSION_RUNS_OUT", D),
        ("u", ar(), gone(), get(), Ends, "BUCKET_DELETED", D),
        (
            "u: a copy from it",
            ar(),
            gone(),
            ask(Operation::CopyObject).bucket("attic").header("x-amz-copy-source", "photos/x").url(),
            Ends,
            "BUCKET_DELETED",
            I,
        ),
        ("u: behind an access point", ar(), gone(), through(POINT), MayEnd, "BUCKET_DELETED", I),
        ("u: another", ar(), gone(), through("attic"), Lives, "NOT_CONCERNED", D),
        ("v", ar(), point(POINT), through(POINT), Ends, "ACCESS_POINT_DELETED", I),
        ("v: by its alias", ar(), point(POINT), through("reports-abc123-s3alias"), MayEnd, "ACCESS_POINT_DELETED", I),
        ("v: another", ar(), point(POINT), through("ledger-abc123-s3alias"), Lives, "NOT_CONCERNED", D),
        ("v: the bucket itself", ar(), point(POINT), get(), Lives, "NOT_CONCERNED", D),
        ("x", ar(), pays(), get(), MayEnd, "REQUESTER_MUST_PAY", D),
        (
            "x: offers to pay",
            ar(),
            pays(),
            ask(Operation::GetObject).header("x-amz-request-payer", "requester").url(),
            Lives,
            "REQUESTER_PAYS",
            D,
        ),
        (
            "x: hoisted",
            ar(),
            pays(),
            ask(Operation::GetObject).query("x-amz-request-payer", "requester").url(),
            Lives,
            "REQUESTER_PAYS",
            D,
        ),
        ("x: the owner's", ar(), pays(), owner(ACCOUNT), Lives, "REQUESTER_PAYS", D),
        ("x: another's", ar(), pays(), owner("999999999999"), Ends, "REQUESTER_MUST_PAY", D),
        ("y", ar(), upload("7"), part(), Ends, "UPLOAD_ENDED", D),
        ("y: any upload", ar(), upload(""), part(), Ends, "UPLOAD_ENDED", D),
        ("y: another upload", ar(), upload("8"), part(), Lives, "NOT_CONCERNED", D),
        ("y: abort", ar(), upload("7"), ask(Operation::AbortMultipartUpload).url(), Ends, "UPLOAD_ENDED", I),
        ("y: complete", ar(), upload("7"), ask(Operation::CompleteMultipartUpload).url(), MayEnd, "UPLOAD_ENDED", U),
        ("y: no part", ar(), upload("7"), get(), Lives, "NOT_CONCERNED", D),
        ("z", ar(), closed(ACCOUNT), get(), MayEnd, "ACCOUNT_CLOSED", U),
        ("z: perhaps the bucket's", ar(), closed("999999999999"), get(), MayEnd, "ACCOUNT_CLOSED", U),
        ("z: not the bucket's", ar(), closed("999999999999"), owner(ACCOUNT), Lives, "NOT_CONCERNED", D),
        ("renewed", ar(), What::IdentityRenewed(identity("web")), get(), Lives, "RENEWAL_ENDS_NOTHING", D),
    ]);
}

#[test]
fn the_bearer_sees_what_table_1_5_says() {
    let codes = |signed: Signed, what, url: IssuedUrl| -> Vec<(&str, u16)> {
        let ending = signed.ending(&event(what), &url);
        ending.bearer_errors.iter().map(|error| (error.code, error.http_status)).collect()
    };
    let ar = || signed(AssumeRole);
    let version = || ask(Operation::GetObject).query("versionId", "v1").url();
    assert_eq!(codes(ar(), What::BucketDeleted { bucket: BUCKET.into() }, get()), [("NoSuchBucket", 404)]);
    assert_eq!(codes(ar(), What::ObjectArchived(object("", None)), get()), [("InvalidObjectState", 403)]);
    assert_eq!(codes(ar(), What::ObjectDeleted(object("", None)), get()), [("NoSuchKey", 404), ("AccessDenied", 403)]);
    assert_eq!(codes(ar(), What::ObjectDeleted(object("v1", None)), version()), [("NoSuchVersion", 404)]);
    let point = "arn:aws:s3:eu-central-1:111122223333:accesspoint/reports";
    let through = ask(Operation::GetObject).bucket(point).url();
    assert_eq!(
        codes(ar(), What::AccessPointDeleted { access_point: point.into() }, through),
        [("NoSuchAccessPoint", 404)]
    );
    let part = ask(Operation::UploadPart).query("partNumber", "1").url();
    let ended = What::UploadEnded { bucket: BUCKET.into(), key: KEY.into(), upload_id: "7".into() };
    assert_eq!(codes(ar(), ended, part), [("NoSuchUpload", 404)]);
    let closed = What::AccountClosed { account: ACCOUNT.into() };
    let shut = [("AccountProblem", 403), ("AllAccessDisabled", 403), ("NotSignedUp", 403)];
    assert_eq!(codes(ar(), closed, get()), shut);
}
