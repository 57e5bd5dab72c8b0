//! Why an event is not lifted.

use tonic::Code;

use crate::session::{InstanceId, RecordId};

/// See the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEvent {
    /// There is none of that id.
    #[error("no event that happened has the id {0} in this registry, or not any more; `presignd events` lists them")]
    Unknown(RecordId),
    /// Of another registry.
    #[error("event {id} is of registry {}; this one is {registry}", .id.instance)]
    Foreign {
        /// As it was named.
        id: RecordId,
        /// This registry.
        registry: InstanceId,
    },
    /// Nobody can undo it.
    #[error(
        "event {0} cannot be undone at AWS, so it is not lifted: what is deleted for good and made again is something new. If it \
         never happened, withdraw it: presignd events --withdraw {0}"
    )]
    Irreversible(RecordId),
}

impl NoEvent {
    /// The status code, and the reason that clients match.
    pub fn verdict(&self) -> (Code, &'static str) {
        match self {
            Self::Unknown(_) | Self::Foreign { .. } => (Code::NotFound, "EVENT_NOT_FOUND"),
            Self::Irreversible(_) => (Code::FailedPrecondition, "EVENT_IRREVERSIBLE"),
        }
    }
}
