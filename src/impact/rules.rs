//! One rule for each kind of event, in families. A rule says what happens and when; [`super::ending`] holds that to the
//! life of the URL.

mod account;
mod bucket;
mod credential;
pub(super) mod forecast;
mod kms;
mod object;
pub(super) mod policy;
mod principal;
mod public;

use super::ending::{BearerError, Conditions, Grade, Verdict};
use super::event::{Event, Statement, What};
use super::reason::{Condition, Reason};
use super::truth::Truth;
use super::{Lineage, Subject};
use crate::time::Timestamp;

/// What a rule says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub verdict: Verdict,
    pub reason: Reason,
    pub conditions: Conditions,
    pub when: When,
    pub reversible: bool,
    pub bearer_errors: &'static [BearerError],
    pub errors_grade: Grade,
    pub grade: Grade,
}

/// When a URL ends that ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// With the event, once AWS has spread it.
    Settled,
    /// At an instant of its own, which no spreading delays.
    At(Timestamp),
    /// At an instant of its own, or once AWS has spread the event if that comes later.
    From(Timestamp),
    /// Some time after the event; nobody says when.
    Untold,
}

/// The rule for the event. `None`, for a group: ask for each URL.
pub(super) fn answer(event: &Event, by: Lineage<'_>, subject: Subject<'_>) -> Option<Answer> {
    let answer = wherever(event, by, subject);
    match (&event.endpoint, subject) {
        (None, _) => answer,
        (Some(_), Subject::Group { .. }) => answer.filter(|answer| answer.verdict == Verdict::Lives),
        (Some(place), Subject::Url(url)) if place.has(url) => answer,
        (Some(_), Subject::Url(_)) => Some(Answer::lives(match event.what {
            What::AllowRemoved(_) | What::Denied { .. } => Reason::NotMatched,
            _ => Reason::NotConcerned,
        })),
    }
}

/// The same, as far as names go: wherever the bucket is.
fn wherever(event: &Event, by: Lineage<'_>, subject: Subject<'_>) -> Option<Answer> {
    match &event.what {
        What::KeyDeactivated { access_key_id } => Some(credential::deactivated(access_key_id, by)),
        What::KeyDeleted { access_key_id } => Some(credential::deleted(access_key_id, by)),
        What::KeyRotated { access_key_id } => Some(credential::rotated(access_key_id, by)),
        What::SessionExpired(session) => Some(credential::expired(*session, event.at, by)),
        What::SessionInvalidated { access_key_id, expired } => {
            Some(credential::invalidated(access_key_id, *expired, by))
        }
        What::UserDeleted(user) => principal::user_deleted(user, event.at, by),
        What::SessionsRevoked { principal, issued_before } => {
            principal::sessions_revoked(principal, *issued_before, by)
        }
        What::RoleDeleted(role) => principal::role_deleted(role, event.at, by),
        What::RoleRecreated(role) => principal::role_recreated(role, event.at, by),
        What::TrustPolicyChanged(role) => forecast::trust_changed(role, by),
        What::IdentityProviderRemoved { arn } => Some(forecast::provider_removed(arn, by)),
        What::ComputeTerminated(identity) => Some(forecast::compute_terminated(identity, by)),
        What::AssociationChanged(identity) => Some(forecast::association_changed(identity, by)),
        What::SsoUserDisabled(identity) => Some(forecast::sso_user_disabled(identity, by)),
        What::IdentityRenewed(identity) => Some(forecast::renewed(identity, by)),
        What::AllowRemoved(statement) => policy::allow_removed(statement, by, subject),
        What::Denied { statement, issued_before, signature_age } => {
            policy::denied(statement, *issued_before, *signature_age, by, subject)
        }
        What::BucketDeleted { bucket } => bucket::deleted(bucket, subject),
        What::AccessPointDeleted { access_point } => bucket::access_point_deleted(access_point, subject),
        What::RequesterPays { bucket } => bucket::requester_pays(bucket, by, subject),
        What::UploadEnded { bucket, key, upload_id } => bucket::upload_ended(bucket, key, upload_id, subject),
        What::PublicAccessBlocked { bucket, setting } => public::blocked(bucket, *setting, by, subject),
        What::ObjectDeleted(object) => object::deleted(object, subject),
        What::ObjectOverwritten(object) => object::overwritten(object, subject),
        What::ObjectArchived(object) => object::archived(object, subject),
        What::KmsKeyDisabled { key_arn, bucket, key_prefix } => kms::disabled(key_arn, bucket, key_prefix, subject),
        What::AccountClosed { account } => account::closed(account, by, subject),
    }
}

/// Whether a statement can speak of the session at all.
pub(super) fn binds(statement: &Statement, by: Lineage<'_>) -> bool {
    policy::signer(statement, by).is_ok()
}

impl Answer {
    /// It lives, for that reason.
    fn lives(reason: Reason) -> Self {
        Self {
            verdict: Verdict::Lives,
            reason,
            conditions: Conditions::NONE,
            when: When::Settled,
            reversible: false,
            bearer_errors: &[],
            errors_grade: Grade::Documented,
            grade: Grade::Documented,
        }
    }

    /// It ends with the event, for good, and the bearer sees one of these.
    fn ends(reason: Reason, bearer_errors: &'static [BearerError]) -> Self {
        Self { verdict: Verdict::Ends, reason, bearer_errors, ..Self::lives(reason) }
    }

    /// Known so well at best.
    fn graded(self, grade: Grade) -> Self {
        Self { grade: self.grade.max(grade), ..self }
    }

    /// What the bearer sees is known so well.
    fn errors_graded(self, grade: Grade) -> Self {
        Self { errors_grade: grade, ..self }
    }

    /// Undone, it revives the URL.
    fn reversible(self) -> Self {
        Self { reversible: true, ..self }
    }

    /// Not with the event, but then.
    fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// Only if this holds.
    fn if_also(self, condition: Condition, grade: Grade) -> Self {
        self.if_so(Truth::maybe(condition, grade), Reason::NotConcerned).unwrap_or(self)
    }

    /// As sure as the truth of what it rests on; what does not hold lets the URL live, for `otherwise`.
    fn if_so(self, truth: Truth, otherwise: Reason) -> Option<Self> {
        match truth {
            Truth::AskUrl => None,
            Truth::No => Some(Self::lives(otherwise)),
            Truth::Yes(grade) => Some(self.graded(grade)),
            Truth::Maybe(..) if self.verdict == Verdict::Lives => Some(self),
            Truth::Maybe(conditions, grade) => {
                let conditions = self.conditions.and(conditions);
                Some(Self { verdict: Verdict::MayEnd, conditions, ..self }.graded(grade))
            }
        }
    }
}

/// What S3 answers to requests that a policy denies.
const ACCESS_DENIED: &[BearerError] = &[BearerError { code: "AccessDenied", http_status: 403 }];
