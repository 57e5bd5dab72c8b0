//! Letting generations run out, stopping identities, and telling how far each generation is.
//!
//! Holds no state: the registry holds what was decided, `identity` what signs. Never signs, and never ends a credential
//! itself: that is for whoever owns it.

mod decide;
mod early;
mod keys;
mod log;
pub mod report;
pub mod told;
#[cfg(test)]
mod tests;
mod watchman;

use std::collections::HashMap;
use std::sync::Arc;

pub use decide::Retired;

use serde::{Deserialize, Serialize};

use crate::assess::Ended;
use crate::error::{Error, Unchanged};
use crate::identity::Identity;
use crate::issuer::Issuer;
use crate::probe::Seen;
use crate::registry::{MAX_PAGE, Mark, SessionRow, TallyFilter};
use crate::session::generation::{Generation, Holder, Secret, SeenDead, State};
use crate::session::{CredentialKind, IdentityName, RecordId, Session};
use crate::time::Timestamp;

/// The desk. Cheap to clone.
#[derive(Clone)]
pub struct Rotation {
    issuer: Arc<Issuer>,
}

/// A generation with what is outstanding of it and what can be done with its credential. Its serde form stands in rows of
/// the registry: members are added, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationStatus {
    /// Which.
    pub session: Reference,
    /// What its key belongs to.
    pub kind: CredentialKind,
    /// Where it is.
    pub state: State,
    /// Since when, where that is known.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// URLs whose hard end lies ahead; also those that an event which stands has ended.
    pub outstanding_urls: u64,
    /// The hard end of the last of them.
    pub last_url_ends_at: Option<Timestamp>,
    /// What can be done with its credential, for a person.
    pub advice: String,
    /// From when on ending it breaks nothing, whichever identity signed with it; `None`: now.
    pub safe_from: Option<Timestamp>,
    /// The tenant that it signs for alone; empty for all.
    pub partition: String,
    /// Of the outstanding URLs, those that events which stand have surely ended,
    #[serde(default)]
    pub ended_early_urls: u64,
    /// and which events those are.
    #[serde(default)]
    pub ended_by: Vec<RecordId>,
    /// The others that have its long-term key, those that need it first; at most [`MAX_OTHERS`].
    #[serde(default)]
    pub others: Vec<Holder>,
}

/// Names a session, in rows and in answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its identity.
    pub identity: IdentityName,
    /// Its number there.
    pub generation: u64,
    /// Its key.
    pub access_key_id: String,
    /// Its end.
    pub expires_at: Option<Timestamp>,
    /// Unique across registries.
    pub id: RecordId,
}

impl From<&Session> for Reference {
    fn from(session: &Session) -> Self {
        Self {
            identity: session.identity.clone(),
            generation: session.generation,
            access_key_id: session.facts.access_key_id.clone(),
            expires_at: session.facts.expires_at,
            id: session.id,
        }
    }
}

/// A generation as the registry has it, with when another took its place.
struct Row {
    row: SessionRow,
    followed_at: Option<Timestamp>,
    ended: Ended,
    /// Whoever has its long-term key.
    holders: Arc<[Holder]>,
    /// Whether it was signing before the registry was read.
    signed: bool,
    /// Whether its identity signs nothing since it was stopped, and gets nothing to sign with by itself.
    is_last: bool,
    /// Whether AWS, which can be asked, never said whose key it is, and nothing was signed with it.
    is_unconfirmed: bool,
    /// What ended URLs of it or of others that have its key.
    key_ended_by: String,
}

impl Row {
    /// All that its state depends on. What it signs while the registry is read is not counted, so who signed before that
    /// signs still.
    fn generation<'a>(&'a self, secret: Secret, by_what: &'a str) -> Generation<'a> {
        let row = &self.row;
        let secret =
            if self.signed && matches!(secret, Secret::Rests | Secret::Displaced) { Secret::Signs } else { secret };
        // That another had taken its place is over as soon as its source gives it again.
        let is_back = row.replaced && is_given(secret);
        let seen = row.observed.as_ref().and_then(|seen| Some((Seen::parse(&seen.state)?, seen)));
        Generation {
            session: &row.session,
            enrolled_at: row.enrolled_at,
            signs_since: row.signs_since,
            followed_at: self.followed_at,
            drained_since: row.drained_since.filter(|_| !is_back),
            retired_at: row.retired_at,
            secret,
            outstanding: row.outstanding,
            last_url_ends_at: row.last_url_ends_at,
            ended_early: self.ended.urls,
            ended_by: by_what,
            key_ended_by: &self.key_ended_by,
            seen_dead: seen.filter(|(state, _)| matches!(state, Seen::KeyDead | Seen::Denied)).map(|(state, seen)| {
                SeenDead { is_key: state == Seen::KeyDead, since: seen.since, cause: &seen.cause }
            }),
            holders: &self.holders,
            is_last: self.is_last,
            is_unconfirmed: self.is_unconfirmed,
        }
    }

    /// Outstanding URLs that ending its credential breaks.
    fn breaks(&self) -> u64 {
        self.generation(Secret::Gone, "").breaks()
    }

    fn status(&self, secret: Secret, now: Timestamp) -> GenerationStatus {
        let (by_what, session) = (self.ended.by_what(), &self.row.session);
        let one = self.generation(secret, &by_what);
        GenerationStatus {
            session: Reference::from(&**session),
            kind: session.facts.kind,
            state: one.state(now),
            since: one.since(now),
            outstanding_urls: self.row.outstanding,
            last_url_ends_at: one.last_end(),
            advice: one.advice(now),
            safe_from: one.safe_from(),
            partition: session.facts.partition_of.clone(),
            ended_early_urls: self.ended.urls,
            ended_by: self.ended.by.clone(),
            others: one.others().take(MAX_OTHERS).cloned().collect(),
        }
    }
}

impl Rotation {
    /// Opens the desk.
    pub fn new(issuer: Arc<Issuer>) -> Self {
        Self { issuer }
    }

    /// Generations by identity, newest first within each; of one identity, at most the newest [`MAX_STATUSES`]. Those that
    /// are retired come only when asked for, or while URLs of theirs are outstanding: their keys must wait as any other.
    ///
    /// # Errors
    /// When the registry cannot be read, there is no such identity, or there are more than [`MAX_STATUSES`] in all.
    pub async fn status(
        &self,
        uid: u32,
        identity: Option<&IdentityName>,
        with_retired: bool,
    ) -> Result<Vec<GenerationStatus>, Error> {
        let signing = self.signing();
        let of = TallyFilter { identity: identity.cloned(), ..TallyFilter::default() };
        let mut ended = self.assessor().ended(uid, &of).await?;
        let mut rows = Vec::new();
        match identity {
            Some(name) => {
                rows = self.rows(uid, name).await?;
                if rows.is_empty() && self.identity(name).is_none() {
                    return Err(Error::UnknownIdentity(name.as_str().to_owned()));
                }
            }
            None if with_retired => {
                let alive = self.issuer.registry().sessions(uid, None).await.map_err(Error::registry)?;
                let mut names: Vec<IdentityName> = self.issuer.rules().identities.names().cloned().collect();
                names.extend(alive.into_iter().map(|row| row.session.identity.clone()));
                names.sort();
                names.dedup();
                for name in names {
                    rows.extend(self.rows(uid, &name).await?);
                    if rows.len() > MAX_STATUSES {
                        return Err(too_many());
                    }
                }
            }
            None => {
                let alive = self.issuer.registry().sessions(uid, None).await.map_err(Error::registry)?;
                if alive.len() >= MAX_STATUSES {
                    return Err(too_many());
                }
                rows = self.at_home(followed(alive));
            }
        }
        self.join(uid, &signing, &mut rows, None).await?;
        self.add_ended(uid, &mut rows, &mut ended).await?;
        let now = self.issuer.clock().now();
        let mut statuses: Vec<_> = rows.iter().map(|row| row.status(self.secret_of(&row.row.session), now)).collect();
        statuses.retain(|status| with_retired || status.state != State::Retired || status.outstanding_urls > 0);
        statuses.sort_by(|one, other| {
            let by =
                |status: &GenerationStatus| (status.session.identity.clone(), u64::MAX - status.session.generation);
            by(one).cmp(&by(other))
        });
        Ok(statuses)
    }

    fn identity(&self, name: &IdentityName) -> Option<Arc<Identity>> {
        self.issuer.rules().identities.identity(name)
    }

    /// An identity that the configuration does not name any more signs nothing.
    fn secret_of(&self, session: &Session) -> Secret {
        self.identity(&session.identity).map_or(Secret::Gone, |identity| identity.secret_of(session))
    }

    /// Every generation of an identity, newest first, at most [`MAX_STATUSES`]; without what has ended early, and who else has
    /// its key.
    async fn rows(&self, uid: u32, identity: &IdentityName) -> Result<Vec<Row>, Error> {
        self.rows_if(uid, identity, |_| {}).await
    }

    async fn rows_if(
        &self,
        uid: u32,
        identity: &IdentityName,
        decided: impl Fn(&mut SessionRow),
    ) -> Result<Vec<Row>, Error> {
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let page = self.issuer.registry().generations(uid, identity, before).await.map_err(Error::registry)?;
            before = page.last().map(|row| row.session.generation);
            let is_last = page.len() < MAX_PAGE;
            all.extend(page);
            if is_last || all.len() >= MAX_STATUSES {
                all.iter_mut().for_each(decided);
                return Ok(self.at_home(followed(all)));
            }
        }
    }

    async fn row(&self, uid: u32, identity: &IdentityName, generation: u64) -> Result<Row, Error> {
        self.row_if(uid, identity, generation, None).await
    }

    /// The same as if that had been decided of it.
    async fn row_if(
        &self,
        uid: u32,
        identity: &IdentityName,
        generation: u64,
        mark: Option<(Mark, Timestamp)>,
    ) -> Result<Row, Error> {
        let signing = self.signing();
        let rows = self.rows_if(uid, identity, |row| {
            if let Some((mark, now)) = mark.filter(|_| row.session.generation == generation) {
                row.be_marked(mark, now);
            }
        });
        let rows = rows.await?;
        let found = rows.into_iter().find(|row| row.row.session.generation == generation);
        let mut row = found.ok_or_else(|| Unchanged::Unknown { identity: identity.clone(), generation })?;
        let stopped = Some(row.row.session.id).filter(|_| mark.is_some_and(|(mark, _)| mark != Mark::CancelDrain));
        self.join(uid, &signing, std::slice::from_mut(&mut row), stopped).await?;
        let mut ended = HashMap::new();
        if row.row.outstanding > 0 {
            let of = TallyFilter { session: Some(row.row.session.id), ..TallyFilter::default() };
            ended = self.assessor().ended(uid, &of).await?;
        }
        self.add_ended(uid, std::slice::from_mut(&mut row), &mut ended).await?;
        Ok(row)
    }
}

/// Rows, newest first, with when each was followed: when the next of its identity and tenant was written down. Where that
/// ends sooner nobody knows, for it may have gone on; one that was there when it came to sign again is no next.
fn followed(rows: Vec<SessionRow>) -> Vec<Row> {
    let mut newer: HashMap<(IdentityName, String), Vec<(Timestamp, Timestamp)>> = HashMap::new();
    let with = rows.into_iter().map(|row| {
        let place = (row.session.identity.clone(), row.session.facts.partition_of.clone());
        let ends_at = row.session.facts.expires_at.unwrap_or(Timestamp::from_unix(i64::MAX));
        let newer = newer.entry(place).or_default();
        let next = newer.iter().rev().find(|(came_at, _)| Some(*came_at) >= row.signs_since);
        let followed_at = next.filter(|(_, ends)| *ends >= ends_at).map(|(came_at, _)| *came_at);
        newer.push((row.enrolled_at, ends_at));
        Row {
            row,
            followed_at,
            ended: Ended::default(),
            holders: Arc::default(),
            signed: false,
            is_last: false,
            is_unconfirmed: false,
            key_ended_by: String::new(),
        }
    });
    with.collect()
}

/// Whether a key is what its source gives, be it that it signs, waits or is dead; or what signs in its place.
fn is_given(secret: Secret) -> bool {
    matches!(secret, Secret::Signs | Secret::StandsIn | Secret::Waits | Secret::Dead | Secret::Displaced)
}

fn too_many() -> Error {
    let problem = format!("is left out, and there are more than {MAX_STATUSES} generations: name one");
    crate::s3::Refused::new("identity", problem).into()
}

/// Others of a key in one answer.
pub const MAX_OTHERS: usize = 100;
/// Generations in one answer.
pub const MAX_STATUSES: usize = crate::registry::MAX_SESSIONS;
