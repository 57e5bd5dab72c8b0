//! Whether an event can mean anything: malformed ones are refused before a rule sees them.

use std::time::Duration;

use super::{Event, Object, Policy, Principal, Statement, What};
use crate::impact::principal::{Arn, ROLE_ID, USER_ID};
use crate::s3::{Bucket, KeyPrefix, ObjectKey, Refused};

impl Event {
    /// # Errors
    /// Names the field, by its name in the proto, that is malformed or missing.
    pub fn check(&self) -> Result<(), Refused> {
        if self.settles_within > LONGEST_SETTLING {
            return Err(Refused::new("settles_within", "must be at most 24 hours"));
        }
        if self.endpoint.is_some() && self.bucket().is_none() {
            return Err(Refused::new("endpoint", "says where a bucket is, and the event names none"));
        }
        match &self.what {
            What::KeyDeactivated { access_key_id } => key_id("key_deactivated", access_key_id),
            What::KeyDeleted { access_key_id } => key_id("key_deleted", access_key_id),
            What::KeyRotated { access_key_id } => key_id("key_rotated", access_key_id),
            What::UserDeleted(user) => principal("user_deleted", user, &[USER]),
            What::SessionsRevoked { principal: whose, .. } => {
                principal("sessions_revoked.principal", whose, &[ROLE, USER])
            }
            What::RoleDeleted(role) => principal("role_deleted", role, &[ROLE]),
            What::RoleRecreated(role) => principal("role_recreated", role, &[ROLE]),
            What::TrustPolicyChanged(role) => principal("trust_policy_changed", role, &[ROLE]),
            What::IdentityProviderRemoved { arn } => provider(arn),
            What::ComputeTerminated(_)
            | What::AssociationChanged(_)
            | What::SsoUserDisabled(_)
            | What::IdentityRenewed(_)
            | What::SessionExpired(_) => Ok(()),
            What::SessionInvalidated { access_key_id, .. } => key_id("session_invalidated", access_key_id),
            What::AllowRemoved(removed) => statement("allow_removed.statement", removed),
            What::Denied { statement: denied, signature_age, .. } => {
                if signature_age.is_some_and(|age| age.is_zero() || age > LONGEST_AGE) {
                    return Err(Refused::new("denied.signature_age", "must lie between 1 second and 7 days"));
                }
                statement("denied.statement", denied)
            }
            What::BucketDeleted { bucket: name } => bucket("bucket_deleted.bucket", name),
            What::AccessPointDeleted { access_point } => {
                let field = "access_point_deleted.access_point";
                let pointed = access_point.starts_with("arn:") || access_point.ends_with("-s3alias");
                let problem = "must be the ARN of an access point, or its alias, as URLs were asked for";
                if pointed { bucket(field, access_point) } else { Err(Refused::new(field, problem)) }
            }
            What::RequesterPays { bucket: name } => bucket("requester_pays.bucket", name),
            What::PublicAccessBlocked { bucket: name, .. } => bucket("public_access_blocked.bucket", name),
            What::ObjectDeleted(it) => object("object_deleted", it),
            What::ObjectOverwritten(it) => object("object_overwritten", it),
            What::ObjectArchived(it) => object("object_archived", it),
            What::KmsKeyDisabled { key_arn, bucket: name, key_prefix } => {
                let at = |field| format!("kms_key_disabled.{field}");
                short(&at("key_arn"), key_arn, 1)?;
                if !name.is_empty() {
                    bucket(&at("bucket"), name)?;
                }
                KeyPrefix::parse(key_prefix)
                    .map(drop)
                    .map_err(|refused| Refused::new(at("key_prefix"), refused.problem))
            }
            What::UploadEnded { bucket: name, key: of, upload_id } => {
                bucket("upload_ended.bucket", name)?;
                key("upload_ended.key", of)?;
                short("upload_ended.upload_id", upload_id, 0)
            }
            What::AccountClosed { account: id } => account("account_closed.account", id),
        }
    }
}

fn key_id(event: &str, id: &str) -> Result<(), Refused> {
    let fits = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    let problem = "must be an access key id: 1 to 128 characters such as AKIA…";
    if fits { Ok(()) } else { Err(Refused::new(format!("{event}.access_key_id"), problem)) }
}

fn principal(at: &str, whose: &Principal, sorts: &[&str]) -> Result<(), Refused> {
    let refuse = |field: &str, problem: String| Err(Refused::new(format!("{at}.{field}"), problem));
    if whose.arn.is_empty() && whose.unique_id.is_empty() {
        return refuse("arn", "is empty, and so is unique_id; give either".to_owned());
    }
    let wanted = sorts.iter().map(|sort| format!("arn:aws:iam::ACCOUNT:{sort}NAME")).collect::<Vec<_>>().join(" or ");
    match Arn::parse(&whose.arn) {
        _ if whose.arn.is_empty() => {}
        Some(arn) if sorts.iter().any(|sort| arn.resource.starts_with(sort)) && digits(arn.account) => {}
        Some(arn) if arn.resource.starts_with("assumed-role/") => {
            return refuse("arn", format!("names one session; name its role: {wanted}"));
        }
        _ => return refuse("arn", format!("must be {wanted}")),
    }
    let ids = sorts.iter().map(|sort| if *sort == USER { USER_ID } else { ROLE_ID });
    let (id, mut ids) = (&whose.unique_id, ids);
    let fits = id.is_empty() || id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits && (id.is_empty() || ids.any(|start| id.starts_with(start))) {
        Ok(())
    } else {
        refuse("unique_id", "must be a unique id: AROA… of a role, AIDA… of a user".to_owned())
    }
}

fn provider(arn: &str) -> Result<(), Refused> {
    let named = |resource: &str| resource.starts_with("oidc-provider/") || resource.starts_with("saml-provider/");
    let problem = "must be the ARN of an OIDC or SAML provider of IAM";
    let fits = Arn::parse(arn).is_some_and(|arn| named(arn.resource));
    if fits { Ok(()) } else { Err(Refused::new("identity_provider_removed.arn", problem)) }
}

fn statement(at: &str, it: &Statement) -> Result<(), Refused> {
    let refuse = |field: &str, problem: &str| Err(Refused::new(format!("{at}.{field}"), problem));
    let named = &it.principal_arn;
    let sorts = ["user/", "role/", "assumed-role/", "federated-user/"];
    let arn = Arn::parse(named).is_some_and(|arn| {
        digits(arn.account) && (arn.resource == "root" || sorts.iter().any(|sort| arn.resource.starts_with(sort)))
    });
    let id = named.starts_with(ROLE_ID) || named.starts_with(USER_ID);
    if !(named.is_empty() || named == "*" || digits(named) || id || arn) || named.len() > LONGEST_TEXT {
        let problem = "must be an account id, or the ARN of an account, user, role, session or federated user";
        return refuse("principal_arn", problem);
    }
    let is_session = ["assumed-role/", "federated-user/"];
    let of_session = Arn::parse(named).is_some_and(|arn| is_session.iter().any(|sort| arn.resource.starts_with(sort)));
    if of_session && matches!(it.policy, Policy::Identity | Policy::Boundary) {
        let problem = "names a session, and such a policy hangs on its role or user: name that, and the session by its \
                       userid, or put the statement into the policy of a bucket";
        return refuse("principal_arn", problem);
    }
    short(&format!("{at}.userid"), &it.userid, 0)?;
    if !it.bucket.is_empty() {
        bucket(&format!("{at}.bucket"), &it.bucket)?;
    }
    if let Err(refused) = KeyPrefix::parse(&it.key_prefix) {
        return refuse("key_prefix", &refused.problem);
    }
    if !it.key.is_empty() {
        if !it.key_prefix.is_empty() {
            return refuse("key", "is set beside key_prefix: name one key, or how keys begin");
        }
        key(&format!("{at}.key"), &it.key)?;
    }
    if it.actions.len() > MOST_ACTIONS {
        return refuse("actions", "hold more than 100 patterns");
    }
    let shaped = |action: &String| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'*' | b'?' | b'-');
        action.len() <= 128 && action.bytes().all(legal) && (action.contains(':') || action.starts_with('*'))
    };
    if it.actions.iter().all(shaped) { Ok(()) } else { refuse("actions", "must be IAM actions such as s3:GetObject") }
}

fn object(at: &str, it: &Object) -> Result<(), Refused> {
    bucket(&format!("{at}.bucket"), &it.bucket)?;
    key(&format!("{at}.key"), &it.key)?;
    short(&format!("{at}.version_id"), &it.version_id, 0)
}

fn bucket(field: &str, name: &str) -> Result<(), Refused> {
    Bucket::parse(name).map(drop).map_err(|refused| Refused::new(field, refused.problem))
}

fn key(field: &str, key: &str) -> Result<(), Refused> {
    ObjectKey::parse(key).map(drop).map_err(|refused| Refused::new(field, refused.problem))
}

fn account(field: &str, id: &str) -> Result<(), Refused> {
    if digits(id) { Ok(()) } else { Err(Refused::new(field, "must be an account id of twelve digits")) }
}

fn short(field: &str, text: &str, least: usize) -> Result<(), Refused> {
    match text.len() {
        length if length < least => Err(Refused::new(field, "is empty")),
        length if length > LONGEST_TEXT => Err(Refused::new(field, "is longer than 2,048 bytes")),
        _ => Ok(()),
    }
}

fn digits(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}

const USER: &str = "user/";
const ROLE: &str = "role/";
/// AWS promises nothing; "a few minutes" is its wording.
const LONGEST_SETTLING: Duration = Duration::from_secs(86_400);
/// No signature is good for longer.
const LONGEST_AGE: Duration = Duration::from_secs(604_800);
const LONGEST_TEXT: usize = 2048;
const MOST_ACTIONS: usize = 100;
