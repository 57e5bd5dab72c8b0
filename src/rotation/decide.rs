//! What operators decide: drain, cancel, retire, pause, resume.
//!
//! What stops somebody is done in memory first, so that nothing new is signed; then those signatures are waited for that
//! were under way; then it is written down, with the row that says so. Who hears that it worked can rely on it, over
//! restarts too; a failure leaves all as it was. A decision that has begun is carried out, whether or not anybody waits
//! for the answer.

use std::sync::Arc;

use super::told::Told;
use super::{GenerationStatus, Reference, Rotation, Row};
use crate::error::{Error, Unchanged};
use crate::identity::Identity;
use crate::registry::{Mark, SessionRow};
use crate::s3::Refused;
use crate::session::generation::{Secret, State, has_no_end};
use crate::session::{IdentityName, Session};

/// An answer to `Retire`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// How it is now.
    pub status: GenerationStatus,
    /// Outstanding URLs that ending its credential breaks, also those of other identities that have it.
    pub breaks_urls: u64,
    /// It was retired before, or had ended.
    pub was_retired: bool,
}

impl Rotation {
    /// Keeps a generation from signing; `None` means the one that signs, or, asked once more, that which was drained, also
    /// where another was minted for it. What it signed lives on. Nothing is signed with it after the answer, and what was
    /// signed is counted in it. A key in whose place its source put another drains by
    /// itself: of that nothing is written, so that it signs again when it is put back.
    ///
    /// # Errors
    /// When there is no such generation, or the registry did not take it: then it signs as before.
    pub async fn drain(
        &self,
        uid: u32,
        identity: IdentityName,
        generation: Option<u64>,
    ) -> Result<GenerationStatus, Error> {
        let desk = self.clone();
        carried_out(async move {
            let own = desk.identity(&identity);
            let _deciding = deciding(own.as_deref()).await;
            let generation = match (generation, &own) {
                (Some(generation), _) => generation,
                (None, Some(own)) if own.partition_by().is_some() => {
                    let problem = "is left out, and each partition signs with a generation of its own: name one";
                    return Err(Refused::new("generation", problem).into());
                }
                (None, Some(own)) => match own.signing_generation() {
                    Some(live) => {
                        let drained = desk.drained_for(uid, own, &live.session).await?;
                        drained.unwrap_or(live.session.generation)
                    }
                    None => desk.last_drained(uid, &identity).await?,
                },
                (None, None) => return Err(Error::UnknownIdentity(identity.as_str().to_owned())),
            };
            let before = desk.row(uid, &identity, generation).await?;
            let is_drained = before.row.drained_since.is_some() && !before.row.replaced;
            if is_drained || desk.told(&before).state == State::Retired {
                return Ok(desk.told(&before));
            }
            let session = &*before.row.session;
            if desk.is_replaced(own.as_deref(), &before) {
                if let Some(own) = &own {
                    own.generation_at_rest(session).await;
                }
                return Ok(desk.told(&desk.row(uid, &identity, generation).await?));
            }
            let stopped = stop(own.as_deref(), session).await;
            let written = desk.mark(uid, &before, Mark::Drain { replaced: false }, Told::GenerationDraining).await;
            if let (Err(_), true, Some(own)) = (&written, stopped, &own) {
                own.let_generation_go_on(session);
            }
            written
        })
        .await
    }

    /// Lets a generation sign again; `None` means the only one that an operator drained. A key takes the place of the one
    /// that signs, until its source gives another; a session signs where none signs that lives longer.
    ///
    /// # Errors
    /// When it cannot sign again, or the registry did not take it.
    pub async fn cancel_drain(
        &self,
        uid: u32,
        identity: IdentityName,
        generation: Option<u64>,
    ) -> Result<GenerationStatus, Error> {
        let desk = self.clone();
        carried_out(async move {
            let own = desk.identity(&identity);
            let _deciding = deciding(own.as_deref()).await;
            let before = match generation {
                Some(generation) => desk.row(uid, &identity, generation).await?,
                None => desk.only_drained(uid, &identity).await?,
            };
            let session = &before.row.session;
            if desk.told(&before).state == State::Retired {
                return Err(Unchanged::Retired(session.generation).into());
            }
            // Of two sessions the longer life signs: it would be let in, and sign nothing all the same.
            if let Some(by) = own.as_ref().and_then(|own| own.outlived_by(session)) {
                return Err(Unchanged::AnotherSigns { generation: session.generation, by }.into());
            }
            let secret = desk.secret_of(session);
            // What rests because another came is let in by hand as well: by itself it never signs again.
            if before.row.drained_since.is_none() && secret != Secret::Rests {
                return Ok(desk.told(&before));
            }
            let own = own.as_ref().filter(|_| !matches!(secret, Secret::Gone | Secret::Missing | Secret::Unread));
            let own = own.ok_or(Unchanged::SecretGone(session.generation))?;
            own.start_generation(session);
            let written = desk.mark(uid, &before, Mark::CancelDrain, Told::DrainCancelled).await;
            written.inspect_err(|_| _ = own.stop_generation(session))
        })
        .await
    }

    /// Declares a generation done, for good. Its secret is forgotten.
    ///
    /// # Errors
    /// When it signs or URLs of it are outstanding, unless forced; or when the registry did not take it.
    pub async fn retire(
        &self,
        uid: u32,
        identity: IdentityName,
        generation: u64,
        force: bool,
    ) -> Result<Retired, Error> {
        let desk = self.clone();
        carried_out(async move {
            let own = desk.identity(&identity);
            let _deciding = deciding(own.as_deref()).await;
            let mut before = desk.row(uid, &identity, generation).await?;
            let session = Arc::clone(&before.row.session);
            let state = desk.told(&before).state;
            let was_retired = state == State::Retired;
            if !was_retired {
                if state == State::Active && !force {
                    return Err(Unchanged::Signs { identity, generation }.into());
                }
                if desk.secret_of(&session) == Secret::Displaced && !force {
                    return Err(Unchanged::SourceGives { identity, generation }.into());
                }
                nothing_outstanding(&before, force)?;
                let stopped = stop(own.as_deref(), &session).await;
                // Signatures that were under way count too.
                before = desk.row(uid, &identity, generation).await?;
                let mark = Mark::Retire { forced: before.row.outstanding > 0 };
                let written = match nothing_outstanding(&before, force) {
                    Ok(()) => desk.mark(uid, &before, mark, Told::GenerationRetired).await.map(drop),
                    Err(unchanged) => Err(unchanged.into()),
                };
                match (&written, &own) {
                    (Ok(()), Some(own)) => own.forget_generation(&session),
                    (Err(_), Some(own)) if stopped => own.let_generation_go_on(&session),
                    _ => {}
                }
                written?;
            }
            let after = desk.row(uid, &identity, generation).await?;
            Ok(Retired { status: desk.told(&after), breaks_urls: after.breaks(), was_retired })
        })
        .await
    }

    /// Keeps an identity from signing. After the answer no URL is signed, and no former one is signed once more.
    ///
    /// # Errors
    /// When there is no such identity, or the registry did not take it: then it signs as before.
    pub async fn pause(&self, identity: IdentityName) -> Result<(), Error> {
        let desk = self.clone();
        carried_out(async move {
            let own = desk.known(&identity)?;
            let _deciding = own.decide().await;
            let signed = own.pause();
            own.at_rest().await;
            if signed {
                let event = Told::IdentityPaused(identity.clone()).event();
                let written = desk.issuer.registry().pause(&identity, event).await;
                written.map_err(Error::registry).inspect_err(|_| own.resume())?;
                tracing::warn!(%identity, "paused: it signs nothing until it is resumed");
            }
            Ok(())
        })
        .await
    }

    /// Lets it sign again.
    ///
    /// # Errors
    /// When there is no such identity, or the registry did not take it.
    pub async fn resume(&self, identity: IdentityName) -> Result<(), Error> {
        let desk = self.clone();
        carried_out(async move {
            let own = desk.known(&identity)?;
            let _deciding = own.decide().await;
            if own.is_paused() {
                let event = Told::IdentityResumed(identity.clone()).event();
                desk.issuer.registry().resume(&identity, event).await.map_err(Error::registry)?;
                own.resume();
                tracing::info!(%identity, "resumed");
            }
            Ok(())
        })
        .await
    }

    fn known(&self, identity: &IdentityName) -> Result<Arc<Identity>, Error> {
        self.identity(identity).ok_or_else(|| Error::UnknownIdentity(identity.as_str().to_owned()))
    }

    /// Whether a key rests because its source gave another, also where that is not written down yet.
    fn is_replaced(&self, own: Option<&Identity>, row: &Row) -> bool {
        let session = &row.row.session;
        let rests = matches!(self.secret_of(session), Secret::Rests | Secret::Gone | Secret::Missing | Secret::Unread);
        let another_signs = own.is_some_and(|own| own.signing_generation().is_some());
        rests && (row.row.replaced || (has_no_end(session.facts.kind) && another_signs))
    }

    pub(super) fn told(&self, row: &Row) -> GenerationStatus {
        row.status(self.secret_of(&row.row.session), self.issuer.clock().surely_now())
    }

    /// What was drained last by hand, where nothing signs because of that.
    async fn last_drained(&self, uid: u32, identity: &IdentityName) -> Result<u64, Error> {
        let rows = self.rows(uid, identity).await?;
        let states: Vec<(&Row, State)> = rows.iter().map(|row| (row, self.told(row).state)).collect();
        let may_sign = states.iter().any(|(_, state)| matches!(state, State::Prepared | State::Active | State::Dead));
        let drained = states.iter().filter(|(row, state)| *state != State::Retired && !row.row.replaced && !may_sign);
        let last =
            drained.filter(|(row, _)| row.row.drained_since.is_some()).max_by_key(|(row, _)| row.row.drained_since);
        let last = last.map(|(row, _)| row.row.session.generation);
        last.ok_or_else(|| Unchanged::NothingSigns(identity.clone()).into())
    }

    /// What was drained last by hand, where a session that was minted for it signs: who asks once more means the same
    /// drain. A key does not come by itself, and whoever put it into its source means that one.
    async fn drained_for(&self, uid: u32, own: &Identity, signs: &Session) -> Result<Option<u64>, Error> {
        if own.fresh().is_none() {
            return Ok(None);
        }
        let rows = self.rows(uid, &signs.identity).await?;
        let drained = rows.iter().filter(|row| row.row.drained_since.is_some() && !row.row.replaced);
        let last = drained.max_by_key(|row| (row.row.drained_since, row.row.session.generation));
        let Some(last) = last.filter(|row| self.told(row).state != State::Retired) else { return Ok(None) };
        let (generation, since) = (last.row.session.generation, last.row.drained_since);
        // What came after that one was renewed: a drain of now is another.
        let has_followed = |row: &Row| {
            (generation + 1..signs.generation).contains(&row.row.session.generation)
                && Some(row.row.enrolled_at) >= since
        };
        Ok((generation < signs.generation && !rows.iter().any(has_followed)).then_some(generation))
    }

    /// The one generation that an operator may mean when none is named.
    async fn only_drained(&self, uid: u32, identity: &IdentityName) -> Result<Row, Error> {
        let rows = self.rows(uid, identity).await?;
        if rows.is_empty() && self.identity(identity).is_none() {
            return Err(Error::UnknownIdentity(identity.as_str().to_owned()));
        }
        let by_hand = |row: &Row| row.row.drained_since.is_some() && !row.row.replaced;
        let mut drained =
            rows.into_iter().filter(|row| by_hand(row) && self.told(row).state != State::Retired).collect::<Vec<_>>();
        let numbers: Vec<String> = drained.iter().map(|row| row.row.session.generation.to_string()).collect();
        match (drained.pop(), numbers.len()) {
            (Some(one), 1) => Ok(one),
            (None, _) => {
                Err(Refused::new("generation", format!("is left out, and none of {identity} is drained")).into())
            }
            (Some(_), _) => {
                let problem = format!("is left out, and several of {identity} are drained: {}", numbers.join(", "));
                Err(Refused::new("generation", problem).into())
            }
        }
    }

    /// Writes a decision down, with the row that says how the generation is by then.
    pub(super) async fn mark(
        &self,
        uid: u32,
        before: &Row,
        mark: Mark,
        told: impl FnOnce(GenerationStatus) -> Told,
    ) -> Result<GenerationStatus, Error> {
        let Reference { identity, generation, access_key_id, id, .. } = Reference::from(&*before.row.session);
        let now = self.issuer.clock().now();
        let as_marked = self.row_if(uid, &identity, generation, Some((mark, now))).await?;
        let event = told(self.told(&as_marked)).event();
        self.issuer.registry().mark(id, mark, event).await.map_err(Error::registry)?;
        let status = self.told(&self.row(uid, &identity, generation).await?);
        let (state, outstanding) = (status.state.as_str(), status.outstanding_urls);
        tracing::info!(%identity, generation, access_key_id, ?mark, state, outstanding, "a generation was marked");
        Ok(status)
    }
}

/// Refuses to retire what still has URLs outstanding, unless forced. Those of others that have its key are no reason: it is
/// this generation that is retired, and that breaks none of them; ending the key would.
fn nothing_outstanding(row: &Row, force: bool) -> Result<(), Unchanged> {
    let SessionRow { session, outstanding, last_url_ends_at, .. } = &row.row;
    match *last_url_ends_at {
        Some(last_url_ends_at) if *outstanding > 0 && !force => Err(Unchanged::Outstanding {
            generation: session.generation,
            access_key_id: session.facts.access_key_id.clone(),
            outstanding: *outstanding,
            last_url_ends_at,
        }),
        _ => Ok(()),
    }
}

async fn deciding(own: Option<&Identity>) -> Option<impl Drop> {
    match own {
        Some(own) => Some(own.decide().await),
        None => None,
    }
}

/// Whether it may have signed before.
async fn stop(own: Option<&Identity>, session: &Session) -> bool {
    let Some(own) = own else { return false };
    let stopped = own.stop_generation(session);
    own.generation_at_rest(session).await;
    stopped
}

/// On a task of its own: it goes on when its caller gives up.
async fn carried_out<T: Send + 'static>(
    decision: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(decision).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Deadline("the decision: the daemon is stopping")),
        },
    }
}
