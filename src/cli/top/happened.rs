//! One line of what happened, and how much it matters. Pure.

use crate::cli::json;
use crate::cli::{out, report, say, watch};
use crate::grpc::proto::watch_response::What;
use crate::grpc::proto::{ReportedEvent, WatchResponse};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Happened {
    /// Seconds since the epoch.
    pub(super) at: i64,
    pub(super) weight: Weight,
    /// Without control characters.
    pub(super) text: String,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// As it should be.
    Fine,
    /// Somebody should know.
    Notable,
    /// Somebody should look.
    Bad,
}

impl Happened {
    /// An event that stands.
    pub(super) fn stands(one: &ReportedEvent) -> Self {
        let text = format!("stands  {} {} {}", one.id, report::kind(one), report::of(one));
        let at = one.recorded_at.as_ref().map_or(0, |at| at.seconds);
        Self { at, weight: Weight::Bad, text: out::plain(&text).into_owned() }
    }

    /// What a watcher heard; `None` for a place alone, and for each URL that an event ends, of which there may be a million.
    pub(super) fn heard(one: &WatchResponse) -> Option<Self> {
        let what = one.what.as_ref()?;
        let weight = match what {
            What::UrlEndsEarly(_) => return None,
            What::RenewalFailed(_) | What::EventHappened(_) => Weight::Bad,
            What::SessionEnding(_) | What::IdentityPaused(_) | What::GenerationDraining(_) => Weight::Notable,
            _ => Weight::Fine,
        };
        let text = format!("{}  {}", json::watch::name(what).replace('_', "-"), watch::of(what));
        let at = one.at.as_ref().map_or(0, |at| at.seconds);
        Some(Self { at, weight, text: out::plain(&text).into_owned() })
    }

    /// `11-22 12:00:05`, by AWS's clock.
    pub(super) fn when(&self) -> String {
        let text = say::time(Some(&prost_types::Timestamp { seconds: self.at, nanos: 0 }));
        text.get(5..19).unwrap_or(&text).replace('T', " ")
    }
}
