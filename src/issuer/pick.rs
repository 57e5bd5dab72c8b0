//! Which session signs each ask of a call, once none of them waits any more.
//!
//! A session that an operator has stopped since it was found is given up, and another looked for. Whoever looks for
//! another holds no right to sign: who stops a generation waits for those who do.

use std::sync::Arc;

use tokio::time::Instant;

use super::prepare::{Prepared, Ready};
use super::{Ask, Issuer};
use crate::access::Caller;
use crate::error::Error;
use crate::identity::{Live, Signing, Stopped};
use crate::session::lifetime::{self, Lifetime, Plan};
use crate::time::Timestamp;

/// A session with the right to sign with it, the instant, and the life that is promised.
pub(super) struct Picked {
    pub(super) live: Arc<Live>,
    pub(super) now: Timestamp,
    pub(super) life: Lifetime,
    pub(super) signing: Signing,
}

impl Issuer {
    /// One for each ask that is ready. What cannot sign any more becomes a failure.
    pub(super) async fn pick(
        &self,
        caller: &Caller,
        asks: &[Ask],
        prepared: &mut [Result<Prepared, Error>],
        deadline: Instant,
    ) -> Vec<Option<Picked>> {
        for round in 1.. {
            let mut picked = Vec::with_capacity(prepared.len());
            let mut stopped = Vec::new();
            for (at, one) in prepared.iter_mut().enumerate() {
                let Ok(Prepared::Ready(ready)) = one else {
                    picked.push(None);
                    continue;
                };
                match self.pick_one(ready) {
                    Ok(one) => picked.push(Some(one)),
                    Err(Stopped::Paused) => {
                        *one = Err(Error::IdentityPaused(ready.identity.name().clone()));
                        picked.push(None);
                    }
                    Err(Stopped::Generation) => stopped.push(at),
                }
            }
            if stopped.is_empty() {
                return picked;
            }
            drop(picked);
            for at in stopped {
                prepared[at] = match &prepared[at] {
                    Ok(Prepared::Ready(ready)) if round > MAX_ROUNDS => {
                        Err(Error::NoSession { identity: ready.identity.name().clone(), cause: None, short: None })
                    }
                    _ => self.prepare_again(caller, &asks[at], deadline).await,
                };
            }
        }
        Vec::new()
    }

    /// The session is looked up and the instant read anew, because the other asks of the call may have waited since, and a
    /// URL must not lose that time of its life.
    fn pick_one(&self, ready: &Ready) -> Result<Picked, Stopped> {
        let (now, current) = (self.clock.now(), ready.identity.current());
        let again = current.and_then(|live| match lifetime::plan(now, ready.want, Some(&live.session), None) {
            Plan::Sign(life) => Some((live, now, life)),
            _ => None,
        });
        let (live, now, life) = again.unwrap_or_else(|| ready.granted.clone());
        let signing = ready.identity.sign_with(&live)?;
        Ok(Picked { live, now, life, signing })
    }
}

/// How often another session is looked for: each time an operator has stopped the one that was found.
const MAX_ROUNDS: usize = 3;
