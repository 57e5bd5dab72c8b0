//! Every record as a line of JSON, for other programs. Names are those of the API; instants are RFC 3339.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::file;
use super::rows::{DICTIONARIES, RECORD, Reader};
use crate::issued::{IssuedUrl, Record};
use crate::registry::OpenError;
use crate::s3::form::{Form, Signable, Target};
use crate::s3::{Addressing, Style};
use crate::session::Session;

/// Writes the records that are there now, oldest first, and tells how many. Reads page by page, so that a daemon's
/// write-ahead log does not grow meanwhile.
///
/// # Errors
/// When the registry cannot be read, a row is not what this program writes, or `out` does not take more.
pub fn export(path: &Path, out: &mut dyn Write) -> Result<u64, OpenError> {
    let connection = file::open_to_read(path)?;
    let instance = file::instance(&connection, path)?;
    let last = "SELECT coalesce(max(number), 0) FROM urls";
    let last: i64 = connection.query_row(last, [], |row| row.get(0)).map_err(file::damaged(path))?;
    let sql = format!(
        "SELECT {RECORD} FROM urls u {DICTIONARIES} WHERE u.number > ?1 AND u.number <= ?2 ORDER BY u.number LIMIT ?3"
    );
    let bad_row = |source| OpenError::Row { path: path.to_owned(), source };
    let cannot_write = |source| OpenError::Io { doing: "write the export of", path: path.to_owned(), source };
    let (mut after, mut rows) = (0, 0);
    loop {
        let mut reader = Reader::new(&connection, instance);
        let page = reader.records(&sql, (after, last, PAGE)).map_err(bad_row)?;
        let Some(end) = page.last() else { break };
        after = end.url.id.number.cast_signed();
        rows += page.len() as u64;
        for record in &page {
            writeln!(out, "{}", line(record)).map_err(cannot_write)?;
        }
    }
    out.flush().map_err(cannot_write)?;
    Ok(rows)
}

fn line(record: &Record) -> Value {
    let url = &record.url;
    json!({
        "id": url.id.to_string(),
        "session": session(&record.session),
        "request": request(url),
        "form": match &url.what { Signable::Form(form) => self::form(form), Signable::Request(_) => Value::Null },
        "signed_at": url.signed_at.to_string(),
        "expires_in": format!("{}s", url.ttl.seconds()),
        "usable_until": url.usable_until().to_string(),
        "limited_by": url.limited_by.as_str(),
        "caller": {
            "uid": url.caller.uid,
            "gid": url.caller.gid,
            "pid": url.caller.pid,
            "executable": url.caller.executable,
        },
        "on_behalf_of": url.on_behalf_of,
        "labels": map(url.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        "replaces": url.replaces.map(|id| id.to_string()),
        "host": url.host,
        "tagged": url.tagged,
        "fingerprint": hex::encode(url.fingerprint.0),
    })
}

fn session(session: &Session) -> Value {
    let facts = &session.facts;
    json!({
        "id": session.id.to_string(),
        "identity": session.identity.as_str(),
        "generation": session.generation,
        "access_key_id": facts.access_key_id,
        "expires_at": facts.expires_at.map(|at| at.to_string()),
        "kind": facts.kind.as_str(),
        "account": facts.account,
        "principal_arn": facts.principal_arn,
        "principal_unique_id": facts.principal_unique_id,
        "session_name": facts.session_name,
        "issued_not_before": facts.issued.not_before.map(|at| at.to_string()),
        "issued_not_after": facts.issued.not_after.to_string(),
        "parent_access_key_id": facts.parent_access_key_id,
    })
}

fn request(url: &IssuedUrl) -> Value {
    let mut fields = json!({
        "operation": url.what.operation().as_str(),
        "bucket": url.what.bucket().as_str(),
        "addressing": addressing(url.what.addressing()),
        "region": url.region.as_str(),
    });
    if let Signable::Request(request) = &url.what {
        fields["method"] = request.method().as_str().into();
        fields["key"] = request.key().map_or("", |key| key.as_str()).into();
        fields["query"] = map(request.query().iter().map(|(name, value)| (name.as_str(), value.as_str())));
        fields["headers"] = map(request.headers().recordable());
    }
    fields
}

fn form(form: &Form) -> Value {
    let (name, key) = match &form.target {
        Target::Key(key) => ("key", key.as_str()),
        Target::StartsWith(prefix) => ("key_starts_with", prefix.as_str()),
    };
    json!({
        name: key,
        "fields": map(form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        "fields_start_with": map(form.starts_with.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        "content_length_range": form.content_length_range
            .map(|(least, greatest)| json!({ "minimum": least, "maximum": greatest })),
    })
}

fn addressing(addressing: Addressing) -> Value {
    let style = match addressing.style {
        Style::Auto => "auto",
        Style::VirtualHost => "virtual-host",
        Style::Path => "path",
    };
    let Addressing { dual_stack, fips, accelerate, .. } = addressing;
    json!({ "style": style, "dual_stack": dual_stack, "fips": fips, "accelerate": accelerate })
}

fn map<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    Value::Object(pairs.map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>())
}

/// Records read at a time.
const PAGE: i64 = 1000;
