//! Who has which long-term key: AWS ends keys, not identities, and several may share one.
//!
//! Reads rows of sessions, never URLs. Decides nothing: `session::generation` says what may be done with a key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Rotation, Row, followed};
use crate::error::Error;
use crate::identity::{Identity, Lends};
use crate::registry::SessionRow;
use crate::session::generation::{Hold, Holder, Secret, State, has_no_end};
use crate::session::{RecordId, Session};
use crate::time::Timestamp;

impl Rotation {
    /// Long-term keys that may be signing at this moment. To be asked before the registry is read: who signs while that is
    /// read, and stops before it is asked whether it signs, has signed what is not counted.
    pub(super) fn signing(&self) -> HashSet<RecordId> {
        self.identities().iter().flat_map(|identity| identity.keys_in_use()).collect()
    }

    /// Adds to rows of long-term keys who else has them.
    /// `stopped` is a generation whose stop is about to be written down.
    pub(super) async fn join(
        &self,
        uid: u32,
        signing: &HashSet<RecordId>,
        rows: &mut [Row],
        stopped: Option<RecordId>,
    ) -> Result<(), Error> {
        let key_of = |row: &SessionRow| row.session.facts.access_key_id.clone();
        let keys = rows.iter().filter(|row| has_no_end(row.row.session.facts.kind)).map(|row| key_of(&row.row));
        let keys: HashSet<String> = keys.collect();
        if keys.is_empty() {
            return Ok(());
        }
        let wanted: Vec<&str> = keys.iter().map(String::as_str).collect();
        let all = self.issuer.registry().of_keys(uid, &wanted).await.map_err(Error::registry)?;
        let mut by_key: HashMap<String, Vec<Holder>> = HashMap::new();
        for row in followed(all) {
            let holder = self.holder(&row, signing);
            by_key.entry(key_of(&row.row)).or_default().push(holder);
        }
        for identity in self.identities() {
            let (hold, with) = self.mints_with(uid, &identity, stopped).await?;
            for key in with.into_iter().filter(|key| keys.contains(key)) {
                by_key.entry(key).or_default().push(minter(&identity, hold));
            }
        }
        let by_key: HashMap<String, Arc<[Holder]>> = by_key.into_iter().map(|(key, all)| (key, ordered(all))).collect();
        for row in rows.iter_mut().filter(|row| has_no_end(row.row.session.facts.kind)) {
            row.signed = signing.contains(&row.row.session.id);
            row.holders = by_key.get(&row.row.session.facts.access_key_id).cloned().unwrap_or_default();
        }
        Ok(())
    }

    /// Adds what identities tell of their keys: that AWS, which can be asked, never confirmed it; and, of an identity that
    /// signs nothing and mints nothing by itself, what it signed with last.
    pub(super) fn at_home(&self, mut rows: Vec<Row>) -> Vec<Row> {
        let now = self.issuer.clock().now();
        for row in &mut rows {
            let Session { identity, facts, .. } = &*row.row.session;
            let is_unnamed = facts.principal_arn.is_empty() && has_no_end(facts.kind);
            row.is_unconfirmed = is_unnamed
                && row.row.last_url_ends_at.is_none()
                && self.identity(identity).is_none_or(|own| own.can_be_named());
        }
        for identity in self.identities() {
            let gets_more = identity.partition_by().is_some() || identity.fresh().is_some();
            if gets_more || identity.signing_generation().is_some() {
                continue;
            }
            let own = || (0..rows.len()).rev().filter(|at| rows[*at].row.session.identity == *identity.name());
            let may_sign = |row: &Row| {
                let secret = self.secret_of(&row.row.session);
                let state = row.generation(secret, "").state(now);
                // What its source gives is not known before it was read.
                secret == Secret::Unread || matches!(state, State::Prepared | State::Active | State::Dead)
            };
            if own().any(|at| may_sign(&rows[at])) {
                continue;
            }
            let last = own().max_by_key(|at| stopped_at(&rows[*at], now));
            last.into_iter().for_each(|at| rows[at].is_last = true);
        }
        rows
    }

    fn identities(&self) -> Vec<Arc<Identity>> {
        let identities = &self.issuer.rules().identities;
        identities.names().filter_map(|name| identities.identity(name)).collect()
    }

    fn holder(&self, row: &Row, signing: &HashSet<RecordId>) -> Holder {
        let (session, now) = (&row.row.session, self.issuer.clock().now());
        let one = row.generation(self.secret_of(session), "");
        let hold = match Hold::of(one.state(now)) {
            Hold::Rests if signing.contains(&session.id) => Hold::Signs,
            hold => hold,
        };
        Holder {
            identity: session.identity.clone(),
            generation: Some(session.generation),
            session: Some(session.id),
            hold,
            since: one.since(now),
            outstanding_urls: row.row.outstanding,
            last_url_ends_at: row.row.last_url_ends_at,
            ended_early_urls: 0,
            stops_at: None,
        }
    }

    /// The keys with which an identity gets its next session, as far as is known: that of its base, or of whoever minted
    /// what it has.
    async fn mints_with(
        &self,
        uid: u32,
        identity: &Identity,
        stopped: Option<RecordId>,
    ) -> Result<(Hold, HashSet<String>), Error> {
        if let Some(base) = identity.table().base().and_then(|base| self.identity(base)) {
            return match base.signing_generation() {
                Some(live) => Ok((Hold::Mints, HashSet::from([live.session.facts.access_key_id.clone()]))),
                None => self.would_mint_with(uid, &base, stopped).await,
            };
        }
        let signing = identity.signing();
        let mut parents: HashSet<String> =
            signing.iter().map(|live| live.session.facts.parent_access_key_id.clone()).collect();
        if parents.is_empty() && identity.fresh().is_some() {
            let newest =
                self.issuer.registry().generations(uid, identity.name(), None).await.map_err(Error::registry)?;
            parents.extend(newest.first().map(|row| row.session.facts.parent_access_key_id.clone()));
        }
        parents.remove("");
        Ok((Hold::Mints, parents))
    }

    /// Of a base that signs nothing: the keys that it may come to lend, or else the one that it lent until it was stopped,
    /// with which nobody is given a session any more.
    async fn would_mint_with(
        &self,
        uid: u32,
        base: &Identity,
        stopped: Option<RecordId>,
    ) -> Result<(Hold, HashSet<String>), Error> {
        let now = self.issuer.clock().now();
        let rows = self.issuer.registry().generations(uid, base.name(), None).await.map_err(Error::registry)?;
        let key_of = |session: &Session| session.facts.access_key_id.clone();
        let may = match base.lends(&rows) {
            Lends::Now(session) => vec![session],
            Lends::Soon(keys) => keys,
            Lends::Unknown | Lends::Nothing => Vec::new(),
        };
        let may: HashSet<String> =
            may.iter().filter(|session| Some(session.id) != stopped).map(|session| key_of(session)).collect();
        if !may.is_empty() {
            return Ok((Hold::Mints, may));
        }
        let rows = followed(rows);
        let stopped = rows.iter().rev().filter_map(|row| Some((stopped_at(row, now)?, row)));
        let last = stopped.max_by_key(|(at, _)| *at);
        Ok((Hold::CutOff, last.map(|(_, row)| key_of(&row.row.session)).into_iter().collect()))
    }
}

/// When it was kept from signing, where nothing else took its place: now, while that is not written down yet, or it was seen
/// dead.
pub(super) fn stopped_at(row: &Row, now: Timestamp) -> Option<Timestamp> {
    let stopped_at = row.row.drained_since.or(row.row.retired_at);
    stopped_at.or_else(|| row.followed_at.is_none().then_some(now)).filter(|_| !row.row.replaced)
}

fn minter(identity: &Identity, hold: Hold) -> Holder {
    let sessions = identity.signing();
    let ends = sessions.iter().filter_map(|live| live.session.facts.expires_at);
    Holder {
        identity: identity.name().clone(),
        generation: None,
        session: None,
        hold,
        since: None,
        outstanding_urls: 0,
        last_url_ends_at: None,
        ended_early_urls: 0,
        stops_at: ends.min().filter(|_| hold == Hold::CutOff),
    }
}

/// Those that need it first; of those that do not, the one whose URLs live longest.
fn ordered(mut all: Vec<Holder>) -> Arc<[Holder]> {
    all.sort_by(|one, other| {
        let last = |holder: &Holder| std::cmp::Reverse(holder.last_end());
        (one.hold, last(one), &one.identity).cmp(&(other.hold, last(other), &other.identity))
    });
    all.into()
}
