//! Why a generation stays as it is, although an operator wants it otherwise.

use tonic::Code;

use crate::session::IdentityName;
use crate::time::Timestamp;

/// See the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unchanged {
    /// There is no such generation.
    #[error(
        "identity {identity} has no generation {generation} in this registry; `presignd rotation {identity} \
         --with-retired` lists those it has"
    )]
    Unknown {
        /// Of which identity.
        identity: IdentityName,
        /// The number that was named.
        generation: u64,
    },
    /// None signs, so none can be meant.
    #[error("no generation of identity {0} signs; name one that is to be drained")]
    NothingSigns(IdentityName),
    /// It signs.
    #[error(
        "generation {generation} signs, and what is retired never signs again: `presignd drain {identity}` first, or force it"
    )]
    Signs {
        /// Of which identity.
        identity: IdentityName,
        /// Which.
        generation: u64,
    },
    /// Another signs in its place for now, and nothing would after a restart.
    #[error(
        "the source of identity {identity} still gives generation {generation}, which signs again when that is read anew, \
         and never once it is retired: put another key into the source first, or force it"
    )]
    SourceGives {
        /// Of which identity.
        identity: IdentityName,
        /// Which.
        generation: u64,
    },
    /// URLs of it are outstanding.
    #[error(
        "{urls} outstanding until {last_url_ends_at}: ending {access_key_id} earlier breaks them; wait, or force it",
        urls = counted(*.outstanding, *.generation)
    )]
    Outstanding {
        /// Which.
        generation: u64,
        /// Its key.
        access_key_id: String,
        /// How many URLs.
        outstanding: u64,
        /// When the last of them ends.
        last_url_ends_at: Timestamp,
    },
    /// It is done.
    #[error("generation {0} is retired: it never signs again")]
    Retired(u64),
    /// Another lives longer.
    #[error("generation {generation} does not sign again: generation {by}, which lives longer, signs in its place")]
    AnotherSigns {
        /// Which.
        generation: u64,
        /// What signs.
        by: u64,
    },
    /// Its secret is not in memory.
    #[error("generation {0} cannot sign again: its secret is not in this daemon's memory any more")]
    SecretGone(u64),
}

impl Unchanged {
    /// The status code, and the reason that clients match.
    pub fn verdict(&self) -> (Code, &'static str) {
        match self {
            Self::Unknown { .. } => (Code::NotFound, "UNKNOWN_GENERATION"),
            Self::NothingSigns(_) => (Code::FailedPrecondition, "NOTHING_SIGNS"),
            Self::Signs { .. } | Self::SourceGives { .. } => (Code::FailedPrecondition, "GENERATION_SIGNS"),
            Self::Outstanding { .. } => (Code::FailedPrecondition, "URLS_OUTSTANDING"),
            Self::Retired(_) => (Code::FailedPrecondition, "GENERATION_RETIRED"),
            Self::AnotherSigns { .. } => (Code::FailedPrecondition, "ANOTHER_SIGNS"),
            Self::SecretGone(_) => (Code::FailedPrecondition, "SECRET_GONE"),
        }
    }
}

fn counted(urls: u64, generation: u64) -> String {
    match urls {
        1 => format!("1 URL of generation {generation} is"),
        urls => format!("{urls} URLs of generation {generation} are"),
    }
}
