//! What was seen, in the words of `impact`: the event that says no more of other URLs than the facts allow. Pure.
//!
//! | session | its key is dead | denied at a canary |
//! |---|---|---|
//! | long-term key | the key is deactivated: deleted looks the same, and can not be undone | an Allow is gone: "may end" |
//! | session | it is invalidated, whichever identity has it; why, nobody told, or that its time is over | the same: sessions of one name are meant alike |
//!
//! A canary tells of one key only, and a Deny may spare the rest of its bucket. So URLs that read from there "may end".
//! Killing a parent's key spares what was minted from it (SEMANTICS.md 1.3 c), so a dead session is no event of its parent.

use std::time::Duration;

use serde_json::json;

use super::Answer;
use super::belief::Edge;
use super::reading::Sight;
use crate::config::probe::Canary;
use crate::impact::event::{Event, Policy, Statement, What};
use crate::registry::{EventKind, EventRow, KEY_ITSELF, NewEvent};
use crate::session::{CredentialKind, Facts, RecordId, Session};
use crate::time::Timestamp;

/// What was looked at. As text it stands in rows, and tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About<'a> {
    /// Whether the key lives.
    Key,
    /// Whether an object can be read.
    Canary(&'a Canary),
}

impl About<'_> {
    /// `key`, or `s3://bucket/key`.
    pub(super) fn text(self) -> String {
        match self {
            Self::Key => KEY_ITSELF.to_owned(),
            Self::Canary(canary) => canary.text(),
        }
    }
}

/// What is known from former events of the same thing: it is not dated back over what was seen, nor over what a person said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Former {
    /// When it was last seen alive.
    pub alive_at: Option<Timestamp>,
    /// When the last of them was lifted or withdrawn: it lived by then.
    pub taken_back_at: Option<Timestamp>,
}

impl Former {
    /// `rows` are of events that happened, whether they stand or not.
    pub(super) fn of(rows: &[EventRow], session: RecordId, what: &str) -> Self {
        let own = || rows.iter().filter(|row| row.session == Some(session) && row.seen_dead() == Some(what));
        let alive_at = |row: &EventRow| Timestamp::parse_rfc3339(row.body.get("last_seen_alive")?.as_str()?).ok();
        Self { alive_at: own().filter_map(alive_at).max(), taken_back_at: own().filter_map(|row| row.lifted_at).max() }
    }
}

/// The row that says it; `None` where nobody told whose the session is, and what was seen is of whoever it belongs to.
pub(super) fn died(session: &Session, answer: &Answer<'_>, edge: Edge, former: Former) -> Option<NewEvent> {
    let Edge::Died { after, by } = edge else { return None };
    let after = after.max(former.alive_at);
    let began = after.max(former.taken_back_at).unwrap_or(session.facts.issued.not_after).min(by);
    let settles_within = began.until(by).unwrap_or_default();
    // An event cannot take longer; the row keeps what was seen.
    let settles_within = settles_within.min(LONGEST);
    let at = Timestamp::from_unix(by.unix().saturating_sub(settles_within.as_secs().cast_signed()));
    let event = Event { at, settles_within, endpoint: None, what: what(session, answer)? };
    let body = json!({
        "event": serde_json::to_value(event).ok()?,
        "observed": true,
        "cause": answer.cause,
        "about": answer.about.text(),
        "last_seen_alive": after.map(|at| at.to_string()),
        "first_seen_dead": by.to_string(),
    });
    Some(NewEvent {
        identity: Some(session.identity.clone()),
        session: Some(session.id),
        stands_until: session.facts.expires_at,
        ..NewEvent::new(EventKind::EventHappened, body)
    })
}

/// The row that takes another back, as one that was reported is taken back.
pub(super) fn lifted(row: &EventRow) -> NewEvent {
    let mut body = row.body.clone();
    body["lifts"] = json!({"number": row.number, "recorded_at": row.at});
    NewEvent { identity: row.identity.clone(), session: row.session, ..NewEvent::new(EventKind::EventLifted, body) }
}

fn what(session: &Session, answer: &Answer<'_>) -> Option<What> {
    let facts = &session.facts;
    match answer.about {
        About::Key if matches!(facts.kind, CredentialKind::LongTermKey | CredentialKind::Root) => {
            Some(What::KeyDeactivated { access_key_id: facts.access_key_id.clone() })
        }
        About::Key => {
            let expired = answer.sight == Sight::Expired;
            Some(What::SessionInvalidated { access_key_id: facts.access_key_id.clone(), expired })
        }
        About::Canary(canary) => Some(What::AllowRemoved(Statement {
            policy: Policy::Identity,
            principal_arn: String::new(),
            userid: userid(facts)?,
            bucket: canary.bucket.as_str().to_owned(),
            key_prefix: String::new(),
            key: String::new(),
            actions: vec!["s3:GetObject".to_owned()],
        })),
    }
}

/// `aws:userid`, or what stands for it; `None` while nobody has told it. Without it a statement would speak of everybody.
fn userid(facts: &Facts) -> Option<String> {
    let Facts { kind, principal_arn, principal_unique_id: id, session_name: name, account, .. } = facts;
    let role = principal_arn.contains(":assumed-role/");
    match kind {
        // Stores other than AWS's name nobody: there the key is all that is known. No one whose id is known is meant.
        CredentialKind::LongTermKey if id.is_empty() => Some(facts.access_key_id.clone()),
        CredentialKind::Root => Some(account.clone()).filter(|account| !account.is_empty()),
        _ if id.is_empty() => None,
        _ if role && name.is_empty() => None,
        _ if role => Some(format!("{id}:{name}")),
        _ => Some(id.clone()),
    }
}

/// What `impact` takes.
const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests;
