//! The rare writes: what operators decide, what happened, what was seen. Each with the row that says so, in one
//! transaction.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::events;
use super::state::State;
use crate::registry::event::{Change, EventKind, EventRow, MAX_STANDING, NewEvent, STANDING_LIFE};
use crate::registry::generation::Mark;
use crate::registry::{EVENT_LIFE, Error};
use crate::session::RecordId;
use crate::time::Timestamp;

/// Answers the row of `event`; for a lift, the row that was lifted.
pub(super) fn change(
    state: &mut State<'_>,
    change: Change,
    event: Option<NewEvent>,
    now: Timestamp,
) -> Result<Option<EventRow>, Error> {
    match change {
        Change::Note => {}
        Change::Lift { number, at } => return lift(state, number, at, event, now).map(Some),
        Change::Withdraw { number, at, body } => return withdraw(state, number, at, &body, event, now).map(Some),
        Change::Mark { session, mark: decided } => mark(state, session, decided, now)?,
        Change::Pause(identity) => {
            let sql = "INSERT INTO paused VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            state.connection.execute(sql, params![identity.as_str(), now.unix()])?;
        }
        Change::Resume(identity) => {
            state.connection.execute("DELETE FROM paused WHERE identity = ?1", [identity.as_str()])?;
        }
        Change::Observe { session, state: seen, cause } => observe(state, session, &seen, &cause, now)?,
        Change::SignsFromNow(session) => signs_from_now(state, session, now)?,
        Change::Looked { session, seen, alive_at, signs_again } => {
            if signs_again {
                signs_from_now(state, session, now)?;
            }
            if let Some((seen, cause)) = seen {
                observe(state, session, &seen, &cause, now)?;
            }
            let sql = "UPDATE observed SET alive = ?2 WHERE session = ?1";
            state.connection.execute(sql, params![session.number.cast_signed(), sights(&alive_at)])?;
        }
    }
    event.map(|event| note(state, event, now)).transpose()
}

fn note(state: &mut State<'_>, event: NewEvent, now: Timestamp) -> Result<EventRow, Error> {
    let happened = event.kind == EventKind::EventHappened;
    if happened && standing(state, now)? >= MAX_STANDING as i64 {
        return Err(Error::TooManyStanding);
    }
    let kept_until = match event.stands_until {
        _ if !happened => now + EVENT_LIFE,
        // However early it has nothing to say any more, watchers have their week.
        Some(until) => until.max(now + EVENT_LIFE),
        None => now + STANDING_LIFE,
    };
    state.connection.execute(
        "INSERT INTO events (at, kind, identity, session, uid, body, kept_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            now.unix(),
            event.kind.as_str(),
            event.identity.as_ref().map(|identity| identity.as_str()),
            event.session.map(|session| session.number.cast_signed()),
            event.uid,
            event.body.to_string(),
            kept_until.unix(),
        ],
    )?;
    let number = state.connection.last_insert_rowid().cast_unsigned();
    state.noted = Some(number);
    state.stands_changed |= happened;
    let NewEvent { kind, identity, session, uid, body, .. } = event;
    Ok(EventRow { number, at: now, kind, identity, session, uid, body, lifted_at: None })
}

fn standing(state: &State<'_>, now: Timestamp) -> Result<i64, Error> {
    let sql = format!("SELECT count(*) FROM events WHERE {}", events::STANDS);
    Ok(state.connection.query_row(&sql, [now.unix()], |row| row.get(0))?)
}

/// Room for what says so comes from what is lifted, so a lift never meets the bound.
fn lift(
    state: &mut State<'_>,
    number: u64,
    at: Timestamp,
    event: Option<NewEvent>,
    now: Timestamp,
) -> Result<EventRow, Error> {
    let row = that_happened(state, number)?;
    if row.lifted_at.is_some() {
        return Ok(row);
    }
    let sql = "UPDATE events SET lifted_at = ?2, kept_until = ?3 WHERE number = ?1";
    let values = params![number.cast_signed(), at.unix(), (now + EVENT_LIFE).unix()];
    state.connection.execute(sql, values)?;
    state.stands_changed = true;
    event.map(|event| note(state, event, now)).transpose()?;
    Ok(EventRow { lifted_at: Some(at), ..row })
}

/// One that was lifted before stands no more since then.
fn withdraw(
    state: &mut State<'_>,
    number: u64,
    at: Timestamp,
    body: &serde_json::Value,
    event: Option<NewEvent>,
    now: Timestamp,
) -> Result<EventRow, Error> {
    let row = that_happened(state, number)?;
    let lifted_at = row.lifted_at.unwrap_or(at);
    let sql = "UPDATE events SET lifted_at = ?2, kept_until = ?3, body = ?4 WHERE number = ?1";
    let kept_until = (now + EVENT_LIFE).unix();
    state.connection.execute(sql, params![number.cast_signed(), lifted_at.unix(), kept_until, body.to_string()])?;
    state.stands_changed = true;
    event.map(|event| note(state, event, now)).transpose()?;
    Ok(EventRow { lifted_at: Some(lifted_at), body: body.clone(), ..row })
}

fn that_happened(state: &State<'_>, number: u64) -> Result<EventRow, Error> {
    let row = events::one(state.connection, state.instance, number)?;
    let row = row.filter(|row| row.kind == EventKind::EventHappened);
    row.ok_or(Error::Unknown(RecordId { instance: state.instance, number }))
}

fn mark(state: &mut State<'_>, session: RecordId, mark: Mark, now: Timestamp) -> Result<(), Error> {
    // ?2 is the present, ?3 what the mark says beside itself.
    let (sql, more) = match mark {
        Mark::Drain { replaced } => (
            "UPDATE sessions SET replaced = ?3 AND (drained_since IS NULL OR replaced), \
             drained_since = coalesce(drained_since, ?2) WHERE number = ?1",
            Some(replaced),
        ),
        Mark::CancelDrain => {
            ("UPDATE sessions SET drained_since = NULL, replaced = 0, signs_since = ?2 WHERE number = ?1", None)
        }
        Mark::Retire { forced } => (
            "UPDATE sessions SET retired_by_force = CASE WHEN retired_at IS NULL THEN ?3 ELSE retired_by_force END, \
             retired_at = coalesce(retired_at, ?2) WHERE number = ?1",
            Some(forced),
        ),
    };
    let number = session.number.cast_signed();
    let rows = match more {
        Some(more) => state.connection.execute(sql, params![number, now.unix(), more])?,
        None => state.connection.execute(sql, params![number, now.unix()])?,
    };
    if rows == 0 { Err(Error::Unknown(session)) } else { Ok(()) }
}

fn signs_from_now(state: &mut State<'_>, session: RecordId, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE sessions SET signs_since = ?2 WHERE number = ?1";
    let rows = state.connection.execute(sql, params![session.number.cast_signed(), now.unix()])?;
    if rows == 0 { Err(Error::Unknown(session)) } else { Ok(()) }
}

fn observe(state: &mut State<'_>, session: RecordId, seen: &str, cause: &str, now: Timestamp) -> Result<(), Error> {
    let number = session.number.cast_signed();
    if !state.knows_session(number)? {
        return Err(Error::Unknown(session));
    }
    let look = "SELECT state, at, since, otherwise_at FROM observed WHERE session = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let before: Option<(String, i64, i64, Option<i64>)> = state.connection.query_row(look, [number], row).optional()?;
    let (since, otherwise_at) = match before {
        Some((same, _, since, otherwise_at)) if same == seen => (since, otherwise_at),
        Some((_, at, ..)) => (now.unix(), Some(at)),
        None => (now.unix(), None),
    };
    let sql = "INSERT INTO observed (session, state, cause, at, since, otherwise_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (session) DO UPDATE SET state = ?2, cause = ?3, at = ?4, since = ?5, otherwise_at = ?6";
    state.connection.execute(sql, params![number, seen, cause, now.unix(), since, otherwise_at])?;
    Ok(())
}

/// `{"key": 1795348800}`.
fn sights(alive_at: &BTreeMap<String, Timestamp>) -> String {
    let seconds: BTreeMap<&str, i64> = alive_at.iter().map(|(about, at)| (about.as_str(), at.unix())).collect();
    serde_json::json!(seconds).to_string()
}
