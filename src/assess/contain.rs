//! The question backwards: for one URL, what would end it, and what each of these takes along.

use std::collections::BTreeSet;

use super::gap::{self, Gap, GapReason};
use super::holders::{self, Holders};
use super::parents::{Line, Parents};
use super::standing::{EarlyEnd, Standing, is_over};
use super::{Assessor, Question, count};
use crate::error::Error;
use crate::identity::Identities;
use crate::impact::concern::Concern;
use crate::impact::contain::{Configured, Containment, Store, containments};
use crate::impact::ending::Verdict;
use crate::impact::event::What;
use crate::impact::outage::Outage;
use crate::impact::place::is_alias;
use crate::impact::report::Report;
use crate::issued::{Filter, Record};
use crate::registry::Stands;
use crate::session::RecordId;
use crate::signer::endpoint::Endpoint;
use crate::time::Timestamp;

/// A containment and its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costed {
    /// What would have to happen, and how to do it.
    pub containment: Containment,
    /// Other outstanding URLs that surely end with it,
    pub takes_along: u64,
    /// and those that may.
    pub may_take_along: u64,
    /// Identities that sign nothing that works with it, or works for long, or get no next session.
    pub outages: Vec<Outage>,
}

impl Costed {
    /// The least is the cheapest. An identity that stops costs every link that would still be asked of it, so no way that
    /// stops one is cheaper than a way that stops none; and one whose links are cut short costs the rest of each, so those
    /// ways come between. What a renewal mends costs no link if it is given at once, so it is told and has no price.
    pub fn price(&self) -> impl Ord + use<> {
        let way = &self.containment;
        let cost = |is_stop: bool, is_certain: bool| {
            let costly = self.outages.iter().filter(|outage| !outage.is_mended_by_renewal());
            costly.filter(|outage| (outage.is_stop(), outage.is_certain()) == (is_stop, is_certain)).count()
        };
        let [stop, perhaps_stop] = [true, false].map(|is_certain| cost(true, is_certain));
        let [short, perhaps_short] = [true, false].map(|is_certain| cost(false, is_certain));
        let urls = (self.takes_along, self.may_take_along);
        (way.ending.verdict, stop, perhaps_stop, short, perhaps_short, urls, way.rank)
    }
}

/// Every way to end one URL.
#[derive(Debug)]
pub struct Contained {
    /// Cheapest first: what surely ends it before what may, then by how many identities stop signing, then by how many
    /// sign links that are cut short, then by how many other URLs end with it.
    pub containments: Vec<Costed>,
    /// What the prices cannot see.
    pub gaps: Vec<Gap>,
}

impl Assessor {
    /// What would end the URL if it happened now, or once what has ended it is undone. `others` are records that fit what was
    /// asked for as well as this one. Without `identities` nobody is said to stop signing. Given up, it ends.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn contain(
        &self,
        uid: u32,
        record: &Record,
        others: usize,
        identities: Option<&Identities>,
    ) -> Result<Contained, Error> {
        let now = self.clock.now();
        let mut gaps = gap::of_registry(&self.registry, now);
        if others > 0 {
            let message = format!("{others} more records fit that line of a log; ask for each of them by its id.");
            gaps.push(Gap::new(GapReason::SeveralRecords, message));
        }
        if record.usable_until() <= now {
            let message =
                format!("The URL reached its own end on {}; nothing is left to contain.", record.usable_until());
            gaps.push(Gap::new(GapReason::AlreadyEnded, message));
            return Ok(Contained { containments: Vec::new(), gaps });
        }
        let line = Parents::new(&self.registry, uid).line(&record.session).await?;
        let mut standing = Standing::of(&self.registry, now);
        let stands = standing.endings(&line, record);
        if let Some(over) = over(&stands, record, now) {
            gaps.push(Gap::new(GapReason::AlreadyEnded, over.message));
            if over.is_for_good {
                return Ok(Contained { containments: Vec::new(), gaps });
            }
            // What would end it then, takes along what is alive then.
            standing = standing.without(&over.by);
        }
        // What has been done need not be done.
        let done: Vec<What> = self.registry.stands().iter().filter_map(|one| is_of(&stands, one)).collect();
        let signing = match identities {
            Some(identities) => self.holders(uid, identities).await?,
            None => Holders::default(),
        };
        let signer = identities.and_then(|identities| identities.identity(&record.session.identity));
        let endpoint = signer.as_ref().map_or(Endpoint::Aws, |signer| signer.s3().endpoint());
        let all = identities.into_iter().flat_map(|all| all.names().filter_map(|name| all.identity(name)));
        let endpoint = Store::endpoint_of(&record.url, endpoint, all.map(|identity| identity.s3().endpoint()));
        let role_arn = signer.as_ref().and_then(|signer| holders::role_arn(signer.table()));
        let configured = Configured { endpoint: &endpoint, role_arn };
        gaps.extend(Store::of(&record.url, &endpoint).as_ref().map(gap::of_store));
        let bucket = record.url.what.bucket().as_str();
        gaps.extend(is_alias(bucket).then(|| gap::of_alias(bucket)));
        let (mut costed, mut ended) = (Vec::new(), BTreeSet::new());
        let ways = containments(&record.url, line.lineage(), configured, now);
        for containment in ways.into_iter().filter(|way| !done.contains(&way.event.what)) {
            let outages = signing.outages(&containment.event, now);
            // What ends for good takes along what an event that can be undone has ended until then.
            let standing = if containment.ending.reversible { standing.clone() } else { standing.clone().for_good() };
            let one = self.priced(uid, containment, (record, &line), &standing, &mut ended).await?;
            costed.push(Costed { outages, ..one });
        }
        if !ended.is_empty() {
            let events = gap::named(&ended.into_iter().collect::<Vec<_>>());
            let message = format!("What {events} surely ended by now is not counted as taken along.");
            gaps.push(Gap::new(GapReason::EndedByEvent, message));
        }
        costed.sort_by_key(Costed::price);
        Ok(Contained { containments: costed, gaps })
    }

    /// Counts as [`assess`](Self::assess) does, of those that may be touched at all, less the URL itself.
    async fn priced(
        &self,
        uid: u32,
        containment: Containment,
        (record, line): (&Record, &Line),
        standing: &Standing,
        ended: &mut BTreeSet<RecordId>,
    ) -> Result<Costed, Error> {
        let now = self.clock.now();
        let Some(filter) = Concern::of(&containment.event).narrow(&Filter::default()) else {
            return Ok(Costed { containment, takes_along: 0, may_take_along: 0, outages: Vec::new() });
        };
        let question = Question { uid, event: containment.event.clone(), filter, by_on_behalf_of: false };
        let mut report = Report::new(&question.event, now);
        let mut count = count::Count::new(self, &question, standing.clone(), now);
        count.all(&question.filter, &mut report).await?;
        ended.extend(count.standing().ended().1.iter().map(|stands| stands.id));
        let totals = report.totals();
        let what = &record.url.what;
        let mut standing = standing.clone().asked(&question.event);
        let (own_end, own_may) = match containment.ending.verdict {
            // It was not counted.
            _ if standing.has_ended(line, what.bucket().as_str(), what.operation(), 1) => (0, 0),
            Verdict::Ends => (1, 0),
            Verdict::MayEnd => (0, 1),
            Verdict::Lives => (0, 0),
        };
        let takes_along = totals.ends.saturating_sub(own_end);
        let may_take_along = totals.may_end.saturating_sub(own_may);
        Ok(Costed { containment, takes_along, may_take_along, outages: Vec::new() })
    }
}

/// What has surely ended the URL by now.
struct Over {
    by: Vec<RecordId>,
    message: String,
    is_for_good: bool,
}

fn over(stands: &[EarlyEnd], record: &Record, now: Timestamp) -> Option<Over> {
    let over: Vec<&EarlyEnd> = stands.iter().filter(|one| is_over(&one.ending, now)).collect();
    let first = over.iter().map(|one| one.ending).min_by_key(|ending| ending.not_after)?;
    let ids: Vec<RecordId> = over.iter().map(|one| one.event).collect();
    let when = match (first.not_before, first.not_after) {
        (from, to) if from == to => format!("at {from}"),
        (from, to) => format!("between {from} and {to}"),
    };
    let first = if over.len() > 1 { ", the first of them" } else { "" };
    let told = format!("The URL has ended already: {} did that{first} {when}", gap::named(&ids));
    let is_for_good = !over.iter().all(|one| one.ending.reversible);
    let then = match is_for_good {
        true => ", for good. Nothing is left to contain.".to_owned(),
        false => format!(". If that is undone, it works again until {}.", record.usable_until()),
    };
    Some(Over { message: told + &then, is_for_good, by: ids })
}

/// What happened, where the event that stands does something to the URL.
fn is_of(stands: &[EarlyEnd], one: &Stands) -> Option<What> {
    stands.iter().any(|early| early.event == one.id).then(|| one.event.what.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::impact::ending::{Conditions, Ending, Grade};
    use crate::impact::event::Event;
    use crate::impact::outage::{Loss, Reach, Recovery};
    use crate::impact::reason::{Condition, Reason};
    use crate::session::IdentityName;

    /// What becomes of one identity.
    type Fare = (Loss, Recovery, Conditions);

    fn way(takes_along: u64, fares: &[Fare]) -> Costed {
        let identity = IdentityName::parse("web").expect("well-formed");
        let outage = |(loss, recovery, conditions): &Fare| Outage {
            identity: identity.clone(),
            tenant: String::new(),
            loss: *loss,
            at: None,
            may_come_later: false,
            reach: Reach::Everything,
            conditions: *conditions,
            recovery: recovery.clone(),
            message: "",
        };
        let at = Timestamp::EPOCH;
        let what = What::BucketDeleted { bucket: "photos".to_owned() };
        let ending = Ending {
            verdict: Verdict::Ends,
            reason: Reason::Denied,
            conditions: Conditions::NONE,
            not_before: at,
            not_after: at,
            reversible: true,
            bearer_errors: &[],
            errors_grade: Grade::Documented,
            grade: Grade::Documented,
        };
        let event = Event { at, settles_within: crate::impact::event::SETTLES_WITHIN, endpoint: None, what };
        let containment = Containment { event, ending, steps: Vec::new(), rank: 1 };
        Costed { containment, takes_along, may_take_along: 0, outages: fares.iter().map(outage).collect() }
    }

    #[test]
    fn a_renewal_costs_nothing_and_a_link_less_than_whoever_signs_no_more_or_signs_short_links() {
        let dead = |recovery, conditions| (Loss::DeadLinks, recovery, conditions);
        let short = |recovery, conditions| (Loss::ShortLinks { life: Duration::from_secs(42) }, recovery, conditions);
        let renewing = || Recovery::Renewal { of: Vec::new(), from: Timestamp::EPOCH };
        let (sure, if_so) = (Conditions::NONE, Conditions::of(Condition::NoOtherAllow));
        let renewal = dead(renewing(), sure);
        let free = way(0, &[renewal.clone(), renewal.clone(), short(renewing(), sure)]);
        assert!(free.price() == way(0, &[]).price());
        let stops = dead(Recovery::None, sure);
        let in_order = [
            way(0, std::slice::from_ref(&renewal)),
            way(1, &[]),
            way(2, &[renewal]),
            way(0, &[short(Recovery::None, if_so)]),
            way(0, &[short(Recovery::None, sure)]),
            way(7, &[short(Recovery::None, sure)]),
            way(0, &[short(Recovery::None, sure), short(Recovery::None, sure)]),
            way(0, &[dead(Recovery::None, if_so)]),
            way(0, &[dead(Recovery::Rotation, sure)]),
            way(0, &[stops.clone(), stops]),
        ];
        assert!(in_order.windows(2).all(|pair| pair[0].price() < pair[1].price()));
    }
}
