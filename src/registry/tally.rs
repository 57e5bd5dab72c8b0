//! How much is outstanding, and of what: tallies of whole slots, which the writer keeps; and rows in the order of their
//! hard ends, where a slot is under way or tallies do not tell.
//!
//! Together they are exact: what ends after `now` is what [`Registry::tallies`] has from `now` on, and what
//! [`Registry::slot_rows`] finds between `now` and [`slot_end`].

use std::sync::Arc;

use super::{Error, MAX_PAGE, Registry, Store};
use crate::issued::{Filter, IssuedUrl, Record};
use crate::s3::operation::Operation;
use crate::session::{IdentityName, RecordId, Session};
use crate::time::Timestamp;

/// URLs that share a session, a slot of hard ends, a bucket, a caller's uid and an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The session that signed them.
    pub session: Arc<Session>,
    /// As callers named it.
    pub bucket: Arc<str>,
    /// The callers'.
    pub uid: u32,
    /// What they do.
    pub operation: Operation,
    /// All of them end after this,
    pub slot_from: Timestamp,
    /// and not after this.
    pub slot_to: Timestamp,
    /// How many.
    pub urls: u64,
    /// The last hard end among them.
    pub last_end: Timestamp,
}

/// Where URLs of a bucket lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Led {
    /// In their credential scope.
    pub region: String,
    /// That was signed.
    pub host: String,
}

/// Which tallies are meant; every field that is set must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TallyFilter {
    /// The source.
    pub identity: Option<IdentityName>,
    /// One session.
    pub session: Option<RecordId>,
    /// One access key.
    pub access_key_id: Option<String>,
    /// A bucket, as callers named it.
    pub bucket: Option<String>,
    /// Any of these; empty for all.
    pub operations: Vec<Operation>,
    /// The caller's uid.
    pub uid: Option<u32>,
}

impl TallyFilter {
    /// The same filter, where tallies can answer it; `None` where only rows can.
    pub fn of(filter: &Filter) -> Option<Self> {
        // Field by field: a new one does not compile until somebody has thought about it.
        let Filter {
            identity,
            session,
            access_key_id,
            bucket,
            key_prefix,
            operations,
            uid,
            on_behalf_of,
            labels,
            signed_from,
            signed_before,
            usable_after,
        } = filter.clone();
        let of_rows = key_prefix.is_some_and(|prefix| !prefix.is_empty())
            || on_behalf_of.is_some()
            || !labels.is_empty()
            || signed_from.is_some()
            || signed_before.is_some()
            || usable_after.is_some();
        (!of_rows).then_some(Self { identity, session, access_key_id, bucket, operations, uid })
    }
}

impl From<TallyFilter> for Filter {
    fn from(filter: TallyFilter) -> Self {
        let TallyFilter { identity, session, access_key_id, bucket, operations, uid } = filter;
        Self { identity, session, access_key_id, bucket, operations, uid, ..Self::default() }
    }
}

/// A part of an answer, and where to ask for the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, P> {
    /// May be empty although there is a next page.
    pub items: Vec<T>,
    /// `None`: this was the last.
    pub next: Option<P>,
}

/// A place among tallies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyPlace {
    pub(super) session: i64,
    pub(super) slot: i64,
    pub(super) bucket: i64,
    pub(super) uid: u32,
    pub(super) operation: String,
}

/// A place among rows in the order of their hard ends, and of their numbers within a second. It holds over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScanPlace {
    pub(super) usable_until: Timestamp,
    pub(super) number: u64,
}

impl ScanPlace {
    /// Right after that record.
    pub fn after(url: &IssuedUrl) -> Self {
        Self { usable_until: url.usable_until(), number: url.id.number }
    }

    /// Before every record that ends later than that.
    pub fn behind(usable_until: Timestamp) -> Self {
        Self::end_of_second(usable_until)
    }

    /// After every record that ends in that second.
    pub(super) fn end_of_second(usable_until: Timestamp) -> Self {
        Self { usable_until, number: u64::MAX }
    }

    pub(super) fn is_end_of_second(&self) -> bool {
        self.number == u64::MAX
    }
}

/// The end of the slot in which `at` lies; `at` itself where two slots meet.
pub fn slot_end(at: Timestamp) -> Timestamp {
    Timestamp::from_unix(first_slot(at) * SLOT_SECONDS)
}

/// The first slot that begins at or after `at`: slot n holds hard ends after `n * SLOT_SECONDS` and not after
/// `(n + 1) * SLOT_SECONDS`.
pub(super) fn first_slot(at: Timestamp) -> i64 {
    slot_of(at) + 1
}

/// The slot of a hard end.
pub(super) fn slot_of(usable_until: Timestamp) -> i64 {
    (usable_until.unix() - 1).div_euclid(SLOT_SECONDS)
}

impl Registry {
    /// Tallies of whole slots: those that begin at or after `now`. In the order of sessions, at most [`TALLY_PAGE`];
    /// no key comes twice. What is written between two pages may be in either or none.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn tallies(
        &self,
        uid: u32,
        filter: &TallyFilter,
        now: Timestamp,
        after: Option<TallyPlace>,
    ) -> Result<Page<Tally, TallyPlace>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.tallies(uid, filter.clone(), now, after).await
    }

    /// Where URLs of a bucket, as callers named it, lead that may live now. A few that have ended within days may be among
    /// them.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn led(&self, uid: u32, bucket: &str) -> Result<Vec<Led>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.led(uid, bucket.to_owned(), self.0.clock.now()).await
    }

    /// The same from the rows themselves: what matches and, as it was signed, ends after `from` and not after `to`. A page
    /// comes from at most [`SCAN_ROWS`] rows, so a key may come again on the next: add them up.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn slot_rows(
        &self,
        uid: u32,
        filter: &Filter,
        from: Timestamp,
        to: Timestamp,
        after: Option<ScanPlace>,
    ) -> Result<Page<Tally, ScanPlace>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.slot_rows(uid, filter.clone(), to, after.max(Some(ScanPlace::behind(from)))).await
    }

    /// Records that match, in the order of their hard ends: at most `limit` (held to 1 to [`MAX_PAGE`]) of those after
    /// the place, fewer when they are rare among [`SCAN_ROWS`] rows. For streams: nothing is held between two pages. What is written
    /// meanwhile comes when it ends after the place.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn scan(
        &self,
        uid: u32,
        filter: &Filter,
        after: Option<ScanPlace>,
        limit: usize,
    ) -> Result<Page<Record, ScanPlace>, Error> {
        let Store::Sqlite(store) = &self.0.store;
        store.scan(uid, filter.clone(), after, limit.clamp(1, MAX_PAGE)).await
    }

    /// How many records match, counted in steps of [`SCAN_ROWS`].
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub async fn count(&self, uid: u32, filter: &Filter) -> Result<u64, Error> {
        let Store::Sqlite(store) = &self.0.store;
        let (mut urls, mut after) = (0, None);
        loop {
            let step = store.count(uid, filter.clone(), after).await?;
            urls += step.items.iter().sum::<u64>();
            after = step.next;
            if after.is_none() {
                return Ok(urls);
            }
        }
    }
}

/// The length of a slot of hard ends: a quarter of an hour.
pub const SLOT_SECONDS: i64 = 900;
/// Tallies in one page.
pub const TALLY_PAGE: usize = 10_000;
/// Rows that one page looks at before it answers with what it has.
pub const SCAN_ROWS: usize = 50_000;
