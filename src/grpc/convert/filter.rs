//! Which records are asked for, page by page.

use prost::Message;
use sha2::{Digest, Sha256};

use super::operation::operation;
use super::{MAX_ITEMS, MAX_ON_BEHALF_OF_BYTES, given, identity, instant, labels, record_id, text, url_record};
use crate::grpc::proto;
use crate::issued::{Filter, Record};
use crate::s3::{KeyPrefix, ObjectKey, Refused};
use crate::session::{InstanceId, RecordId};

/// Fields are named as they stand in `UrlFilter`.
pub(in crate::grpc) fn filter(wire: Option<proto::UrlFilter>) -> Result<Filter, Refused> {
    let Some(wire) = wire else { return Ok(Filter::default()) };
    let prefix = KeyPrefix::parse(&wire.key_prefix).map_err(|refused| Refused::new("key_prefix", refused.problem))?;
    let mut operations = Vec::new();
    for number in wire.operations {
        let wanted = operation("operations", number)?;
        let wanted = wanted.ok_or_else(|| Refused::new("operations", "must not hold OPERATION_UNSPECIFIED"))?;
        if !operations.contains(&wanted) {
            operations.push(wanted);
        }
    }
    Ok(Filter {
        identity: identity("identity", &wire.identity)?,
        session: given(wire.session_id).map(|id| record_id("session_id", &id)).transpose()?,
        access_key_id: given(text("access_key_id", wire.access_key_id, MAX_ACCESS_KEY_ID_BYTES)?),
        bucket: given(text("bucket", wire.bucket, MAX_BUCKET_BYTES)?),
        key_prefix: given(prefix.as_str().to_owned()),
        operations,
        uid: wire.uid,
        on_behalf_of: wire.on_behalf_of.map(|of| text("on_behalf_of", of, MAX_ON_BEHALF_OF_BYTES)).transpose()?,
        labels: labels("labels", wire.labels)?,
        signed_from: instant("signed_from", wire.signed_from)?,
        signed_before: instant("signed_before", wire.signed_before)?,
        usable_after: instant("usable_after", wire.usable_after)?,
    })
}

/// How many rows a page may have; 100 when left out.
pub(in crate::grpc) fn page_size(wire: i32) -> Result<usize, Refused> {
    match usize::try_from(wire) {
        Ok(0) => Ok(DEFAULT_PAGE),
        Ok(size @ 1..=MAX_ITEMS) => Ok(size),
        _ => Err(Refused::new("page_size", format!("is {wire}; it must lie between 1 and {MAX_ITEMS}"))),
    }
}

/// Names the page that begins behind `last`. Bound to its filter, since with another one it would skip and repeat.
pub(super) fn page_token(filter: &Filter, last: RecordId) -> String {
    format!("{last}.{}", mark(filter))
}

/// The last row of the page before in this registry; `None` for the first page.
pub(in crate::grpc) fn read_page_token(
    filter: &Filter,
    token: &str,
    registry: InstanceId,
) -> Result<Option<RecordId>, Refused> {
    if token.is_empty() {
        return Ok(None);
    }
    let refuse = |problem| Err(Refused::new("page_token", problem));
    match token.split_once('.').map(|(id, mark)| (RecordId::parse(id), mark)) {
        Some((Some(id), _)) if id.instance != registry => refuse("was given out by another registry"),
        Some((Some(_), other)) if other != mark(filter) => refuse("belongs to another filter, caller or version"),
        Some((Some(id), _)) => Ok(Some(id)),
        _ => refuse("is not one that ListUrls gave out"),
    }
}

/// One page: as many of `records` as fit into a message, and where the next begins. `asked` rows were asked for, so
/// fewer are the last.
pub(in crate::grpc) fn page(filter: &Filter, records: Vec<Record>, asked: usize) -> proto::ListUrlsResponse {
    let got = records.len();
    let (mut urls, mut bytes, mut last) = (Vec::new(), 0, None);
    for record in records {
        let id = record.url.id;
        let row = url_record(record);
        bytes += row.encoded_len();
        if !urls.is_empty() && bytes > MAX_PAGE_BYTES {
            break;
        }
        urls.push(row);
        last = Some(id);
    }
    let more = urls.len() < got || got == asked;
    let next = last.filter(|_| more).map(|last| page_token(filter, last));
    proto::ListUrlsResponse { urls, next_page_token: next.unwrap_or_default() }
}

/// `Debug` writes every field, and in the same order: what more is there to tell filters apart?
fn mark(filter: &Filter) -> String {
    hex::encode(&Sha256::digest(format!("{filter:?}"))[..4])
}

/// Most clients take 4 MiB; a page ends before, with rows left over for the next.
const MAX_PAGE_BYTES: usize = 3 << 20;
const DEFAULT_PAGE: usize = 100;
const MAX_ACCESS_KEY_ID_BYTES: usize = 128;
/// An access point ARN is longer than a bucket's name, and still not that long.
const MAX_BUCKET_BYTES: usize = ObjectKey::MAX_BYTES;
