//! The notes to the matrix about credentials, SEMANTICS.md 1.3, and the survival table p.

use presignd::impact::ending::{Ending, Grade, Verdict};
use presignd::impact::event::{Policy, Principal, Statement, What};
use presignd::issued::IssuedUrl;
use presignd::session::{CredentialKind, IssueInterval};

use crate::made::*;

pub(crate) type Case = (&'static str, Signed, What, IssuedUrl, Verdict, &'static str, Grade);

use CredentialKind::{AssumeRole, FederationToken, LongTermKey, Root, SessionToken, Sso, Temporary};
use Grade::{Documented as D, Field as F, Inferred as I};
use Verdict::{Ends, Lives, MayEnd};

pub(crate) fn check(cases: Vec<Case>) {
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
