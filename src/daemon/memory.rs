//! Keeps the memory of the process to itself, for secrets live there: no core dump, no look from another process of the
//! same user, and no swap where the system allows that to be forbidden.
//!
//! Does nothing against root, nor against who may trace every process.

use rustix::io::Result;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use tracing::{info, warn};

/// What could be done, to be told once there is a log.
pub(super) struct Kept {
    closed: Result<()>,
    /// `None`: not allowed.
    locked: Option<Result<()>>,
}

/// Before the first secret is read.
pub(super) fn keep() -> Kept {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Each for itself: what one of them cannot do, the other may.
    let (dumps, looks) = (setrlimit(Resource::Core, none), set_dumpable_behavior(DumpableBehavior::NotDumpable));
    let locked = may_lock().then(|| mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT));
    Kept { closed: dumps.and(looks), locked }
}

/// A bound that all memory does not fit into would let no memory be had once it is reached.
fn may_lock() -> bool {
    let may = |held: CapabilitySet| held.contains(CapabilitySet::IPC_LOCK);
    getrlimit(Resource::Memlock).current.is_none() || capabilities(None).is_ok_and(|held| may(held.effective))
}

impl Kept {
    pub(super) fn tell(&self) {
        if let Err(error) = self.closed {
            warn!(%error, "core dumps could not be forbidden");
        }
        match self.locked {
            Some(Ok(())) => info!("memory is locked: no secret is swapped"),
            Some(Err(error)) => warn!(%error, "memory could not be locked: secrets may be swapped"),
            None => info!("memory is not locked, so secrets may be swapped: allow it with LimitMEMLOCK=infinity"),
        }
    }
}
