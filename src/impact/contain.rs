//! The question backwards: for one URL, the events that would end it, and how to bring each about.
//!
//! Proposes only what the rules say ends the URL, or may end it. What each takes along, the caller counts.

mod candidates;
mod cli;
mod owners;
mod policies;
mod store;

pub use store::{Configured, Store};

use super::ending::{Ending, Verdict};
use super::event::{Event, SETTLES_WITHIN};
use super::{Lineage, Subject, ending};
use crate::issued::IssuedUrl;
use crate::signer::realm::Realm;
use crate::time::Timestamp;

/// A way to end a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Containment {
    /// What would have to happen.
    pub event: Event,
    /// What it does to the URL: it ends, or may end.
    pub ending: Ending,
    /// How to do it, in order.
    pub steps: Vec<Step>,
    /// Breaks ties between those that take as many URLs along: the least goes first. What can be undone and reaches
    /// least has the least.
    pub rank: u8,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is, and what to mind.
    pub title: String,
    /// A command of the AWS CLI, or a policy statement in JSON; empty where the title says all.
    pub text: String,
}

/// Every event that would end the URL if it happened now, what surely ends it first, then by rank. Empty for a URL that
/// has ended. `configured` is what the configuration says of the identity now.
pub fn containments<'a>(
    url: &IssuedUrl,
    by: impl Into<Lineage<'a>>,
    configured: impl Into<Configured<'a>>,
    now: Timestamp,
) -> Vec<Containment> {
    let (by, configured) = (by.into(), configured.into());
    let store = Store::of(url, configured.endpoint);
    let place = Realm::of_endpoint(configured.endpoint, &by.session.facts.partition);
    let place = if place.has(url) { place } else { Realm::of_host(&url.host, url.what.bucket().as_str(), &url.region) };
    let ways = candidates::of(url, by, store.as_ref(), configured.role_arn, now).into_iter().zip(1..).filter_map(
        |(way, rank)| {
            let event = Event { at: now, settles_within: SETTLES_WITHIN, endpoint: None, what: way.what };
            let event = if event.bucket().is_some() { event.at_place(place.clone()) } else { event };
            let ending = ending(&event, by, Subject::Url(url))?;
            (ending.verdict != Verdict::Lives).then_some(Containment { event, ending, steps: way.steps, rank })
        },
    );
    let mut ways: Vec<Containment> = ways.collect();
    ways.sort_by_key(|way| (way.ending.verdict, way.rank));
    // Of a form for any key its object is the whole bucket.
    let mut told: Vec<Containment> = Vec::with_capacity(ways.len());
    for way in ways {
        if told.iter().all(|one| one.event != way.event) {
            told.push(way);
        }
    }
    told
}
