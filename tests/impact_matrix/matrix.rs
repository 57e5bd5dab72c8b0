//! The matrix of SEMANTICS.md 1.2: a row of eleven cells for each event.

use presignd::impact::ending::{Ending, Grade, Verdict};
use presignd::impact::event::{Policy, PublicAccess, What};
use presignd::session::CredentialKind;

use crate::made::*;

/// What SEMANTICS.md's legend calls a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    /// `END@`
    EndsAt,
    /// `END~`
    Ends,
    /// `END~ ↺`
    EndsReversibly,
    /// `<T ↺`
    IssuedBefore,
    /// `MATCH ↺`
    Match,
    /// `MATCH ↺`, which another policy, the organisation or the object's encryption may make "no".
    MayMatch,
    /// `live`, `–` and `fixed`: it goes on.
    Live,
}

use Cell::{Ends, EndsAt, EndsReversibly as EndR, IssuedBefore as IssT, Live, Match, MayMatch as MayM};
use Grade::{Documented as D, Field as F, Inferred as I, Unconfirmed as U};

/// One row: its letter, what happens, the cells, and for cells that end: grade, error and grade of the error.
struct Row {
    name: &'static str,
    what: fn(CredentialKind) -> What,
    /// The same event about something else, for cells that match.
    other: Option<fn(CredentialKind) -> What>,
    //      LTK GST GFT AR WI PI ECS EC2 LAM SSO ROOT
    cells: [Cell; 11],
    grades: [Grade; 11],
    errors: &'static [(&'static str, u16)],
    errors_grades: [Grade; 11],
}

const DENIED: &[(&str, u16)] = &[("AccessDenied", 403)];
const NO_KEY: &[(&str, u16)] = &[("InvalidAccessKeyId", 403)];
const DEAD: &[(&str, u16)] = &[("InvalidAccessKeyId", 403), ("InvalidToken", 400), ("ExpiredToken", 400)];
const TOKEN: &[(&str, u16)] = &[("ExpiredToken", 400)];
const KMS: &[(&str, u16)] =
    &[("KMS.DisabledException", 400), ("KMS.KMSInvalidStateException", 400), ("AccessDenied", 403)];
const NONE: &[(&str, u16)] = &[];

fn role_of(kind: CredentialKind) -> &'static str {
    if kind == CredentialKind::Sso {
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_1"
    } else {
        ROLE_ARN
    }
}

fn user_key(kind: CredentialKind) -> String {
    if kind == CredentialKind::Root { "AKIAROOT".to_owned() } else { USER_KEY.to_owned() }
}

fn revoked(before: i64) -> What {
    What::SessionsRevoked { principal: principal(ROLE_ARN), issued_before: at(before) }
}

fn on_bucket(policy: Policy, bucket: &str) -> presignd::impact::event::Statement {
    presignd::impact::event::Statement { bucket: bucket.to_owned(), ..statement(policy) }
}

#[rustfmt::skip]
const MATRIX: &[Row] = &[
    Row { name: "b: the session token expires",
        what: |_| What::SessionExpired(id(2)), other: None,
        cells:  [Live, EndsAt, EndsAt, EndsAt, EndsAt, EndsAt, EndsAt, EndsAt, EndsAt, EndsAt, Live],
        grades: [D; 11], errors: TOKEN, errors_grades: [D; 11] },
    Row { name: "1.7: STS no longer accepts the session",
        what: |kind| What::SessionInvalidated { access_key_id: facts(kind).access_key_id, expired: false },
        other: Some(|_| What::SessionInvalidated { access_key_id: "ASIAOTHER".into(), expired: false }),
        cells:  [Live, EndR, EndR, EndR, EndR, EndR, EndR, EndR, EndR, EndR, Live],
        grades: [D, I, I, I, I, I, I, I, I, I, D], errors: DEAD, errors_grades: [U; 11] },
    Row { name: "b: STS says that the session's time is over, sooner than its source told",
        what: |kind| What::SessionInvalidated { access_key_id: facts(kind).access_key_id, expired: true },
        other: Some(|_| What::SessionInvalidated { access_key_id: "ASIAOTHER".into(), expired: true }),
        cells:  [Live, Ends, Ends, Ends, Ends, Ends, Ends, Ends, Ends, Ends, Live],
        grades: [D; 11], errors: TOKEN, errors_grades: [D; 11] },
    Row { name: "c: the access key is made inactive",
        what: |kind| What::KeyDeactivated { access_key_id: user_key(kind) }, other: None,
        cells:  [EndR, Live, Live, Live, Live, Live, Live, Live, Live, Live, EndR],
        grades: [F, F, F, F, D, D, D, D, D, D, F], errors: NO_KEY, errors_grades: [U; 11] },
    Row { name: "d: the access key is deleted",
        what: |kind| What::KeyDeleted { access_key_id: user_key(kind) }, other: None,
        cells:  [Ends, Live, Live, Live, Live, Live, Live, Live, Live, Live, Ends],
        grades: [F, F, F, F, D, D, D, D, D, D, F], errors: NO_KEY, errors_grades: [F; 11] },
    Row { name: "e: a new key is made, the old one kept",
        what: |kind| What::KeyRotated { access_key_id: user_key(kind) }, other: None,
        cells: [Live; 11], grades: [D; 11], errors: NONE, errors_grades: [D; 11] },
    Row { name: "f: the user is deleted (its key)",
        what: |_| What::UserDeleted(principal(USER_ARN)), other: None,
        cells:  [Ends, Live, Live, Live, Live, Live, Live, Live, Live, Live, Live],
        grades: [D, D, D, I, I, I, I, I, I, I, D], errors: NO_KEY, errors_grades: [F; 11] },
    Row { name: "f: the user is deleted (its sessions)",
        what: |_| What::UserDeleted(principal(USER_ARN)), other: None,
        cells:  [Live, Ends, Ends, Live, Live, Live, Live, Live, Live, Live, Live],
        grades: [D, F, F, I, I, I, I, I, I, I, D], errors: DENIED, errors_grades: [U; 11] },
    Row { name: "g: the role's sessions are revoked",
        what: |kind| What::SessionsRevoked { principal: principal(role_of(kind)), issued_before: at(AT + 30) },
        other: Some(|_| revoked(ISSUED.0)),
        cells:  [Live, Live, Live, IssT, IssT, IssT, IssT, IssT, IssT, Live, Live],
        grades: [D; 11], errors: DENIED, errors_grades: [D; 11] },
    Row { name: "g1: the same statement on the user",
        what: |_| What::SessionsRevoked { principal: principal(USER_ARN), issued_before: at(AT) },
        other: Some(|_| What::SessionsRevoked { principal: principal(USER_ARN), issued_before: at(ISSUED.0) }),
        cells:  [Live, IssT, IssT, Live, Live, Live, Live, Live, Live, Live, Live],
        grades: [D; 11], errors: DENIED, errors_grades: [D; 11] },
    Row { name: "h: the role is deleted",
        what: |kind| What::RoleDeleted(principal(role_of(kind))), other: None,
        cells:  [Live, Live, Live, Ends, Ends, Ends, Ends, Ends, Ends, Ends, Live],
        grades: [D, D, D, I, I, I, I, I, I, I, D], errors: DENIED, errors_grades: [U; 11] },
    Row { name: "h′: and made again under the same name",
        what: |kind| What::RoleRecreated(principal(role_of(kind))), other: None,
        cells:  [Live, Live, Live, Ends, Ends, Ends, Ends, Ends, Ends, Ends, Live],
        grades: [D, D, D, I, I, I, I, I, I, I, D], errors: DENIED, errors_grades: [U; 11] },
    Row { name: "i: the trust policy is changed",
        what: |kind| What::TrustPolicyChanged(principal(role_of(kind))), other: None,
        cells: [Live; 11], grades: [D, D, D, I, I, I, I, I, I, I, D], errors: NONE, errors_grades: [D; 11] },
    Row { name: "j: an Allow is removed from the identity policy",
        what: |_| What::AllowRemoved(on_bucket(Policy::Identity, BUCKET)),
        other: Some(|_| What::AllowRemoved(on_bucket(Policy::Identity, "attic"))),
        cells:  [MayM, MayM, MayM, MayM, MayM, MayM, MayM, MayM, MayM, MayM, Live],
        grades: [D; 11], errors: DENIED, errors_grades: [D; 11] },
    Row { name: "k: an explicit Deny in the bucket policy",
        what: |_| deny(on_bucket(Policy::Bucket, BUCKET)), other: Some(|_| deny(on_bucket(Policy::Bucket, "attic"))),
        cells: [Match; 11], grades: [D; 11], errors: DENIED, errors_grades: [D; 11] },
    Row { name: "l: Block Public Access is switched on",
        what: |_| What::PublicAccessBlocked { bucket: BUCKET.into(), setting: PublicAccess::BlockPublicPolicy },
        other: None, cells: [Live; 11], grades: [D; 11], errors: NONE, errors_grades: [D; 11] },
    Row { name: "l: Block Public Access refuses public ACLs",
        what: |_| What::PublicAccessBlocked { bucket: BUCKET.into(), setting: PublicAccess::BlockPublicAcls },
        other: None, cells: [Live; 11], grades: [D; 11], errors: NONE, errors_grades: [D; 11] },
    Row { name: "m: the KMS key is disabled",
        what: |_| What::KmsKeyDisabled { key_arn: "arn:k".into(), bucket: BUCKET.into(), key_prefix: String::new() },
        other: Some(|_| What::KmsKeyDisabled { key_arn: "k".into(), bucket: "attic".into(), key_prefix: String::new() }),
        cells: [MayM; 11], grades: [D; 11], errors: KMS, errors_grades: [D; 11] },
    Row { name: "o1: an SCP denies",
        what: |_| deny(on_bucket(Policy::Scp, BUCKET)), other: Some(|_| deny(on_bucket(Policy::Scp, "attic"))),
        cells: [MayM; 11], grades: [F; 11], errors: DENIED, errors_grades: [D; 11] },
    Row { name: "o1: an SCP does not allow any more",
        what: |_| What::AllowRemoved(on_bucket(Policy::Scp, BUCKET)),
        other: Some(|_| What::AllowRemoved(on_bucket(Policy::Scp, "attic"))),
        cells: [MayM; 11], grades: [F; 11], errors: DENIED, errors_grades: [D; 11] },
    Row { name: "o2: an RCP denies",
        what: |_| deny(on_bucket(Policy::Rcp, BUCKET)), other: Some(|_| deny(on_bucket(Policy::Rcp, "attic"))),
        cells: [MayM; 11], grades: [D; 11], errors: DENIED, errors_grades: [D; 11] },
    Row { name: "o3: a permissions boundary denies",
        what: |_| deny(on_bucket(Policy::Boundary, BUCKET)),
        other: Some(|_| deny(on_bucket(Policy::Boundary, "attic"))),
        cells:  [Match, Match, Match, Match, Match, Match, Match, Match, Match, Match, Live],
        grades: [D; 11], errors: DENIED, errors_grades: [D; 11] },
    Row { name: "q: the OIDC provider is removed",
        what: |_| What::IdentityProviderRemoved { arn: "arn:aws:iam::111122223333:oidc-provider/x".into() },
        other: None, cells: [Live; 11],
        grades: [D, D, D, D, I, D, D, D, D, I, D], errors: NONE, errors_grades: [D; 11] },
    Row { name: "r: the compute is gone",
        what: |_| What::ComputeTerminated(identity("web")), other: None,
        cells: [Live; 11], grades: [D, D, D, D, I, I, I, I, I, D, D], errors: NONE, errors_grades: [D; 11] },
    Row { name: "s: the profile or association is changed",
        what: |_| What::AssociationChanged(identity("web")), other: None,
        cells: [Live; 11], grades: [D, D, D, D, I, I, I, F, I, D, D], errors: NONE, errors_grades: [D; 11] },
    Row { name: "t: the user of Identity Center is disabled",
        what: |_| What::SsoUserDisabled(identity("web")), other: None,
        cells: [Live; 11], grades: [D; 11], errors: NONE, errors_grades: [D; 11] },
];

#[test]
fn every_cell_of_the_matrix_is_as_semantics_says() {
    let mut faults = Vec::new();
    for row in MATRIX {
        for (column, kind) in COLUMNS.into_iter().enumerate() {
            if let Err(fault) = check(row, column, kind) {
                faults.push(format!("{} × {}: {fault}", row.name, kind.as_str()));
            }
        }
    }
    assert!(faults.is_empty(), "{} cells differ:\n{}", faults.len(), faults.join("\n"));
}

fn check(row: &Row, column: usize, kind: CredentialKind) -> Result<(), String> {
    // Row f stands here twice, for its two errors: each time the other columns are not looked at.
    if row.name.starts_with("f:") && row.cells[column] == Live && column < 3 {
        return Ok(());
    }
    let signed = signed(kind);
    // A URL that was signed for longer than the session turned out to live, so that the end of the session shows.
    let url = presignd::issued::IssuedUrl { ttl: presignd::time::Ttl::MAX, ..get() };
    let found = signed.ending(&event((row.what)(kind)), &url);
    let settled = (at(AT), at(AT + SETTLES as i64));
    let (verdict, reversible, interval) = match row.cells[column] {
        EndsAt => (Verdict::Ends, false, (at(SESSION_END), at(SESSION_END))),
        Ends => (Verdict::Ends, false, settled),
        EndR | IssT | Match => (Verdict::Ends, true, settled),
        MayM => (Verdict::MayEnd, true, settled),
        Live => (Verdict::Lives, false, (at(AT), at(AT))),
    };
    let dies = verdict != Verdict::Lives;
    expect("verdict", verdict, found.verdict, &found)?;
    expect("reversible", reversible, found.reversible, &found)?;
    expect("interval", interval, (found.not_before, found.not_after), &found)?;
    expect("grade", row.grades[column], found.grade, &found)?;
    expect("condition", verdict == Verdict::MayEnd, !found.conditions.is_empty(), &found)?;
    let errors: Vec<(&str, u16)> = found.bearer_errors.iter().map(|error| (error.code, error.http_status)).collect();
    expect("errors", if dies { row.errors.to_vec() } else { Vec::new() }, errors, &found)?;
    if dies {
        expect("grade of the errors", row.errors_grades[column], found.errors_grade, &found)?;
    }
    if let (Some(other), true) = (row.other, dies) {
        let other = signed.ending(&event(other(kind)), &url);
        expect("about something else", Verdict::Lives, other.verdict, &other)?;
    }
    if row.cells[column] == IssT {
        let straddling = signed.with(|facts| facts.issued.not_after = at(AT + 100));
        let found = straddling.ending(&event((row.what)(kind)), &url);
        expect("issued perhaps before", Verdict::MayEnd, found.verdict, &found)?;
    }
    Ok(())
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, wanted: T, found: T, ending: &Ending) -> Result<(), String> {
    if wanted == found { Ok(()) } else { Err(format!("{what}: {found:?} for {wanted:?} ({ending:?})")) }
}

#[test]
fn a_url_past_its_own_end_is_ended_by_nothing() {
    for row in MATRIX {
        for kind in COLUMNS {
            let late = presignd::impact::event::Event { at: at(3600), ..event((row.what)(kind)) };
            let found = signed(kind).ending(&late, &get());
            assert_eq!(found.verdict, Verdict::Lives, "{} × {}", row.name, kind.as_str());
        }
    }
}
