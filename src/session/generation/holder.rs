//! Who has an access key: identities may share one, and AWS ends keys, not identities.

use serde::{Deserialize, Serialize};

use super::State;
use crate::session::{IdentityName, RecordId};
use crate::time::Timestamp;

/// An identity on which the end of an access key bears. Its serde form stands in rows of the registry: members are added,
/// never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Which.
    pub identity: IdentityName,
    /// Its generation of that key; `None` where it only mints with it.
    pub generation: Option<u64>,
    /// That generation's session.
    pub session: Option<RecordId>,
    /// What it does with the key,
    pub hold: Hold,
    /// and since when, where that is known.
    pub since: Option<Timestamp>,
    /// URLs that it signed with the key whose hard end lies ahead.
    pub outstanding_urls: u64,
    /// The hard end of the last URL that it signed with the key, also of one that has ended.
    pub last_url_ends_at: Option<Timestamp>,
    /// Of those, how many events that stand have surely ended.
    #[serde(default)]
    pub ended_early_urls: u64,
    /// Of one that is cut off: when the session that it still has ends; `None`: it has none.
    #[serde(default)]
    pub stops_at: Option<Timestamp>,
}

/// What an identity does with an access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// Signs with it, or would if it were not paused.
    Signs,
    /// May come to sign with it: AWS has not confirmed it, its source has not given it yet, or it was seen dead.
    MaySign,
    /// Gets its sessions with it: those and their URLs outlast the key, its next renewal fails (SEMANTICS.md row p).
    Mints,
    /// Would get its sessions with it, but its base was stopped, or has a key that was seen dead: its next renewal fails,
    /// whatever becomes of the key.
    CutOff,
    /// Signs nothing with it any more.
    Rests,
}

impl Hold {
    /// What a generation of a key does with it, where it is on its way.
    pub fn of(state: State) -> Self {
        match state {
            State::Active => Self::Signs,
            State::Prepared | State::Dead => Self::MaySign,
            State::Draining | State::Drained | State::Retired => Self::Rests,
        }
    }
}

impl Holder {
    /// Whether it needs the key from now on.
    pub fn needs_it(&self) -> bool {
        !matches!(self.hold, Hold::CutOff | Hold::Rests)
    }

    /// The hard end of the last of its outstanding URLs.
    pub fn last_end(&self) -> Option<Timestamp> {
        self.last_url_ends_at.filter(|_| self.outstanding_urls > 0)
    }

    /// Since when it has kept nobody from ending the key; `None` where it does, or nobody knows.
    pub fn done_since(&self) -> Option<Timestamp> {
        let since = self.since.filter(|_| !self.needs_it())?;
        self.last_url_ends_at.max(Some(since))
    }
}
