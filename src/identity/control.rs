//! What operators decide while the daemon runs: an identity is paused, a generation is kept from signing.
//!
//! Writes nothing down and reads nothing that was: the desk `rotation` does.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, Notify};

use super::gate::Gate;
use super::{Identity, Live, Signing, Stopped};
use crate::session::generation::{Secret, has_no_end};
use crate::session::{RecordId, Session};

/// What outlasts the configuration of an identity.
#[derive(Default)]
pub(super) struct Control {
    /// Closed while the identity is paused.
    pub gate: Arc<Gate>,
    /// Held by who decides about its generations, from the first look to the last word.
    pub deciding: Mutex<()>,
    /// Told when an attempt to get a session has ended. Shared by all names.
    pub news: Arc<Notify>,
}

impl Identity {
    /// Keeps everybody else from deciding about its generations: operators, and the source that gives another.
    pub async fn decide(&self) -> MutexGuard<'_, ()> {
        self.keeper.control.deciding.lock().await
    }

    /// The right to sign with that session from now until it is dropped.
    ///
    /// # Errors
    /// Says who was stopped.
    pub fn sign_with(&self, live: &Live) -> Result<Signing, Stopped> {
        let identity = self.keeper.control.gate.pass().ok_or(Stopped::Paused)?;
        let generation = live.gate.pass().ok_or(Stopped::Generation)?;
        Ok(Signing { _identity: identity, _generation: Some(generation) })
    }

    /// The right to sign once more what was signed and recorded before; `None` while it is paused.
    pub fn repeat(&self) -> Option<Signing> {
        self.keeper.control.gate.pass().map(|identity| Signing { _identity: identity, _generation: None })
    }

    /// Whether it is kept from signing.
    pub fn is_paused(&self) -> bool {
        self.keeper.control.gate.is_closed()
    }

    /// Keeps it from signing; its sessions are renewed all the same. Whether it signed before.
    pub fn pause(&self) -> bool {
        let signed = self.keeper.control.gate.close();
        self.show_pause(true);
        signed
    }

    /// Lets it sign again.
    pub fn resume(&self) {
        self.keeper.control.gate.open();
        self.show_pause(false);
    }

    /// Waits until every signature that was under way is recorded or given up. Pause it first.
    pub async fn at_rest(&self) {
        self.keeper.control.gate.is_empty().await;
    }

    fn show_pause(&self, is_paused: bool) {
        match &self.tenants {
            Some(tenants) => tenants.pause(is_paused),
            None => self.keeper.look(),
        }
    }

    /// The generation that signs, or would if the identity were not paused. `None` where parts sign.
    pub fn signing_generation(&self) -> Option<Arc<Live>> {
        self.keeper.current()
    }

    /// What can be done with the secret of a generation.
    pub fn secret_of(&self, session: &Session) -> Secret {
        self.keeper_of(session).map_or(Secret::Gone, |keeper| keeper.secret_of(session.id))
    }

    /// Its long-term keys that may be signing at this moment. Asked before the registry is read, it leaves out none whose last
    /// URL that answer does not have.
    pub fn keys_in_use(&self) -> Vec<RecordId> {
        self.keeper.keys_in_use()
    }

    /// Keeps a generation from signing, and has another looked for where it signed. Whether it was stopped, and may have
    /// signed before.
    pub fn stop_generation(&self, session: &Session) -> bool {
        self.keeper_of(session).is_some_and(|keeper| keeper.close(session.id))
    }

    /// Takes [`Self::stop_generation`] back, where that stopped it.
    pub fn let_generation_go_on(&self, session: &Session) {
        if let Some(keeper) = self.keeper_of(session) {
            keeper.go_on(session.id);
        }
    }

    /// Lets it sign again, also where another signed in its place. A key takes the place of the one that signs, until its
    /// source gives another.
    pub fn start_generation(&self, session: &Session) {
        if let Some(keeper) = self.keeper_of(session) {
            keeper.start(session.id);
        }
    }

    /// The generation that signs even when that one may sign again: it lives longer. A key has no end, and takes any place.
    pub fn outlived_by(&self, session: &Session) -> Option<u64> {
        if has_no_end(session.facts.kind) {
            return None;
        }
        self.keeper_of(session)?.outlived_by(session.id)
    }

    /// Keeps it from signing, and forgets its secret.
    pub fn forget_generation(&self, session: &Session) {
        self.stop_generation(session);
        if let Some(keeper) = self.keeper_of(session) {
            keeper.forget(session.id);
        }
    }

    /// Waits until every signature of the generation that was under way is recorded or given up. Stop it first.
    pub async fn generation_at_rest(&self, session: &Session) {
        if let Some(live) = self.keeper_of(session).and_then(|keeper| keeper.held(session.id)) {
            live.gate.is_empty().await;
        }
    }
}
