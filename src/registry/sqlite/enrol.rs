//! Writes a session, or finds it and fills in what was not known before.

use rusqlite::{OptionalExtension, params};

use super::columns;
use super::rows::{self, SESSION};
use super::state::State;
use crate::registry::Error;
use crate::session::{CredentialKind, Facts, IdentityName, IssueInterval, RecordId, Session};
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// The same identity and access key is the same session.
pub(super) fn enrol(
    state: &mut State<'_>,
    identity: &IdentityName,
    facts: Facts,
    now: Timestamp,
) -> Result<Arc<Session>, Error> {
    let instance = state.instance;
    let sql = format!(
        "SELECT {SESSION} FROM sessions s WHERE s.access_key_id = ?1 AND s.identity = ?2 ORDER BY s.number DESC LIMIT 1"
    );
    let values = (&facts.access_key_id, identity.as_str());
    let found = state.connection.query_row(&sql, values, |row| Ok(rows::session(row, instance))).optional()?;
    let session = match found.transpose()? {
        Some(known) => {
            let merged = merge(known.facts.clone(), facts);
            if merged != known.facts {
                update(state, known.id, &merged)?;
            }
            Session { facts: merged, ..known }
        }
        None => insert(state, identity, facts, now)?,
    };
    Ok(Arc::new(session))
}

/// What is known stays, but for an end that is better known now.
fn merge(known: Facts, told: Facts) -> Facts {
    let text = |known: String, told: String| if known.is_empty() { told } else { known };
    let (expires_at, expiry_is_exact) = end(&known, &told);
    let named = |facts: &Facts| !facts.principal_arn.is_empty();
    let issued = match (named(&known), named(&told)) {
        // What our own clock said gives way to what AWS said when it named the principal.
        (false, true) => told.issued,
        (true, false) => known.issued,
        // Both intervals hold the instant of issue, so it lies where they overlap.
        _ => IssueInterval {
            not_before: known.issued.not_before.max(told.issued.not_before),
            not_after: known.issued.not_after.min(told.issued.not_after),
        },
    };
    Facts {
        kind: if known.kind == CredentialKind::Temporary { told.kind } else { known.kind },
        partition: text(known.partition, told.partition),
        account: text(known.account, told.account),
        principal_arn: text(known.principal_arn, told.principal_arn),
        principal_unique_id: text(known.principal_unique_id, told.principal_unique_id),
        session_name: text(known.session_name, told.session_name),
        source_identity: text(known.source_identity, told.source_identity),
        session_policy_sha256: text(known.session_policy_sha256, told.session_policy_sha256),
        tags: if known.tags.is_empty() { told.tags } else { known.tags },
        parent: known.parent.or(told.parent),
        parent_access_key_id: text(known.parent_access_key_id, told.parent_access_key_id),
        issued,
        expires_at,
        expiry_is_exact,
        partition_of: text(known.partition_of, told.partition_of),
        access_key_id: known.access_key_id,
    }
}

/// When the session ends, and whether that is exact. What a source tells wins. A life that somebody vouches for counts
/// from the first sight of the key, so that no restart makes it longer.
fn end(known: &Facts, told: &Facts) -> (Option<Timestamp>, bool) {
    let (Some(was), Some(is)) = (known.expires_at, told.expires_at) else {
        let of = if known.expires_at.is_none() { told } else { known };
        return (of.expires_at, of.expiry_is_exact);
    };
    match (known.expiry_is_exact, told.expiry_is_exact) {
        (_, true) => (Some(is), true),
        (true, false) => (Some(was), true),
        (false, false) => {
            let later = known.issued.not_after.until(told.issued.not_after).unwrap_or_default();
            let end = is - later;
            // Naming the principal dates the first sight anew, by as long as the call took: that is no longer life.
            let is_redated = was.until(end).is_some_and(|longer| longer <= NAMING_TAKES);
            (Some(if is_redated { was } else { end }), false)
        }
    }
}

/// More than a call that names a principal takes, and less than anybody changes a life by.
const NAMING_TAKES: Duration = Duration::from_secs(60);

fn insert(state: &mut State<'_>, identity: &IdentityName, facts: Facts, now: Timestamp) -> Result<Session, Error> {
    let generation: i64 = state.connection.query_row(
        "INSERT INTO identities VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET generations = generations + 1 \
         RETURNING generations",
        [identity.as_str()],
        |row| row.get(0),
    )?;
    state.connection.execute(
        "INSERT INTO sessions (identity, generation, access_key_id, kind, partition, account, principal_arn, \
         principal_unique_id, session_name, source_identity, session_policy_sha256, tags, parent, \
         parent_access_key_id, issued_not_before, issued_not_after, expires_at, expiry_is_exact, enrolled_at) \
         VALUES (?1, ?2, ?3, '', '', '', '', '', '', '', '', '[]', NULL, '', NULL, 0, NULL, 0, ?4)",
        params![identity.as_str(), generation, facts.access_key_id, now.unix()],
    )?;
    let number = state.connection.last_insert_rowid().cast_unsigned();
    let id = RecordId { instance: state.instance, number };
    update(state, id, &facts)?;
    Ok(Session { id, identity: identity.clone(), generation: generation.cast_unsigned(), facts })
}

fn update(state: &mut State<'_>, id: RecordId, facts: &Facts) -> Result<(), Error> {
    // A parent of another registry is known by its access key alone.
    let parent = facts.parent.filter(|parent| parent.instance == id.instance).map(|parent| parent.number.cast_signed());
    state.connection.execute(
        "UPDATE sessions SET kind = ?2, partition = ?3, account = ?4, principal_arn = ?5, principal_unique_id = ?6, \
         session_name = ?7, source_identity = ?8, session_policy_sha256 = ?9, tags = ?10, parent = ?11, \
         parent_access_key_id = ?12, issued_not_before = ?13, issued_not_after = ?14, expires_at = ?15, \
         expiry_is_exact = ?16, partition_of = ?17 WHERE number = ?1",
        params![
            id.number.cast_signed(),
            facts.kind.as_str(),
            facts.partition,
            facts.account,
            facts.principal_arn,
            facts.principal_unique_id,
            facts.session_name,
            facts.source_identity,
            facts.session_policy_sha256,
            columns::pairs(facts.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            parent,
            facts.parent_access_key_id,
            facts.issued.not_before.map(Timestamp::unix),
            facts.issued.not_after.unix(),
            facts.expires_at.map(Timestamp::unix),
            facts.expiry_is_exact,
            facts.partition_of,
        ],
    )?;
    Ok(())
}
