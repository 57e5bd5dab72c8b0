//! What events are made of. Here stands what the wire alone can get wrong, and what does not go together; whether a name
//! can be one at all, [`Event::check`](crate::impact::event::Event::check) says.

use std::time::Duration;

use prost_types::Duration as WireDuration;

use super::{Principal, What, prefix};
use crate::grpc::convert::text;
use crate::grpc::proto;
use crate::grpc::proto::object_event::Versioning;
use crate::grpc::proto::public_access_blocked::Setting;
use crate::grpc::proto::statement::Policy as WirePolicy;
use crate::impact::event::{Object, Policy, PublicAccess, Statement};
use crate::s3::Refused;

/// A length in whole seconds.
pub(super) fn length(field: &str, wire: Option<WireDuration>) -> Result<Option<Duration>, Refused> {
    let Some(wire) = wire else { return Ok(None) };
    match u64::try_from(wire.seconds).ok().filter(|_| wire.nanos == 0) {
        Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
        None => Err(Refused::new(field, "must be whole seconds, and not below 0")),
    }
}

pub(super) fn principal(of: proto::PrincipalEvent) -> Principal {
    Principal { arn: of.arn, unique_id: of.unique_id }
}

/// A bucket that is deleted is another event than its access point.
pub(super) fn access_point(of: proto::AccessPointEvent) -> Result<String, Refused> {
    let name = of.access_point;
    if name.starts_with("arn:") || name.ends_with("-s3alias") {
        return Ok(name);
    }
    let problem = "is neither the ARN of an access point nor its alias, which ends in -s3alias";
    Err(Refused::new("access_point", problem))
}

/// An upload without an id would be any of that key.
pub(super) fn upload(of: proto::UploadEnded) -> Result<What, Refused> {
    let proto::UploadEnded { bucket, key, upload_id } = of;
    if upload_id.is_empty() {
        return Err(Refused::new("upload_id", "is empty: name the upload"));
    }
    Ok(What::UploadEnded { bucket, key, upload_id: text("upload_id", upload_id, MAX_ID_BYTES)? })
}

pub(super) fn object(of: proto::ObjectEvent) -> Result<Object, Refused> {
    let is_versioned = match Versioning::try_from(of.versioning) {
        Ok(Versioning::Unspecified) => None,
        Ok(Versioning::Off) => Some(false),
        Ok(Versioning::On) => Some(true),
        Err(_) => return Err(Refused::new("versioning", format!("is {}, which means nothing here", of.versioning))),
    };
    let version_id = text("version_id", of.version_id, MAX_ID_BYTES)?;
    // Objects from before a bucket kept versions have the version "null".
    if is_versioned == Some(false) && !matches!(version_id.as_str(), "" | "null") {
        return Err(Refused::new("version_id", "names a version, but versioning says that the bucket keeps none"));
    }
    Ok(Object { bucket: of.bucket, key: of.key, version_id, is_versioned })
}

/// Whatever is overwritten, a version stays as it is.
pub(super) fn overwritten(of: proto::ObjectEvent) -> Result<Object, Refused> {
    if of.version_id.is_empty() {
        return object(of);
    }
    Err(Refused::new("version_id", "does not go with an overwrite, which leaves every version as it is"))
}

pub(super) fn setting(number: i32) -> Result<PublicAccess, Refused> {
    Ok(match Setting::try_from(number) {
        Ok(Setting::Unspecified) => PublicAccess::All,
        Ok(Setting::BlockPublicAcls) => PublicAccess::BlockPublicAcls,
        Ok(Setting::IgnorePublicAcls) => PublicAccess::IgnorePublicAcls,
        Ok(Setting::BlockPublicPolicy) => PublicAccess::BlockPublicPolicy,
        Ok(Setting::RestrictPublicBuckets) => PublicAccess::RestrictPublicBuckets,
        Err(_) => return Err(Refused::new("setting", format!("is {number}, which names no setting here"))),
    })
}

pub(super) fn kms_key(of: proto::KmsKeyDisabled) -> Result<What, Refused> {
    let proto::KmsKeyDisabled { key_arn, bucket, key_prefix } = of;
    let is_key = key_arn.split(':').nth(2) == Some("kms") && key_arn.contains(":key/");
    if !key_arn.starts_with("arn:") || !is_key {
        let problem = "is not the ARN of a KMS key, such as arn:aws:kms:eu-central-1:111122223333:key/ID";
        return Err(Refused::new("key_arn", problem));
    }
    let key_prefix = keys_of(&bucket, &key_prefix)?;
    Ok(What::KmsKeyDisabled { key_arn, bucket, key_prefix })
}

pub(super) fn statement(wire: Option<proto::Statement>) -> Result<Statement, Refused> {
    let wire = wire.ok_or_else(|| Refused::new("statement", "is missing: say which requests it speaks of"))?;
    checked(wire).map_err(super::within("statement"))
}

fn checked(wire: proto::Statement) -> Result<Statement, Refused> {
    let policy = match WirePolicy::try_from(wire.policy) {
        Ok(WirePolicy::Bucket) => Policy::Bucket,
        Ok(WirePolicy::Identity) => Policy::Identity,
        Ok(WirePolicy::Scp) => Policy::Scp,
        Ok(WirePolicy::Rcp) => Policy::Rcp,
        Ok(WirePolicy::Boundary) => Policy::Boundary,
        Ok(WirePolicy::Unspecified) | Err(_) => {
            return Err(Refused::new(
                "policy",
                "must say where the statement stands: POLICY_BUCKET, POLICY_IDENTITY, …",
            ));
        }
    };
    match policy {
        Policy::Bucket if wire.bucket.is_empty() => {
            return Err(Refused::new("bucket", "is empty, but a bucket policy stands on a bucket: name it"));
        }
        Policy::Identity | Policy::Boundary if wire.principal_arn.is_empty() && wire.userid.is_empty() => {
            let problem = "is empty, but such a policy is attached to a user or a role: name it, or set userid";
            return Err(Refused::new("principal_arn", problem));
        }
        Policy::Bucket | Policy::Identity | Policy::Boundary | Policy::Scp | Policy::Rcp => {}
    }
    let key_prefix = keys_of(&wire.bucket, &wire.key_prefix)?;
    let key = key_of(&wire.bucket, &wire.key)?;
    let proto::Statement { principal_arn, userid, bucket, actions, .. } = wire;
    let userid = text("userid", userid, MAX_ID_BYTES)?;
    Ok(Statement { policy, principal_arn, userid, bucket, key_prefix, key, actions })
}

/// One key, in the policy's language as well, so that nobody takes it for a pattern.
fn key_of(bucket: &str, key: &str) -> Result<String, Refused> {
    if bucket.is_empty() && !key.is_empty() {
        return Err(Refused::new("bucket", "is empty, but key is not: name the bucket of that key"));
    }
    let problem = "is one key, and neither a pattern nor a policy variable: say in key_prefix how keys begin; where the key truly \
                   holds such a sign, write ${*}, ${?} or ${$}, as in a policy";
    prefix::read(key).map_err(|_| Refused::new("key", problem))
}

fn keys_of(bucket: &str, key_prefix: &str) -> Result<String, Refused> {
    if bucket.is_empty() && !key_prefix.is_empty() {
        return Err(Refused::new("bucket", "is empty, but key_prefix is not: name the bucket of those keys"));
    }
    prefix::read(key_prefix)
}

const MAX_ID_BYTES: usize = 1024;
