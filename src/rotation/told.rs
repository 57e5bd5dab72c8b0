//! What rows of the registry's events say, in JSON: written here, read here. Members are added, never renamed; what a
//! later version wrote and this one does not know is no news to it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{GenerationStatus, Reference};
use crate::registry::{EventKind, EventRow, NewEvent};
use crate::session::{IdentityName, RecordId};
use crate::time::Timestamp;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Another session signs.
    SessionRenewed(Reference),
    /// A session could not be had, for a reason that it was not yet told of.
    RenewalFailed(RenewalFailed),
    /// A session ends soon, with URLs outstanding.
    SessionEnding(GenerationStatus),
    /// A generation signs no more.
    GenerationDraining(GenerationStatus),
    /// It may sign again.
    DrainCancelled(GenerationStatus),
    /// Its last URL has ended, and nobody else needs its key.
    GenerationDrained(GenerationStatus),
    /// It is done, for good.
    GenerationRetired(GenerationStatus),
    /// An identity was stopped from signing.
    IdentityPaused(IdentityName),
    /// It may sign again.
    IdentityResumed(IdentityName),
}

/// Why there is no other session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalFailed {
    /// Whose.
    pub identity: IdentityName,
    /// The tenant whose session it was to be; empty for all.
    #[serde(default)]
    pub partition: String,
    /// Stable; docs/errors.md lists them.
    pub reason: String,
    /// In words.
    pub message: String,
    /// Whether the identity signs all the same.
    pub signs: bool,
    /// Until when, if nothing helps; `None` for a key without an end, and where nothing signs.
    pub session_ends_at: Option<Timestamp>,
}

/// The body of a row about an identity.
#[derive(Serialize, Deserialize)]
struct OfIdentity {
    identity: IdentityName,
}

impl Told {
    /// The row, to be written.
    pub fn event(&self) -> NewEvent {
        let event = |kind, body: Value, identity: &IdentityName, session: Option<RecordId>| NewEvent {
            identity: Some(identity.clone()),
            session,
            ..NewEvent::new(kind, body)
        };
        let of = |kind, status: &GenerationStatus| {
            event(kind, json(status), &status.session.identity, Some(status.session.id))
        };
        let named = |kind, identity: &IdentityName| {
            event(kind, json(&OfIdentity { identity: identity.clone() }), identity, None)
        };
        match self {
            Self::SessionRenewed(session) => {
                event(EventKind::SessionRenewed, json(session), &session.identity, Some(session.id))
            }
            Self::RenewalFailed(failed) => event(EventKind::RenewalFailed, json(failed), &failed.identity, None),
            Self::SessionEnding(status) => of(EventKind::SessionEnding, status),
            Self::GenerationDraining(status) => of(EventKind::GenerationDraining, status),
            Self::DrainCancelled(status) => of(EventKind::DrainCancelled, status),
            Self::GenerationDrained(status) => of(EventKind::GenerationDrained, status),
            Self::GenerationRetired(status) => of(EventKind::GenerationRetired, status),
            Self::IdentityPaused(identity) => named(EventKind::IdentityPaused, identity),
            Self::IdentityResumed(identity) => named(EventKind::IdentityResumed, identity),
        }
    }

    /// What a row says; `None` for rows of other desks, and for what this version cannot read.
    pub fn of(row: &EventRow) -> Option<Self> {
        Some(match row.kind {
            EventKind::SessionRenewed => Self::SessionRenewed(read(row)?),
            EventKind::RenewalFailed => Self::RenewalFailed(read(row)?),
            EventKind::SessionEnding => Self::SessionEnding(read(row)?),
            EventKind::GenerationDraining => Self::GenerationDraining(read(row)?),
            EventKind::DrainCancelled => Self::DrainCancelled(read(row)?),
            EventKind::GenerationDrained => Self::GenerationDrained(read(row)?),
            EventKind::GenerationRetired => Self::GenerationRetired(read(row)?),
            EventKind::IdentityPaused => Self::IdentityPaused(read::<OfIdentity>(row)?.identity),
            EventKind::IdentityResumed => Self::IdentityResumed(read::<OfIdentity>(row)?.identity),
            EventKind::EventHappened | EventKind::EventLifted => return None,
        })
    }
}

fn json(body: &impl Serialize) -> Value {
    serde_json::to_value(body).expect("names, numbers and texts can be written as JSON")
}

fn read<T: DeserializeOwned>(row: &EventRow) -> Option<T> {
    let read = T::deserialize(&row.body);
    read.inspect_err(|error| tracing::warn!(number = row.number, %error, "a row of events cannot be read")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::generation::State;
    use crate::session::{CredentialKind, InstanceId};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_795_348_800 + seconds)
    }

    fn status() -> GenerationStatus {
        let (identity, id) =
            (IdentityName::parse("web").unwrap(), RecordId { instance: InstanceId::from_random(1), number: 9 });
        let access_key_id = "AKIAEXAMPLE".to_owned();
        GenerationStatus {
            session: Reference { identity, generation: 3, access_key_id, expires_at: None, id },
            kind: CredentialKind::LongTermKey,
            state: State::Draining,
            since: Some(at(-60)),
            outstanding_urls: 12,
            last_url_ends_at: Some(at(60)),
            advice: "wait".into(),
            safe_from: Some(at(60)),
            partition: String::new(),
            ended_early_urls: 0,
            ended_by: Vec::new(),
            others: Vec::new(),
        }
    }

    fn one_of_each() -> Vec<Told> {
        let (web, status) = (IdentityName::parse("web").unwrap(), status());
        let failed = RenewalFailed {
            identity: web.clone(),
            partition: String::new(),
            reason: "UNKNOWN_KEY".into(),
            message: "no".into(),
            signs: true,
            session_ends_at: None,
        };
        vec![
            Told::SessionRenewed(status.session.clone()),
            Told::RenewalFailed(failed),
            Told::SessionEnding(status.clone()),
            Told::GenerationDraining(status.clone()),
            Told::DrainCancelled(status.clone()),
            Told::GenerationDrained(status.clone()),
            Told::GenerationRetired(status),
            Told::IdentityPaused(web.clone()),
            Told::IdentityResumed(web),
        ]
    }

    fn row(told: &Told) -> EventRow {
        let NewEvent { kind, identity, session, uid, body, .. } = told.event();
        EventRow { number: 1, at: at(0), kind, identity, session, uid, body, lifted_at: None }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for told in one_of_each() {
            assert_eq!(Told::of(&row(&told)), Some(told));
        }
    }

    #[test]
    fn a_body_keeps_its_names() {
        let body = row(&Told::GenerationDraining(status())).body;
        let told = serde_json::json!({
            "session": {
                "identity": "web", "generation": 3, "access_key_id": "AKIAEXAMPLE", "expires_at": null, "id": "baaaaaaa-9",
            },
            "kind": "long-term-key",
            "state": "draining",
            "since": "2026-11-22T11:59:00Z",
            "outstanding_urls": 12,
            "last_url_ends_at": "2026-11-22T12:01:00Z",
            "advice": "wait",
            "safe_from": "2026-11-22T12:01:00Z",
            "partition": "",
            "ended_early_urls": 0,
            "ended_by": [],
            "others": [],
        });
        assert_eq!(body, told);
    }

    #[test]
    fn kinds_of_credentials_have_one_name_everywhere() {
        for kind in CredentialKind::ALL {
            assert_eq!(json(kind), kind.as_str());
        }
    }

    #[test]
    fn a_member_that_a_later_version_adds_is_passed_over_and_one_that_is_missing_is_no_news() {
        let mut later = row(&Told::GenerationDraining(status()));
        later.body["more"] = 1.into();
        assert!(Told::of(&later).is_some());
        later.body["session"] = Value::Null;
        assert_eq!(Told::of(&later), None);
    }
}
