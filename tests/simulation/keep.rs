//! Keeps an identity in sessions, as simply as can be: the planner's own rule says when to renew. What the real keeper
//! does is looked at in [`crate::days`].

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use presignd::config::identity::MAX_CHAINED_DURATION;
use presignd::session::lifetime::{Fresh, LimitedBy, renew_at};
use presignd::session::{IdentityName, InstanceId, IssueInterval, RecordId, Session};

use crate::acts::DAY;
use crate::cast::Source;
use crate::facts;
use crate::model::Millis;
use crate::model::principal::{Credential, Kind};
use crate::model::sts::{CHAINING, ROLE_MAXIMUM, Refused};
use crate::months::Months;

/// One identity.
pub(crate) struct Kept {
    pub name: IdentityName,
    pub next_at: Millis,
    /// Newest last.
    sessions: Vec<Arc<Session>>,
    cap: Option<LimitedBy>,
    /// Renewed ahead of the end, by whatever the planner calls the time; others when somebody asks.
    ahead: bool,
    headroom: Option<Duration>,
    failures: u32,
    generation: u64,
}

impl Kept {
    pub(crate) fn new(rng: &mut Rng, number: usize) -> Self {
        let name = IdentityName::parse(&format!("identity-{number}")).expect("a name");
        let headroom = (rng.u8(..4) != 0).then(|| Duration::from_secs(rng.u64(300..1200)));
        let ahead = rng.u8(..5) == 0;
        Self { name, next_at: 0, sessions: Vec::new(), cap: None, ahead, headroom, failures: 0, generation: 0 }
    }
}

/// What a source gives, and when AWS made it as far as presignd can know.
struct Got {
    credential: Credential,
    issued: IssueInterval,
    parent: Option<(RecordId, String)>,
}

impl Months {
    /// The longest life, and of long-term keys the newest.
    pub(crate) fn current(&self, number: usize) -> Option<Arc<Session>> {
        let (now, sessions) = (self.wrist.now(self.now), &self.kept[number].sessions);
        let newest = sessions.last()?;
        let stands = |one: &&Arc<Session>| one.facts.expires_at.is_some() || one.id == newest.id;
        let living = sessions.iter().filter(stands).filter(|one| one.left(now).is_some());
        living.max_by_key(|one| (one.left(now), one.generation)).cloned()
    }

    /// Renewed only when somebody asks.
    fn is_lazy(&self, number: usize) -> bool {
        !self.kept[number].ahead && self.wanted(number).is_some()
    }

    /// As the sources that mint say it.
    pub(crate) fn fresh(&self, number: usize) -> Option<Fresh> {
        let wanted = Duration::from_secs(self.wanted(number)?.unsigned_abs());
        Some(match self.kept[number].cap {
            Some(limited_by) => Fresh { duration: wanted.min(MAX_CHAINED_DURATION), limited_by },
            None => Fresh { duration: wanted, limited_by: LimitedBy::Session },
        })
    }

    pub(crate) fn wanted(&self, number: usize) -> Option<i64> {
        match &self.sources[number] {
            Source::Minted { seconds, .. } | Source::Web { seconds, .. } => Some(*seconds),
            Source::File { .. } | Source::Read(_) => None,
        }
    }

    /// What AWS would give at most for what is configured: a refused duration is asked for again as an hour (2.1, 2.2).
    pub(crate) fn obtainable(&self, number: usize) -> Option<Duration> {
        let wanted = self.wanted(number)?;
        let maximum = |arn: &str| self.aws.role_of(arn).map_or(0, |role| self.aws.roles[role].maximum);
        let fits = match &self.sources[number] {
            Source::Minted { kind: Kind::Assumed, base, role_arn, .. } => {
                let chained = !matches!(&self.sources[*base], Source::File { .. });
                wanted <= maximum(role_arn) && (!chained || wanted <= 3600)
            }
            Source::Web { role_arn, .. } => wanted <= maximum(role_arn),
            _ => true,
        };
        Some(Duration::from_secs(if fits { wanted } else { wanted.min(3600) }.unsigned_abs()))
    }

    /// One attempt. A failure takes nothing away (promise 6).
    pub(crate) fn renew(&mut self, number: usize) -> bool {
        let before = self.current(number);
        let got = self.get(number);
        let worked = got.is_ok();
        match got {
            Ok(got) => {
                self.admit(number, got);
                self.ledger.tally.renewed += 1;
                self.kept[number].failures = 0;
            }
            Err(refused) => {
                if let Some(change) = refused.and_then(|refused| refused.because) {
                    self.was_forecast(number, change);
                }
                self.ledger.tally.failed += 1;
                let least = if self.is_lazy(number) { DAY } else { 1000 };
                let kept = &mut self.kept[number];
                kept.failures = kept.failures.saturating_add(1).min(10);
                kept.next_at = self.now + least.max(self.rng.i64(0..=(4000 << kept.failures)));
                let still = before.filter(|live| live.left(self.wrist.now(self.now)).is_some()).map(|live| live.id);
                assert!(still.is_none() || self.current(number).map(|live| live.id) == still, "promise 6");
            }
        }
        worked
    }

    fn admit(&mut self, number: usize, got: Got) {
        let key = &got.credential.access_key_id;
        let known = self.kept[number].sessions.iter().any(|one| one.facts.access_key_id == *key);
        if !known {
            self.may_renew(number, &got.credential);
            let Got { credential, issued, parent } = got;
            // Once in a while nobody can say whose it is.
            let tells = matches!(credential.kind, Kind::Assumed | Kind::Web | Kind::Federated);
            let named = tells || self.rng.u8(..20) != 0;
            let at = credential.issued_at.map(presignd::time::Timestamp::from_unix);
            let within = |at: &presignd::time::Timestamp| {
                *at <= issued.not_after && issued.not_before.is_none_or(|from| from <= *at)
            };
            assert!(at.is_none_or(|at| within(&at)), "issued at {at:?}, not within {issued:?}");
            // Somebody may read the very second in CloudTrail (6.2).
            let issued = match at.filter(|_| self.rng.u8(..8) == 0) {
                Some(at) => IssueInterval { not_before: Some(at), not_after: at },
                None => issued,
            };
            let facts = facts::of(&self.aws, &credential, issued, named, parent);
            self.sessions += 1;
            let id = RecordId { instance: InstanceId::from_random(1), number: self.sessions };
            let kept = &mut self.kept[number];
            kept.generation += 1;
            let (identity, generation) = (kept.name.clone(), kept.generation);
            kept.sessions.push(Arc::new(Session { id, identity, generation, facts }));
            let now = self.wrist.now(self.now);
            self.kept[number].sessions.retain(|one| one.left(now).is_some());
        }
        self.kept[number].next_at = self.next(number);
    }

    fn next(&self, number: usize) -> Millis {
        let kept = &self.kept[number];
        if self.is_lazy(number) {
            return self.now + DAY;
        }
        let Some(session) = self.current(number) else { return self.now + 60_000 };
        let life = session.facts.expires_at.and_then(|ends_at| session.facts.issued.not_after.until(ends_at));
        let headroom = life.map(|life| kept.headroom.filter(|headroom| *headroom < life).unwrap_or(life / 2));
        let due = headroom.and_then(|headroom| renew_at(&session, headroom)).map(|due| due.unix() * 1000);
        // Who only reads looks again now and then.
        due.filter(|due| *due > self.now).map_or(self.now + LOOK_AGAIN, |due| due.min(self.now + DAY))
    }

    /// What the source has. Time passes while it is asked.
    fn get(&mut self, number: usize) -> Result<Got, Option<Refused>> {
        match &self.sources[number] {
            Source::File { key, .. } => {
                let credential = self.aws.credentials[key].clone();
                let issued = self.call(|_, _| Ok(()))?.1;
                Ok(Got { credential, issued: facts::unknown(issued.not_after), parent: None })
            }
            Source::Read(_) => {
                let reached = self.now >= self.away_until;
                let Source::Read(machine) = &mut self.sources[number] else { return Err(None) };
                let shown = machine.read(&mut self.aws, self.now, reached).ok_or(None)?;
                let credential = self.aws.credentials[&shown].clone();
                let heard = self.call(|_, _| Ok(())).map(|(_, issued)| issued.not_after);
                let seen_at = heard.unwrap_or(self.wrist.now(self.now));
                // presignd takes no credentials that have ended.
                let ends_at = credential.ends_at.map(presignd::time::Timestamp::from_unix);
                let living = ends_at.is_none_or(|ends_at| ends_at > self.wrist.now(self.now));
                if living { Ok(Got { credential, issued: facts::unknown(seen_at), parent: None }) } else { Err(None) }
            }
            Source::Minted { .. } | Source::Web { .. } => {
                let wanted = self.wanted(number).ok_or(None)?;
                let seconds = if self.kept[number].cap.is_some() { wanted.min(3600) } else { wanted };
                match self.mint(number, seconds) {
                    Err(Some(refused)) if seconds > 3600 && (refused == ROLE_MAXIMUM || refused == CHAINING) => {
                        let limited_by = if refused == CHAINING { LimitedBy::Chaining } else { LimitedBy::RoleMaximum };
                        self.kept[number].cap = Some(limited_by);
                        self.mint(number, 3600)
                    }
                    outcome => outcome,
                }
            }
        }
    }

    fn mint(&mut self, number: usize, seconds: i64) -> Result<Got, Option<Refused>> {
        let name = format!("presignd-{}-{}", self.kept[number].name, self.sessions);
        let (base, kind, role_arn) = match &self.sources[number] {
            Source::Minted { kind, base, role_arn, .. } => (Some(*base), *kind, role_arn.clone()),
            Source::Web { role_arn, .. } => (None, Kind::Web, role_arn.clone()),
            Source::File { .. } | Source::Read(_) => return Err(None),
        };
        let Some(base) = base else {
            let (credential, issued) = self.call(|aws, now| aws.web_identity(now, &role_arn, &name, seconds))?;
            return Ok(Got { credential, issued, parent: None });
        };
        if self.current(base).is_none() && !self.renew(base) {
            return Err(None);
        }
        let lent = self.current(base).ok_or(None)?;
        let key = lent.facts.access_key_id.clone();
        let token = self.aws.credentials[&key].token.clone();
        let (credential, issued) = self.call(|aws, now| {
            let by = aws.caller(now, &key, token.as_deref())?;
            match kind {
                Kind::SessionToken => aws.session_token(now, &by, seconds),
                Kind::Federated => aws.federation_token(now, &by, &name[..name.len().min(32)], seconds),
                _ => aws.assume_role(now, &by, &role_arn, &name, seconds),
            }
        })?;
        let id = lent.id;
        self.parents.insert(id, lent);
        Ok(Got { credential, issued, parent: Some((id, key)) })
    }

    /// One call of STS: it takes its time, and gives nothing while STS is away. An answer tells the time, good or bad.
    fn call<T>(
        &mut self,
        does: impl FnOnce(&mut crate::model::Aws, Millis) -> Result<T, Refused>,
    ) -> Result<(T, IssueInterval), Option<Refused>> {
        let sent = self.now;
        let slow = self.rng.u8(..30) == 0;
        let takes = self.rng.i64(20..if slow { 9000 } else { 400 });
        if sent < self.away_until {
            self.now += takes;
            return Err(None);
        }
        let done = sent + self.rng.i64(0..=takes);
        let dated = done + self.rng.i64(0..=(sent + takes - done));
        self.now = sent + takes;
        let outcome = does(&mut self.aws, done);
        let issued = self.wrist.hear(sent, dated, self.now);
        outcome.map(|given| (given, issued)).map_err(Some)
    }
}

const LOOK_AGAIN: Millis = 300 * 60_000;
