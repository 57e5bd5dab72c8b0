//! Whether anybody needs the sessions of one tenant. Told the time; what is kept for all is always needed and has none of
//! this.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::time::Timestamp;

#[derive(Debug)]
pub(super) struct Need {
    /// Somebody has asked since the last attempt to get a session began.
    is_asked: AtomicBool,
    /// When the last URL ends that it signed, and until when whoever asked last may come back.
    until: AtomicI64,
}

impl Need {
    pub(super) fn new(until: Timestamp) -> Self {
        Self { is_asked: AtomicBool::new(true), until: AtomicI64::new(until.unix()) }
    }

    /// Somebody asks. Whether nobody had since the last attempt.
    pub(super) fn ask(&self, until: Timestamp) -> bool {
        self.extend(until);
        !self.is_asked.swap(true, Ordering::Relaxed)
    }

    /// It is needed until then, at least.
    pub(super) fn extend(&self, until: Timestamp) {
        self.until.fetch_max(until.unix(), Ordering::Relaxed);
    }

    /// An attempt begins, for all who have asked.
    pub(super) fn answer(&self) {
        self.is_asked.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Relaxed)
    }

    pub(super) fn until(&self) -> Timestamp {
        Timestamp::from_unix(self.until.load(Ordering::Relaxed))
    }
}
