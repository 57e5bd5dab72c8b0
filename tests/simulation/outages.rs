//! What presignd forecasts of identities, beside what becomes of them: a renewal that fails because of an event was
//! forecast, and one that was forecast to fail does; what is signed after an event is dead from its birth, or
//! dies early by its age, if and only if
//! that was said, and what was said to mend it does.

use std::collections::BTreeMap;

use presignd::impact::event::Event;
use presignd::impact::outage::{Holder, Lends, Loss, Outage, Reach, Recovery, Source as Told, outages};
use presignd::session::{CredentialKind, Facts, RecordId, Session};
use presignd::signer::realm::Realm;
use presignd::time::Timestamp;

use crate::cast::Source;
use crate::model::Millis;
use crate::model::act::Act;
use crate::model::principal::{Credential, Kind};
use crate::model::statement::{Place, Who};
use crate::model::used::{Op, Use};
use crate::months::Months;

/// By the number of the change.
#[derive(Default)]
pub(crate) struct Outages(BTreeMap<usize, Forecast>);

/// What was said of one event.
struct Forecast {
    /// Identities that sign nothing that works, or get no next session.
    said: BTreeMap<usize, Outage>,
    /// What signed then.
    sessions: BTreeMap<usize, RecordId>,
    /// Identities of which presignd did not know then what they would get next.
    unknown: Vec<usize>,
}

impl Months {
    /// presignd is asked whose renewal an act would stop.
    pub(crate) fn forecast(&mut self, change: usize, act: &Act, event: &Event) {
        if !is_told_of(act) {
            return;
        }
        let sessions: Vec<_> = (0..self.kept.len()).map(|number| self.current(number)).collect();
        let parent = |session: &presignd::session::Session| self.parents.get(&session.facts.parent?).cloned();
        let parents: Vec<_> = sessions.iter().map(|session| session.as_deref().and_then(parent)).collect();
        let aws = Realm::parse("aws").expect("a partition");
        let holders: Vec<_> = (0..self.kept.len())
            .map(|number| Holder {
                renews_at: None,
                identity: &self.kept[number].name,
                source: self.told(number),
                signs_for: &aws,
                session: sessions[number].as_deref(),
                last: None,
                parent: parents[number].as_deref(),
                lends: Lends::Whatever,
                dead: None,
                returns: None,
            })
            .collect();
        let number = |name: &_| self.kept.iter().position(|kept| kept.name == *name).expect("one of ours");
        let now = Timestamp::from_unix(self.now / 1000);
        let said: BTreeMap<_, _> =
            outages(event, &holders, now).into_iter().map(|outage| (number(&outage.identity), outage)).collect();
        let is_unknown = |number: &usize| {
            let facts = sessions[*number].as_deref().map(|session| &session.facts);
            facts.is_none_or(|facts| facts.principal_arn.is_empty() || self.is_of_former_role(*number, facts))
        };
        let unknown = (0..self.kept.len()).filter(is_unknown).collect();
        let of = |number: usize| sessions[number].as_deref().map(|session: &Session| (number, session.id));
        let sessions = (0..self.kept.len()).filter_map(of).collect();
        self.outages.0.insert(change, Forecast { said, sessions, unknown });
    }

    /// Whether its machine has been given another role since, of which presignd will learn when a session of that comes.
    fn is_of_former_role(&self, number: usize, facts: &Facts) -> bool {
        let Source::Read(machine) = &self.sources[number] else { return false };
        self.aws.credentials[&facts.access_key_id].role() != Some(machine.role)
    }

    fn told(&self, number: usize) -> Told<'_> {
        match &self.sources[number] {
            Source::Minted { kind, base, role_arn, .. } => {
                let kind = match kind {
                    Kind::SessionToken => CredentialKind::SessionToken,
                    Kind::Federated => CredentialKind::FederationToken,
                    _ => CredentialKind::AssumeRole,
                };
                let role_arn = (kind == CredentialKind::AssumeRole).then_some(role_arn.as_str());
                Told::Minted { kind, base: Some(&self.kept[*base].name), role_arn }
            }
            Source::Web { role_arn, .. } => Told::WebIdentity { role_arn: Some(role_arn) },
            Source::File { .. } | Source::Read(_) => Told::Read,
        }
    }

    /// The identity and what it is based on, for whoever reads of a failure.
    fn tell(&self, number: usize) -> String {
        let one = |number: &usize| {
            let session = self.current(*number);
            let facts = session.as_ref().map(|session| &session.facts);
            let facts = facts.map(|facts| (&facts.access_key_id, &facts.parent_access_key_id, facts.expires_at));
            format!("\n{number}: {:?}, {facts:?}", self.sources[*number])
        };
        self.line(number).iter().map(one).collect()
    }

    /// The identity, its base, and so on.
    fn line(&self, number: usize) -> Vec<usize> {
        let mut line = vec![number];
        while let Source::Minted { base, .. } = &self.sources[line[line.len() - 1]] {
            line.push(*base);
        }
        line
    }

    /// A renewal failed because of a change: that was said, and for when, if nothing is left that signs.
    pub(crate) fn was_forecast(&self, number: usize, change: usize) {
        let Some(forecast) = self.outages.0.get(&change) else { return };
        if self.is_unknown(number, forecast) {
            return;
        }
        let (said, done) = (forecast.said.get(&number), self.aws.change(change));
        let has_none = self.current(number).is_none() && !self.wrist.is_off;
        // What mints for it gets another session in time.
        let waits = self.line(number).iter().skip(1).any(|base| forecast.is_mended(*base));
        let fits = said.is_some() || waits && !has_none;
        assert!(fits, "{done:?} stops identity {number}, and nobody said so: {:?}", forecast.said);
        let at = said.and_then(|said| said.at).map(|at| at.unix() * 1000);
        let early = at.is_some_and(|at| self.now.saturating_add(self.wrist.within) < at);
        assert!(!early || !has_none, "{done:?} stops {number} at {}, before {said:?}: {}", self.now, self.tell(number));
    }

    /// A URL is signed: whether it is dead from its birth was said, for as long as nothing is undone.
    pub(crate) fn is_as_forecast(&mut self, number: usize, session: &Session, used: &Use) {
        let credential = &self.aws.credentials[&used.access_key_id];
        for (change, forecast) in &self.outages.0 {
            let Some(done) = self.aws.change(*change).filter(|done| done.undone.is_none()) else { continue };
            let nameless = session.facts.principal_arn.is_empty() || forecast.unknown.contains(&number);
            let Some(first) = forecast.sessions.get(&number).filter(|_| !nameless && is_of_sessions(&done.what)) else {
                continue;
            };
            let window = self.aws.window(done, used, credential).filter(|window| !window.untold);
            let ends = (used.date + used.expires).min(credential.ends_at.unwrap_or(i64::MAX)) * 1000;
            let (hit, refused) = (window.is_some(), window.as_ref().is_some_and(|window| window.from < ends));
            let said = forecast.said.get(&number).filter(|said| said.loss != Loss::NoSession);
            let since = credential.issued_at.is_some_and(|issued| issued >= spared_from(&done.what, done.at));
            let about = || format!("{done:?}\nsaid {said:?}\nof {used:?}\nby {:?}", session.facts);
            match said {
                None if *first == session.id => assert!(!refused, "dead, and nobody said so: {}", about()),
                Some(said) if *first == session.id && said.conditions.is_empty() && covers(&said.reach, used) => {
                    assert!(hit, "said to be dead or to die early, and works: {}", about());
                    match said.loss {
                        Loss::ShortLinks { life } => {
                            let age = i64::try_from(life.as_secs()).expect("at most a week");
                            let from = window.map(|window| window.from);
                            assert!(from >= Some((used.date + age) * 1000), "sooner than was said: {}", about());
                            self.ledger.tally.cut_short += u64::from(refused);
                        }
                        Loss::DeadLinks | Loss::NoSession => self.ledger.tally.dead_on_arrival += 1,
                    }
                }
                Some(said) if *first != session.id && since && said.recovery != Recovery::None => {
                    assert!(!refused, "said to mend it, and is dead: {}", about());
                    self.ledger.tally.mended += 1;
                }
                _ => {}
            }
        }
    }

    /// Whether presignd did not know what it or something that it is based on would get next.
    fn is_unknown(&self, number: usize, forecast: &Forecast) -> bool {
        self.line(number).iter().any(|one| forecast.unknown.contains(one))
    }

    /// For how much longer than was said it may get sessions: its base may get one more while its own base has one.
    fn slack(&self, number: usize, forecast: &Forecast) -> Millis {
        let line = self.line(number);
        let stopped = line.windows(2).skip(1).filter(|pair| forecast.said.contains_key(&pair[1]));
        stopped.map(|pair| self.wanted(pair[0]).unwrap_or(0) * 1000).sum()
    }

    /// A renewal gave another session, and not one that was dead before it came.
    pub(crate) fn may_renew(&mut self, number: usize, given: &Credential) {
        if matches!(self.sources[number], Source::File { .. }) {
            return self.key_is_another();
        }
        // Metadata goes on handing out sessions of a role that is denied everything.
        let denied = self.aws.denies_everything(given, self.now);
        if self.aws.refuses(given, self.now).or(denied).is_some() {
            return;
        }
        for (change, forecast) in &self.outages.0 {
            let Some(done) = self.aws.change(*change).filter(|done| done.undone.is_none()) else { continue };
            let last = self.now - self.slack(number, forecast);
            let stopped = forecast.stops(number).is_some_and(|said| {
                // Where its instant is sure, the session that it had is the last, and none comes even before that ends.
                let is_last = said.loss == Loss::NoSession && !said.may_come_later;
                is_last || said.at.is_none_or(|at| at.unix() * 1000 < last)
            });
            // Whether a Deny keeps GetSessionToken from its user is not said.
            let spares = matches!(&self.sources[number], Source::Minted { kind: Kind::SessionToken, .. });
            // An SCP does not bind the management account, and presignd cannot know which that is.
            let of_scp = matches!(&done.what, Act::Denied(statement) if statement.place == Place::Scp);
            // Who makes a role again may give it to the machine again.
            let given = matches!(&done.what, Act::RoleRemade { .. });
            let untold = spares || given || of_scp && self.aws.home_is_management;
            let said = stopped && !untold && !self.is_unknown(number, forecast);
            let (at, stop) = (self.now, &forecast.said);
            assert!(
                !said,
                "{done:?} was said to stop {number} in {stop:?}, and at {at} it renews: {}",
                self.tell(number)
            );
        }
    }

    /// Somebody has seen to what the change broke.
    pub(crate) fn forecast_is_over(&mut self, change: usize) {
        self.outages.0.remove(&change);
    }

    /// Another role is an answer to whatever befell the former.
    pub(crate) fn role_is_another(&mut self, number: usize) {
        self.outages.0.values_mut().for_each(|forecast| forecast.unknown.push(number));
    }

    /// A role that is made again has none of the policies of the former.
    pub(crate) fn role_is_bare(&mut self, role: usize) {
        let aws = &self.aws;
        self.outages.0.retain(|number, _| {
            let act = aws.change(*number).map(|change| &change.what);
            !matches!(act, Some(Act::Denied(statement)) if matches!(statement.place, Place::Role(of) if of == role))
        });
    }

    /// Another key in a file is an answer to whatever befell the former.
    fn key_is_another(&mut self) {
        let of_key = |number: &usize| {
            let act = self.aws.change(*number).map(|change| &change.what);
            matches!(act, Some(Act::KeyOff(_) | Act::KeyGone(_) | Act::UserGone(_)))
        };
        let over: Vec<_> = self.outages.0.keys().copied().filter(of_key).collect();
        self.outages.0.retain(|number, _| !over.contains(number));
    }
}

impl Forecast {
    /// What was said of one that gets no session that works any more.
    fn stops(&self, number: usize) -> Option<&Outage> {
        let lasts = |said: &&Outage| said.is_stop() && said.recovery == Recovery::None && said.conditions.is_empty();
        self.said.get(&number).filter(lasts).filter(|said| said.reach == Reach::Everything)
    }

    fn is_mended(&self, number: usize) -> bool {
        self.said.get(&number).is_some_and(|said| said.recovery != Recovery::None)
    }
}

/// Acts that stop renewals, or make sessions sign dead links, as far as SEMANTICS.md says it (1.3 c, d, f to i, q, r, t;
/// 1.4; 2.2).
fn is_told_of(act: &Act) -> bool {
    is_of_sessions(act)
        || matches!(act, Act::TrustEdited(_) | Act::ProviderGone(_) | Act::MachineGone(_) | Act::SsoUserOff(_))
}

/// Those that end what a session signs, whatever it signs or in a bucket.
fn is_of_sessions(act: &Act) -> bool {
    match act {
        Act::KeyOff(_)
        | Act::KeyGone(_)
        | Act::UserGone(_)
        | Act::UserRevoked { .. }
        | Act::RoleRevoked { .. }
        | Act::RoleGone(_)
        | Act::RoleRemade { .. } => true,
        // One about some objects that names nobody is about these.
        Act::Denied(statement) => {
            let of_objects = !statement.prefix.is_empty() && statement.who == Who::Everybody;
            // By age it is a limit on whatever is signed there.
            statement.older_than.is_some() || !(of_objects && matches!(statement.place, Place::Bucket | Place::Rcp))
        }
        _ => false,
    }
}

/// From which second on sessions are issued that the act does not concern.
fn spared_from(act: &Act, at: Millis) -> i64 {
    let before = match act {
        Act::RoleRevoked { before, .. } | Act::UserRevoked { before, .. } => Some(*before),
        Act::Denied(statement) => statement.issued_before,
        _ => None,
    };
    (at / 1000).max(before.unwrap_or(i64::MIN))
}

/// Whether what was said to be dead has this request in it, as far as that is plain.
fn covers(reach: &Reach, used: &Use) -> bool {
    match reach {
        Reach::Everything => true,
        Reach::Matching { bucket, key_prefix, actions } => {
            let there = bucket.is_empty() || *bucket == used.bucket && used.point.is_none();
            // Without a key there is nothing that begins so, and what copies asks for more.
            let key = key_prefix.is_empty() || used.key.starts_with(key_prefix.as_str());
            there && key && actions.is_empty() && used.op != Op::List && used.op != Op::Form
        }
    }
}
