//! A filter as SQL: values are always bound, never written into the text.

use rusqlite::types::Value;

use super::ahead;
use super::columns;
use super::rows::{DICTIONARIES, RECORD};
use crate::issued::Filter;
use crate::s3::operation::Operation;
use crate::session::InstanceId;
use crate::time::Ttl;

/// Conditions joined by AND, with the values of their `?`.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    pub(super) fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(if self.sql.is_empty() { "" } else { " AND " });
        self.sql.push_str(sql);
        self.values.extend(values);
    }
}

/// The sessions that a filter can mean at all; `None` when it can mean none.
pub(super) fn sessions(filter: &Filter, instance: InstanceId) -> Option<Conditions> {
    let mut conditions = Conditions::default();
    if let Some(identity) = &filter.identity {
        conditions.and("identity = ?", [text(identity.as_str())]);
    }
    if let Some(session) = filter.session {
        if session.instance != instance {
            return None;
        }
        conditions.and("number = ?", [Value::Integer(session.number.cast_signed())]);
    }
    if let Some(key) = &filter.access_key_id {
        conditions.and("access_key_id = ?", [text(key)]);
    }
    // Records that the sums do not hold yet may be of any session, with any end.
    let (has_urls, ahead) = ("urls_issued > urls_forgotten", ahead::SESSIONS);
    if let Some(after) = filter.usable_after {
        let may_match = format!("({has_urls} AND last_url_ends_at > ? OR number IN {ahead})");
        conditions.and(&may_match, [Value::Integer(after.unix())]);
        // Rows hold the ends that were signed; a session that turned out to end sooner took its URLs along.
        conditions.and("(expires_at IS NULL OR expires_at > ?)", [Value::Integer(after.unix())]);
    } else {
        conditions.and(&format!("({has_urls} OR number IN {ahead})"), []);
    }
    Some(conditions)
}

/// The part of a filter that the index of sessions and times can answer. `sessions` is a JSON list of their numbers.
pub(super) fn by_index(filter: &Filter, sessions: &str) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.and("u.session IN (SELECT value FROM json_each(?))", [text(sessions)]);
    let times = [
        ("u.signed_at >= ?", filter.signed_from),
        ("u.signed_at < ?", filter.signed_before),
        ("u.usable_until > ?", filter.usable_after),
        // No URL lives longer than that, and the index is in the order of signing.
        ("u.signed_at > ?", filter.usable_after.map(|after| after - Ttl::MAX.duration())),
    ];
    for (sql, at) in times {
        if let Some(at) = at {
            conditions.and(sql, [Value::Integer(at.unix())]);
        }
    }
    conditions
}

/// The whole filter: [`by_index`] and what only the row tells.
pub(super) fn whole(filter: &Filter, sessions: &str) -> Conditions {
    let mut conditions = by_index(filter, sessions);
    of_rows(filter, &mut conditions);
    conditions
}

/// The whole filter, but for hard ends: a scan in their order begins where they do.
pub(super) fn by_end(filter: &Filter, sessions: String) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.and("u.session IN (SELECT value FROM json_each(?))", [Value::Text(sessions)]);
    // What the index of hard ends holds comes first: then fewer rows are looked up.
    of_rows(filter, &mut conditions);
    for (sql, at) in [("u.signed_at >= ?", filter.signed_from), ("u.signed_at < ?", filter.signed_before)] {
        if let Some(at) = at {
            conditions.and(sql, [Value::Integer(at.unix())]);
        }
    }
    conditions
}

fn of_rows(filter: &Filter, conditions: &mut Conditions) {
    if let Some(bucket) = &filter.bucket {
        conditions.and("u.bucket = (SELECT number FROM buckets WHERE name = ?)", [text(bucket)]);
    }
    if let Some(uid) = filter.uid {
        conditions.and("u.caller IN (SELECT number FROM callers WHERE uid = ?)", [Value::Integer(i64::from(uid))]);
    }
    if !filter.operations.is_empty() {
        let names = Value::Text(names(&filter.operations));
        conditions.and("u.operation IN (SELECT value FROM json_each(?))", [names]);
    }
    if let Some(prefix) = filter.key_prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        // As bytes: characters may be wildcards or NUL, where SQLite's functions on text go astray.
        let bytes = prefix.as_bytes().to_vec();
        let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        conditions.and("substr(CAST(u.key AS BLOB), 1, ?) = ?", [Value::Integer(length), Value::Blob(bytes)]);
    }
    if let Some(on_behalf_of) = &filter.on_behalf_of {
        conditions.and("u.on_behalf_of = ?", [text(on_behalf_of)]);
    }
    for (name, value) in &filter.labels {
        // A pair within the list is rendered as it was written, so it compares as text.
        let pair = columns::pair(name, value);
        conditions.and("EXISTS (SELECT 1 FROM json_each(u.labels) l WHERE l.value = ?)", [Value::Text(pair)]);
    }
}

/// A JSON list of their names.
pub(super) fn names(operations: &[Operation]) -> String {
    let names: Vec<&str> = operations.iter().map(|operation| operation.as_str()).collect();
    serde_json::to_string(&names).expect("strings are always JSON")
}

/// Whether sessions or times narrow the search, so that the index may be the shorter way.
pub(super) fn is_narrowed(filter: &Filter) -> bool {
    filter.identity.is_some()
        || filter.session.is_some()
        || filter.access_key_id.is_some()
        || filter.signed_from.is_some()
        || filter.signed_before.is_some()
        || filter.usable_after.is_some()
}

/// A page, newest first, of numbers from `?1` to `?2`. By the index, few rows are gathered and sorted; otherwise the
/// table is walked backwards until the page is full.
pub(super) fn page(conditions: &Conditions, by_index: bool) -> String {
    let way = if by_index { "INDEXED BY urls_by_session" } else { "NOT INDEXED" };
    format!(
        "SELECT {RECORD} FROM urls u {way} {} WHERE u.number BETWEEN ? AND ? AND {} ORDER BY u.number DESC LIMIT ?",
        // Not to be reordered: the dictionaries are looked into for rows that match, never walked.
        DICTIONARIES.replace("JOIN", "CROSS JOIN"),
        conditions.sql
    )
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
