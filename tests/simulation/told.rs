//! What is done to AWS, as an operator reports it to presignd: sometimes by ARN, sometimes by unique id, not always with
//! everything that could be said.

use std::time::Duration;

use fastrand::Rng;
use presignd::impact::event::{Event, Object, Policy, Principal, PublicAccess, Statement as Told, What};
use presignd::session::IdentityName;
use presignd::time::Timestamp;

use crate::model::act::{Act, Block};
use crate::model::statement::{Place, Statement, Who};
use crate::model::{Aws, HOME, Millis};

/// The event of an act. `names` are the identities by number.
pub(crate) fn event(rng: &mut Rng, aws: &Aws, names: &[IdentityName], at: Millis, settles: Millis, act: &Act) -> Event {
    let settles_within = Duration::from_millis(u64::try_from(settles).expect("not negative"));
    Event { at: seconds(at), settles_within, endpoint: None, what: what(rng, aws, names, act) }
}

/// Whole seconds, cut.
pub(crate) fn seconds(at: Millis) -> Timestamp {
    Timestamp::from_unix(at.div_euclid(1000))
}

fn what(rng: &mut Rng, aws: &Aws, names: &[IdentityName], act: &Act) -> What {
    let user = |rng: &mut Rng, user: usize| principal(rng, aws.users[user].arn(), &aws.users[user].unique_id);
    let role = |rng: &mut Rng, role: usize| principal(rng, aws.roles[role].arn(), &aws.roles[role].unique_id);
    let object = |rng: &mut Rng, bucket: &str, key: &str, version: &str| Object {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: version.to_owned(),
        is_versioned: rng.bool().then_some(aws.buckets[bucket].versioned),
    };
    match act {
        Act::KeyOff(key) => What::KeyDeactivated { access_key_id: key.clone() },
        Act::KeyGone(key) => What::KeyDeleted { access_key_id: key.clone() },
        Act::KeyMade(key) => What::KeyRotated { access_key_id: key.clone() },
        Act::UserGone(number) => What::UserDeleted(user(rng, *number)),
        Act::RoleRevoked { role: number, before } => {
            What::SessionsRevoked { principal: role(rng, *number), issued_before: Timestamp::from_unix(*before) }
        }
        Act::UserRevoked { user: number, before } => {
            What::SessionsRevoked { principal: user(rng, *number), issued_before: Timestamp::from_unix(*before) }
        }
        Act::RoleGone(number) => What::RoleDeleted(role(rng, *number)),
        Act::RoleRemade { role: number } => What::RoleRecreated(role(rng, *number)),
        Act::TrustEdited(number) => What::TrustPolicyChanged(role(rng, *number)),
        Act::ProviderGone(arn) => What::IdentityProviderRemoved { arn: (*arn).to_owned() },
        Act::MachineGone(number) => What::ComputeTerminated(names[*number].clone()),
        Act::ProfileSwapped(number) => What::AssociationChanged(names[*number].clone()),
        Act::SsoUserOff(number) => What::SsoUserDisabled(names[*number].clone()),
        Act::AllowGone(statement) => What::AllowRemoved(told(aws, statement)),
        Act::Denied(statement) => What::Denied {
            statement: told(aws, statement),
            issued_before: statement.issued_before.map(Timestamp::from_unix),
            signature_age: statement.older_than.map(|age| Duration::from_secs(age.unsigned_abs())),
        },
        Act::PublicBlocked { bucket, setting } => {
            let setting = match setting {
                Block::All => PublicAccess::All,
                Block::Acls => PublicAccess::BlockPublicAcls,
                Block::IgnoreAcls => PublicAccess::IgnorePublicAcls,
                Block::Policy => PublicAccess::BlockPublicPolicy,
                Block::Restrict => PublicAccess::RestrictPublicBuckets,
            };
            What::PublicAccessBlocked { bucket: (*bucket).to_owned(), setting }
        }
        Act::KmsOff { key_arn, bucket, prefix, .. } => What::KmsKeyDisabled {
            key_arn: (*key_arn).to_owned(),
            bucket: (*bucket).to_owned(),
            key_prefix: (*prefix).to_owned(),
        },
        Act::ObjectGone { bucket, key, version } => {
            What::ObjectDeleted(object(rng, bucket, key, version.as_deref().unwrap_or_default()))
        }
        Act::ObjectOverwritten { bucket, key } => What::ObjectOverwritten(object(rng, bucket, key, "")),
        Act::Archived { bucket, key } => What::ObjectArchived(object(rng, bucket, key, "")),
        Act::BucketGone(bucket) => What::BucketDeleted { bucket: (*bucket).to_owned() },
        Act::PointGone(arn) => What::AccessPointDeleted { access_point: arn.clone() },
        Act::RequesterPays(bucket) => What::RequesterPays { bucket: (*bucket).to_owned() },
        Act::UploadOver { bucket, key, upload } => {
            What::UploadEnded { bucket: (*bucket).to_owned(), key: key.clone(), upload_id: upload.clone() }
        }
        Act::AccountShut(account) => What::AccountClosed { account: (*account).to_owned() },
    }
}

/// By ARN, by unique id, or by both.
fn principal(rng: &mut Rng, arn: String, unique_id: &str) -> Principal {
    match rng.u8(..3) {
        0 => Principal { arn, unique_id: String::new() },
        1 => Principal { arn: String::new(), unique_id: unique_id.to_owned() },
        _ => Principal { arn, unique_id: unique_id.to_owned() },
    }
}

fn told(aws: &Aws, statement: &Statement) -> Told {
    let root = || format!("arn:aws:iam::{HOME}:root");
    let (policy, owner) = match statement.place {
        Place::Bucket => (Policy::Bucket, String::new()),
        Place::User(user) => (Policy::Identity, aws.users[user].arn()),
        Place::Role(role) => (Policy::Identity, aws.roles[role].arn()),
        Place::UserBoundary(user) => (Policy::Boundary, aws.users[user].arn()),
        Place::RoleBoundary(role) => (Policy::Boundary, aws.roles[role].arn()),
        Place::Scp => (Policy::Scp, String::new()),
        Place::Rcp => (Policy::Rcp, String::new()),
    };
    let (principal_arn, userid) = match &statement.who {
        Who::Everybody => (owner, String::new()),
        Who::Account => (root(), String::new()),
        Who::User(user) => (aws.users[*user].arn(), String::new()),
        Who::Role(role) => (aws.roles[*role].arn(), String::new()),
        Who::Session { role, session } => {
            let arn = format!("arn:aws:sts::{HOME}:assumed-role/{}/{session}", aws.roles[*role].name);
            (arn, String::new())
        }
        Who::Federated(name) => (format!("arn:aws:sts::{HOME}:federated-user/{name}"), String::new()),
        Who::Userid(userid) => (owner, userid.clone()),
    };
    Told {
        policy,
        principal_arn,
        userid,
        bucket: statement.bucket.unwrap_or_default().to_owned(),
        key_prefix: statement.prefix.clone(),
        key: String::new(),
        actions: statement.actions.iter().map(|action| (*action).to_owned()).collect(),
    }
}
