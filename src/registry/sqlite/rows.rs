//! Records and sessions as rows, and back. A row that does not pass the checks of its types is an error that names it.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{self, Problem};
use crate::access::Caller;
use crate::issued::{Fingerprint, IssuedUrl, Record};
use crate::registry::Error;
use crate::s3::form::Signable;
use crate::s3::operation::Method;
use crate::s3::request::{Headers, Request};
use crate::s3::{Bucket, ObjectKey, Region};
use crate::session::lifetime::LimitedBy;
use crate::session::{CredentialKind, Facts, IdentityName, InstanceId, IssueInterval, RecordId, Session};
use crate::time::{Timestamp, Ttl};

/// A record made ready for the writer's statement, off the writer's thread.
pub(super) struct UrlRow {
    pub(super) number: i64,
    pub(super) session: RecordId,
    pub(super) signed_at: i64,
    pub(super) expires_in: u32,
    pub(super) usable_until: i64,
    pub(super) limited_by: &'static str,
    pub(super) operation: &'static str,
    pub(super) method: &'static str,
    pub(super) bucket: String,
    pub(super) key: Option<String>,
    pub(super) query: String,
    pub(super) headers: String,
    pub(super) form: Option<String>,
    pub(super) addressing: String,
    pub(super) region: String,
    pub(super) host: String,
    pub(super) tagged: bool,
    pub(super) fingerprint: [u8; 16],
    /// Whoever asked, of whatever process,
    pub(super) caller: Caller,
    /// and that process.
    pub(super) pid: Option<i32>,
    pub(super) on_behalf_of: String,
    pub(super) labels: String,
    pub(super) replaces: Option<String>,
}

impl UrlRow {
    /// SSE-C keys are left out here, and nowhere else does a header reach the disk.
    pub(super) fn of(url: IssuedUrl) -> Self {
        let (method, key, query, headers, form) = match &url.what {
            Signable::Request(request) => (
                request.method(),
                request.key().map(|key| key.as_str().to_owned()),
                columns::pairs(request.query().iter().map(|(name, value)| (name.as_str(), value.as_str()))),
                columns::pairs(request.headers().recordable()),
                None,
            ),
            Signable::Form(form) => {
                let key = url.what.key_or_prefix().unwrap_or_default();
                (Method::Post, Some(key.to_owned()), "[]".to_owned(), "[]".to_owned(), Some(columns::form(form)))
            }
        };
        Self {
            number: i64::try_from(url.id.number).unwrap_or(i64::MAX),
            session: url.session,
            signed_at: url.signed_at.unix(),
            expires_in: url.ttl.seconds(),
            usable_until: url.usable_until().unix(),
            limited_by: url.limited_by.as_str(),
            operation: url.what.operation().as_str(),
            method: method.as_str(),
            bucket: url.what.bucket().as_str().to_owned(),
            key,
            query,
            headers,
            form,
            addressing: columns::addressing(url.what.addressing()),
            region: url.region.as_str().to_owned(),
            labels: columns::pairs(url.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            host: url.host,
            tagged: url.tagged,
            fingerprint: url.fingerprint.0,
            pid: url.caller.pid,
            caller: Caller { pid: None, ..url.caller },
            on_behalf_of: url.on_behalf_of,
            replaces: url.replaces.map(|id| id.to_string()),
        }
    }
}

/// What [`Reader::record`] reads, in its order.
pub(super) const RECORD: &str = "u.number, u.session, u.signed_at, u.expires_in, u.limited_by, u.method, b.name, u.key, \
     u.query, u.headers, u.form, u.addressing, u.region, u.host, u.tagged, u.fingerprint, c.uid, c.gid, c.executable, \
     u.pid, u.on_behalf_of, u.labels, u.replaces";

/// The dictionaries that [`RECORD`] names.
pub(super) const DICTIONARIES: &str = "JOIN buckets b ON b.number = u.bucket JOIN callers c ON c.number = u.caller";

/// What [`session`] reads, in its order.
pub(super) const SESSION: &str = "s.number, s.identity, s.generation, s.access_key_id, s.kind, s.partition, s.account, \
     s.principal_arn, s.principal_unique_id, s.session_name, s.source_identity, s.session_policy_sha256, s.tags, \
     s.parent, s.parent_access_key_id, s.issued_not_before, s.issued_not_after, s.expires_at, s.expiry_is_exact, \
     s.partition_of";

/// How many they are.
pub(super) const SESSION_COLUMNS: usize = 20;

/// Reads records; a session that many of them share is read once.
pub(super) struct Reader<'c> {
    connection: &'c Connection,
    instance: InstanceId,
    sessions: HashMap<i64, Arc<Session>>,
}

impl<'c> Reader<'c> {
    pub(super) fn new(connection: &'c Connection, instance: InstanceId) -> Self {
        Self { connection, instance, sessions: HashMap::new() }
    }

    /// The record in a row of [`RECORD`] columns.
    pub(super) fn record(&mut self, row: &Row<'_>) -> Result<Record, Error> {
        let (number, session) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
        let id = self.id(number);
        let bad = |problem: Problem| Error::BadRow { id: id.to_string(), problem };
        let session = match self.session(session)? {
            Some(session) => session,
            None => return Err(bad("session: is missing".to_owned())),
        };
        let url = self.url(row, id, session.id)?.map_err(bad)?;
        Ok(Record { url, session })
    }

    /// All records of a query over [`RECORD`] columns.
    pub(super) fn records(&mut self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Record>, Error> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query(values)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.push(self.record(row)?);
        }
        Ok(records)
    }

    /// One record by its number.
    pub(super) fn one(&mut self, number: i64) -> Result<Option<Record>, Error> {
        let sql = format!("SELECT {RECORD} FROM urls u {DICTIONARIES} WHERE u.number = ?1");
        Ok(self.records(&sql, [number])?.pop())
    }

    /// A session by its number.
    pub(super) fn session(&mut self, number: i64) -> Result<Option<Arc<Session>>, Error> {
        if let Some(session) = self.sessions.get(&number) {
            return Ok(Some(session.clone()));
        }
        let sql = format!("SELECT {SESSION} FROM sessions s WHERE s.number = ?1");
        let instance = self.instance;
        let found = self.connection.query_row(&sql, [number], |row| Ok(session(row, instance))).optional()?;
        let Some(session) = found.transpose()?.map(Arc::new) else { return Ok(None) };
        self.sessions.insert(number, session.clone());
        Ok(Some(session))
    }

    fn id(&self, number: i64) -> RecordId {
        RecordId { instance: self.instance, number: number.cast_unsigned() }
    }

    /// The outer error is the store's, the inner the row's.
    fn url(&self, row: &Row<'_>, id: RecordId, session: RecordId) -> Result<Result<IssuedUrl, Problem>, Error> {
        let text = |column: usize| row.get::<_, String>(column);
        let (method, bucket, key) = (text(5)?, text(6)?, row.get::<_, Option<String>>(7)?);
        let (query, headers, form) = (text(8)?, text(9)?, row.get::<_, Option<String>>(10)?);
        let what = what(&method, &bucket, key, &query, &headers, form.as_deref(), &text(11)?);
        let (region, limited_by, labels) = (text(12)?, text(4)?, text(21)?);
        let executable = Some(text(18)?).filter(|path| !path.is_empty());
        let caller = Caller { uid: row.get(16)?, gid: row.get(17)?, pid: row.get(19)?, executable };
        let replaces = row.get::<_, Option<String>>(22)?;
        let (signed_at, ttl) = (Timestamp::from_unix(row.get(2)?), Ttl::new(u64::from(row.get::<_, u32>(3)?)));
        let (host, tagged, fingerprint) = (text(13)?, row.get(14)?, Fingerprint(row.get(15)?));
        let on_behalf_of = text(20)?;
        let build = || {
            Ok(IssuedUrl {
                id,
                session,
                what: what?,
                region: Region::parse(&region).map_err(|refused| refused.to_string())?,
                host,
                signed_at,
                ttl: ttl.map_err(|error| format!("expires_in: {error}"))?,
                limited_by: LimitedBy::parse(&limited_by).ok_or("limited_by: is unknown")?,
                tagged,
                fingerprint,
                caller,
                on_behalf_of,
                labels: columns::read_pairs(&labels).map_err(|problem| format!("labels: {problem}"))?,
                replaces: match replaces {
                    Some(text) => Some(RecordId::parse(&text).ok_or("replaces: is no id")?),
                    None => None,
                },
            })
        };
        Ok(build())
    }
}

fn what(
    method: &str,
    bucket: &str,
    key: Option<String>,
    query: &str,
    headers: &str,
    form: Option<&str>,
    addressing: &str,
) -> Result<Signable, Problem> {
    let bucket = Bucket::parse(bucket).map_err(|refused| refused.to_string())?;
    let addressing = columns::read_addressing(addressing).map_err(|problem| format!("addressing: {problem}"))?;
    if let Some(form) = form {
        let key = key.unwrap_or_default();
        let form = columns::read_form(form, bucket, &key, addressing).map_err(|problem| format!("form: {problem}"))?;
        return Ok(Signable::Form(form));
    }
    let build = || {
        let key = key.as_deref().map(ObjectKey::parse).transpose()?;
        let headers = Headers::new(pairs("headers", headers)?)?;
        let method = Method::parse(method).ok_or_else(|| crate::s3::Refused::new("method", "is unknown"))?;
        Request::new(method, bucket, key, pairs("query", query)?, headers, addressing)
    };
    build().map(Signable::Request).map_err(|refused| refused.to_string())
}

fn pairs(field: &str, text: &str) -> Result<Vec<(String, String)>, crate::s3::Refused> {
    columns::read_pairs(text).map_err(|problem| crate::s3::Refused::new(field, problem))
}

/// The session in a row of [`SESSION`] columns.
pub(super) fn session(row: &Row<'_>, instance: InstanceId) -> Result<Session, Error> {
    let id = |number: i64| RecordId { instance, number: number.cast_unsigned() };
    let at = |seconds: Option<i64>| seconds.map(Timestamp::from_unix);
    let number = row.get(0)?;
    let bad = |problem: &str| Error::BadRow { id: id(number).to_string(), problem: problem.to_owned() };
    let identity = IdentityName::parse(&row.get::<_, String>(1)?).map_err(|_| bad("identity: is no name"))?;
    let kind = CredentialKind::parse(&row.get::<_, String>(4)?).ok_or_else(|| bad("kind: is unknown"))?;
    let tags = columns::read_pairs(&row.get::<_, String>(12)?).map_err(|_| bad("tags: is not a list of pairs"))?;
    let facts = Facts {
        access_key_id: row.get(3)?,
        kind,
        partition: row.get(5)?,
        account: row.get(6)?,
        principal_arn: row.get(7)?,
        principal_unique_id: row.get(8)?,
        session_name: row.get(9)?,
        source_identity: row.get(10)?,
        session_policy_sha256: row.get(11)?,
        tags,
        parent: row.get::<_, Option<i64>>(13)?.map(id),
        parent_access_key_id: row.get(14)?,
        issued: IssueInterval { not_before: at(row.get(15)?), not_after: Timestamp::from_unix(row.get(16)?) },
        expires_at: at(row.get(17)?),
        expiry_is_exact: row.get(18)?,
        partition_of: row.get(19)?,
    };
    Ok(Session { id: id(number), identity, generation: row.get::<_, i64>(2)?.cast_unsigned(), facts })
}
