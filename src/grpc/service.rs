//! The handlers: caller, convert, desk, convert. One file for each service of the proto.
//!
//! Never decides who may have a URL: the desk does. Decides what a caller may see: on the signing socket its own records
//! and the identities of its grants, on the admin socket everything.

mod daemon;
mod identities;
mod impact;
mod registry;
mod resign;
mod rotation;
mod signer;
mod stream;
mod watcher;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::assess::Assessor;
use crate::config::Limits;
use crate::identity::Identity;
use crate::issuer::Issuer;
use crate::rotation::Rotation;
use crate::session::IdentityName;
use crate::telemetry::Metrics;
use crate::watch::Seats;

use super::call::Call;
use super::serve::About;

/// What every handler has at hand; cheap to clone.
#[derive(Clone)]
pub(super) struct Services {
    pub(super) issuer: Arc<Issuer>,
    pub(super) assessor: Assessor,
    pub(super) rotation: Rotation,
    /// Who watches.
    pub(super) seats: Seats,
    pub(super) metrics: Arc<Metrics>,
    /// In force from the next call on, and in a stream from the next group on.
    pub(super) limits: watch::Receiver<Limits>,
    /// What the daemon tells of itself.
    pub(super) about: About,
    /// Ends streams, which would otherwise hold up a stop.
    pub(super) stop: CancellationToken,
}

impl Services {
    /// An identity that the caller may know of. One that it may not does not exist.
    fn identity(&self, call: &Call, name: &IdentityName) -> Option<Arc<Identity>> {
        let rules = self.issuer.rules();
        let known = call.sees_all() || rules.grants.may_use(&call.caller, name);
        rules.identities.identity(name).filter(|_| known)
    }
}
