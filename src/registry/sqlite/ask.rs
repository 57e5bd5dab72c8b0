//! Questions about totals, sessions and events, each on a read-only connection, for one user.

use std::sync::Arc;

use super::rows::Reader;
use super::{Sqlite, events, generations, hosts, read, scan, tallies, tally_rows};
use crate::issued::{Filter, Record};
use crate::registry::Error;
use crate::registry::event::EventRow;
use crate::registry::generation::SessionRow;
use crate::registry::tally::{Led, Page, ScanPlace, Tally, TallyFilter, TallyPlace};
use crate::session::{IdentityName, Session};
use crate::time::Timestamp;

impl Sqlite {
    pub(in crate::registry) async fn tallies(
        &self,
        uid: u32,
        filter: TallyFilter,
        now: Timestamp,
        after: Option<TallyPlace>,
    ) -> Result<Page<Tally, TallyPlace>, Error> {
        let instance = self.instance;
        self.questions.read(uid, move |connection| tallies::page(connection, instance, filter, now, after)).await
    }

    pub(in crate::registry) async fn led(&self, uid: u32, bucket: String, now: Timestamp) -> Result<Vec<Led>, Error> {
        self.questions.read(uid, move |connection| hosts::of_bucket(connection, &bucket, now)).await
    }

    pub(in crate::registry) async fn slot_rows(
        &self,
        uid: u32,
        filter: Filter,
        to: Timestamp,
        after: Option<ScanPlace>,
    ) -> Result<Page<Tally, ScanPlace>, Error> {
        let (instance, search) = (self.instance, self.search.clone());
        self.questions
            .read(uid, move |connection| tally_rows::page(connection, &search, instance, &filter, to, after))
            .await
    }

    pub(in crate::registry) async fn scan(
        &self,
        uid: u32,
        filter: Filter,
        after: Option<ScanPlace>,
        limit: usize,
    ) -> Result<Page<Record, ScanPlace>, Error> {
        let (instance, search) = (self.instance, self.search.clone());
        self.questions
            .read(uid, move |connection| scan::records(connection, &search, instance, &filter, after, limit))
            .await
    }

    pub(in crate::registry) async fn count(
        &self,
        uid: u32,
        filter: Filter,
        after: Option<ScanPlace>,
    ) -> Result<Page<u64, ScanPlace>, Error> {
        let (instance, search) = (self.instance, self.search.clone());
        self.questions.read(uid, move |connection| scan::count(connection, &search, instance, &filter, after)).await
    }

    pub(in crate::registry) async fn successors(
        &self,
        uid: u32,
        formers: Vec<String>,
        now: Timestamp,
    ) -> Result<Vec<Record>, Error> {
        let instance = self.instance;
        self.questions.read(uid, move |connection| read::successors(connection, instance, &formers, now)).await
    }

    pub(in crate::registry) async fn session(&self, uid: u32, number: u64) -> Result<Option<Arc<Session>>, Error> {
        let instance = self.instance;
        let number = number.cast_signed();
        self.questions.read(uid, move |connection| Reader::new(connection, instance).session(number)).await
    }

    pub(in crate::registry) async fn sessions(
        &self,
        uid: u32,
        identity: Option<IdentityName>,
        before: Option<u64>,
        now: Timestamp,
    ) -> Result<Vec<SessionRow>, Error> {
        let instance = self.instance;
        let read = move |connection: &_| generations::sessions(connection, instance, identity.as_ref(), before, now);
        self.questions.read(uid, read).await
    }

    pub(in crate::registry) async fn generations(
        &self,
        uid: u32,
        identity: IdentityName,
        before: Option<u64>,
        now: Timestamp,
    ) -> Result<Vec<SessionRow>, Error> {
        let instance = self.instance;
        let read = move |connection: &_| generations::generations(connection, instance, &identity, before, now);
        self.questions.read(uid, read).await
    }

    pub(in crate::registry) async fn of_keys(
        &self,
        uid: u32,
        keys: String,
        before: Option<u64>,
        now: Timestamp,
    ) -> Result<Vec<SessionRow>, Error> {
        let instance = self.instance;
        let read = move |connection: &_| generations::of_keys(connection, instance, keys, before, now);
        self.questions.read(uid, read).await
    }

    pub(in crate::registry) async fn paused(&self, uid: u32) -> Result<Vec<(IdentityName, Timestamp)>, Error> {
        self.questions.read(uid, generations::paused).await
    }

    pub(in crate::registry) async fn events(&self, uid: u32, after: u64, limit: usize) -> Result<Vec<EventRow>, Error> {
        let instance = self.instance;
        self.questions.read(uid, move |connection| events::after(connection, instance, after, limit)).await
    }

    pub(in crate::registry) async fn standing(&self, uid: u32, now: Timestamp) -> Result<Vec<EventRow>, Error> {
        let instance = self.instance;
        self.questions.read(uid, move |connection| events::standing(connection, instance, now)).await
    }

    pub(in crate::registry) async fn happened(&self, uid: u32) -> Result<Vec<EventRow>, Error> {
        let instance = self.instance;
        self.questions.read(uid, move |connection| events::happened(connection, instance)).await
    }

    pub(in crate::registry) async fn oldest_event(&self, uid: u32) -> Result<u64, Error> {
        self.questions.read(uid, events::oldest).await
    }
}
