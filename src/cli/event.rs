//! An event in a sentence, for people.

use super::say;
use crate::grpc::proto;
use crate::grpc::proto::event::What;
use crate::grpc::proto::statement::Policy;

/// `the access key AKIA… is deactivated`; empty where nothing is said.
pub fn told(event: &proto::Event) -> String {
    let Some(what) = &event.what else { return String::new() };
    match event.endpoint.as_str() {
        // Where a bucket is unless something else is said.
        "" | "aws" => happening(what),
        endpoint => format!("at {endpoint}, {}", happening(what)),
    }
}

fn happening(what: &What) -> String {
    match what {
        What::KeyDeactivated(key) => format!("the access key {} is deactivated", key.access_key_id),
        What::KeyDeleted(key) => format!("the access key {} is deleted", key.access_key_id),
        What::KeyRotated(key) => format!("a key is made beside the access key {}", key.access_key_id),
        What::UserDeleted(user) => format!("the user {} is deleted", principal(user)),
        What::SessionsRevoked(revoked) => {
            let whose = revoked.principal.as_ref().map(principal).unwrap_or_default();
            format!("sessions of {whose} issued before {} are revoked", say::time(revoked.issued_before.as_ref()))
        }
        What::RoleDeleted(role) => format!("the role {} is deleted", principal(role)),
        What::RoleRecreated(role) => format!("the role {} is deleted and made again", principal(role)),
        What::TrustPolicyChanged(role) => format!("the trust policy of {} lets nobody in", principal(role)),
        What::IdentityProviderRemoved(removed) => format!("the identity provider {} is removed", removed.arn),
        What::ComputeTerminated(of) => format!("the compute of identity {} is gone", of.identity),
        What::AssociationChanged(of) => format!("the association of identity {} is changed", of.identity),
        What::SsoUserDisabled(of) => format!("the user behind identity {} is disabled", of.identity),
        What::SessionExpired(of) => format!("the session {} ends", of.session_id),
        What::SessionInvalidated(of) => {
            let why = if of.expired { ": its time is over" } else { "" };
            format!("AWS no longer accepts the session of the access key {}{why}", of.access_key_id)
        }
        What::IdentityRenewed(of) => format!("identity {} gets a new session", of.identity),
        What::AllowRemoved(removed) => {
            format!("{} allows no more {}", place(&removed.statement), spoken(&removed.statement))
        }
        What::Denied(denied) => {
            let before =
                denied.issued_before.as_ref().map(|at| format!(" in sessions issued before {}", say::time(Some(at))));
            let age = denied
                .signature_age
                .as_ref()
                .map(|age| format!(" by signatures older than {}", say::length(Some(age))));
            let (before, age) = (before.unwrap_or_default(), age.unwrap_or_default());
            format!("{} denies {}{before}{age}", place(&denied.statement), spoken(&denied.statement))
        }
        What::BucketDeleted(of) => format!("the bucket {} is deleted", of.bucket),
        What::AccessPointDeleted(of) => format!("the access point {} is deleted", of.access_point),
        What::RequesterPays(of) => format!("the bucket {} becomes Requester Pays", of.bucket),
        What::PublicAccessBlocked(of) => format!("public access to the bucket {} is blocked", of.bucket),
        What::ObjectDeleted(of) => format!("{} is deleted", object(of)),
        What::ObjectOverwritten(of) => format!("{} is overwritten", object(of)),
        What::ObjectArchived(of) => format!("{} is archived", object(of)),
        What::KmsKeyDisabled(of) => format!("the KMS key {} is disabled", of.key_arn),
        What::UploadEnded(of) => format!("the upload {} of s3://{}/{} ends", of.upload_id, of.bucket, of.key),
        What::AccountClosed(of) => format!("the account {} is closed", of.account),
    }
}

fn principal(of: &proto::PrincipalEvent) -> String {
    match (of.arn.as_str(), of.unique_id.as_str()) {
        (arn, "") => arn.to_owned(),
        ("", id) => id.to_owned(),
        (arn, id) => format!("{arn} ({id})"),
    }
}

fn object(of: &proto::ObjectEvent) -> String {
    let version = if of.version_id.is_empty() { String::new() } else { format!("version {} of ", of.version_id) };
    format!("{version}s3://{}/{}", of.bucket, of.key)
}

/// Where a statement stands.
fn place(statement: &Option<proto::Statement>) -> String {
    let Some(statement) = statement else { return "a policy".to_owned() };
    match statement.policy() {
        Policy::Bucket => format!("the policy of {}", statement.bucket),
        Policy::Identity => format!("a policy of {}", who(statement).unwrap_or_else(|| "somebody".to_owned())),
        Policy::Boundary => format!("the boundary of {}", who(statement).unwrap_or_else(|| "somebody".to_owned())),
        Policy::Scp => "a service control policy".to_owned(),
        Policy::Rcp => "a resource control policy".to_owned(),
        Policy::Unspecified => "a policy".to_owned(),
    }
}

/// Of which requests it speaks.
fn spoken(statement: &Option<proto::Statement>) -> String {
    let Some(statement) = statement else { return String::new() };
    let actions = if statement.actions.is_empty() { "everything".to_owned() } else { statement.actions.join(", ") };
    let whom = match statement.policy() {
        Policy::Identity | Policy::Boundary => None,
        _ => who(statement).map(|who| format!(" to {who}")),
    };
    let keys = match (statement.key.as_str(), statement.key_prefix.as_str()) {
        ("", "") => String::new(),
        ("", begins) => format!("{begins}*"),
        (key, _) => key.to_owned(),
    };
    let on = match (statement.policy(), statement.bucket.as_str(), keys.as_str()) {
        (Policy::Bucket, _, "") | (_, "", _) => String::new(),
        (_, bucket, keys) => format!(" on s3://{bucket}/{keys}"),
    };
    format!("{actions}{on}{}", whom.unwrap_or_default())
}

fn who(statement: &proto::Statement) -> Option<String> {
    let userid = (!statement.userid.is_empty()).then(|| format!("aws:userid {}", statement.userid));
    let arn = Some(&statement.principal_arn).filter(|arn| !arn.is_empty() && *arn != "*").cloned();
    match (arn, userid) {
        (Some(arn), Some(userid)) => Some(format!("{arn} with {userid}")),
        (arn, userid) => arn.or(userid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(what: What) -> String {
        told(&proto::Event { what: Some(what), ..Default::default() })
    }

    #[test]
    fn another_place_than_aws_is_told_first() {
        let at = |endpoint: &str| {
            let what = Some(What::BucketDeleted(proto::BucketEvent { bucket: "photos".into() }));
            told(&proto::Event { what, endpoint: endpoint.into(), ..Default::default() })
        };
        assert_eq!([at(""), at("aws")], ["the bucket photos is deleted"; 2]);
        assert_eq!(at("store.example:9000"), "at store.example:9000, the bucket photos is deleted");
    }

    #[test]
    fn a_statement_is_told_with_its_place_its_actions_and_whom_it_names() {
        let statement = proto::Statement {
            policy: Policy::Bucket.into(),
            bucket: "photos".into(),
            key: "cat.jpg".into(),
            actions: vec!["s3:GetObject".into()],
            ..Default::default()
        };
        let deny = |statement| What::Denied(proto::Deny { statement: Some(statement), ..Default::default() });
        assert_eq!(told_of(deny(statement.clone())), "the policy of photos denies s3:GetObject on s3://photos/cat.jpg");
        let begins = proto::Statement { key: String::new(), key_prefix: "cats/".into(), ..statement.clone() };
        assert_eq!(told_of(deny(begins)), "the policy of photos denies s3:GetObject on s3://photos/cats/*");
        let session =
            proto::Statement { userid: "AROAX:one".into(), key: String::new(), actions: vec![], ..statement.clone() };
        assert_eq!(told_of(deny(session)), "the policy of photos denies everything to aws:userid AROAX:one");
        let role = proto::Statement {
            policy: Policy::Identity.into(),
            principal_arn: "arn:aws:iam::1:role/x".into(),
            bucket: String::new(),
            key: String::new(),
            ..statement
        };
        let removed = What::AllowRemoved(proto::AllowRemoved { statement: Some(role) });
        assert_eq!(told_of(removed), "a policy of arn:aws:iam::1:role/x allows no more s3:GetObject");
    }
}
