//! Rows b to e: what happens to an access key or a session itself.

use super::{Answer, When};
use crate::impact::Lineage;
use crate::impact::ending::{BearerError, Grade};
use crate::impact::principal::{Nature, nature};
use crate::impact::reason::Reason;
use crate::session::RecordId;
use crate::time::Timestamp;

/// Row c. That S3 answers so for inactive keys, too, only secondary sources say.
pub(super) fn deactivated(access_key_id: &str, by: Lineage<'_>) -> Answer {
    let ends = Answer::ends(Reason::KeyInactive, INVALID_KEY).reversible().graded(Grade::Field);
    killed(access_key_id, by, ends.errors_graded(Grade::Unconfirmed))
}

/// Row d.
pub(super) fn deleted(access_key_id: &str, by: Lineage<'_>) -> Answer {
    let ends = Answer::ends(Reason::KeyDeleted, INVALID_KEY).graded(Grade::Field);
    killed(access_key_id, by, ends.errors_graded(Grade::Field))
}

/// Rows c, d and p: only what the key itself signed ends.
fn killed(access_key_id: &str, by: Lineage<'_>, ends: Answer) -> Answer {
    let facts = &by.session.facts;
    let own = facts.access_key_id == access_key_id;
    match nature(facts) {
        Nature::UserKey | Nature::RootKey if own => ends,
        _ if own => Answer::lives(Reason::TemporaryKey),
        _ if facts.parent_access_key_id == access_key_id => {
            Answer::lives(Reason::MintedFromKeySurvives).graded(Grade::Field)
        }
        _ => Answer::lives(Reason::NotConcerned),
    }
}

/// Row e.
pub(super) fn rotated(access_key_id: &str, by: Lineage<'_>) -> Answer {
    let facts = &by.session.facts;
    let concerned = facts.access_key_id == access_key_id || facts.parent_access_key_id == access_key_id;
    Answer::lives(if concerned { Reason::KeyStaysActive } else { Reason::NotConcerned })
}

/// Row b. The claim of a URL never reaches past its session's end, so this ends URLs early only where that end was not
/// known when they were signed. An end that was read from its source is the end, whatever the event's instant.
pub(super) fn expired(session: RecordId, at: Timestamp, by: Lineage<'_>) -> Answer {
    let facts = &by.session.facts;
    if by.session.id != session {
        return Answer::lives(Reason::NotConcerned);
    }
    match (nature(facts), facts.expires_at) {
        (Nature::UserKey | Nature::RootKey, _) => Answer::lives(Reason::NoExpiry),
        (_, Some(ends_at)) if facts.expiry_is_exact => {
            Answer::ends(Reason::SessionExpired, EXPIRED_TOKEN).when(When::At(ends_at))
        }
        (_, _) => Answer::ends(Reason::SessionExpired, EXPIRED_TOKEN).when(When::At(at)),
    }
}

/// What `GetCallerIdentity` of that very session tells: STS no longer knows its key, or no longer accepts its token. Whether S3
/// follows, and in which of the words that it has for dead credentials, nobody has told (SEMANTICS.md 1.5, 1.7). Where it is
/// told that the token `expired`, that is row b, though its source told a later end.
pub(super) fn invalidated(access_key_id: &str, expired: bool, by: Lineage<'_>) -> Answer {
    if by.session.facts.access_key_id != access_key_id {
        return Answer::lives(Reason::NotConcerned);
    }
    if matches!(nature(&by.session.facts), Nature::UserKey | Nature::RootKey) {
        return Answer::lives(Reason::KeyIsNoSession);
    }
    if expired {
        return Answer::ends(Reason::SessionExpired, EXPIRED_TOKEN);
    }
    let ends = Answer::ends(Reason::SessionInvalidated, INVALID_SESSION).reversible();
    ends.graded(Grade::Inferred).errors_graded(Grade::Unconfirmed)
}

pub(super) const INVALID_KEY: &[BearerError] = &[BearerError { code: "InvalidAccessKeyId", http_status: 403 }];
const EXPIRED_TOKEN: &[BearerError] = &[BearerError { code: "ExpiredToken", http_status: 400 }];
const INVALID_SESSION: &[BearerError] = &[
    BearerError { code: "InvalidAccessKeyId", http_status: 403 },
    BearerError { code: "InvalidToken", http_status: 400 },
    BearerError { code: "ExpiredToken", http_status: 400 },
];
