//! What the writer's thread keeps at hand: prepared statements, the small dictionaries, the counts of request ids.
//!
//! All of it can be read again from the file, and is dropped whenever something is undone.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Statement};

use super::hosts::Hosts;
use super::sums::{Sums, Written};
use crate::access::Caller;
use crate::registry::Error;
use crate::session::InstanceId;

/// Statements that run for every row or group.
pub(super) struct Statements<'c> {
    begin: Statement<'c>,
    commit: Statement<'c>,
    mark: Statement<'c>,
    unmark: Statement<'c>,
    pub(super) url: Statement<'c>,
    pub(super) session: Statement<'c>,
    pub(super) tally: Statement<'c>,
    pub(super) summed: Statement<'c>,
    pub(super) host: Statement<'c>,
    pub(super) look_request: Statement<'c>,
    pub(super) request: Statement<'c>,
    pub(super) dead_requests: Statement<'c>,
    pub(super) forget_request: Statement<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            mark: connection.prepare("SAVEPOINT one_call")?,
            unmark: connection.prepare("RELEASE one_call")?,
            url: connection.prepare(
                "INSERT INTO urls (number, session, signed_at, expires_in, usable_until, limited_by, operation, \
                 method, bucket, key, query, headers, form, addressing, region, host, tagged, fingerprint, caller, \
                 pid, on_behalf_of, labels, replaces) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
                 ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
            )?,
            session: connection.prepare(
                "UPDATE sessions SET urls_issued = urls_issued + ?2, \
                 last_url_ends_at = max(coalesce(last_url_ends_at, ?3), ?3), \
                 first_url = min(coalesce(first_url, ?4), ?4), last_url = max(coalesce(last_url, ?5), ?5) \
                 WHERE number = ?1",
            )?,
            tally: connection.prepare(
                "INSERT INTO tallies VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                 ON CONFLICT DO UPDATE SET urls = urls + excluded.urls, last_end = max(last_end, excluded.last_end)",
            )?,
            summed: connection.prepare("UPDATE registry SET summed_up_to = ?1")?,
            host: connection.prepare(
                "INSERT INTO hosts VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT DO UPDATE SET last_signed = max(last_signed, excluded.last_signed)",
            )?,
            look_request: connection
                .prepare("SELECT asked_sha256, url, at FROM requests WHERE uid = ?1 AND request_id = ?2")?,
            request: connection.prepare("INSERT OR REPLACE INTO requests VALUES (?1, ?2, ?3, ?4, ?5)")?,
            // Two steps: in one, SQLite would read every request id of a uid to find those few.
            dead_requests: connection
                .prepare("SELECT uid, request_id FROM requests WHERE at <= ?1 ORDER BY at LIMIT ?2")?,
            forget_request: connection.prepare("DELETE FROM requests WHERE uid = ?1 AND request_id = ?2")?,
        })
    }
}

/// The writer's connection and memory.
pub(super) struct State<'c> {
    pub(super) connection: &'c Connection,
    pub(super) instance: InstanceId,
    pub(super) statements: Statements<'c>,
    sessions: HashSet<i64>,
    buckets: HashMap<String, i64>,
    hosts: Hosts,
    callers: HashMap<Caller, i64>,
    /// What the sums on disk lack; `None` until read.
    sums: Option<Sums>,
    /// The smallest number of a record of the group.
    pub(super) oldest: Option<i64>,
    /// The last event of the group,
    pub(super) noted: Option<u64>,
    /// and the last that is not of the call under way.
    noted_before: Option<u64>,
    /// Whether other events may stand than those that were told.
    pub(super) stands_changed: bool,
    /// Request ids in the table for each uid; `None` until counted.
    requests: Option<HashMap<u32, u64>>,
}

impl<'c> State<'c> {
    pub(super) fn new(connection: &'c Connection, instance: InstanceId, statements: Statements<'c>) -> Self {
        let (sessions, buckets, callers) = (HashSet::new(), HashMap::new(), HashMap::new());
        Self {
            connection,
            instance,
            statements,
            sessions,
            buckets,
            hosts: Hosts::default(),
            callers,
            sums: None,
            oldest: None,
            noted: None,
            noted_before: None,
            stands_changed: false,
            requests: None,
        }
    }

    /// Begins a group.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.statements.begin.execute([])?;
        if self.sums.is_none() {
            self.sums = Some(Sums::read(self.connection)?);
        }
        self.sums.iter_mut().for_each(Sums::mark);
        Ok(())
    }

    /// Undoes all that was done since the group began, which was to append and nothing else, and begins it once more.
    pub(super) fn begin_again(&mut self) -> Result<(), Error> {
        self.drop_memory();
        self.sums.iter_mut().for_each(Sums::undo);
        self.oldest = None;
        // Fails when the failure has undone it already.
        let _ = self.connection.execute_batch("ROLLBACK");
        self.begin()
    }

    /// Notes a record of the group for the sums.
    pub(super) fn note(&mut self, written: Written) {
        self.sums.as_mut().expect("read when the group began").note(written);
    }

    /// Brings the sums on disk up to all that was written.
    pub(super) fn sum_up(&mut self) -> Result<(), Error> {
        self.sums.as_mut().map_or(Ok(()), |sums| sums.bring_up(&mut self.statements))
    }

    /// Brings the sums on disk up to the group as far as they must be.
    pub(super) fn end_sums(&mut self) -> Result<(), Error> {
        self.sums.as_mut().map_or(Ok(()), |sums| sums.end_group(&mut self.statements))
    }

    /// The same for all, in a transaction of its own, when no more is written.
    pub(super) fn sum_up_alone(&mut self) {
        if self.sums.as_ref().is_some_and(Sums::is_whole) {
            return;
        }
        // What fails is made up for by whoever writes next; readers count right without.
        if self.begin().and_then(|()| self.sum_up()).and_then(|()| self.commit()).is_err() {
            self.abandon();
        }
    }

    /// Puts the group on disk.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        Ok(self.statements.commit.execute([]).map(drop)?)
    }

    /// Gives the group up.
    pub(super) fn abandon(&mut self) {
        self.drop_memory();
        self.sums = None;
        self.oldest = None;
        self.noted = None;
        // Fails when the failure has undone it already.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    /// Begins one call of a group.
    pub(super) fn mark(&mut self) -> Result<(), Error> {
        self.sums.iter_mut().for_each(Sums::mark);
        self.noted_before = self.noted;
        Ok(self.statements.mark.execute([]).map(drop)?)
    }

    /// Ends one call of a group.
    pub(super) fn unmark(&mut self) -> Result<(), Error> {
        Ok(self.statements.unmark.execute([]).map(drop)?)
    }

    /// Undoes one call of a group; fails when the whole group is undone.
    pub(super) fn undo(&mut self) -> Result<(), Error> {
        self.drop_memory();
        self.sums.iter_mut().for_each(Sums::undo);
        self.noted = self.noted_before;
        Ok(self.connection.execute_batch("ROLLBACK TO one_call; RELEASE one_call")?)
    }

    /// Forgets what may not be on disk.
    pub(super) fn drop_memory(&mut self) {
        self.sessions.clear();
        self.buckets.clear();
        self.hosts.clear();
        self.callers.clear();
        self.requests = None;
    }

    /// Whether there is such a session.
    pub(super) fn knows_session(&mut self, number: i64) -> Result<bool, Error> {
        if self.sessions.contains(&number) {
            return Ok(true);
        }
        let known = self.connection.prepare("SELECT 1 FROM sessions WHERE number = ?1")?.exists([number])?;
        if known {
            make_room(self.sessions.len(), || self.sessions.clear());
            self.sessions.insert(number);
        }
        Ok(known)
    }

    /// The number of a bucket's name.
    pub(super) fn bucket(&mut self, name: &str) -> Result<i64, Error> {
        if let Some(number) = self.buckets.get(name) {
            return Ok(*number);
        }
        let find = "SELECT number FROM buckets WHERE name = ?1";
        let number = match self.connection.query_row(find, [name], |row| row.get(0)).optional()? {
            Some(number) => number,
            None => {
                self.connection.execute("INSERT INTO buckets (name) VALUES (?1)", [name])?;
                self.connection.last_insert_rowid()
            }
        };
        make_room(self.buckets.len(), || self.buckets.clear());
        self.buckets.insert(name.to_owned(), number);
        Ok(number)
    }

    /// Notes where a URL of the bucket leads.
    pub(super) fn led(&mut self, bucket: i64, to: (&str, &str), signed_at: i64) -> Result<(), Error> {
        make_room(self.hosts.len(), || self.hosts.clear());
        self.hosts.note(&mut self.statements.host, bucket, to, signed_at)
    }

    /// The number of a caller, of whatever process.
    pub(super) fn caller(&mut self, caller: &Caller) -> Result<i64, Error> {
        if let Some(number) = self.callers.get(caller) {
            return Ok(*number);
        }
        let values = (caller.uid, caller.gid, caller.executable.as_deref().unwrap_or(""));
        let find = "SELECT number FROM callers WHERE uid = ?1 AND gid = ?2 AND executable = ?3";
        let number = match self.connection.query_row(find, values, |row| row.get(0)).optional()? {
            Some(number) => number,
            None => {
                let insert = "INSERT INTO callers (uid, gid, executable) VALUES (?1, ?2, ?3)";
                self.connection.execute(insert, values)?;
                self.connection.last_insert_rowid()
            }
        };
        make_room(self.callers.len(), || self.callers.clear());
        self.callers.insert(caller.clone(), number);
        Ok(number)
    }

    /// How many request ids the table holds for each uid.
    pub(super) fn requests(&mut self) -> Result<&mut HashMap<u32, u64>, Error> {
        if self.requests.is_none() {
            let mut statement = self.connection.prepare("SELECT uid, count(*) FROM requests GROUP BY uid")?;
            let counts = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
            self.requests = Some(counts.collect::<rusqlite::Result<_>>()?);
        }
        Ok(self.requests.as_mut().expect("counted above"))
    }
}

fn make_room(entries: usize, clear: impl FnOnce()) {
    if entries >= REMEMBERED {
        clear();
    }
}

/// Entries of each dictionary that are kept in memory.
const REMEMBERED: usize = 10_000;
