//! The notes to the matrix about buckets and what is in them, SEMANTICS.md 1.3, the extra events s to z, and what the bearer
//! sees of them.

use presignd::impact::event::{PublicAccess, What};
use presignd::impact::reason::Condition;
use presignd::issued::IssuedUrl;
use presignd::s3::operation::Operation;

use crate::made::*;
use crate::notes::check;

use presignd::impact::ending::Grade::{Documented as D, Field as F, Inferred as I, Unconfirmed as U};
use presignd::impact::ending::Verdict::{Ends, Lives, MayEnd};
use presignd::session::CredentialKind::{AssumeRole, Ec2Instance, LongTermKey, Sso, WebIdentity};

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

#[test]
fn all_of_block_public_access_forgets_nothing_that_one_setting_names() {
    let all = event(What::PublicAccessBlocked { bucket: BUCKET.to_owned(), setting: PublicAccess::All });
    let conditions = |url| signed(AssumeRole).ending(&all, &url).conditions.iter().collect::<Vec<_>>();
    assert_eq!(conditions(ask(Operation::PutObjectAcl).url()), [Condition::AclIsPublicOrOnlyPublicGrants]);
    assert_eq!(conditions(form("pu", true, &[])), [Condition::OnlyPublicGrants], "a form that names no ACL sends none");
    assert_eq!(conditions(ask(Operation::PutObject).url()), [Condition::OnlyPublicGrants]);
}
