//! The rules and the planner alone, for months at a time: identities are kept in sessions as simply as can be, callers
//! ask, people do things to AWS, and every URL is followed to its end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use fastrand::Rng;
use presignd::access::Caller;
use presignd::issued::{Fingerprint, IssuedUrl};
use presignd::s3::Region;
use presignd::session::lifetime::{Lifetime, LimitedBy, MINT_ALLOWANCE, Plan, TooShort, WORTH, Want, plan};
use presignd::session::{InstanceId, RecordId, Session};
use presignd::time::{Timestamp, Ttl};

use crate::acts::{self, DAY, HOUR, Target};
use crate::asks;
use crate::cast::{self, Source};
use crate::heal;
use crate::keep::Kept;
use crate::ledger::{Ledger, Out};
use crate::model::act::Act;
use crate::model::metadata::Machine;
use crate::model::{Aws, LATEST, Millis};
use crate::outages::Outages;
use crate::tally::Tally;
use crate::told;
use crate::wrist::Wrist;

/// One run.
pub(crate) struct Months {
    pub rng: Rng,
    pub aws: Aws,
    pub sources: Vec<Source>,
    pub kept: Vec<Kept>,
    pub wrist: Wrist,
    pub now: Millis,
    /// Until when STS and metadata services are away.
    pub away_until: Millis,
    /// Sessions so far.
    pub sessions: u64,
    /// Those that others were minted from.
    pub parents: BTreeMap<RecordId, Arc<Session>>,
    pub ledger: Ledger,
    pub outages: Outages,
    /// What happens next, soonest first; the number keeps the order of what comes together.
    next: BinaryHeap<Reverse<(Millis, u64, Turn)>>,
    turns: u64,
    urls: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Renew(usize),
    Ask,
    Act,
    Undo(usize),
    Heal(usize),
    Outage,
    Settle,
}

/// Runs so many days, and on until the last URL has ended.
pub(crate) fn run(seed: u64, days: i64) -> Tally {
    let mut rng = Rng::with_seed(seed);
    let (aws, sources) = cast::any(&mut rng);
    let kept = (0..sources.len()).map(|number| Kept::new(&mut rng, number)).collect();
    let wrist = Wrist::any(&mut rng);
    let mut months = Months {
        rng,
        aws,
        sources,
        kept,
        wrist,
        now: START,
        away_until: START,
        sessions: 0,
        parents: BTreeMap::new(),
        ledger: Ledger::default(),
        outages: Outages::default(),
        next: BinaryHeap::new(),
        turns: 0,
        urls: 0,
    };
    months.run(START + days * DAY);
    months.ledger.tally
}

impl Months {
    fn run(&mut self, until: Millis) {
        for number in 0..self.kept.len() {
            self.then(0, Turn::Renew(number));
        }
        for turn in [Turn::Ask, Turn::Act, Turn::Outage, Turn::Settle] {
            self.then(HOUR, turn);
        }
        // After the last act, every URL is followed to its end.
        let end = until + 7 * DAY + LATEST + HOUR;
        while let Some(Reverse((at, _, turn))) = self.next.pop().filter(|Reverse((at, ..))| *at <= end) {
            self.now = self.now.max(at);
            let goes_on = self.now < until;
            match turn {
                Turn::Renew(number) => {
                    self.renew(number);
                    let next = self.kept[number].next_at;
                    self.then(next - self.now, turn);
                }
                Turn::Ask if goes_on => {
                    self.ask();
                    let pause = self.rng.i64(0..2 * BETWEEN_ASKS);
                    self.then(pause, turn);
                }
                Turn::Act if goes_on => {
                    self.act();
                    let pause = self.rng.i64(0..2 * BETWEEN_ACTS);
                    self.then(pause, turn);
                }
                Turn::Outage if goes_on => {
                    let (long, pause) = (self.rng.i64(0..6 * HOUR), self.rng.i64(0..6 * DAY));
                    self.away_until = self.now + long;
                    self.then(long + pause, turn);
                }
                Turn::Ask | Turn::Act | Turn::Outage => {}
                Turn::Undo(change) => self.aws.undo(change, self.now),
                Turn::Heal(change) => {
                    heal::after(&mut self.aws, &mut self.sources, change);
                    self.forecast_is_over(change);
                }
                Turn::Settle => {
                    self.wrist.wander(&mut self.rng);
                    self.ledger.settle(&mut self.rng, &self.aws, self.now);
                    self.aws.forget_before(self.now - 9 * DAY);
                    self.then(DAY, turn);
                }
            }
        }
        assert!(self.ledger.out.is_empty(), "every URL has come to its end");
    }

    fn then(&mut self, after: Millis, turn: Turn) {
        self.turns += 1;
        self.next.push(Reverse((self.now + after.max(0), self.turns, turn)));
    }

    /// Somebody does something to AWS; presignd is asked first.
    fn act(&mut self) {
        let Some(out) = (!self.ledger.out.is_empty()).then(|| self.rng.usize(..self.ledger.out.len())) else { return };
        // People's clocks show whole seconds.
        self.now = (self.now / 1000 + 1) * 1000;
        let out = &self.ledger.out[out];
        let credential = &self.aws.credentials[&out.used.access_key_id];
        if self.aws.is_gone_before(credential, usize::MAX) {
            return;
        }
        let target = Target { used: &out.used, credential, identity: out.identity };
        let chosen = acts::any(&mut self.rng, &self.aws, self.now, &target);
        let names: Vec<_> = self.kept.iter().map(|kept| kept.name.clone()).collect();
        let event = told::event(&mut self.rng, &self.aws, &names, self.now, chosen.settles, &chosen.act);
        self.swap(&chosen.act);
        let at_once = matches!(chosen.act, Act::RoleRemade { .. });
        let change = self.aws.act(self.now, chosen.settles, chosen.act.clone());
        self.forecast(change, &chosen.act, &event);
        if at_once {
            heal::after(&mut self.aws, &mut self.sources, change);
        }
        self.ledger.tell(&self.aws, change, event, self.now);
        if let Some(after) = chosen.undone_after {
            self.then(after, Turn::Undo(change));
        }
        if !at_once {
            self.then(chosen.healed_after, Turn::Heal(change));
        }
    }

    /// Another profile: the machine has another role from now on.
    fn swap(&mut self, act: &Act) {
        if let Act::RoleRemade { role } = act {
            self.role_is_bare(*role);
        }
        if let Act::ProfileSwapped(number) = act
            && let Source::Read(Machine { role, .. }) = &mut self.sources[*number]
        {
            *role = self.aws.add_role("/swapped/", &format!("role-{number}-{}", self.now), 3600);
            self.role_is_another(*number);
        }
    }

    /// A caller asks, and gets what the planner allows (promise 2).
    fn ask(&mut self) {
        let number = self.rng.usize(..self.kept.len());
        let (asked, granted) =
            (length(&mut self.rng), if self.rng.u8(..8) == 0 { length(&mut self.rng) } else { Ttl::MAX });
        let at_least = match self.rng.u8(..4) {
            0 => Ttl::MIN,
            1 => asked,
            2 => asked.nine_tenths(),
            _ => length(&mut self.rng).min(asked),
        };
        let want = Want { asked, at_least, granted };
        let (mut fresh, mut tried) = (self.fresh(number), false);
        loop {
            let (now, live) = (self.wrist.now(self.now), self.current(number));
            match (plan(now, want, live.as_deref(), fresh), live) {
                (Plan::Sign(life), live) => {
                    self.is_not_short(number, want, life, tried);
                    return self.sign(number, live.expect("only a live session signs"), now, life);
                }
                (Plan::Refuse(short), live) if live.is_some() || tried => {
                    return self.is_right_to_refuse(number, want, short, tried);
                }
                // What is only read may be there by now.
                (Plan::RenewFirst | Plan::Refuse(_), _) => {
                    self.renew(number);
                    (fresh, tried) = (None, true);
                }
            }
        }
    }

    /// A life shorter than asked is granted only where no session would give more.
    fn is_not_short(&self, number: usize, want: Want, life: Lifetime, tried: bool) {
        let Lifetime { ttl, limited_by } = life;
        let most = want.asked.min(want.granted);
        assert!(ttl >= want.at_least && ttl <= most, "{want:?} got {ttl}");
        let limit = if ttl < most {
            LimitedBy::Session
        } else if most < want.asked {
            LimitedBy::Grant
        } else {
            LimitedBy::Request
        };
        assert_eq!(limited_by, limit, "{want:?} got {ttl}");
        let better = self.obtainable(number).is_some_and(|best| best >= most.duration() + MINT_ALLOWANCE);
        // Not for the last tenth of what is asked.
        let near = most.seconds() - ttl.seconds() <= most.seconds() / WORTH;
        assert!(near || tried || !better, "promise 2: {want:?} got {ttl}, and a fresh session gives more");
    }

    fn is_right_to_refuse(&mut self, number: usize, want: Want, short: TooShort, tried: bool) {
        self.ledger.tally.refused += 1;
        if want.granted < want.at_least {
            return assert_eq!(short.limited_by, LimitedBy::Grant);
        }
        let better = self.obtainable(number).is_some_and(|best| best >= want.at_least.duration() + MINT_ALLOWANCE);
        assert!(tried || !better, "promise 2: {want:?} was refused ({short}), and a fresh session would do");
        // What a live session could give, by AWS's own clock; a clock that was set by hand may be wrong.
        let left = self.current(number).and_then(|live| live.left(told::seconds(self.now)));
        let slack = std::time::Duration::from_secs(2);
        let would_do = left.is_some_and(|left| left >= want.at_least.duration() + slack);
        assert!(!would_do || self.wrist.is_off, "promise 2: {want:?} was refused ({short}), and {left:?} are left");
    }

    fn sign(&mut self, number: usize, session: Arc<Session>, now: Timestamp, life: Lifetime) {
        let Lifetime { ttl, limited_by } = life;
        let (what, mut used) = asks::any(&mut self.rng, &self.aws, self.now);
        used.access_key_id.clone_from(&session.facts.access_key_id);
        (used.date, used.expires) = (now.unix(), i64::from(ttl.seconds()));
        if !self.wrist.is_off {
            let ahead = now.unix() * 1000 - self.now;
            assert!(ahead < self.wrist.within, "signed {ahead} ms ahead of AWS's clock");
        }
        self.is_as_forecast(number, &session, &used);
        self.urls += 1;
        let url = IssuedUrl {
            id: RecordId { instance: InstanceId::from_random(1), number: self.urls },
            session: session.id,
            what,
            region: Region::parse("eu-central-1").expect("a region"),
            host: format!("{}.s3.eu-central-1.amazonaws.com", used.bucket),
            signed_at: now,
            ttl,
            limited_by,
            tagged: false,
            fingerprint: Fingerprint([0; 16]),
            caller: Caller { uid: 1000, gid: 100, pid: None, executable: None },
            on_behalf_of: String::new(),
            labels: Vec::new(),
            replaces: None,
        };
        let parent = session.facts.parent.and_then(|id| self.parents.get(&id).cloned());
        self.ledger.add(&self.aws, Out::new(url, session, parent, used, number, self.now));
    }
}

/// A minute to seven days, each order of magnitude as often.
pub(crate) fn length(rng: &mut Rng) -> Ttl {
    let most = f64::from(Ttl::MAX.seconds()) / 60.0;
    let seconds = 60.0 * most.powf(rng.f64());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between a minute and a week")]
    Ttl::new(seconds as u64).unwrap_or(Ttl::MAX)
}

const START: Millis = 1_800_000_000_000;
const BETWEEN_ASKS: Millis = 180 * 60_000;
const BETWEEN_ACTS: Millis = 10 * HOUR;
