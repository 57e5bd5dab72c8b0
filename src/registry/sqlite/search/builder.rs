//! The thread that builds the search file behind the writer: run after run from what the registry holds, a share of the
//! time while much is to be done. Reads the registry in small steps, writes nothing to it, and fails alone.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tracing::{info, warn};

use super::super::inode::Inodes;
use super::run::{self, Run};
use super::{Pace, Search, file, is_damage, lock};
use crate::registry::Error;

/// The thread, until it is closed or dropped.
pub(in super::super) struct Builder(Mutex<Option<(SyncSender<()>, JoinHandle<()>)>>);

/// What the thread is given.
pub(in super::super) struct Setup {
    pub(in super::super) registry: PathBuf,
    pub(in super::super) inodes: Arc<Inodes>,
    pub(in super::super) search: Arc<Search>,
    /// The last record when the registry was opened: none up to it comes any more.
    pub(in super::super) settled: i64,
    pub(in super::super) durable: bool,
    pub(in super::super) pace: Pace,
}

impl Builder {
    /// Starts the thread. Where it cannot run, questions scan.
    pub(in super::super) fn start(setup: Setup) -> Self {
        let (stop, stopped) = sync_channel(1);
        let body = move || Work::new(setup, stopped).run();
        let thread = std::thread::Builder::new().name("registry-search".to_owned()).spawn(body);
        Self(Mutex::new(thread.ok().map(|thread| (stop, thread))))
    }

    /// Waits for its end, which is soon.
    pub(in super::super) fn close(&self) {
        let Some((stop, thread)) = lock(&self.0).take() else { return };
        drop(stop);
        let _ = thread.join();
    }
}

/// What the thread has at hand.
struct Work {
    setup: Setup,
    stopped: Receiver<()>,
    registry: Option<Connection>,
    /// The search file, with what is in it.
    built: Option<(Connection, i64)>,
    /// The last record at each of the last looks.
    seen: VecDeque<i64>,
    /// No record up to this number is expected any more.
    settled: i64,
    looks: u64,
    /// Whether the file that an earlier life left has been looked at.
    has_looked: bool,
    /// What had settled when there were too few records for a run.
    too_few: i64,
    /// What the log was last told of a failure that goes on.
    told: Option<String>,
}

/// Told to end.
struct Ended;

impl Work {
    fn new(setup: Setup, stopped: Receiver<()>) -> Self {
        let settled = setup.settled;
        let (registry, built, seen) = (None, None, VecDeque::new());
        Self { setup, stopped, registry, built, seen, settled, looks: 0, has_looked: false, too_few: 0, told: None }
    }

    fn run(mut self) {
        loop {
            let looked = self.look();
            let failed = match looked {
                Ok(Err(Ended)) => return,
                Ok(Ok(())) => None,
                Err(error) => Some(error),
            };
            self.tell(failed.as_ref());
            let looks = if failed.is_some() { LOOKS_AFTER_FAILURE } else { 1 };
            if self.pause(self.setup.pace.look_every * looks).is_err() {
                return;
            }
        }
    }

    /// Once for as long as it is the same.
    fn tell(&mut self, failed: Option<&Error>) {
        let now = failed.map(|error| format!("{error:?}"));
        if let Some(error) = failed {
            self.setup.search.metrics.registry_errors.with_label_values(&["search"]).inc();
            // What was built before is good for questions still, unless it is damaged.
            if is_damage(error) {
                self.let_go();
            }
        }
        if now != self.told {
            match failed {
                Some(error) => {
                    let error = error as &dyn std::error::Error;
                    warn!(error, "the registry's search file cannot be built; questions take longer until it can");
                }
                None => info!("the registry's search file is built again"),
            }
            self.told = now;
        }
    }

    /// Brings the search file up to what has settled.
    fn look(&mut self) -> Result<Result<(), Ended>, Error> {
        self.setup.inodes.in_place()?;
        let registry = match self.registry.take() {
            Some(registry) => registry,
            None => super::super::file::open_to_read(&self.setup.registry)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?,
        };
        let done = self.look_at(&registry);
        self.registry = Some(registry);
        done
    }

    fn look_at(&mut self, registry: &Connection) -> Result<Result<(), Ended>, Error> {
        let newest = "SELECT coalesce(max(number), 0) FROM urls";
        let newest: i64 = registry.query_row(newest, [], |row| row.get(0))?;
        self.seen.push_back(newest);
        if self.seen.len() > SETTLE_LOOKS {
            self.settled = self.settled.max(self.seen.pop_front().unwrap_or_default());
        }
        self.believe(registry)?;
        loop {
            let last = self.built.as_ref().map_or(0, |(_, last)| *last);
            let behind = &self.setup.search.metrics.registry_search_behind;
            behind.set(newest.saturating_sub(last).max(0));
            if self.settled - last < self.setup.pace.run as i64 || self.settled == self.too_few {
                break;
            }
            if self.seal().is_err() {
                return Ok(Err(Ended));
            }
            let mut run = Run::after(last);
            while run.urls < self.setup.pace.run {
                let rows = (self.setup.pace.run - run.urls).min(ROWS_AT_ONCE);
                let after = run.last;
                if run.read(registry, after, self.settled, rows)? == 0 {
                    break;
                }
                if self.pause(Duration::ZERO).is_err() {
                    return Ok(Err(Ended));
                }
            }
            if run.urls < self.setup.pace.run {
                self.too_few = self.settled;
                break;
            }
            self.write(run)?;
            if self.pause(BETWEEN_RUNS.min(self.setup.pace.look_every)).is_err() {
                return Ok(Err(Ended));
            }
            // What was taken away meanwhile is begun anew.
            self.believe(registry)?;
        }
        self.looks += 1;
        if self.looks % LOOKS_PER_ROUND == 1
            && let Some((file, _)) = &mut self.built
        {
            run::forget_one(file, registry)?;
        }
        Ok(Ok(()))
    }

    /// Goes on with the file that is there, where it can be believed; without one otherwise. What an earlier life left is
    /// looked at once; any other file that this thread did not make is taken away.
    fn believe(&mut self, registry: &Connection) -> Result<(), Error> {
        let Setup { search, durable, .. } = &self.setup;
        let (search, durable) = (Arc::clone(search), *durable);
        let doubted = search.doubted.swap(false, Ordering::SeqCst);
        let there = file::inode(&search.path);
        if self.built.is_some() && there.is_some() && search.current() == there && !doubted {
            return Ok(());
        }
        // Closed first: the last to close a file takes the log away that bears its name.
        self.let_go();
        if !std::mem::replace(&mut self.has_looked, true)
            && there.is_some()
            && let Some((found, last)) = file::believed(&search, registry, self.settled, durable)?
        {
            search.sealed.fetch_max(last, Ordering::SeqCst);
            self.built = Some((found, last));
            *lock(&search.current) = there;
            return Ok(());
        }
        if there.is_some() {
            file::remove(&search.path).map_err(file::failed)?;
        }
        // Not before it is gone: until then, what comes late must take it away.
        search.sealed.store(0, Ordering::SeqCst);
        self.too_few = 0;
        Ok(())
    }

    /// Nobody asks the file any more.
    fn let_go(&mut self) {
        *lock(&self.setup.search.current) = None;
        lock(&self.setup.search.idle).clear();
        self.built = None;
    }

    /// From here on the writer takes a record of such a number for a late one; whatever it has under way is waited for.
    fn seal(&self) -> Result<(), Ended> {
        let search = &self.setup.search;
        search.sealed.fetch_max(self.settled, Ordering::SeqCst);
        let group = search.groups.load(Ordering::SeqCst);
        while group % 2 == 1 && search.groups.load(Ordering::SeqCst) == group {
            self.pause(Duration::from_millis(1))?;
        }
        Ok(())
    }

    fn write(&mut self, run: Run) -> Result<(), Error> {
        let search = Arc::clone(&self.setup.search);
        if !file::has_room(&search.path) {
            let full = std::io::Error::new(std::io::ErrorKind::StorageFull, "little room is left on the disk");
            return Err(file::failed(full));
        }
        let last = run.last;
        match &mut self.built {
            Some((file, built)) => {
                run.write(file)?;
                *built = last;
            }
            None => {
                let mut file = file::make(&search.path, search.instance, self.setup.durable)?;
                let inode = file::inode(&search.path);
                run.write(&mut file)?;
                self.built = Some((file, last));
                *lock(&search.current) = inode;
            }
        }
        Ok(())
    }

    fn pause(&self, pause: Duration) -> Result<(), Ended> {
        match self.stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Ended),
        }
    }
}

/// Records that one view of the registry reads: some milliseconds, so that no checkpoint waits for it.
const ROWS_AT_ONCE: usize = 4096;
/// Looks after which a record that was numbered before the first of them is not expected any more: half a minute.
const SETTLE_LOOKS: usize = 6;
/// Looks between two at what was forgotten.
const LOOKS_PER_ROUND: u64 = 12;
/// Looks that are left out after one that failed.
const LOOKS_AFTER_FAILURE: u32 = 12;
/// Rest between two runs.
const BETWEEN_RUNS: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::InstanceId;
    use crate::telemetry::Metrics;

    #[test]
    fn a_group_that_may_not_have_seen_the_seal_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let registry = directory.path().join("registry.db");
        for of in [registry.clone(), crate::registry::beside(&registry, "-wal")] {
            std::fs::write(of, "").unwrap();
        }
        let instance = InstanceId::parse("aaaaaaaa").unwrap();
        let search = Arc::new(Search::new(&registry, instance, Arc::new(Metrics::new().unwrap())));
        let inodes = Arc::new(Inodes::of(&registry).unwrap());
        let work = |stopped| {
            let (registry, inodes, search) = (registry.clone(), inodes.clone(), search.clone());
            Work::new(Setup { registry, inodes, search, settled: 7, durable: false, pace: Pace::default() }, stopped)
        };
        search.group_begins();
        let (_, told_to_end) = sync_channel(1);
        assert!(work(told_to_end).seal().is_err(), "the group may hold a record that it took for one in time");
        assert!(search.is_sealed(7) && !search.is_sealed(8));

        let (_stop, stopped) = sync_channel(1);
        let waits = work(stopped);
        let sealing = std::thread::spawn(move || waits.seal().is_ok());
        while !sealing.is_finished() {
            search.group_ends();
            search.group_begins();
            std::thread::yield_now();
        }
        assert!(sealing.join().unwrap(), "the next group has seen it");
    }
}
