//! Writes the records of one call, within a group.

use rusqlite::{OptionalExtension, params};

use super::rows::{Reader, UrlRow};
use super::state::State;
use super::sums::{Kin, Written};
use crate::registry::tally::slot_of;
use crate::registry::{Append, Appended, Error, MAX_REQUEST_IDS, REQUEST_LIFE, Remembered, RequestId};
use crate::session::RecordId;
use crate::time::Timestamp;

/// An [`Append`] made ready off the writer's thread.
pub(super) struct Item {
    row: UrlRow,
    request: Option<RequestId>,
}

impl From<Append> for Item {
    fn from(append: Append) -> Self {
        Self { row: UrlRow::of(append.url), request: append.request }
    }
}

/// All items or none: the caller undoes what is left of a failure.
pub(super) fn append(state: &mut State<'_>, items: &[Item], now: Timestamp) -> Result<Vec<Appended>, Error> {
    let mut outcomes = Vec::with_capacity(items.len());
    for Item { row, request } in items {
        let uid = row.caller.uid;
        if let Some(request) = request
            && let Some(remembered) = held_by_another(state, uid, request, now)?
        {
            outcomes.push(Appended::Already(Box::new(remembered)));
            continue;
        }
        let session = row.session.number.cast_signed();
        if !state.knows_session(session)? {
            return Err(Error::Unknown(row.session));
        }
        let number = row.number;
        write_url(state, session, row)?;
        if let Some(request) = request {
            let values = params![uid, request.id, request.asked_sha256, number, now.unix()];
            state.statements.request.execute(values)?;
        }
        outcomes.push(Appended::Recorded);
    }
    Ok(outcomes)
}

fn write_url(state: &mut State<'_>, session: i64, row: &UrlRow) -> Result<(), Error> {
    let bucket = state.bucket(&row.bucket)?;
    state.led(bucket, (&row.region, &row.host), row.signed_at)?;
    let uid = row.caller.uid;
    let caller = state.caller(&row.caller)?;
    state.statements.url.execute(params![
        row.number,
        session,
        row.signed_at,
        row.expires_in,
        row.usable_until,
        row.limited_by,
        row.operation,
        row.method,
        bucket,
        row.key,
        row.query,
        row.headers,
        row.form,
        row.addressing,
        row.region,
        row.host,
        row.tagged,
        row.fingerprint,
        caller,
        row.pid,
        row.on_behalf_of,
        row.labels,
        row.replaces,
    ])?;
    let slot = slot_of(Timestamp::from_unix(row.usable_until));
    let kin = Kin { session, slot, bucket, uid, operation: row.operation };
    state.oldest = Some(state.oldest.map_or(row.number, |oldest| oldest.min(row.number)));
    state.note(Written { number: row.number, usable_until: row.usable_until, kin });
    Ok(())
}

/// The record that holds the request id, unless it gives way; makes sure that there is room for the id otherwise.
fn held_by_another(
    state: &mut State<'_>,
    uid: u32,
    request: &RequestId,
    now: Timestamp,
) -> Result<Option<Remembered>, Error> {
    let look = &mut state.statements.look_request;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, Timestamp::from_unix(row.get(2)?)));
    let found: Option<([u8; 32], i64, Timestamp)> = look.query_row(params![uid, request.id], row).optional()?;
    let Some((asked_sha256, url, at)) = found else {
        make_room(state, uid, now)?;
        return Ok(None);
    };
    let holder = RecordId { instance: state.instance, number: url.cast_unsigned() };
    if at <= now - REQUEST_LIFE || request.supersedes == Some(holder) {
        return Ok(None);
    }
    let record = Reader::new(state.connection, state.instance).one(url)?;
    Ok(record.map(|record| Remembered { record, asked_sha256 }))
}

/// Counts one more request id of that uid, after dropping some that are past their time: two for each that comes, so
/// that the table shrinks faster than it grows.
fn make_room(state: &mut State<'_>, uid: u32, now: Timestamp) -> Result<(), Error> {
    forget_requests(state, now, 2)?;
    if state.requests()?.get(&uid).is_some_and(|held| *held >= MAX_REQUEST_IDS) {
        forget_requests(state, now, FORGET_AT_THE_BOUND)?;
    }
    let held = state.requests()?.entry(uid).or_default();
    if *held >= MAX_REQUEST_IDS {
        return Err(Error::TooManyRequestIds);
    }
    *held += 1;
    Ok(())
}

/// Drops at most `most` request ids that are past their time.
pub(super) fn forget_requests(state: &mut State<'_>, now: Timestamp, most: i64) -> Result<(), Error> {
    state.requests()?;
    let dead = (now - REQUEST_LIFE).unix();
    let rows = state.statements.dead_requests.query_map(params![dead, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(u32, String)> = rows.collect::<rusqlite::Result<_>>()?;
    for (uid, request_id) in rows {
        state.statements.forget_request.execute(params![uid, request_id])?;
        if let Some(count) = state.requests()?.get_mut(&uid) {
            *count = count.saturating_sub(1);
        }
    }
    state.requests()?.retain(|_, count| *count > 0);
    Ok(())
}

/// Request ids dropped at once when a uid has reached its bound.
const FORGET_AT_THE_BOUND: i64 = 1000;
