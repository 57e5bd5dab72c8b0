//! Impact as JSON: events, endings, assessments and containments.

use serde_json::{Map, Value, json};

use super::{length, optional, record, time};
use crate::cli::impact::told::living;
use crate::cli::say;
use crate::grpc::proto::event::What;
use crate::grpc::proto::group::By;
use crate::grpc::proto::{self, Totals};

/// An answer to `Assess`.
pub fn assessed(answer: &proto::AssessResponse) -> Value {
    json!({
        "assessed_at": time(&answer.assessed_at),
        "stands_as": answer.stands_as,
        "event": answer.event.as_ref().map(event),
        "totals": answer.totals.as_ref().map(totals),
        "effects": answer.effects.iter().map(|one| {
            json!({"ending": one.ending.as_ref().map(ending), "urls": one.urls})
        }).collect::<Vec<_>>(),
        "groups": answer.groups.iter().map(|one| {
            let by = say::name(By::try_from(one.by).unwrap_or_default().as_str_name(), "BY");
            let Totals { ends, may_end, .. } = one.totals.unwrap_or_default();
            let totals = json!({"ends": ends, "may_end": may_end, "lives": living(one)});
            json!({"by": by, "name": one.name, "totals": totals})
        }).collect::<Vec<_>>(),
        "curve": answer.curve.iter().map(|one| {
            json!({
                "at": time(&one.at),
                "alive": one.alive,
                "alive_after": one.alive_after,
                "maybe_after": one.maybe_after,
            })
        }).collect::<Vec<_>>(),
        "breaks_nothing_from": time(&answer.breaks_nothing_from),
        "gaps": gaps(&answer.gaps),
        "outages": outages(&answer.outages),
    })
}

/// One of `ListAffected`.
pub fn affected(one: &proto::ListAffectedResponse) -> Value {
    json!({
        "url": one.url.as_ref().map(record),
        "ending": one.ending.as_ref().map(ending),
        "ended_by": one.ended_by.as_ref().map(super::standing_event),
        "not_counted": one.not_counted,
    })
}

/// An answer to `Contain`.
pub fn contained(answer: &proto::ContainResponse) -> Value {
    let containments = answer.containments.iter().map(|one| {
        json!({
            "event": one.event.as_ref().map(event),
            "ending": one.ending.as_ref().map(ending),
            "takes_along": one.takes_along,
            "may_take_along": one.may_take_along,
            "steps": one.steps.iter().map(|step| json!({"title": step.title, "text": step.text})).collect::<Vec<_>>(),
            "outages": outages(&one.outages),
        })
    });
    json!({
        "url": answer.url.as_ref().map(record),
        "containments": containments.collect::<Vec<_>>(),
        "gaps": gaps(&answer.gaps),
    })
}

/// What becomes of a URL.
pub fn ending(one: &proto::Ending) -> Value {
    let errors = one.bearer_errors.iter().map(|error| json!({"code": error.code, "http_status": error.http_status}));
    json!({
        "verdict": say::verdict(one.verdict),
        "not_before": time(&one.not_before),
        "not_after": time(&one.not_after),
        "reason": one.reason,
        "message": one.message,
        "condition": optional(&one.condition),
        "reversible": one.reversible,
        "bearer_errors": errors.collect::<Vec<_>>(),
        "bearer_errors_grade": say::grade(one.bearer_errors_grade),
        "grade": say::grade(one.grade),
        "event_id": optional(&one.event_id),
    })
}

pub(super) fn totals(one: &proto::Totals) -> Value {
    json!({"ends": one.ends, "may_end": one.may_end, "lives": one.lives})
}

pub(super) fn gaps(gaps: &[proto::Gap]) -> Value {
    gaps.iter().map(|one| json!({"reason": one.reason, "message": one.message})).collect()
}

fn outages(outages: &[proto::Outage]) -> Value {
    let told = |one: &proto::Outage| {
        json!({
            "identity": one.identity,
            "at": time(&one.at),
            "may_come_later": one.may_come_later,
            "message": one.message,
            "loss": say::name(one.loss().as_str_name(), "LOSS"),
            "partition": optional(&one.partition),
            "bucket": optional(&one.bucket),
            "key_prefix": optional(&one.key_prefix),
            "actions": one.actions,
            "condition": optional(&one.condition),
            "recovery": say::name(one.recovery().as_str_name(), "RECOVERY"),
            "renew": one.renew,
            "renew_from": time(&one.renew_from),
            "life": length(&one.life),
        })
    };
    outages.iter().map(told).collect()
}

/// Of the kinds of events only the one that is meant is a member.
pub fn event(one: &proto::Event) -> Value {
    let mut members = Map::from_iter([
        ("at".to_owned(), time(&one.at)),
        ("settles_within".to_owned(), length(&one.settles_within)),
        ("endpoint".to_owned(), optional(&one.endpoint)),
    ]);
    members.extend(one.what.as_ref().map(|what| {
        let (name, value) = kind(what);
        (name.to_owned(), value)
    }));
    Value::Object(members)
}

/// Its kind, and what is said of it.
pub fn kind(what: &What) -> (&'static str, Value) {
    let key = |one: &proto::KeyEvent| json!({"access_key_id": one.access_key_id});
    let identity = |one: &proto::IdentityEvent| json!({"identity": one.identity});
    let bucket = |one: &proto::BucketEvent| json!({"bucket": one.bucket});
    match what {
        What::KeyDeactivated(one) => ("key_deactivated", key(one)),
        What::KeyDeleted(one) => ("key_deleted", key(one)),
        What::KeyRotated(one) => ("key_rotated", key(one)),
        What::UserDeleted(one) => ("user_deleted", principal(one)),
        What::SessionsRevoked(one) => {
            let principal = one.principal.as_ref().map(principal);
            ("sessions_revoked", json!({"principal": principal, "issued_before": time(&one.issued_before)}))
        }
        What::RoleDeleted(one) => ("role_deleted", principal(one)),
        What::RoleRecreated(one) => ("role_recreated", principal(one)),
        What::TrustPolicyChanged(one) => ("trust_policy_changed", principal(one)),
        What::IdentityProviderRemoved(one) => ("identity_provider_removed", json!({"arn": one.arn})),
        What::ComputeTerminated(one) => ("compute_terminated", identity(one)),
        What::AssociationChanged(one) => ("association_changed", identity(one)),
        What::SsoUserDisabled(one) => ("sso_user_disabled", identity(one)),
        What::SessionExpired(one) => ("session_expired", json!({"session_id": one.session_id})),
        What::SessionInvalidated(one) => {
            ("session_invalidated", json!({"access_key_id": one.access_key_id, "expired": one.expired}))
        }
        What::IdentityRenewed(one) => ("identity_renewed", identity(one)),
        What::AllowRemoved(one) => ("allow_removed", json!({"statement": one.statement.as_ref().map(statement)})),
        What::Denied(one) => (
            "denied",
            json!({
                "statement": one.statement.as_ref().map(statement),
                "issued_before": time(&one.issued_before),
                "signature_age": length(&one.signature_age),
            }),
        ),
        What::BucketDeleted(one) => ("bucket_deleted", bucket(one)),
        What::AccessPointDeleted(one) => ("access_point_deleted", json!({"access_point": one.access_point})),
        What::RequesterPays(one) => ("requester_pays", bucket(one)),
        What::PublicAccessBlocked(one) => {
            let setting = say::name(one.setting().as_str_name(), "SETTING");
            ("public_access_blocked", json!({"bucket": one.bucket, "setting": optional(&setting)}))
        }
        What::ObjectDeleted(one) => ("object_deleted", object(one)),
        What::ObjectOverwritten(one) => ("object_overwritten", object(one)),
        What::ObjectArchived(one) => ("object_archived", object(one)),
        What::KmsKeyDisabled(one) => (
            "kms_key_disabled",
            json!({"key_arn": one.key_arn, "bucket": optional(&one.bucket), "key_prefix": optional(&one.key_prefix)}),
        ),
        What::UploadEnded(one) => {
            ("upload_ended", json!({"bucket": one.bucket, "key": one.key, "upload_id": one.upload_id}))
        }
        What::AccountClosed(one) => ("account_closed", json!({"account": one.account})),
    }
}

fn principal(one: &proto::PrincipalEvent) -> Value {
    json!({"arn": optional(&one.arn), "unique_id": optional(&one.unique_id)})
}

fn object(one: &proto::ObjectEvent) -> Value {
    let versioning = say::name(one.versioning().as_str_name(), "VERSIONING");
    json!({
        "bucket": one.bucket,
        "key": one.key,
        "version_id": optional(&one.version_id),
        "versioning": optional(&versioning),
    })
}

fn statement(one: &proto::Statement) -> Value {
    json!({
        "policy": say::name(one.policy().as_str_name(), "POLICY"),
        "principal_arn": optional(&one.principal_arn),
        "userid": optional(&one.userid),
        "bucket": optional(&one.bucket),
        "key_prefix": optional(&one.key_prefix),
        "key": optional(&one.key),
        "actions": one.actions,
    })
}
