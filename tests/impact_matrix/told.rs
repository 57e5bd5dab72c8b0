//! The tables of docs/impact.md that say what ends a URL: each cell as the rules have it, each verb of `presignd impact`.

use std::collections::BTreeSet;

use presignd::impact::ending::{Ending, Grade, Verdict};
use presignd::impact::event::{Policy, PublicAccess, Statement, What};
use presignd::issued::IssuedUrl;
use presignd::s3::operation::Operation;
use presignd::session::CredentialKind;
use presignd::time::Ttl;

use crate::made::*;

const PAGE: &str = include_str!("../../docs/impact.md");
const CLI: &str = include_str!("../../docs/cli.md");

/// What to type after `presignd impact`, what happens, and the same for the rules.
type Row = (&'static str, &'static str, fn(CredentialKind) -> What);

#[rustfmt::skip]
const SIGNERS: &[Row] = &[
    ("key-deactivated", "access key deactivated", |kind| What::KeyDeactivated { access_key_id: key_of(kind) }),
    ("key-deleted", "access key deleted", |kind| What::KeyDeleted { access_key_id: key_of(kind) }),
    ("key-rotated", "a new key made, the old one kept", |kind| What::KeyRotated { access_key_id: key_of(kind) }),
    ("user-deleted", "user deleted", |_| What::UserDeleted(principal(USER_ARN))),
    ("role-revoked", "a role's sessions revoked, if issued before", |kind| revoked(role_of(kind))),
    ("role-revoked", "a user's sessions revoked, if issued before", |_| revoked(USER_ARN)),
    ("role-deleted", "role deleted", |kind| What::RoleDeleted(principal(role_of(kind)))),
    ("role-recreated", "role deleted and made again", |kind| What::RoleRecreated(principal(role_of(kind)))),
    ("trust-policy-changed", "trust policy changed", |kind| What::TrustPolicyChanged(principal(role_of(kind)))),
    ("identity-provider-removed", "OIDC or SAML provider removed", |_| What::IdentityProviderRemoved { arn: "arn:aws:iam::111122223333:oidc-provider/x".into() }),
    ("compute-terminated", "instance, pod, task or sandbox gone", |_| What::ComputeTerminated(identity("web"))),
    ("association-changed", "instance profile or association changed", |_| What::AssociationChanged(identity("web"))),
    ("sso-user-disabled", "user of Identity Center disabled", |_| What::SsoUserDisabled(identity("web"))),
    ("renew", "session renewed", |_| What::IdentityRenewed(identity("web"))),
    ("session-expired", "session reaches its end", |_| What::SessionExpired(id(2))),
    ("session-invalidated", "session accepted no longer", |kind| What::SessionInvalidated { access_key_id: facts(kind).access_key_id, expired: false }),
    ("session-invalidated --expired", "session over sooner than its source told", |kind| What::SessionInvalidated { access_key_id: facts(kind).access_key_id, expired: true }),
    ("allow-removed", "Allow removed, if it matches", |_| What::AllowRemoved(about(Policy::Identity))),
    ("deny", "Deny in the bucket's policy, if it matches", |_| deny(about(Policy::Bucket))),
    ("deny --issued-before", "Deny of sessions issued before, if it matches", |_| What::Denied { statement: about(Policy::Bucket), issued_before: Some(at(AT)), signature_age: None }),
    ("deny --signature-age", "Deny of old signatures, if it matches", |_| What::Denied { statement: about(Policy::Bucket), issued_before: None, signature_age: Some(seconds(7200)) }),
    ("deny --policy identity", "Deny in the signer's own policy, if it matches", |_| deny(about(Policy::Identity))),
    ("deny --policy boundary", "Deny in its boundary, if it matches", |_| deny(about(Policy::Boundary))),
    ("deny --policy scp", "Deny in an SCP, if it matches", |_| deny(about(Policy::Scp))),
    ("deny --policy rcp", "Deny in an RCP, if it matches", |_| deny(about(Policy::Rcp))),
    ("bucket-deleted", "bucket deleted", |_| What::BucketDeleted { bucket: BUCKET.into() }),
    ("access-point-deleted", "access point deleted", |_| What::AccessPointDeleted { access_point: POINT.into() }),
    ("requester-pays", "bucket becomes Requester Pays", |_| What::RequesterPays { bucket: BUCKET.into() }),
    ("public-access-blocked", "Block Public Access switched on", |_| What::PublicAccessBlocked { bucket: BUCKET.into(), setting: PublicAccess::All }),
    ("kms-key-disabled", "KMS key disabled", |_| What::KmsKeyDisabled { key_arn: "arn:k".into(), bucket: BUCKET.into(), key_prefix: String::new() }),
    ("account-closed", "account closed", |_| What::AccountClosed { account: ACCOUNT.into() }),
];

#[rustfmt::skip]
const OBJECTS: &[Row] = &[
    ("object-deleted", "object deleted", |_| What::ObjectDeleted(object("", Some(true)))),
    ("object-deleted --version-id", "that version deleted for good", |_| What::ObjectDeleted(object("v1", Some(true)))),
    ("object-overwritten", "overwritten", |_| What::ObjectOverwritten(object("", Some(true)))),
    ("object-archived", "archived", |_| What::ObjectArchived(object("", Some(true)))),
    ("object-archived --version-id", "that version archived", |_| What::ObjectArchived(object("v1", Some(true)))),
    ("upload-ended", "multipart upload completed or aborted", |_| What::UploadEnded { bucket: BUCKET.into(), key: KEY.into(), upload_id: "7".into() }),
];

/// Who signs, in the order of the columns.
const WHO: [&[CredentialKind]; 4] = [
    &[CredentialKind::LongTermKey],
    &[CredentialKind::SessionToken, CredentialKind::FederationToken],
    &[
        CredentialKind::AssumeRole,
        CredentialKind::WebIdentity,
        CredentialKind::PodIdentity,
        CredentialKind::EcsTask,
        CredentialKind::Ec2Instance,
        CredentialKind::Lambda,
        CredentialKind::Sso,
    ],
    &[CredentialKind::Root],
];

#[test]
fn the_page_says_of_each_signer_what_the_rules_say() {
    let rows = SIGNERS.iter().map(|(verb, happens, what)| {
        let bucket = if *verb == "access-point-deleted" { POINT } else { BUCKET };
        // Signed for longer than the session turned out to live, so that the end of the session shows.
        let url = IssuedUrl { ttl: Ttl::MAX, ..ask(Operation::GetObject).bucket(bucket).url() };
        let ending = |kind: &CredentialKind| (*kind, signed(*kind).ending(&event(what(*kind)), &url));
        row(verb, happens, WHO.iter().map(|kinds| kinds.iter().map(ending).collect()).collect())
    });
    assert_eq!(
        shown("user's key"),
        rows.collect::<Vec<_>>().join("\n"),
        "the page on the left, the rules on the right"
    );
}

#[test]
fn the_page_says_of_each_url_what_becomes_of_it_with_its_object() {
    let get = ask(Operation::GetObject);
    let part = ask(Operation::UploadPart).query("partNumber", "1").query("uploadId", "7");
    let urls = [
        get.url(),
        ask(Operation::HeadObject).url(),
        get.query("versionId", "v1").url(),
        ask(Operation::PutObject).url(),
        form(KEY, false, &[]),
        part.url(),
    ];
    let rows = OBJECTS.iter().map(|(verb, happens, what)| {
        let by = signed(CredentialKind::AssumeRole);
        let ending = |url| vec![(CredentialKind::AssumeRole, by.ending(&event(what(CredentialKind::AssumeRole)), url))];
        row(verb, happens, urls.iter().map(ending).collect())
    });
    assert_eq!(shown("GET"), rows.collect::<Vec<_>>().join("\n"), "the page on the left, the rules on the right");
}

#[test]
fn the_tables_of_the_page_have_every_verb_of_impact() {
    let (_, help) = CLI.split_once("Usage: presignd impact [OPTIONS] <COMMAND>").unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let verbs = list.lines().map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    let told = SIGNERS.iter().chain(OBJECTS).map(|(verb, ..)| verb.split(' ').next().unwrap());
    assert_eq!(told.collect::<BTreeSet<_>>(), verbs.collect::<BTreeSet<_>>());
}

/// The rows of the table whose second column is headed so.
fn shown(column: &str) -> String {
    let is_head = |line: &&str| line.split('|').nth(2).map(str::trim) == Some(column);
    let table = PAGE.lines().skip_while(|line| !is_head(line)).skip(2);
    table.take_while(|line| line.starts_with('|')).collect::<Vec<_>>().join("\n")
}

fn row(verb: &str, happens: &str, columns: Vec<Vec<(CredentialKind, Ending)>>) -> String {
    let endings: Vec<&Ending> = columns.iter().flatten().map(|(_, ending)| ending).collect();
    let dying: Vec<&&Ending> = endings.iter().filter(|ending| ending.verdict != Verdict::Lives).collect();
    let settles = |ending: &Ending| (ending.not_after.unix() - ending.not_before.unix()).unsigned_abs();
    let when = each(dying.iter().map(|ending| match settles(ending) {
        0 => "to the second".to_owned(),
        SETTLES => "in minutes".to_owned(),
        _ => "nobody says".to_owned(),
    }));
    let bearer = each(dying.iter().map(|ending| {
        let errors = ending.bearer_errors.iter().map(|error| format!("{} `{}`", error.http_status, error.code));
        format!("{} {}", each(errors), letter(ending.errors_grade)).trim().to_owned()
    }));
    let undone = each(dying.iter().map(|ending| if ending.reversible { "yes" } else { "no" }.to_owned()));
    let open = each(dying.iter().map(|ending| ending.conditions.to_string()).filter(|open| !open.is_empty()));
    let cells = columns.iter().map(|kinds| cell(kinds)).collect::<Vec<_>>().join(" | ");
    format!("| {happens} (`{verb}`) | {cells} | {when} | {bearer} | {undone} | {open} |")
        .replace("|  |", "| |")
        .replace("|  |", "| |")
}

/// What becomes of the URLs of a column; where they differ, kind by kind. As sure as the least sure of them.
fn cell(kinds: &[(CredentialKind, Ending)]) -> String {
    let first = kinds[0].1.verdict;
    let (like, unlike): (Vec<_>, Vec<_>) = kinds.iter().partition(|(_, ending)| ending.verdict == first);
    let grade = |endings: &[(CredentialKind, Ending)]| {
        endings.iter().map(|(_, ending)| ending.grade).max().expect("a column has a kind")
    };
    let verdict = |verdict| match verdict {
        Verdict::Ends => "**ends**",
        Verdict::MayEnd => "*may end*",
        Verdict::Lives => "lives",
    };
    if like.iter().all(|(_, ending)| ending.reason.as_str() == "NOT_CONCERNED") {
        return "–".to_owned();
    }
    let mut text = format!("{} {}", verdict(first), letter(grade(&like)));
    for (kind, ending) in &unlike {
        let name = if *kind == CredentialKind::Sso { "Identity Center's" } else { kind.as_str() };
        text += &format!("; {name} {} {}", verdict(ending.verdict), letter(ending.grade));
    }
    text
}

fn letter(grade: Grade) -> &'static str {
    match grade {
        Grade::Documented => "D",
        Grade::Field => "F",
        Grade::Inferred => "I",
        Grade::Unconfirmed => "U",
    }
}

/// Each once, in their order.
fn each(texts: impl Iterator<Item = String>) -> String {
    let mut once: Vec<String> = Vec::new();
    for text in texts {
        if !once.contains(&text) {
            once.push(text);
        }
    }
    once.join(" or ")
}

fn key_of(kind: CredentialKind) -> String {
    if kind == CredentialKind::Root { "AKIAROOT".to_owned() } else { USER_KEY.to_owned() }
}

fn role_of(kind: CredentialKind) -> &'static str {
    if kind == CredentialKind::Sso {
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_1"
    } else {
        ROLE_ARN
    }
}

fn revoked(arn: &str) -> What {
    What::SessionsRevoked { principal: principal(arn), issued_before: at(AT) }
}

fn about(policy: Policy) -> Statement {
    Statement { bucket: BUCKET.to_owned(), ..statement(policy) }
}

const POINT: &str = "arn:aws:s3:eu-central-1:111122223333:accesspoint/films";
