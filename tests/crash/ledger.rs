//! What callers saw, and whether the registry has it: no URL without its record, and no second record for a retry that got
//! the same URL.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use presignd::grpc::proto::{PresignRequest, PresignResponse};
use presignd::issued::Fingerprint;
use rusqlite::{Connection, OpenFlags};

/// A request, and the answer if one came.
pub(crate) struct Seen {
    pub(crate) request: PresignRequest,
    pub(crate) answer: Option<PresignResponse>,
}

/// One life of the daemon after the other.
#[derive(Default)]
pub(crate) struct Ledger {
    lives: Vec<Vec<Seen>>,
}

/// A row of the registry.
struct Row {
    number: i64,
    session: i64,
    replaces: Option<String>,
}

impl Ledger {
    pub(crate) fn life(&mut self, seen: Vec<Seen>) {
        self.lives.push(seen);
    }

    pub(crate) fn urls(&self) -> usize {
        self.lives.iter().flatten().filter(|seen| seen.answer.is_some()).count()
    }

    /// Of the last life: what to ask again, unanswered calls first.
    pub(crate) fn to_repeat(&self, most: usize) -> Vec<PresignRequest> {
        let named = self.lives.last().into_iter().flatten().filter(|seen| !seen.request.request_id.is_empty());
        let (answered, unanswered): (Vec<_>, Vec<_>) = named.partition(|seen| seen.answer.is_some());
        let mut known = BTreeSet::new();
        let all = unanswered.into_iter().chain(answered.into_iter().rev());
        let first = all.filter(|seen| known.insert(&seen.request.request_id));
        first.take(most).map(|seen| seen.request.clone()).collect()
    }

    /// Holds every answer against the file, which a daemon may have open.
    pub(crate) fn hold(&self, registry: &Path) {
        let connection = read(registry);
        let mut one = connection
            .prepare("SELECT key, signed_at, usable_until, fingerprint FROM urls WHERE number = ?1")
            .expect("the schema");
        for url in self.lives.iter().flatten().filter_map(|seen| seen.answer.as_ref()) {
            let found = one.query_row([number(&url.id)], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get::<_, [u8; 16]>(3)?))
            });
            let (key, signed_at, usable_until, fingerprint) =
                found.unwrap_or_else(|error| panic!("{} was received and is not in the registry: {error}", url.id));
            assert!(url.url.contains(&format!("/photos/{key}?")), "the record of {} is of another key", url.id);
            assert_eq!(url.signed_at.map(|at| at.seconds), Some(signed_at));
            assert_eq!(url.usable_until.map(|at| at.seconds), Some(usable_until));
            let signature = url.url.split("X-Amz-Signature=").nth(1).and_then(|rest| rest.split('&').next());
            let signature = signature.expect("a presigned URL has a signature");
            assert_eq!(Fingerprint::of(signature).0, fingerprint, "the record of {} is of another URL", url.id);
        }
        self.hold_repeats(&connection);
    }

    /// Within one life a request id has one URL and one record; in each later life one more, which names the former.
    fn hold_repeats(&self, connection: &Connection) {
        let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        let mut all = connection
            .prepare("SELECT key, number, session, replaces FROM urls WHERE key LIKE '%named%' ORDER BY number")
            .expect("the schema");
        let found = all.query_map([], |row| {
            Ok((row.get(0)?, Row { number: row.get(1)?, session: row.get(2)?, replaces: row.get(3)? }))
        });
        for row in found.expect("rows") {
            let (key, row): (String, _) = row.expect("a row");
            rows.entry(key).or_default().push(row);
        }
        for (key, rows) in &rows {
            let sessions: BTreeSet<_> = rows.iter().map(|row| row.session).collect();
            assert_eq!(sessions.len(), rows.len(), "{key}: a life of the daemon has recorded a repeated request twice");
            for pair in rows.windows(2) {
                let former = pair[1].replaces.as_deref().map(number);
                assert_eq!(former, Some(pair[0].number), "{key}: a record does not name the former");
            }
        }
        for life in &self.lives {
            let mut urls = BTreeMap::new();
            for Seen { request, answer } in life.iter().filter(|seen| !seen.request.request_id.is_empty()) {
                let Some(answer) = answer else { continue };
                let first = urls.entry(&request.request_id).or_insert(&answer.url);
                assert_eq!(*first, &answer.url, "{}: a repeated call got another URL", request.request_id);
            }
        }
    }
}

/// What SQLite says of pages and indexes.
pub(crate) fn integrity(registry: &Path) -> String {
    read(registry).query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict")
}

fn read(registry: &Path) -> Connection {
    Connection::open_with_flags(registry, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database")
}

/// Of a record's id.
fn number(id: &str) -> i64 {
    let (_, number) = id.split_once('-').expect("an id is an instance and a number");
    number.parse().expect("a number")
}
